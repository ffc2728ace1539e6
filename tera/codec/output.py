"""Where a container, or anything else that must be whole, is written.

The law of this file: a path's old content stays in place until the new one is complete and durable, and
nothing partial is left behind: not by an error, not by a full disk, and, where the file system can make
files without a name, not by a kill either.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from tera.errors import OutputExists, OutputUnavailable


class Output(Protocol):
    """Takes a container's bytes. `ordered` outputs must be written from the start to the end."""

    ordered: bool

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """Write all of `data` at `offset`."""
        ...

    def commit(self) -> None:
        """Make it durable and visible."""
        ...

    def abort(self) -> None:
        """Leave nothing behind."""
        ...


class FileOutput:
    """A new file at `path`, which appears when it is complete; `force` replaces one that is there."""

    ordered = False

    def __init__(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        self.path = os.fspath(path)
        self._force = force
        self._directory = os.path.dirname(self.path) or "."
        self._name: str | None = None
        if "\0" in self.path:
            raise OutputUnavailable(f"{self.path!r}: no file has such a name")
        self._refuse_existing()
        with _translated(self.path):
            self._fd = self._create()

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """See `Output`; any thread, any order."""
        with _translated(self.path):
            write_all(self._fd, offset, data)

    def copy_from(self, fd: int, start: int, length: int, offset: int) -> None:
        """Copy a range of another file; where the file system can, blocks are shared and not copied."""
        with _translated(self.path):
            while length:
                try:
                    done = os.copy_file_range(fd, self._fd, min(length, 1 << 30), start, offset)
                except OSError:  # another file system, or one that cannot
                    done = os.pwrite(self._fd, os.pread(fd, min(length, 8 << 20), start), offset)
                if not done:
                    raise OutputUnavailable(f"{self.path}: the source became shorter")
                start, offset, length = start + done, offset + done, length - done

    def commit(self) -> None:
        """fsync, then give it its name. Raises OutputExists if somebody took the name meanwhile."""
        with _translated(self.path):
            os.fsync(self._fd)
            if self._name is None:
                self._name = self._link(self.path if not self._force else self._temporary())
            if self._name != self.path:
                if not self._force:
                    os.link(self._name, self.path)  # unlike rename, refuses to replace
                    os.unlink(self._name)
                else:
                    os.replace(self._name, self.path)
            self._name = None
            os.close(self._fd)
            self._fd = -1
            sync_directory(self._directory)

    def abort(self) -> None:
        """Remove what was written so far."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._name is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._name)
            self._name = None

    def _refuse_existing(self) -> None:
        try:
            found = os.stat(self.path)
        except OSError:
            return
        if not stat.S_ISREG(found.st_mode):
            raise OutputUnavailable(f"{self.path}: not a regular file", hint="- writes to standard output")
        if not self._force:
            raise OutputExists(f"{self.path} exists")

    def _create(self) -> int:
        flags = os.O_RDWR | os.O_CLOEXEC
        with contextlib.suppress(OSError, AttributeError):
            return os.open(self._directory, flags | os.O_TMPFILE, 0o666)
        self._name = self._temporary()
        return os.open(self._name, flags | os.O_CREAT | os.O_EXCL, 0o666)

    def _temporary(self) -> str:
        name = os.path.basename(self.path)[:200]
        return os.path.join(self._directory, f".{name}.{secrets.token_hex(4)}.partial")

    def _link(self, target: str) -> str:
        """Give the unnamed file a name (linkat through /proc; the other way needs a privilege)."""
        folder = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.link(str(self._fd), target, src_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(folder)
        return target


class StreamOutput:
    """A file object that is open for writing bytes: a pipe, a socket, standard output."""

    ordered = True

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._at = 0

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """See `Output`; `offset` must be where the last write ended."""
        if offset != self._at:
            raise ValueError("an ordered output is written in order")
        with _translated("the output"):
            view = memoryview(data)
            while view:  # a raw stream may take less
                view = view[self._stream.write(view) :]
        self._at += len(data)

    def commit(self) -> None:
        """Flush; closing is the caller's."""
        with _translated("the output"):
            self._stream.flush()

    def abort(self) -> None:
        """What was written cannot be taken back."""


def existing_file(output: object) -> tuple[int, int] | None:
    """Return device and inode of the file that an output is or will replace, so that it is never its own
    input."""
    try:
        found = os.stat(output) if isinstance(output, str | os.PathLike) else os.fstat(output.fileno())  # type: ignore[attr-defined]
    except (OSError, AttributeError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def write_all(fd: int, offset: int, data: bytes | memoryview) -> None:
    """Write all of `data` at `offset`; raises OSError."""
    written = os.pwrite(fd, data, offset)
    while written < len(data):
        written += os.pwrite(fd, memoryview(data)[written:], offset + written)


def sync_directory(path: str) -> None:
    """Make a new name in the folder durable, where the file system can."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            os.fsync(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise OutputExists(f"{path} exists") from None
    except OSError as error:
        raise OutputUnavailable(f"{path}: {error.strerror or error}") from None
