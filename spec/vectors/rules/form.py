"""The form of the vectors of rules: JSON files of cases, and how a value of a rule stands in JSON.

The law of this file: JSON has no bytes, so `{"$bin": hex}` stands for them; everything else stands for itself. No
map of a rule has a key that starts with `$`.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from spec.reference import pack

FOLDER: Final = Path(__file__).parent
SUCCESS: Final = "success"
REFUSED: Final = "unsupported_rule"
BAD_INPUT: Final = "bad_input"
LARGE: Final = 4_096

Case: TypeAlias = dict[str, Any]
Cases: TypeAlias = Iterator[Case]


def shown(value: Any) -> Any:
    """Return a value as it stands in JSON."""
    if isinstance(value, bytes):
        return {"$bin": value.hex()}
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        return {key: shown(item) for key, item in sorted(value.items())}
    return value


def meant(value: Any) -> Any:
    """Return the value that stands in JSON."""
    if isinstance(value, dict):
        if value.keys() == {"$bin"}:
            return bytes.fromhex(value["$bin"])
        return {key: meant(item) for key, item in value.items()}
    return [meant(item) for item in value] if isinstance(value, list) else value


def packed(rules: Any) -> dict[str, Any]:
    """Return rules as canonical msgpack and, if they are not large, as they stand in JSON."""
    data = pack(rules)
    if len(data) > LARGE:
        return {"zlib": base64.b64encode(zlib.compress(data, 9)).decode()}
    return {"rules": shown(rules), "msgpack": data.hex()}


def unpacked(case: Case) -> bytes:
    """Return the msgpack of a case of `parse.json`."""
    return bytes.fromhex(case["msgpack"]) if "msgpack" in case else zlib.decompress(base64.b64decode(case["zlib"]))


def load(kind: str) -> list[Case]:
    """Return the cases of one file that is there."""
    found: list[Case] = json.loads((FOLDER / f"{kind}.json").read_text("utf-8"))["cases"]
    return found


def dump(cases: list[Case]) -> str:
    """Return the text of a file, one case a line."""
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases)
    return '{"cases": [\n' + lines + "\n]}\n"
