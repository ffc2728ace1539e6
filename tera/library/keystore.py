"""Where an organisation's secret keys are: a small port, and files under a master key.

The law of this file: secrets leave it as objects that sign and open, never as text, and nothing here logs or shows
one. Who takes the files without the master key has nothing; who takes both has everything, and so the generated
master key beside the data protects from nobody who takes the disk. Who can write the files can bring back an older one,
but none with other moments, in another order or of another organisation.

    <folder>/<org>.json   {"v": 1, "signing": [wrapped, wrapped], "opening": [{kid, created_at, retired_at, wrapped}]}
    wrapped               what the master key made of 32 bytes (`Kek`), in hexadecimal digits
    its context           "tera/v1 key-store" 0 org 0 "signing" 0 which, or ... "opening" 0 created_at 0 retired_at
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

from tera.authority.keys import HeldKeys
from tera.codec.authorities import key_id
from tera.codec.output import sync_directory, write_all
from tera.codec.recipients import PrivateKey, generate_key
from tera.crypto.random import Random, system
from tera.crypto.signing import SigningKey, generate
from tera.errors import KeysUnavailable
from tera.format import access
from tera.library.keystore_kek import Kek, MasterKek, damaged

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


@dataclass(frozen=True)
class OrgKeys:
    """An organisation's keys: it signs policies, answers and its log with `signing`."""

    signing: SigningKey = field(repr=False)
    opening: Sequence[OpeningKey]

    @property
    def newest(self) -> OpeningKey:
        return next(one for one in self.opening if one.retired_at is None)

    @cached_property
    def held(self) -> HeldKeys:
        """The same as an authority holds them; made once, since that takes as long as a release."""
        return HeldKeys(self.signing, [one.key for one in self.opening])


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
    """Keys as texts, each secret in them wrapped under `master`; where a text is kept is the subclass's.

    `master` is 32 bytes, or a key elsewhere. Raises BadKey for bytes of another length.
    """

    def __init__(self, master: bytes | Kek, *, random: Random = system) -> None:
        self._master = _kek(master, random)
        self._random = random
        self._opened: OrderedDict[str, tuple[bytes, OrgKeys]] = OrderedDict()
        self._lock = threading.Lock()

    def _read(self, org_id: str) -> bytes:
        """Return an organisation's text. Raises KeysUnavailable, also when there is none."""
        raise NotImplementedError

    def _write(self, org_id: str, text: bytes, *, before: bytes | None) -> bool:
        """Keep an organisation's text, durably, in place of the one `before`, or of none; say whether that was there.

        Raises KeysUnavailable.
        """
        raise NotImplementedError

    def orgs(self) -> list[str]:
        """Return the organisations that have keys here."""
        raise NotImplementedError

    def create(self, org_id: str, now: int) -> OrgKeys:
        keys = OrgKeys(generate(self._random), [OpeningKey(generate_key(random=self._random), now)])
        self._add(org_id, self._dump(org_id, keys, self._master))
        return keys

    def load(self, org_id: str) -> OrgKeys:
        return self._loaded(org_id, self._read(org_id))

    def rotate(self, org_id: str, now: int) -> OrgKeys:
        while True:  # of two at once, the later one keeps the earlier one's key
            text = self._read(org_id)
            before = self._loaded(org_id, text)
            old = [one if one.retired_at is not None else replace(one, retired_at=now) for one in before.opening]
            keys = OrgKeys(before.signing, [*old, OpeningKey(generate_key(random=self._random), now)])
            if self._write(org_id, self._dump(org_id, keys, self._master), before=text):
                return keys

    def rekey(self, org_id: str, master: bytes | Kek) -> bool:
        """Wrap an organisation's keys under another master key; say whether they were not yet."""
        other = _kek(master, self._random)
        while True:
            text = self._read(org_id)
            try:
                self._parse(org_id, text, other)
                return False
            except KeysUnavailable:
                keys = self._parse(org_id, text, self._master)
            if self._write(org_id, self._dump(org_id, keys, other), before=text):
                return True

    def exported(self, org_id: str) -> bytes:
        """Return what a backup keeps: the text, useless without the master key."""
        return self._read(org_id)

    def imported(self, org_id: str, text: bytes) -> None:
        """Take an organisation's keys back from a backup. Raises KeysUnavailable under another master key."""
        self._parse(org_id, text, self._master)
        self._add(org_id, text)

    def _add(self, org_id: str, text: bytes) -> None:
        if not self._write(org_id, text, before=None):
            raise KeysUnavailable("the organisation has keys already")

    def _loaded(self, org_id: str, text: bytes) -> OrgKeys:
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

    def _parse(self, org_id: str, text: bytes, master: Kek) -> OrgKeys:
        try:
            found = json.loads(text)
            if found["v"] != 1 or len(found["signing"]) != 2:
                raise damaged()
            halves = [
                master.unwrap(_context(org_id, "signing", which), bytes.fromhex(one))
                for which, one in enumerate(found["signing"])
            ]
            opening = [self._parse_opening(org_id, one, master) for one in found["opening"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise damaged() from None
        if [one.retired_at for one in opening].count(None) != 1:
            raise damaged()
        return OrgKeys(SigningKey(b"".join(halves)), opening)

    def _parse_opening(self, org_id: str, found: Any, master: Kek) -> OpeningKey:
        created, retired = found["created_at"], found["retired_at"]
        if type(created) is not int or (retired is not None and type(retired) is not int):
            raise damaged()
        secret = master.unwrap(_context(org_id, "opening", created, retired), bytes.fromhex(found["wrapped"]))
        one = OpeningKey(PrivateKey(access.XWING, secret), created, retired)
        if one.kid != found["kid"]:
            raise damaged()
        return one

    def _dump(self, org_id: str, keys: OrgKeys, master: Kek) -> bytes:
        seed = keys.signing.seed
        value: dict[str, Any] = {
            "v": 1,
            "signing": [
                master.wrap(_context(org_id, "signing", which), half).hex()
                for which, half in enumerate((seed[:32], seed[32:]))
            ],
            "opening": [
                {
                    "kid": one.kid,
                    "created_at": one.created_at,
                    "retired_at": one.retired_at,
                    "wrapped": master.wrap(
                        _context(org_id, "opening", one.created_at, one.retired_at), one.key.seed
                    ).hex(),
                }
                for one in keys.opening
            ],
        }
        return json.dumps(value, indent=1).encode()


class FileKeyStore(WrappedKeys):
    """Files in a folder, mode 0600."""

    def __init__(self, folder: Path | str, master: bytes | Kek, *, random: Random = system) -> None:
        super().__init__(master, random=random)
        self._folder = Path(folder)

    def delete(self, org_id: str) -> None:
        try:
            with _turn(self._folder):
                self._path(org_id).unlink(missing_ok=True)
                sync_directory(os.fspath(self._folder))
        except FileNotFoundError:
            pass  # there is no folder, and so there are no keys
        except OSError as error:
            raise KeysUnavailable(f"the keys of the organisation stay: {error.strerror or error}") from None

    def orgs(self) -> list[str]:
        try:
            return sorted(name.removesuffix(".json") for name in os.listdir(self._folder) if name.endswith(".json"))
        except FileNotFoundError:
            return []
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

    def _write(self, org_id: str, text: bytes, *, before: bytes | None) -> bool:
        path = self._path(org_id)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _turn(self._folder):
                if (path.read_bytes() if path.exists() else None) != before:
                    return False
                write_private(path, text, new=before is None)
            return True
        except OSError as error:
            raise KeysUnavailable(f"the keys cannot be written: {error.strerror or error}") from None


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Hold a folder against other writers, of this process and of others."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


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


def _kek(master: bytes | Kek, random: Random) -> Kek:
    return MasterKek(master, random=random) if isinstance(master, bytes) else master


def _context(org_id: str, *which: str | int | None) -> bytes:
    return _INFO + "\0".join([org_id, *("-" if one is None else str(one) for one in which)]).encode()
