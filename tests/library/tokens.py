"""Tokens for tests: SoftHSM's, and one in memory that fails on demand.

A test that asks for `softhsm` is skipped, by name, where Debian's `softhsm2` is not installed. `FakePackage` stands for
the package's object of one module.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from tera.library.keystore_pkcs11 import TokenPlace, module_at
from tera.library.keystore_token import TokenKek

PIN = "5678-90ab"
MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)

_NUMBERS = itertools.count()


@dataclass(frozen=True)
class SoftHsm:
    """A machine with SoftHSM: `tokens` is the folder in which its tokens are, which may go away."""

    module: str
    tokens: Path

    def add(self, label: str) -> None:
        """Put a new token into a slot."""
        init = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", PIN]
        subprocess.run(init, check=True, stdout=subprocess.DEVNULL)

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Take every token out while it lasts."""
        elsewhere = self.tokens.with_name("elsewhere")
        self.tokens.rename(elsewhere)
        try:
            yield
        finally:
            elsewhere.rename(self.tokens)


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    """SoftHSM without a token, in a folder of its own; one a process, because a module is loaded once."""
    module = next((one for one in MODULES if os.path.exists(one)), None)
    if module is None or shutil.which("softhsm2-util") is None:
        pytest.skip("no SoftHSM: apt-get install softhsm2")
    if importlib.util.find_spec("pkcs11") is None:
        pytest.skip("no python-pkcs11: pip install 'tera-container[pkcs11]'")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    yield SoftHsm(module, folder / "tokens")
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before


def wraps_only(place: TokenPlace) -> None:
    """Forbid a key to encrypt, as if the token had no AES-GCM. Nobody may be logged in."""
    import pkcs11

    with pkcs11.lib(place.module).get_token(token_label=place.token).open(rw=True, user_pin=PIN) as session:
        key = session.get_key(key_type=pkcs11.KeyType.AES, label=place.key)
        key[pkcs11.Attribute.ENCRYPT] = False


def softhsm_kek(softhsm: SoftHsm, *, encrypts: bool = True) -> TokenKek:
    """Return a new key in a new token."""
    place = TokenPlace(softhsm.module, f"token {len(list(softhsm.tokens.iterdir()))}")
    softhsm.add(place.token)
    kek = TokenKek(place, PIN)
    module_at(place.module).restart()  # a token that came after the module was loaded
    kek.make()
    if not encrypts:
        wraps_only(place)
    return kek


# --- in memory ------------------------------------------------------------------------------------


@dataclass
class FakeKey:
    """An AES key; `attributes` are as PKCS#11 names them, without CKA_."""

    value: bytes
    attributes: dict[str, Any] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        may = dict.fromkeys(("ENCRYPT", "DECRYPT", "WRAP", "UNWRAP", "SENSITIVE"), True)
        return {**may, "EXTRACTABLE": False, "VALUE_LEN": len(self.value), **self.attributes}


@dataclass
class FakePackage:
    """One module with one token. `present`, `mechanisms`, `final_try`, `fails` and `cut` are the test's to set.

    `fails` are errors of the package by name, raised by the next calls that reach the token; `cut` is how many bytes
    are missing at the end of what it gives. `pins` are those sent.
    """

    label: str = "token"
    pin: str = PIN
    keys: list[tuple[str, FakeKey]] = field(default_factory=list)
    mechanisms: tuple[str, ...] = ("AES_GCM", "AES_KEY_WRAP")
    present: bool = True
    final_try: bool = False
    fails: list[str] = field(default_factory=list)
    cut: int = 0
    pins: list[str] = field(default_factory=list)
    starts: int = 0
    logged_in: bool = False

    def load(self) -> Callable[[str], Any]:
        return lambda path: self

    def finalize(self) -> None:
        self.starts += 1
        self.logged_in = False

    def lose_sessions(self) -> None:
        """Do what a service behind a module does when it is started again."""
        self.starts += 1
        self.logged_in = False

    def get_token(self, *, token_label: str) -> FakePackage:
        if not self.present or token_label != self.label:
            raise error("NoSuchToken")
        return self

    @property
    def flags(self) -> Any:
        from pkcs11 import TokenFlag

        return TokenFlag.USER_PIN_FINAL_TRY if self.final_try else TokenFlag(0)

    @property
    def slot(self) -> FakePackage:
        return self

    def get_mechanisms(self) -> set[Any]:
        from pkcs11 import Mechanism

        return {Mechanism[name] for name in self.mechanisms}

    def open(self, *, rw: bool = False, user_pin: str | None = None) -> FakeSession:
        self.called()
        if user_pin is not None:
            if self.logged_in:
                raise error("UserAlreadyLoggedIn")
            self.pins.append(user_pin)
            if user_pin != self.pin:
                raise error("PinIncorrect")
            self.logged_in = True
        return FakeSession(self, self.starts)

    def called(self) -> None:
        if not self.present:
            raise error("DeviceRemoved")
        if self.fails:
            raise error(self.fails.pop(0))


