"""The four key encapsulation mechanisms that a recipient's stanza may use, all through HPKE.

The law of this file: a share goes to a public key here and nowhere else, only registered HPKE KEMs with
a post-quantum part exist, and a private key is its seed. A seed is `seed_length` random bytes; every
such string is a key (type 2: but for one in 2^194).

    type  name            KEM     KDF          seed  public  enc    ct
    1     xwing           0x647a  HKDF-SHA256  32    1,216   1,120  1,168
    2     mlkem1024-p384  0x0051  HKDF-SHA384  32    1,665   1,665  1,713
    3     mlkem768        0x0041  HKDF-SHA256  64    1,184   1,088  1,136
    4     mlkem1024       0x0042  HKDF-SHA384  64    1,568   1,568  1,616

AEAD is AES-256-GCM, ct = enc || AEAD(share). Sources: RFC 9180, draft-ietf-hpke-pq, FIPS 203,
draft-connolly-cfrg-xwing-kem, draft-irtf-cfrg-concrete-hybrid-kems. The randomness of an encapsulation
is the library's own: neither library takes it as an argument.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from tera.crypto import hpke
from tera.errors import BadInput, BadKey, BadStanza

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hpke import Suite

Backend: TypeAlias = Literal["cryptography", "pqcrypto"]

SHARE_LENGTH: Final = 32
_P384_SCALAR: Final = 48
_X25519: Final = 32


@dataclass(frozen=True, slots=True)
class Kem:
    """One row of the table above; lengths in bytes. Take it from `KEMS`, do not make one."""

    type: int
    name: str
    kem_id: int
    kdf_id: int
    seed_length: int
    public_length: int
    enc_length: int
    pure: int  # 768 or 1024 where the KEM is ML-KEM alone, so that another backend can serve it; else 0

    @property
    def ct_length(self) -> int:
        return self.enc_length + SHARE_LENGTH + hpke.TAG_LENGTH

    def private_key(self, seed: bytes, *, backend: Backend = "cryptography") -> PrivateKey:
        """Load a key once to open many stanzas. Raises BadKey for a seed of the wrong length."""
        return PrivateKey(self, seed, backend=backend)

    def public_key(self, seed: bytes) -> bytes:
        """Return the raw public key of a seed. Raises BadKey for a seed of the wrong length."""
        return PrivateKey(self, seed).public

    def check_public(self, public: bytes) -> None:
        """Raise BadKey for what is no public key: wrong length, a coefficient over the modulus (FIPS 203
        section 7.2), a point off the curve, or an X25519 point of low order."""
        _load_public(self, public)

    def seal(self, public: bytes, share: bytes, info: bytes, *, backend: Backend = "cryptography") -> bytes:
        """Return `ct_length` bytes that only the private key of `public` opens, with the same `info`."""
        if len(share) != SHARE_LENGTH:
            raise ValueError(f"a share has {SHARE_LENGTH} bytes")
        if _is_pqcrypto(self, backend):
            from tera.crypto import pq

            shared, enc = pq.encapsulate(self.pure, public)
            return enc + hpke.seal_with(shared, self, info, share)
        key = _load_public(self, public)
        try:
            return _suite(self).encrypt(share, key, info)
        except ValueError:
            raise BadKey(f"nothing can be sealed to this {self.name} key") from None

    def open(self, seed: bytes, ct: bytes, info: bytes, *, backend: Backend = "cryptography") -> bytes:
        """Return the share; for more than one stanza load the key with `private_key`. Raises BadStanza."""
        return PrivateKey(self, seed, backend=backend).open(ct, info)


class PrivateKey:
    """A loaded private key: `public` is its raw public key, `open` undoes `Kem.seal`."""

    __slots__ = ("_key", "backend", "kem", "public")

    def __init__(self, kem: Kem, seed: bytes, *, backend: Backend = "cryptography") -> None:
        if len(seed) != kem.seed_length:
            raise BadKey(f"a {kem.name} private key has {kem.seed_length} bytes, this one {len(seed)}")
        self.kem = kem
        self.backend = backend
        self._key: Any
        if _is_pqcrypto(kem, backend):
            from tera.crypto import pq

            self.public, self._key = pq.expand(kem.pure, seed)
        else:
            self.public, self._key = _load_private(kem, seed)

    def __repr__(self) -> str:
        return f"<PrivateKey {self.kem.name}>"

    def __reduce__(self) -> str:
        raise TypeError("a private key is not pickled")

    def open(self, ct: bytes, info: bytes) -> bytes:
        """Return the 32-byte share. Raises BadStanza: another key, another `info`, or changed bytes;
        which of them cannot be told, because ML-KEM answers a wrong ciphertext with a random secret."""
        kem = self.kem
        if len(ct) != kem.ct_length:
            raise BadStanza(f"a {kem.name} stanza has {kem.ct_length} bytes, this one {len(ct)}")
        if self.backend == "pqcrypto":
            from tera.crypto import pq

            shared = pq.decapsulate(kem.pure, self._key, ct[: kem.enc_length])
            return hpke.open_with(shared, kem, info, ct[kem.enc_length :])
        from cryptography.exceptions import InvalidTag

        try:
            return _suite(kem).decrypt(ct, self._key, info)
        except (InvalidTag, ValueError):
            raise BadStanza("the stanza does not open with this key") from None


XWING: Final = Kem(1, "xwing", 0x647A, hpke.HKDF_SHA256, 32, 1184 + 32, 1088 + 32, 0)
MLKEM1024_P384: Final = Kem(2, "mlkem1024-p384", 0x0051, hpke.HKDF_SHA384, 32, 1568 + 97, 1568 + 97, 0)
MLKEM768: Final = Kem(3, "mlkem768", 0x0041, hpke.HKDF_SHA256, 64, 1184, 1088, 768)
MLKEM1024: Final = Kem(4, "mlkem1024", 0x0042, hpke.HKDF_SHA384, 64, 1568, 1568, 1024)

KEMS: Final[Mapping[int, Kem]] = MappingProxyType(
    {kem.type: kem for kem in (XWING, MLKEM1024_P384, MLKEM768, MLKEM1024)}
)


def by_name(name: str) -> Kem:
    """Return the KEM that is called `name`. Raises BadInput."""
    for kem in KEMS.values():
        if kem.name == name:
            return kem
    raise BadInput(f"there is no KEM {name!r}", hint="known: " + ", ".join(kem.name for kem in KEMS.values()))


# --- the library's objects ----------------------------------------------------------------------


def _is_pqcrypto(kem: Kem, backend: Backend) -> bool:
    if backend not in ("cryptography", "pqcrypto"):
        raise BadInput(f"there is no backend {backend!r}")
    if backend == "pqcrypto" and not kem.pure:
        raise BadInput(f"the pqcrypto backend has no {kem.name}", hint="it serves mlkem768 and mlkem1024")
    return backend == "pqcrypto"


def _suite(kem: Kem) -> Suite:
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

    kems = {1: KEM.MLKEM768_X25519, 2: KEM.MLKEM1024_P384, 3: KEM.MLKEM768, 4: KEM.MLKEM1024}
    kdfs = {hpke.HKDF_SHA256: KDF.HKDF_SHA256, hpke.HKDF_SHA384: KDF.HKDF_SHA384}
    return Suite(kems[kem.type], kdfs[kem.kdf_id], AEAD.AES_256_GCM)


def _load_private(kem: Kem, seed: bytes) -> tuple[bytes, Any]:
    """Return the raw public key and the library's private key of a seed of the right length."""
    from cryptography.hazmat.primitives import hpke as library
    from cryptography.hazmat.primitives.asymmetric import mlkem

    key: Any
    if kem is XWING:
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        # draft-connolly-cfrg-xwing-kem, expandDecapsulationKey.
        expanded = hashlib.shake_256(seed).digest(64 + _X25519)
        lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        curve = X25519PrivateKey.from_private_bytes(expanded[64:])
        key = library.MLKEM768X25519PrivateKey(lattice, curve)
        return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw(), key
    if kem is MLKEM1024_P384:
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        # draft-irtf-cfrg-concrete-hybrid-kems: P-384 gets one window of 48 bytes, and a window that is
        # no scalar (0, or at least the order: 2^-194) is an error, not another try.
        expanded = hashlib.shake_256(seed).digest(64 + _P384_SCALAR)
        strong = mlkem.MLKEM1024PrivateKey.from_seed_bytes(expanded[:64])
        try:
            scalar = ec.derive_private_key(int.from_bytes(expanded[64:], "big"), ec.SECP384R1())
        except ValueError:
            raise BadKey("this seed gives no P-384 key") from None
        point = scalar.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        key = library.MLKEM1024P384PrivateKey(strong, scalar)
        return strong.public_key().public_bytes_raw() + point, key
    key = (mlkem.MLKEM768PrivateKey if kem is MLKEM768 else mlkem.MLKEM1024PrivateKey).from_seed_bytes(seed)
    return key.public_key().public_bytes_raw(), key


