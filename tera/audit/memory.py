"""A log in memory: for tests, and for an authority that keeps nothing.

The law of this file: it keeps the promises of `tera.audit.log.Log`, and what it holds ends with the process.
"""

from __future__ import annotations

from collections.abc import Iterator

from tera.audit import tree
from tera.audit.events import parse_event
from tera.audit.log import Entry, Log, Query, Record, Signed, keys_of
from tera.errors import BadLog, NoSuchEvent


class MemoryLog(Log):
    """A list of records."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._checkpoints: dict[int, Signed] = {}

    def append(self, event: bytes) -> int:
        keys = keys_of(parse_event(event))
        index = len(self._records)
        hashes = tree.completed(index, tree.leaf_hash(event), self.node)
        self._records.append(Record(index, event, b"".join(hashes), keys))
        return index

    def size(self) -> int:
        return len(self._records)

    def node(self, level: int, index: int) -> bytes:
        record = self._record(((index + 1) << level) - 1)
        return record.hashes[level * tree.HASH_LENGTH :][: tree.HASH_LENGTH]

    def event(self, index: int) -> bytes:
        return self._record(index).data

    def records(self, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        yield from self._records[start:stop]

    def find(self, query: Query, *, start: int = 0, limit: int = 1_000, newest: bool = False) -> list[Entry]:
        found = [Entry(one.index, one.data) for one in self._records[start:] if query.matches(one.keys)]
        return (found[::-1] if newest else found)[:limit]

    def add_checkpoint(self, signed: Signed) -> None:
        if signed.size in self._checkpoints:
            raise BadLog(f"there is a checkpoint of {signed.size:,} events")
        self._checkpoints[signed.size] = signed

    def checkpoints(self) -> Iterator[Signed]:
        yield from (self._checkpoints[size] for size in sorted(self._checkpoints))

    def last_checkpoint(self) -> Signed | None:
        return self._checkpoints[max(self._checkpoints)] if self._checkpoints else None

    def _record(self, index: int) -> Record:
        if not 0 <= index < len(self._records):
            raise NoSuchEvent(f"the log has {len(self._records):,} events, none with the number {index:,}")
        return self._records[index]
