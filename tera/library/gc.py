"""What nobody needs any more: blobs without a row, and files that killed writers left half-written.

The law of this file: nothing is touched that is less than a day old: its row may be about to be written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from tera.catalog import blobs
from tera.library.library import Library
from tera.storage.port import Blob

AGE: Final = 86_400
"""Seconds."""
BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Collected:
    """How many blobs without a row there were, their bytes, and how many half-written files were removed."""

    blobs: int
    bytes: int
    partial: int


def garbage(library: Library) -> Iterator[Blob]:
    """Yield the blobs that no row names, and that are a day old."""
    before = library.now() - AGE
    old = (one for one in library.store.blobs() if one.modified < before)
    while batch := list(islice(old, BATCH)):
        with library.catalog.reading() as db:
            wanted = blobs.in_use(db, [one.key for one in batch])
        yield from (one for one in batch if one.key not in wanted)


def collect(library: Library, *, delete: bool = True) -> Collected:
    """Remove them, or only count them. Raises what the store and the catalog do."""
    count, size = 0, 0
    for one in garbage(library):
        if delete:
            library.store.delete(one.key)
        count, size = count + 1, size + one.size
    return Collected(count, size, library.store.sweep() if delete else 0)
