"""Who signed: the public half of a signing key, and its name.

The law of this file: the name of a signer is the fingerprint with its algorithm in it, and every place
that compares signers compares these 32 bytes. Signing itself is `tera.crypto.signing`'s.
"""

from __future__ import annotations

from tera.crypto import signing
from tera.crypto.hashes import SIGNING_ALGORITHM_BASE, fingerprint

__all__ = ["VerifyingKey", "signer_fingerprint"]


def signer_fingerprint(public: bytes) -> bytes:
    """Return the 32-byte name of a signer's raw public key (1,984 bytes)."""
    return fingerprint(SIGNING_ALGORITHM_BASE + signing.ALGORITHM, public)


class VerifyingKey:
    """A public signing key: what a reader pins. Raises BadKey for what is no key."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        signing.check_public(raw)
        self.raw = bytes(raw)

    @property
    def fingerprint(self) -> bytes:
        """The key's 32-byte name."""
        return signer_fingerprint(self.raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VerifyingKey) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"<{signing.NAME} public key {self.fingerprint.hex()[:16]}>"
