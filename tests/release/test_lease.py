"""Leases: they open on their device, between the answer and their end, and nowhere and never else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from spec import reference_release
from spec.vectors.release.maker import AUTHORITY, DEVICE, NOW, OTHER_DEVICE, SEED, SHARE, STRANGER
from tera.crypto.random import system
from tera.errors import TeraError
from tera.release.answer import Answer, seal_share, sign_answer
from tera.release.lease import Lease, check_time, keep_lease, open_lease
from tera.release.request import parse_request
from tests.format.hostile import refused
from tests.release.made import answered, asked, denied, flipped, random, signed_answer, signed_request

LEASE = keep_lease(signed_request(), signed_answer(), SEED, DEVICE, random)
END = NOW + 100


def kept(**changes: Any) -> Lease:
    return replace(LEASE, answer=sign_answer(answered(**changes), AUTHORITY))


@pytest.mark.parametrize("now", [NOW + 1, NOW + 50, END - 1])
def test_a_lease_opens_until_it_ends(now: int) -> None:
    answer, share = open_lease(LEASE, DEVICE, now)
    assert share == SHARE
    assert answer == answered()
    assert LEASE.parsed == parse_request(signed_request())


@pytest.mark.parametrize("now", [END, END + 1, 2**60])
def test_a_lease_that_has_ended_is_refused(now: int) -> None:
    refused("lease_expired", open_lease, LEASE, DEVICE, now)


@pytest.mark.parametrize("now", [NOW, 0, -1])
def test_a_clock_before_the_answer_is_refused(now: int) -> None:
    refused("clock_behind", open_lease, LEASE, DEVICE, now)
    refused("clock_behind", check_time, answered(), now)


def test_another_device_is_refused() -> None:
    refused("share_refused", open_lease, LEASE, OTHER_DEVICE, NOW + 1)
    other = keep_lease(signed_request(), signed_answer(), SEED, OTHER_DEVICE, random)
    assert open_lease(other, OTHER_DEVICE, NOW + 1)[1] == SHARE
    refused("share_refused", open_lease, other, DEVICE, NOW + 1)


def test_what_was_stored_for_another_request_is_refused() -> None:
    message = asked(device_key=DEVICE, lease=True)
    request = parse_request(message)
    answer = sign_answer(answered(request, ct=seal_share(SHARE, request)), AUTHORITY)
    other = keep_lease(message, answer, SEED, DEVICE, random)
    assert open_lease(other, DEVICE, NOW + 1)[1] == SHARE
    mixed = replace(other, wrapped=LEASE.wrapped)
    refused("share_refused", open_lease, mixed, DEVICE, NOW + 1)
    refused("answer_swapped", open_lease, replace(LEASE, answer=answer), DEVICE, NOW + 1)
    refused("answer_swapped", open_lease, replace(LEASE, request=message), DEVICE, NOW + 1)


def test_the_key_of_another_request_is_refused() -> None:
    other = keep_lease(signed_request(), signed_answer(), bytes(32), DEVICE, random)
    refused("share_refused", open_lease, other, DEVICE, NOW + 1)


def test_an_answer_that_gave_no_lease_is_none() -> None:
    refused("lease_expired", open_lease, kept(lease=None), DEVICE, NOW + 1)
    denial = replace(LEASE, answer=sign_answer(denied("blocked"), AUTHORITY))
    refused("lease_expired", open_lease, denial, DEVICE, NOW + 1)


def test_an_answer_of_another_authority_is_refused() -> None:
    forged = replace(LEASE, answer=sign_answer(answered(lease=2**36), STRANGER))
    refused("answer_signature", open_lease, forged, DEVICE, NOW + 1)


def test_a_later_end_cannot_be_written_in() -> None:
    answer = LEASE.answer.replace((NOW + 100).to_bytes(4, "big"), (NOW + 999).to_bytes(4, "big"))
    assert answer != LEASE.answer
    refused("answer_signature", open_lease, replace(LEASE, answer=answer), DEVICE, NOW + 500)


@pytest.mark.parametrize("name", ["salt", "wrapped"])
def test_every_bit_of_what_is_wrapped_counts(name: str) -> None:
    data = getattr(LEASE, name)
    for at in range(len(data)):
        changed = replace(LEASE, **{name: flipped(data, 8 * at + at % 8)})
        refused("share_refused", open_lease, changed, DEVICE, NOW + 1)
    for wrong in (b"", data[:-1], data + b"\0"):
        refused("share_refused", open_lease, replace(LEASE, **{name: wrong}), DEVICE, NOW + 1)


@pytest.mark.parametrize("name", ["request", "answer"])
def test_bits_of_the_messages_count(name: str) -> None:
    data = getattr(LEASE, name)
    end = int.from_bytes(data[:4], "big") + 4  # signatures of the request are not looked at again: it was sent
    for at in range(0, end, 11):
        with pytest.raises(TeraError):
            open_lease(replace(LEASE, **{name: flipped(data, 8 * at + at % 8)}), DEVICE, NOW + 1)


def test_the_reader_that_was_written_from_the_text_opens_it() -> None:
    parts = (LEASE.request, LEASE.answer, LEASE.salt, LEASE.wrapped, DEVICE.seed)
    assert reference_release.read_lease(*parts, NOW + 1) == SHARE


def test_every_lease_has_a_salt_of_its_own() -> None:
    one, two = (keep_lease(signed_request(), signed_answer(), SEED, DEVICE, system) for _ in range(2))
    assert one.salt != two.salt
    assert one.wrapped != two.wrapped


def test_what_is_kept_and_shown_holds_no_secret() -> None:
    parts = (LEASE.request, LEASE.answer, LEASE.salt, LEASE.wrapped)
    assert not any(secret in part for part in parts for secret in (SEED, SHARE, DEVICE.seed[:32], DEVICE.seed[32:]))
    assert repr(LEASE) == "Lease()"


def test_words_of_a_refusal_hold_no_secret() -> None:
    cases: list[tuple[Any, int]] = [(DEVICE, END), (DEVICE, NOW), (OTHER_DEVICE, NOW + 1)]
    for device, now in cases:
        with pytest.raises(TeraError) as caught:
            open_lease(LEASE, device, now)
        said = f"{caught.value} {caught.value.hint}"
        assert not any(secret.hex()[:16] in said for secret in (SEED, SHARE, DEVICE.seed, LEASE.wrapped))
    assert isinstance(answered(), Answer)
