"""Requests: what is built is what is read, no bit of it can be changed, and none is built that no authority takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec import reference, reference_release
from spec.vectors.release.maker import (
    AUD,
    DEVICE,
    DYNAMIC,
    NOW,
    OTHER_DEVICE,
    STRANGER,
    VIEWER,
    container,
    fingerprint,
    policy_body,
)
from tera.crypto import kem
from tera.crypto.signing import SigningKey
from tera.errors import BadInput, TeraError
from tera.format import limits
from tera.format.access import Stanza
from tera.format.signatures import pack_signatures
from tera.policy.context import ACTIONS
from tera.release.request import FORM, NONCE, Request, parse_front, parse_request
from tera.wire import canonical
from tests.format.hostile import bytes_near, one_encoding, refused, value_near
from tests.release.made import ANN, BIND, FRONT, KEY, STANZA, asked, flipped, random, signed_request, some_bits

PLAIN = asked()


def checked(message: bytes) -> Request:
    found = parse_request(message)
    found.check(AUD)
    return found


# --- what is built --------------------------------------------------------------------------------------

ids = st.from_regex("[a-z][a-z0-9_]{0,63}", fullmatch=True)
keys = st.sampled_from([None, VIEWER, DEVICE])


@given(
    st.sampled_from(ACTIONS),
    st.integers(0, limits.TIME_MAX),
    st.none() | st.from_regex(r"[a-z0-9]{1,20}(\.[a-z]{1,5})?@[a-z]{1,9}\.example", fullmatch=True),
    st.lists(ids, max_size=16),
    st.none() | st.binary(min_size=32, max_size=32),
    st.booleans(),
    keys,
    keys,
    st.binary(min_size=NONCE, max_size=NONCE),
)
@settings(max_examples=60)
def test_a_request_comes_back(
    action: Any,
    now: int,
    viewer: str | None,
    obligations: list[str],
    session: bytes | None,
    lease: bool,
    viewer_key: SigningKey | None,
    device_key: SigningKey | None,
    nonce: bytes,
) -> None:
    more = {"viewer_key": viewer_key, "device_key": device_key, "lease": lease and device_key is not None}
    options = {"action": action, "now": now, "viewer": viewer, "obligations": obligations, "session": session}
    found = checked(asked(random=lambda length: nonce[:length], **options, **more))
    device = None if device_key is None else fingerprint(device_key)
    assert (found.action, found.issued, found.viewer, found.session) == (action, now, viewer, session)
    assert (found.obligations, found.nonce) == (tuple(sorted(set(obligations))), nonce)
    assert (found.authority, found.device, found.lease) == (AUD, device, more["lease"])
    assert (found.public, found.prefix.bytes, found.bind) == (KEY.public, FRONT, BIND)
    assert (found.stanza.type, found.stanza.params, found.stanza.ct) == (32, STANZA.params, STANZA.ct)
    assert found.signers == tuple(sorted({fingerprint(key) for key in (viewer_key, device_key) if key is not None}))


def test_a_request_with_a_policy_comes_back() -> None:
    of = container(DYNAMIC, policy_body())
    found = checked(asked(prefix=of.front))
    assert (found.prefix.policy, found.bind) == (of.policy, of.bind)


def test_viewer_and_device_may_be_one_key() -> None:
    found = checked(asked(viewer_key=DEVICE, device_key=DEVICE))
    assert found.signers == (fingerprint(DEVICE),)


def test_randomness_is_asked_for_once_and_names_the_request() -> None:
    lengths: list[int] = []

    def counting(length: int) -> bytes:
        lengths.append(length)
        return bytes(length)

    assert parse_request(asked(random=counting)).hash != parse_request(PLAIN).hash
    assert lengths == [16]


@pytest.mark.parametrize(
    "options",
    [
        *({"viewer": "Ann@a.example"}, {"viewer": "*@*"}, {"viewer": ""}, {"action": "open"}, {"now": -1}),
        *({"now": limits.TIME_MAX + 1}, {"session": bytes(31)}, {"lease": True}, {"public": bytes(1_215)}),
        *({"public": KEY.public[:1_184] + bytes(32)}, {"obligations": ["A"]}, {"random": lambda length: b""}),
        *({"obligations": [f"a{at:02}" for at in range(17)]}, {"prefix": b""}, {"prefix": FRONT + b"\0"}),
        *({"prefix": container({"pol": {"m": "none"}, "release": []}).front}, {"prefix": FRONT[:-1]}),
        *({"stanza": Stanza(0, 1, b"", [], STANZA.ct)}, {"stanza": Stanza(0, 17, b"", [b"k", bytes(16)], bytes(80))}),
        *({"stanza": Stanza(0, 32, b"", STANZA.params, b"")}, {"stanza": Stanza(0, 32, b"", [b"", b"k"], STANZA.ct)}),
    ],
)
def test_what_no_authority_takes_is_not_built(options: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        asked(**options)


def test_what_is_shown_of_a_request_holds_no_key() -> None:
    found = parse_request(signed_request())
    shown = repr(found)
    assert len(shown) < 1_000
    for hidden in (found.public, found.stanza.ct, found.nonce, found.signatures[0].signature, found.prefix.commitment):
        assert repr(hidden)[2:-1][:40] not in shown
        assert hidden.hex()[:16] not in shown


# --- what is read ---------------------------------------------------------------------------------------


def test_every_bit_of_a_signed_request_counts() -> None:
    message = signed_request()
    checked(message)
    for bit in some_bits(message, 600):
        with pytest.raises(TeraError):
            checked(flipped(message, bit))


def test_a_changed_bit_of_an_unsigned_request_is_refused_or_makes_another_request() -> None:
    for bit in some_bits(PLAIN, 500):
        try:
            found = checked(flipped(PLAIN, bit))
        except TeraError:
            continue
        assert found.hash != parse_request(PLAIN).hash


@given(st.data())
@settings(max_examples=250)
def test_what_is_near_a_request_is_refused_or_the_one_encoding_and_the_text_agrees(data: st.DataObject) -> None:
    value: Any = canonical.unpack(parse_request(PLAIN).packed, what="request", max_len=1 << 20)
    listed = pack_signatures(parse_request(signed_request()).signatures)
    packed = canonical.pack(data.draw(value_near(value)))
    part = data.draw(st.sampled_from([b"\x90", b"\x90", listed]))
    changed = b"".join(len(one).to_bytes(4, "big") + one for one in (packed, part))
    near = data.draw(bytes_near(PLAIN) | st.just(changed))

    def again(found: Request) -> bytes:
        return b"".join(len(one).to_bytes(4, "big") + one for one in (found.packed, pack_signatures(found.signatures)))

    one_encoding(parse_request, again, near)
    assert verdict(checked, near) == verdict(reference_release.read_request, near, AUD)


@given(st.data())
@settings(max_examples=200)
def test_what_is_near_a_front_is_refused_as_the_text_says(data: st.DataObject) -> None:
    good = data.draw(st.sampled_from([FRONT, container(DYNAMIC, policy_body()).front]))
    near = data.draw(bytes_near(good))
    one_encoding(parse_front, lambda found: found.bytes, near)
    assert verdict(parse_front, near) == verdict(reference_release.read_front, near)


def verdict(read: Any, *arguments: Any) -> str:
    try:
        read(*arguments)
    except (TeraError, reference.Refused) as error:
        return error.code
    return "taken"


# --- for whom, by whom ----------------------------------------------------------------------------------


def test_a_request_for_another_authority_is_refused() -> None:
    refused("wrong_authority", parse_request(PLAIN).check, fingerprint(STRANGER))


def test_a_container_that_does_not_name_the_authority_is_refused() -> None:
    none = container({"release": []})
    refused("wrong_authority", parse_request(asked(prefix=none.front)).check, AUD)


def test_a_stanza_of_another_authority_is_refused() -> None:
    value = canonical.unpack(parse_request(PLAIN).packed, what="request", max_len=1 << 20)
    assert isinstance(value, dict)
    packed = canonical.pack({**value, "aud": fingerprint(STRANGER)})
    refused("bad_request", parse_request, FORM.join(packed, []))


def test_a_device_that_has_not_signed_is_refused() -> None:
    body = parse_request(asked(device_key=DEVICE)).packed
    for signers in ([], [VIEWER], [OTHER_DEVICE]):
        refused("request_signature", checked, FORM.join(body, signers))
    assert checked(FORM.join(body, [VIEWER, DEVICE])).device == fingerprint(DEVICE)


def test_another_requests_signature_is_refused() -> None:
    one, two = (parse_request(asked(viewer_key=VIEWER, now=NOW + at)) for at in range(2))
    parts = one.packed, pack_signatures(two.signatures)
    refused("request_signature", checked, b"".join(len(part).to_bytes(4, "big") + part for part in parts))


def test_who_signs_does_not_change_the_name_of_a_request() -> None:
    assert parse_request(asked(viewer_key=VIEWER)).hash == parse_request(PLAIN).hash
    assert parse_request(asked(device_key=DEVICE)).hash != parse_request(PLAIN).hash  # `dev` names it


def test_the_nonce_and_the_key_are_part_of_the_name() -> None:
    other = kem.XWING.private_key(bytes(32))
    hashes = {parse_request(asked(**more)).hash for more in ({}, {"public": other.public}, {"random": bytes})}
    assert len(hashes) == 3
    assert random(16) != bytes(16)
    assert parse_request(PLAIN).viewer == ANN
