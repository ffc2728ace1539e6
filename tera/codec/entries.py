"""Entries on their way in: from content to records and to what the index notes of them.

The law of this file: whether a frame is compressed is decided here, and an entry's digest is taken over
the bytes that are sealed, as they are sealed. Nothing here is shared between threads but `LargeEntry`,
whose content arrives in order.
"""

from __future__ import annotations

import os
from typing import Final

from tera.codec.buffers import FramePool
from tera.crypto.hashes import B3, b3
from tera.errors import BadInput, BadPath, InputChanged, InputUnavailable, Malformed
from tera.format import records
from tera.format.index import IndexBuilder
from tera.format.paths import check_path
from tera.format.records import DIRECTORY, FILE, FRAME_RAW, EntryHead, parse_entry
from tera.wire import zstd

WORTH_COMPRESSING: Final = 512
"""Below this, zstd's own overhead is most of what it could save."""

_SAMPLED: Final = 256 << 10
_SAMPLE: Final = 1 << 10


def squeeze(data: bytes | memoryview) -> bytes | memoryview:
    """Return a frame's stored form: a zstd frame if that is shorter, else `data` itself.

    Of a large frame a sample is tried first: to find out that 1 MiB is noise costs 20 us and not 300. What
    is lost is what little a frame that is nearly all noise could have saved (4 % of one that is 15/16 noise).
    """
    size = len(data)
    if size < WORTH_COMPRESSING:
        return data
    if size >= _SAMPLED:
        sample = b"".join([data[at : at + _SAMPLE] for at in range(0, size, size >> 4)])
        if len(zstd.compress(sample)) >= len(sample):
            return data
    packed = zstd.compress(data)
    return packed if len(packed) < size else data


def checked_head(head: EntryHead) -> tuple[bytes, bytes]:
    """Return the path's bytes and the ENTRY body. Raises BadInput for what no reader takes."""
    try:
        raw = check_path(head.path)
    except BadPath as error:  # no file is corrupt: the caller asks for a name that none can hold
        raise BadInput(str(error)) from None
    if head.mime is not None or head.extensions or not 0 <= head.mode <= 0o777 or abs(head.mtime) >= 2**63:
        try:
            parse_entry(head.pack())
        except (Malformed, ValueError, TypeError) as error:
            raise BadInput(f"{head.path}: {error}") from None
    return raw, head.pack()


class Batch:
    """Entries of one frame at most, as records ready to be appended."""

    __slots__ = ("blob", "entries", "plain")

    def __init__(self) -> None:
        self.blob = bytearray()
        self.plain = 0
        self.entries: list[tuple[bytes, EntryHead, int, int, int, bytes]] = []

    def add(self, head: EntryHead, data: bytes, *, compress: bool) -> None:
        """Add a folder, or a file with its whole content of at most 1 MiB."""
        raw, body = checked_head(head)
        blob = self.blob
        blob += records.pack_record(records.ENTRY, body)
        stored: bytes | memoryview = b""
        if data:
            stored = squeeze(data) if compress else data
            blob += records.pack_frame_head(len(data), len(stored))
            blob += stored
        digest = records.NO_B3 if head.type == DIRECTORY else b3(data)
        blob += records.pack_end(len(data), digest)
        self.plain += len(data)
        self.entries.append((raw, head, len(body), len(stored), len(data), digest))

    def note(self, index: IndexBuilder) -> bytes:
        """Enter everything into the index; return nothing to be appended before `blob`."""
        for raw, head, length, stored, size, digest in self.entries:
            index.add(raw, head.type, head.mode, head.mtime, length)
            if stored:
                index.add_frame(stored)
            index.end(size, digest)
        return b""


class LargeEntry:
    """A file of several frames. `start`, `frame` and `end` are called in order, one at a time."""

    def __init__(self, head: EntryHead) -> None:
        self._head = head
        self._raw, self._body = checked_head(head)
        self._hasher = B3()
        self._size = 0

    def start(self, index: IndexBuilder) -> bytes:
        """Enter the entry into the index; return the ENTRY record."""
        index.add(self._raw, FILE, self._head.mode, self._head.mtime, len(self._body))
        return records.pack_record(records.ENTRY, self._body)

    def frame(self, index: IndexBuilder, data: bytes | memoryview, stored: int) -> bytes:
        """Hash a frame's plaintext and enter it; return the FRAME's head."""
        if self._size % FRAME_RAW:
            raise BadInput(f"{self._head.path}: content after a short frame")
        self._hasher.update(data)
        self._size += len(data)
        index.add_frame(stored)
        return records.pack_frame_head(len(data), stored)

    def end(self, index: IndexBuilder) -> bytes:
        """End the entry in the index; return the END record."""
        digest = self._hasher.digest()
        index.end(self._size, digest)
        return records.pack_end(self._size, digest)


class OpenFile:
    """A large file on disk, read at offsets by several threads, and checked at the end for changes."""

    def __init__(self, fd: int, path: str, status: os.stat_result) -> None:
        self._fd = fd
        self._path = path
        self._status = status
        self.size = status.st_size

    def read(self, pool: FramePool, offset: int) -> memoryview:
        """Return the frame at `offset`. Raises InputChanged when the file has become shorter."""
        data = pool.take(min(FRAME_RAW, self.size - offset))
        have = 0
        try:
            while have < len(data):
                more = os.preadv(self._fd, [data[have:]], offset + have)
                if not more:
                    raise changed(self._path)
                have += more
        except OSError as error:
            raise InputUnavailable(f"{self._path}: {error.strerror or error}") from None
        return data

    def check(self) -> None:
        """Raise InputChanged when size or modification time are not what they were at the start."""
        now = os.fstat(self._fd)
        if (now.st_size, now.st_mtime_ns) != (self.size, self._status.st_mtime_ns):
            raise changed(self._path)

    def close(self) -> None:
        """Close the file; may be called again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def changed(path: str) -> InputChanged:
    """Return the error for a file that changed while it was read."""
    return InputChanged(f"{path.encode(errors='backslashreplace').decode()}: changed while it was read")
