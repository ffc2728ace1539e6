"""Where a container is read from: a path, a file object that can seek, or anything with `read_at`.

The law of this file: a read at an offset is safe from any thread, and an error of the outside world is
`InputUnavailable`.
"""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Callable
from typing import BinaryIO, TypeAlias, cast

from tera.codec.segment import ReadAt
from tera.errors import BadInput, InputUnavailable
from tera.format.front import Front, parse_front, parse_prefix

Readable: TypeAlias = "str | os.PathLike[str] | BinaryIO | ReadAt"


class FileSource:
    """A regular file, read with pread."""

    def __init__(self, fd: int, name: str, *, owned: bool) -> None:
        self._fd = fd
        self._name = name
        self._owned = owned
        self._size = os.fstat(fd).st_size

    @property
    def size(self) -> int:
        """See `ReadAt`."""
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """See `ReadAt`."""
        try:
            return os.pread(self._fd, length, offset)
        except OSError as error:
            raise InputUnavailable(f"{self._name}: {error.strerror or error}") from None

    def read_into(self, offset: int, out: memoryview) -> int:
        """See `ReadAt`."""
        have = 0
        try:
            while have < len(out) and (more := os.preadv(self._fd, [out[have:]], offset + have)):
                have += more
        except OSError as error:
            raise InputUnavailable(f"{self._name}: {error.strerror or error}") from None
        return have

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def close(self) -> None:
        """Close the file, if it was opened here."""
        if self._owned and self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


class ObjectSource:
    """A file object that can seek: an object-store reader, a BytesIO. One read at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        try:
            stream.seek(0, os.SEEK_END)
            self._size = stream.tell()  # not every `seek` returns it: that of mmap does not
        except (OSError, ValueError) as error:
            raise InputUnavailable(f"the input cannot seek: {error}") from None

    @property
    def size(self) -> int:
        """See `ReadAt`."""
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """See `ReadAt`."""
        pieces: list[bytes] = []
        with self._lock:
            try:
                self._stream.seek(offset)
                while length and (piece := self._stream.read(length)):
                    if not isinstance(piece, bytes | bytearray | memoryview):
                        raise BadInput("the input must give bytes: open it in binary mode")
                    pieces.append(bytes(piece))
                    length -= len(piece)
            except (OSError, ValueError) as error:
                raise InputUnavailable(f"reading the input: {error}") from None
        return b"".join(pieces)

    def read_into(self, offset: int, out: memoryview) -> int:
        """See `ReadAt`."""
        data = self.read_at(offset, len(out))
        out[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """The object is the caller's to close."""


def open_path(path: str | os.PathLike[str]) -> FileSource:
    """Open a regular file. Raises InputUnavailable."""
    name = os.fspath(path)
    try:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe is refused, not waited for
    except (OSError, ValueError) as error:
        raise InputUnavailable(f"{name}: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise InputUnavailable(f"{name}: not a regular file", hint="- reads from standard input")
    return FileSource(fd, name, owned=True)


def as_source(readable: Readable) -> tuple[ReadAt, Callable[[], None]]:
    """Return a source and what closes it. Raises InputUnavailable, BadInput for what is none."""
    if isinstance(readable, str | os.PathLike):
        opened = open_path(readable)
        return opened, opened.close
    if isinstance(readable, bytes | bytearray | memoryview):
        raise BadInput("a container is a path or a file object; wrap bytes in io.BytesIO")
    if hasattr(readable, "read_at"):
        return cast(ReadAt, readable), lambda: None
    # A descriptor says nothing of what a wrapper makes of it: a GzipFile has one too.
    raw = getattr(readable, "raw", readable)
    try:
        if isinstance(raw, io.FileIO) and stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
            return FileSource(raw.fileno(), str(getattr(readable, "name", "the input")), owned=False), lambda: None
    except (OSError, ValueError) as error:
        raise InputUnavailable(f"the input cannot be read: {error}") from None
    return ObjectSource(readable), lambda: None


def can_seek(stream: BinaryIO) -> bool:
    """Say whether a file object can be read at random."""
    try:
        return stream.seekable()
    except (AttributeError, ValueError, OSError):
        return False


def pulling(source: ReadAt) -> Callable[[int], bytes]:
    """Return what gives the next bytes of a source, from its start on."""
    at = 0

    def pull(length: int) -> bytes:
        nonlocal at
        data = source.read_at(at, length)
        at += len(data)
        return data

    return pull


def read_front(source: ReadAt) -> Front:
    """Parse the front of a container that can be sought in."""
    return parse_front(pulling(source))


def read_prefix(source: ReadAt) -> tuple[bytes, int]:
    """Return H_bind and the offset of ACCESS, which itself is not looked at."""
    prefix = parse_prefix(pulling(source))
    return prefix.bind, len(prefix.bytes)
