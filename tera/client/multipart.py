"""multipart/form-data on its way out: the manifest first, then files, read as they are sent.

The law of this file: a name arrives as it was meant or is refused here; a file that changes while it is read is an
error, and never a shorter or longer part. Nothing but a piece is in memory. Where every size is known, so is the
whole's.
"""

from __future__ import annotations

import mimetypes
import os
import re
import secrets
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, TypeAlias, cast

from tera.client.transport import PIECE, Pieces
from tera.codec import sources
from tera.codec.sources import Content, OnSkip, Source
from tera.errors import BadInput, InputChanged, InputUnavailable

_PLAIN: Final = "application/octet-stream"
_AMBIGUOUS: Final = re.compile(r"%(?:0A|0D|22)|^.:\\|^\\\\|[\x00-\x1f\x7f]")
"""What a receiver takes for something else: an escape, or a path of Windows."""


@dataclass(frozen=True, slots=True)
class FileOnDisk:
    """A file that is read when it is sent."""

    path: str
    size: int
    flags: int

    again = True

    def pieces(self) -> Pieces:
        """Yield `size` bytes. Raises InputUnavailable, InputChanged."""
        try:
            fd = os.open(self.path, self.flags)
        except OSError as error:
            raise InputUnavailable(f"{self.path}: {error.strerror or error}") from None
        try:
            before = os.fstat(fd)
            if not stat.S_ISREG(before.st_mode) or before.st_size != self.size:
                raise self._changed()
            left = self.size
            while left and (piece := os.read(fd, min(left, PIECE))):
                left -= len(piece)
                yield piece
            if left or os.read(fd, 1) or os.fstat(fd).st_mtime_ns != before.st_mtime_ns:
                raise self._changed()
        except OSError as error:
            raise InputUnavailable(f"{self.path}: {error.strerror or error}") from None
        finally:
            os.close(fd)

    def _changed(self) -> InputChanged:
        return InputChanged(f"{self.path} changed while it was read")


class Given:
    """Content from memory, a stream or an iterator; only from memory it is there twice."""

    def __init__(self, content: Content) -> None:
        if isinstance(content, str):
            raise TypeError("content is bytes; a str would need an encoding")
        self._content = content
        held = isinstance(content, bytes | bytearray | memoryview)
        self.again = held
        self.size: int | None = memoryview(cast(bytes, content)).nbytes if held else None

    def pieces(self) -> Pieces:
        """Yield it. Raises InputUnavailable, BadInput."""
        if isinstance(self._content, bytes | bytearray | memoryview):
            yield memoryview(self._content).cast("B")
            return
        content = self._content
        stream = cast(BinaryIO, content if hasattr(content, "read") else sources.IteratorReader(content))
        yield from iter(lambda: sources.fill(stream, PIECE), b"")


Part: TypeAlias = "tuple[str, FileOnDisk | Given]"


def gather(given: Iterable[Source], on_skip: OnSkip | None) -> Iterator[Part]:
    """Yield name and content of every file of `given`, as `Encoder` takes them; folders are their files.

    Raises InputUnavailable for what is not there, and, without `on_skip`, for what cannot be taken.
    """

    def skip(path: str, why: str) -> None:
        if on_skip is None:
            raise InputUnavailable(f"{path}: {why}")
        on_skip(path, why)

    for one in given:
        if isinstance(one, tuple):
            name, content = one
            yield name, Given(content)
            continue
        for found in sources.walk(one, skip, None):
            if not found.is_dir:
                flags = sources.OPEN_FLAGS & ~os.O_NOFOLLOW if found.follow else sources.OPEN_FLAGS
                yield found.name, FileOnDisk(found.path, found.size, flags)


class Form:
    """A body of a manifest and files. Raises BadInput for a name that cannot be sent, or comes twice."""

    def __init__(self, manifest: bytes, parts: Iterable[Part]) -> None:
        boundary = f"tera-{secrets.token_hex(16)}"
        self.type = f"multipart/form-data; boundary={boundary}"
        self._line = f"--{boundary}\r\n".encode()
        self._end = f"--{boundary}--\r\n".encode()
        disposition = 'form-data; name="manifest"; filename="manifest"'
        self._parts = [(self._head(disposition, "application/json"), cast("FileOnDisk | Given", Given(manifest)))]
        self.names: list[str] = []
        for name, content in parts:
            self.names.append(name)
            self._parts.append(
                (self._head(f'form-data; name="files"; filename="{_quoted(name)}"', _type(name)), content)
            )
        double = next((name for name, count in Counter(self.names).items() if count > 1), None)
        if double is not None:
            raise BadInput(f"two of the inputs would be {double!r} in the container", hint="send the folder above them")
        sizes = [content.size for _, content in self._parts]
        heads = sum(len(head) + 2 for head, _ in self._parts) + len(self._end)
        self.size = None if None in sizes else heads + sum(cast("list[int]", sizes))
        self.again = all(content.again for _, content in self._parts)

    def _head(self, disposition: str, type: str) -> bytes:
        return self._line + f"Content-Disposition: {disposition}\r\nContent-Type: {type}\r\n\r\n".encode()

    def pieces(self) -> Pieces:
        """See `Body`."""
        for head, content in self._parts:
            yield head
            yield from content.pieces()
            yield b"\r\n"
        yield self._end


def _quoted(name: str) -> str:
    """Return a name as browsers write it. Raises BadInput for what would arrive as another."""
    if _AMBIGUOUS.search(name) or not name:
        raise BadInput(f"{name!r}: a form cannot carry this name", hint="rename it, or seal it here")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{name!r}: its name is not text") from None
    return name.replace('"', "%22")


def _type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or _PLAIN
