"""What tests of policies and block lists share: signing keys in files, and containers whose rules change."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import tera as library
from tera.codec import keyfile
from tera.codec.header import Dynamic
from tera.codec.signers import VerifyingKey
from tera.crypto.signing import SigningKey
from tests.cli.runs import FILES, Answer, Room, Tera

OWNER, DEPUTY, OTHER = (SigningKey(bytes((number,)) * 64) for number in (21, 22, 23))
DAY = 86_400
HELLO = FILES["hello.txt"]
IN_PLACE = ["--policy-key", "owner.txt", "--in-place"]


def own_machine(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Have a machine that remembers nothing yet, in a folder with the owners' keys: `owner.txt`, `owner.pub`..."""
    patch.setenv("TERA_STATE", str(folder.with_name(f"{folder.name}.state")))
    for name, key in (("owner", OWNER), ("deputy", DEPUTY), ("other", OTHER)):
        (folder / f"{name}.txt").write_text(keyfile.dump_secret(key) + "\n")
        (folder / f"{name}.pub").write_text(keyfile.dump_public(VerifyingKey(key.public)) + "\n")


def shown(tera: Tera, file: Path | str, *more: str) -> dict[str, Any]:
    """Return what `tera policy show` says."""
    found: dict[str, Any] = json.loads(tera("policy", "show", file, "--json", *more).out)
    return found


def cat(tera: Tera, room: Room, file: Path | str, *more: str) -> Answer:
    """Open the file in a container, which is `HELLO`."""
    return tera("cat", file, "hello.txt", "-i", room.key, *more)


def fingerprint(key: SigningKey) -> str:
    return VerifyingKey(key.public).fingerprint.hex()


def write_rules(path: str, **rules: Any) -> str:
    Path(path).write_text(json.dumps({"drm": rules}))
    return path


def seal(path: str, recipient: str, *, owners: Sequence[SigningKey] = (OWNER,), age: int = 0, **options: Any) -> Path:
    """Seal one file to the key in `recipient`, with rules that change, for 90 days from `age` seconds ago."""
    with open(recipient) as file:
        to = library.parse_recipient(file.read().strip())
    options.setdefault("rules", [["downloadable", True]])
    dynamic = Dynamic(owners)
    sources: list[Any] = list(FILES.items())[:1]
    created = int(time.time()) - age
    library.encode(sources, path, recipients=[to], dynamic=dynamic, created=created, **options)
    return Path(path)


def refused(answer: Answer, code: int, words: str) -> None:
    """Check that a run failed with `code`, saying `words` last: in one line of error and at most one of hint."""
    lines = answer.err.splitlines()
    assert answer.code == code, answer.err
    at = next((number for number, line in enumerate(lines) if line.startswith("tera: error: ")), len(lines))
    said = lines[at:]
    assert len(said) == 1 or (len(said) == 2 and said[1].startswith("tera: hint: ")), answer.err
    assert words in "\n".join(said), answer.err
