"""Writers take turns: one at a time, and none waits for ever."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tera.authority.turns import Turns
from tera.errors import StateUnavailable


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "turns")


def test_one_at_a_time_within_a_process(path: str) -> None:
    turns = Turns(path)
    inside, most, done = [0], [0], [0]

    def work() -> None:
        for _ in range(50):
            with turns.taken():
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1
                done[0] += 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    turns.close()
    assert (most, done) == ([1], [400])


def test_who_waits_for_long_is_refused_and_may_try_again(path: str) -> None:
    first, second = Turns(path), Turns(path, timeout=0.01)
    with first.taken(), pytest.raises(StateUnavailable), second.taken():
        pytest.fail("two at once")
    with second.taken(), pytest.raises(StateUnavailable), second.taken():
        pytest.fail("two at once, in one process")
    with first.taken():
        pass
    first.close()
    second.close()


def test_a_turn_ends_with_an_error_too(path: str) -> None:
    turns = Turns(path, timeout=0.01)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), turns.taken():
            raise ZeroDivisionError
    turns.close()
    with turns.taken():  # it opens its file again
        pass
    turns.close()


def test_a_child_process_has_a_turn_of_its_own(path: str) -> None:
    """The file that came with the fork is the parent's: through it, both would hold the lock."""
    turns = Turns(path, timeout=0.01)
    begun, begin = os.pipe()
    ended, end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(end)
            with turns.taken():
                os.write(begin, b"x")
                os.read(ended, 1)
        finally:
            os._exit(0)
    assert os.read(begun, 1) == b"x"
    try:
        with pytest.raises(StateUnavailable), turns.taken():
            pytest.fail("two at once, in two processes")
    finally:
        os.close(end)
        os.waitpid(pid, 0)
    with turns.taken():
        pass
    turns.close()


def test_a_process_that_died_holds_nothing(path: str) -> None:
    turns = Turns(path, timeout=5)
    pid = os.fork()
    if pid == 0:
        turns.taken().__enter__()
        os._exit(0)
    os.waitpid(pid, 0)
    with turns.taken():
        pass
    turns.close()


def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateUnavailable):
        Turns(str(tmp_path / "missing" / "turns"))
