"""The second backend of ML-KEM: pqcrypto, for stanza types 3 and 4 and as an independent oracle.

The law of this file: it is the only one that imports pqcrypto, and it shares no line with
`cryptography`: seeds are expanded here, by FIPS 203 algorithms 13 and 16, because pqcrypto 1.0 has no
key generation from a seed. Two traps are closed: pqcrypto returns (ciphertext, secret) where
`cryptography` returns (secret, ciphertext), and its keys are expanded where tera stores seeds.

pqcrypto 1.0 is a new code base without an audit, and the expansion below runs in Python, whose time may
depend on the secret. So this backend is chosen by name, never by default, and is not for a long-lived
key on a machine that others can measure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from tera.errors import BadKey, BadStanza, TeraError, Unavailable

_Q: Final = 3329
_RANK: Final = {768: 3, 1024: 4}

_Polynomial = list[int]


def encapsulate(parameters: int, public: bytes) -> tuple[bytes, bytes]:
    """Return (shared secret, 32 bytes; enc, 1,088 or 1,568 bytes). `parameters` is 768 or 1024.

    Raises BadKey for an encapsulation key that FIPS 203 section 7.2 refuses.
    """
    module = _module(parameters)
    with _translated(BadKey, f"this is no mlkem{parameters} public key"):
        enc, shared = module.encaps(bytes(public))
    return bytes(shared), bytes(enc)


def decapsulate(parameters: int, expanded: bytes, enc: bytes) -> bytes:
    """Return the 32-byte shared secret; for an `enc` made for another key, a random one (FIPS 203).

    `expanded` is a decapsulation key from `expand`. Raises BadStanza for a wrong length.
    """
    module = _module(parameters)
    with _translated(BadStanza, "the stanza does not open with this key"):
        return bytes(module.decaps(bytes(expanded), bytes(enc)))


def _module(parameters: int) -> Any:
    names = {768: "ml_kem_768", 1024: "ml_kem_1024"}
    try:
        from pqcrypto import kem  # type: ignore[import-untyped]
    except ImportError:
        raise Unavailable("the pqcrypto backend is not installed", hint="pip install pqcrypto") from None
    return getattr(kem, names[parameters])


@contextmanager
def _translated(error: type[TeraError], message: str) -> Iterator[None]:
    """A Rust panic is a BaseException, and must not look like a request to stop the program."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException:
        raise error(message) from None


# --- FIPS 203 key generation ---------------------------------------------------------------------


def expand(parameters: int, seed: bytes) -> tuple[bytes, bytes]:
    """Return (encapsulation key, decapsulation key) of a 64-byte seed d || z: FIPS 203 algorithm 16.

    1,184 and 2,400 bytes for 768, 1,568 and 3,168 for 1024; 4 to 7 ms. Raises BadKey.
    """
    if len(seed) != 64:
        raise BadKey(f"an mlkem{parameters} private key has 64 bytes, this one {len(seed)}")
    k = _RANK[parameters]
    both = hashlib.sha3_512(seed[:32] + bytes((k,))).digest()
    rho, sigma = both[:32], both[32:]
    noise = [_ntt(_sample_cbd(hashlib.shake_256(sigma + bytes((n,))).digest(128))) for n in range(2 * k)]
    secret, error = noise[:k], noise[k:]
    public = b""
    for row in range(k):
        total = error[row]
        for column in range(k):
            product = _multiply(_sample_ntt(rho + bytes((column, row))), secret[column])
            total = [(a + b) % _Q for a, b in zip(total, product, strict=True)]
        public += _encode(total)
    public += rho
    private = b"".join(map(_encode, secret))
    return public, private + public + hashlib.sha3_256(public).digest() + seed[32:]


def _sample_ntt(seed: bytes) -> _Polynomial:
    """Algorithm 7: uniform coefficients by rejection; 280 rounds fall short once in 2^261 (appendix B)."""
    stream = hashlib.shake_128(seed).digest(3 * 280)
    out: _Polynomial = []
    for at in range(0, len(stream), 3):
        pair = int.from_bytes(stream[at : at + 3], "little")
        out += [value for value in (pair & 0xFFF, pair >> 12) if value < _Q]
    return out[:256]


def _sample_cbd(stream: bytes) -> _Polynomial:
    """Algorithm 8 with eta = 2, which both parameter sets have: bits a + b - c - d."""
    out: _Polynomial = []
    for byte in stream:
        for four in (byte & 15, byte >> 4):
            out.append(((four & 1) + (four >> 1 & 1) - (four >> 2 & 1) - (four >> 3)) % _Q)
    return out


def _zetas(exponent: Callable[[int], int]) -> tuple[int, ...]:
    return tuple(pow(17, exponent(int(f"{i:07b}"[::-1], 2)), _Q) for i in range(128))


_ZETA: Final = _zetas(lambda reversed_i: reversed_i)
_GAMMA: Final = _zetas(lambda reversed_i: 2 * reversed_i + 1)


def _ntt(f: _Polynomial) -> _Polynomial:
    """Algorithm 9."""
    f = list(f)
    i, length = 1, 128
    while length >= 2:
        for start in range(0, 256, 2 * length):
            zeta = _ZETA[i]
            i += 1
            for j in range(start, start + length):
                t = zeta * f[j + length] % _Q
                f[j + length] = (f[j] - t) % _Q
                f[j] = (f[j] + t) % _Q
        length //= 2
    return f


def _multiply(f: _Polynomial, g: _Polynomial) -> _Polynomial:
    """Algorithms 11 and 12."""
    out: _Polynomial = []
    for i, gamma in enumerate(_GAMMA):
        a, b, c, d = f[2 * i], f[2 * i + 1], g[2 * i], g[2 * i + 1]
        out += ((a * c + b * d * gamma) % _Q, (a * d + b * c) % _Q)
    return out


def _encode(f: _Polynomial) -> bytes:
    """Algorithm 5 with d = 12."""
    return b"".join((f[i] | f[i + 1] << 12).to_bytes(3, "little") for i in range(0, 256, 2))
