"""A log in a database that is only looked at: an authority's, a reader's, a copy of one.

The law of this file: nothing is made and nothing is written, so an auditor needs no right to; what is seen is one
state, whoever goes on writing. What the file says it is, it only says.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tera.errors import InputUnavailable, LogUnavailable
from tera.state.database import failures
from tera.state.logdb import SqliteLog


@contextmanager
def open_log(path: Path, applications: Collection[int]) -> Iterator[tuple[int, SqliteLog]]:
    """Give the log in a database, and whose it is: its SQLite application_id, which is one of `applications`.

    Raises InputUnavailable when it is not there, LogUnavailable when it cannot be read or holds no log.
    """
    try:
        os.stat(path)
    except (OSError, ValueError) as error:
        raise InputUnavailable(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    with closing(_connect(path)) as connection, failures(f"the log {path}", LogUnavailable):
        connection.execute("BEGIN")
        found = int(connection.execute("PRAGMA application_id").fetchone()[0])
        if found not in applications:
            raise LogUnavailable(f"{path} is no database with a log of tera")
        yield found, SqliteLog(connection)


def _connect(path: Path) -> sqlite3.Connection:
    """Open it to be read. Where not even SQLite's lock file can be made, nobody may be writing to it."""
    uri = path.absolute().as_uri()
    with failures(f"the log {path}", LogUnavailable):
        connection = sqlite3.connect(f"{uri}?mode=ro", uri=True, isolation_level=None)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            connection.close()
            ahead = Path(f"{path}-wal")
            if ahead.exists() and ahead.stat().st_size:
                raise
            connection = sqlite3.connect(f"{uri}?mode=ro&immutable=1", uri=True, isolation_level=None)
        except BaseException:
            connection.close()
            raise
        return connection
