"""What an authority writes: all of it or nothing, before anything leaves; and what its owner and devices bring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tera.audit.checkpoint import open_checkpoint
from tera.audit.verify import verify_log
from tera.authority.authority import Authority, Caller
from tera.authority.ports import State
from tera.authority.sqlite import SqliteState
from tera.errors import (
    BadInput,
    BadRequest,
    LimitExceeded,
    NotCanonical,
    RequestSignature,
    StateUnavailable,
    TeraError,
    UnknownViewer,
    WrongAuthority,
)
from tera.format.signatures import pack_signatures, sign
from tera.release.answer import check_answer
from tera.release.report import build_report
from tera.release.request import FORM
from tera.state.reader import Opens
from tests.authority.asking import (
    ANN,
    ANN_KEY,
    BOB,
    BOB_KEY,
    BY_ANN,
    DEVICE_KEY,
    KEYS,
    NOW,
    ORIGIN,
    OWNER,
    SECOND,
    STRANGER,
    Clock,
    ask,
    asking,
    authority_on,
    crafted,
    dynamic,
    events,
    fields_of,
    lease_open,
    name,
    outcomes,
    said,
    seal,
    sealed,
    version_after,
    with_policy,
)
from tests.authority.failing import FailingState
from tests.authority.interrupted import InterruptedState

# --- all or nothing -----------------------------------------------------------------------------------


def snapshot(state: State) -> Any:
    """Return all that a test here looks at."""
    with state.reading() as view:
        log = view.log
        return (
            [one.data for one in log.events()],
            [one.size for one in log.checkpoints()],
            view.last_time(),
            [view.opens(seal_.bind, ANN) for seal_ in (sealed("once"), sealed("three"))],
            view.viewer(name(ANN_KEY)),
            view.reported(name(DEVICE_KEY)),
            view.envelope(name(OWNER), b"f" * 16),
        )


def works() -> dict[str, Callable[[Authority], object]]:
    """Return everything by which an authority writes."""
    changing = dynamic([("rights", ["view"])], policy_id=b"f" * 16)
    asked, refused, newer = (
        asking(sealed("once")),
        asking(sealed("once"), action="print", now=NOW - 999),
        asking(changing),
    )
    report = build_report(KEYS.fingerprint, DEVICE_KEY, 0, [lease_open(1), lease_open(2)])
    return {
        "release": lambda one: one.release(asked.message, BY_ANN),
        "again": lambda one: one.release(asked.message, BY_ANN),
        "denial": lambda one: one.release(refused.message, BY_ANN),
        "policy": lambda one: one.release(newer.message, BY_ANN),
        "update": lambda one: one.update(
            with_policy(changing, version_after(changing.policy, ("opens", 0), now=NOW + 1)), BY_ANN
        ),
        "enrol": lambda one: one.enrol(name(ANN_KEY), ANN),
        "withdraw": lambda one: one.withdraw(name(ANN_KEY)),
        "report": lambda one: one.report(report),
        "checkpoint": lambda one: one.checkpoint(every=0),
    }


def test_a_write_that_fails_releases_nothing_and_leaves_nothing_behind(state: State) -> None:
    with state.transaction() as writing:
        writing.set_reported(name(DEVICE_KEY), 0)
    failing = FailingState(state)
    authority = authority_on(failing)
    failures = 0
    for work in works().values():
        for at in range(100):
            failing.at, failing.writes = at, 0
            before = snapshot(state)
            try:
                work(authority)
                break
            except StateUnavailable:
                failures += 1
                assert snapshot(state) == before
        else:
            pytest.fail("it never succeeds")
    assert failures > 25
    assert outcomes(authority) == [("release", None), ("release", None), ("denied", "stale_request"), ("release", None)]
    with state.reading() as view:
        assert view.opens(sealed("once").bind, ANN) == Opens(1, NOW)
        assert verify_log(view.log, authority.verifiers, ORIGIN).size == 9


def test_what_leaves_was_written_before(state: State) -> None:
    """While the transaction goes on there is no answer, and after it the event is there."""
    authority = authority_on(state)
    asked = asking(sealed("once"))
    reply = authority.release(asked.message, BY_ANN)
    with state.reading() as view:
        kept = view.kept(asked.hash)
        assert kept is not None and kept.answer == reply
        assert view.log.size() == 1


def test_the_log_is_signed_as_it_grows(state: State, clock: Clock) -> None:
    authority = authority_on(state, clock)
    for _ in range(3):
        for _ in range(2):
            ask(authority, sealed("unlimited"), now=int(clock.now))
        clock.now += 1
    with state.reading() as view:
        whole = verify_log(view.log, authority.verifiers, ORIGIN)
        assert [one.size for one in view.log.checkpoints()] == [1, 3, 5]
    assert (whole.size, whole.signed) == (6, 5)
    note = authority.checkpoint()
    assert open_checkpoint(note, authority.verifiers, ORIGIN).size == 6
    assert authority.checkpoint() == note


# --- what changes between the decision and its record ---------------------------------------------------


@pytest.fixture
def both(state: State) -> tuple[Authority, Authority, InterruptedState]:
    """Return an authority, another process of it, and the state of the first, to be interrupted."""
    interrupted = InterruptedState(state)
    return authority_on(interrupted), authority_on(state), interrupted


Both = tuple[Authority, Authority, InterruptedState]


def test_an_open_meanwhile_is_counted_first(both: Both) -> None:
    authority, other, interrupted = both
    container = sealed("once")
    interrupted.meanwhile = lambda: ask(other, container)
    answer = ask(authority, container)
    assert (answer.rule, answer.ct) == ("opens", None)
    assert outcomes(other) == [("release", None), ("denied", "opens")]


def test_an_open_meanwhile_is_in_what_is_left(both: Both) -> None:
    authority, other, interrupted = both
    container = sealed("three")
    interrupted.meanwhile = lambda: ask(other, container)
    asked = asking(container)
    reply = authority.release(asked.message, BY_ANN)
    assert check_answer(reply, asked.request).left == 1
    assert len(asked.share(reply)) == 32


def test_a_count_that_was_put_back_meanwhile_is_the_one_that_counts(tmp_path: Path) -> None:
    """No part of tera does that; but whoever has the database can, and then nothing was opened yet."""
    state = SqliteState(tmp_path / "authority.db")
    interrupted = InterruptedState(state)
    authority = authority_on(interrupted)
    ask(authority, sealed("once"))

    def put_back() -> None:
        with state.transaction() as writing:
            writing._db.execute("DELETE FROM opens")  # type: ignore[attr-defined]

    interrupted.meanwhile = put_back
    asked = asking(sealed("once"))
    assert len(asked.share(authority.release(asked.message, BY_ANN))) == 32
    assert outcomes(authority) == [("release", None)] * 2
    state.close()


def test_a_policy_that_came_meanwhile_is_the_one_that_counts(both: Both) -> None:
    authority, other, interrupted = both
    container = dynamic([("rights", ["view"])])
    frozen = with_policy(container, version_after(container.policy, ("opens", 0)))
    interrupted.meanwhile = lambda: other.update(frozen, BY_ANN)
    answer = ask(authority, container)
    assert (answer.rule, answer.version, answer.ct) == ("opens", 2, None)
    assert outcomes(other) == [("denied", "opens")]


def test_a_policy_is_not_brought_over_one_that_came_meanwhile(both: Both) -> None:
    authority, other, interrupted = both
    container = dynamic([("rights", ["view"])])
    second = version_after(container.policy, ("rights", ["view"]))
    third = version_after(second, ("opens", 0))
    interrupted.meanwhile = lambda: other.update(with_policy(container, third), BY_ANN)
    assert authority.update(with_policy(container, second), BY_ANN) == 3
    assert ask(authority, container).rule == "opens"
    assert [one.extra for one in events(other) if one.kind == "policy"] == [{"ver": 3}]


def test_a_key_that_was_withdrawn_meanwhile_opens_nothing(both: Both) -> None:
    authority, other, interrupted = both
    authority.enrol(name(ANN_KEY), ANN)
    interrupted.meanwhile = lambda: other.withdraw(name(ANN_KEY))
    with pytest.raises(UnknownViewer):
        authority.release(asking(sealed("three"), viewer_key=ANN_KEY).message)
    assert outcomes(other) == []


def test_the_same_request_that_was_answered_meanwhile_has_that_answer(both: Both) -> None:
    authority, other, interrupted = both
    asked = asking(sealed("once"))
    replies: list[bytes] = []
    interrupted.meanwhile = lambda: replies.append(other.release(asked.message, BY_ANN))
    assert [authority.release(asked.message, BY_ANN)] == replies
    assert [one.extra.get("again") for one in events(other)] == [None, True]


# --- steps 1 to 3 -------------------------------------------------------------------------------------

FORMS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another version": (lambda fields: fields.update(v=2), "bad_request"),
    "no action": (lambda fields: fields.update(act="steal"), "bad_request"),
    "a key is missing": (lambda fields: fields.pop("obl"), "bad_request"),
    "a key is too many": (lambda fields: fields.update(zz=1), "bad_request"),
    "a lease without a device": (lambda fields: fields.update(lease=True), "bad_request"),
    "another's stanza": (lambda fields: fields["stanza"][1].__setitem__(0, bytes(32)), "bad_request"),
    "no viewer's address": (lambda fields: fields.update(viewer="Ann@a.example"), "bad_request"),
    "a key that is none": (lambda fields: fields.update(kem=b"\xff" * 1_216), "bad_request"),
    "a front that goes on": (lambda fields: fields.update(front=fields["front"] + b"\0"), "bad_request"),
    "a front that is cut": (lambda fields: fields.update(front=fields["front"][:-1]), "truncated"),
    "no container": (lambda fields: fields.update(front=b"PK\3\4" + fields["front"][4:]), "not_tera"),
    "a policy that is none": (lambda fields: fields.update(front=with_policy(dynamic(), None)), "bad_policy"),
}


@pytest.mark.parametrize("what", FORMS)
def test_a_malformed_request_is_no_decision(authority: Authority, what: str) -> None:
    spoil, code = FORMS[what]
    fields = fields_of(asking(sealed("three")).message)
    spoil(fields)
    with pytest.raises(TeraError) as error:
        authority.release(crafted(fields), BY_ANN)
    assert error.value.code == code
    assert events(authority) == []


def test_too_long_not_canonical_and_trailing_requests_are_no_decisions(authority: Authority) -> None:
    message = asking(sealed("three")).message
    for spoiled, error in (
        (bytes((512 << 10) + 1), LimitExceeded),
        (message + b"\0", BadRequest),
        (message[:-1], BadRequest),
        (b"\0\0\0\2\x81\xc0\0\0\0\1\x90", NotCanonical),
        (b"", BadRequest),
    ):
        with pytest.raises(error):
            authority.release(spoiled, BY_ANN)
    assert events(authority) == []


def test_another_authoritys_request_is_refused(authority: Authority) -> None:
    theirs = seal(authorities=[SECOND.public])
    with pytest.raises(WrongAuthority):
        authority.release(asking(theirs, keys=SECOND).message, BY_ANN)
    # Asked here, but the container does not name this authority.
    fields = fields_of(asking(sealed("three")).message) | {"front": theirs.prefix}
    with pytest.raises(WrongAuthority):
        authority.release(crafted(fields), BY_ANN)
    assert events(authority) == []


def test_every_signature_has_to_verify_and_the_devices_to_be_there(authority: Authority) -> None:
    signed = asking(sealed("three"), viewer_key=ANN_KEY, device_key=DEVICE_KEY)
    packed, fields, found = FORM.split(signed.message)
    for signatures in (
        [one for one in found if one.signer != fields["dev"]],
        sign(FORM.label + packed + b"\0", [ANN_KEY, DEVICE_KEY]),
        [*sign(FORM.label + packed, [DEVICE_KEY]), *sign(b"another label" + packed, [ANN_KEY])],
    ):
        listed = pack_signatures(sorted(signatures, key=lambda one: one.signer))
        message = b"".join(len(part).to_bytes(4, "big") + part for part in (packed, listed))
        with pytest.raises(RequestSignature):
            authority.release(message, BY_ANN)
    assert events(authority) == []
    assert said(authority, signed).ct


# --- step 4, and who is who ---------------------------------------------------------------------------


def test_a_viewer_is_known_by_an_enrolled_key(authority: Authority) -> None:
    asked = asking(sealed("three"), viewer_key=ANN_KEY)
    with pytest.raises(UnknownViewer):
        authority.release(asked.message)
    authority.enrol(name(ANN_KEY), "Ann@A.example")
    assert said(authority, asked, Caller()).ct
    assert events(authority)[-1].viewer == ANN
    authority.withdraw(name(ANN_KEY))
    with pytest.raises(UnknownViewer):
        authority.release(asking(sealed("three"), viewer_key=ANN_KEY).message)
    with pytest.raises(UnknownViewer):
        authority.release(asked.message)  # not even again
    assert [one.kind for one in events(authority)] == ["enrol", "release", "withdraw"]
    assert events(authority)[0].subject == name(ANN_KEY)


@pytest.mark.parametrize(
    ("caller", "options", "known"),
    [
        (Caller(), {}, None),
        (Caller(), {"viewer": ANN}, None),
        (Caller(), {"device_key": DEVICE_KEY}, None),
        (Caller(), {"viewer_key": STRANGER}, None),
        (BY_ANN, {"viewer_key": STRANGER}, ANN),
        (BY_ANN, {"viewer": ANN, "viewer_key": ANN_KEY}, ANN),
        (BY_ANN, {"viewer": BOB}, None),
        (BY_ANN, {"viewer_key": BOB_KEY}, None),
        (Caller(), {"viewer": BOB, "viewer_key": ANN_KEY}, None),
        (Caller(), {"viewer_key": ANN_KEY, "device_key": BOB_KEY}, None),
        (Caller("ANN@A.example"), {"viewer": ANN}, ANN),
    ],
)
def test_the_viewer_is_one_and_somebody_vouches_for_it(
    authority: Authority, caller: Caller, options: dict[str, Any], known: str | None
) -> None:
    authority.enrol(name(ANN_KEY), ANN)
    authority.enrol(name(BOB_KEY), BOB)
    asked = asking(sealed("three"), **options)
    if known is None:
        with pytest.raises(UnknownViewer):
            authority.release(asked.message, caller)
        assert outcomes(authority) == []
    else:
        assert said(authority, asked, caller).ct
        assert events(authority)[-1].viewer == known


def test_what_is_no_viewer_no_address_or_no_fingerprint_is_refused(authority: Authority) -> None:
    for wrong in ({"viewer": "ann"}, {"ip": "10.0.0.256"}, {"ip": "fe80::1%eth0"}):
        with pytest.raises(BadInput):
            Caller(**wrong)  # type: ignore[arg-type]
    with pytest.raises(BadInput):
        authority.enrol(name(ANN_KEY), "*@a.example")
    with pytest.raises(BadInput):
        authority.enrol(bytes(31), ANN)
    with pytest.raises(UnknownViewer):
        authority.withdraw(bytes(32))
    assert events(authority) == []
