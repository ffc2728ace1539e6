"""ML-KEM keys in PEM, as OpenSSL and other tools write them: PKCS#8 and SubjectPublicKeyInfo.

The law of this file: what comes in is a key of stanza type 3 (mlkem768) or 4 (mlkem1024), as a 64-byte
seed or a raw public key, or it is refused; PEM goes no further into tera. Source: RFC 9935, whose
private keys come in three forms: seed, expanded, or both. A key that is expanded alone is refused: its
seed cannot be got back, and tera stores seeds. Both is what OpenSSL 3.5 writes unasked, and what
`cryptography` 50 cannot read: it is read here, and the two must agree (RFC 9935, private key
consistency). Encrypted keys are read by the library alone, so they must be in seed form.

X-Wing and mlkem1024-p384 have no PEM form here; they are Bech32 texts.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from tera.crypto.kem import KEMS, MLKEM768, MLKEM1024, Kem
from tera.errors import BadInput, BadKey, WrongPassphrase

_ENCRYPTED: Final = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
_SEED_ONLY: Final = "write it again in seed form: openssl pkey -provparam ml-kem.output_formats=seed-only"
# PrivateKeyInfo up to its key: a SEQUENCE of version 0, an AlgorithmIdentifier without parameters
# (2.16.840.1.101.3.4.4.2 is ML-KEM-768, .3 is ML-KEM-1024), an OCTET STRING of over 255 bytes.
_LONG_KEY: Final = re.compile(
    rb"\x30\x82..\x02\x01\x00\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x04([\x02\x03])\x04\x82..", re.S
)


def load_private(pem: bytes, password: bytes | None) -> tuple[int, bytes]:
    """Return (stanza type, 64-byte seed). A `password` that is not needed is not used.

    Raises WrongPassphrase (missing, wrong, or what is encrypted is damaged or not in seed form: which
    of these cannot be told) and BadKey.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM1024PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    encrypted = _ENCRYPTED in pem
    if encrypted and not password:
        raise WrongPassphrase("the private key is encrypted, and no passphrase was given")
    try:
        key = load_pem_private_key(pem, password if encrypted else None)
    except UnsupportedAlgorithm:
        raise BadKey("the private key is of a kind that this OpenSSL does not have") from None
    except (ValueError, TypeError):
        if encrypted:
            raise WrongPassphrase(
                "the passphrase does not open the private key, or the key is not in seed form",
                hint=_SEED_ONLY,
            ) from None
        key = None
    if key is None:
        return _load_long(pem)
    if isinstance(key, MLKEM768PrivateKey):
        return MLKEM768.type, key.private_bytes_raw()
    if isinstance(key, MLKEM1024PrivateKey):
        return MLKEM1024.type, key.private_bytes_raw()
    raise BadKey("the private key is not ML-KEM-768 or ML-KEM-1024")


def load_public(pem: bytes) -> tuple[int, bytes]:
    """Return (stanza type, raw public key of 1,184 or 1,568 bytes). Raises BadKey."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey, MLKEM1024PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("this is no public key in PEM") from None
    if isinstance(key, MLKEM768PublicKey):
        return MLKEM768.type, key.public_bytes_raw()
    if isinstance(key, MLKEM1024PublicKey):
        return MLKEM1024.type, key.public_bytes_raw()
    raise BadKey("the public key is not ML-KEM-768 or ML-KEM-1024")


def dump_private(stanza_type: int, seed: bytes, password: bytes | None) -> bytes:
    """Return PKCS#8 in PEM, seed form; with a password, encrypted (PBES2, AES-256-CBC).

    The library fixes PBKDF2 at 2,048 rounds and offers nothing slower, so a guessable passphrase does
    not protect this file: it is for interchange, not for keeping.

    Raises BadKey for a wrong seed, BadInput for a type without PEM form or a password that cannot be
    used (empty, or over 1,023 bytes).
    """
    from cryptography.hazmat.primitives import serialization

    key = _library(stanza_type, "Private", seed)
    try:
        encryption = (
            serialization.NoEncryption() if password is None else serialization.BestAvailableEncryption(password)
        )
        pem: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    except ValueError:
        raise BadInput("this passphrase cannot protect a private key: it is empty or too long") from None
    return pem


def dump_public(stanza_type: int, public: bytes) -> bytes:
    """Return SubjectPublicKeyInfo in PEM. Raises BadKey for what is no public key, BadInput as above."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = _library(stanza_type, "Public", public)
    pem: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def _library(stanza_type: int, kind: str, raw: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric import mlkem

    loaders: dict[tuple[int, str], Any] = {
        (MLKEM768.type, "Private"): mlkem.MLKEM768PrivateKey.from_seed_bytes,
        (MLKEM1024.type, "Private"): mlkem.MLKEM1024PrivateKey.from_seed_bytes,
        (MLKEM768.type, "Public"): mlkem.MLKEM768PublicKey.from_public_bytes,
        (MLKEM1024.type, "Public"): mlkem.MLKEM1024PublicKey.from_public_bytes,
    }
    if (stanza_type, kind) not in loaders:
        name = KEMS[stanza_type].name if stanza_type in KEMS else f"type {stanza_type}"
        raise BadInput(f"a {name} key has no PEM form")
    try:
        return loaders[stanza_type, kind](raw)
    except ValueError:
        raise BadKey(f"this is no {KEMS[stanza_type].name} {kind.lower()} key") from None


def _load_long(pem: bytes) -> tuple[int, bytes]:
    """Read the form with seed and expanded key. The encoding is DER, so each kind has one length."""
    from tera.crypto import pq

    body = re.search(rb"-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]*)-----END PRIVATE KEY-----", pem)
    try:
        der = base64.b64decode(body[1]) if body else b""
    except binascii.Error:
        der = b""
    head = _LONG_KEY.match(der)
    if head is None:
        raise BadKey("this is no private key in PEM")
    kem: Kem = MLKEM768 if head[1] == b"\x02" else MLKEM1024
    rest = der[head.end() :]
    if rest[:1] == b"\x04":
        raise BadKey("the private key is in expanded form, without its seed", hint=_SEED_ONLY)
    seed = rest[6 : 6 + kem.seed_length]
    if len(seed) != kem.seed_length or der != _long_der(head[1], seed, pq.expand(kem.pure, seed)[1]):
        raise BadKey("the private key is damaged: its seed and its expanded form do not agree")
    return kem.type, seed


def _long_der(last_arc: bytes, seed: bytes, expanded: bytes) -> bytes:
    """Write that form again: comparing whole files is the parser."""

    def tlv(tag: int, *parts: bytes) -> bytes:
        body = b"".join(parts)
        length = bytes((len(body),)) if len(body) < 128 else b"\x82" + len(body).to_bytes(2, "big")
        return bytes((tag,)) + length + body

    algorithm = tlv(0x30, tlv(0x06, b"\x60\x86\x48\x01\x65\x03\x04\x04" + last_arc))
    key = tlv(0x30, tlv(0x04, seed), tlv(0x04, expanded))
    return tlv(0x30, b"\x02\x01\x00", algorithm, tlv(0x04, key))