@dataclass
class FakeSession:
    token: FakePackage
    born: int

    def called(self) -> None:
        self.token.called()
        if self.born != self.token.starts:
            raise error("SessionHandleInvalid")
        if not self.token.logged_in:
            raise error("UserNotLoggedIn")

    def get_key(self, *, object_class: Any, key_type: Any, label: str) -> FakeHandle:
        self.called()
        found = [key for name, key in self.token.keys if name == label]
        if len(found) != 1:
            raise error("MultipleObjectsReturned" if found else "NoSuchKey")
        return FakeHandle(self, found[0])

    def get_objects(self, attrs: dict[Any, Any]) -> Iterator[FakeHandle]:
        self.called()
        return iter([FakeHandle(self, key) for name, key in self.token.keys if name in attrs.values()])

    def create_object(self, attrs: dict[Any, Any]) -> FakeHandle:
        from pkcs11 import Attribute

        self.called()
        return FakeHandle(self, FakeKey(attrs[Attribute.VALUE]))

    def generate_key(self, key_type: Any, bits: int, *, label: str, template: dict[Any, Any], **_: Any) -> None:
        self.called()
        named = {attribute.name: value for attribute, value in template.items()}
        self.token.keys.append((label, FakeKey(os.urandom(bits // 8), named)))

    def close(self) -> None:
        self.called()


@dataclass
class FakeHandle:
    session: FakeSession
    key: FakeKey

    def __getitem__(self, attribute: Any) -> Any:
        self.session.called()
        return self.key.value if attribute.name == "VALUE" else self.key.shown()[attribute.name]

    def encrypt(self, data: bytes, *, mechanism: Any, mechanism_param: Any) -> bytes:
        self.session.called()
        return self.given(AESGCM(self.key.value).encrypt(mechanism_param.nonce, data, mechanism_param.aad))

    def decrypt(self, data: bytes, *, mechanism: Any, mechanism_param: Any) -> bytes:
        self.session.called()
        try:
            return self.given(AESGCM(self.key.value).decrypt(mechanism_param.nonce, data, mechanism_param.aad))
        except InvalidTag:
            raise error("GeneralError") from None

    def wrap_key(self, other: FakeHandle, *, mechanism: Any) -> bytes:
        self.session.called()
        return aes_key_wrap(self.key.value, other.key.value)

    def unwrap_key(self, object_class: Any, key_type: Any, data: bytes, *, mechanism: Any, template: Any) -> FakeHandle:
        self.session.called()
        try:
            return FakeHandle(self.session, FakeKey(aes_key_unwrap(self.key.value, data)))
        except InvalidUnwrap:
            raise error("GeneralError") from None

    def given(self, data: bytes) -> bytes:
        return data[: len(data) - self.session.token.cut]

    def destroy(self) -> None:
        self.session.called()


def fake_kek(package: FakePackage, key: str = "tera", *, pin: str = PIN, module: str | None = None) -> TokenKek:
    """Return a key in a token in memory, which is in a module of its own unless one is named."""
    pytest.importorskip("pkcs11", reason="no python-pkcs11: pip install 'tera-container[pkcs11]'")
    return TokenKek(TokenPlace(module or f"/a-module-{next(_NUMBERS)}.so", "token", key), pin, load=package.load())


def one_key(**attributes: object) -> FakePackage:
    """Return a module with a token with a key."""
    return FakePackage(keys=[("tera", FakeKey(os.urandom(32), attributes))])


def memory_kek() -> TokenKek:
    """Return a new key in a token in memory."""
    return fake_kek(one_key())


def error(name: str) -> Exception:
    """Return an error of the package, whose text is empty as most of them are."""
    import pkcs11.exceptions

    made = getattr(pkcs11.exceptions, name)()
    assert isinstance(made, Exception)
    return made
