"""Whatever somebody writes into a reader's or an authority's database, it is read as what stands there, or refused.

The first byte says whose it is (with an odd one the authority's), the rest are edits: of a column of every row of a
table, or of the file's bytes. Nothing but a TeraError is raised, and what is read has the type that was written.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fuzz import edits, oracle
from fuzz.edits import Edit
from tera.audit.events import Event
from tera.audit.log import Log, Query
from tera.authority.ports import Kept, Transaction, View
from tera.authority.sqlite import SqliteState
from tera.policy.marks import Mark, MarkKey
from tera.release.lease import Lease
from tera.state.reader import Opens
from tera.state.readerdb import SqliteReaderState

FOLDER = tempfile.TemporaryDirectory(prefix="fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
BIND, NAME, KEY = bytes(32), b"\1" * 32, MarkKey("policy", b"\2" * 32, b"\3" * 16)
Calls = Iterator[Callable[[], Any]]


def one_input(data: bytes) -> None:
    is_authority = bool(data[:1] and data[0] & 1)
    path = Path(FOLDER.name, "state.db")
    for one in path.parent.glob("state.db*"):
        one.unlink()
    shutil.copy(_made(is_authority), path)
    for edit in edits.parse(data[1:]):
        _change(path, edit)
    opened: Any = SqliteState if is_authority else SqliteReaderState
    found = oracle.tera(opened, path)
    if isinstance(found, oracle.Taken):
        try:
            for call in _of_authority(found.value) if is_authority else _of_reader(found.value):
                answer = oracle.tera(call)
                if isinstance(answer, oracle.Taken):
                    _check_type(answer.value)
        finally:
            found.value.close()


def _check_type(value: Any) -> None:
    if isinstance(value, Mark):
        assert (type(value.version), type(value.digest)) == (int, bytes), value
    elif isinstance(value, Opens):
        assert type(value.count) is int and type(value.first) in (int, type(None)), value
    elif isinstance(value, Kept):
        assert (type(value.viewer), type(value.bind), type(value.answer)) == (str, bytes, bytes), value
        assert (type(value.issued), type(value.session)) == (int, bytes), value


def _change(path: Path, edit: Edit) -> None:
    if edit.stage & 1:
        path.write_bytes(edit.poke(path.read_bytes()))
        return
    database = sqlite3.connect(path)
    try:
        tables = [
            one for (one,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        ]
        table = tables[edit.what % len(tables)]
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        with database:
            database.execute(f"UPDATE {table} SET {columns[edit.at % len(columns)]} = ?", (edit.value(),))
    except (sqlite3.Error, OverflowError, ZeroDivisionError, UnicodeDecodeError):
        return  # it is no database any more, or takes no such value
    finally:
        database.close()


# --- whose it is ------------------------------------------------------------------------------------


def _event(before: Any = None) -> Event:
    return Event(1_000, "open")


@cache
def _made(is_authority: bool) -> Path:
    """Return a database with a row in every table."""
    path = Path(FOLDER.name, "authority.db" if is_authority else "reader.db")
    if is_authority:
        state = SqliteState(path)
        with state.transaction() as writing:
            writing.record(_event())
            writing.count(BIND, "a", 1)
            writing.keep(BIND, Kept("a", BIND, BIND, 0, 5, b"answer"))
            writing.keep_envelope(KEY.signer, KEY.name, b"policy")
            writing.raise_mark(KEY, Mark(1, BIND))
            writing.enrol(KEY.signer, "a@b.c")
            writing.set_reported(NAME, 1)
        state.close()
    else:
        reader = SqliteReaderState(path)
        reader.raise_marks({KEY: Mark(1, BIND)})
        reader.count(BIND, "a", 1, _event)
        reader.keep_lease(BIND, NAME, Lease(b"request", b"answer", b"salt", b"wrapped"), 99)
        reader.set_reported(NAME, 1, 1)
        reader.see(100)
        reader.close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = DELETE")
    database.close()
    return path


def _of_reader(state: SqliteReaderState) -> Calls:
    yield lambda: state.get(KEY)
    yield lambda: state.raise_marks({KEY: Mark(5, BIND)})
    yield lambda: state.see(1_000_000)
    yield lambda: state.opens(BIND, "a")
    yield lambda: state.count(BIND, "a", 5, _event)
    yield lambda: state.record(_event())
    yield lambda: state.lease(BIND, NAME)
    yield lambda: state.drop_leases(3)
    yield lambda: state.reported(NAME) + state.sent(NAME)

    def log() -> None:
        with state.log() as found:
            _read_log(found)

    yield log


def _of_authority(state: SqliteState) -> Calls:
    def reading(call: Callable[[View], Any]) -> Callable[[], Any]:
        def run() -> Any:
            with state.reading() as view:
                return call(view)

        return run

    def writing(call: Callable[[Transaction], Any]) -> Callable[[], Any]:
        def run() -> Any:
            with state.transaction() as tables:
                return call(tables)

        return run

    yield reading(lambda view: view.get(KEY))
    yield reading(lambda view: view.last_time())
    yield reading(lambda view: view.opens(BIND, "a"))
    yield reading(lambda view: view.kept(BIND))
    yield reading(lambda view: view.envelope(KEY.signer, KEY.name))
    yield reading(lambda view: view.viewer(KEY.signer))
    yield reading(lambda view: view.reported(NAME))
    yield reading(lambda view: _read_log(view.log))
    yield writing(lambda tables: tables.count(BIND, "a", 1))
    yield writing(lambda tables: tables.raise_mark(KEY, Mark(9, BIND)))
    yield writing(lambda tables: tables.record(_event()))


def _read_log(log: Log) -> None:
    list(log.records())
    log.find(Query())
    list(log.checkpoints())
    log.root()
