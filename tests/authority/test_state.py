"""What every state of an authority promises: what was written is there, and what failed never was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tera.audit.events import Event
from tera.audit.log import Signed
from tera.authority.memory import MemoryState
from tera.authority.ports import Kept, State
from tera.authority.sqlite import SqliteState
from tera.errors import StateUnavailable
from tera.policy.marks import Mark, MarkKey
from tera.state.reader import Opens
from tests.authority.asking import ANN, BOB

BIND, REQUEST, SIGNER = b"b" * 32, b"r" * 32, b"s" * 32
KEY = MarkKey("policy", SIGNER, b"p" * 16)
KEPT = Kept(ANN, BIND, REQUEST, 2, 100, b"answer")


def fill(state: State) -> None:
    with state.transaction() as writing:
        writing.count(BIND, ANN, 10)
        writing.count(BIND, ANN, 20)
        writing.keep(REQUEST, KEPT)
        writing.keep_envelope(SIGNER, KEY.name, b"envelope")
        writing.raise_mark(KEY, Mark(3, b"3" * 32))
        writing.enrol(SIGNER, ANN)
        writing.set_reported(SIGNER, 4)
        writing.record(Event(5_000, "release"))
        writing.record(Event(4_000, "denied"))
        writing.log.add_checkpoint(Signed(2, 5_000, b"note"))


def found(state: State) -> tuple[object, ...]:
    with state.reading() as view:
        return (
            view.opens(BIND, ANN),
            view.kept(REQUEST),
            view.envelope(SIGNER, KEY.name),
            view.get(KEY),
            view.viewer(SIGNER),
            view.reported(SIGNER),
            view.log.size(),
            view.last_time(),
            view.log.last_checkpoint(),
        )


EMPTY = (Opens(), None, None, None, None, None, 0, 0, None)
FULL = (
    Opens(2, 10), KEPT, b"envelope", Mark(3, b"3" * 32), ANN, 4, 2, 5_000, Signed(2, 5_000, b"note"),
)  # fmt: skip


def test_what_was_written_is_there(state: State) -> None:
    assert found(state) == EMPTY
    fill(state)
    assert found(state) == FULL
    with state.reading() as view:
        assert view.opens(BIND, BOB) == view.opens(bytes(32), ANN) == Opens()


def test_what_failed_never_was(state: State) -> None:
    class Stop(Exception):
        pass

    for expected in (EMPTY, FULL):
        with pytest.raises(Stop), state.transaction() as writing:
            writing.count(BIND, ANN, 30)
            writing.forget(1_000)
            writing.raise_mark(KEY, Mark(9, b"9" * 32))
            writing.enrol(SIGNER, None if expected is FULL else BOB)
            writing.record(Event(9_000, "release"))
            writing.log.add_checkpoint(Signed(3, 9_000, b"other"))
            assert writing.last_time() == 9_000
            raise Stop
        assert found(state) == expected
        if expected is EMPTY:
            fill(state)


def test_within_a_transaction_its_own_writes_are_seen(state: State) -> None:
    with state.transaction() as writing:
        writing.count(BIND, ANN, 10)
        writing.keep(REQUEST, KEPT)
        writing.record(Event(1, "release"))
        assert (writing.opens(BIND, ANN), writing.kept(REQUEST)) == (Opens(1, 10), KEPT)
        assert (writing.log.size(), writing.last_time()) == (1, 1)


def test_a_mark_is_never_lowered(state: State) -> None:
    fill(state)
    with state.transaction() as writing:
        writing.raise_mark(KEY, Mark(2, b"2" * 32))
    assert found(state) == FULL


def test_old_answers_are_forgotten(state: State) -> None:
    with state.transaction() as writing:
        for at in range(3):
            writing.keep(bytes((at,)) * 32, Kept(ANN, BIND, REQUEST, 0, at, b"answer"))
    with state.transaction() as writing:
        writing.forget(2)
    with state.reading() as view:
        assert [view.kept(bytes((at,)) * 32) is None for at in range(3)] == [True, True, False]


def test_a_key_belongs_to_one_viewer(state: State) -> None:
    with state.transaction() as writing:
        writing.enrol(SIGNER, ANN)
        writing.enrol(SIGNER, BOB)
    with state.reading() as view:
        assert view.viewer(SIGNER) == BOB
    with state.transaction() as writing:
        writing.enrol(SIGNER, None)
    with state.reading() as view:
        assert view.viewer(SIGNER) is None


def test_a_file_remembers_and_memory_forgets(tmp_path: Path) -> None:
    first = SqliteState(tmp_path / "authority.db")
    fill(first)
    first.close()
    again = SqliteState(tmp_path / "authority.db")
    assert found(again) == FULL
    again.close()
    fill(MemoryState())
    assert found(MemoryState()) == EMPTY


def test_a_commit_is_on_the_disk(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "authority.db")
    with state.transaction() as writing:
        db = writing._db  # type: ignore[attr-defined]
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert (tmp_path / "authority.db").stat().st_mode & 0o777 == 0o600
    state.close()


def test_a_damaged_or_foreign_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    for at, data in enumerate((b"rubbish" * 1_000, b"SQLite format 3\0" + bytes(4_080))):
        path = tmp_path / f"{at}.db"
        path.write_bytes(data)
        with pytest.raises(StateUnavailable):
            SqliteState(path)
        assert path.read_bytes() == data


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE opens SET count = 'none'",
        "UPDATE opens SET first = x'00'",
        "UPDATE kept SET answer = 'text'",
        "UPDATE kept SET viewer = x'00'",
        "UPDATE envelope SET body = 1.5",
        "UPDATE mark SET digest = 'text'",
        "UPDATE viewer SET viewer = x'00'",
        "UPDATE reported SET count = 'four'",
        "UPDATE log_event SET t = 'noon'",
    ],
)
def test_a_cell_that_somebody_else_wrote_is_damage(tmp_path: Path, statement: str) -> None:
    state = SqliteState(tmp_path / "authority.db")
    fill(state)
    with state.transaction() as writing:
        writing._db.execute(statement)  # type: ignore[attr-defined]
    with pytest.raises(StateUnavailable):
        found(state)
    state.close()
