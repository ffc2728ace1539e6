"""A composite signature is valid when both halves are, for one message, context and key."""

from __future__ import annotations

import base64
import copy
import hashlib
import pickle

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tera.crypto import signing
from tera.errors import BadKey, BadSignature, TeraError
from tests.shared import load

B = base64.b64decode
SEED = bytes(range(64))


@pytest.fixture(scope="module")
def key() -> signing.SigningKey:
    return signing.SigningKey.from_seed(SEED)


def test_sizes(key: signing.SigningKey) -> None:
    assert (signing.ALGORITHM, signing.SEED_LENGTH) == (1, 64)
    assert len(key.public) == signing.PUBLIC_LENGTH == 1984
    assert len(key.sign(b"m", b"c")) == signing.SIGNATURE_LENGTH == 3373
    assert signing.generate().seed != signing.generate().seed
    signing.check_public(key.public)


def test_the_published_signatures_verify_and_their_seed_gives_the_key() -> None:
    vectors = load("composite-sigs", "testvectors.json")
    message, context = B(vectors["m"]), B(vectors["ctx"])
    cases = [case for case in vectors["tests"] if case["tcId"] == "id-MLDSA65-Ed25519-SHA512"]
    assert len(cases) == 1
    for case in cases:
        public = B(case["pk"])
        assert signing.SigningKey.from_seed(B(case["sk"])).public == public
        signing.verify(public, message, B(case["s"]), b"")
        signing.verify(public, message, B(case["sWithContext"]), context)
        with pytest.raises(BadSignature):
            signing.verify(public, message, B(case["s"]), context)
        with pytest.raises(BadSignature):
            signing.verify(public, message, B(case["sWithContext"]), b"")
        with pytest.raises(BadSignature):
            signing.verify(public, message + b"\n", B(case["s"]), b"")


def test_a_signature_by_another_composite_algorithm_is_refused() -> None:
    vectors = load("composite-sigs", "testvectors.json")
    ran = 0
    for case in vectors["tests"]:
        if case["tcId"] == "id-MLDSA65-Ed25519-SHA512":
            continue
        with pytest.raises((BadSignature, BadKey)):
            signing.verify(B(case["pk"]), B(vectors["m"]), B(case["s"]), b"")
        ran += 1
    assert ran >= 10


@settings(max_examples=25, deadline=None)
@given(message=st.binary(max_size=100), context=st.binary(max_size=255))
def test_a_signature_verifies_for_its_message_and_context_alone(message: bytes, context: bytes) -> None:
    key = signing.SigningKey(SEED)
    signature = key.sign(message, context)
    signing.verify(key.public, message, signature, context)
    with pytest.raises(BadSignature):
        signing.verify(key.public, message + b"\0", signature, context)
    with pytest.raises(BadSignature):
        signing.verify(key.public, message, signature, (context + b"\0")[-200:])


@pytest.mark.parametrize("at", [0, 1, 100, 3308, 3309, 3340, 3341, 3372])
def test_a_flipped_bit_in_either_half_is_refused(key: signing.SigningKey, at: int) -> None:
    signature = bytearray(key.sign(b"m", b"c"))
    signature[at] ^= 1
    with pytest.raises(BadSignature):
        signing.verify(key.public, b"m", bytes(signature), b"c")


def test_one_good_half_is_not_enough(key: signing.SigningKey) -> None:
    good, other = key.sign(b"m", b"c"), signing.generate().sign(b"m", b"c")
    for mixed in (
        good[:3309] + other[3309:],
        other[:3309] + good[3309:],
        good[:3309] + bytes(64),
        bytes(3309) + good[3309:],
    ):
        with pytest.raises(BadSignature):
            signing.verify(key.public, b"m", mixed, b"c")


def test_halves_made_outside_the_composite_are_refused(key: signing.SigningKey) -> None:
    """Signing the message, or M' without the label as context, with each algorithm alone."""
    mldsa = MLDSA65PrivateKey.from_seed_bytes(SEED[:32])
    ed25519 = Ed25519PrivateKey.from_private_bytes(SEED[32:])
    label = b"COMPSIG-MLDSA65-Ed25519-SHA512"
    prepared = b"CompositeAlgorithmSignatures2025" + label + b"\1c" + hashlib.sha512(b"m").digest()
    signing.verify(key.public, b"m", mldsa.sign(prepared, label) + ed25519.sign(prepared), b"c")
    for first, second in (
        (mldsa.sign(b"m", b"c"), ed25519.sign(b"m")),
        (mldsa.sign(prepared, b"c"), ed25519.sign(prepared)),
        (mldsa.sign(prepared), ed25519.sign(prepared)),
        (mldsa.sign(prepared, label), ed25519.sign(b"m")),
    ):
        with pytest.raises(BadSignature):
            signing.verify(key.public, b"m", first + second, b"c")


@pytest.mark.parametrize("length", [0, 64, 3309, 3372, 3374, 6746])
def test_a_wrong_length_of_signature_is_refused(key: signing.SigningKey, length: int) -> None:
    with pytest.raises(BadSignature, match="3373"):
        signing.verify(key.public, b"m", bytes(length), b"c")


@pytest.mark.parametrize("length", [0, 32, 63, 65])
def test_a_wrong_length_of_seed_is_refused(length: int) -> None:
    with pytest.raises(BadKey):
        signing.SigningKey.from_seed(bytes(length))


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=3) | st.binary(min_size=1984, max_size=1984), st.binary(min_size=3373, max_size=3373))
def test_no_bytes_bring_out_another_exception(public: bytes, signature: bytes) -> None:
    with pytest.raises(TeraError):
        signing.verify(public, b"m", signature, b"c")


def test_a_context_of_256_bytes_is_the_callers_bug(key: signing.SigningKey) -> None:
    signing.verify(key.public, b"m", key.sign(b"m", bytes(255)), bytes(255))
    with pytest.raises(ValueError, match="255"):
        key.sign(b"m", bytes(256))


def test_a_private_key_does_not_show_itself(key: signing.SigningKey) -> None:
    assert repr(key) == "<SigningKey mldsa65-ed25519>"
    for leak in (pickle.dumps, copy.deepcopy, copy.copy):
        with pytest.raises(TypeError):
            leak(key)


def test_the_library_verifies_ml_dsa_as_published() -> None:
    """Wycheproof, through the library that `verify` uses: its keys are not composite ones."""
    counts = {"valid": 0, "invalid": 0}
    for group in load("wycheproof", "mldsa_65_verify_test.json")["testGroups"]:
        for case in group["tests"]:
            valid = case["result"] == "valid"
            try:
                public = MLDSA65PublicKey.from_public_bytes(bytes.fromhex(group["publicKey"]))
                context = bytes.fromhex(case.get("ctx", ""))
                public.verify(bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]), context)
                assert valid, case["tcId"]
            except (InvalidSignature, ValueError):
                assert not valid, case["tcId"]
            counts[case["result"]] += 1
    assert min(counts.values()) >= 20


def test_ml_dsa_signatures_that_must_be_refused_are_refused_in_the_composite() -> None:
    ed25519 = Ed25519PrivateKey.from_private_bytes(SEED[32:])
    ran = 0
    for group in load("wycheproof", "mldsa_65_verify_test.json")["testGroups"]:
        public = bytes.fromhex(group["publicKey"]) + ed25519.public_key().public_bytes_raw()
        for case in group["tests"]:
            with pytest.raises((BadSignature, BadKey)):
                signing.verify(public, bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]) + bytes(64), b"")
            ran += 1
    assert ran >= 100
