"""The fixed secrets of the vectors, and the parts that no library makes twice alike.

The law of this file: every secret is a SHAKE256 of its name and protects nothing. An HPKE encapsulation and an
ML-DSA signature draw their own randomness, so each is made once and kept in `once.txt` under a hash of what it is
made from; it is checked with the key whenever it is used.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Final

from spec.vectors.form import FOLDER
from tera.codec.keyfile import dump_secret
from tera.codec.recipients import KeyEncryptionKey, Passphrase, PrivateKey
from tera.codec.signers import signer_fingerprint
from tera.crypto import signing
from tera.crypto.random import Random
from tera.crypto.signing import SigningKey
from tera.format.access import Stanza
from tera.format.schedule import stanza_hint, stanza_info


def fixed_bytes(name: str, length: int) -> bytes:
    """Return the fixed bytes of a name."""
    return hashlib.shake_256(b"tera vectors: " + name.encode()).digest(length)


def stream(name: str) -> Random:
    """Return a `Random` that gives the same bytes in every run."""
    count = 0

    def random(length: int) -> bytes:
        nonlocal count
        count += 1
        return fixed_bytes(f"{name} {count}", length)

    return random


FILE_KEY: Final = fixed_bytes("file key", 32)
OTHER_FILE_KEY: Final = fixed_bytes("other file key", 32)
ID: Final = bytes.fromhex("018f4b8e7c007000800000000000002a")
CREATED: Final = 1_700_000_000
KEK: Final = KeyEncryptionKey(fixed_bytes("kek", 32), b"kek-1")
KEK_TEXT: Final = f"{b'kek-1'.hex()}:{fixed_bytes('kek', 32).hex()}"
OTHER_KEK: Final = KeyEncryptionKey(fixed_bytes("other kek", 32), b"kek-2")
OTHER_KEK_TEXT: Final = f"{b'kek-2'.hex()}:{fixed_bytes('other kek', 32).hex()}"
WRONG_KEK_TEXT: Final = f"{b'kek-1'.hex()}:{fixed_bytes('wrong kek', 32).hex()}"
PHRASE: Final = "crème brûlée, 7 Kelvin"
CHEAPEST: Final = (19_456, 1, 1)
PASSPHRASE: Final = Passphrase(PHRASE, cost=CHEAPEST)
IDENTITIES: Final = {
    1: PrivateKey(1, fixed_bytes("xwing", 32)),
    2: PrivateKey(2, fixed_bytes("mlkem1024-p384", 32)),
    3: PrivateKey(3, fixed_bytes("mlkem768", 64)),
    4: PrivateKey(4, fixed_bytes("mlkem1024", 64)),
}
IDENTITY_TEXTS: Final = {number: dump_secret(key) for number, key in IDENTITIES.items()}
STRANGER: Final = PrivateKey(1, fixed_bytes("stranger", 32))
STRANGER_TEXT: Final = dump_secret(STRANGER)
SIGNERS: Final = sorted(
    (SigningKey(fixed_bytes(f"signer {number}", 64)) for number in range(3)),
    key=lambda key: signer_fingerprint(key.public),
)
NAMES: Final = [signer_fingerprint(key.public) for key in SIGNERS]
AUTHORITY: Final = fixed_bytes("authority", 32)


class Once:
    """What was made once, by the hash of what it was made from. `used` is what the vectors of today need."""

    def __init__(self) -> None:
        self.path = FOLDER / "once.txt"
        lines = self.path.read_text("ascii").splitlines() if self.path.exists() else []
        self._kept = {name: base64.b64decode(text) for name, _, text in (line.partition(" ") for line in lines)}
        self.used: dict[str, bytes] = {}

    def get(self, make: Callable[[], bytes], *parts: bytes) -> bytes:
        """Return what was made from `parts`, or make it."""
        name = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:32]
        if name not in self.used:
            self.used[name] = self._kept.get(name) or make()
        return self.used[name]

    def dump(self) -> bytes:
        """Return the file that keeps what was used."""
        lines = (f"{name} {base64.b64encode(made).decode()}\n" for name, made in sorted(self.used.items()))
        return "".join(lines).encode()


ONCE: Final = Once()


def encapsulated(key: PrivateKey, share: bytes, info: bytes) -> bytes:
    """Return a `ct` of an HPKE stanza, always the same; raises BadStanza if the kept one does not open."""
    kem, public = key.kem, key.public.raw
    ct = ONCE.get(lambda: kem.seal(public, share, info), bytes((kem.type,)), public, share, info)
    assert kem.open(key.seed, ct, info) == share
    return ct


class Steady:
    """A recipient whose stanza is always the same."""

    def __init__(self, key: PrivateKey, *, anonymous: bool = False) -> None:
        self._key = key
        self._anonymous = anonymous

    def wrap(self, share: bytes, bind: bytes, group: int, random: Random) -> Stanza:
        """See `Recipient`."""
        kem = self._key.kem
        ct = encapsulated(self._key, share, stanza_info(bind, kem.type, b"\x90"))
        hint = b"" if self._anonymous else stanza_hint(self._key.public.raw, ct[: kem.enc_length])
        return Stanza(group, kem.type, hint, [], ct)


def signature(key: SigningKey, message: bytes) -> bytes:
    """Return a signature, always the same; raises BadSignature if the kept one does not verify."""
    found = ONCE.get(lambda: key.sign(message, b"tera/v1"), b"signature", key.public, message)
    signing.verify(key.public, message, found, b"tera/v1")
    return found
