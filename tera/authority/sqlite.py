"""An authority's state in one SQLite file, shared by any number of threads and processes.

The law of this file: count, event and answer are written by one transaction, which has held the write lock since
it began, and is on the disk before anything leaves; so whoever is killed has released nothing, or has counted it.

    opens     how often a viewer has opened a container, and when first
    kept      the releases of the last day or so, by H(request)
    envelope  the newest policy by a signer; mark: what was seen of policies and block lists
    viewer    whose key is whose; reported: how many events of a device were reported
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tera.audit.events import Event
from tera.audit.log import Log
from tera.authority.ports import Kept, State, Transaction, View
from tera.authority.turns import Turns
from tera.policy.marks import Mark, MarkKey, raised
from tera.state import logdb
from tera.state.database import Database
from tera.state.logdb import SqliteLog
from tera.state.reader import Opens

APPLICATION: Final = 0x74657241  # "terA"
VERSION: Final = 1
SCHEMA: Final = (
    "CREATE TABLE opens (bind BLOB NOT NULL, viewer TEXT NOT NULL, count INTEGER NOT NULL, first INTEGER NOT NULL,"
    " PRIMARY KEY (bind, viewer)) WITHOUT ROWID",
    "CREATE TABLE kept (request BLOB PRIMARY KEY, viewer TEXT NOT NULL, bind BLOB NOT NULL, session BLOB NOT NULL,"
    " before INTEGER NOT NULL, issued INTEGER NOT NULL, answer BLOB NOT NULL)",
    "CREATE INDEX kept_issued ON kept (issued)",
    "CREATE TABLE envelope (signer BLOB NOT NULL, policy BLOB NOT NULL, body BLOB NOT NULL,"
    " PRIMARY KEY (signer, policy)) WITHOUT ROWID",
    "CREATE TABLE mark (kind TEXT NOT NULL, signer BLOB NOT NULL, name BLOB NOT NULL, version INTEGER NOT NULL,"
    " digest BLOB NOT NULL, PRIMARY KEY (kind, signer, name)) WITHOUT ROWID",
    "CREATE TABLE viewer (fingerprint BLOB PRIMARY KEY, viewer TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE reported (device BLOB PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID",
    *logdb.SCHEMA,
)


class _Tables(Transaction):
    """The tables, on a connection with a transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._log = SqliteLog(db)

    def _row(self, types: tuple[type, ...], statement: str, *values: Any) -> Any:
        """Return one row, or None; a column that holds something else than `types` is damage like any other."""
        found = self._db.execute(statement, values).fetchone()
        if found is not None and tuple(map(type, found)) != types:
            raise sqlite3.DataError("a column holds what was never written to it")
        return found

    @property
    def log(self) -> Log:
        return self._log

    def get(self, key: MarkKey, /) -> Mark | None:
        statement = "SELECT version, digest FROM mark WHERE kind = ? AND signer = ? AND name = ?"
        found = self._row((int, bytes), statement, key.kind, key.signer, key.name)
        return None if found is None else Mark(*found)

    def last_time(self) -> int:
        found = self._row((int,), "SELECT coalesce(max(t), 0) FROM log_event")
        return int(found[0])

    def opens(self, bind: bytes, viewer: str) -> Opens:
        found = self._row((int, int), "SELECT count, first FROM opens WHERE bind = ? AND viewer = ?", bind, viewer)
        return Opens() if found is None else Opens(*found)

    def kept(self, request: bytes) -> Kept | None:
        statement = "SELECT viewer, bind, session, before, issued, answer FROM kept WHERE request = ?"
        found = self._row((str, bytes, bytes, int, int, bytes), statement, request)
        return None if found is None else Kept(*found)

    def envelope(self, signer: bytes, policy_id: bytes) -> bytes | None:
        found = self._row((bytes,), "SELECT body FROM envelope WHERE signer = ? AND policy = ?", signer, policy_id)
        return None if found is None else bytes(found[0])

    def viewer(self, fingerprint: bytes) -> str | None:
        found = self._row((str,), "SELECT viewer FROM viewer WHERE fingerprint = ?", fingerprint)
        return None if found is None else str(found[0])

    def reported(self, device: bytes) -> int | None:
        found = self._row((int,), "SELECT count FROM reported WHERE device = ?", device)
        return None if found is None else int(found[0])

    def record(self, event: Event) -> None:
        self._log.append(event.pack())

    def count(self, bind: bytes, viewer: str, now: int) -> None:
        self._db.execute(
            "INSERT INTO opens (bind, viewer, count, first) VALUES (?, ?, 1, ?)"
            " ON CONFLICT (bind, viewer) DO UPDATE SET count = count + 1",
            (bind, viewer, now),
        )

    def keep(self, request: bytes, kept: Kept) -> None:
        self._db.execute(
            "INSERT INTO kept (request, viewer, bind, session, before, issued, answer) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (request, kept.viewer, kept.bind, kept.session, kept.before, kept.issued, kept.answer),
        )

    def forget(self, before: int) -> None:
        self._db.execute("DELETE FROM kept WHERE issued < ?", (before,))

    def keep_envelope(self, signer: bytes, policy_id: bytes, body: bytes) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO envelope (signer, policy, body) VALUES (?, ?, ?)", (signer, policy_id, body)
        )

    def raise_mark(self, key: MarkKey, mark: Mark) -> None:
        new = raised(self.get(key), mark)
        self._db.execute(
            "INSERT OR REPLACE INTO mark (kind, signer, name, version, digest) VALUES (?, ?, ?, ?, ?)",
            (key.kind, key.signer, key.name, new.version, new.digest),
        )

    def enrol(self, fingerprint: bytes, viewer: str | None) -> None:
        if viewer is None:
            self._db.execute("DELETE FROM viewer WHERE fingerprint = ?", (fingerprint,))
        else:
            self._db.execute("INSERT OR REPLACE INTO viewer (fingerprint, viewer) VALUES (?, ?)", (fingerprint, viewer))

    def set_reported(self, device: bytes, count: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO reported (device, count) VALUES (?, ?)", (device, count))


class SqliteState(State):
    """A file, made if it is not there. Raises StateUnavailable for one that is damaged or another's."""

    def __init__(self, path: Path | str) -> None:
        self._database = Database(
            path, application=APPLICATION, version=VERSION, schema=SCHEMA, what="the authority's state"
        )
        self._turns = Turns(f"{self._database.path}-turns")

    def close(self) -> None:
        """Close the file."""
        self._database.close()
        self._turns.close()

    @contextmanager
    def reading(self) -> Iterator[View]:
        with self._database.reading() as db:
            yield _Tables(db)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._turns.taken(), self._database.transaction() as db:
            yield _Tables(db)
