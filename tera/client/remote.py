"""A container that is read where it is stored, as `tera.open` reads one: ranges, asked for when they are needed.

The law of this file: the bytes are of one state of the container, or it is an error. What is read one piece after
another is fetched ahead, since every request is one round trip and one event of the library's log; of what was
fetched, a few windows are in memory, whatever the size.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from tera.client.fetch import Fetching

WINDOW: Final = 8 << 20
"""Bytes that are fetched at once, at most: twice as many as before, while it goes on."""
FIRST: Final = 256 << 10
"""The same, where nothing was read before it."""
HELD: Final = 3


class RemoteContainer:
    """A `ReadAt` for any number of threads. `progress` is told of bytes fetched.

    Raises what the service refuses, ServerUnavailable, InputChanged: here, and when it is read.
    """

    def __init__(self, fetching: Fetching, progress: Callable[[int], None] | None = None) -> None:
        self._fetching = fetching
        self._progress = progress
        self._lock = threading.Lock()
        self._held: OrderedDict[int, bytearray] = OrderedDict()
        self._read(0, FIRST)
        self.size = self._fetching.size

    def read_at(self, offset: int, length: int) -> bytes:
        """See `ReadAt`."""
        out = bytearray(max(0, min(length, self.size - offset)))
        have = self.read_into(offset, memoryview(out))
        return bytes(out[:have])

    def read_into(self, offset: int, out: memoryview) -> int:
        """See `ReadAt`."""
        have = 0
        with self._lock:
            while have < len(out) and offset + have < self.size:
                piece = self._piece(offset + have, len(out) - have)
                taken = min(len(piece), len(out) - have)
                out[have : have + taken] = piece[:taken]
                have += taken
        return have

    def _piece(self, at: int, length: int) -> memoryview:
        """Return bytes from `at` on, one or more: what is held there, or else is fetched."""
        for start, data in self._held.items():
            if start <= at < start + len(data):
                self._held.move_to_end(start)
                return memoryview(data)[at - start :]
        before = max((len(data) for start, data in self._held.items() if start + len(data) == at), default=0)
        return memoryview(self._read(at, max(length, min(2 * before, WINDOW), FIRST)))

    def _read(self, at: int, length: int) -> bytearray:
        stop = at + length if self._fetching.size < 0 else min(at + length, self._fetching.size)
        while len(self._held) >= HELD:
            self._held.popitem(last=False)
        data = bytearray(max(0, stop - at))

        def write(offset: int, piece: memoryview) -> None:
            data[offset : offset + len(piece)] = piece

        count = self._fetching.fetch(write, at, stop).count
        del data[count:]
        if self._progress is not None:
            self._progress(count)
        self._held[at] = data
        return data
