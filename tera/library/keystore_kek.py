"""What wraps the organisations' secrets: the master key, as 32 bytes in this process or as a key that stays in a token.

The law of this file: what is wrapped for one context (which organisation, which of its keys, of when) opens for that
one only, and what was changed does not open at all.
"""

from __future__ import annotations

from typing import Final, Protocol

from tera.crypto import wrap
from tera.crypto.random import Random, system
from tera.errors import BadKey, BadStanza, KeysUnavailable

MASTER: Final = 32
SECRET: Final = wrap.SHARE_LENGTH


class Kek(Protocol):
    """A key-encryption key. Every method may raise KeysUnavailable."""

    def wrap(self, context: bytes, secret: bytes) -> bytes:
        """Return what may be stored of a secret of 32 bytes."""
        ...

    def unwrap(self, context: bytes, wrapped: bytes) -> bytes:
        """Return the secret. Raises KeysUnavailable if it was changed, or wrapped under another key or context."""
        ...


class MasterKek:
    """A master key in memory: salt || ct, as a stanza of type 17 wraps a share. Raises BadKey for another length."""

    __slots__ = ("_key", "_random")

    def __init__(self, key: bytes, *, random: Random = system) -> None:
        if len(key) != MASTER:
            raise BadKey(f"a master key has {MASTER} bytes")
        self._key = key
        self._random = random

    def __repr__(self) -> str:
        return "<MasterKek>"

    def wrap(self, context: bytes, secret: bytes) -> bytes:
        """See `Kek`."""
        return committed(self._key, context, secret, self._random)

    def unwrap(self, context: bytes, wrapped: bytes) -> bytes:
        """See `Kek`."""
        return uncommitted(self._key, context, wrapped)


def committed(key: bytes, context: bytes, secret: bytes, random: Random) -> bytes:
    """Wrap a secret under 32 bytes: 96 bytes, salt || ct."""
    salt = random(wrap.SALT_LENGTH)
    return salt + wrap.wrap(key, salt, context, secret)


def uncommitted(key: bytes, context: bytes, wrapped: bytes) -> bytes:
    """Return what `committed` wrapped. Raises KeysUnavailable."""
    try:
        secret = wrap.unwrap(key, wrapped[: wrap.SALT_LENGTH], context, wrapped[wrap.SALT_LENGTH :])
    except BadStanza:
        raise damaged() from None
    if secret is None:
        raise KeysUnavailable(
            "the master key is not the one that the keys are kept under",
            hint="give the one they were made with, or restore the keys from a backup if they were changed",
        )
    return secret


def damaged() -> KeysUnavailable:
    """Return the error of a text that is not what was written."""
    return KeysUnavailable("the keys of the organisation are damaged", hint="restore them from a backup")
