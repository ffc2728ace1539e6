"""Where an organisation's secret keys are: a small port, and files under a master key.

The law of this file: secrets leave it as objects that sign and open, never as text, and nothing here logs or shows
one. Who takes the files without the master key has nothing; who takes both has everything, and so the generated
master key beside the data protects from nobody who takes the disk.

    <folder>/<org>.json   {"v": 1, "signing": [wrapped, wrapped], "opening": [{kid, created_at, retired_at, wrapped}]}
    wrapped               salt || ct in hexadecimal digits, as a stanza of type 17 wraps a share, under the master key
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

from tera.codec.authorities import key_id
from tera.codec.output import sync_directory, write_all
from tera.codec.recipients import PrivateKey, generate_key
from tera.crypto import wrap
from tera.crypto.random import Random, system
from tera.crypto.signing import SigningKey, generate
from tera.errors import BadKey, KeysUnavailable
from tera.format import access

MASTER: Final = 32
OPENED: Final = 256
"""Organisations whose keys are held opened."""
_INFO: Final = b"tera/v1 key-store\0"


@dataclass(frozen=True, slots=True)
class OpeningKey:
    """A key that containers are sealed to; `retired_at` is None for the newest, which new ones are sealed to."""

    key: PrivateKey = field(repr=False)
    created_at: int
    retired_at: int | None = None

    @property
    def kid(self) -> str:
        """The key's name, 16 hexadecimal digits."""
        return key_id(self.key.public).hex()


@dataclass(frozen=True, slots=True)
class OrgKeys:
    """An organisation's keys: it signs policies, answers and its log with `signing`."""

    signing: SigningKey = field(repr=False)
    opening: Sequence[OpeningKey]

    @property
    def newest(self) -> OpeningKey:
        return next(one for one in self.opening if one.retired_at is None)


class KeyStore(Protocol):
    """Every method may raise KeysUnavailable."""

    def create(self, org_id: str, now: int) -> OrgKeys:
        """Make the keys of a new organisation."""
        ...

    def load(self, org_id: str) -> OrgKeys:
        """Return an organisation's keys."""
        ...

    def rotate(self, org_id: str, now: int) -> OrgKeys:
        """Make a new key to seal to; the old ones still open."""
        ...

    def delete(self, org_id: str) -> None:
        """Destroy an organisation's keys: nothing that was sealed to them opens any more."""
        ...


class WrappedKeys(KeyStore):
    """Keys as texts, each secret in them wrapped under `master` (32 bytes); where a text is kept is the subclass's.

    Raises BadKey for a master key of another length.
    """

    def __init__(self, master: bytes, *, random: Random = system) -> None:
        if len(master) != MASTER:
            raise BadKey(f"a master key has {MASTER} bytes")
        self._master = master
        self._random = random
        self._opened: OrderedDict[str, tuple[bytes, OrgKeys]] = OrderedDict()
        self._lock = threading.Lock()

    def _read(self, org_id: str) -> bytes:
        """Return an organisation's text. Raises KeysUnavailable, also when there is none."""
        raise NotImplementedError

    def _write(self, org_id: str, text: bytes, *, new: bool) -> None:
        """Keep an organisation's text, durably; a `new` one replaces none. Raises KeysUnavailable."""
        raise NotImplementedError

    def orgs(self) -> list[str]:
        """Return the organisations that have keys here."""
        raise NotImplementedError

    def create(self, org_id: str, now: int) -> OrgKeys:
        keys = OrgKeys(generate(self._random), [OpeningKey(generate_key(random=self._random), now)])
        self._write(org_id, self._dump(org_id, keys, self._master), new=True)
        return keys

    def load(self, org_id: str) -> OrgKeys:
        text = self._read(org_id)
        with self._lock:
            known = self._opened.get(org_id)
        if known is not None and known[0] == text:
            return known[1]
        keys = self._parse(org_id, text, self._master)
        with self._lock:
            self._opened[org_id] = (text, keys)
            while len(self._opened) > OPENED:
                self._opened.popitem(last=False)
        return keys

    def rotate(self, org_id: str, now: int) -> OrgKeys:
        before = self.load(org_id)
        old = [one if one.retired_at is not None else replace(one, retired_at=now) for one in before.opening]
        keys = OrgKeys(before.signing, [*old, OpeningKey(generate_key(random=self._random), now)])
        self._write(org_id, self._dump(org_id, keys, self._master), new=False)
        return keys

    def rekey(self, org_id: str, master: bytes) -> bool:
        """Wrap an organisation's keys under another master key; say whether they were not yet."""
        text = self._read(org_id)
        try:
            self._parse(org_id, text, master)
            return False
        except KeysUnavailable:
            keys = self._parse(org_id, text, self._master)
        self._write(org_id, self._dump(org_id, keys, master), new=False)
        return True

    def exported(self, org_id: str) -> bytes:
        """Return what a backup keeps: the text, useless without the master key."""
        return self._read(org_id)

    def imported(self, org_id: str, text: bytes) -> None:
        """Take an organisation's keys back from a backup. Raises KeysUnavailable under another master key."""
        self._parse(org_id, text, self._master)
        self._write(org_id, text, new=True)

    def _parse(self, org_id: str, text: bytes, master: bytes) -> OrgKeys:
        try:
            found = json.loads(text)
            signing = SigningKey(b"".join(_unwrap(master, org_id, one) for one in found["signing"]))
            opening = [
                OpeningKey(
                    PrivateKey(access.XWING, _unwrap(master, org_id, one["wrapped"])),
                    one["created_at"],
                    one["retired_at"],
                )
                for one in found["opening"]
            ]
        except (ValueError, KeyError, TypeError):
            hint = "restore them from a backup"
            raise KeysUnavailable("the keys of the organisation are damaged", hint=hint) from None
        return OrgKeys(signing, opening)

    def _dump(self, org_id: str, keys: OrgKeys, master: bytes) -> bytes:
        def wrapped(secret: bytes) -> str:
            salt = self._random(wrap.SALT_LENGTH)
            return (salt + wrap.wrap(master, salt, _INFO + org_id.encode(), secret)).hex()

        seed = keys.signing.seed
        value: dict[str, Any] = {
            "v": 1,
            "signing": [wrapped(half) for half in (seed[:32], seed[32:])],
            "opening": [
                {
                    "kid": one.kid,
                    "created_at": one.created_at,
                    "retired_at": one.retired_at,
                    "wrapped": wrapped(one.key.seed),
                }
                for one in keys.opening
            ],
        }
        return json.dumps(value, indent=1).encode()


