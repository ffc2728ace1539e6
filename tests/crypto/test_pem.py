"""ML-KEM keys in PEM: what others write is read, and what is no such key is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, mlkem
from hypothesis import given
from hypothesis import strategies as st

from tera.crypto import kem, pem, pq
from tera.errors import BadInput, BadKey, TeraError, WrongPassphrase

SEED = bytes(range(64))
BOTH = pytest.mark.parametrize("row", [kem.MLKEM768, kem.MLKEM1024], ids=lambda row: row.name)


@BOTH
def test_keys_come_back(row: kem.Kem) -> None:
    public = row.public_key(SEED)
    assert pem.load_private(pem.dump_private(row.type, SEED, None), None) == (row.type, SEED)
    assert pem.load_private(pem.dump_private(row.type, SEED, b"pass"), b"pass") == (row.type, SEED)
    assert pem.load_public(pem.dump_public(row.type, public)) == (row.type, public)
    assert pem.dump_private(row.type, SEED, None).startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert pem.dump_private(row.type, SEED, b"pass").startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert pem.dump_public(row.type, public).startswith(b"-----BEGIN PUBLIC KEY-----\n")


def test_a_passphrase_that_is_not_needed_is_not_used() -> None:
    assert pem.load_private(pem.dump_private(3, SEED, None), b"anything") == (3, SEED)


def test_a_missing_or_wrong_passphrase_is_refused() -> None:
    encrypted = pem.dump_private(3, SEED, b"pass")
    for password in (None, b"", b"Pass", b"pass1", b"x" * 2000):
        with pytest.raises(WrongPassphrase):
            pem.load_private(encrypted, password)


def test_a_passphrase_that_protects_nothing_is_refused() -> None:
    for password in (b"", b"x" * 1024):
        with pytest.raises(BadInput):
            pem.dump_private(3, SEED, password)


@BOTH
def test_the_form_with_seed_and_expanded_key_is_read(row: kem.Kem) -> None:
    _, expanded = pq.expand(row.pure, SEED)
    assert pem.load_private(pkcs8(row, tlv(0x30, tlv(4, SEED) + tlv(4, expanded))), None) == (row.type, SEED)


@BOTH
def test_an_expanded_key_without_its_seed_is_refused(row: kem.Kem) -> None:
    _, expanded = pq.expand(row.pure, SEED)
    with pytest.raises(BadKey, match="without its seed") as caught:
        pem.load_private(pkcs8(row, tlv(4, expanded)), None)
    assert "seed-only" in str(caught.value.hint)


@BOTH
def test_a_seed_and_an_expanded_key_that_disagree_are_refused(row: kem.Kem) -> None:
    _, expanded = pq.expand(row.pure, bytes(64))
    with pytest.raises(BadKey, match="do not agree"):
        pem.load_private(pkcs8(row, tlv(0x30, tlv(4, SEED) + tlv(4, expanded))), None)
    good = tlv(0x30, tlv(4, SEED) + tlv(4, pq.expand(row.pure, SEED)[1]))
    for at in (0, 3, 4, 5, 6, 69, 70, 71, 75, 1500, len(good) - 1):
        changed = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        with pytest.raises(BadKey):
            pem.load_private(pkcs8(row, changed), None)
    with pytest.raises(BadKey):
        pem.load_private(pkcs8(row, good + b"\0"), None)


@BOTH
def test_a_seed_of_another_length_is_refused(row: kem.Kem) -> None:
    for seed in (SEED[:-1], SEED + b"\0", b""):
        with pytest.raises(BadKey):
            pem.load_private(pkcs8(row, tlv(0x80, seed)), None)
        with pytest.raises(BadKey):
            pem.dump_private(row.type, seed, None)
    with pytest.raises(BadKey):
        pem.dump_public(row.type, b"\xff" * row.public_length)


def test_keys_of_other_kinds_are_refused() -> None:
    other = ed25519.Ed25519PrivateKey.generate()
    encoding, raw = serialization.Encoding.PEM, serialization.NoEncryption()
    private = other.private_bytes(encoding, serialization.PrivateFormat.PKCS8, raw)
    public = other.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(BadKey, match="not ML-KEM"):
        pem.load_private(private, None)
    with pytest.raises(BadKey, match="not ML-KEM"):
        pem.load_public(public)
    ours = pem.dump_public(3, kem.MLKEM768.public_key(SEED))
    with pytest.raises(BadKey):
        pem.load_private(ours, None)
    with pytest.raises(BadKey):
        pem.load_public(pem.dump_private(3, SEED, None))


def test_an_ml_kem_512_key_is_refused() -> None:
    row: Any = type("Row", (), {"type": 1})
    with pytest.raises(BadKey):
        pem.load_private(pkcs8(row, tlv(0x80, SEED)), None)


@pytest.mark.parametrize("stanza_type", [1, 2, 0, 99])
def test_a_type_without_pem_form_is_refused(stanza_type: int) -> None:
    with pytest.raises(BadInput, match="no PEM form"):
        pem.dump_private(stanza_type, bytes(32), None)
    with pytest.raises(BadInput, match="no PEM form"):
        pem.dump_public(stanza_type, bytes(1216))


MARKS = st.sampled_from(["PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PUBLIC KEY", "CERTIFICATE"])


@given(st.binary(max_size=200), MARKS, st.booleans())
def test_no_text_brings_out_another_exception(data: bytes, mark: str, framed: bool) -> None:
    text = frame(mark, data) if framed else data
    for password in (None, b"x"):
        with pytest.raises(TeraError):
            pem.load_private(text, password)
    with pytest.raises(TeraError):
        pem.load_public(text)


def test_the_library_reads_what_is_written() -> None:
    key = serialization.load_pem_private_key(pem.dump_private(4, SEED, b"pw"), b"pw")
    assert isinstance(key, mlkem.MLKEM1024PrivateKey)
    assert key.private_bytes_raw() == SEED


def tlv(tag: int, body: bytes) -> bytes:
    length = bytes([len(body)]) if len(body) < 128 else b"\x82" + len(body).to_bytes(2, "big")
    return bytes([tag]) + length + body


def frame(mark: str, data: bytes) -> bytes:
    return f"-----BEGIN {mark}-----\n".encode() + base64.encodebytes(data) + f"-----END {mark}-----\n".encode()


def pkcs8(row: kem.Kem, key: bytes) -> bytes:
    """Types 3 and 4 are the last arcs 2 and 3."""
    algorithm = tlv(0x30, tlv(0x06, bytes.fromhex("6086480165030404") + bytes([row.type - 1])))
    return frame("PRIVATE KEY", tlv(0x30, b"\2\1\0" + algorithm + tlv(4, key)))
