"""Who may open: recipients lock a share of the file key, identities unlock one.

The law of this file: `Recipient` and `Identity` are the two ports of a container; each has one method.
A cloud KMS, an HSM or an OS keyring is an `Identity` of twenty lines, or less as a `Decapsulator` or a
key-encryption key that it hands out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any, Final, Protocol, runtime_checkable

from tera.crypto import hpke, kdf, kem, wrap
from tera.crypto.hashes import fingerprint
from tera.crypto.random import Random, system
from tera.errors import BadInput, BadKey, BadStanza
from tera.format import access
from tera.format.access import Stanza
from tera.format.schedule import stanza_hint, stanza_info, wrap_info
from tera.wire import canonical

DEFAULT_ARGON2: Final = (256 << 10, 3, 4)
"""Memory in KiB, passes, lanes: 256 MiB and about half a second."""


class Recipient(Protocol):
    """Somebody or something that a share can be locked for."""

    def wrap(self, share: bytes, bind: bytes, group: int, random: Random) -> Stanza:
        """Return a stanza of `group` that holds the 32-byte `share`, bound to the container `bind`."""
        ...


@runtime_checkable
class Identity(Protocol):
    """A key that may open stanzas."""

    def unwrap(self, stanza: Stanza, bind: bytes) -> bytes | None:
        """Return the 32-byte share, or None if the stanza is not for this identity.

        Raises BadStanza if it is, and does not open; WrongPassphrase is for the caller to conclude.
        """
        ...


class Decapsulator(Protocol):
    """A private ML-KEM key that stays where it is: in a KMS, a PKCS#11 token, another process."""

    @property
    def public(self) -> bytes:
        """The raw public key, 1,184 (ML-KEM-768) or 1,568 bytes (ML-KEM-1024)."""
        ...

    def decapsulate(self, enc: bytes) -> bytes:
        """Return the 32-byte shared secret of an encapsulated key."""
        ...


