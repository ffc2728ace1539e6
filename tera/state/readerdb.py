"""A reader's memory in one SQLite file.

The law of this file: it is opened, and SQLite imported, when it is first needed, so that a container without rules
needs none; what it says when it cannot be used is `database.py`'s.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tera.policy.marks import Mark, MarkKey, raised
from tera.state.reader import Opens, ReaderState, check_clock

if TYPE_CHECKING:
    import sqlite3

    from tera.audit.events import Event
    from tera.audit.log import Log
    from tera.release.lease import Lease
    from tera.state.database import Database

APPLICATION: Final = 0x74657252  # "terR"
VERSION: Final = 1
SCHEMA: Final = (
    "CREATE TABLE mark (kind TEXT NOT NULL, signer BLOB NOT NULL, name BLOB NOT NULL, version INTEGER NOT NULL,"
    " digest BLOB NOT NULL, PRIMARY KEY (kind, signer, name)) WITHOUT ROWID",
    "CREATE TABLE opens (bind BLOB NOT NULL, viewer TEXT NOT NULL, count INTEGER NOT NULL, first INTEGER NOT NULL,"
    " PRIMARY KEY (bind, viewer)) WITHOUT ROWID",
    "CREATE TABLE lease (bind BLOB NOT NULL, authority BLOB NOT NULL, request BLOB NOT NULL, answer BLOB NOT NULL,"
    " salt BLOB NOT NULL, wrapped BLOB NOT NULL, ends INTEGER NOT NULL, PRIMARY KEY (bind, authority)) WITHOUT ROWID",
    "CREATE TABLE reported (authority BLOB PRIMARY KEY, size INTEGER NOT NULL, sent INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE seen (one INTEGER PRIMARY KEY CHECK (one = 1), time INTEGER NOT NULL)",
)


class SqliteReaderState(ReaderState):
    """See `ReaderState`; `path` is made, with its folder, when something has to be remembered."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._database: Database | None = None

    @property
    def _db(self) -> Database:
        with self._lock:
            if self._database is None:
                from tera.state import database, logdb

                schema = (*SCHEMA, *logdb.SCHEMA)
                self._database = database.Database(
                    self.path, application=APPLICATION, version=VERSION, schema=schema, what="the reader's state"
                )
            return self._database

    def close(self) -> None:
        """Close the file, if it was opened."""
        with self._lock:
            if self._database is not None:
                self._database.close()
            self._database = None

    def get(self, key: MarkKey, /) -> Mark | None:
        with self._db.reading() as db:
            return _mark(db, key)

    def raise_marks(self, marks: Mapping[MarkKey, Mark]) -> None:
        if not marks:
            return
        with self._db.transaction() as db:
            for key, mark in marks.items():
                new = raised(_mark(db, key), mark)
                db.execute(
                    "INSERT OR REPLACE INTO mark (kind, signer, name, version, digest) VALUES (?, ?, ?, ?, ?)",
                    (key.kind, key.signer, key.name, new.version, new.digest),
                )

    def see(self, now: int) -> None:
        seen = self.seen()
        check_clock(now, seen)
        if now > seen + 60:  # once a minute is enough for a clock that was set back by more than five
            with self._db.transaction() as db:
                db.execute("INSERT OR REPLACE INTO seen (one, time) VALUES (1, ?)", (max(now, _seen(db)),))

    def seen(self) -> int:
        with self._db.reading() as db:
            return _seen(db)

    def opens(self, bind: bytes, viewer: str) -> Opens:
        with self._db.reading() as db:
            return _opens(db, bind, viewer)

    def count(self, bind: bytes, viewer: str, now: int, check: Callable[[Opens], Event]) -> None:
        with self._db.transaction() as db:
            before = _opens(db, bind, viewer)
            _log(db).append(check(before).pack())
            db.execute(
                "INSERT INTO opens (bind, viewer, count, first) VALUES (?, ?, 1, ?)"
                " ON CONFLICT (bind, viewer) DO UPDATE SET count = count + 1",
                (bind, viewer, now),
            )

    def record(self, event: Event) -> None:
        with self._db.transaction() as db:
            _log(db).append(event.pack())

    def lease(self, bind: bytes, authority: bytes) -> Lease | None:
        statement = "SELECT request, answer, salt, wrapped FROM lease WHERE bind = ? AND authority = ?"
        with self._db.reading() as db:
            found = _row(db, statement, (bind, authority), (bytes,) * 4)
        if found is None:
            return None
        from tera.release.lease import Lease

        return Lease(*found)

    def keep_lease(self, bind: bytes, authority: bytes, lease: Lease, ends: int) -> None:
        with self._db.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO lease (bind, authority, request, answer, salt, wrapped, ends)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (bind, authority, lease.request, lease.answer, lease.salt, lease.wrapped, ends),
            )
        self._db.erase()

    def drop_leases(self, now: int) -> None:
        with self._db.transaction() as db:
            db.execute("DELETE FROM lease WHERE ends <= ?", (now,))
        self._db.erase()

    def reported(self, authority: bytes) -> int:
        return self._reported(authority)[0]

    def sent(self, authority: bytes) -> int:
        return self._reported(authority)[1]

    def set_reported(self, authority: bytes, size: int, sent: int) -> None:
        with self._db.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO reported (authority, size, sent) VALUES (?, ?, ?)", (authority, size, sent)
            )

    def _reported(self, authority: bytes) -> tuple[int, int]:
        with self._db.reading() as db:
            found = _row(db, "SELECT size, sent FROM reported WHERE authority = ?", (authority,), (int, int))
        return (0, 0) if found is None else found

    @contextmanager
    def log(self) -> Iterator[Log]:
        with self._db.reading() as db:
            yield _log(db)


def _log(db: sqlite3.Connection) -> Log:
    from tera.state.logdb import SqliteLog

    return SqliteLog(db)


def _mark(db: sqlite3.Connection, key: MarkKey) -> Mark | None:
    statement = "SELECT version, digest FROM mark WHERE kind = ? AND signer = ? AND name = ?"
    found = _row(db, statement, (key.kind, key.signer, key.name), (int, bytes))
    return None if found is None else Mark(*found)


def _opens(db: sqlite3.Connection, bind: bytes, viewer: str) -> Opens:
    statement = "SELECT count, first FROM opens WHERE bind = ? AND viewer = ?"
    found = _row(db, statement, (bind, viewer), (int, int))
    return Opens() if found is None else Opens(*found)


def _seen(db: sqlite3.Connection) -> int:
    times = "SELECT max(t) / 1000 AS time FROM log_event UNION ALL SELECT time FROM seen"
    found = _row(db, f"SELECT coalesce(max(time), 0) FROM ({times})", (), (int,))  # noqa: S608
    return 0 if found is None else int(found[0])


def _row(db: sqlite3.Connection, statement: str, values: Sequence[Any], types: tuple[type, ...]) -> Any:
    """Return one row, or None; a column that holds something else than `types` is damage like any other."""
    found = db.execute(statement, values).fetchone()
    if found is not None and tuple(map(type, found)) != types:
        import sqlite3

        raise sqlite3.DataError("a column holds what was never written to it")
    return found
