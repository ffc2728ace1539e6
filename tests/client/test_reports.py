"""However often reports are sent, lost or forgotten, the authority's log has each open within a lease once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tera.audit.events import Event
from tera.authority.authority import Authority
from tera.authority.memory import MemoryState
from tera.client.reports import send_reports
from tera.errors import AuthorityUnavailable, BadRequest
from tera.release.report import EVENTS, KIND, Report, parse_report
from tera.state.reader import MemoryReaderState
from tests.authority.asking import ANN, DEVICE_KEY, KEYS, OTHER_DEVICE, SECOND, authority_on, events, name

OWN = KEYS.fingerprint


def opened(state: MemoryReaderState, *times: int, authority: bytes = OWN, kind: str = KIND, **extra: Any) -> None:
    for time in times:
        state.record(Event(time, kind, subject=authority, viewer=ANN, extra={"act": "view", **extra}))


def recorded(authority: Authority) -> list[int]:
    """Return when the opens were that the authority has on record."""
    return [one.extra["t"] for one in events(authority) if one.kind == "reported"]


def fresh() -> Authority:
    """Return one that has given both devices a lease."""
    state = MemoryState()
    with state.transaction() as writing:
        for key in (DEVICE_KEY, OTHER_DEVICE):
            writing.set_reported(name(key), 0)
    return authority_on(state)


@pytest.fixture
def authority() -> Authority:
    return fresh()


@pytest.fixture
def state() -> MemoryReaderState:
    return MemoryReaderState()


@dataclass
class Lossy:
    """Passes reports on, and loses the answers that it is told to."""

    authority: Authority
    lost: Sequence[int] = ()
    seen: list[Report] = field(default_factory=list)

    def report(self, message: bytes) -> int:
        self.seen.append(parse_report(message, OWN))
        found = self.authority.report(message)
        if len(self.seen) - 1 in self.lost:
            raise AuthorityUnavailable("the answer was lost")
        return found


def test_what_was_reported_is_not_sent_again(authority: Authority, state: MemoryReaderState) -> None:
    opened(state, 1, 2)
    line = Lossy(authority)
    assert send_reports(state, DEVICE_KEY, OWN, line) == 2
    assert send_reports(state, DEVICE_KEY, OWN, line) == 0
    opened(state, 3)
    assert send_reports(state, DEVICE_KEY, OWN, line) == 1
    assert [(one.first, len(one.events)) for one in line.seen] == [(0, 2), (2, 1)]
    assert recorded(authority) == [1, 2, 3]
    assert (state.reported(OWN), state.sent(OWN)) == (3, 3)


def test_without_opens_nothing_is_sent(authority: Authority, state: MemoryReaderState) -> None:
    line = Lossy(authority)
    assert send_reports(state, DEVICE_KEY, OWN, line) == 0
    assert line.seen == []


def test_only_opens_within_leases_of_this_authority_are_reported(
    authority: Authority, state: MemoryReaderState
) -> None:
    opened(state, 1, kind="open")
    opened(state, 2)
    opened(state, 3, authority=SECOND.fingerprint)
    opened(state, 4, kind="denied")
    opened(state, 5)
    assert send_reports(state, DEVICE_KEY, OWN, authority) == 2
    assert recorded(authority) == [2, 5]


def test_another_device_s_opens_are_not_reported_in_this_one_s_name(
    authority: Authority, state: MemoryReaderState
) -> None:
    opened(state, 1, dev=name(OTHER_DEVICE))
    opened(state, 2, dev=name(DEVICE_KEY))
    assert send_reports(state, DEVICE_KEY, OWN, authority) == 1
    assert recorded(authority) == [2]


def test_a_lost_answer_records_nothing_twice(authority: Authority, state: MemoryReaderState) -> None:
    opened(state, *range(EVENTS + 10))
    line = Lossy(authority, lost=[1])
    with pytest.raises(AuthorityUnavailable):
        send_reports(state, DEVICE_KEY, OWN, line)
    assert (state.reported(OWN), state.sent(OWN)) == (EVENTS, EVENTS)
    opened(state, 999)
    assert send_reports(state, DEVICE_KEY, OWN, line) == 11
    assert recorded(authority) == [*range(EVENTS + 10), 999]


def test_a_state_that_forgot_what_it_sent_records_nothing_twice(authority: Authority, state: MemoryReaderState) -> None:
    opened(state, 1, 2, 3)
    send_reports(state, DEVICE_KEY, OWN, authority)
    state.set_reported(OWN, 1, 1)
    send_reports(state, DEVICE_KEY, OWN, authority)
    assert recorded(authority) == [1, 2, 3]


def test_an_authority_that_was_set_back_gets_all_again(authority: Authority, state: MemoryReaderState) -> None:
    opened(state, 1, 2)
    send_reports(state, DEVICE_KEY, OWN, authority)
    opened(state, 3)
    restored = fresh()
    assert send_reports(state, DEVICE_KEY, OWN, restored) == 3
    assert recorded(restored) == [1, 2, 3]


def test_an_authority_that_takes_no_report_is_an_error(state: MemoryReaderState) -> None:
    class Stubborn:
        asked = 0

        def report(self, message: bytes) -> int:
            self.asked += 1
            raise BadRequest("no")

    opened(state, 1)
    stubborn = Stubborn()
    with pytest.raises(BadRequest):
        send_reports(state, DEVICE_KEY, OWN, stubborn)
    assert stubborn.asked == 1
    assert state.sent(OWN) == 0


def test_an_authority_that_records_less_than_it_got_is_an_error(state: MemoryReaderState) -> None:
    class Forgetful:
        def report(self, message: bytes) -> int:
            return 1

    opened(state, 1, 2)
    with pytest.raises(AuthorityUnavailable, match="did not record"):
        send_reports(state, DEVICE_KEY, OWN, Forgetful())
    assert state.sent(OWN) == 0


def test_events_of_any_size_fit(authority: Authority, state: MemoryReaderState) -> None:
    opened(state, *range(200), more="x" * 4_000)
    line = Lossy(authority)
    assert send_reports(state, DEVICE_KEY, OWN, line) == 200
    assert len(line.seen) > 1
    assert recorded(authority) == [*range(200)]
