"""Frame buffers that are used again: a fresh megabyte costs more in page faults than its encryption.

The law of this file: a buffer is free again when every byte of it has been given back. Whoever takes one
appends it to a segment exactly once, and each byte is sealed exactly once, so nobody needs to know how
blocks cut frames.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

from tera.format.records import FRAME_RAW

_KEPT: Final = 16


class FramePool:
    """Buffers of one frame each; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[bytearray] = []
        self._left: dict[int, tuple[bytearray, int]] = {}

    def take(self, length: int) -> memoryview:
        """Return a writable view of `length` bytes (at most 1 MiB) with whatever was in it."""
        with self._lock:
            buffer = self._free.pop() if self._free else bytearray(FRAME_RAW)
            self._left[id(buffer)] = (buffer, length)
        return memoryview(buffer)[:length]

    def give(self, pieces: Iterable[memoryview]) -> None:
        """Give back views into buffers; views of other memory are ignored."""
        with self._lock:
            for piece in pieces:
                found = self._left.get(id(piece.obj))
                if found is None:
                    continue
                buffer, left = found
                left -= len(piece)
                if left:
                    self._left[id(buffer)] = (buffer, left)
                    continue
                del self._left[id(buffer)]
                if len(self._free) < _KEPT:
                    self._free.append(buffer)
