"""The key wrap of stanza types 16 (argon2id) and 17 (kek): a committing AES-256-GCM.

The law of this file: a wrapped share opens under one secret only. AES-GCM alone does not give that
(one ciphertext can be made to open under two keys, and under thousands of passphrases at once: the
partitioning oracle), so a commitment stands in front and is compared first.

    kek(32) || com(32) = HKDF-Expand(HKDF-Extract(salt, secret), info, 64)        HKDF-SHA-512
    ct                 = com || AES-256-GCM(kek, nonce = 0^12, share, no AAD)     80 bytes

The nonce is zero because the key is used once: `salt` MUST be fresh for every stanza written.
"""

from __future__ import annotations

from typing import Final

from tera.crypto.kdf import equal, expand, extract
from tera.errors import BadStanza

SALT_LENGTH: Final = 16
SHARE_LENGTH: Final = 32
COMMITMENT_LENGTH: Final = 32
CT_LENGTH: Final = COMMITMENT_LENGTH + SHARE_LENGTH + 16

_NONCE: Final = bytes(12)


def wrap(secret: bytes, salt: bytes, info: bytes, share: bytes) -> bytes:
    """Return the 80-byte ct of a 32-byte `share` under `secret`; `salt` is 16 fresh random bytes."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(salt) != SALT_LENGTH or len(share) != SHARE_LENGTH:
        raise ValueError("salt must have 16 bytes, share 32")
    kek, commitment = _keys(secret, salt, info)
    return commitment + AESGCM(kek).encrypt(_NONCE, share, None)


def unwrap(secret: bytes, salt: bytes, info: bytes, ct: bytes) -> bytes | None:
    """Return the 32-byte share; None when `secret` is another one than `ct` was made with.

    Raises BadStanza when the length is wrong, or when the commitment fits and the rest does not: then
    the secret is right and the stanza was changed.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(ct) != CT_LENGTH or len(salt) != SALT_LENGTH:
        raise BadStanza(f"a wrapped share has {CT_LENGTH} bytes, this one {len(ct)}")
    kek, commitment = _keys(secret, salt, info)
    if not equal(commitment, ct[:COMMITMENT_LENGTH]):
        return None
    try:
        return AESGCM(kek).decrypt(_NONCE, ct[COMMITMENT_LENGTH:], None)
    except InvalidTag:
        raise BadStanza("the secret is right, but the wrapped share was changed") from None


def _keys(secret: bytes, salt: bytes, info: bytes) -> tuple[bytes, bytes]:
    okm = expand(extract(salt, secret), info, 64)
    return okm[:32], okm[32:]
