"""A share that an authority holds: asked for last and once, believed only as it was signed, and never guessed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tera.authority.authority import Caller
from tera.codec.recipients import Passphrase
from tera.errors import BadStanza, TeraError
from tera.format import limits
from tera.format.signatures import signer_name
from tera.policy.blockfile import Kind
from tera.policy.context import Context
from tera.release.answer import CODES, FORM, Answer, seal_share, sign_answer
from tera.release.request import parse_request
from tera.state.reader import MemoryReaderState
from tests.codec.gated import (
    ANN,
    BOB,
    DEVICE,
    DOORS,
    KEYS,
    NOW,
    OTHER_DEVICE,
    OWNER,
    SECOND,
    STRANGER,
    Clock,
    Desk,
    Listed,
    authorities,
    config,
    dynamic,
    kinds_of,
    policy_of,
    refused,
    ruled,
    view,
    with_policy,
    written,
)
from tests.codec.sealed import KEK, OTHER_KEK, contents, front_of, opened, seal

ALL = ["copy", "extract", "print", "rewrap", "view"]
OURS = "{'authorities': [KEYS.public]}"
BOTH = "{'authorities': [SECOND.public, KEYS.public]}"
CHEAP = Passphrase("correct", cost=(limits.ARGON2_MIN_KIB, 1, 1))


@pytest.fixture
def desk() -> Desk:
    return Desk(Clock())


def asking(*desks: Desk, **options: Any) -> Any:
    return config(authorities=authorities(*desks), **options)


@pytest.mark.parametrize("door", DOORS)
def test_every_door_asks_once_and_the_authority_counts_it(door: str, desk: Desk, tmp_path: Path) -> None:
    data = ruled(("opens", 1), ("rights", ALL), options=OURS)
    more = {"keys": [KEYS.public]} if door == "rewrap" else {}
    DOORS[door](data, tmp_path, [KEK], context=view(), config=asking(desk), **more)
    assert len(desk.asked) == 1
    action = parse_request(desk.asked[0]).action
    assert action == {"open": "view", "verify": "view", "rewrap": "rewrap"}.get(door, "extract")
    again = tmp_path / "again"
    again.mkdir()
    refused(
        "rule_denied",
        lambda: DOORS[door](data, again, [KEK], context=view(), config=asking(desk), **more),
        rule="opens",
    )
    assert written(again) == []
    assert [one.kind for one in desk.events()] == ["release", "denied"]


def test_what_the_authority_counts_is_not_counted_here(desk: Desk) -> None:
    state, data = MemoryReaderState(), ruled(("first_open_for", 60), ("opens", 2), options=OURS)
    with opened(data, context=view(), config=asking(desk, state=state)) as container:
        assert container.receipts[0].left == 1
        assert container.decision.remaining is None
        contents(container)
    assert state.opens(front_of(data).bind, ANN).count == 0
    assert kinds_of(state) == ["open"]
    assert len(desk.asked) == 1


def test_the_receipt_is_what_the_authority_signed(desk: Desk) -> None:
    data = ruled(("opens", 3), ("time", {"end": NOW + 60}), options=OURS)
    with opened(data, context=view(), config=asking(desk)) as container:
        (receipt,) = container.receipts
    assert (receipt.authority, receipt.bind, receipt.left, receipt.until) == (
        KEYS.fingerprint,
        front_of(data).bind,
        2,
        NOW + 60,
    )
    assert receipt.request == parse_request(desk.asked[0]).hash


# --- last in step 4 -----------------------------------------------------------------------------------------


def test_who_cannot_open_anyway_does_not_ask(desk: Desk) -> None:
    for recipients, identities, code in (
        ([KEK], [OTHER_KEK], "no_key"),
        ([[KEK, CHEAP]], [KEK, Passphrase("wrong")], "wrong_passphrase"),
        ([[KEK, CHEAP]], [CHEAP], "no_key"),
    ):
        data = seal(rules=[("opens", 1)], recipients=recipients, authorities=[KEYS.public])
        refused(code, partial(opened, data, *identities, context=view(), config=asking(desk)))
    assert desk.asked == []


def test_a_stanza_that_was_changed_does_not_ask(desk: Desk) -> None:
    class Broken:
        def unwrap(self, stanza: Any, bind: bytes) -> bytes | None:
            raise BadStanza("changed")

    data = ruled(("opens", 1), options=OURS)
    refused("bad_stanza", lambda: opened(data, Broken(), context=view(), config=asking(desk)))
    assert desk.asked == []


def test_a_passphrase_is_tried_before_the_authority_is_asked(desk: Desk) -> None:
    data = seal(rules=[("opens", 1)], recipients=[[KEK, CHEAP]], authorities=[KEYS.public])
    opened(data, KEK, CHEAP, context=view(), config=asking(desk)).close()
    assert len(desk.asked) == 1


def test_what_this_reader_denies_itself_is_not_asked_for(desk: Desk) -> None:
    data = ruled(("opens", 1), ("recipients", [ANN]), ("rights", ["view"]), options=OURS)
    refused("rule_denied", lambda: opened(data, context=view(BOB), config=asking(desk)), rule="recipients")
    refused("rule_denied", lambda: opened(data, context=view(action="print"), config=asking(desk)), rule="rights")
    lists = [Listed((Kind.BIND, front_of(data).bind))]
    blocked = asking(desk, state=MemoryReaderState(), blocklists=lists)
    refused("blocked", lambda: opened(data, context=view(), config=blocked))
    assert desk.asked == []


# --- who decides what ---------------------------------------------------------------------------------------


def test_a_question_that_this_reader_cannot_answer_is_the_authoritys(desk: Desk) -> None:
    data = ruled(("recipients", [ANN]), options=OURS)
    opened(data, config=asking(desk)).close()  # who asks is known there
    desk.caller = Caller(BOB)
    refused("rule_denied", lambda: opened(data, config=asking(desk)), match="the authority", rule="recipients")
    by_address = ruled(("ip", {"allow": ["10.0.0.0/8"]}), options=OURS)
    desk.caller = Caller(ANN, ip="10.0.0.1")
    opened(by_address, config=asking(desk)).close()
    refused("rule_denied", lambda: opened(by_address, context=Context(ip="11.0.0.1"), config=asking(desk)), rule="ip")
    desk.caller = Caller(ANN, ip="11.0.0.1")
    refused("rule_denied", lambda: opened(by_address, config=asking(desk)), match="the authority", rule="ip")


def test_rules_that_no_authority_can_keep_are_kept_here(desk: Desk) -> None:
    for rule, value in (("downloadable", False), ("mac", {"allow": ["00:1a:2b:3c:4d:5e"]}), ("rights", ["print"])):
        data = ruled((rule, value), ("opens", 1), options=OURS)
        call = partial(opened, data, context=view(action="extract"), config=asking(desk))
        assert "authority" not in str(refused("rule_denied", call, rule=rule))
    assert desk.asked == []


def test_the_device_proves_itself_to_the_authority_too(desk: Desk) -> None:
    data = ruled(("device", {"allow": [signer_name(DEVICE.public)]}), options=OURS)
    opened(data, context=view(), config=asking(desk, device_key=DEVICE)).close()
    assert parse_request(desk.asked[0]).device == signer_name(DEVICE.public)
    refused(
        "rule_denied", lambda: opened(data, context=view(), config=asking(desk, device_key=OTHER_DEVICE)), rule="device"
    )
    assert len(desk.asked) == 1
    refused(
        "rule_denied", lambda: opened(data, context=view(), config=asking(desk)), match="the authority", rule="device"
    )


def test_the_newest_policy_is_the_one_that_the_authority_has_seen(desk: Desk) -> None:
    old = dynamic(("opens", 5), more="'authorities': [KEYS.public]")
    new = with_policy(old, policy_of(old, ("opens", 0), version=2))
    refused(
        "rule_denied", lambda: opened(new, context=view(), config=asking(desk, state=MemoryReaderState())), rule="opens"
    )
    with_old = partial(opened, old, context=view(), config=asking(desk, state=MemoryReaderState()))
    refused("rule_denied", with_old, rule="opens")


# --- authorities that are not there, or two of them ------------------------------------------------------------


def test_an_authority_that_is_not_configured_is_named_and_not_asked() -> None:
    error = refused("authority_unavailable", lambda: opened(ruled(("opens", 1), options=OURS), context=view()))
    assert KEYS.fingerprint.hex()[:16] in str(error)
    assert "[[authorities]]" in (error.hint or "")
    assert error.exit == 4


def test_an_authority_that_is_down_opens_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.down = True
    for door in DOORS.values():
        call = partial(door, ruled(("rights", ALL), options=OURS), tmp_path, [KEK], context=view(), config=asking(desk))
        refused("authority_unavailable", call, match="closed")
    assert written(tmp_path) == []


def test_two_authorities_are_both_asked_in_the_order_of_their_fingerprints() -> None:
    asked: list[bytes] = []
    desks = [Desk(Clock()), Desk(Clock(), SECOND)]

    def noted(reply: bytes) -> bytes:
        asked.append(FORM.split(reply)[1]["aud"])
        return reply

    for one in desks:
        one.change = noted
    data = ruled(("opens", 2), options=BOTH)
    with opened(data, context=view(), config=asking(*desks)) as container:
        assert [one.authority for one in container.receipts] == asked == sorted(one.keys.fingerprint for one in desks)
    last = max(desks, key=lambda one: one.keys.fingerprint)
    last.down = True
    refused("authority_unavailable", lambda: opened(data, context=view(), config=asking(*desks)))
    assert [len(one.asked) for one in sorted(desks, key=lambda one: one.keys.fingerprint)] == [2, 1]


def test_one_of_two_authorities_is_not_enough() -> None:
    data = ruled(("opens", 2), options=BOTH)
    for one in (Desk(Clock()), Desk(Clock(), SECOND)):
        refused("authority_unavailable", lambda: opened(data, context=view(), config=asking(one)))  # noqa: B023


# --- answers --------------------------------------------------------------------------------------------------

Change = Callable[[bytes, bytes], bytes]


def signed_by(keys: Any, **changes: Any) -> Change:
    """Return what makes another answer of an authority's own, signed by `keys`."""

    def change(request: bytes, reply: bytes) -> bytes:
        asked = parse_request(request)
        share = KEYS.open(asked.stanza, asked.bind)
        fields = {
            "authority": KEYS.fingerprint,
            "bind": asked.bind,
            "request": asked.hash,
            "issued": NOW,
            "ct": seal_share(share, asked),
            **changes,
        }
        return sign_answer(Answer(**fields), keys.signing)

    return change


