"""Steps 1 to 12 in their order; then sessions, repeated requests and clocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tera.audit.events import Event
from tera.authority.authority import Authority, Caller
from tera.authority.ports import State
from tera.codec.config import BlockListFile
from tera.errors import TeraError, UnknownViewer
from tera.policy.blockfile import Kind
from tera.release.answer import check_answer
from tera.release.request import parse_request
from tera.state.reader import Opens
from tests.authority.asking import (
    ANN,
    ANN_KEY,
    BOB,
    BY_ANN,
    BY_BOB,
    NOW,
    OWNER,
    SECOND,
    STRANGER,
    Asked,
    Clock,
    Made,
    ask,
    asking,
    authority_on,
    crafted,
    dynamic,
    events,
    fields_of,
    name,
    outcomes,
    said,
    seal,
    sealed,
    version_after,
    with_policy,
)
from tests.authority.lists import ISSUER, block

# --- the order ----------------------------------------------------------------------------------------


@dataclass
class Attempt:
    """A request of which nothing is right, until one thing after the other is mended."""

    container: Made
    clock: Clock
    list: Path
    fields: dict[str, Any]
    caller: Caller = BY_ANN
    spoil: Callable[[bytes], bytes] = field(default=lambda message: message)

    def wrong_form(self) -> None:
        self.fields["nonce"] = bytes(15)

    def wrong_authority(self) -> None:
        self.fields |= {"aud": SECOND.fingerprint}
        self.fields["stanza"] = [32, [SECOND.fingerprint, b"12345678"], self.fields["stanza"][2]]

    def wrong_signature(self) -> None:
        self.spoil = lambda message: message[:-1] + bytes((message[-1] ^ 1,))

    def wrong_viewer(self) -> None:
        self.caller = BY_BOB

    def wrong_clock(self) -> None:
        self.clock.now = NOW - 2_000

    def wrong_time(self) -> None:
        self.fields["iat"] = NOW - 301

    def wrong_session(self) -> None:
        self.fields["sid"] = bytes(32)

    def wrong_policy(self) -> None:
        policy = version_after(self.container.policy, ("rights", ["view"]), by=[STRANGER])
        self.fields["front"] = with_policy(self.container, policy)

    def wrong_list(self) -> None:
        block(self.list, (Kind.CONTAINER, self.container.id))

    def wrong_action(self) -> None:
        self.fields["act"] = "print"

    def wrong_stanza(self) -> None:
        type, params, ct = self.fields["stanza"]
        self.fields["stanza"] = [type, params, ct[:-1] + bytes((ct[-1] ^ 1,))]


ORDER: list[tuple[Callable[[Attempt], None], str, str | None]] = [
    (Attempt.wrong_form, "bad_request", None),
    (Attempt.wrong_authority, "wrong_authority", None),
    (Attempt.wrong_signature, "request_signature", None),
    (Attempt.wrong_viewer, "unknown_viewer", None),
    (Attempt.wrong_clock, "clock_behind", None),
    (Attempt.wrong_time, "stale_request", None),
    (Attempt.wrong_session, "unknown_session", None),
    (Attempt.wrong_policy, "policy_signer", None),
    (Attempt.wrong_list, "blocked", None),
    (Attempt.wrong_action, "rule_denied", "rights"),
    (Attempt.wrong_stanza, "share_refused", None),
]
CODES = [code for _, code, _ in ORDER]


@pytest.fixture(scope="module")
def watched() -> Made:
    return dynamic([("rights", ["view"])])


def attempt(state: State, clock: Clock, tmp_path: Path, container: Made, *, first: int) -> tuple[Authority, Attempt]:
    """Return an authority, and a request in which everything is wrong from ORDER's `first` on."""
    path = tmp_path / "list.terb"
    block(path)
    with state.transaction() as writing:
        writing.record(Event(time=NOW * 1_000, kind="enrol"))
    authority = authority_on(state, clock, blocklists=[BlockListFile(path, [ISSUER])])
    found = Attempt(container, clock, path, fields_of(asking(container, viewer=ANN).message))
    for spoil, _, _ in ORDER[first:]:
        spoil(found)
    return authority, found


