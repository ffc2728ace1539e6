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
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

from tera.codec.authorities import key_id
from tera.codec.output import FileOutput
from tera.codec.recipients import PrivateKey, generate_key
from tera.crypto import wrap
from tera.crypto.random import Random, system
from tera.crypto.signing import SigningKey, generate
from tera.errors import BadKey, KeysUnavailable
from tera.format import access

MASTER: Final = 32
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


class FileKeyStore(KeyStore):
    """Files in a folder, mode 0600, each secret wrapped under `master` (32 bytes). Raises BadKey for another length."""

    def __init__(self, folder: Path | str, master: bytes, *, random: Random = system) -> None:
        if len(master) != MASTER:
            raise BadKey(f"a master key has {MASTER} bytes")
        self._folder = Path(folder)
        self._master = master
        self._random = random

    def create(self, org_id: str, now: int) -> OrgKeys:
        keys = OrgKeys(generate(self._random), [OpeningKey(generate_key(random=self._random), now)])
        self._write(org_id, keys, force=False)
        return keys

    def load(self, org_id: str) -> OrgKeys:
        path = self._path(org_id)
        try:
            found = json.loads(path.read_bytes())
            signing = SigningKey(b"".join(self._unwrap(org_id, one) for one in found["signing"]))
            opening = [
                OpeningKey(
                    PrivateKey(access.XWING, self._unwrap(org_id, one["wrapped"])), one["created_at"], one["retired_at"]
                )
                for one in found["opening"]
            ]
        except OSError as error:
            raise KeysUnavailable(f"the keys of the organisation cannot be read: {error.strerror or error}") from None
        except (ValueError, KeyError, TypeError):
            raise KeysUnavailable(
                "the keys of the organisation are damaged", hint="restore them from a backup"
            ) from None
        return OrgKeys(signing, opening)

    def rotate(self, org_id: str, now: int) -> OrgKeys:
        before = self.load(org_id)
        old = [one if one.retired_at is not None else replace(one, retired_at=now) for one in before.opening]
        keys = OrgKeys(before.signing, [*old, OpeningKey(generate_key(random=self._random), now)])
        self._write(org_id, keys, force=True)
        return keys

    def delete(self, org_id: str) -> None:
        try:
            self._path(org_id).unlink(missing_ok=True)
        except OSError as error:
            raise KeysUnavailable(f"the keys of the organisation stay: {error.strerror or error}") from None

    def rekey(self, org_id: str, master: bytes) -> None:
        """Wrap an organisation's keys under another master key."""
        keys = self.load(org_id)
        FileKeyStore(self._folder, master, random=self._random)._write(org_id, keys, force=True)

    def _path(self, org_id: str) -> Path:
        if not org_id.replace("-", "").replace("_", "").isalnum() or not org_id.isascii():
            raise KeysUnavailable("there are no keys of such an organisation")
        return self._folder / f"{org_id}.json"

    def _write(self, org_id: str, keys: OrgKeys, *, force: bool) -> None:
        seed = keys.signing.seed
        value: dict[str, Any] = {
            "v": 1,
            "signing": [self._wrap(org_id, half) for half in (seed[:32], seed[32:])],
            "opening": [
                {
                    "kid": one.kid,
                    "created_at": one.created_at,
                    "retired_at": one.retired_at,
                    "wrapped": self._wrap(org_id, one.key.seed),
                }
                for one in keys.opening
            ],
        }
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise KeysUnavailable(f"the keys cannot be written: {error.strerror or error}") from None
        mask = os.umask(0o077)
        try:
            output = FileOutput(self._path(org_id), force=force)
        finally:
            os.umask(mask)
        try:
            output.write_at(0, json.dumps(value, indent=1).encode())
            output.commit()
        except BaseException:
            output.abort()
            raise

    def _wrap(self, org_id: str, secret: bytes) -> str:
        salt = self._random(wrap.SALT_LENGTH)
        return (salt + wrap.wrap(self._master, salt, _INFO + org_id.encode(), secret)).hex()

    def _unwrap(self, org_id: str, text: str) -> bytes:
        data = bytes.fromhex(text)
        salt, ct = data[: wrap.SALT_LENGTH], data[wrap.SALT_LENGTH :]
        secret = wrap.unwrap(self._master, salt, _INFO + org_id.encode(), ct)
        if secret is None:
            raise KeysUnavailable("the master key is not the one that the keys are kept under")
        return secret
