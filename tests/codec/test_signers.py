"""The name of a signer: the key with its algorithm, and nothing else, is compared."""

from __future__ import annotations

import hashlib

import pytest

from tera.codec.signers import VerifyingKey, signer_fingerprint
from tera.errors import BadKey
from tests.codec.sealed import OTHER_SIGNER, SIGNER


def test_the_fingerprint_is_the_one_of_the_text() -> None:
    raw = SIGNER.public
    assert len(raw) == 1_984
    wanted = hashlib.sha256(b"tera/v1/fpr\0" + b"\x01\x01" + raw).digest()
    assert signer_fingerprint(raw) == VerifyingKey(raw).fingerprint == wanted


def test_two_keys_are_equal_by_their_bytes_only() -> None:
    key, same, other = VerifyingKey(SIGNER.public), VerifyingKey(SIGNER.public), VerifyingKey(OTHER_SIGNER.public)
    assert {key, same, other} == {key, other}
    assert key != other
    assert key != SIGNER.public
    assert repr(key) != repr(other)
    assert key.fingerprint.hex()[:16] in repr(key)


def test_a_key_does_not_change_with_the_buffer_that_it_came_from() -> None:
    buffer = bytearray(SIGNER.public)
    key = VerifyingKey(bytes(buffer))
    buffer[0] ^= 1
    assert key.raw == SIGNER.public


@pytest.mark.parametrize("length", [0, 32, 1_952, 1_983, 1_985])
def test_what_is_no_key_is_refused(length: int) -> None:
    with pytest.raises(BadKey):
        VerifyingKey(SIGNER.public.ljust(length, b"\0")[:length])
