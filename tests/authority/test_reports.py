"""What devices report of their leases: recorded once, without gaps, as their own claim and nobody else's."""

from __future__ import annotations

import pytest

from tera.audit.events import Event
from tera.authority.authority import Authority
from tera.authority.ports import State
from tera.errors import BadRequest, RequestSignature, UnknownViewer, WrongAuthority
from tera.release.report import FORM, build_report
from tests.authority.asking import (
    ANN,
    BOB_KEY,
    DEVICE_KEY,
    KEYS,
    NOW,
    OTHER_DEVICE,
    SECOND,
    events,
    lease_open,
    name,
    sealed,
)


@pytest.fixture(autouse=True)
def leases(state: State) -> None:
    """Both devices have had a lease."""
    with state.transaction() as writing:
        for key in (DEVICE_KEY, OTHER_DEVICE):
            writing.set_reported(name(key), 0)


def test_a_device_that_never_had_a_lease_has_nothing_to_report(authority: Authority) -> None:
    with pytest.raises(UnknownViewer):
        authority.report(build_report(KEYS.fingerprint, BOB_KEY, 0, [lease_open(0)]))
    assert events(authority) == []


def test_a_report_is_recorded_once_however_often_it_is_sent(authority: Authority) -> None:
    log = [lease_open(at) for at in range(5)]
    first = build_report(KEYS.fingerprint, DEVICE_KEY, 0, log[:2])
    assert [authority.report(first), authority.report(first)] == [2, 2]
    assert authority.report(build_report(KEYS.fingerprint, DEVICE_KEY, 1, log[1:4])) == 4
    assert authority.report(build_report(KEYS.fingerprint, OTHER_DEVICE, 0, log[4:])) == 1
    found = events(authority)
    assert [(one.kind, one.extra) for one in found] == [("reported", {"act": "view", "t": at}) for at in range(5)]
    assert {one.subject for one in found[:4]} == {name(DEVICE_KEY)}
    assert (found[4].subject, found[4].viewer) == (name(OTHER_DEVICE), ANN)
    assert {(one.time, one.bind) for one in found} == {(NOW * 1_000, sealed("offline").bind)}


def test_a_gap_in_reports_is_refused(authority: Authority) -> None:
    authority.report(build_report(KEYS.fingerprint, DEVICE_KEY, 0, [lease_open(0)]))
    with pytest.raises(BadRequest):
        authority.report(build_report(KEYS.fingerprint, DEVICE_KEY, 2, [lease_open(2)]))
    assert len(events(authority)) == 1


def test_a_report_is_signed_by_its_device_alone(authority: Authority) -> None:
    message = build_report(KEYS.fingerprint, DEVICE_KEY, 0, [lease_open(0)])
    packed, _, _ = FORM.split(message)
    for keys in ([], [OTHER_DEVICE], [DEVICE_KEY, OTHER_DEVICE]):
        with pytest.raises(RequestSignature):
            authority.report(FORM.join(packed, keys))
    with pytest.raises(RequestSignature):
        authority.report(message[:-1] + bytes((message[-1] ^ 1,)))
    with pytest.raises(WrongAuthority):
        authority.report(build_report(SECOND.fingerprint, DEVICE_KEY, 0, [lease_open(0)]))
    assert events(authority) == []


def test_a_device_cannot_report_what_it_did_not_do(authority: Authority) -> None:
    with pytest.raises(BadRequest):
        authority.report(build_report(KEYS.fingerprint, DEVICE_KEY, 0, [Event(1, "release").pack()]))
    with pytest.raises(BadRequest):
        authority.report(build_report(KEYS.fingerprint, DEVICE_KEY, 0, [lease_open(1, extra={"x": bytes(4_080)})]))
    assert events(authority) == []
