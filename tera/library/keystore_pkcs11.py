"""A key in a token that speaks PKCS#11, reached and used: the one door to the package for it.

The law of this file: the key is AES-256, sensitive and not extractable, or it is not used; a PIN is never shown, and
one that was refused is not sent again, because tokens lock. Everything that goes wrong is a KeysUnavailable. Calls into
one module are made one at a time (the package initialises it for that), so who calls holds `Module.turn`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tera.errors import BadInput, KeysUnavailable
from tera.library.keystore_kek import MASTER

if TYPE_CHECKING:
    from pkcs11 import Session, Token

KEY: Final = "tera"
"""The label of a key that has none."""
_THERE: Final = "is it plugged in, and its service running?"


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Which key it is: the path of the token's module, the label of the token, and that of the key."""

    module: str
    token: str
    key: str = KEY


@dataclass(slots=True)
class Pin:
    """What logs in to a token; `refused` says why it is not sent any more."""

    text: str = field(repr=False)
    refused: str | None = None


class Module:
    """A module, shared by everything in this process that names its path; `load` gives the package's object for it."""

    def __init__(self, path: str, load: Callable[[str], Any]) -> None:
        self.turn = threading.RLock()
        self._path = path
        self._load = load
        self._loaded: Any = None
        self._starts = 0
        self._pid = os.getpid()

    def age(self) -> tuple[int, int]:
        """Name what sessions last as long as: this process, and the module's last start."""
        return os.getpid(), self._starts

    def library(self) -> Any:
        """Return the package's object, initialised. Raises the package's errors."""
        if self._pid != os.getpid():  # a child has none of its parent's sessions
            self.restart()
        self._loaded = self._load(self._path)
        return self._loaded

    def restart(self) -> None:
        """End every session, so that the next call begins anew: a token that came back is found again."""
        self._pid = os.getpid()
        self._starts += 1
        if self._loaded is not None:
            _quietly(self._loaded.finalize)


_MODULES: Final[dict[str, Module]] = {}


def module_at(path: str, load: Callable[[str], Any] | None = None) -> Module:
    """Return the module at a path, which is not loaded before it is used. Raises BadInput without the package."""
    if importlib.util.find_spec("pkcs11") is None:
        hint = "pip install 'tera-container[pkcs11]'"
        raise BadInput("keys in a token need the package python-pkcs11", hint=hint)
    return _MODULES.setdefault(path, Module(path, load or _load))


def _load(path: str) -> Any:
    import pkcs11

    return pkcs11.lib(path)


def _forked() -> None:
    for one in _MODULES.values():
        one.turn = threading.RLock()  # whoever holds the parent's is not in this process


os.register_at_fork(after_in_child=_forked)


