"""The frame around everything: preamble, section headers, and where blocks and chunks are.

The law of this file: no other module knows an offset or a section header. Order and count of sections
are checked by `front` (before the payload) and by the readers (behind it), with what stands here.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from tera.crypto.chunked import CHUNK, COMMITMENT_LENGTH, SALT_LENGTH, SEALED_CHUNK, TAG
from tera.errors import BadSection, NotTera, Truncated, UnsupportedVersion
from tera.format import limits

MAGIC: Final = b"\x89TERA\r\n\x1a"
PREAMBLE: Final = MAGIC + bytes((1, 0, 0, 1, 0, 0, 0, 0))

CORE: Final = 0x01
POLICY: Final = 0x02
ACCESS: Final = 0x03
SEGMENT: Final = 0x10
BLOCK: Final = 0x11
TRAILER: Final = 0x20
TAIL: Final = 0x21

DATA: Final = 1
INDEX: Final = 2
LAST: Final = 1

HEADER: Final = 8
SEGMENT_BODY: Final = SALT_LENGTH + COMMITMENT_LENGTH
SEGMENT_HEAD: Final = HEADER + SEGMENT_BODY
CHUNKS: Final = 64
BLOCK_PLAIN: Final = CHUNKS * CHUNK
BLOCK_BODY: Final = CHUNKS * SEALED_CHUNK
BLOCK_SIZE: Final = HEADER + BLOCK_BODY
TAIL_BODY: Final = 16
TAIL_SIZE: Final = HEADER + TAIL_BODY

_NAMES: Final = {
    CORE: "CORE",
    POLICY: "POLICY",
    ACCESS: "ACCESS",
    SEGMENT: "SEGMENT",
    BLOCK: "BLOCK",
    TRAILER: "TRAILER",
    TAIL: "TAIL",
}
_BOUNDS: Final = {
    CORE: (33, limits.CORE),
    POLICY: (8, limits.POLICY),
    ACCESS: (37, limits.ACCESS),
    SEGMENT: (SEGMENT_BODY, SEGMENT_BODY),
    TRAILER: (37, limits.TRAILER),
    TAIL: (TAIL_BODY, TAIL_BODY),
}
_HEADER: Final = struct.Struct(">BBHI")


class Header(NamedTuple):
    """A section header; `length` is that of the body."""

    type: int
    flags: int
    length: int

    @property
    def last(self) -> bool:
        return self.flags == LAST


def check_preamble(data: bytes) -> None:
    """Check the first 16 bytes. Raises NotTera, Truncated or UnsupportedVersion."""
    if data[:8] != MAGIC:
        hint = None
        if data[:5] == MAGIC[:5]:
            hint = "its line ends were changed on the way: transfer it in binary mode"
        raise NotTera("not a tera container", hint=hint)
    if len(data) < len(PREAMBLE):
        raise Truncated("the file ends inside its first 16 bytes")
    if data != PREAMBLE:
        raise UnsupportedVersion(
            f"container version {data[8]}.{data[9]}, suite {int.from_bytes(data[10:12], 'big')}: "
            "only version 1.0, suite 1 is known"
        )


def pack_header(type: int, length: int, flags: int = 0) -> bytes:
    """Return the 8 bytes before a section's body."""
    return _HEADER.pack(type, flags, 0, length)


def parse_header(data: bytes | memoryview, expected: int, *, kind: int = 0) -> Header:
    """Parse the header of a section that must be of type `expected`.

    `kind` is the segment's, where a SEGMENT is expected. Raises Truncated for fewer than 8 bytes,
    BadSection for another type, flags or length.
    """
    name = _NAMES[expected]
    if len(data) < HEADER:
        raise Truncated(f"the file ends where {name} should start")
    type, flags, aux, length = _HEADER.unpack_from(data)
    if type != expected:
        found = _NAMES.get(type, f"type 0x{type:02x}")
        raise BadSection(f"{name} expected, found {found}")
    if aux:
        raise BadSection(f"{name}: reserved bits are set")
    if expected == BLOCK:
        _check_block(flags, length)
    else:
        low, high = _BOUNDS[expected]
        if flags != kind:
            raise BadSection(f"{name}: flags 0x{flags:02x} are wrong")
        if not low <= length <= high:
            raise BadSection(f"{name}: a length of {length:,} is not possible")
    return Header(type, flags, length)


def _check_block(flags: int, length: int) -> None:
    if flags == 0:
        if length == BLOCK_BODY:
            return
    elif flags == LAST:
        if TAG <= length < BLOCK_BODY and length % SEALED_CHUNK >= TAG:
            return
    else:
        raise BadSection(f"BLOCK: flags 0x{flags:02x} are wrong")
    raise BadSection(f"BLOCK: a length of {length:,} is not possible")


def chunk_count(plain: int) -> int:
    """Return how many chunks `plain` bytes make; the last is shorter than 16,384, maybe empty."""
    return plain // CHUNK + 1


def block_count(chunks: int) -> int:
    """Return how many blocks `chunks` chunks make."""
    return -(-chunks // CHUNKS)


def last_block_plain(length: int) -> int:
    """Return how many plaintext bytes a last block's body of `length` bytes holds."""
    return length - (length // SEALED_CHUNK + 1) * TAG


def last_block_length(plain: int) -> int:
    """Return the length of the last block's body in a segment of `plain` plaintext bytes."""
    return plain % BLOCK_PLAIN + (plain % BLOCK_PLAIN // CHUNK + 1) * TAG


def segment_length(plain: int) -> int:
    """Return the length of a whole segment, its header and blocks included."""
    chunks = chunk_count(plain)
    return SEGMENT_HEAD + block_count(chunks) * HEADER + plain + chunks * TAG


def block_offset(number: int) -> int:
    """Return where block `number` starts, from the segment's start."""
    return SEGMENT_HEAD + number * BLOCK_SIZE
