"""zstd frames by hand (RFC 8878), so that no version of a library decides what a vector holds."""

from __future__ import annotations

from spec.vectors.build import Frame
from tera.format.records import COMPRESSED

MAGIC = b"\x28\xb5\x2f\xfd"


def rle(
    size: int,
    *,
    declared: int | None = None,
    window: int | None = None,
    dictionary: bytes = b"",
    checksum: bytes | None = None,
    unsized: bool = False,
) -> bytes:
    """Return one frame of `size` times the letter A, in blocks of at most 128 KiB.

    `declared` is another content size; `window` the logarithm of a stated window, else the frame is a single
    segment; `checksum` what it is taken over; `unsized` leaves the content size out.
    """
    shown = size if declared is None else declared
    single = window is None and not unsized
    wide = 0 if shown < 256 and single else 1 if 256 <= shown < 65_792 else 2
    descriptor = wide << 6 if not unsized else 0
    descriptor |= (single << 5) | ((checksum is not None) << 2) | (0, 1, 2, 0, 3)[len(dictionary)]
    out = MAGIC + bytes((descriptor,))
    if not single:
        out += bytes(((17 if window is None else window) - 10 << 3,))
    out += dictionary
    if not unsized:
        out += (shown - 256 if wide == 1 else shown).to_bytes((1, 2, 4)[wide], "little")
    for at in range(0, size, 1 << 17):
        length = min(size - at, 1 << 17)
        out += (length << 3 | 1 << 1 | (at + length == size)).to_bytes(3, "little") + b"A"
    return out if checksum is None else out + xxh64(checksum)[:4]


def packed(raw: int, data: bytes) -> Frame:
    """Return a frame that says it is compressed."""
    return Frame(raw, data, COMPRESSED)


# --- XXH64 with seed 0, of which zstd stores the low 4 bytes --------------------------------------

_MASK = 2**64 - 1
_P1, _P2, _P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_P4, _P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def xxh64(data: bytes) -> bytes:
    """Return the hash, low byte first."""
    lanes = [(_P1 + _P2) & _MASK, _P2, 0, -_P1 & _MASK]
    stop = len(data) - len(data) % 32
    for at in range(0, stop, 32):
        for lane in range(4):
            word = int.from_bytes(data[at + 8 * lane : at + 8 * lane + 8], "little")
            lanes[lane] = _round(lanes[lane], word)
    total = _P5
    if stop:
        total = sum(_rotate(value, by) for value, by in zip(lanes, (1, 7, 12, 18), strict=True)) & _MASK
        for value in lanes:
            total = ((total ^ _round(0, value)) * _P1 + _P4) & _MASK
    total = (total + len(data)) & _MASK
    rest = data[stop:]
    while len(rest) >= 8:
        total = (_rotate(total ^ _round(0, int.from_bytes(rest[:8], "little")), 27) * _P1 + _P4) & _MASK
        rest = rest[8:]
    if len(rest) >= 4:
        total = (_rotate(total ^ int.from_bytes(rest[:4], "little") * _P1 & _MASK, 23) * _P2 + _P3) & _MASK
        rest = rest[4:]
    for byte in rest:
        total = _rotate(total ^ byte * _P5 & _MASK, 11) * _P1 & _MASK
    for by, factor in ((33, _P2), (29, _P3), (32, 1)):
        total = (total ^ total >> by) * factor & _MASK
    return total.to_bytes(8, "little")


def _round(value: int, word: int) -> int:
    return _rotate((value + word * _P2) & _MASK, 31) * _P1 & _MASK


def _rotate(value: int, by: int) -> int:
    return (value << by | value >> 64 - by) & _MASK