@pytest.mark.parametrize("first", range(len(ORDER)), ids=CODES)
def test_of_all_that_is_wrong_the_earliest_step_decides(
    state: State, clock: Clock, tmp_path: Path, watched: Made, first: int
) -> None:
    authority, found = attempt(state, clock, tmp_path, watched, first=first)
    _, code, rule = ORDER[first]
    message = found.spoil(crafted(found.fields, ANN_KEY))
    if first < 4:
        with pytest.raises(TeraError) as error:
            authority.release(message, found.caller)
        assert error.value.code == code
        assert outcomes(authority) == []
        return
    answer = check_answer(authority.release(message, found.caller), parse_request(message))
    assert (answer.code, answer.rule, answer.ct) == (code, rule, None)
    assert outcomes(authority) == [("denied", rule or code)]
    with state.reading() as view:
        assert view.opens(watched.bind, ANN) == Opens()


def test_with_nothing_wrong_it_is_released(state: State, clock: Clock, tmp_path: Path, watched: Made) -> None:
    authority, found = attempt(state, clock, tmp_path, watched, first=len(ORDER))
    message = crafted(found.fields, ANN_KEY)
    assert check_answer(authority.release(message, BY_ANN), parse_request(message)).ct
    assert outcomes(authority) == [("release", None)]


def test_every_outcome_is_one_event_that_says_who_what_and_why(authority: Authority) -> None:
    container = sealed("once")
    first = asking(container)
    said(authority, first)
    said(authority, first)
    denied = asking(container, action="extract")
    said(authority, denied)
    one, again, two = events(authority)
    for event, asked, kind, rule in ((one, first, "release", None), (two, denied, "denied", "opens")):
        assert (event.kind, event.rule, event.viewer) == (kind, rule, ANN)
        assert (event.container, event.bind, event.request) == (container.id, container.bind, asked.hash)
    assert one.extra == {"act": "view"}
    assert again.extra == {"act": "view", "again": True}
    assert two.extra == {"act": "extract"}


# --- repeated requests --------------------------------------------------------------------------------


def test_a_repeated_request_gets_the_same_answer_and_burns_no_open(authority: Authority, state: State) -> None:
    container = sealed("once")
    asked = asking(container)
    first = authority.release(asked.message, BY_ANN)
    assert [authority.release(asked.message, BY_ANN) for _ in range(3)] == [first] * 3
    assert len(asked.share(first)) == 32
    with state.reading() as view:
        assert view.opens(container.bind, ANN) == Opens(1, NOW)
    assert ask(authority, container).code == "rule_denied"
    assert len(outcomes(authority)) == 5


def test_a_lost_answer_can_be_had_again_long_after_the_request_is_stale(authority: Authority, clock: Clock) -> None:
    asked = asking(sealed("once"))
    first = authority.release(asked.message, BY_ANN)
    clock.now += 86_399
    assert authority.release(asked.message, BY_ANN) == first


def test_a_forgotten_answer_leaves_a_stale_request(authority: Authority, clock: Clock) -> None:
    asked = asking(sealed("three"))
    said(authority, asked)
    clock.now += 86_402
    ask(authority, sealed("three"), now=int(clock.now))  # the next release forgets
    assert said(authority, asked).code == "stale_request"


def test_answers_are_kept_for_as_long_as_a_request_is_not_stale(state: State, clock: Clock) -> None:
    """Else it would be answered, and counted, as a new one."""
    authority = authority_on(state, clock, keep=0, session=0)
    container = sealed("three")
    asked = asking(container, now=NOW + 300)
    first = authority.release(asked.message, BY_ANN)
    clock.now += 600
    ask(authority, container, now=int(clock.now))
    assert authority.release(asked.message, BY_ANN) == first


