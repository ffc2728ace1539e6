"""An Ed25519 signature verifies for its message and key alone; there is one for each message."""

from __future__ import annotations

import copy
import pickle

import pytest

from tera.crypto import ed25519
from tera.errors import BadKey, BadSignature

H = bytes.fromhex

# RFC 8032, section 7.1: seed, public key, message, signature.
PUBLISHED = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe246"
        "55141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb"
        "00d291612bb0c00",
    ),
)


@pytest.mark.parametrize(("seed", "public", "message", "signature"), PUBLISHED)
def test_the_published_signatures_are_made_and_verify(seed: str, public: str, message: str, signature: str) -> None:
    key = ed25519.Ed25519Key(H(seed))
    assert key.public == H(public)
    assert key.sign(H(message)) == H(signature)
    ed25519.verify(H(public), H(message), H(signature))


def test_every_flipped_bit_of_a_signature_is_refused() -> None:
    key = ed25519.Ed25519Key(bytes(32))
    signature = key.sign(b"message")
    for bit in range(8 * ed25519.SIGNATURE_LENGTH):
        wrong = bytearray(signature)
        wrong[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadSignature):
            ed25519.verify(key.public, b"message", bytes(wrong))


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    key = ed25519.Ed25519Key(bytes(32))
    with pytest.raises(BadSignature):
        ed25519.verify(key.public, b"", (key.sign(b"") * 2)[:length])


def test_a_signature_plus_the_order_is_refused() -> None:
    key = ed25519.Ed25519Key(bytes(32))
    signature = key.sign(b"")
    order = 2**252 + 27742317777372353535851937790883648493
    malleable = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    with pytest.raises(BadSignature):
        ed25519.verify(key.public, b"", malleable)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(BadKey):
        ed25519.Ed25519Key(bytes(length))
    with pytest.raises(BadKey):
        ed25519.verify(bytes(length), b"", bytes(64))


def test_a_public_key_that_is_no_point_verifies_nothing() -> None:
    with pytest.raises((BadKey, BadSignature)):
        ed25519.verify(b"\2" + bytes(31), b"", bytes(64))


def test_a_private_key_is_not_shown_or_pickled() -> None:
    key = ed25519.Ed25519Key(bytes(range(32)))
    assert repr(key) == "<Ed25519Key>"
    for take in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError):
            take(key)
