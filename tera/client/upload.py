"""A sealed container on its way to a library service.

The law of this file: what is sent is a file as it was when it was opened; it can be sent again, from the start.
"""

from __future__ import annotations

import os
from typing import BinaryIO, Final

from tera.client.transport import PIECE, Pieces
from tera.codec.source import as_source
from tera.errors import InputChanged

TYPE: Final = "application/vnd.tera"


class Sealed:
    """A `Body` of a path or a file object that can seek. Use it as a context manager. Raises InputUnavailable."""

    again = True
    type = TYPE

    def __init__(self, sealed: str | os.PathLike[str] | BinaryIO) -> None:
        self._source, self._close = as_source(sealed)
        self.size: int | None = self._source.size

    def __enter__(self) -> Sealed:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._close()

    def pieces(self) -> Pieces:
        """See `Body`. Raises InputChanged."""
        at, size = 0, self._source.size
        while at < size:
            piece = self._source.read_at(at, min(PIECE, size - at))
            if not piece:
                raise InputChanged("the container became shorter while it was read")
            at += len(piece)
            yield piece
