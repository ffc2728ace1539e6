"""Records and the columns of an index, written from the text alone: what the parsers are held against.

The law of this file: nothing of `tera.format` makes these bytes; only values inside them are packed by
`tera.wire.canonical`, which has its own tests. Every field may lie.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from tera.wire import canonical

MIB = 1 << 20


# --- padding ----------------------------------------------------------------------------------------


def padme(n: int) -> int:
    """The formula of the text, without a logarithm in floating point."""
    e = max(e for e in range(64) if 2**e <= n)
    s = max(s for s in range(64) if 2**s <= e) + 1
    m = 2 ** (e - s) - 1
    return (n + m) - (n + m) % (m + 1)


def bodies(length: int) -> list[int]:
    """The bodies of the PAD records behind `length` bytes of records."""
    missing = padme(length + 8) - length - 8
    return [MIB] * (missing // 1_048_584) + [missing % 1_048_584]


# --- records ----------------------------------------------------------------------------------------


def record(type: int, body: bytes, flags: int = 0, aux: int = 0, length: int | None = None) -> bytes:
    return struct.pack(">BBHI", type, flags, aux, len(body) if length is None else length) + body


def manifest(**more: Any) -> bytes:
    return record(1, canonical.pack({"json": b"", "tags": [], **more}))


def entry(path: str = "a", type: int = 0) -> bytes:
    return record(2, canonical.pack({"mode": 0o644, "mtime": 0, "path": path, "type": type}))


def frame(data: bytes, raw: int | None = None, flags: int = 0) -> bytes:
    return record(3, struct.pack(">I", len(data) if raw is None else raw) + data, flags)


def end(size: int, b3: bytes = b"\7" * 32) -> bytes:
    return record(4, struct.pack(">Q", size) + b3)


def pads(length: int) -> bytes:
    return b"".join(record(5, bytes(body)) for body in bodies(length))


def padded(plain: bytes) -> bytes:
    return plain + pads(len(plain))


# --- index ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """An entry as the columns have it; `frames` are stored lengths."""

    path: str | bytes = "a"
    type: int = 0
    mode: int = 0o644
    mtime: int = 0
    size: int = 0
    b3: bytes = b"\7" * 32
    length: int = 30
    frames: tuple[int, ...] = ()


@dataclass(frozen=True)
class Table:
    """The plaintext of INDEX, by the table of the text; each field may lie."""

    rows: tuple[Row, ...] = ()
    manifest: int = 14
    padding: int = 0
    leaves: bytes | None = None
    head: dict[str, int] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """The length of the records that the rows describe."""
        return 8 + self.manifest + sum(8 + r.length + 48 + sum(12 + frame for frame in r.frames) for r in self.rows)

    @property
    def data(self) -> int:
        """The length of DATA's plaintext."""
        return padme(self.records + 8) if self.padding else self.records

    @property
    def columns(self) -> bytes:
        rows = self.rows
        paths = b"".join((r.path.encode() if isinstance(r.path, str) else r.path) + b"\0" for r in rows)
        head = {"N": len(rows), "P": len(paths), "M": self.manifest, **self.head}
        chunks = self.data // 16_384 + 1
        leaves = b"".join(struct.pack(">I", n) * 8 for n in range((chunks + 63) // 64))
        return b"".join(
            [
                struct.pack(">III", *head.values()),
                paths,
                bytes(r.type for r in rows),
                *(struct.pack(">H", r.mode) for r in rows),
                *(struct.pack(">q", r.mtime) for r in rows),
                *(struct.pack(">Q", r.size) for r in rows),
                *(r.b3 for r in rows),
                *(struct.pack(">I", r.length) for r in rows),
                *(struct.pack(">I", frame) for r in rows for frame in r.frames),
                leaves if self.leaves is None else self.leaves,
            ]
        )

    @property
    def plain(self) -> bytes:
        columns = self.columns
        pads = bodies(len(columns)) if self.padding else []
        return columns + b"".join(struct.pack(">BBHI", 5, 0, 0, body) + bytes(body) for body in pads)
