"""Takes a value out of a JSON text, and leaves every other byte as it is.

The law of this file: the value becomes `null`, in place. Writing the JSON again would change numbers, order and
spaces, which are the user's; leaving it would keep a passphrase beside what it protects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


@dataclass(slots=True)
class _Frame:
    """An object or array that is open; `name` is the member that is being read, None in an array."""

    is_object: bool
    name: str | None = None


def without_value(text: str, path: Collection[str]) -> str:
    """Return `text`, which is valid JSON, with `null` for the string or number at `path` (names of objects)."""
    wanted = tuple(path)
    frames: list[_Frame] = []
    out: list[str] = []
    done, key = 0, False
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in ("{", "["):
            key = mark == "{"
            frames.append(_Frame(key))
        elif mark in ("}", "]"):
            frames.pop()
            key = False
        elif mark == ",":
            key = frames[-1].is_object
        elif mark == ":":
            key = False
        elif key:
            frames[-1].name = json.loads(mark)
        elif tuple(frame.name for frame in frames) == wanted:
            out += text[done : token.start()], "null"
            done = token.end()
    return "".join(out) + text[done:]