def test_a_lost_answer_is_not_given_to_another_viewer(authority: Authority, state: State) -> None:
    container = sealed("once")
    asked = asking(container)
    said(authority, asked)
    with pytest.raises(UnknownViewer):
        authority.release(asked.message, BY_BOB)
    assert outcomes(authority) == [("release", None), ("denied", "unknown_viewer")]
    with state.reading() as view:
        assert view.opens(container.bind, BOB) == Opens()


def test_a_lost_answer_is_not_given_once_the_first_open_is_over(authority: Authority, clock: Clock) -> None:
    asked = asking(sealed("brief"))
    first = authority.release(asked.message, BY_ANN)
    clock.now += 599
    assert authority.release(asked.message, BY_ANN) == first
    clock.now += 1
    answer = said(authority, asked)
    assert (answer.code, answer.rule) == ("rule_denied", "first_open_for")


def test_a_denial_is_not_kept(state: State, clock: Clock) -> None:
    container = seal([("time", {"start": NOW + 10})])
    authority = authority_on(state, clock)
    asked = asking(container)
    assert said(authority, asked).rule == "time"
    clock.now += 10
    assert said(authority, asked).ct


# --- sessions -----------------------------------------------------------------------------------------


def test_a_session_is_one_open(authority: Authority, state: State) -> None:
    container = sealed("once")
    begun = asking(container)
    assert said(authority, begun).left == 0
    for _ in range(3):
        answer = ask(authority, container, session=begun.hash, action="extract")
        assert answer.ct and answer.left == 0
    with state.reading() as view:
        assert view.opens(container.bind, ANN) == Opens(1, NOW)
    assert events(authority)[-1].extra == {"act": "extract", "sid": begun.hash}
    assert ask(authority, container).rule == "opens"


def test_what_is_left_counts_the_opens_since_a_session_began(authority: Authority) -> None:
    container = sealed("three")
    begun = asking(container)
    assert said(authority, begun).left == 2
    assert ask(authority, container).left == 1
    assert ask(authority, container, session=begun.hash).left == 1


@pytest.mark.parametrize("later", [3_600, 3_601])
def test_a_session_ends_after_an_hour(authority: Authority, clock: Clock, later: int) -> None:
    container = sealed("three")
    begun = asking(container)
    said(authority, begun)
    clock.now += later
    answer = ask(authority, container, session=begun.hash, now=int(clock.now))
    assert answer.code == (None if later == 3_600 else "unknown_session")


def test_a_session_may_be_longer_than_answers_are_kept(state: State, clock: Clock) -> None:
    authority = authority_on(state, clock, session=10_000, keep=600)
    container = sealed("three")
    begun = asking(container)
    said(authority, begun)
    clock.now += 9_000
    assert ask(authority, container, now=int(clock.now)).left == 1  # forgets what is old
    assert ask(authority, container, session=begun.hash, now=int(clock.now)).ct


def test_a_session_ends_with_the_time_since_the_first_open(authority: Authority, clock: Clock) -> None:
    container = sealed("brief")
    begun = asking(container)
    assert said(authority, begun).until == NOW + 600
    clock.now += 599
    assert ask(authority, container, session=begun.hash, now=int(clock.now)).until == NOW + 600
    clock.now += 1
    assert ask(authority, container, session=begun.hash, now=int(clock.now)).rule == "first_open_for"


@pytest.mark.parametrize("whose", ["nobody", "bob", "other container", "denied", "itself a part"])
def test_there_is_no_session(authority: Authority, whose: str) -> None:
    container, other = sealed("three"), sealed("unlimited")
    began = {
        "nobody": lambda: bytes(32),
        "bob": lambda: _begin(authority, asking(container), BY_BOB),
        "other container": lambda: _begin(authority, asking(other)),
        "denied": lambda: _begin(authority, asking(other, action="print")),
        "itself a part": lambda: _part(authority, container),
    }[whose]()
    answer = ask(authority, container, session=began)
    assert (answer.code, answer.ct) == ("unknown_session", None)
    assert outcomes(authority)[-1] == ("denied", "unknown_session")


