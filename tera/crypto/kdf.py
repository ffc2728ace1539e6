"""Key derivation: HKDF (RFC 5869), HMAC (RFC 2104), Argon2id (RFC 9106), and comparing secrets.

The law of this file: every key that is derived and every MAC that is made is made by these functions,
and secrets are compared by `equal` alone. HKDF and HMAC are the standard library's (OpenSSL below
it), because importing `cryptography` costs start-up time that a plain `inspect` need not pay.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from tera.errors import Unavailable

ARGON2_LENGTH: Final = 32


def extract(salt: bytes, ikm: bytes, *, digest: str = "sha512") -> bytes:
    """HKDF-Extract: a pseudorandom key as long as the hash (64 bytes for SHA-512, tera's own)."""
    return hmac.digest(salt, ikm, digest)


def expand(prk: bytes, info: bytes, length: int, *, digest: str = "sha512") -> bytes:
    """HKDF-Expand: `length` bytes, at most 255 hashes (ValueError: a bug of the caller)."""
    size = hashlib.new(digest).digest_size
    if not 0 < length <= 255 * size:
        raise ValueError(f"HKDF-Expand cannot give {length} bytes")
    block, okm = b"", b""
    for counter in range(1, -(-length // size) + 1):
        block = hmac.digest(prk, block + info + bytes((counter,)), digest)
        okm += block
    return okm[:length]


def mac(key: bytes, *parts: bytes | bytearray | memoryview) -> bytes:
    """HMAC-SHA-256 (32 bytes) of the parts joined; labels and lengths are the caller's."""
    if len(parts) == 1:
        return hmac.digest(key, parts[0], "sha256")
    keyed = hmac.new(key, digestmod="sha256")
    for part in parts:
        keyed.update(part)
    return keyed.digest()


def equal(a: bytes, b: bytes) -> bool:
    """Compare in time that depends on the lengths only."""
    return hmac.compare_digest(a, b)


def argon2id(secret: bytes, salt: bytes, *, m_kib: int, t: int, p: int) -> bytes:
    """Argon2id version 0x13 (RFC 9106): 32 bytes from `m_kib` KiB of memory, `t` passes, `p` lanes.

    The bounds on the parameters that come from a file are the format's; this only runs them. Raises
    Unavailable when the machine does not have the memory, ValueError for what RFC 9106 excludes.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    try:
        derive = Argon2id(salt=salt, length=ARGON2_LENGTH, iterations=t, lanes=p, memory_cost=m_kib).derive
        return derive(secret)
    except (MemoryError, OverflowError):
        raise Unavailable(f"the passphrase needs {m_kib:,} KiB of memory, which are not free") from None
    except UnsupportedAlgorithm:
        raise Unavailable("this OpenSSL has no Argon2id") from None


def xor(*shares: bytes) -> bytes:
    """Join shares of equal length, at least one: a key split so that all of them are needed."""
    total = 0
    for share in shares:
        if len(share) != len(shares[0]):
            raise ValueError("shares of different lengths")
        total ^= int.from_bytes(share, "big")
    return total.to_bytes(len(shares[0]), "big")
