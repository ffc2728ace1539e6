"""The content of entries by position: frames found through the index, verified and decompressed.

The law of this file: what an entry's records say is compared with what the index says, each time they
are read; so an index cannot show other bytes than a reader of the pipe sees.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

from tera.codec.onward import Onward
from tera.codec.segment import SegmentReader, chunk_range
from tera.crypto.chunked import CHUNK
from tera.crypto.hashes import B3
from tera.errors import BadDigest, BadIndex, BadInput, BadRecord
from tera.format import records
from tera.format import sections as s
from tera.format.index import Entry, Index
from tera.format.records import FRAME_RAW, Manifest
from tera.wire import zstd

_AHEAD = 128 << 10


class EntryReader:
    """Reads entries of one container; any thread."""

    def __init__(self, data: SegmentReader, index: Index) -> None:
        self._data = data
        self._index = index
        self._headed = -1  # the entry whose head was compared last: the ranges of one file are many

    def plain(self, start: int, stop: int) -> bytes:
        """Return verified plaintext of DATA from `start` to `stop`, which lie inside it."""
        pieces: list[bytes] = []
        while start < stop:
            number, inside = divmod(start, s.BLOCK_PLAIN)
            end = min(stop - number * s.BLOCK_PLAIN, s.BLOCK_PLAIN)
            first, after = chunk_range(inside, end)
            block = self._data.read_block(number, first, after)
            pieces.append(bytes(block[inside - first * CHUNK : end - first * CHUNK]))
            start = number * s.BLOCK_PLAIN + end
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def manifest(self, *, sealed: bool) -> Manifest:
        """Return the manifest. Raises BadRecord, BadIndex, BadManifest."""
        length = self._index.manifest_length
        record = self.plain(0, records.HEADER + length)
        type, _, found = records.parse_header(record)
        if type != records.MANIFEST:
            raise BadRecord("the first record is not the manifest")
        if found != length:
            raise BadIndex("the manifest has another length than the index says")
        return records.parse_manifest(record[records.HEADER :], sealed=sealed)

    def range(self, entry: Entry, start: int, stop: int) -> bytes:
        """Return bytes of a file, verified; a start beyond the end gives none."""
        return b"".join(self.pieces(entry, start, stop))

    def pieces(self, entry: Entry, start: int, stop: int) -> Iterator[bytes]:
        """Yield the same, a frame at most at a time. A whole file is compared with its digest too."""
        if start < 0 or stop < start:
            raise BadInput("a range starts at 0 or later and does not end before it starts")
        _check_file(entry)
        if start == 0 and stop >= entry.size:
            yield from self.content(entry)
            return
        stop = min(stop, entry.size)
        self.check_head(entry)
        yield from self._frames(entry, start, stop)

    def content(self, entry: Entry) -> Iterator[bytes]:
        """Yield a file's frames and verify its end. Raises BadDigest, BadIndex and what reading raises."""
        _check_file(entry)
        self.check_head(entry)
        hasher = B3()
        for data in self._frames(entry, 0, entry.size):
            hasher.update(data)
            yield data
        self.check_end(entry, hasher.digest())

    def _frames(self, entry: Entry, start: int, stop: int) -> Iterator[bytes]:
        """Yield what frames have of bytes `start` to `stop`, each block read once."""
        if start >= stop:
            return
        last = (stop - 1) // FRAME_RAW
        stored, inside = self._index.frame(entry.position, last), stop - last * FRAME_RAW
        if stored < min(FRAME_RAW, entry.size - last * FRAME_RAW):  # compressed: all of it is needed
            inside = stored
        plain = Onward(self._data, self._frame_offset(entry, last) + records.FRAME_HEAD + inside).plain
        for number in range(start // FRAME_RAW, last + 1):
            at = number * FRAME_RAW
            yield self._frame(entry, number, max(0, start - at), min(FRAME_RAW, stop - at), plain)

    def check_head(self, entry: Entry) -> None:
        """Compare the ENTRY record with the index. Raises BadIndex, and before that what is wrong with it."""
        if entry.position == self._headed:
            return
        at = self._index.offset(entry.position)
        length = self._index.entry_length(entry.position)
        record = self.plain(at, at + records.HEADER + length)
        type, _, found = records.parse_header(record)
        if type != records.ENTRY:
            raise BadRecord(f"a record stands where {entry.path!r} should start")
        if found != length:
            raise BadIndex(f"{entry.path!r} is not where the index says")
        head = records.parse_entry(record[records.HEADER :])
        check_entry(head, entry)
        self._headed = entry.position

    def frame(self, entry: Entry, number: int, start: int, stop: int) -> bytes:
        """Return bytes `start` to `stop` of frame `number`; of one that is not compressed, no more is read."""
        return self._frame(entry, number, start, stop, self.plain)

    def _frame(self, entry: Entry, number: int, start: int, stop: int, plain: Callable[[int, int], bytes]) -> bytes:
        stored = self._index.frame(entry.position, number)
        raw = min(FRAME_RAW, entry.size - number * FRAME_RAW)
        stop = min(stop, raw)
        at = self._frame_offset(entry, number)
        expected = records.pack_frame_head(raw, stored)
        head_end = at + records.FRAME_HEAD
        if stored < raw:
            record = plain(at, head_end + stored)
            _check_frame(record, expected, entry)
            return zstd.decompress(record[records.FRAME_HEAD :], raw)[start:stop]
        if start < CHUNK:  # the head is in the same chunk, or the next to it
            record = plain(at, head_end + stop)
            _check_frame(record, expected, entry)
            return record[records.FRAME_HEAD + start :]
        _check_frame(plain(at, head_end), expected, entry)
        return plain(head_end + start, head_end + stop)

    def _frame_offset(self, entry: Entry, number: int) -> int:
        at = self._index.offset(entry.position) + records.HEADER + self._index.entry_length(entry.position)
        return at + self._index.stored_before(entry.position, number) + number * records.FRAME_HEAD

    def check_end(self, entry: Entry, digest: bytes) -> None:
        """Compare the END record with the index, then `digest`, of all that was read. Raises BadIndex, BadDigest."""
        at = self._frame_offset(entry, records.frame_count(entry.size))
        expected = records.pack_end(entry.size, entry.b3)
        record = self.plain(at, at + len(expected))
        if record != expected:
            if _check_inside(record, entry) == records.END and record[:-32] != expected[:-32]:
                raise BadRecord(f"the end of {entry.path!r} states another size than its frames have")
            raise BadIndex(f"the end of {entry.path!r} differs from the index")
        if digest != entry.b3:
            raise BadDigest(f"{entry.path!r} is not what was sealed")


def check_entry(head: records.EntryHead, entry: Entry) -> None:
    """Raise BadIndex unless an ENTRY says what the index says."""
    if (head.path, head.type, head.mode, head.mtime) != (entry.path, entry.type, entry.mode, entry.mtime):
        raise BadIndex(f"{entry.path!r} differs between the index and the data")


def _check_file(entry: Entry) -> None:
    if entry.is_dir:
        raise BadInput(f"{entry.path!r} is a folder")


def _check_frame(record: bytes, expected: bytes, entry: Entry) -> None:
    if record[: records.FRAME_HEAD] != expected:
        if _check_inside(record, entry) == records.FRAME:
            _, flags, length = records.parse_header(record)
            raw = int.from_bytes(record[records.HEADER : records.FRAME_HEAD], "big")
            records.check_frame(flags, raw, length - 4)
        raise BadIndex(f"a frame of {entry.path!r} differs from the index")


def _check_inside(record: bytes, entry: Entry) -> int:
    """Return the type of a record that is not the expected one: a fault in itself comes before the difference."""
    type, _, _ = records.parse_header(record)
    if type not in (records.FRAME, records.END):
        raise BadRecord(f"a record stands where {entry.path!r} should go on or end")
    return type


class EntryFile(io.RawIOBase):
    """A file in a container as a stream: readable, seekable, verified before each byte is returned.

    Read from its start to its end, it is compared with its digest too.
    """

    def __init__(self, reader: EntryReader, entry: Entry) -> None:
        super().__init__()
        _check_file(entry)
        self._reader = reader
        self._entry = entry
        self._at = 0
        self._window = b""
        self._window_at = 0
        self._hasher = B3()
        self._hashed = 0
        self._complete = False
        reader.check_head(entry)

    @property
    def name(self) -> str:
        """The path in the container."""
        return self._entry.path

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.seek(0, io.SEEK_CUR)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._check_open()
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._entry.size}.get(whence)
        if base is None:
            raise ValueError(f"whence is 0, 1 or 2, not {whence}")
        if base + offset < 0:
            raise ValueError("a position before the start")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._check_open()
        out = memoryview(buffer).cast("B")
        size = min(len(out), max(0, self._entry.size - self._at))
        done = 0
        while done < size:
            inside = self._at - self._window_at
            if not 0 <= inside < len(self._window):
                self._fetch(size - done)
                inside = self._at - self._window_at
            take = min(size - done, len(self._window) - inside)
            piece = memoryview(self._window)[inside : inside + take]
            out[done : done + take] = piece
            if self._at == self._hashed:
                self._hasher.update(piece)
                self._hashed += take
            done += take
            self._at += take
        if self._hashed == self._entry.size and not self._complete:
            self._reader.check_end(self._entry, self._hasher.digest())
            self._complete = True
        return done

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def _fetch(self, want: int) -> None:
        """Fill the window: at random what is wanted and a little more, in sequence a whole frame."""
        number, inside = divmod(self._at, FRAME_RAW)
        sequential = self._at == self._window_at + len(self._window)
        size = FRAME_RAW if sequential else max(want, _AHEAD)
        self._window = self._reader.frame(self._entry, number, inside, inside + size)
        self._window_at = self._at
