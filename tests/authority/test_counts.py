"""Opens are counted once each, however many ask at once, in one process or in several."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tera.audit.verify import verify_log
from tera.authority.authority import Authority
from tera.authority.ports import State
from tera.authority.sqlite import SqliteState
from tera.release.answer import parse_answer
from tera.state.reader import Opens
from tests.authority.asking import (
    ANN,
    BOB,
    BY_ANN,
    BY_BOB,
    KEYS,
    NOW,
    ORIGIN,
    Asked,
    Clock,
    ask,
    asking,
    authority_on,
    outcomes,
    seal,
    sealed,
)

PROCESSES, THREADS = 8, 8


def race(authority: Authority, asked: Sequence[Asked], go: Callable[[], object]) -> list[bytes]:
    """Send all requests at once, each from a thread of its own; return the answers."""
    replies: list[bytes] = []

    def send(message: bytes) -> None:
        go()
        replies.append(authority.release(message, BY_ANN))

    threads = [threading.Thread(target=send, args=(one.message,)) for one in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies


def child(path: Path, asked: Sequence[Asked], start: int, output: int) -> None:
    """Race in a process of its own, once `start` is closed on the other side; write the answers to `output`."""
    state = SqliteState(path)
    replies = race(authority_on(state), asked, lambda: os.read(start, 1))
    with open(output, "wb") as out:
        for one in replies:
            out.write(len(one).to_bytes(4, "big") + one)


def race_of_processes(path: Path, asked: Sequence[Asked]) -> list[bytes]:
    start, go = os.pipe()
    pipes, pids = [], []
    for at in range(PROCESSES):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.close(go)
                child(path, asked[at * THREADS : (at + 1) * THREADS], start, writing)
                status = 0
            finally:
                os._exit(status)
        os.close(writing)
        pipes.append(reading)
        pids.append(pid)
    os.close(go)
    replies = []
    for pipe in pipes:
        with open(pipe, "rb") as found:
            while head := found.read(4):
                replies.append(found.read(int.from_bytes(head, "big")))
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * PROCESSES
    os.close(start)
    return replies


@pytest.mark.parametrize("opens", [1, 7])
def test_of_64_callers_in_8_processes_exactly_as_many_win_as_may(tmp_path: Path, opens: int) -> None:
    container = seal([("opens", opens + 1)])
    path = tmp_path / "authority.db"
    state = SqliteState(path)
    authority = authority_on(state)
    assert ask(authority, container).left == opens
    state.close()
    asked = [asking(container) for _ in range(PROCESSES * THREADS)]
    answers = [parse_answer(one, KEYS.fingerprint) for one in race_of_processes(path, asked)]
    assert {one.request for one in answers} == {one.hash for one in asked}
    won = [one for one in answers if one.ct is not None]
    assert len(answers) == PROCESSES * THREADS
    assert sorted(one.left for one in won if one.left is not None) == list(range(opens))
    assert {one.rule for one in answers if one.ct is None} == {"opens"}
    with state.reading() as view:
        assert view.opens(container.bind, ANN) == Opens(opens + 1, NOW)
        assert verify_log(view.log, authority.verifiers, ORIGIN).size == PROCESSES * THREADS + 1
    assert outcomes(authority).count(("release", None)) == opens + 1
    state.close()


def test_of_16_threads_exactly_one_gets_the_last_open(state: State) -> None:
    container = sealed("once")
    authority = authority_on(state)
    asked = [asking(container) for _ in range(16)]
    barrier = threading.Barrier(16)
    replies = race(authority, asked, barrier.wait)
    answers = [parse_answer(one, KEYS.fingerprint) for one in replies]
    assert sorted(one.rule or "" for one in answers) == ["", *["opens"] * 15]
    with state.reading() as view:
        assert view.opens(container.bind, ANN) == Opens(1, NOW)


def test_of_16_who_send_the_same_request_all_get_the_same_answer_for_one_open(state: State) -> None:
    container = sealed("once")
    asked = asking(container)
    barrier = threading.Barrier(16)
    replies = race(authority_on(state), [asked] * 16, barrier.wait)
    assert len(set(replies)) == 1
    assert len(asked.share(replies[0])) == 32
    with state.reading() as view:
        assert view.opens(container.bind, ANN) == Opens(1, NOW)
        assert view.log.size() == 16


def test_each_viewer_has_opens_of_its_own(authority: Authority, state: State) -> None:
    container = sealed("once")
    assert ask(authority, container, BY_ANN).ct
    assert ask(authority, container, BY_BOB).ct
    assert ask(authority, container, BY_BOB).rule == "opens"
    with state.reading() as view:
        assert [view.opens(container.bind, one).count for one in (ANN, BOB)] == [1, 1]


def test_a_look_alike_does_not_exhaust_the_opens_of_another(authority: Authority) -> None:
    """It has the same id, rules and authority, but a key of its own."""
    container = sealed("once")
    alike = seal([("opens", 1)], id=container.id)
    assert alike.id == container.id and alike.bind != container.bind
    assert ask(authority, alike).ct
    assert ask(authority, alike).rule == "opens"
    assert ask(authority, container).ct


def test_a_denial_counts_no_open(authority: Authority, state: State) -> None:
    container = seal([("opens", 1), ("rights", ["view"])])
    for _ in range(3):
        assert ask(authority, container, action="print").rule == "rights"
    with state.reading() as view:
        assert view.opens(container.bind, ANN) == Opens()
    assert ask(authority, container).ct


def test_the_first_open_begins_a_time_for_its_viewer_alone(authority: Authority, clock: Clock) -> None:
    container = sealed("brief")
    assert ask(authority, container).until == NOW + 600
    clock.now += 599
    assert ask(authority, container, now=int(clock.now)).until == NOW + 600
    clock.now += 1
    assert ask(authority, container, now=int(clock.now)).rule == "first_open_for"
    assert ask(authority, container, BY_BOB, now=int(clock.now)).until == NOW + 1_200


def test_counts_and_answers_outlive_a_restart(tmp_path: Path) -> None:
    container = sealed("once")
    asked = asking(container)
    state = SqliteState(tmp_path / "authority.db")
    first = authority_on(state).release(asked.message, BY_ANN)
    state.close()
    state = SqliteState(tmp_path / "authority.db")
    authority = authority_on(state)
    assert authority.release(asked.message, BY_ANN) == first
    assert ask(authority, container).rule == "opens"
    state.close()
