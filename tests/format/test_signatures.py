"""Lists of signatures: one form, each signer once, and no signature passes for another's or for another label's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tera.crypto.signing import SigningKey
from tera.errors import BadPolicy, BadTrailer, PolicySignature, TrailerMac
from tera.format.signatures import (
    CONTEXT,
    pack_signatures,
    parse_signatures,
    sign,
    signer_name,
    verify,
)
from tera.format.trailer import Signature, parse_trailer
from tera.wire import canonical
from tests.format.hostile import bytes_near, one_encoding, refused, value_near

KEYS = [SigningKey(bytes((number,)) * 64) for number in range(9)]
MESSAGE = b"label\0 message"
SIGNED = sign(MESSAGE, KEYS[:2])
LISTED: Any = canonical.unpack(pack_signatures(SIGNED), what="signatures", max_len=1 << 16)


def parse(packed: bytes) -> tuple[Signature, ...]:
    return parse_signatures(packed, BadPolicy, "the signatures", 1 << 16)


@pytest.mark.parametrize("count", range(1, 9))
def test_signatures_come_back_sorted_and_verify(count: int) -> None:
    for keys in (KEYS[:count], KEYS[:count][::-1]):
        made = sign(MESSAGE, keys)
        assert parse(pack_signatures(made)) == made
        assert [one.signer for one in made] == sorted(signer_name(key.public) for key in keys)
        for one in made:
            verify(one.public, MESSAGE, one.signature, PolicySignature, "it")


def test_signing_by_nobody_by_nine_or_twice_by_one_is_refused() -> None:
    for keys in ([], KEYS, [KEYS[0], KEYS[0]], [KEYS[0], SigningKey(KEYS[0].seed)]):
        refused("bad_input", sign, MESSAGE, keys)


@given(st.data())
@settings(max_examples=200)
def test_what_is_near_a_list_is_refused_or_the_one_encoding(data: st.DataObject) -> None:
    near = data.draw(bytes_near(pack_signatures(SIGNED)) | value_near(LISTED).map(canonical.pack))
    one_encoding(parse, pack_signatures, near)


def test_the_error_is_the_one_of_the_structure() -> None:
    nine = canonical.pack([LISTED[0]] * 9)
    refused("bad_policy", parse, nine)
    refused("bad_trailer", parse_signatures, nine, BadTrailer, "the signatures", 1 << 16)
    refused("limit_exceeded", parse_signatures, nine, BadPolicy, "the signatures", 100)


def test_a_trailer_has_lists_of_the_same_form() -> None:
    packed = canonical.pack({"chunks": [1, 1], "len": 0, "roots": [bytes(32)] * 2})
    body = len(packed).to_bytes(4, "big") + packed + bytes(32) + pack_signatures(SIGNED)
    assert parse_trailer(body).signatures == SIGNED


def test_a_signature_over_or_by_or_of_something_else_is_refused() -> None:
    one, two = SIGNED
    verify(one.public, MESSAGE, one.signature, PolicySignature, "it")
    wrong = [
        (one.public, MESSAGE + b"\0", one.signature),
        (one.public, MESSAGE[1:], one.signature),
        (two.public, MESSAGE, one.signature),
        (one.public, MESSAGE, one.signature[:-1]),
        (one.public, MESSAGE, KEYS[0].sign(MESSAGE, b"")),
        (one.public[:-1], MESSAGE, one.signature),
        (bytes(1_984), MESSAGE, bytes(3_373)),
    ]
    for case in wrong:
        refused("policy_signature", verify, *case, PolicySignature, "it")
        refused("trailer_mac", verify, *case, TrailerMac, "it")
    assert CONTEXT == b"tera/v1"