def of_another_container(request: bytes, reply: bytes) -> bytes:
    other = Desk(Clock())
    opened(ruled(("opens", 9), options=OURS), context=view(), config=asking(other))
    return other.change(other.authority.release(other.asked[0], other.caller))


WRONG: dict[str, tuple[str, Change]] = {
    "nothing": ("bad_answer", lambda request, reply: b""),
    "garbage": ("bad_answer", lambda request, reply: b"\xff" * 100),
    "long": ("limit_exceeded", lambda request, reply: bytes(600_000)),
    "the request": ("bad_answer", lambda request, reply: request),
    "cut": ("bad_answer", lambda request, reply: reply[:-1]),
    "more": ("bad_answer", lambda request, reply: reply + b"\0"),
    "of another authority": ("answer_signature", signed_by(SECOND, authority=SECOND.fingerprint)),
    "in the name of another": ("answer_swapped", signed_by(KEYS, authority=SECOND.fingerprint)),
    "signed by another": ("answer_signature", signed_by(SECOND)),
    "of another container": ("answer_swapped", of_another_container),
    "to another request": ("answer_swapped", signed_by(KEYS, request=bytes(32))),
    "of another binding": ("answer_swapped", signed_by(KEYS, bind=bytes(32))),
    "a share that does not open": ("share_refused", signed_by(KEYS, ct=bytes(1_168))),
    "a share of something else": (
        "key_commitment",
        lambda request, reply: signed_by(KEYS, ct=seal_share(bytes(32), parse_request(request)))(request, reply),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_answer_that_is_not_the_authoritys_to_this_request_opens_nothing(name: str, desk: Desk) -> None:
    code, change = WRONG[name]
    desk.change = lambda reply: change(desk.asked[-1], reply)
    refused(code, lambda: opened(ruled(("opens", 5), options=OURS), context=view(), config=asking(desk)))
    assert len(desk.asked) == 1


def test_an_answer_with_any_bit_changed_opens_nothing(desk: Desk) -> None:
    """One bit of every 97th byte; the codes differ, and none opens."""
    data, codes = ruled(("opens", 200), options=OURS), set[str]()
    opened(data, context=view(), config=asking(desk)).close()
    length = len(desk.authority.release(desk.asked[0], desk.caller))
    for at in range(0, length, 97):
        desk.change = lambda reply, at=at: reply[:at] + bytes((reply[at] ^ 1 << at % 8,)) + reply[at + 1 :]  # type: ignore[misc]
        with pytest.raises(TeraError) as caught:
            opened(data, context=view(), config=asking(desk))
        codes.add(caught.value.code)
    assert "answer_signature" in codes
    assert codes <= {"answer_signature", "bad_answer", "not_canonical", "limit_exceeded"}


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_denial_is_the_error_that_it_names(code: str, desk: Desk) -> None:
    rule = "time" if code == "rule_denied" else None
    desk.change = lambda reply: signed_by(KEYS, code=code, rule=rule, ct=None)(desk.asked[-1], reply)
    own = code not in ("bad_blocklist", "missing_blocklist", "stale_blocklist") and not code.startswith("blocklist")
    call = partial(opened, ruled(("opens", 5), options=OURS), context=view(), config=asking(desk))
    error = refused(code if own else "authority_unavailable", call, match="the authority", rule=rule)
    assert code in str(error) or own


def test_a_denial_is_recorded_here_too(desk: Desk) -> None:
    state, data = MemoryReaderState(), ruled(("opens", 0), options=OURS)
    refused("rule_denied", lambda: opened(data, context=view(), config=asking(desk, state=state)), rule="opens")
    assert kinds_of(state) == ["denied"]


def test_obligations_of_the_answer_that_were_not_declared_deny(desk: Desk) -> None:
    desk.change = lambda reply: signed_by(KEYS, obligations={"watermark": {"text": "ann"}})(desk.asked[-1], reply)
    data = ruled(("opens", 5), options=OURS)
    refused("rule_denied", lambda: opened(data, context=view(), config=asking(desk)), rule="obligations")
    declared = view(fulfilled=frozenset(["watermark"]))
    with opened(data, context=declared, config=asking(desk)) as container:
        assert container.receipts[0].obligations == {"watermark": {"text": "ann"}}
    assert parse_request(desk.asked[-1]).obligations == ("watermark",)


# --- requests -------------------------------------------------------------------------------------------------


def test_no_two_requests_share_a_key_or_a_nonce(desk: Desk) -> None:
    for _ in range(2):
        opened(ruled(("opens", 5), options=OURS), context=view(), config=asking(desk)).close()
    one, two = (parse_request(message) for message in desk.asked)
    assert one.nonce != two.nonce
    assert one.public != two.public
    assert one.hash != two.hash


def test_who_asks_is_proven_by_its_key(desk: Desk) -> None:
    desk.caller = Caller()
    data = ruled(("recipients", [ANN]), options=OURS)
    refused("unknown_viewer", lambda: opened(data, context=view(), config=asking(desk, viewer_key=OWNER)))
    desk.authority.enrol(signer_name(OWNER.public), ANN)
    opened(data, context=view(), config=asking(desk, viewer_key=OWNER)).close()
    refused("unknown_viewer", lambda: opened(data, context=view(), config=asking(desk, viewer_key=STRANGER)))


def test_no_lease_is_asked_for_where_the_rules_give_none(desk: Desk) -> None:
    state = MemoryReaderState()
    options = asking(desk, state=state, device_key=DEVICE, lease=True)
    opened(ruled(("opens", 5), options=OURS), context=view(), config=options).close()
    assert not parse_request(desk.asked[0]).lease
    opened(ruled(("offline_for", 5), options=OURS), context=view(), config=options).close()
    assert parse_request(desk.asked[1]).lease
