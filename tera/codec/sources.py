"""What goes in: files, folders, bytes and streams, each under the name it has in the container.

The law of this file: links and special files are never followed or opened inside a walked folder, what
cannot be taken is reported and not silently left out, and a `str` is a path, never data.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple, TypeAlias

from tera.errors import BadInput, BadPath, InputUnavailable
from tera.format.paths import check_path

PathLike: TypeAlias = "str | os.PathLike[str]"
Content: TypeAlias = "bytes | bytearray | memoryview | BinaryIO | Iterable[bytes]"
Source: TypeAlias = "PathLike | tuple[str, Content]"
OnSkip: TypeAlias = Callable[[str, str], None]

OPEN_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
"""For files found in a folder: what was swapped for a link or a pipe meanwhile is refused or does not hang."""


class Found(NamedTuple):
    """A file or folder on disk; `follow` if the caller named it, and so a link may be followed."""

    name: str
    path: str
    is_dir: bool
    size: int
    follow: bool


class Skipped(NamedTuple):
    """What was left out, and why."""

    path: str
    reason: str


def walk(path: PathLike, on_skip: OnSkip, exclude: tuple[int, int] | None) -> Iterator[Found]:
    """Yield `path` and, if it is a folder, everything below it, sorted by name.

    `exclude` is the device and inode of the output, which is never its own input. Raises InputUnavailable
    when `path` itself is not there, BadInput when it is the output.
    """
    top = os.fspath(path)
    if not isinstance(top, str):
        raise BadInput("a path is a str")
    try:
        found = os.stat(top)
    except (OSError, ValueError) as error:
        raise InputUnavailable(f"{top}: {getattr(error, 'strerror', None) or error}") from None
    name = os.path.basename(os.path.abspath(top))
    if stat.S_ISREG(found.st_mode):
        if (found.st_dev, found.st_ino) == exclude:
            raise BadInput(f"{top} is the output too")
        yield Found(name, top, False, found.st_size, True)
    elif stat.S_ISDIR(found.st_mode):
        inside = os.path.basename(os.path.normpath(top)) in ("", ".", "..")
        if not inside:
            yield Found(name, top, True, 0, True)
        yield from _walk_folder(top, "" if inside else name + "/", on_skip, exclude)
    elif stat.S_ISFIFO(found.st_mode) or stat.S_ISCHR(found.st_mode):
        raise InputUnavailable(f"{top}: a pipe or device", hint=f"read it from standard input: - < {top}")
    else:
        raise InputUnavailable(f"{top}: neither a file nor a folder")


def _walk_folder(path: str, prefix: str, on_skip: OnSkip, exclude: tuple[int, int] | None) -> Iterator[Found]:
    try:
        with os.scandir(path) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        on_skip(path, error.strerror or str(error))
        return
    for entry in entries:
        name = prefix + entry.name
        reason = _unfit(entry, name)
        if reason:
            on_skip(entry.path, reason)
        elif entry.is_dir(follow_symlinks=False):
            yield Found(name, entry.path, True, 0, False)
            yield from _walk_folder(entry.path, name + "/", on_skip, exclude)
        else:
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError as error:
                on_skip(entry.path, error.strerror or str(error))
                continue
            if (found.st_dev, found.st_ino) == exclude:
                on_skip(entry.path, "is the output")
                continue
            yield Found(name, entry.path, False, found.st_size, False)


def _unfit(entry: os.DirEntry[str], name: str) -> str | None:
    if entry.is_symlink():
        return "is a symbolic link"
    if not entry.is_dir(follow_symlinks=False) and not entry.is_file(follow_symlinks=False):
        return "is not a regular file"
    try:
        check_path(name)
    except BadPath as error:
        return "its name cannot be stored: " + str(error).encode(errors="backslashreplace").decode()
    return None


def fill(stream: BinaryIO, size: int) -> bytes:
    """Read `size` bytes from a stream, fewer only at its end. Raises InputUnavailable, BadInput."""
    pieces: list[bytes] = []
    while size:
        try:
            piece = stream.read(size)
        except OSError as error:
            raise InputUnavailable(f"reading the input: {error.strerror or error}") from None
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise BadInput("a source must give bytes: open it in binary mode")
        if not piece:
            break
        piece = bytes(piece)
        if len(piece) > size:
            raise BadInput("a source gave more bytes than it was asked for")
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class IteratorReader:
    """An iterator of bytes as something that `fill` can read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none only at the end."""
        while not self._rest:
            try:
                piece = next(self._pieces)
            except StopIteration:
                return b""
            if not isinstance(piece, bytes | bytearray | memoryview):
                raise BadInput("an iterator of bytes gave something else")
            self._rest = bytes(piece)
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece
