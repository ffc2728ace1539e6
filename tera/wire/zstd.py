"""zstd frames: one frame a piece, its size declared, never more memory than it declared.

The law of this file: it is the only one that imports zstandard.

Measured trap (zstandard 0.25): `ZstdDecompressor.decompress(frame, max_output_size=n)` ignores `n` when
the frame declares a size, so 32 kB became 1 GiB. Hence the header is read first, and the declared size
must be the one that the caller already expects.
"""

from __future__ import annotations

import threading
from typing import Final

import zstandard

from tera.errors import BadFrame

LEVEL: Final = 3
MAX_WINDOW: Final = 8 << 20
_MAGIC: Final = b"\x28\xb5\x2f\xfd"  # a skippable frame has another: it would yield nothing

_local = threading.local()  # zstandard's contexts are not safe to share between threads


def compress(data: bytes | memoryview) -> bytes:
    """Return one zstd frame of `data` that declares its size (RFC 8878, no checksum, no dictionary)."""
    try:
        compressor = _local.compressor
    except AttributeError:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=LEVEL)
    frame: bytes = compressor.compress(data)
    return frame


def decompress(frame: bytes | bytearray | memoryview, size: int) -> bytes:
    """Return the `size` bytes of exactly one frame.

    Raises BadFrame for another declared size, a dictionary, a window over 8 MiB, bytes after the frame,
    or content that is not zstd.
    """
    frame = bytes(frame)
    try:
        if frame[:4] != _MAGIC:
            raise BadFrame("a compressed frame is not zstd")
        declared = zstandard.get_frame_parameters(frame)
        if declared.content_size != size or declared.dict_id or declared.window_size > MAX_WINDOW:
            raise BadFrame("a compressed frame declares another size, a dictionary or too large a window")
        try:
            decompressor = _local.decompressor
        except AttributeError:
            decompressor = _local.decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
        data: bytes = decompressor.decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError:
        raise BadFrame("a compressed frame does not decompress") from None
    if len(data) != size:
        raise BadFrame("a compressed frame holds another number of bytes than it declares")
    return data
