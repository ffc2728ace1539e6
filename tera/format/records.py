"""Records: the plaintext of DATA, and its padding.

The law of this file: the bytes of MANIFEST, ENTRY, FRAME, END and PAD are made here and understood by
`stream.RecordReader`; how a file is cut into frames is decided here too.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tera.errors import BadFrame, BadManifest, BadRecord
from tera.format import limits, schema
from tera.format.core import NO_PADDING
from tera.format.paths import check_path
from tera.format.rules import Rule, parse_rules, rules_value
from tera.wire import canonical

MANIFEST: Final = 1
ENTRY: Final = 2
FRAME: Final = 3
END: Final = 4
PAD: Final = 5

FILE: Final = 0
DIRECTORY: Final = 1
COMPRESSED: Final = 1

HEADER: Final = 8
FRAME_HEAD: Final = HEADER + 4
FRAME_RAW: Final = 1 << 20
END_BODY: Final = 40
FULL_PAD: Final = 1 << 20
NO_B3: Final = bytes(32)

_HEADER: Final = struct.Struct(">BBHI")
_FRAME: Final = struct.Struct(">BBHII")
_END: Final = struct.Struct(">BBHIQ32s")
_TIMES: Final = (-(2**63), 2**63 - 1)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The encrypted manifest: a JSON text as the user gave it (or empty), private tags, sealed rules."""

    json: bytes = b""
    tags: tuple[str, ...] = ()
    rules: tuple[Rule, ...] | None = None

    def pack(self) -> bytes:
        """Return the MANIFEST body."""
        value: dict[str, Any] = {"json": self.json, "tags": list(self.tags)}
        if self.rules is not None:
            value["rules"] = rules_value(self.rules)
        return canonical.pack(value)


@dataclass(frozen=True, slots=True)
class EntryHead:
    """What an ENTRY says of a file or directory; `mtime` in ns since 1970 UTC, `mode` permission bits."""

    path: str
    type: int = FILE
    mode: int = 0o644
    mtime: int = 0
    mime: str | None = None
    extensions: dict[str, Any] = field(default_factory=dict)

    def pack(self) -> bytes:
        """Return the ENTRY body."""
        value: dict[str, Any] = {"mode": self.mode, "mtime": self.mtime, "path": self.path, "type": self.type}
        if self.mime is not None:
            value["mime"] = self.mime
        if self.extensions:
            value["x"] = self.extensions
        return canonical.pack(value)


def parse_manifest(body: bytes, *, sealed: bool) -> Manifest:
    """Parse a MANIFEST body; `sealed` says whether CORE announced rules in it."""
    value = canonical.unpack(body, what="MANIFEST", max_len=limits.MANIFEST)
    keys = ("json", "rules", "tags") if sealed else ("json", "tags")
    found = schema.exact_map(value, keys, BadManifest, "MANIFEST")
    return Manifest(
        json=schema.binary(found["json"], 0, limits.MANIFEST, BadManifest, "json"),
        tags=schema.texts(found["tags"], limits.TAGS, limits.TAG_BYTES, BadManifest, "tags"),
        rules=parse_rules(found["rules"], BadManifest) if sealed else None,
    )


def parse_entry(body: bytes) -> EntryHead:
    """Parse an ENTRY body. Raises NotCanonical, BadRecord or BadPath."""
    value = canonical.unpack(body, what="ENTRY", max_len=limits.ENTRY)
    found = schema.exact_map(value, ("mode", "mtime", "path", "type"), BadRecord, "ENTRY", ("mime", "x"))
    mime = found.get("mime")
    if "mime" in found:
        mime = schema.text(mime, limits.MIME_BYTES, BadRecord, "mime")
        if not mime.isascii() or not mime.isprintable():
            raise BadRecord("mime is not printable ASCII")
    extensions = found.get("x", {})
    if not isinstance(extensions, dict) or ("x" in found and not extensions):
        raise BadRecord("x is not a map, or empty")
    if not isinstance(found["path"], str):
        raise BadRecord("path is not a str")
    head = EntryHead(
        path=found["path"],
        type=schema.integer(found["type"], FILE, DIRECTORY, BadRecord, "type"),
        mode=schema.integer(found["mode"], 0, 0o777, BadRecord, "mode"),
        mtime=schema.integer(found["mtime"], *_TIMES, BadRecord, "mtime"),
        mime=mime,
        extensions=extensions,
    )
    check_path(head.path)
    return head


def pack_record(type: int, body: bytes) -> bytes:
    """Return a record without flags."""
    return _HEADER.pack(type, 0, 0, len(body)) + body


def pack_frame_head(raw: int, stored: int) -> bytes:
    """Return a FRAME's 12 bytes before its data; it is compressed exactly when `stored` is less."""
    return _FRAME.pack(FRAME, COMPRESSED if stored < raw else 0, 0, stored + 4, raw)


def pack_end(size: int, digest: bytes) -> bytes:
    """Return the END record of an entry."""
    return _END.pack(END, 0, 0, END_BODY, size, digest)


def parse_header(data: bytes | memoryview) -> tuple[int, int, int]:
    """Return type, flags and body length of a record, within the bounds of its type. Raises BadRecord."""
    type, flags, aux, length = _HEADER.unpack_from(data)
    low, high = _BOUNDS.get(type, (1, 0))
    if not low <= length <= high:
        raise BadRecord(f"a record of type {type} and length {length:,} is not possible")
    if aux or flags & ~(COMPRESSED if type == FRAME else 0):
        raise BadRecord("reserved bits of a record are set")
    return type, flags, length


_BOUNDS: Final = {
    MANIFEST: (1, limits.MANIFEST),
    ENTRY: (1, limits.ENTRY),
    FRAME: (4, FRAME_RAW + 4),
    END: (END_BODY, END_BODY),
    PAD: (0, FULL_PAD + HEADER - 1),
}


def check_frame(flags: int, raw: int, stored: int) -> None:
    """Check a FRAME's lengths. Raises BadRecord; BadFrame when it is compressed and not shorter than what it holds."""
    if not 1 <= raw <= FRAME_RAW:
        raise BadRecord("a frame has an impossible size")
    if flags and not 1 <= stored < raw:
        raise BadFrame("a compressed frame is not shorter than what it holds")
    if not flags and stored != raw:
        raise BadRecord("a frame's length does not fit its size")


def frame_count(size: int) -> int:
    """Return how many frames a file of `size` bytes has."""
    return -(-size // FRAME_RAW)


def padme(length: int) -> int:
    """Return the length to pad to (PURBs, Nikitin and others 2019): at most 12 % more, few distinct values."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


def padded(length: int, padding: int) -> int:
    """Return the length of a segment's plaintext whose records take `length` bytes."""
    return length if padding == NO_PADDING else padme(length + HEADER)


def pad_lengths(length: int, padding: int) -> Iterator[int]:
    """Return the body lengths of the PAD records behind `length` bytes of records."""
    rest = padded(length, padding) - length
    while rest >= HEADER + FULL_PAD + HEADER:
        yield FULL_PAD
        rest -= HEADER + FULL_PAD
    if rest:
        yield rest - HEADER
