"""The master key, under which all others are kept: from a file, a descriptor, the environment, or made here.

The law of this file: one place names it, and two at once are refused. It is 64 hexadecimal digits or 44 of base64,
never shown, and taken out of the environment when it was there: no child inherits it. One that is made beside the data
protects from nobody who takes both, and whoever makes it is told.

    TERA_MASTER_KEY_FILE   a path          TERA_MASTER_KEY_FD   a number, closed when read
    TERA_MASTER_KEY        the digits      <data>/master.key    made if none of them is there
"""

from __future__ import annotations

import base64
import os
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tera.crypto.random import system
from tera.errors import BadInput, BadKey, KeysUnavailable
from tera.library.keystore import write_private
from tera.library.keystore_kek import MASTER

NAME: Final = "master.key"
WARNING: Final = (
    "the master key is beside the data: it protects copies of the data without it, and nothing if both are taken",
    "keep it elsewhere: TERA_MASTER_KEY_FILE names the file",
)
_FILE: Final = "TERA_MASTER_KEY_FILE"
_BASE64: Final = 44
_FD: Final = "TERA_MASTER_KEY_FD"
_TEXT: Final = "TERA_MASTER_KEY"


@dataclass(frozen=True, slots=True)
class Master:
    """A master key; `beside` if it lies in the data's own folder."""

    key: bytes = field(repr=False)
    beside: bool = False


def find_master(
    data: Path,
    *,
    file: str | None = None,
    fd: int | None = None,
    make: bool = False,
    environ: MutableMapping[str, str] = os.environ,
) -> Master:
    """Return the master key; beside the data it is made if `make`. Raises BadInput, BadKey, KeysUnavailable."""
    text = environ.pop(_TEXT, None)
    if file is None and fd is None:
        file = environ.get(_FILE)
        if number := environ.pop(_FD, None):
            if not number.isascii() or not number.isdigit():
                raise BadInput(f"{_FD} is not the number of a descriptor")
            fd = int(number)
    if sum(one is not None for one in (text, file, fd)) > 1:
        raise BadInput(f"two master keys: one of {_FILE}, {_FD}, {_TEXT} and their options")
    if text is not None:
        return Master(read_master(text.encode(), _TEXT))
    if fd is not None:
        return Master(read_master(secret_from_fd(fd), f"descriptor {fd}"))
    if file is not None:
        return Master(read_master(secret_from_file(Path(file)), file))
    own = data / NAME
    if not own.exists():
        if not make:
            raise BadInput(f"there is no master key: {own} is not there", hint=f"{_FILE} names where it is")
        make_master(own)
    return Master(read_master(secret_from_file(own), str(own)), beside=True)


def make_master(path: Path) -> bytes:
    """Make a master key, mode 0600, where there is none; of two at once one wins. Raises KeysUnavailable."""
    made = system(MASTER)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, made.hex().encode() + b"\n", new=True)
    except FileExistsError:
        return read_master(secret_from_file(path), str(path))
    except OSError as error:
        raise KeysUnavailable(f"{path}: {error.strerror or error}") from None
    return made


def read_master(data: bytes, where: str) -> bytes:
    """Return the key in a text, hexadecimal or base64: their lengths differ. Raises BadKey."""
    text = data.strip()
    try:
        key = base64.b64decode(text, validate=True) if len(text) == _BASE64 else bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != MASTER:
        raise BadKey(f"{where}: a master key is {2 * MASTER} hexadecimal digits, or {_BASE64} of base64")
    return key


def read_file(path: Path) -> bytes:
    """Return the key in a file. Raises BadKey, KeysUnavailable."""
    return read_master(secret_from_file(path), str(path))


def secret_from_fd(fd: int) -> bytes:
    """Return what a descriptor holds, 1,024 bytes at most, and close it. Raises KeysUnavailable."""
    try:
        with os.fdopen(fd, "rb") as stream:
            return stream.read(1_024)
    except (OSError, ValueError) as error:
        raise KeysUnavailable(f"descriptor {fd}: {getattr(error, 'strerror', None) or error}") from None


def secret_from_file(path: Path) -> bytes:
    """Return what a file holds, 1,024 bytes at most. Raises BadKey if others can write it, KeysUnavailable."""
    try:
        with path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_mode & 0o022:
                raise BadKey(f"{path}: others than its owner can write it", hint=f"chmod 600 {path}")
            return stream.read(1_024)
    except OSError as error:
        raise KeysUnavailable(f"{path}: {error.strerror or error}") from None