def _load_public(kem: Kem, public: bytes) -> Any:
    from cryptography.hazmat.primitives import hpke as library
    from cryptography.hazmat.primitives.asymmetric import mlkem

    if len(public) != kem.public_length:
        raise BadKey(f"a {kem.name} public key has {kem.public_length} bytes, this one {len(public)}")
    try:
        if kem is XWING:
            from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

            curve = X25519PublicKey.from_public_bytes(public[1184:])
            # Any scalar sends a point of low order to zero, which `exchange` refuses; sealing would too,
            # but later and with the file half written.
            X25519PrivateKey.from_private_bytes(bytes(_X25519)).exchange(curve)
            lattice = mlkem.MLKEM768PublicKey.from_public_bytes(public[:1184])
            return library.MLKEM768X25519PublicKey(lattice, curve)
        if kem is MLKEM1024_P384:
            from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePublicKey

            point = EllipticCurvePublicKey.from_encoded_point(SECP384R1(), public[1568:])
            strong = mlkem.MLKEM1024PublicKey.from_public_bytes(public[:1568])
            return library.MLKEM1024P384PublicKey(strong, point)
        if kem is MLKEM768:
            return mlkem.MLKEM768PublicKey.from_public_bytes(public)
        return mlkem.MLKEM1024PublicKey.from_public_bytes(public)
    except ValueError:
        raise BadKey(f"this is no {kem.name} public key") from None
