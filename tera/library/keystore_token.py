"""The master key as a key in a token, an HSM for instance, that never leaves it.

The law of this file: what the token gives back is what it was given, for the same context, or it is refused; a token
that was away is looked for again, once a call. Secrets of X-Wing and of the composite signatures cannot live in today's
tokens (PKCS#11 3.2 has ML-KEM alone, and no X-Wing), so the token wraps them, and they are open in this process' memory
while it works: who takes files and PIN without the token has nothing, who runs code in this process has everything.

    wrapped = 01 || nonce || AES-256-GCM(key in the token, nonce, secret, AAD = context)          1 + 12 + 48 bytes
    wrapped = 02 || AES key wrap(key in the token, fresh) || salt || ct, wrapped under `fresh`    1 + 40 + 96 bytes

AES-GCM where the token has it and the key may encrypt; else key wrap (RFC 3394), to which no context can be bound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tera.crypto.random import Random, system
from tera.errors import KeysUnavailable
from tera.library.keystore_kek import MASTER, SECRET, committed, damaged, uncommitted
from tera.library.keystore_pkcs11 import Pin, TokenKey, TokenPlace, make_key, module_at, open_key

GCM: Final = 1
KEY_WRAP: Final = 2
_NONCE: Final = 12
_SHORT: Final = MASTER + 8
_LENGTHS: Final = {GCM: 1 + _NONCE + SECRET + 16, KEY_WRAP: 1 + _SHORT + 96}
_HINT: Final = "give the token and key that they were made with, or restore the keys from a backup"


class TokenKek:
    """See `Kek`; from any thread. Raises BadInput where the package is not installed.

    `load` returns the package's object for a module, given its path.
    """

    def __init__(
        self, place: TokenPlace, pin: str, *, random: Random = system, load: Callable[[str], Any] | None = None
    ) -> None:
        self.place = place
        self._pin = Pin(pin)
        self._random = random
        self._module = module_at(place.module, load)
        self._held: TokenKey | None = None

    def __repr__(self) -> str:
        return f"<TokenKek {self.place.token!r} {self.place.key!r}>"

    def make(self) -> None:
        """Make the key in the token. Raises KeysUnavailable, also if something there is called so."""
        make_key(self._module, self.place, self._pin)

    def wrap(self, context: bytes, secret: bytes) -> bytes:
        """See `Kek`."""

        def work(key: TokenKey) -> bytes:
            if key.encrypts:
                nonce = self._random(_NONCE)
                return bytes((GCM,)) + nonce + key.encrypt(nonce, context, secret)
            fresh = self._random(MASTER)
            return bytes((KEY_WRAP,)) + key.wrap(fresh) + committed(fresh, context, secret, self._random)

        wrapped = self._run(work)
        if len(wrapped) != _LENGTHS[wrapped[0]]:
            raise KeysUnavailable("the token does not wrap as it should", hint="use another key or token")
        return wrapped

    def unwrap(self, context: bytes, wrapped: bytes) -> bytes:
        """See `Kek`."""
        if not wrapped or len(wrapped) != _LENGTHS.get(wrapped[0]):
            raise KeysUnavailable("the keys are not wrapped by a token", hint=_HINT)
        data = wrapped[1:]

        def work(key: TokenKey) -> bytes:
            if wrapped[0] == GCM and key.encrypts:
                return key.decrypt(data[:_NONCE], context, data[_NONCE:])
            if wrapped[0] == KEY_WRAP and key.wraps:
                return key.unwrap(data[:_SHORT])
            raise KeysUnavailable("the token's key may not do that")

        secret = self._run(work)
        if len(secret) != SECRET:
            raise damaged()
        return secret if wrapped[0] == GCM else uncommitted(secret, context, data[_SHORT:])

    def _run(self, work: Callable[[TokenKey], bytes]) -> bytes:
        """Return what `work` gives; if it fails and the token is not well, look for the token again, once.

        A token may say of a wrong tag what it says when it is broken (SoftHSM does), so what is wrong is found by
        asking for something that must succeed.
        """
        with self._module.turn:
            try:
                return work(self._ready())
            except KeysUnavailable:
                held = self._held
                if held is None:  # it was not reached
                    raise
                if _works(held):
                    raise KeysUnavailable("the token's key did not make this, or it was changed", hint=_HINT) from None
            self._restart()
            return work(self._ready())

    def _ready(self) -> TokenKey:
        if self._held is None or self._held.age != self._module.age():
            self._held, sends = None, self._pin.refused is None
            try:
                self._held = open_key(self._module, self.place, self._pin)
            except KeysUnavailable:
                if sends:
                    self._restart()  # the next one begins anew, and no session is left that could not log in
                raise
        return self._held

    def _restart(self) -> None:
        self._held = None
        self._module.restart()


def _works(key: TokenKey) -> bool:
    zero, nonce = bytes(SECRET), system(_NONCE)
    try:
        if key.encrypts:
            return key.decrypt(nonce, b"", key.encrypt(nonce, b"", zero)) == zero
        return key.unwrap(key.wrap(zero)) == zero
    except KeysUnavailable:
        return False
