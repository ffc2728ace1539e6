"""The one door to SQLite: what cannot be read or written is refused with a hint, and never written to."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tera.errors import StateUnavailable
from tera.state.database import Database

SCHEMA = ("CREATE TABLE one (id INTEGER PRIMARY KEY, data BLOB)", "CREATE TABLE two (id INTEGER PRIMARY KEY)")
OURS = 0x74657254
SPAWN = multiprocessing.get_context("spawn")


def database(path: Path, **changes: Any) -> Database:
    options: dict[str, Any] = {"application": OURS, "version": 3, "schema": SCHEMA, "what": "the test's state"}
    return Database(path, **{**options, **changes})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "test.db"


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    with closing(database(path)) as found:
        yield found


def insert(db: Database, *ids: int) -> None:
    with db.transaction() as connection:
        connection.executemany("INSERT INTO one (id) VALUES (?)", [(one,) for one in ids])


def ids(db: Database) -> list[int]:
    with db.reading() as connection:
        return [one for (one,) in connection.execute("SELECT id FROM one ORDER BY id")]


def refused(call: Callable[[], object], message: str, hint: str) -> None:
    with pytest.raises(StateUnavailable, match=message) as caught:
        call()
    assert hint in (caught.value.hint or "")
    assert "\n" not in str(caught.value)


# --- transactions -------------------------------------------------------------------------------------


def test_what_was_committed_is_there_and_what_was_raised_through_is_not(db: Database) -> None:
    insert(db, 1)
    with pytest.raises(KeyError), db.transaction() as connection:
        connection.execute("INSERT INTO one (id) VALUES (2)")
        raise KeyError
    assert ids(db) == [1]
    insert(db, 3)
    assert ids(db) == [1, 3]


def test_a_commit_is_on_the_disk_when_it_returns(db: Database) -> None:
    with db.reading() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert connection.execute("PRAGMA secure_delete").fetchone() == (1,)


def test_reading_sees_one_state(db: Database, path: Path) -> None:
    insert(db, 1)
    with closing(database(path)) as other, db.reading() as connection:
        before = connection.execute("SELECT count(*) FROM one").fetchone()
        insert(other, 2)
        assert connection.execute("SELECT count(*) FROM one").fetchone() == before == (1,)
    assert ids(db) == [1, 2]


def test_a_transaction_inside_another_is_a_mistake(db: Database) -> None:
    with db.reading(), pytest.raises(ValueError, match="in a transaction already"), db.transaction():
        pytest.fail("two at once")


def test_a_closed_database_opens_again(db: Database) -> None:
    insert(db, 1)
    db.close()
    db.close()
    assert ids(db) == [1]


def test_a_second_writer_waits_and_is_refused_in_the_end(db: Database, path: Path) -> None:
    with closing(database(path, timeout=0.01)) as other:
        with db.transaction():
            refused(lambda: insert(other, 1), "locked", "try again")
            assert ids(other) == []  # who only reads waits for nobody
        insert(other, 1)


def test_a_file_that_is_locked_while_it_is_opened_is_waited_for_and_then_refused(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        refused(lambda: database(path, timeout=0.01), "locked", "try again")
        other.execute("ROLLBACK")
    database(path, timeout=0.01).close()


# --- who makes it, and where ----------------------------------------------------------------------------


def test_nobody_else_may_read_it(path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(database(path)) as db:
            insert(db, 1)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
            assert modes == dict.fromkeys(("test.db", "test.db-wal", "test.db-shm"), 0o600)
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def make_many(folder: Path, count: int, barrier: Any) -> None:
    for at in range(count):
        barrier.wait(30)
        with closing(database(folder / f"{at}.db")) as db:
            insert(db, os.getpid())


def test_processes_that_make_it_at_once_make_one(tmp_path: Path) -> None:
    """Of 900 openings by 6 processes, 6 took the file for another program's when it was checked outside of a
    transaction, and 1 found it locked when turning on the write-ahead log was not tried again."""
    barrier = SPAWN.Barrier(4)
    run([SPAWN.Process(target=make_many, args=(tmp_path, 25, barrier)) for _ in range(4)])
    for at in range(25):
        with closing(database(tmp_path / f"{at}.db")) as db:
            assert len(ids(db)) == 4


def run(processes: list[Any]) -> None:
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)


# --- threads and processes --------------------------------------------------------------------------------


def test_threads_have_connections_of_their_own(db: Database) -> None:
    failed: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for at in range(10):
                insert(db, start + at)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(100 * name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(ids(db)) == 80


def open_and_close(path: Path, name: int) -> None:
    with closing(database(path)) as db:
        insert(db, name)


def test_a_second_thread_does_not_drop_the_locks_of_the_first(db: Database, path: Path) -> None:
    """It would by closing any other descriptor of the file. Another process then takes itself for the last one, and
    deletes the write-ahead log that is being written to: measured, what followed was lost, or "disk I/O error"."""
    insert(db, 1)
    thread = threading.Thread(target=ids, args=(db,))
    thread.start()
    thread.join()
    with closing(database(path)):
        pass
    run([SPAWN.Process(target=open_and_close, args=(path, 2))])
    assert Path(f"{path}-wal").exists()
    insert(db, 3)
    with closing(database(path)) as again:
        assert ids(again) == [1, 2, 3]


def test_a_fork_opens_its_own_and_leaves_the_parents_alone(db: Database, path: Path) -> None:
    insert(db, 1)
    child = os.fork()
    if child == 0:  # pragma: no cover
        status = 1
        try:
            insert(db, 2)
            db.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert Path(f"{path}-wal").exists()
    insert(db, 3)
    assert ids(db) == [1, 2, 3]
    with closing(database(path)) as again:
        assert ids(again) == [1, 2, 3]


# --- what is not ours, or not whole -------------------------------------------------------------------------


def foreign(path: Path, *statements: str) -> bytes:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        for statement in statements:
            other.execute(statement)
    return path.read_bytes()


OTHERS = {
    "tables": (("CREATE TABLE cookies (name TEXT)",), "another program", "another folder"),
    "empty, but named": (("PRAGMA application_id = 7",), "another program", "another folder"),
    "empty, but numbered": (("PRAGMA user_version = 3",), "another program", "another folder"),
    "newer": ((f"PRAGMA application_id = {OURS}", "PRAGMA user_version = 4"), "is of version 4", "the newer tera"),
    "older": ((f"PRAGMA application_id = {OURS}", "PRAGMA user_version = 2"), "is of version 2", "another folder"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_that_is_not_ours_is_refused_and_left_as_it_is(path: Path, name: str) -> None:
    statements, message, hint = OTHERS[name]
    before = foreign(path, *statements)
    refused(lambda: database(path), message, hint)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("text", [b"no database " * 1_000, b"SQLite format 3\0" + bytes(4_080)])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path, text: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(text)
    refused(lambda: database(path), "damaged: file is not a database", "backup")
    assert path.read_bytes() == text


def test_a_damaged_page_is_refused_when_it_is_read(db: Database, path: Path) -> None:
    with db.transaction() as connection:
        connection.executemany("INSERT INTO one VALUES (?, ?)", [(at, bytes(2_000)) for at in range(100)])
    db.close()
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[16:18], "big")
    for start in range(size, len(data), size):  # every page but the first, which says what the file is
        data[start : start + 64] = b"\xff" * 64
    path.write_bytes(data)
    refused(lambda: ids(db), "damaged", "backup")
    refused(lambda: insert(db, 1_000), "damaged", "backup")


def test_a_table_that_is_missing_is_damage(db: Database) -> None:
    with db.transaction() as connection:
        connection.execute("DROP TABLE one")
    refused(lambda: ids(db), "damaged: no such table", "backup")


def test_text_that_is_not_utf8_is_damage(db: Database) -> None:
    def read() -> None:
        with db.reading() as connection:
            connection.execute("SELECT CAST(x'ff' AS TEXT)").fetchone()

    refused(read, "damaged", "backup")


def test_a_folder_in_its_place_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    refused(lambda: database(path), "unable to open", "another folder")


def test_a_file_in_place_of_its_folder_is_refused(path: Path) -> None:
    path.parent.write_bytes(b"")
    refused(lambda: database(path), "cannot be made", "another folder")


def test_a_path_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    refused(lambda: database(tmp_path / "a\0b"), "cannot be made", "another folder")


def test_a_full_disk_is_refused_and_changes_nothing(db: Database) -> None:
    insert(db, 1)
    with db.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        with db.transaction() as connection:
            connection.execute("INSERT INTO one VALUES (2, zeroblob(100000))")

    refused(fill, "full", "room")
    assert ids(db) == [1]


@contextmanager
def open_to_all() -> Iterator[Path]:
    """A folder that another user can reach; pytest's own cannot be."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def as_nobody(call: Callable[[], object]) -> int:
    """Run `call` as a user who owns nothing; return 0 if it was refused with StateUnavailable."""
    child = os.fork()
    if child == 0:  # pragma: no cover
        status = 2
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            call()
        except StateUnavailable as error:
            status = 0 if error.hint and "TERA_STATE" in error.hint else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_folder_that_may_not_be_written_to_is_refused() -> None:
    with open_to_all() as folder:
        os.chmod(folder, 0o555)
        assert as_nobody(lambda: database(folder / "new.db")) == 0
        assert as_nobody(lambda: database(folder / "below" / "new.db")) == 0
        assert list(folder.iterdir()) == []
        os.chmod(folder, 0o755)


