"""Signature algorithm 1: id-MLDSA65-Ed25519-SHA512 of draft-ietf-lamps-pq-composite-sigs.

    M'  = "CompositeAlgorithmSignatures2025" || LABEL || u8(len(ctx)) || ctx || SHA-512(message)
    sig = ML-DSA-65.Sign(M', context = LABEL) || Ed25519.Sign(M')          3,309 + 64 bytes
    pk  = ML-DSA-65 public key || Ed25519 public key                       1,952 + 32 bytes
    sk  = ML-DSA-65 seed || Ed25519 seed                                   32 + 32 bytes

The law of this file: a signature is valid when both halves are. Who breaks one of the two algorithms
forges nothing, and neither half passes for a signature made with that half alone, because M' and the
ML-DSA context carry LABEL. The labels are those of the draft's published vectors.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from tera.crypto.random import Random, system
from tera.errors import BadKey, BadSignature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

ALGORITHM: Final = 1
NAME: Final = "mldsa65-ed25519"
SEED_LENGTH: Final = 32 + 32
PUBLIC_LENGTH: Final = 1952 + 32
SIGNATURE_LENGTH: Final = 3309 + 64
MAX_CONTEXT: Final = 255

_PREFIX: Final = b"CompositeAlgorithmSignatures2025"
_LABEL: Final = b"COMPSIG-MLDSA65-Ed25519-SHA512"
_MLDSA_PUBLIC: Final = 1952
_MLDSA_SIGNATURE: Final = 3309


class SigningKey:
    """A private key; `seed` (64 bytes) is what is stored, `public` (1,984 bytes) is what is given out."""

    __slots__ = ("_ed25519", "_mldsa", "public", "seed")

    def __init__(self, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

        if len(seed) != SEED_LENGTH:
            raise BadKey(f"a {NAME} private key has {SEED_LENGTH} bytes, this one {len(seed)}")
        self.seed = bytes(seed)
        self._mldsa = MLDSA65PrivateKey.from_seed_bytes(self.seed[:32])
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(self.seed[32:])
        self.public = self._mldsa.public_key().public_bytes_raw() + self._ed25519.public_key().public_bytes_raw()

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """Load a key from ML-DSA seed (32) || Ed25519 seed (32). Raises BadKey."""
        return cls(seed)

    def __repr__(self) -> str:
        return f"<SigningKey {NAME}>"

    def __reduce__(self) -> str:
        raise TypeError("a private key is not pickled")

    def sign(self, message: bytes, context: bytes) -> bytes:
        """Return 3,373 bytes; two signatures of one message differ (ML-DSA is hedged)."""
        prepared = _prepared(message, context)
        return self._mldsa.sign(prepared, _LABEL) + self._ed25519.sign(prepared)


def generate(random: Random = system) -> SigningKey:
    """Make a key from 64 random bytes."""
    return SigningKey(random(SEED_LENGTH))


def check_public(public: bytes) -> None:
    """Raise BadKey for what is no public key of this algorithm."""
    _load(public)


def verify(public: bytes, message: bytes, signature: bytes, context: bytes) -> None:
    """Return when both halves verify. Raises BadSignature; BadKey when `public` is no key at all.

    `context` is at most 255 bytes (ValueError: it is the protocol's constant, not an input).
    """
    from cryptography.exceptions import InvalidSignature

    prepared = _prepared(message, context)
    if len(signature) != SIGNATURE_LENGTH:
        raise BadSignature(f"a {NAME} signature has {SIGNATURE_LENGTH} bytes, this one {len(signature)}")
    mldsa, ed25519 = _load(public)
    try:
        mldsa.verify(signature[:_MLDSA_SIGNATURE], prepared, _LABEL)
        ed25519.verify(signature[_MLDSA_SIGNATURE:], prepared)
    except (InvalidSignature, ValueError):
        raise BadSignature("the signature does not fit the message and the signer's key") from None


def _prepared(message: bytes, context: bytes) -> bytes:
    if len(context) > MAX_CONTEXT:
        raise ValueError(f"a context has at most {MAX_CONTEXT} bytes")
    return _PREFIX + _LABEL + bytes((len(context),)) + context + hashlib.sha512(message).digest()


def _load(public: bytes) -> tuple[MLDSA65PublicKey, Ed25519PublicKey]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

    if len(public) != PUBLIC_LENGTH:
        raise BadKey(f"a {NAME} public key has {PUBLIC_LENGTH} bytes, this one {len(public)}")
    try:
        return (
            MLDSA65PublicKey.from_public_bytes(public[:_MLDSA_PUBLIC]),
            Ed25519PublicKey.from_public_bytes(public[_MLDSA_PUBLIC:]),
        )
    except ValueError:
        raise BadKey(f"this is no {NAME} public key") from None
