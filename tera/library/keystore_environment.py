"""Keys that somebody else keeps and hands to a stateless process, which only reads them.

The law of this file: nothing is made, changed or destroyed here, and whoever asks for it is told where it can be. The
texts are those of a `FileKeyStore`, as useless without the master key, so they may stand in an environment; the master
key comes as it does elsewhere.

    TERA_ORG_KEYS       {"<org>": {"v": 1, ...}, ...}                     read once; Linux takes 128 KiB
    TERA_ORG_KEYS_DIR   a folder of <org>.json, as a secret is mounted    read when used: rotation needs no restart
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tera.crypto.random import Random, system
from tera.errors import BadInput, KeysUnavailable
from tera.library.keystore import FileKeyStore, OrgKeys, WrappedKeys
from tera.library.keystore_kek import Kek

TEXTS: Final = "TERA_ORG_KEYS"
FOLDER: Final = "TERA_ORG_KEYS_DIR"


class _ReadOnly(WrappedKeys):
    def create(self, org_id: str, now: int) -> OrgKeys:
        raise _refused("made")

    def rotate(self, org_id: str, now: int) -> OrgKeys:
        raise _refused("rotated")

    def delete(self, org_id: str) -> None:
        raise _refused("destroyed")

    def rekey(self, org_id: str, master: bytes | Kek) -> bool:
        raise _refused("kept under another master key")

    def imported(self, org_id: str, text: bytes) -> None:
        raise _refused("restored")

    def _write(self, org_id: str, text: bytes, *, before: bytes | None) -> bool:
        raise _refused("written")


class TextKeys(_ReadOnly):
    """Keys out of one JSON object, by organisation. Raises BadInput for what is none."""

    def __init__(self, text: str, master: bytes | Kek, *, random: Random = system) -> None:
        super().__init__(master, random=random)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise BadInput(f"{TEXTS} is not a JSON object of organisations and their key files")
        self._texts = {org_id: json.dumps(one).encode() for org_id, one in found.items()}

    def orgs(self) -> list[str]:
        return sorted(self._texts)

    def _read(self, org_id: str) -> bytes:
        if org_id not in self._texts:
            raise KeysUnavailable("there are no keys of such an organisation", hint=f"add them to {TEXTS}")
        return self._texts[org_id]


class FolderKeys(_ReadOnly, FileKeyStore):
    """Keys in a folder that is somebody else's."""


def environment_keys(
    master: bytes | Kek, *, folder: Path | str | None = None, environ: Mapping[str, str] = os.environ
) -> TextKeys | FolderKeys:
    """Return the store that the environment, or `folder`, names. Raises BadInput, also if it names two or none."""
    text, there = environ.get(TEXTS), environ.get(FOLDER)
    if folder is None:
        folder = there
    elif there is not None:
        raise BadInput(f"keys in two folders: {FOLDER} names another one")
    if (text is None) == (folder is None):
        raise BadInput(f"keys come from one of {TEXTS} and {FOLDER}")
    if text is not None:
        return TextKeys(text, master)
    if not Path(str(folder)).is_dir():
        raise BadInput(f"{folder}: there is no such folder of keys", hint="is it mounted?")
    return FolderKeys(str(folder), master)


def _refused(what: str) -> KeysUnavailable:
    hint = "do it where the key files are kept, and hand them over again"
    return KeysUnavailable(f"keys cannot be {what} here: they come from the environment, read-only", hint=hint)
