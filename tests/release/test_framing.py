"""The frame of messages: one encoding, nothing behind it, none too long, and no signature passes for another kind's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tera.crypto.signing import SigningKey
from tera.errors import BadAnswer, BadInput, BadRequest, RequestSignature
from tera.format.signatures import pack_signatures, signer_name
from tera.release import answer, report, request
from tera.release.framing import Form
from tera.wire import canonical
from tests.format.hostile import bytes_near, one_encoding, refused

FORM = Form("a message", b"label\0", 20_000, BadRequest)
OTHER = Form("another message", b"other\0", 20_000, BadAnswer)
KEYS = [SigningKey(bytes((number,)) * 64) for number in range(9)]
BODY = canonical.pack({"a": 1})
PLAIN = FORM.join(BODY, [])
SIGNED = FORM.join(BODY, KEYS[:2])

values: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers(0, 9) | st.binary(max_size=9)


@given(st.dictionaries(st.text(max_size=5), values, max_size=5), st.integers(0, 2))
@settings(max_examples=50)
def test_a_message_comes_back(value: dict[str, Any], count: int) -> None:
    packed = canonical.pack(value)
    body, found, signed = FORM.split(FORM.join(packed, KEYS[:count]))
    assert (body, found) == (packed, value)
    assert {one.signer for one in signed} == {signer_name(key.public) for key in KEYS[:count]}
    FORM.verify(body, signed, RequestSignature)


@given(st.data())
@settings(max_examples=150)
def test_what_is_near_a_message_is_refused_or_the_one_encoding(data: st.DataObject) -> None:
    near = data.draw(bytes_near(PLAIN) | bytes_near(SIGNED))

    def again(found: tuple[bytes, dict[str, Any], Any]) -> bytes:
        packed, listed = canonical.pack(found[1]), pack_signatures(found[2])
        return b"".join(len(part).to_bytes(4, "big") + part for part in (packed, listed))

    one_encoding(FORM.split, again, near)


@pytest.mark.parametrize("message", [PLAIN, SIGNED], ids=["plain", "signed"])
def test_a_cut_message_is_refused(message: bytes) -> None:
    for end in (*range(30), *range(30, len(message), 97), len(message) - 1):
        if end < len(message):
            refused("bad_request", FORM.split, message[:end])


def test_trailing_byte_is_refused() -> None:
    for behind in (b"\0", PLAIN):
        refused("bad_request", FORM.split, PLAIN + behind)


def test_a_message_may_be_as_long_as_its_kind_and_no_longer() -> None:
    packed = canonical.pack({"a": bytes(20_000 - 9 - 6)})
    message = FORM.join(packed, [])
    assert len(message) == 20_000
    assert FORM.split(message)[0] == packed
    longer = FORM.join(canonical.pack({"a": bytes(20_000 - 9 - 5)}), [])
    assert len(longer) == 20_001
    refused("limit_exceeded", FORM.split, longer)
    refused("limit_exceeded", FORM.split, bytes(20_001))


def test_the_length_comes_before_the_frame_the_frame_before_the_encoding_and_that_before_the_shape() -> None:
    refused("limit_exceeded", FORM.split, b"\xff" * 20_001)
    refused("bad_request", FORM.split, _framed(b"", b"") + b"\0")
    refused("not_canonical", FORM.split, _framed(b"\x90", b""))
    refused("not_canonical", FORM.split, _framed(b"", b"\x80"))
    refused("bad_request", FORM.split, _framed(b"\x90", b"\x90"))
    refused("bad_request", FORM.split, _framed(b"\x80", b"\x80"))


def test_each_kind_refuses_with_its_own_code() -> None:
    for form, code in ((request.FORM, "bad_request"), (report.FORM, "bad_request"), (answer.FORM, "bad_answer")):
        refused(code, form.split, b"")
        refused("limit_exceeded", form.split, bytes(form.longest + 1))


def test_a_signature_of_one_kind_does_not_pass_for_anothers() -> None:
    body, _, signed = FORM.split(SIGNED)
    FORM.verify(body, signed, RequestSignature)
    refused("request_signature", OTHER.verify, body, signed, RequestSignature)
    assert len({form.label for form in (request.FORM, report.FORM, answer.FORM)}) == 3


def test_one_signature_that_does_not_verify_is_refused_whoever_made_the_others() -> None:
    body, _, signed = FORM.split(SIGNED)
    _, _, of_other = FORM.split(FORM.join(canonical.pack({"a": 2}), KEYS[:2]))
    for mixed in ((signed[0], of_other[1]), (of_other[0], signed[1])):
        refused("request_signature", FORM.verify, body, mixed, RequestSignature)


def test_the_hash_is_of_label_and_body_whoever_signed() -> None:
    assert FORM.hash(BODY) != OTHER.hash(BODY)
    assert FORM.hash(FORM.split(PLAIN)[0]) == FORM.hash(FORM.split(SIGNED)[0])


@pytest.mark.parametrize("keys", [KEYS, [KEYS[0], KEYS[0]]], ids=["nine", "one twice"])
def test_a_message_is_not_signed_by_nine_or_twice_by_one(keys: list[SigningKey]) -> None:
    with pytest.raises(BadInput):
        FORM.join(BODY, keys)


def _framed(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
