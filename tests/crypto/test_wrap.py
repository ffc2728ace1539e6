"""A wrapped share opens under one secret, one salt and one info."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from tera.crypto import kdf, wrap
from tera.errors import BadStanza
from tests.shared import load

SALT, INFO, SHARE = bytes(16), b"info", bytes(range(32))


@given(st.binary(max_size=64), st.binary(min_size=16, max_size=16), st.binary(max_size=99))
def test_a_share_comes_back(secret: bytes, salt: bytes, info: bytes) -> None:
    ct = wrap.wrap(secret, salt, info, SHARE)
    assert len(ct) == wrap.CT_LENGTH == 80
    assert wrap.unwrap(secret, salt, info, ct) == SHARE


def test_the_construction_is_the_one_of_the_format() -> None:
    okm = kdf.expand(kdf.extract(SALT, b"secret"), INFO, 64)
    assert wrap.wrap(b"secret", SALT, INFO, SHARE) == okm[32:] + AESGCM(okm[:32]).encrypt(bytes(12), SHARE, None)


def test_another_secret_salt_or_info_gives_none() -> None:
    ct = wrap.wrap(b"secret", SALT, INFO, SHARE)
    assert wrap.unwrap(b"Secret", SALT, INFO, ct) is None
    assert wrap.unwrap(b"secret", b"\1" + SALT[1:], INFO, ct) is None
    assert wrap.unwrap(b"secret", SALT, b"Info", ct) is None


@pytest.mark.parametrize("at", range(80))
def test_a_flipped_bit_is_refused(at: int) -> None:
    ct = bytearray(wrap.wrap(b"secret", SALT, INFO, SHARE))
    ct[at] ^= 1
    if at < 32:
        assert wrap.unwrap(b"secret", SALT, INFO, bytes(ct)) is None
    else:
        with pytest.raises(BadStanza, match="was changed"):
            wrap.unwrap(b"secret", SALT, INFO, bytes(ct))


@pytest.mark.parametrize("length", [0, 32, 79, 81])
def test_a_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(BadStanza):
        wrap.unwrap(b"secret", SALT, INFO, bytes(length))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_share_of_another_length_is_the_callers_bug(length: int) -> None:
    with pytest.raises(ValueError, match="32"):
        wrap.wrap(b"secret", SALT, INFO, bytes(length))


def test_a_wrong_salt_length_is_refused() -> None:
    with pytest.raises(BadStanza):
        wrap.unwrap(b"secret", bytes(15), INFO, bytes(80))
    with pytest.raises(ValueError, match="16"):
        wrap.wrap(b"secret", bytes(15), INFO, SHARE)


def test_one_gcm_ciphertext_opens_under_two_keys_but_two_keys_never_share_a_commitment() -> None:
    case = {
        key: bytes.fromhex(value) for key, value in load("adversarial", "gcm_noncommitting.json")["two_keys"].items()
    }
    for number in "12":
        plain = AESGCM(case["key" + number]).decrypt(case["nonce"], case["ciphertext_and_tag"], None)
        assert plain == case["pt" + number]
    # So the same bytes after a commitment: each secret accepts its own commitment and no other.
    one, two = (wrap.wrap(secret, SALT, INFO, SHARE) for secret in (b"one", b"two"))
    assert one[:32] != two[:32]
    assert wrap.unwrap(b"two", SALT, INFO, one[:32] + two[32:]) is None
