"""What every state of a reader promises: counts are exact, marks never go down, time does not go back."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tera.audit.events import Event
from tera.errors import ClockBehind, RuleDenied
from tera.policy.marks import Mark, MarkKey
from tera.state.reader import Opens, ReaderState
from tests.state.states import BIND, NOW, OTHER, STATES, event, lease

ANN, BOB = "ann@a.example", "bob@a.example"
KEY = MarkKey("policy", b"s" * 32, b"n" * 16)


@pytest.fixture(params=sorted(STATES))
def state(request: pytest.FixtureRequest, tmp_path: Path) -> ReaderState:
    return STATES[request.param](tmp_path)


def events(state: ReaderState) -> list[bytes]:
    with state.log() as log:
        return [one.data for one in log.records()]


# --- marks ----------------------------------------------------------------------------------------------


def test_a_mark_belongs_to_a_kind_a_signer_and_a_name(state: ReaderState) -> None:
    others = [MarkKey("blocklist", KEY.signer, KEY.name), MarkKey("policy", b"t" * 32, KEY.name)]
    others.append(MarkKey("policy", KEY.signer, b"m" * 16))
    assert state.get(KEY) is None
    state.raise_marks({KEY: Mark(3, b"d" * 32)})
    assert state.get(KEY) == Mark(3, b"d" * 32)
    assert [state.get(one) for one in others] == [None] * 3
    state.raise_marks({one: Mark(at, b"e" * 32) for at, one in enumerate(others, 1)})
    assert [state.get(one) for one in [KEY, *others]] == [Mark(3, b"d" * 32), *(Mark(n, b"e" * 32) for n in (1, 2, 3))]


def test_a_mark_never_goes_down_and_never_changes_under_its_version(state: ReaderState) -> None:
    state.raise_marks({KEY: Mark(3, b"d" * 32)})
    for lower in (Mark(2, b"e" * 32), Mark(3, b"e" * 32)):
        state.raise_marks({KEY: lower})
        assert state.get(KEY) == Mark(3, b"d" * 32)
    state.raise_marks({KEY: Mark(2**63 - 1, b"e" * 32)})
    assert state.get(KEY) == Mark(2**63 - 1, b"e" * 32)


# --- time -----------------------------------------------------------------------------------------------


def test_a_clock_that_was_set_back_by_more_than_five_minutes_is_refused(state: ReaderState) -> None:
    state.see(NOW)
    for now in (NOW - 300, NOW + 200, NOW - 99):
        state.see(now)
    with pytest.raises(ClockBehind, match="301 seconds behind") as caught:
        state.see(state.seen() - 301)
    assert "set this machine's clock" in (caught.value.hint or "")


def test_what_was_recorded_was_seen(state: ReaderState) -> None:
    assert state.seen() == 0
    state.record(event(7))
    assert state.seen() == NOW + 7
    state.record(event(3))
    assert state.seen() == NOW + 7
    with pytest.raises(ClockBehind):
        state.see(NOW + 7 - 301)
    state.see(NOW + 100)
    assert state.seen() == NOW + 100


# --- counts ---------------------------------------------------------------------------------------------


def test_opens_are_counted_for_a_container_and_a_viewer(state: ReaderState) -> None:
    assert state.opens(BIND, ANN) == Opens(0, None)
    state.count(BIND, ANN, NOW, lambda before: event())
    state.count(BIND, ANN, NOW + 5, lambda before: event(5))
    assert state.opens(BIND, ANN) == Opens(2, NOW)
    assert state.opens(BIND, BOB) == state.opens(OTHER, ANN) == state.opens(BIND, "") == Opens()
    assert events(state) == [event().pack(), event(5).pack()]


def test_what_is_checked_is_the_count_before(state: ReaderState) -> None:
    seen: list[Opens] = []

    def check(before: Opens) -> Event:
        seen.append(before)
        return event()

    for at in range(3):
        state.count(BIND, ANN, NOW + at, check)
    assert seen == [Opens(), Opens(1, NOW), Opens(2, NOW)]


def test_what_is_refused_is_not_counted(state: ReaderState) -> None:
    def check(before: Opens) -> Event:
        raise RuleDenied("no", rule="opens")

    with pytest.raises(RuleDenied):
        state.count(BIND, ANN, NOW, check)
    assert state.opens(BIND, ANN) == Opens()
    assert events(state) == []


def test_threads_do_not_open_more_often_than_allowed(state: ReaderState) -> None:
    allowed, denied = [], []

    def check(before: Opens) -> Event:
        if before.count >= 5:
            raise RuleDenied("no", rule="opens")
        return event(before.count)

    def work() -> None:
        try:
            state.count(BIND, ANN, NOW, check)
            allowed.append(1)
        except RuleDenied:
            denied.append(1)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(allowed), len(denied)) == (5, 7)
    assert state.opens(BIND, ANN).count == 5
    assert events(state) == [event(at).pack() for at in range(5)]


# --- leases and reports -----------------------------------------------------------------------------------


def test_a_lease_is_kept_for_a_container_and_an_authority_until_it_ends(state: ReaderState) -> None:
    assert state.lease(BIND, OTHER) is None
    state.keep_lease(BIND, OTHER, lease(b"1"), NOW + 10)
    state.keep_lease(OTHER, OTHER, lease(b"2"), NOW + 20)
    state.keep_lease(BIND, BIND, lease(b"3"), NOW + 30)
    assert [state.lease(*one) for one in ((BIND, OTHER), (OTHER, OTHER), (BIND, BIND))] == [
        lease(b"1"),
        lease(b"2"),
        lease(b"3"),
    ]
    state.drop_leases(NOW + 9)
    assert state.lease(BIND, OTHER) == lease(b"1")
    state.drop_leases(NOW + 20)
    assert [state.lease(*one) for one in ((BIND, OTHER), (OTHER, OTHER), (BIND, BIND))] == [None, None, lease(b"3")]


def test_a_newer_lease_takes_the_place_of_the_one_before(state: ReaderState) -> None:
    state.keep_lease(BIND, OTHER, lease(b"1"), NOW + 10)
    state.keep_lease(BIND, OTHER, lease(b"2"), NOW + 20)
    state.drop_leases(NOW + 10)
    assert state.lease(BIND, OTHER) == lease(b"2")


def test_what_was_reported_is_remembered_for_each_authority(state: ReaderState) -> None:
    assert (state.reported(BIND), state.sent(BIND)) == (0, 0)
    state.set_reported(BIND, 7, 3)
    state.set_reported(BIND, 9, 4)
    assert (state.reported(BIND), state.sent(BIND)) == (9, 4)
    assert (state.reported(OTHER), state.sent(OTHER)) == (0, 0)
