"""HPKE (RFC 9180) base mode, single shot, given the shared secret of any KEM.

The law of this file: it is the key schedule and the AEAD, and nothing of a KEM. So a shared secret may
come from a cloud KMS, a PKCS#11 token or a second library, and what is sealed here opens in a complete
HPKE, and the other way round (the tests do both against `cryptography`). Only HKDF, the two-stage KDF
of RFC 9180 section 4, and only AES-256-GCM with an empty AAD; draft-ietf-hpke-pq keeps RFC 9180's
labels for it, and has other ones for the SHAKE KDFs, which are not used here.

    suite_id = "HPKE" || u16(kem_id) || u16(kdf_id) || u16(0x0002)
    context  = 0x00 || LabeledExtract("", "psk_id_hash", "") || LabeledExtract("", "info_hash", info)
    secret   = LabeledExtract(shared, "secret", "")
    key      = LabeledExpand(secret, "key", context, 32)
    nonce    = LabeledExpand(secret, "base_nonce", context, 12)       sequence number 0
"""

from __future__ import annotations

from typing import Final, Protocol

from tera.crypto.kdf import expand, extract
from tera.errors import BadStanza

HKDF_SHA256: Final = 0x0001
HKDF_SHA384: Final = 0x0002
AES_256_GCM: Final = 0x0002
TAG_LENGTH: Final = 16

_DIGEST: Final = {HKDF_SHA256: "sha256", HKDF_SHA384: "sha384"}


class SuiteIds(Protocol):
    """The two numbers that the key schedule binds; `tera.crypto.kem.Kem` has them."""

    @property
    def kem_id(self) -> int: ...
    @property
    def kdf_id(self) -> int: ...


def seal_with(shared: bytes, kem: SuiteIds, info: bytes, plaintext: bytes) -> bytes:
    """Return the HPKE ciphertext (plaintext + 16 bytes) that follows `enc`. `shared` MUST be fresh."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key, nonce = key_schedule(shared, kem, info)
    return AESGCM(key).encrypt(nonce, plaintext, None)


def open_with(shared: bytes, kem: SuiteIds, info: bytes, ciphertext: bytes) -> bytes:
    """Return the plaintext of `ciphertext`, which is what follows `enc`. Raises BadStanza."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(ciphertext) < TAG_LENGTH:
        raise BadStanza("an HPKE ciphertext is shorter than its tag")
    key, nonce = key_schedule(shared, kem, info)
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, None)
    except InvalidTag:
        raise BadStanza("the stanza does not open with this key") from None


def key_schedule(shared: bytes, kem: SuiteIds, info: bytes) -> tuple[bytes, bytes]:
    """Return the AES-256 key (32 bytes) and the nonce of the first message (12 bytes)."""
    digest = _DIGEST[kem.kdf_id]
    suite = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (kem.kem_id, kem.kdf_id, AES_256_GCM))

    def labeled_extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return extract(salt, b"HPKE-v1" + suite + label + ikm, digest=digest)

    def labeled_expand(prk: bytes, label: bytes, length: int) -> bytes:
        labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
        return expand(prk, labeled, length, digest=digest)

    context = b"\0" + labeled_extract(b"", b"psk_id_hash", b"") + labeled_extract(b"", b"info_hash", info)
    secret = labeled_extract(shared, b"secret", b"")
    return labeled_expand(secret, b"key", 32), labeled_expand(secret, b"base_nonce", 12)
