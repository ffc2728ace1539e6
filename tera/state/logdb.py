"""The audit log in SQLite, on a connection and inside a transaction that are the caller's.

The law of this file: an event and the hashes that it completes are written by one transaction that has held
the write lock since its beginning, or not at all. Measured: with Python's default, deferred transactions, 4
processes broke 45 of 1,200 links of a chain, without an error. Here the number of an event is found by
the statement that inserts it, it is a primary key, and without an open transaction nothing is appended. The
transaction is `database.py`'s, and so is what it says when it cannot begin or end.

    log_event       one row an event: its bytes, and the columns by which it is found
    log_node        one row an event: the hashes of the subtrees that it completes, from its own upwards (64 bytes
                    on average); so node (level, index) is in the row of the last leaf below it
    log_checkpoint  one row a signed checkpoint
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tera.audit import tree
from tera.audit.events import parse_event
from tera.audit.log import Entry, Log, Query, Record, Signed, keys_of
from tera.errors import BadLog, LogUnavailable, NoSuchEvent
from tera.state.database import failures

SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS log_event (idx INTEGER PRIMARY KEY, t INTEGER NOT NULL, kind TEXT NOT NULL, id BLOB,"
    " bind BLOB, sub BLOB, viewer TEXT, data BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS log_node (idx INTEGER PRIMARY KEY, hashes BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS log_checkpoint (size INTEGER PRIMARY KEY, t INTEGER NOT NULL, note BLOB NOT NULL)",
    # Of one column each: so their rows are in the order of the log, and the newest few are found without sorting.
    "CREATE INDEX IF NOT EXISTS log_event_t ON log_event (t)",
    "CREATE INDEX IF NOT EXISTS log_event_kind ON log_event (kind)",
    "CREATE INDEX IF NOT EXISTS log_event_id ON log_event (id) WHERE id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS log_event_bind ON log_event (bind) WHERE bind IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS log_event_sub ON log_event (sub) WHERE sub IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS log_event_viewer ON log_event (viewer) WHERE viewer IS NOT NULL",
)
PAGE: Final = 1_000
"""Rows that a walk reads at once: no statement stays open between them."""

_LARGEST: Final = 2**63 - 1
_APPEND: Final = (
    "INSERT INTO log_event (idx, t, kind, id, bind, sub, viewer, data)"
    " SELECT coalesce(max(idx), -1) + 1, ?, ?, ?, ?, ?, ?, ? FROM log_event"
)
_RECORDS: Final = (
    "SELECT e.idx, e.data, n.hashes, e.t, e.kind, e.id, e.bind, e.sub, e.viewer FROM log_event e"
    " LEFT JOIN log_node n ON n.idx = e.idx WHERE e.idx >= ? AND e.idx < ? ORDER BY e.idx LIMIT ?"
)


class SqliteLog(Log):
    """A log in the tables of `SCHEMA`, on the connection that a `Database` gives."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def append(self, event: bytes) -> int:
        """Record one event inside the caller's transaction (`BEGIN IMMEDIATE`), and return its number."""
        if not self._db.in_transaction:
            raise ValueError("an event is appended inside a transaction")
        keys = keys_of(parse_event(event))
        index = self._insert(_APPEND, *keys, event)
        hashes = tree.completed(index, tree.leaf_hash(event), self.node)
        self._insert("INSERT INTO log_node (idx, hashes) VALUES (?, ?)", index, b"".join(hashes))
        return index

    def size(self) -> int:
        (last,) = self._row("SELECT max(idx) FROM log_event")
        if last is None:
            return 0
        if type(last) is not int or not 0 <= last < _LARGEST:
            raise BadLog("the log was changed: the number of an event is none")
        return last + 1

    def node(self, level: int, index: int) -> bytes:
        row = ((index + 1) << level) - 1
        found = self._row("SELECT hashes FROM log_node WHERE idx = ?", row) if 0 <= row <= _LARGEST else None
        if found is None:
            if 0 <= row < self.size():
                raise BadLog(f"the hashes of event {row:,} are missing")
            raise NoSuchEvent(f"the log has no hash of the events before {row + 1:,}")
        node = _blob(found[0])[level * tree.HASH_LENGTH :][: tree.HASH_LENGTH]
        if len(node) != tree.HASH_LENGTH:
            raise BadLog(f"the hashes of event {row:,} are cut short")
        return node

    def event(self, index: int) -> bytes:
        found = self._row("SELECT data FROM log_event WHERE idx = ?", index) if 0 <= index <= _LARGEST else None
        if found is None:
            raise NoSuchEvent(f"the log has no event {index:,}")
        return _blob(found[0])

    def records(self, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        stop = _LARGEST if stop is None else min(stop, _LARGEST)
        while rows := self._rows(_RECORDS, start, stop, PAGE):
            for index, data, hashes, *keys in rows:
                yield Record(index, _blob(data), _blob(hashes), tuple(keys))
            start = rows[-1][0] + 1

    def find(self, query: Query, *, start: int = 0, limit: int = 1_000, newest: bool = False) -> list[Entry]:
        clauses = ["idx >= ?"]
        values: list[Any] = [min(max(start, 0), _LARGEST)]
        if query.kinds:
            clauses.append(f"kind IN ({', '.join('?' * len(query.kinds))})")
            values += query.kinds
        for clause, value in (
            ("id = ?", query.container),
            ("bind = ?", query.bind),
            ("sub = ?", query.subject),
            ("viewer = ?", query.viewer),
            ("t >= ?", query.since),
            ("t < ?", query.until),
        ):
            if value is not None:
                clauses.append(clause)
                values.append(value)
        # The clauses are the constants above, the values are parameters.
        statement = f"SELECT idx, data FROM log_event WHERE {' AND '.join(clauses)}"  # noqa: S608
        rows = self._rows(f"{statement} ORDER BY idx {'DESC' if newest else 'ASC'} LIMIT ?", *values, max(limit, 0))
        return [Entry(index, _blob(data)) for index, data in rows]

    def add_checkpoint(self, signed: Signed) -> None:
        self._insert(
            "INSERT INTO log_checkpoint (size, t, note) VALUES (?, ?, ?)", signed.size, signed.time, signed.note
        )

    def checkpoints(self) -> Iterator[Signed]:
        start = 0
        statement = "SELECT size, t, note FROM log_checkpoint WHERE size >= ? ORDER BY size LIMIT ?"
        while rows := self._rows(statement, start, PAGE):
            yield from (Signed(size, time, _blob(note)) for size, time, note in rows)
            start = rows[-1][0] + 1

    def last_checkpoint(self) -> Signed | None:
        found = self._row("SELECT size, t, note FROM log_checkpoint ORDER BY size DESC LIMIT 1")
        return None if found is None else Signed(found[0], found[1], _blob(found[2]))

    def _insert(self, statement: str, *values: Any) -> int:
        with _log_failures():
            row = self._db.execute(statement, values).lastrowid
        assert row is not None  # it is not, after an INSERT
        return row

    def _row(self, statement: str, *values: Any) -> Any:
        with _log_failures():
            return self._db.execute(statement, values).fetchone()

    def _rows(self, statement: str, *values: Any) -> list[Any]:
        with _log_failures():
            return self._db.execute(statement, values).fetchall()


@contextmanager
def _log_failures() -> Iterator[None]:
    """Tell a log that was changed from one that cannot be used: LogUnavailable, or BadLog."""
    with failures("the log", LogUnavailable):
        try:
            yield
        except sqlite3.IntegrityError:
            raise BadLog("the log was changed: what is to be added is there already") from None
        except sqlite3.OperationalError as error:
            if not str(error).startswith("Could not decode"):
                raise
            raise BadLog("the log was changed: a text in it is not UTF-8") from None


def _blob(value: Any) -> bytes:
    """Return what a column holds; what somebody wrote there by hand may be of another type, or missing."""
    return value if isinstance(value, bytes) else b""
