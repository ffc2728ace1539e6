"""A vector of `policy.md` as a file: `key: value` lines, an empty line, and the bytes of a POLICY body or a block list.

The law of this file: a vector has one text, which `README.md` describes; nothing here knows what is inside a body.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
SUFFIX: Final = ".vector"
ENVELOPE: Final = "tera-envelope/1"
BLOCKLIST: Final = "tera-blocklist/1"
SUCCESS: Final = "success"
SMALL: Final = 1_024


@dataclass(frozen=True)
class Vector:
    """One scenario: what kind of file, the lines above in their order, and the bytes."""

    kind: str
    lines: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)

    def all(self, key: str) -> list[str]:
        """Return every value of a key."""
        return [value for name, value in self.lines if name == key]

    def one(self, key: str) -> str:
        """Return the value of a key that is there once; raises ValueError."""
        (value,) = self.all(key)
        return value

    @property
    def result(self) -> str:
        return self.one("result")

    def dump(self) -> bytes:
        """Return the file's bytes."""
        stored, form = self.body, "plain"
        if len(stored) >= SMALL and len(packed := zlib.compress(stored, 9)) < len(stored):
            stored, form = packed, "zlib"
        digest = hashlib.sha256(self.body).hexdigest()
        about = (("size", str(len(self.body))), ("sha256", digest), ("body", form))
        head = "".join(f"{key}: {value}\n" for key, value in (("vector", self.kind), *self.lines, *about))
        return head.encode() + b"\n" + stored


def parse(data: bytes) -> Vector:
    """Return the vector that a file's bytes are; raises ValueError for what is none."""
    head, _, body = data.partition(b"\n\n")
    lines = []
    for line in head.decode().split("\n"):
        key, colon, value = line.partition(": ")
        if not colon:
            raise ValueError(f"no `key: value` line: {line!r}")
        lines.append((key, value))
    (_, kind), *lines, (_, size), (_, digest), (_, form) = lines
    if kind not in (ENVELOPE, BLOCKLIST) or form not in ("plain", "zlib"):
        raise ValueError("another kind or form")
    body = zlib.decompress(body) if form == "zlib" else body
    if len(body) != int(size) or hashlib.sha256(body).hexdigest() != digest:
        raise ValueError("the body is not the one that the header describes")
    return Vector(kind, tuple(lines), body)


def load(name: str) -> Vector:
    """Return the vector that is called `name`."""
    return parse((FOLDER / f"{name}{SUFFIX}").read_bytes())


def names(kind: str) -> list[str]:
    """Return the names of the vectors of one kind that are there."""
    found = sorted(path.name.removesuffix(SUFFIX) for path in FOLDER.glob(f"*{SUFFIX}"))
    return [name for name in found if load(name).kind == kind]
