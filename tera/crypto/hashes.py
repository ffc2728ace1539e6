"""Hashes: BLAKE3-256 for bulk, SHA-256 for small structures, and the fingerprint of a public key.

The law of this file: it is the only one that imports blake3. Both hashes release the GIL on large
inputs. Neither is keyed here; keyed constructions are in `tera.crypto.kdf`.
"""

from __future__ import annotations

import hashlib
from typing import Final

from blake3 import blake3

KEM_ALGORITHMS: Final = (1, 2, 3, 4)
"""Algorithm numbers of KEM keys: the stanza type (xwing, mlkem1024-p384, mlkem768, mlkem1024)."""

SIGNING_ALGORITHM_BASE: Final = 0x0100
"""Algorithm number of a signing key: this plus the signature algorithm, so composite is 0x0101."""


class B3:
    """BLAKE3-256 over pieces: `update` as often as needed, `digest` gives 32 bytes and may be repeated."""

    __slots__ = ("_hasher",)

    def __init__(self, data: bytes | bytearray | memoryview = b"") -> None:
        self._hasher = blake3(data)

    def update(self, data: bytes | bytearray | memoryview) -> None:
        self._hasher.update(data)

    def digest(self) -> bytes:
        return self._hasher.digest()


def b3(data: bytes | bytearray | memoryview) -> bytes:
    """Return BLAKE3-256 of `data` (32 bytes), equal to `b3sum`."""
    return blake3(data).digest()


def sha256(*parts: bytes | bytearray | memoryview) -> bytes:
    """Return SHA-256 (32 bytes, FIPS 180-4) of the parts joined; labels and lengths are the caller's."""
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(part)
    return hasher.digest()


def fingerprint(algorithm: int, public: bytes) -> bytes:
    """Return the 32-byte name of a public key: H("tera/v1/fpr" || 0x00 || u16(algorithm) || public).

    The algorithm is inside, so that the same bytes read as two kinds of key have two names.
    """
    return sha256(b"tera/v1/fpr\0", algorithm.to_bytes(2, "big"), public)