class FileKeyStore(WrappedKeys):
    """Files in a folder, mode 0600."""

    def __init__(self, folder: Path | str, master: bytes, *, random: Random = system) -> None:
        super().__init__(master, random=random)
        self._folder = Path(folder)

    def delete(self, org_id: str) -> None:
        try:
            self._path(org_id).unlink(missing_ok=True)
            sync_directory(os.fspath(self._folder))
        except FileNotFoundError:
            pass  # there is no folder, and so there are no keys
        except OSError as error:
            raise KeysUnavailable(f"the keys of the organisation stay: {error.strerror or error}") from None

    def orgs(self) -> list[str]:
        try:
            return sorted(path.stem for path in self._folder.glob("*.json"))
        except OSError as error:
            raise KeysUnavailable(f"the keys cannot be listed: {error.strerror or error}") from None

    def _path(self, org_id: str) -> Path:
        if not org_id.replace("-", "").replace("_", "").isalnum() or not org_id.isascii():
            raise KeysUnavailable("there are no keys of such an organisation")
        return self._folder / f"{org_id}.json"

    def _read(self, org_id: str) -> bytes:
        try:
            return self._path(org_id).read_bytes()
        except OSError as error:
            raise KeysUnavailable(f"the keys of the organisation cannot be read: {error.strerror or error}") from None

    def _write(self, org_id: str, text: bytes, *, new: bool) -> None:
        path = self._path(org_id)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, text, new=new)
        except FileExistsError:
            raise KeysUnavailable("the organisation has keys already") from None
        except OSError as error:
            raise KeysUnavailable(f"the keys cannot be written: {error.strerror or error}") from None


def write_private(path: Path, data: bytes, *, new: bool) -> None:
    """Write a file, mode 0600, whole and durable or not at all; a `new` one replaces none. Raises OSError."""
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            write_all(fd, 0, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        if new:
            os.link(made, path)
        else:
            os.replace(made, path)
    finally:
        made.unlink(missing_ok=True)
    sync_directory(os.fspath(path.parent))


def _unwrap(master: bytes, org_id: str, text: str) -> bytes:
    data = bytes.fromhex(text)
    salt, ct = data[: wrap.SALT_LENGTH], data[wrap.SALT_LENGTH :]
    secret = wrap.unwrap(master, salt, _INFO + org_id.encode(), ct)
    if secret is None:
        raise KeysUnavailable("the master key is not the one that the keys are kept under")
    return secret
