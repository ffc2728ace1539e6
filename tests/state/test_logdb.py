"""The log in SQLite keeps its chain whole whoever writes, and shows every change that was made by hand."""

from __future__ import annotations

import contextlib
import multiprocessing
import sqlite3
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tera.audit.events import Event
from tera.audit.log import Query, issue_checkpoint
from tera.audit.verify import verify_log
from tera.errors import BadLog, LogUnavailable
from tera.state.database import Database
from tera.state.logdb import SqliteLog
from tests.audit.keys import KNOWN, ORIGIN, SIGNERS
from tests.audit.stores import connection_of, database, event


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "authority.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Database]:
    with contextlib.closing(database(path)) as found:
        yield found


@pytest.fixture
def db(opened: Database) -> sqlite3.Connection:
    return connection_of(opened)


def fill(opened: Database, count: int, *, sign: bool = True) -> SqliteLog:
    with opened.transaction() as db:
        log = SqliteLog(db)
        for _ in range(count):
            log.append(event(log.size()).pack())
        if sign:
            issue_checkpoint(log, ORIGIN, SIGNERS, 0, every=0)
    return log


# --- transactions -------------------------------------------------------------------------------------


def test_an_append_outside_a_transaction_is_refused(db: sqlite3.Connection) -> None:
    log = SqliteLog(db)
    with pytest.raises(ValueError, match="inside a transaction"):
        log.append(event(0).pack())
    assert log.size() == 0


def test_an_append_goes_with_its_transaction(opened: Database, path: Path) -> None:
    log = fill(opened, 3)
    with opened.transaction() as db:
        db.execute("CREATE TABLE counts (n INTEGER)")
    with pytest.raises(KeyError), opened.transaction() as db:
        log.append(event(3).pack())
        db.execute("INSERT INTO counts VALUES (1)")
        raise KeyError
    assert (log.size(), db.execute("SELECT count(*) FROM counts").fetchone()) == (3, (0,))
    with contextlib.closing(database(path)) as other:
        with opened.transaction():
            log.append(event(3).pack())
            with other.reading() as beside:
                assert SqliteLog(beside).size() == 3
        with other.reading() as beside:
            assert SqliteLog(beside).size() == 4
    assert verify_log(log, KNOWN, ORIGIN).size == 4


def append_many(path: Path, begin: str, name: int, count: int, refused: multiprocessing.Queue[int]) -> None:
    """Append `count` events, each in its own transaction, and start again when one is refused."""
    connection = connection_of(database(path, timeout=60))
    connection.execute("PRAGMA synchronous = OFF")  # faster, so that there are more meetings
    log, again = SqliteLog(connection), 0
    for at in range(count):
        data = Event(at, "release", viewer=f"process-{name}").pack()
        while True:
            time.sleep(0.0005)  # else one writes all of its events while the others wait
            connection.execute(begin)
            try:
                log.size()  # the read before the write that breaks a chain elsewhere
                log.append(data)
                connection.execute("COMMIT")
                break
            except (LogUnavailable, sqlite3.OperationalError):
                connection.execute("ROLLBACK")
                again += 1
    connection.close()
    refused.put(again)