def _begin(authority: Authority, asked: Asked, caller: Caller = BY_ANN) -> bytes:
    said(authority, asked, caller)
    return asked.hash


def _part(authority: Authority, container: Made) -> bytes:
    begun = _begin(authority, asking(container))
    return _begin(authority, asking(container, session=begun))


# --- clocks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("off", [-301, -300, 300, 301])
def test_a_request_is_at_most_5_minutes_off(authority: Authority, off: int) -> None:
    assert ask(authority, sealed("three"), now=NOW + off).code == ("stale_request" if abs(off) > 300 else None)


def test_a_clock_that_was_set_back_releases_nothing_however_often_it_is_asked(
    authority: Authority, clock: Clock
) -> None:
    """What is denied is recorded with the time of that clock, and must not take the place of the later one."""
    container = seal([("time", {"end": NOW + 10})])
    asked = asking(container)
    said(authority, asked)
    clock.now = NOW + 1_000
    assert ask(authority, container, now=int(clock.now)).rule == "time"
    clock.now = NOW + 5
    for _ in range(3):
        assert ask(authority, container, now=NOW + 5).code == "clock_behind"
        assert said(authority, asked).code == "clock_behind"
    clock.now = NOW + 1_000
    assert ask(authority, sealed("three"), now=int(clock.now)).ct


def test_a_clock_may_be_5_minutes_back(authority: Authority, clock: Clock) -> None:
    ask(authority, sealed("three"))
    clock.now -= 300
    assert ask(authority, sealed("three"), now=int(clock.now)).ct
    clock.now -= 1
    assert ask(authority, sealed("three"), now=int(clock.now)).code == "clock_behind"


# --- the rules ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "caller", "allowed"),
    [
        (("recipients", [ANN]), BY_ANN, True),
        (("recipients", [ANN]), BY_BOB, False),
        (("ip", {"allow": ["10.0.0.0/8"]}), Caller(ANN, ip="10.1.2.3"), True),
        (("ip", {"allow": ["10.0.0.0/8"]}), Caller(ANN, ip="11.1.2.3"), False),
        (("ip", {"block": ["10.0.0.0/8"]}), BY_ANN, False),
        (("geo", {"allow": ["/DE//"]}), BY_ANN, False),
        (("mac", {"allow": ["00:00:00:00:00:01"]}), BY_ANN, True),  # the reader's to decide
        (("require_fresh_blocklist", True), BY_ANN, False),
        (("time", {"end": NOW}), BY_ANN, False),
        (("time", {"end": NOW + 1, "start": NOW}), BY_ANN, True),
    ],
)
def test_rules_are_decided_on_what_the_authority_knows(
    authority: Authority, rule: tuple[str, Any], caller: Caller, allowed: bool
) -> None:
    answer = ask(authority, seal([rule], created=NOW - 1), caller)
    assert (answer.code, answer.rule) == ((None, None) if allowed else ("rule_denied", rule[0]))


def test_a_signer_counts_if_the_authority_relies_on_it(state: State) -> None:
    container = seal([("require_signature", True)], signers=[OWNER])
    assert ask(authority_on(state), container).rule == "require_signature"
    assert ask(authority_on(state, signers=frozenset({name(OWNER)})), container).ct


def test_obligations_are_declared_and_stand_in_the_answer(authority: Authority) -> None:
    container = seal([("obligations", {"notice": {}, "watermark": {"text": "x"}})])
    answer = ask(authority, container, obligations=["notice"])
    assert (answer.rule, answer.obligations) == ("obligations", {})
    answer = ask(authority, container, obligations=["notice", "watermark"])
    assert answer.obligations == {"notice": {}, "watermark": {"text": "x"}}


def test_rules_that_nobody_knows_deny(authority: Authority) -> None:
    container = dynamic()
    later = version_after(container.policy, ("phase_of_the_moon", 3))
    assert ask(authority, container, prefix=with_policy(container, later)).code == "unsupported_rule"
