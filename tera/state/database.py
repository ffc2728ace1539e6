"""One SQLite file: opened, checked, and written in transactions that are on the disk when they end.

The law of this file: whoever cannot read its state, or cannot write it, gets nothing done. A file that is
damaged, another program's or a newer version's is never repaired, emptied or written to; the error says what may
be done. A transaction that writes has held the write lock since its beginning: what it has read is still so.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tera.errors import StateUnavailable

TIMEOUT: Final = 10.0
"""Seconds that a writer waits for another one."""


class Database:
    """A file with the tables of `schema`, made if it is not there; each thread has a connection of its own.

    `application` is SQLite's application_id, `version` that of the schema; `what` is what errors call it. Raises
    StateUnavailable.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        application: int,
        version: int,
        schema: Sequence[str],
        what: str,
        timeout: float = TIMEOUT,
    ) -> None:
        self.path = Path(path)
        self._application, self._version, self._schema = application, version, schema
        self._what = f"{what} {self.path}"
        self._timeout = timeout
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._process = os.getpid()
        with self.failures():
            self._prepare(self._connection())

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock from the first statement on; commit at the end, undo all if anything is raised."""
        with self._within("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """See one state of everything."""
        with self._within("BEGIN") as connection:
            yield connection

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            opened, self._opened = self._opened, []
        for connection in opened:
            connection.close()
        self._local = threading.local()

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Let no exception of SQLite out."""
        try:
            yield
        except sqlite3.OperationalError as error:
            hint = "is it writable, and is there room? TERA_STATE names another folder"
            if "locked" in str(error) or "busy" in str(error):
                hint = "another process has been writing to it for long: try again"
            raise StateUnavailable(f"{self._what} cannot be used: {error}", hint=hint) from None
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise StateUnavailable(
                f"{self._what} is damaged: {error}",
                hint="restore it from a backup; or move it away: what it remembered is forgotten then",
            ) from None

    @contextmanager
    def _within(self, begin: str) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        with self.failures():
            connection.execute(begin)
        try:
            with self.failures():
                yield connection
                connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                with self.failures():
                    connection.rollback()

    def _connection(self) -> sqlite3.Connection:
        if os.getpid() != self._process:  # a connection must not cross a fork
            self._local, self._opened, self._process = threading.local(), [], os.getpid()
            self._lock = threading.Lock()
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            with self.failures():
                found = self._connect()
            self._local.connection = found
            with self._lock:
                self._opened.append(found)
        return found

    def _connect(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            hint = "TERA_STATE names another folder"
            raise StateUnavailable(f"{self._what}: {error.strerror or error}", hint=hint) from None
        connection = sqlite3.connect(self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA secure_delete = ON")  # a lease that has ended is erased, not only unlinked
            if self._is_ours(connection):
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_ours(self, connection: sqlite3.Connection) -> bool:
        """Refuse another program's file, and a newer version's, before anything is written to it."""
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if (application, version) != (self._application, self._version) and not (empty and application == version == 0):
            newer = application == self._application and version > self._version
            reason = f"is of version {version}, this tera writes {self._version}" if newer else "is no such file"
            hint = "use the newer tera" if newer else "TERA_STATE names another folder"
            raise StateUnavailable(f"{self._what} {reason}", hint=hint)
        return True

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if connection.execute("PRAGMA user_version").fetchone()[0] == self._version:
            return
        with self.transaction():
            if connection.execute("PRAGMA user_version").fetchone()[0] == self._version:
                return  # another process was faster
            for statement in self._schema:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {self._application:d}")
            connection.execute(f"PRAGMA user_version = {self._version:d}")
