"""A reader's state in a file: made when it is needed, shared by processes, and refused when it is damaged."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tera.audit.events import Event
from tera.errors import RuleDenied, StateUnavailable
from tera.policy.marks import Mark, MarkKey
from tera.state.reader import Opens
from tera.state.readerdb import SqliteReaderState
from tests.state.states import BIND, NOW, OTHER, event, lease

KEY = MarkKey("policy", b"s" * 32, b"n" * 16)
SPAWN = multiprocessing.get_context("spawn")


def path_of(folder: Path) -> Path:
    return folder / "state" / "reader.db"


def filled(folder: Path) -> SqliteReaderState:
    state = SqliteReaderState(path_of(folder))
    state.raise_marks({KEY: Mark(3, b"d" * 32)})
    state.see(NOW)
    state.count(BIND, "ann@a.example", NOW, lambda before: event())
    state.keep_lease(BIND, OTHER, lease(b"1"), NOW + 10)
    state.set_reported(OTHER, 1, 1)
    return state


def test_nothing_is_made_before_something_is_remembered(tmp_path: Path) -> None:
    state = SqliteReaderState(path_of(tmp_path))
    state.raise_marks({})
    state.close()
    assert list(tmp_path.iterdir()) == []
    state.see(NOW)
    assert path_of(tmp_path).exists()


def test_everything_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    filled(tmp_path).close()
    state = SqliteReaderState(str(path_of(tmp_path)))
    assert state.get(KEY) == Mark(3, b"d" * 32)
    assert state.seen() == NOW
    assert state.opens(BIND, "ann@a.example") == Opens(1, NOW)
    assert state.lease(BIND, OTHER) == lease(b"1")
    assert (state.reported(OTHER), state.sent(OTHER)) == (1, 1)
    with state.log() as log:
        assert [one.data for one in log.records()] == [event().pack()]


def test_the_time_is_written_at_most_once_a_minute(tmp_path: Path) -> None:
    state = filled(tmp_path)
    for now in (NOW + 30, NOW + 60):
        state.see(now)
        assert state.seen() == NOW
    state.see(NOW + 61)
    assert state.seen() == NOW + 61


def count_many(path: Path, barrier: multiprocessing.synchronize.Barrier, done: multiprocessing.Queue[int]) -> None:
    state, opened = SqliteReaderState(path), 0

    def check(before: Opens) -> Event:
        if before.count >= 20:
            raise RuleDenied("no", rule="opens")
        return event(before.count)

    barrier.wait(30)
    for _ in range(20):
        try:
            state.count(BIND, "", NOW, check)
            opened += 1
        except RuleDenied:
            pass
    done.put(opened)


def test_processes_do_not_open_more_often_than_allowed(tmp_path: Path) -> None:
    barrier, done = SPAWN.Barrier(3), SPAWN.Queue()
    processes = [SPAWN.Process(target=count_many, args=(path_of(tmp_path), barrier, done)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert sum(done.get() for _ in processes) == 20
    with SqliteReaderState(path_of(tmp_path)).log() as log:
        assert [one.data for one in log.records()] == [event(at).pack() for at in range(20)]


def test_a_lease_that_has_ended_is_in_no_file(tmp_path: Path) -> None:
    state = filled(tmp_path)
    state.keep_lease(OTHER, OTHER, lease(b"2"), NOW + 20)
    state.drop_leases(NOW + 10)

    def found(text: bytes) -> bool:
        return any(text in file.read_bytes() for file in path_of(tmp_path).parent.iterdir())

    assert not found(b"wrapped 1")
    assert not found(b"answer 1")
    assert found(b"wrapped 2")
    state.keep_lease(OTHER, OTHER, lease(b"3"), NOW + 20)
    assert not found(b"wrapped 2")


CHANGED: dict[str, tuple[str, Callable[[SqliteReaderState], object]]] = {
    "mark": ("UPDATE mark SET version = 'none'", lambda state: state.get(KEY)),
    "digest": ("UPDATE mark SET digest = 7", lambda state: state.raise_marks({KEY: Mark(9, b"d" * 32)})),
    "count": ("UPDATE opens SET count = 'few'", lambda state: state.opens(BIND, "ann@a.example")),
    "first": ("UPDATE opens SET first = x''", lambda state: state.count(BIND, "ann@a.example", NOW, lambda _: event())),
    "lease": ("UPDATE lease SET wrapped = 'text'", lambda state: state.lease(BIND, OTHER)),
    "reported": ("UPDATE reported SET size = 1.5", lambda state: state.sent(OTHER)),
    "seen": ("UPDATE seen SET time = 'never'", lambda state: state.see(NOW)),
    "table": ("DROP TABLE opens", lambda state: state.opens(BIND, "ann@a.example")),
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_was_changed_by_hand_is_refused(tmp_path: Path, name: str) -> None:
    statement, call = CHANGED[name]
    state = filled(tmp_path)
    with closing(sqlite3.connect(path_of(tmp_path), isolation_level=None)) as other:
        other.execute(statement)
    with pytest.raises(StateUnavailable, match=r"the reader's state .* is damaged") as caught:
        call(state)
    assert "backup" in (caught.value.hint or "")


def test_a_file_that_is_damaged_is_refused_when_it_is_needed(tmp_path: Path) -> None:
    path_of(tmp_path).parent.mkdir()
    path_of(tmp_path).write_bytes(b"no database" * 1_000)
    state = SqliteReaderState(path_of(tmp_path))
    for _ in range(2):
        with pytest.raises(StateUnavailable, match="not a database"):
            state.see(NOW)
