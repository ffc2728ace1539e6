"""Ed25519 alone (RFC 8032), for signed notes that the tools of other people verify.

The law of this file: it signs nothing of a container. There a signature is composite
(`tera.crypto.signing`), and this key is never the half of one.
"""

from __future__ import annotations

from typing import Final

from tera.errors import BadKey, BadSignature

SEED_LENGTH: Final = 32
PUBLIC_LENGTH: Final = 32
SIGNATURE_LENGTH: Final = 64


class Ed25519Key:
    """A private key, from its seed (32 bytes); `public` (32 bytes) is what is given out."""

    __slots__ = ("_private", "public")

    def __init__(self, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if len(seed) != SEED_LENGTH:
            raise BadKey(f"an Ed25519 private key has {SEED_LENGTH} bytes, this one {len(seed)}")
        self._private = Ed25519PrivateKey.from_private_bytes(bytes(seed))
        self.public = self._private.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return "<Ed25519Key>"

    def __reduce__(self) -> str:
        raise TypeError("a private key is not pickled")

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the one signature of `message`."""
        return self._private.sign(message)


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Return when the signature verifies. Raises BadSignature; BadKey when `public` is no key at all."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if len(public) != PUBLIC_LENGTH:
        raise BadKey(f"an Ed25519 public key has {PUBLIC_LENGTH} bytes, this one {len(public)}")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise BadSignature("the signature does not fit the message and the signer's key") from None