@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN"])
def test_four_processes_break_no_link(path: Path, begin: str) -> None:
    """Measured with default transactions and a number that is read first: 45 of 1,200 links broken, without an error.

    `BEGIN IMMEDIATE`, which is what `Database.transaction` begins with, refuses nobody. A deferred transaction that
    has read is refused as soon as it writes after another's commit, and has to start again; it breaks nothing either.
    """
    context = multiprocessing.get_context("spawn")
    refused = context.Queue()
    processes = [context.Process(target=append_many, args=(path, begin, name, 300, refused)) for name in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert begin == "BEGIN" or sum(refused.get() for _ in processes) == 0
    with contextlib.closing(database(path)) as again:
        with again.transaction() as connection:
            log = SqliteLog(connection)
            issue_checkpoint(log, ORIGIN, SIGNERS, 0)
        assert verify_log(log, KNOWN, ORIGIN).signed == 1_200
        writers = [viewer for (viewer,) in connection.execute("SELECT viewer FROM log_event ORDER BY idx")]
        assert sum(one != two for one, two in pairwise(writers)) > 20, "they have hardly met"
        for name in range(4):
            found = log.find(Query(viewer=f"process-{name}"), limit=2_000)
            assert [one.data for one in found] == [
                Event(at, "release", viewer=f"process-{name}").pack() for at in range(300)
            ]


# --- changes by hand ------------------------------------------------------------------------------------

BY_HAND = {
    "changed": ("UPDATE log_event SET data = x'80' WHERE idx = 5", "event 5 was changed"),
    "text": ("UPDATE log_event SET data = 'text' WHERE idx = 5", "event 5 was changed"),
    "hash": ("UPDATE log_node SET hashes = zeroblob(64) WHERE idx = 5", "event 5 was changed"),
    "hash-above": (
        "UPDATE log_node SET hashes = CAST(substr(hashes, 1, 32) || zeroblob(32) AS BLOB) WHERE idx = 5",
        "event 5 has wrong hashes",
    ),
    "hash-text": ("UPDATE log_node SET hashes = 'text' WHERE idx = 5", "event 5 was changed"),
    "hash-removed": ("DELETE FROM log_node WHERE idx = 5", "event 5 was changed"),
    "removed": ("DELETE FROM log_event WHERE idx = 5", "event 5 is missing"),
    "removed-both": (
        "DELETE FROM log_event WHERE idx = 5; DELETE FROM log_node WHERE idx = 5",
        "event 5 is missing",
    ),
    "not-utf8": ("UPDATE log_event SET viewer = CAST(x'ff' AS TEXT) WHERE idx = 5", "not UTF-8"),
    "first": ("DELETE FROM log_event WHERE idx = 0", "event 0 is missing"),
    "last": ("DELETE FROM log_event WHERE idx = 9", "ends after 9 events, and there is a checkpoint of 10"),
    "all": ("DELETE FROM log_event", "ends after 0 events, and there is a checkpoint of 10"),
    "closed-up": (
        "DELETE FROM log_event WHERE idx = 5; UPDATE log_event SET idx = idx - 1 WHERE idx > 5;"
        "DELETE FROM log_node WHERE idx = 9",
        "event 5 was changed",
    ),
    "swapped": (
        "UPDATE log_event SET idx = -5 WHERE idx = 5; UPDATE log_event SET idx = 5 WHERE idx = 6;"
        "UPDATE log_event SET idx = 6 WHERE idx = -5",
        "event 5 was changed",
    ),
    "kind": ("UPDATE log_event SET kind = 'view' WHERE idx = 5", "event 5 is filed"),
    "time": ("UPDATE log_event SET t = t + 1 WHERE idx = 5", "event 5 is filed"),
    "time-text": ("UPDATE log_event SET t = 'now' WHERE idx = 5", "event 5 is filed"),
    "id": ("UPDATE log_event SET id = NULL WHERE idx = 5", "event 5 is filed"),
    "bind": ("UPDATE log_event SET bind = zeroblob(32) WHERE idx = 5", "event 5 is filed"),
    "sub": ("UPDATE log_event SET sub = x'01' WHERE idx = 5", "event 5 is filed"),
    "viewer": ("UPDATE log_event SET viewer = 'me' WHERE idx = 5", "event 5 is filed"),
    "note": ("UPDATE log_checkpoint SET note = x'00'", "checkpoint of 10 events does not verify"),
    "note-text": ("UPDATE log_checkpoint SET note = 'text'", "checkpoint of 10 events does not verify"),
    "size": ("UPDATE log_checkpoint SET size = 9", "checkpoint of 9 events speaks of 10"),
    "checkpoints": ("DELETE FROM log_checkpoint", "no checkpoint vouches"),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_change_by_hand_is_named(opened: Database, db: sqlite3.Connection, name: str) -> None:
    statements, why = BY_HAND[name]
    log = fill(opened, 10)
    db.executescript(statements)
    with pytest.raises(BadLog, match=why):
        verify_log(log, KNOWN, ORIGIN)


def test_an_event_removed_from_the_end_before_it_was_signed_has_left_its_hash(
    opened: Database, db: sqlite3.Connection
) -> None:
    log = fill(opened, 10)
    fill(opened, 2, sign=False)
    assert verify_log(log, KNOWN, ORIGIN).signed == 10
    db.execute("DELETE FROM log_event WHERE idx = 11")
    with pytest.raises(BadLog, match="ends after 11 events, and there is the hash of another"):
        verify_log(log, KNOWN, ORIGIN)


def test_nothing_is_appended_where_an_event_was_removed(opened: Database, db: sqlite3.Connection) -> None:
    log = fill(opened, 10)
    db.execute("DELETE FROM log_event WHERE idx = 9")
    with pytest.raises(BadLog), opened.transaction():
        log.append(event(9).pack())
    assert log.size() == 9


def test_nothing_is_appended_above_hashes_that_are_missing(opened: Database, db: sqlite3.Connection) -> None:
    log = fill(opened, 7)
    db.execute("DELETE FROM log_node WHERE idx = 5")
    with pytest.raises(BadLog, match="hashes of event 5 are missing"), opened.transaction():
        log.append(event(7).pack())
    assert log.size() == 7
    with pytest.raises(BadLog):
        log.root()


def test_a_hash_that_is_cut_short_proves_nothing(opened: Database, db: sqlite3.Connection) -> None:
    log = fill(opened, 8)
    db.execute("UPDATE log_node SET hashes = x'00' WHERE idx = 3")
    with pytest.raises(BadLog, match="cut short"):
        log.inclusion(6)


# --- the database -----------------------------------------------------------------------------------------


def test_a_log_is_read_again_by_another_process_to_be(opened: Database, path: Path) -> None:
    root = fill(opened, 10).root()
    opened.close()
    with contextlib.closing(database(path)) as again:
        log = SqliteLog(connection_of(again))
        assert (log.size(), log.root()) == (10, root)
        fill(again, 5)
        assert verify_log(log, KNOWN, ORIGIN).checkpoints == 2


def test_a_database_without_the_tables_is_refused(opened: Database, db: sqlite3.Connection) -> None:
    for table in ("log_event", "log_node", "log_checkpoint"):
        db.execute(f"DROP TABLE {table}")
    log = SqliteLog(db)
    for call in (log.size, log.last_checkpoint, lambda: [*log.records()], lambda: log.find(Query())):
        with pytest.raises(LogUnavailable, match="no such table"):
            call()
    with pytest.raises(LogUnavailable), opened.transaction():
        log.append(event(0).pack())


def test_a_connection_that_is_closed_is_refused(opened: Database) -> None:
    log = fill(opened, 1)
    opened.close()
    with pytest.raises(LogUnavailable):
        log.size()


def test_a_log_that_may_only_be_read_takes_nothing(opened: Database, path: Path) -> None:
    fill(opened, 3)
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as reader:
        log = SqliteLog(reader)
        assert verify_log(log, KNOWN, ORIGIN).size == 3
        reader.execute("BEGIN")
        with pytest.raises(LogUnavailable, match="readonly"):
            log.append(event(3).pack())


def test_a_query_uses_an_index_and_sorts_nothing(opened: Database, db: sqlite3.Connection) -> None:
    fill(opened, 300)
    for column in ("kind", "id", "bind", "sub", "viewer"):
        statement = f"SELECT idx, data FROM log_event WHERE idx >= 0 AND {column} = ? ORDER BY idx DESC LIMIT 10"
        plan = " ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", ("x",)))
        assert f"log_event_{column}" in plan
        assert "TEMP B-TREE" not in plan
