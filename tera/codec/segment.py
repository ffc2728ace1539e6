"""Segments: plaintext to blocks and back, one block at a time, in any thread.

The law of this file: a block's plaintext leaves only after its leaf and its chunks' tags have been
verified, and what was not verified is zeroed; leaves are made where blocks are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from tera.crypto.chunked import CHUNK, SEALED_CHUNK, TAG, ChunkCipher
from tera.crypto.kdf import equal
from tera.errors import BadLayout, BadRoot, Truncated
from tera.format import digests
from tera.format import sections as s

_scratch: Final = threading.local()  # per worker: fresh megabytes cost more in page faults than AES


_COPIED: Final = 256 << 10


class ReadAt(Protocol):
    """A container's bytes by offset; any thread."""

    @property
    def size(self) -> int:
        """The number of bytes."""
        ...

    def read_at(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at the end."""
        ...

    def read_into(self, offset: int, out: memoryview) -> int:
        """Fill `out` from `offset`; return how many bytes there were."""
        ...


class SegmentWriter:
    """Cuts plaintext into blocks (in order) and seals them (in any order).

    `start` is the offset of the segment in the file; `head` its SEGMENT section. `release` is told of every
    piece that is not needed any more.
    """

    def __init__(
        self,
        kind: int,
        cipher: ChunkCipher,
        salt: bytes,
        start: int,
        release: Callable[[Iterable[memoryview]], None] = lambda pieces: None,
    ) -> None:
        self.kind = kind
        self.start = start
        self.salt_commitment = salt + cipher.commitment
        self.head = s.pack_header(s.SEGMENT, s.SEGMENT_BODY, kind) + self.salt_commitment
        self.plain = 0
        self.leaves: list[bytes] = []
        self._cipher = cipher
        self._release = release
        self._pending: list[memoryview] = []
        self._have = 0

    @property
    def chunks(self) -> int:
        """How many chunks the plaintext so far makes."""
        return s.chunk_count(self.plain)

    @property
    def length(self) -> int:
        """The length of the whole segment, if the plaintext ended here."""
        return s.segment_length(self.plain)

    @property
    def root(self) -> bytes:
        """The root; only when every block is sealed."""
        return digests.root(self.kind, self.salt_commitment, self.chunks, b"".join(self.leaves))

    def append(self, piece: bytes | bytearray | memoryview) -> None:
        """Add plaintext; it must not change until its blocks are sealed."""
        if piece:
            self._pending.append(memoryview(piece))
            self._have += len(piece)
            self.plain += len(piece)

    def cut(self) -> list[tuple[int, list[memoryview]]]:
        """Return the full blocks that there are now: number and pieces."""
        blocks: list[tuple[int, list[memoryview]]] = []
        while self._have >= s.BLOCK_PLAIN:
            pieces: list[memoryview] = []
            missing = s.BLOCK_PLAIN
            for at, piece in enumerate(self._pending):
                if len(piece) > missing:
                    pieces.append(piece[:missing])
                    self._pending[: at + 1] = [self._rest(piece[missing:])]
                    break
                pieces.append(piece)
                missing -= len(piece)
                if not missing:
                    del self._pending[: at + 1]
                    break
            self._have -= s.BLOCK_PLAIN
            blocks.append((len(self.leaves), pieces))
            self.leaves.append(b"")
        return blocks

    def _rest(self, piece: memoryview) -> memoryview:
        """Copy what a block leaves over, if it is small: then a frame's buffer is free, and still in the
        processor's cache, as soon as its block is sealed."""
        if len(piece) > _COPIED:
            return piece
        copy = memoryview(bytes(piece))
        self._release([piece])
        return copy

    def cut_last(self) -> tuple[int, list[memoryview]]:
        """Return the last block, after `cut` has returned nothing more."""
        self.leaves.append(b"")
        pieces, self._pending = self._pending, []
        return len(self.leaves) - 1, pieces

    def seal(self, number: int, pieces: list[memoryview], *, last: bool = False) -> tuple[int, memoryview]:
        """Return the block's offset in the file and its bytes, valid until this thread seals another."""
        out = _buffer("sealed", s.BLOCK_SIZE)
        size = self._cipher.seal_into(number * s.CHUNKS, pieces, out[s.HEADER :], last=last)
        self._release(pieces)
        out[: s.HEADER] = s.pack_header(s.BLOCK, size, s.LAST if last else 0)
        block = out[: s.HEADER + size]
        self.leaves[number] = digests.leaf(self.kind, number, block)
        return self.start + s.block_offset(number), block


class SegmentReader:
    """Reads blocks of a segment by number and verifies them against their leaves.

    `plain` is the length of its plaintext. `leaves` may be set later (the index holds those of DATA).
    """

    def __init__(self, source: ReadAt, kind: int, start: int, plain: int) -> None:
        self.kind = kind
        self.start = start
        self.plain = plain
        self.chunks = s.chunk_count(plain)
        self.blocks = s.block_count(self.chunks)
        self.salt_commitment = b""
        self.leaves: memoryview = memoryview(b"")
        self._cipher: ChunkCipher | None = None
        self._source = source

    def read_head(self) -> None:
        """Read the SEGMENT section. Raises BadSection, Truncated."""
        head = self._source.read_at(self.start, s.SEGMENT_HEAD)
        s.parse_header(head, s.SEGMENT, kind=self.kind)
        if len(head) < s.SEGMENT_HEAD:
            raise Truncated("the file ends inside a segment's header")
        self.salt_commitment = head[s.HEADER :]

    def use(self, cipher: ChunkCipher) -> None:
        """Take the cipher, whose commitment has been compared."""
        self._cipher = cipher

    def raw_block(self, number: int) -> memoryview:
        """Return a block's header and body, checked for structure only; valid until this thread's next."""
        last = number == self.blocks - 1
        size = s.HEADER + (s.last_block_length(self.plain) if last else s.BLOCK_BODY)
        block = _buffer("raw", s.BLOCK_SIZE)[:size]
        have = self._source.read_into(self.start + s.block_offset(number), block)
        header = s.parse_header(block[: min(have, s.HEADER)], s.BLOCK)
        if header.last != last or header.length != size - s.HEADER:
            raise BadLayout(f"block {number:,} is not the one that the trailer's lengths ask for")
        if have < size:
            raise Truncated("the file ends inside a block")
        return block

    def read_block(self, number: int, first: int = 0, after: int = s.CHUNKS) -> memoryview:
        """Return the verified plaintext of chunks `first` up to `after` of a block.

        Valid until this thread reads its next block. Raises BadRoot, BadChunk and what `raw_block` does.
        """
        assert self._cipher is not None
        block = self.raw_block(number)
        leaf = self.leaves[digests.LEAF * number : digests.LEAF * (number + 1)]
        if not equal(digests.leaf(self.kind, number, block), bytes(leaf)):
            raise BadRoot(f"block {number:,} is not the one that was sealed")
        return self.open_block(block, number, first, after)

    def open_block(self, block: memoryview, number: int, first: int = 0, after: int = s.CHUNKS) -> memoryview:
        """Return the plaintext of a block whose leaf is checked elsewhere."""
        assert self._cipher is not None
        return open_chunks(self._cipher, block[s.HEADER :], number, first, after)


def open_chunks(cipher: ChunkCipher, body: memoryview, number: int, first: int, after: int) -> memoryview:
    """Decrypt chunks of block `number` into this thread's scratch. Raises BadChunk, the scratch zeroed."""
    sealed = body[first * SEALED_CHUNK : after * SEALED_CHUNK]
    count = -(-len(sealed) // SEALED_CHUNK)
    out = _buffer("plain", s.BLOCK_PLAIN)[: max(0, len(sealed) - count * TAG)]
    written = cipher.open_into(number * s.CHUNKS + first, sealed, out)
    return out[:written]


def chunk_range(start: int, stop: int) -> tuple[int, int]:
    """Return the chunks (first, after last) of a block that hold its plaintext bytes `start` to `stop`."""
    return start // CHUNK, -(-stop // CHUNK)


def locate_index(source: ReadAt, start: int, payload: int, chunks: tuple[int, int]) -> tuple[int, int]:
    """Return the plaintext lengths of DATA and INDEX from the chunk counts and DATA's last block header.

    Raises BadLayout when no lengths fit, BadSection for a header that is none.
    """
    data, index = chunks
    last = start + s.block_offset(s.block_count(data) - 1)
    if last + s.HEADER > start + payload:
        raise BadLayout("the data should be longer than the whole payload")
    header = s.parse_header(source.read_at(last, s.HEADER), s.BLOCK)
    if not header.last:
        raise BadLayout("the block that should be the last of the data is not")
    plain = (s.block_count(data) - 1) * s.BLOCK_PLAIN + s.last_block_plain(header.length)
    rest = payload - s.segment_length(plain) - s.segment_length(0)
    # `rest` bytes more than an empty index: its plaintext, 16 for each further chunk, 8 for each further block.
    index_plain = rest - (index - 1) * TAG - (s.block_count(index) - 1) * s.HEADER
    if s.chunk_count(plain) != data or index_plain < 0 or s.chunk_count(index_plain) != index:
        raise BadLayout("the lengths in the trailer do not fit the payload")
    return plain, index_plain


def _buffer(name: str, size: int) -> memoryview:
    try:
        found: memoryview = getattr(_scratch, name)
    except AttributeError:
        found = memoryview(bytearray(size))
        setattr(_scratch, name, found)
    return found