# --- the key ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A key in a session that is logged in. Every method raises KeysUnavailable when the token does not do it."""

    key: Any = field(repr=False)
    session: Session = field(repr=False)
    age: tuple[int, int]
    encrypts: bool
    wraps: bool

    def encrypt(self, nonce: bytes, aad: bytes, plain: bytes) -> bytes:
        """Return ct || tag of AES-256-GCM."""
        from pkcs11 import GCMParams, Mechanism

        with _translated("the token does not encrypt"):
            return bytes(self.key.encrypt(plain, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, aad)))

    def decrypt(self, nonce: bytes, aad: bytes, ct: bytes) -> bytes:
        """Return what `encrypt` was given."""
        from pkcs11 import GCMParams, Mechanism

        with _translated("the token does not decrypt"):
            return bytes(self.key.decrypt(ct, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, aad)))

    def wrap(self, secret: bytes) -> bytes:
        """Return a secret of 32 bytes after AES key wrap (RFC 3394), 40 bytes."""
        from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

        kind = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.GENERIC_SECRET}
        with _translated("the token does not wrap"):
            made = self.session.create_object({**kind, **_passing(), Attribute.VALUE: secret})
            try:
                return bytes(self.key.wrap_key(made, mechanism=Mechanism.AES_KEY_WRAP))
            finally:
                _quietly(made.destroy)

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return what `wrap` was given."""
        from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

        kind = (ObjectClass.SECRET_KEY, KeyType.GENERIC_SECRET)
        with _translated("the token does not unwrap"):
            made = self.key.unwrap_key(*kind, wrapped, mechanism=Mechanism.AES_KEY_WRAP, template=_passing())
            try:
                return bytes(made[Attribute.VALUE])
            finally:
                _quietly(made.destroy)


def open_key(module: Module, place: TokenPlace, pin: Pin) -> TokenKey:
    """Log in and find the key. Raises KeysUnavailable."""
    token = _token(module, place, pin)
    session = _session(token, pin)
    from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
    from pkcs11.exceptions import MultipleObjectsReturned, NoSuchKey

    name = place.key
    with _translated("the token does not show the key"):
        try:
            key: Any = session.get_key(object_class=ObjectClass.SECRET_KEY, key_type=KeyType.AES, label=name)
        except NoSuchKey:
            raise KeysUnavailable(f"the token has no AES key {name!r}", hint="`tera admin make-key` makes it") from None
        except MultipleObjectsReturned:
            hint = "give them labels that differ"
            raise KeysUnavailable(f"the token has several AES keys {name!r}", hint=hint) from None
        if (key[Attribute.SENSITIVE], key[Attribute.EXTRACTABLE]) != (True, False):
            hint = "make one that is sensitive and not extractable"
            raise KeysUnavailable(f"the token's key {name!r} can be taken out of it", hint=hint)
        if key[Attribute.VALUE_LEN] != MASTER:
            raise KeysUnavailable(f"the token's key {name!r} is not AES-256", hint="make one of 32 bytes")
        offered = token.slot.get_mechanisms()
        encrypts = Mechanism.AES_GCM in offered and key[Attribute.ENCRYPT] and key[Attribute.DECRYPT]
        wraps = Mechanism.AES_KEY_WRAP in offered and key[Attribute.WRAP] and key[Attribute.UNWRAP]
    if not encrypts and not wraps:
        hint = "it must be allowed to encrypt and decrypt, or to wrap and unwrap"
        raise KeysUnavailable(f"the token's key {name!r} does neither AES-GCM nor AES key wrap", hint=hint)
    return TokenKey(key, session, module.age(), encrypts, wraps)


def make_key(module: Module, place: TokenPlace, pin: Pin) -> None:
    """Make the key in the token: whoever deletes it there destroys all that it wrapped.

    Raises KeysUnavailable, also if something there is called so.
    """
    with module.turn:
        session = _session(_token(module, place, pin), pin, rw=True)
        from pkcs11 import Attribute, KeyType, MechanismFlag

        flags = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT | MechanismFlag.WRAP | MechanismFlag.UNWRAP
        stays = {Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
        try:
            with _translated("the token makes no key"):
                if list(session.get_objects({Attribute.LABEL: place.key})):
                    raise KeysUnavailable(f"the token has something called {place.key!r} already")
                session.generate_key(
                    KeyType.AES, 8 * MASTER, label=place.key, store=True, capabilities=flags, template=stays
                )
        finally:
            _quietly(session.close)


# --- reaching it ------------------------------------------------------------------------------------


def _token(module: Module, place: TokenPlace, pin: Pin) -> Token:
    from pkcs11.exceptions import NoSuchToken

    if pin.refused is not None:
        raise KeysUnavailable(pin.refused, hint="it is not sent again before a restart, because tokens lock")
    with _translated("the token is not reached"):
        try:
            token: Token = module.library().get_token(token_label=place.token)
        except NoSuchToken:
            raise KeysUnavailable(f"there is no token {place.token!r}", hint=_THERE) from None
    return token


def _session(token: Token, pin: Pin, *, rw: bool = False) -> Session:
    from pkcs11 import TokenFlag
    from pkcs11.exceptions import PinIncorrect, PinInvalid, PinLenRange, PinLocked, UserAlreadyLoggedIn

    if token.flags & TokenFlag.USER_PIN_FINAL_TRY:
        hint = "log in to it once with its own tool"
        raise KeysUnavailable("one more wrong PIN locks the token, so none is sent", hint=hint)
    with _translated("the token lets nobody in"):
        try:
            return token.open(rw=rw, user_pin=pin.text)
        except UserAlreadyLoggedIn:  # by another session of this process: a login counts for all of them
            return token.open(rw=rw)
        except (PinIncorrect, PinInvalid, PinLenRange):
            pin.refused = "the token refused the PIN"
            raise KeysUnavailable(pin.refused, hint="set it right and start again") from None
        except PinLocked:
            pin.refused = "the token's PIN is locked"
            raise KeysUnavailable(pin.refused, hint="its security officer unlocks it") from None


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    from pkcs11.exceptions import PKCS11Error

    try:
        yield
    except PKCS11Error as error:
        raise KeysUnavailable(f"{what}: {str(error) or type(error).__name__}", hint=_THERE) from None


def _quietly(call: Callable[[], Any]) -> None:
    """Call what may fail without harm: what it ends is gone already."""
    from pkcs11.exceptions import PKCS11Error

    with contextlib.suppress(PKCS11Error):
        call()


def _passing() -> dict[Any, bool]:
    """The template of an object that only passes through: gone with the session, and readable."""
    from pkcs11 import Attribute

    return {Attribute.TOKEN: False, Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