def test_a_file_that_may_not_be_written_to_is_refused() -> None:
    with open_to_all() as folder:
        path = folder / "test.db"
        with closing(database(path)) as db:
            insert(db, 1)
        os.chmod(path, 0o444)
        os.chmod(folder, 0o555)
        assert as_nobody(lambda: insert(database(path), 2)) == 0
        os.chmod(folder, 0o755)
        os.chmod(path, 0o600)
        with closing(database(path)) as db:
            assert ids(db) == [1]


# --- what was deleted -------------------------------------------------------------------------------------


def test_what_was_erased_is_in_no_file(db: Database, path: Path) -> None:
    secrets = [os.urandom(16) for _ in range(3)]

    def found() -> set[bytes]:
        data = b"".join(file.read_bytes() for file in path.parent.iterdir())
        return {one for one in secrets if one in data}

    with db.transaction() as connection:
        connection.execute("INSERT INTO one VALUES (1, ?)", (secrets[0] + bytes(50_000) + secrets[1],))
        connection.execute("INSERT INTO one VALUES (2, ?)", (secrets[2],))
    assert found() == set(secrets)
    with db.transaction() as connection:
        connection.execute("DELETE FROM one")
    assert found()  # not yet: the write-ahead log has it
    db.erase()
    assert found() == set()
    assert ids(db) == []


def test_erasing_waits_for_nobody(db: Database, path: Path) -> None:
    insert(db, 1)
    with closing(database(path, timeout=0.01)) as other, other.reading() as connection:
        connection.execute("SELECT * FROM one").fetchall()
        insert(db, 2)
        db.erase()
    assert ids(db) == [1, 2]
