"""The keys of signed notes: the text by which a verifier knows one, and the two that a log signs with.

    key id   = SHA-256(name || 0x0A || type || public key)[:4]
    verifier = name + "+" + hex of the key id + "+" + base64 of type || public key
    type     = 0x01 for Ed25519, 0xFF || "tera/v1/mldsa65-ed25519" || 0x00 for the composite signature

The law of this file: who holds a composite signing key holds its log keys too, and keeps nothing more. The
Ed25519 key is derived from its seed and is not its half, so that a note is never mistaken for part of
another signature, nor the other way round.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tera.crypto import ed25519, signing
from tera.crypto.hashes import sha256
from tera.crypto.kdf import expand, extract
from tera.errors import BadKey

ED25519: Final = b"\x01"
COMPOSITE: Final = b"\xfftera/v1/mldsa65-ed25519\x00"
CONTEXT: Final = b"tera/v1"
LABEL: Final = b"tera/v1/note\0"
MAX_NAME: Final = 255

_LENGTHS: Final = {ED25519: ed25519.PUBLIC_LENGTH, COMPOSITE: signing.PUBLIC_LENGTH}
_VERIFIER: Final = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
_NO_NAME: Final = re.compile(r"[\s+\x00-\x1f\x7f-\x9f]")


def check_name(name: str) -> None:
    """Raise BadKey unless a key can be called so: 1 to 255 bytes of UTF-8 without space, plus or control character."""
    try:
        if 1 <= len(name.encode()) <= MAX_NAME and not _NO_NAME.search(name):
            return
    except UnicodeEncodeError:
        pass
    raise BadKey(f"{name[:80]!r} cannot be the name of a log's key: 1 to {MAX_NAME} bytes, no space, no plus")


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under a name. Raises BadKey for what is none."""

    name: str
    type: bytes
    public: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.type not in _LENGTHS or len(self.public) != _LENGTHS[self.type]:
            raise BadKey(f"the key of {self.name!r} is of an unknown type, or has another length")

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that stand before its signatures; no proof of anything."""
        return sha256(self.name.encode(), b"\n", self.type, self.public)[:4]

    @property
    def post_quantum(self) -> bool:
        """Whether a forger with a quantum computer fails too."""
        return self.type == COMPOSITE

    def __str__(self) -> str:
        key = base64.b64encode(self.type + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    def verify(self, text: bytes, signature: bytes) -> None:
        """Return when `signature` is this key's of the note's text. Raises BadSignature, BadKey."""
        if self.type == COMPOSITE:
            signing.verify(self.public, LABEL + text, signature, CONTEXT)
        else:
            ed25519.verify(self.public, text, signature)


def parse_verifier(text: str) -> Verifier:
    """Return the key whose text this is. Raises BadKey."""
    found = _VERIFIER.fullmatch(text)
    if not found:
        raise BadKey("a log's key is `name+hash+key`, this is not")
    try:
        raw = base64.b64decode(found[3], validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    for kind in _LENGTHS:
        if raw.startswith(kind):
            key = Verifier(found[1], kind, raw[len(kind) :])
            if str(key) != text:
                raise BadKey(f"the key of {key.name!r} does not fit the hash beside it")
            return key
    raise BadKey("a log's key is of a type that is not known, or not in base64")


@dataclass(frozen=True, slots=True)
class Ed25519Signer:
    """Signs notes so that every tool for them verifies it."""

    verifier: Verifier
    key: ed25519.Ed25519Key = field(repr=False)

    @classmethod
    def of(cls, name: str, key: ed25519.Ed25519Key) -> Ed25519Signer:
        return cls(Verifier(name, ED25519, key.public), key)

    def sign(self, text: bytes) -> bytes:
        return self.key.sign(text)


@dataclass(frozen=True, slots=True)
class CompositeSigner:
    """Signs notes so that a quantum computer forges none."""

    verifier: Verifier
    key: signing.SigningKey = field(repr=False)

    @classmethod
    def of(cls, name: str, key: signing.SigningKey) -> CompositeSigner:
        return cls(Verifier(name, COMPOSITE, key.public), key)

    def sign(self, text: bytes) -> bytes:
        return self.key.sign(LABEL + text, CONTEXT)


LogSigners: TypeAlias = tuple[Ed25519Signer, CompositeSigner]


def log_signers(name: str, key: signing.SigningKey) -> LogSigners:
    """Return the two signers of a log called `name` whose authority has the signing key `key`. Raises BadKey."""
    seed = expand(extract(b"tera/v1 log-key", key.seed), b"tera/v1 note ed25519\0" + name.encode(), 32)
    return Ed25519Signer.of(name, ed25519.Ed25519Key(seed)), CompositeSigner.of(name, key)
