"""One SQLite file: opened, checked, and written in transactions that are on the disk when they end.

The law of this file: it is the one door to sqlite3. Whoever cannot read its state, or cannot write it, gets nothing
done. A file that is damaged, another program's or a newer version's is never repaired, emptied or written to; the
error says what may be done. A transaction that writes has held the write lock since its beginning: what it has read
is still so. And the file is never opened beside SQLite: closing it anywhere in a process drops that process's locks
on it, after which another one deletes the write-ahead log under our feet.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tera.errors import StateUnavailable, Unavailable

TIMEOUT: Final = 10.0
"""Seconds that a writer waits for another one."""

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED: Final = frozenset({0, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""0 is what the sqlite3 module says by itself; SQLITE_ERROR, of a table that is missing."""

_ELSEWHERE: Final = "TERA_STATE names another folder"


@contextmanager
def failures(what: str, error: type[Unavailable] = StateUnavailable) -> Iterator[None]:
    """Let no exception of SQLite out: it becomes `error`, which calls the file `what`."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as found:
        code = _code(found)
        if code in _BUSY:
            state, hint = "cannot be used", "another process has been writing to it for long: try again"
        elif code in _DAMAGED:
            state = "is damaged"
            hint = "restore it from a backup; or move it away: what it remembered is forgotten then"
        else:
            state, hint = "cannot be used", f"is it writable, and is there room? {_ELSEWHERE}"
        raise error(f"{what} {state}: {found}", hint=hint) from None


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


class Database:
    """A file with the tables of `schema`, made if it is not there; each thread has a connection of its own.

    `application` is SQLite's application_id, `version` that of the schema; `what` is what errors call it; `timeout`
    is how many seconds a writer waits for another. Raises StateUnavailable.
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
        self._opened: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._inherited: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._make_file()
        self._connection()

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

    def erase(self) -> None:
        """Leave nothing in the files of what has been deleted, unless another process is reading it just now."""
        connection = self._connection()
        with failures(self._what):
            connection.execute("PRAGMA busy_timeout = 0")
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.execute(f"PRAGMA busy_timeout = {int(self._timeout * 1_000):d}")

    def close(self) -> None:
        """Close every thread's connection; the next use opens new ones."""
        with self._lock:
            opened, self._opened = self._opened, []
            self._local = threading.local()
        for _, connection in opened:
            connection.close()

    @contextmanager
    def _within(self, begin: str) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        if connection.in_transaction:
            raise ValueError("this thread is in a transaction already")
        with failures(self._what):
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.rollback()

    def _connection(self) -> sqlite3.Connection:
        if os.getpid() != self._process:
            # A connection must not cross a fork, not even to be closed: that could delete what the parent writes to.
            self._inherited += [connection for _, connection in self._opened]
            self._local, self._opened, self._process = threading.local(), [], os.getpid()
            self._lock = threading.Lock()
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            with failures(self._what):
                found = self._connect()
            self._local.connection = found
            with self._lock:
                ended = [pair for pair in self._opened if not pair[0].is_alive()]
                self._opened = [pair for pair in self._opened if pair[0].is_alive()]
                self._opened.append((threading.current_thread(), found))
            for _, connection in ended:  # else a process of many short threads runs out of descriptors
                connection.close()
        return found

    def _make_file(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise StateUnavailable(f"{self._what} cannot be made: {reason}", hint=_ELSEWHERE) from None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA secure_delete = ON")  # a lease that has ended is erased, not only unlinked
            is_new = self._check(connection)
            self._log_ahead(connection)
            connection.execute("PRAGMA synchronous = FULL")
            if is_new:
                self._make_tables(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, connection: sqlite3.Connection) -> bool:
        """Say whether the file is empty. Raises StateUnavailable for another program's, and a newer version's."""
        connection.execute("BEGIN")  # another process may be making it: all of it is seen, or nothing
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        connection.execute("COMMIT")
        if (application, version, tables) == (0, 0, 0):
            return True
        if application != self._application:
            raise StateUnavailable(f"{self._what} is another program's file", hint=_ELSEWHERE)
        if version != self._version:
            hint = "use the newer tera" if version > self._version else _ELSEWHERE
            raise StateUnavailable(f"{self._what} is of version {version}, this tera reads {self._version}", hint=hint)
        return False

    def _log_ahead(self, connection: sqlite3.Connection) -> None:
        """Write ahead of the file. SQLite does not wait by itself where two turn this on at once."""
        until = time.monotonic() + self._timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if _code(error) not in _BUSY or time.monotonic() > until:
                    raise
            time.sleep(0.005)

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("PRAGMA user_version").fetchone()[0] != self._version:  # else another was faster
            for statement in self._schema:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {self._application:d}")
            connection.execute(f"PRAGMA user_version = {self._version:d}")
        connection.execute("COMMIT")
