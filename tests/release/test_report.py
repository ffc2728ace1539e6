"""Reports: only their device says them, to one authority, and of nothing but opens within leases."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec import reference, reference_release
from spec.vectors.release.maker import AUD, DEVICE, OTHER_DEVICE, STRANGER, fingerprint
from tera.audit.events import Event
from tera.errors import TeraError
from tera.format.signatures import pack_signatures
from tera.release.report import EVENTS, FORM, KIND, Report, build_report, parse_report
from tera.wire import canonical
from tests.format.hostile import bytes_near, refused, value_near
from tests.release.made import flipped, some_bits

ONE = Event(1_000, KIND, bind=bytes(32), viewer="ann@a.example", extra={"act": "view"})
TWO = Event(2_000, KIND, request=bytes(32))
REPORT = build_report(AUD, DEVICE, 7, [ONE.pack(), TWO.pack()])

events = st.builds(
    Event,
    time=st.integers(0, 253_402_300_799_999),
    kind=st.just(KIND),
    bind=st.none() | st.binary(min_size=32, max_size=32),
    viewer=st.none() | st.just("ann@a.example"),
    extra=st.dictionaries(st.text("abc", max_size=3), st.integers(0, 9) | st.binary(max_size=40), max_size=4),
)


@given(st.lists(events, min_size=1, max_size=5), st.integers(0, 2**53))
@settings(max_examples=50)
def test_a_report_comes_back(listed: list[Event], first: int) -> None:
    found = parse_report(build_report(AUD, DEVICE, first, [one.pack() for one in listed]), AUD)
    assert found == Report(AUD, fingerprint(DEVICE), first, tuple(listed))


def test_every_bit_of_a_report_counts() -> None:
    parse_report(REPORT, AUD)
    for bit in some_bits(REPORT, 400):
        with pytest.raises(TeraError):
            parse_report(flipped(REPORT, bit), AUD)


@given(st.data())
@settings(max_examples=200)
def test_what_is_near_a_report_ends_as_the_text_says(data: st.DataObject) -> None:
    packed, value, signed = FORM.split(REPORT)
    near = data.draw(bytes_near(REPORT) | value_near(value).map(lambda one: _joined(canonical.pack(one), signed)))
    assert verdict(parse_report, near) == verdict(reference_release.read_report, near)
    assert packed == canonical.pack(value)


@given(st.data())
@settings(max_examples=200)
def test_what_is_near_an_event_ends_as_the_text_says(data: st.DataObject) -> None:
    value: Any = canonical.unpack(ONE.pack(), what="event", max_len=1 << 16)
    near = data.draw(bytes_near(ONE.pack()) | value_near(value).map(canonical.pack))
    _, report, signed = FORM.split(REPORT)
    message = _joined(canonical.pack({**report, "events": [near]}), signed)
    assert verdict(parse_report, message) == verdict(reference_release.read_report, message)


def verdict(read: Any, message: bytes) -> str:
    try:
        read(message, AUD)
    except (TeraError, reference.Refused) as error:
        return error.code
    return "taken"


def _joined(packed: bytes, signed: Any) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in (packed, pack_signatures(signed)))


@pytest.mark.parametrize(
    ("authority", "first", "listed"),
    [
        *((AUD, 0, []), (AUD, -1, [ONE.pack()]), (AUD, 2**53 + 1, [ONE.pack()]), (b"", 0, [ONE.pack()])),
        *((AUD, 0, [b""]), (AUD, 0, [ONE.pack() + b"\0"]), (AUD, 0, [Event(0, "open").pack()])),
        *((AUD, 0, [Event(0, KIND, extra={"t": 1}).pack()]), (AUD, 0, [TWO.pack()] * (EVENTS + 1))),
        (AUD, 0, [Event(0, KIND, extra={"a": bytes(4_075)}).pack()]),
    ],
)
def test_what_no_authority_takes_is_not_built(authority: bytes, first: int, listed: list[bytes]) -> None:
    refused("bad_request", build_report, authority, DEVICE, first, listed)


def test_too_many_bytes_are_refused() -> None:
    large = Event(0, KIND, extra={"a": bytes(4_000)}).pack()
    refused("limit_exceeded", build_report, AUD, DEVICE, 0, [large] * 200)


def test_what_a_report_holds_fits_into_the_authoritys_event() -> None:
    most = Event(0, KIND, bind=bytes(32), viewer="a" * 320, request=bytes(32), extra={"a": bytes(4_074)})
    (found,) = parse_report(build_report(AUD, DEVICE, 0, [most.pack()]), AUD).events
    Event(
        253_402_300_799_999,
        "reported",
        bind=found.bind,
        subject=fingerprint(DEVICE),
        viewer=found.viewer,
        request=found.request,
        extra={"t": 253_402_300_799_999, **found.extra},
    ).pack()


def test_a_report_for_another_authority_is_refused() -> None:
    refused("wrong_authority", parse_report, REPORT, fingerprint(STRANGER))


def test_a_report_is_signed_by_its_device_and_by_nobody_else() -> None:
    packed = FORM.split(REPORT)[0]
    for signers in ([], [OTHER_DEVICE], [DEVICE, OTHER_DEVICE]):
        refused("request_signature", parse_report, FORM.join(packed, signers), AUD)
    assert parse_report(FORM.join(packed, [DEVICE]), AUD).first == 7
