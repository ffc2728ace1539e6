"""DATA read from front to back: every block is read, hashed and decrypted once.

The law of this file: what it returns was verified, as every block's plaintext is; it knows nothing of records.
"""

from __future__ import annotations

from tera.codec.segment import SegmentReader, chunk_range
from tera.crypto.chunked import CHUNK
from tera.format import sections as s


class Onward:
    """Plaintext before `end`, asked for in order: each start at or behind the one before. For one reader."""

    def __init__(self, data: SegmentReader, end: int) -> None:
        self._data = data
        self._end = end
        self._number = -1
        self._first = 0
        self._block = memoryview(b"")

    def plain(self, start: int, stop: int) -> bytes:
        """Return plaintext from `start` to `stop`. Raises what reading a block does."""
        pieces: list[memoryview] = []
        while start < stop:
            number, inside = divmod(start, s.BLOCK_PLAIN)
            if number != self._number:
                self._read(number, inside)
            end = min(stop - number * s.BLOCK_PLAIN, s.BLOCK_PLAIN)
            pieces.append(self._block[inside - self._first : end - self._first])
            start = number * s.BLOCK_PLAIN + end
        return b"".join(pieces)

    def _read(self, number: int, inside: int) -> None:
        """Keep what is wanted of a block, from `inside` on."""
        first, after = chunk_range(inside, min(self._end - number * s.BLOCK_PLAIN, s.BLOCK_PLAIN))
        self._block = memoryview(bytes(self._data.read_block(number, first, after)))
        self._number, self._first = number, first * CHUNK
