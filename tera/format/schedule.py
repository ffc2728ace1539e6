"""The key schedule: every key of a container, derived from the file key through the hash of CORE.

The law of this file: no key is derived elsewhere, and none without H_core; so an edited rule, tag or
signer is not a check that somebody might forget but a key that does not exist.
"""

from __future__ import annotations

from typing import Final

from tera.crypto.chunked import ChunkCipher
from tera.crypto.hashes import sha256
from tera.crypto.kdf import equal, expand, extract, mac
from tera.errors import KeyCommitment
from tera.format.sections import PREAMBLE

FILE_KEY_LENGTH: Final = 32


def core_hash(core_map: bytes) -> bytes:
    """Return H_core: what every key is derived through."""
    return sha256(b"tera/v1/core\0", PREAMBLE, len(core_map).to_bytes(4, "big"), core_map)


def bind_hash(h_core: bytes, commitment: bytes) -> bytes:
    """Return H_bind: this container with this key; computable without the key."""
    return sha256(b"tera/v1/bind\0", h_core, commitment)


class KeySchedule:
    """The keys of one container; `commitment` is KC, `bind` is H_bind."""

    __slots__ = ("_prk", "bind", "commitment")

    def __init__(self, file_key: bytes, h_core: bytes) -> None:
        if len(file_key) != FILE_KEY_LENGTH:
            raise ValueError("a file key has 32 bytes")
        self._prk = extract(h_core, file_key)
        self.commitment = expand(self._prk, b"tera/v1 key-commitment", 32)
        self.bind = bind_hash(h_core, self.commitment)

    @classmethod
    def checked(cls, file_key: bytes, h_core: bytes, commitment: bytes) -> KeySchedule:
        """Derive, and compare with the commitment in CORE. Raises KeyCommitment."""
        keys = cls(file_key, h_core)
        if not equal(keys.commitment, commitment):
            raise KeyCommitment("the key that the stanzas give is not this container's")
        return keys

    def access_mac(self, *parts: bytes) -> bytes:
        """Return the MAC of an ACCESS section: over its header and its body without the MAC."""
        return mac(expand(self._prk, b"tera/v1 access-mac", 32), b"tera/v1/access\0", self.bind, *parts)

    def trailer_mac(self, trailer_map: bytes) -> bytes:
        """Return the MAC of a trailer map."""
        return mac(expand(self._prk, b"tera/v1 trailer-mac", 32), b"tera/v1/trailer\0", self.bind, trailer_map)

    def segment(self, kind: int, salt: bytes) -> ChunkCipher:
        """Return the cipher of the DATA (1) or INDEX (2) segment with this salt."""
        tag = bytes((kind,))
        key = expand(self._prk, b"tera/v1 segment" + tag, 32)
        return ChunkCipher(key, salt, b"tera/v1\0" + self.bind + tag)


def stanza_info(bind: bytes, type: int, params: bytes) -> bytes:
    """Return the HPKE info of a stanza: it opens in this container only. `params` is packed."""
    return b"tera/v1 stanza\0" + bind + type.to_bytes(2, "big") + sha256(params)


def wrap_info(bind: bytes, type: int, params: bytes) -> bytes:
    """Return the info of a wrapped share (types 16 and 17). `params` is packed."""
    return b"tera/v1 wrap\0" + bind + type.to_bytes(2, "big") + sha256(params)


def stanza_hint(public: bytes, enc: bytes) -> bytes:
    """Return the 4 bytes by which whoever knows `public` (raw) can tell that a stanza is for it."""
    return mac(sha256(public), b"tera/v1 hint\0", enc)[:4]


def signed_message(bind: bytes, trailer_map: bytes) -> bytes:
    """Return what a signer signs: this container, its key and, through the roots, all ciphertext."""
    import hashlib

    return b"tera/v1/sig\0" + bind + hashlib.sha512(trailer_map).digest()