class PublicKey:
    """A recipient with a KEM key: X-Wing by default, or another of `tera.crypto.kem`.

    `anonymous` leaves out the hint by which those who know the key can tell that the stanza is for it.
    `backend` may be "pqcrypto" for the pure ML-KEM types.
    """

    def __init__(
        self, kem_type: int, raw: bytes, *, anonymous: bool = False, backend: kem.Backend = "cryptography"
    ) -> None:
        if kem_type not in kem.KEMS:
            raise BadKey("this key is of a kind that no stanza can use")
        self.kem = kem.KEMS[kem_type]
        self.kem.check_public(raw)
        self.raw = raw
        self.anonymous = anonymous
        self.backend: kem.Backend = backend

    @property
    def fingerprint(self) -> bytes:
        """The key's 32-byte name."""
        return fingerprint(self.kem.type, self.raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and (self.kem.type, self.raw) == (other.kem.type, other.raw)

    def __hash__(self) -> int:
        return hash((self.kem.type, self.raw))

    def __repr__(self) -> str:
        return f"<{self.kem.name} public key {self.fingerprint.hex()[:16]}>"

    def wrap(self, share: bytes, bind: bytes, group: int, random: Random) -> Stanza:
        """See `Recipient`; the encapsulation's randomness is the library's own."""
        info = stanza_info(bind, self.kem.type, canonical.pack([]))
        ct = self.kem.seal(self.raw, share, info, backend=self.backend)
        hint = b"" if self.anonymous else stanza_hint(self.raw, ct[: self.kem.enc_length])
        return Stanza(group, self.kem.type, hint, [], ct)


class PrivateKey:
    """An identity with a KEM key, held as its seed (X-Wing and type 2: 32 bytes; ML-KEM: 64)."""

    def __init__(self, kem_type: int, seed: bytes, *, backend: kem.Backend = "cryptography") -> None:
        if kem_type not in kem.KEMS:
            raise BadKey("this key is of a kind that no stanza can use")
        self._key = kem.KEMS[kem_type].private_key(seed, backend=backend)
        self.seed = seed
        self.kem = kem.KEMS[kem_type]

    @classmethod
    def generate(cls, kem_type: int = access.XWING, *, random: Random) -> PrivateKey:
        """Make a new key."""
        return cls(kem_type, random(kem.KEMS[kem_type].seed_length))

    @property
    def public(self) -> PublicKey:
        """The recipient that this identity opens for."""
        return PublicKey(self.kem.type, self._key.public)

    def __repr__(self) -> str:
        return f"<{self.kem.name} private key {self.public.fingerprint.hex()[:16]}>"

    def unwrap(self, stanza: Stanza, bind: bytes) -> bytes | None:
        """See `Identity`."""

        def unseal(info: bytes) -> bytes:
            return self._key.open(stanza.ct, info)

        return _open_hinted(stanza, bind, self.kem.type, self._key.public, unseal)


class DecapsulatorKey:
    """An identity whose ML-KEM key is elsewhere (types `mlkem768` and `mlkem1024`)."""

    def __init__(self, decapsulator: Decapsulator) -> None:
        by_length = {kem.KEMS[type].public_length: kem.KEMS[type] for type in (access.MLKEM768, access.MLKEM1024)}
        found = by_length.get(len(decapsulator.public))
        if found is None:
            raise BadKey("a decapsulator holds an ML-KEM-768 or ML-KEM-1024 key")
        self._kem = found
        self._outside = decapsulator
        self.public = PublicKey(found.type, decapsulator.public)

    def unwrap(self, stanza: Stanza, bind: bytes) -> bytes | None:
        """See `Identity`."""

        def unseal(info: bytes) -> bytes:
            shared = self._outside.decapsulate(stanza.enc)
            return hpke.open_with(shared, self._kem, info, stanza.ct[self._kem.enc_length :])

        return _open_hinted(stanza, bind, self._kem.type, self.public.raw, unseal)


class Passphrase:
    """A recipient and identity: whoever knows the passphrase. Normalised to NFC, then UTF-8.

    `cost` is Argon2id's memory in KiB, passes and lanes, for wrapping.
    """

    def __init__(self, passphrase: str, *, cost: tuple[int, int, int] = DEFAULT_ARGON2) -> None:
        if not passphrase:
            raise BadInput("the passphrase is empty")
        try:
            self._secret = unicodedata.normalize("NFC", passphrase).encode()
        except UnicodeEncodeError:
            raise BadInput("the passphrase is not valid Unicode") from None
        access.check_argon2(*cost, BadInput)
        self._cost = cost

    def __repr__(self) -> str:
        return "<passphrase>"

    def wrap(self, share: bytes, bind: bytes, group: int, random: Random) -> Stanza:
        """See `Recipient`."""
        params: list[Any] = [*self._cost, random(wrap.SALT_LENGTH)]
        return _wrap(access.ARGON2ID, group, params, self._derive(params), share, bind)

    def unwrap(self, stanza: Stanza, bind: bytes) -> bytes | None:
        """See `Identity`; costs what the stanza's params say."""
        if stanza.type != access.ARGON2ID:
            return None
        return _unwrap(stanza, self._derive(stanza.params), bind)

    def _derive(self, params: list[Any]) -> bytes:
        m_kib, t, p, salt = params
        return kdf.argon2id(self._secret, salt, m_kib=m_kib, t=t, p=p)


class KeyEncryptionKey:
    """A recipient and identity: a 32-byte key from a KMS, HSM or OS keyring, and the name of it there."""

    def __init__(self, key: bytes, key_id: bytes = b"") -> None:
        if len(key) != 32 or len(key_id) > 64:
            raise BadKey("a key-encryption key has 32 bytes, its id at most 64")
        self._key = key
        self.key_id = key_id

    def __repr__(self) -> str:
        return f"<key-encryption key {self.key_id!r}>"

    def wrap(self, share: bytes, bind: bytes, group: int, random: Random) -> Stanza:
        """See `Recipient`."""
        params: list[Any] = [self.key_id, random(wrap.SALT_LENGTH)]
        return _wrap(access.KEK, group, params, self._key, share, bind)

    def unwrap(self, stanza: Stanza, bind: bytes) -> bytes | None:
        """See `Identity`."""
        if stanza.type != access.KEK or stanza.params[0] != self.key_id:
            return None
        return _unwrap(stanza, self._key, bind)


def generate_key(name: str = "xwing", *, random: Random = system) -> PrivateKey:
    """Make a private key: "xwing", "mlkem1024-p384", "mlkem768" or "mlkem1024"."""
    return PrivateKey.generate(kem.by_name(name).type, random=random)


def _open_hinted(
    stanza: Stanza, bind: bytes, kem_type: int, public: bytes, unseal: Callable[[bytes], bytes]
) -> bytes | None:
    """Open a stanza of `kem_type`: a hint that differs says "not mine"; one that fits must open."""
    if stanza.type != kem_type:
        return None
    if stanza.hint and not kdf.equal(stanza.hint, stanza_hint(public, stanza.enc)):
        return None
    try:
        return unseal(stanza_info(bind, stanza.type, canonical.pack(stanza.params)))
    except BadStanza:
        if stanza.hint:
            raise
        return None


def _wrap(type: int, group: int, params: list[Any], secret: bytes, share: bytes, bind: bytes) -> Stanza:
    info = wrap_info(bind, type, canonical.pack(params))
    return Stanza(group, type, b"", params, wrap.wrap(secret, params[-1], info, share))


def _unwrap(stanza: Stanza, secret: bytes, bind: bytes) -> bytes | None:
    info = wrap_info(bind, stanza.type, canonical.pack(stanza.params))
    return wrap.unwrap(secret, stanza.params[-1], info, stanza.ct)
