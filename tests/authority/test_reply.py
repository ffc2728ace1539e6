"""What an answer holds: the share or a denial, leases, what is left and until when."""

from __future__ import annotations

import pytest

from tera.authority.authority import Authority
from tera.errors import ShareRefused
from tera.release.answer import check_answer
from tests.authority.asking import (
    BY_ANN,
    DEVICE_KEY,
    NOW,
    OTHER_DEVICE,
    Asked,
    Clock,
    ask,
    asking,
    crafted,
    dynamic,
    events,
    fields_of,
    name,
    said,
    seal,
    sealed,
    signing,
    version_after,
    with_policy,
)


def test_a_release_says_what_is_left_and_until_when(authority: Authority, clock: Clock) -> None:
    container = seal([("first_open_for", 100), ("opens", 3), ("time", {"end": NOW + 150})])
    answer = ask(authority, container)
    assert (answer.left, answer.until, answer.version, answer.issued) == (2, NOW + 100, None, NOW)
    clock.now += 60
    answer = ask(authority, container, now=NOW + 60)
    assert (answer.left, answer.until, answer.issued) == (1, NOW + 100, NOW + 60)
    assert ask(authority, sealed("unlimited"), now=NOW + 60).left is None


def test_the_share_opens_with_the_requests_key_alone(authority: Authority) -> None:
    asked, other = asking(sealed("three")), asking(sealed("three"))
    reply = authority.release(asked.message, BY_ANN)
    assert len(asked.share(reply)) == 32
    answer = check_answer(reply, asked.request)
    assert answer.ct is not None
    with pytest.raises(ShareRefused):
        Asked(asked.message, other.key).share(reply)


# --- leases -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["offline", "three"])
@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("device", [True, False])
def test_a_lease_is_given_to_a_device_that_asks_where_a_rule_allows_it(
    authority: Authority, rule: str, wanted: bool, device: bool
) -> None:
    if wanted and not device:
        return  # not a request: see `test_authority`
    answer = ask(authority, sealed(rule), lease=wanted, device_key=DEVICE_KEY if device else None)
    assert answer.ct
    assert answer.lease == (NOW + 3_600 if rule == "offline" and wanted and device else None)


def test_a_lease_ends_with_the_rules(authority: Authority, clock: Clock) -> None:
    container = seal([("first_open_for", 100), ("offline_for", 3_600)])
    assert ask(authority, container, lease=True, device_key=DEVICE_KEY).lease == NOW + 100
    clock.now += 60
    answer = ask(authority, container, lease=True, device_key=DEVICE_KEY, now=NOW + 60)
    assert answer.lease == NOW + 100
    container = seal([("offline_for", 253_402_300_799)])
    assert ask(authority, container, lease=True, device_key=DEVICE_KEY, now=NOW + 60).lease == 253_402_300_799


def test_a_denial_holds_no_lease(authority: Authority) -> None:
    answer = ask(authority, sealed("offline"), lease=True, device_key=DEVICE_KEY, now=NOW - 301)
    assert (answer.code, answer.lease, answer.ct) == ("stale_request", None, None)


def test_a_device_is_one_that_has_signed(authority: Authority) -> None:
    container = seal([("device", {"allow": [name(DEVICE_KEY)]})])
    assert ask(authority, container).rule == "device"
    assert ask(authority, container, device_key=OTHER_DEVICE).rule == "device"
    assert ask(authority, container, viewer_key=DEVICE_KEY).rule == "device"  # signed, but not as a device
    assert ask(authority, container, device_key=DEVICE_KEY).ct
    assert events(authority)[-1].extra["dev"] == name(DEVICE_KEY)


# --- denials ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["ct", "enc", "key id", "other container", "other key's"])
def test_whatever_is_wrong_with_a_stanza_is_one_code(authority: Authority, what: str) -> None:
    container, other = sealed("three"), sealed("once")
    fields = fields_of(asking(container).message)
    type, (aud, key_id), ct = fields["stanza"]
    fields["stanza"] = {
        "ct": [type, [aud, key_id], ct[:-1] + bytes((ct[-1] ^ 1,))],
        "enc": [type, [aud, key_id], bytes((ct[0] ^ 1,)) + ct[1:]],
        "key id": [type, [aud, b"12345678"], ct],
        "other container": [type, [aud, key_id], other.stanza().ct],
        "other key's": [33, [aud, key_id], ct[:1] * (1_665 + 48)],
    }[what]
    answer = said(authority, Asked(crafted(fields), asking(container).key))
    assert (answer.code, answer.ct, answer.rule) == ("share_refused", None, None)
    assert events(authority)[-1].rule == "share_refused"


def test_an_answer_says_which_version_was_evaluated(authority: Authority) -> None:
    container = dynamic()
    assert ask(authority, container).version == 1
    newer = version_after(container.policy, ("opens", 0))
    answer = ask(authority, container, prefix=with_policy(container, newer))
    assert (answer.rule, answer.version) == ("opens", 2)
    wrong = version_after(container.policy, ("opens", 9), by=[signing(30)], last=80)
    later = version_after(wrong, ("opens", 9), by=[signing(30)])
    assert ask(authority, container, prefix=with_policy(container, later)).version is None
