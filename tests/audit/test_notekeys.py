"""A log's key has one text, and that of Go's notes is the same; a name that is none is refused."""

from __future__ import annotations

import base64

import pytest

from tera.audit import notekeys
from tera.audit.notekeys import Verifier, log_signers, parse_verifier
from tera.crypto.ed25519 import Ed25519Key
from tera.crypto.hashes import sha256
from tera.crypto.signing import SigningKey
from tera.errors import BadKey, BadSignature
from tests.audit.keys import KNOWN, ORIGIN, SIGNERS

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


def test_the_key_of_gos_tests_is_read() -> None:
    key = parse_verifier(PETER)
    assert (key.name, key.key_id.hex(), str(key)) == ("PeterNeumann", "c74f20a3", PETER)
    assert not key.post_quantum


def test_every_part_and_every_other_letter_of_a_key_is_refused() -> None:
    ran = 0
    for start in range(len(PETER) + 1):
        for end in range(start, len(PETER) + 1):
            if PETER[start:end] != PETER:
                with pytest.raises(BadKey):
                    parse_verifier(PETER[start:end])
                ran += 1
    for at, letter in enumerate(PETER):
        with pytest.raises(BadKey):
            parse_verifier(PETER[:at] + chr(ord(letter) + 1) + PETER[at + 1 :])
    assert ran > 2_000


@pytest.mark.parametrize(
    "text",
    [
        # The two of Go's tests: another length, an unknown type; each with a hash that fits.
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        PETER.replace("c74f20a3", "C74F20A3"),
        PETER + "\n",
        " " + PETER,
        PETER.replace("+A", "+\nA"),
        "+c74f20a3+AQ==",
        "",
    ],
)
def test_another_text_of_a_key_is_refused(text: str) -> None:
    with pytest.raises(BadKey):
        parse_verifier(text)


@pytest.mark.parametrize("key", KNOWN, ids=["ed25519", "composite"])
def test_a_key_comes_back_from_its_text(key: Verifier) -> None:
    assert parse_verifier(str(key)) == key


def test_the_key_id_is_that_of_the_text() -> None:
    plain, composite = KNOWN
    assert plain.key_id == sha256(ORIGIN.encode() + b"\n\x01" + plain.public)[:4]
    label = b"\xfftera/v1/mldsa65-ed25519\x00"
    assert composite.key_id == sha256(ORIGIN.encode() + b"\n" + label + composite.public)[:4]
    name, key_id, key = str(composite).split("+", 2)
    assert (name, key_id, base64.b64decode(key)) == (ORIGIN, composite.key_id.hex(), label + composite.public)


def test_the_ed25519_key_of_a_log_is_not_the_half_of_its_composite_key() -> None:
    plain, composite = KNOWN
    assert composite.public == SigningKey(bytes(range(64))).public
    assert plain.public != composite.public[-32:]
    assert log_signers(ORIGIN, SigningKey(bytes(range(64))))[0].verifier == plain
    assert log_signers("other", SigningKey(bytes(range(64))))[0].verifier.public != plain.public


def test_a_signature_of_a_note_is_no_signature_of_a_container() -> None:
    from tera.crypto import signing

    text = b"text\n"
    composite = SIGNERS[1]
    with pytest.raises(BadSignature):
        signing.verify(composite.verifier.public, text, composite.sign(text), b"tera/v1")


@pytest.mark.parametrize(
    "name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\u00a0b", "\x7f", "a" * 256, "ü" * 128, "\ud800"]
)
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(BadKey):
        Verifier(name, notekeys.ED25519, bytes(32))
    with pytest.raises(BadKey):
        notekeys.Ed25519Signer.of(name, Ed25519Key(bytes(32)))


@pytest.mark.parametrize(
    ("kind", "length"),
    [(notekeys.ED25519, 31), (notekeys.ED25519, 33), (notekeys.COMPOSITE, 32), (b"\x02", 32), (b"", 32)],
)
def test_a_key_of_another_type_or_length_is_refused(kind: bytes, length: int) -> None:
    with pytest.raises(BadKey):
        Verifier("name", kind, bytes(length))
