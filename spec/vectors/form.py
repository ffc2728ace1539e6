"""A vector as a file: `key: value` lines, an empty line, and the container's bytes.

The law of this file: a vector has one text, which `README.md` describes; nothing here knows what is inside a
container.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
SUFFIX: Final = ".vector"
VERSION: Final = "tera-vector/1"
SUCCESS: Final = "success"
SMALL: Final = 1_024
"""Below this, a body is left as it is: it can be looked at."""


@dataclass(frozen=True)
class Entry:
    """What a listing shows of a file or directory; `b3` in hexadecimal digits."""

    type: str
    mode: int
    mtime: int
    size: int
    b3: str
    path: str

    def __str__(self) -> str:
        return f"{self.type} {self.mode:04o} {self.mtime} {self.size} {self.b3} {self.path}"

    @classmethod
    def parse(cls, text: str) -> Entry:
        type, mode, mtime, size, b3, path = text.split(" ", 5)
        return cls(type, int(mode, 8), int(mtime), int(size), b3, path)


@dataclass(frozen=True)
class Vector:
    """One scenario. `seek`, `pipe`, `stream` and `inspect` are a code or `success`.

    The fields are the keys of the header in their order, with `-` for `_`; tuples are repeated keys.
    """

    section: str
    comment: str
    seek: str
    pipe: str
    stream: str
    inspect: str
    identity: tuple[str, ...] = ()
    kek: tuple[str, ...] = ()
    passphrase: str | None = None
    signer: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    private_tag: tuple[str, ...] = ()
    manifest: str | None = None
    entry: tuple[Entry, ...] = ()
    released: str | None = None
    container_digest: str | None = None
    content_digest: str | None = None
    body: bytes = field(default=b"", repr=False)

    def dump(self) -> bytes:
        """Return the file's bytes."""
        lines = [f"vector: {VERSION}"]
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name == "body" or value is None:
                continue
            for item in value if isinstance(value, tuple) else (value,):
                lines.append(f"{one.name.replace('_', '-')}: {item}")
        lines += [f"size: {len(self.body)}", f"sha256: {hashlib.sha256(self.body).hexdigest()}"]
        stored, form = self.body, "plain"
        if len(stored) >= SMALL and len(packed := zlib.compress(stored, 9)) < len(stored):
            stored, form = packed, "zlib"
        lines.append(f"body: {form}")
        head = "".join(line + "\n" for line in lines).encode()
        assert len(lines) == head.count(b"\n"), "a value has a line end"
        return head + b"\n" + stored


def parse(data: bytes) -> Vector:
    """Return the vector that a file's bytes are; raises ValueError, KeyError or TypeError for what is none."""
    head, _, body = data.partition(b"\n\n")
    found: dict[str, list[str]] = {}
    for line in head.decode().split("\n"):
        key, colon, value = line.partition(": ")
        if not colon:
            raise ValueError(f"no `key: value` line: {line!r}")
        found.setdefault(key, []).append(value)
    if found.pop("vector") != [VERSION]:
        raise ValueError("another version")
    form, size, digest = (found.pop(key)[0] for key in ("body", "size", "sha256"))
    if form not in ("plain", "zlib"):
        raise ValueError("another form of the body")
    body = zlib.decompress(body) if form == "zlib" else body
    if len(body) != int(size) or hashlib.sha256(body).hexdigest() != digest:
        raise ValueError("the body is not the one that the header describes")
    values: dict[str, object] = {"body": body}
    for one in fields(Vector):
        given = found.pop(one.name.replace("_", "-"), [])
        if one.name == "entry":
            values["entry"] = tuple(map(Entry.parse, given))
        elif str(one.type).startswith("tuple"):
            values[one.name] = tuple(given)
        elif len(given) > 1:
            raise ValueError(f"{one.name} twice")
        elif given:
            values[one.name] = given[0]
    if found:
        raise ValueError(f"unknown keys: {sorted(found)}")
    return Vector(**values)  # type: ignore[arg-type]


def load(name: str) -> Vector:
    """Return the vector that is called `name`."""
    return parse((FOLDER / f"{name}{SUFFIX}").read_bytes())


def names() -> list[str]:
    """Return the names of all vectors that are there."""
    return sorted(path.name.removesuffix(SUFFIX) for path in FOLDER.glob(f"*{SUFFIX}"))
