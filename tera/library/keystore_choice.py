"""Which key store an installation uses, in one line.

    file:DIR                                files in a folder, under the master key
    env, env:DIR                            what the environment or the mounted folder DIR holds, read-only
    pkcs11:MODULE?token=LABEL&key=LABEL     the master key is in a token; more parameters:
      files=DIR                             the wrapped keys are in DIR, and not where the installation keeps them
      pin-file=FILE, pin-fd=N               else TERA_PIN_FILE or TERA_PIN_FD

The law of this file: a PIN is never in the line, only where it is; and the line for a child names no place of it.
Labels and paths may be percent-encoded.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlencode

from tera.errors import BadInput
from tera.library.keystore_pkcs11 import KEY, TokenPlace
from tera.library.master import secret_from_fd, secret_from_file

_FORMS: Final = "file:DIR, env, env:DIR, or pkcs11:MODULE?token=LABEL"
_PARAMETERS: Final = frozenset({"token", "key", "files", "pin-file", "pin-fd"})
_FILE: Final = "TERA_PIN_FILE"
_FD: Final = "TERA_PIN_FD"


@dataclass(frozen=True, slots=True)
class KeysAt:
    """Where keys are: `folder` if not where the installation keeps them, `token` if the master key is in one."""

    read_only: bool = False
    folder: Path | None = None
    token: TokenPlace | None = None
    pin_file: str | None = None
    pin_fd: int | None = None

    @property
    def text(self) -> str | None:
        """The line again, without where the PIN is; None if nothing was said."""
        if self.token is not None:
            said = {"token": self.token.token, "key": self.token.key}
            if self.folder is not None:
                said["files"] = str(self.folder)
            return f"pkcs11:{quote(self.token.module)}?{urlencode(said, quote_via=quote)}"
        if self.read_only:
            return "env" if self.folder is None else f"env:{quote(str(self.folder))}"
        return None if self.folder is None else f"file:{quote(str(self.folder))}"


def read_keys_at(text: str | None) -> KeysAt:
    """Return what a line says; None is the installation's own place. Raises BadInput."""
    if text is None:
        return KeysAt()
    kind, _, rest = text.partition(":")
    if kind == "env":
        return KeysAt(read_only=True, folder=Path(unquote(rest)) if rest else None)
    if kind == "file" and rest:
        return KeysAt(folder=Path(unquote(rest)))
    if kind == "pkcs11":
        return _token_at(rest)
    raise BadInput(f"{kind!r} is no place of keys", hint=_FORMS)


def read_pin(at: KeysAt, environ: MutableMapping[str, str] = os.environ) -> str:
    """Return the PIN from where the line or the environment says. Raises BadInput, BadKey, KeysUnavailable."""
    file, fd, number = at.pin_file, at.pin_fd, environ.pop(_FD, None)
    if file is None and fd is None:
        file = environ.get(_FILE)
        fd = None if number is None else _descriptor(number, _FD)
    if (file is None) == (fd is None):
        raise BadInput(f"a PIN comes from one place: pin-file, pin-fd, {_FILE} or {_FD}")
    data = secret_from_fd(fd) if fd is not None else secret_from_file(Path(str(file)))
    where = f"descriptor {fd}" if fd is not None else str(file)
    line = data.removesuffix(b"\n").removesuffix(b"\r")
    try:
        pin = line.decode()
    except UnicodeDecodeError:
        pin = ""
    if not pin or not pin.isprintable():
        raise BadInput(f"{where}: a PIN is one line of text")
    return pin


def _token_at(rest: str) -> KeysAt:
    module, _, query = rest.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&")] if query else []
    said = {name: unquote(value) for name, _, value in pairs if value}
    if len(said) != len(pairs) or not said.keys() <= _PARAMETERS:
        raise BadInput("a parameter is unknown, empty, or there twice", hint=", ".join(sorted(_PARAMETERS)))
    if not module or "token" not in said:
        raise BadInput("a key in a token has a module and the token's label", hint=_FORMS)
    if "pin-file" in said and "pin-fd" in said:
        raise BadInput("a PIN comes from one place: pin-file or pin-fd")
    return KeysAt(
        folder=Path(said["files"]) if "files" in said else None,
        token=TokenPlace(unquote(module), said["token"], said.get("key", KEY)),
        pin_file=said.get("pin-file"),
        pin_fd=_descriptor(said["pin-fd"], "pin-fd") if "pin-fd" in said else None,
    )


def _descriptor(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadInput(f"{name} is not the number of a descriptor")
    return int(text)
