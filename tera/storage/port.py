"""The port of a store of blobs: written once, whole or not at all, read at any place.

The law of this file: a blob appears under its key when it is complete and durable, and is never changed. A key is
the library's own choice, and every store takes the same ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from tera.codec.output import Output
from tera.codec.segment import ReadAt
from tera.errors import BadInput

KEY_BYTES: Final = 512
_PART: Final = r"[a-z0-9][a-z0-9._-]{0,199}"
_KEY: Final = re.compile(f"{_PART}(?:/{_PART})*")


@dataclass(frozen=True, slots=True)
class Blob:
    """What a listing says of a blob; `modified` is in seconds since 1970 UTC, by the store's clock."""

    key: str
    size: int
    modified: int


class OpenBlob(ReadAt, Protocol):
    """A blob's bytes, by offset, from any thread."""

    def close(self) -> None:
        """Give back what reading it holds."""
        ...


class Store(Protocol):
    """Blobs by key. Every method may raise BadInput for a key that is none, and StoreUnavailable.

    A key is never the beginning, up to a slash, of another one: in a folder one of them is a file.
    """

    def create(self, key: str) -> Output:
        """Return where a new blob is written; it is there after `commit`, which raises OutputExists if it was.

        Writing may raise StoreUnavailable, and LimitExceeded for what is longer than the store's blobs can be.
        """
        ...

    def open(self, key: str) -> OpenBlob:
        """Return a blob to be read. Raises NoSuchBlob."""
        ...

    def delete(self, key: str) -> None:
        """Remove a blob, if it is there."""
        ...

    def blobs(self, prefix: str = "") -> Iterator[Blob]:
        """Yield the blobs whose key starts with `prefix`, each once, in no order that stores would agree on."""
        ...

    def sweep(self) -> int:
        """Remove what killed writers left a day ago or earlier; return how many such files there were."""
        ...

    def check(self) -> None:
        """Return when the store answers. Raises StoreUnavailable."""
        ...


def check_key(key: str) -> None:
    """Raise BadInput for what no store takes as a key."""
    if len(key) > KEY_BYTES or not _KEY.fullmatch(key):
        raise BadInput("a blob's key has parts of a-z, 0-9, '.', '_' and '-', which start with a letter or digit")
