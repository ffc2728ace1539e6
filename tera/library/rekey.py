"""Another master key in place of the one there is.

The law of this file: the new one is durable before anything is kept under it, and takes the old one's place last; who
is interrupted goes on with the same new one. Nothing begins while an organisation's keys are missing: a folder that is
not mounted is no empty one, and its master key would be gone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tera.codec.output import sync_directory
from tera.errors import BadInput, KeysUnavailable
from tera.library.keystore import WrappedKeys
from tera.library.keystore_kek import Kek
from tera.library.master import NAME, Master, make_master, read_file


def rekey(
    keys: WrappedKeys, data: Path, old: Master | None, new: str | None, *, everyone: Iterable[str]
) -> tuple[int, Path]:
    """Keep everybody's keys under the master key in the file `new`, which is made if it is not there.

    Without `new` it is another one beside the data, in place of the one there; `old` is None if that is in a token.
    Returns how many organisations' keys were not under it, and where it is. Raises BadInput, BadKey, KeysUnavailable.
    """
    if new is None and (old is None or not old.beside):
        raise BadInput("the master key is not beside the data", hint="--new-master-key-file says where the new one is")
    _complete(keys, everyone)
    coming = data / f"{NAME}.new" if new is None else Path(new)
    master = read_file(coming) if coming.exists() else make_master(coming)
    if old is not None and master == old.key:
        raise BadInput(f"{coming}: that is the master key that there is")
    changed = sum(keys.rekey(org_id, master) for org_id in keys.orgs())
    if new is not None:
        return changed, coming
    try:
        os.replace(coming, data / NAME)
        sync_directory(os.fspath(data))
    except OSError as error:
        raise KeysUnavailable(f"{coming}: {error.strerror or error}") from None
    return changed, data / NAME


def rekey_into(keys: WrappedKeys, token: Kek, *, everyone: Iterable[str]) -> int:
    """Keep everybody's keys under a key in a token; return how many were not. Raises KeysUnavailable."""
    _complete(keys, everyone)
    return sum(keys.rekey(org_id, token) for org_id in keys.orgs())


def _complete(keys: WrappedKeys, everyone: Iterable[str]) -> None:
    if missing := set(everyone) - set(keys.orgs()):
        hint = "are they mounted? `tera admin restore` brings back what is lost"
        raise KeysUnavailable(f"the keys of {len(missing):,} organisations are not there: {min(missing)}", hint=hint)
