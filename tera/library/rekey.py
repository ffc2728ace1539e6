"""Another master key in place of the one there is.

The law of this file: the new one is durable before anything is kept under it, and takes the old one's place last; who
is interrupted goes on with the same new one.
"""

from __future__ import annotations

import os
from pathlib import Path

from tera.codec.output import sync_directory
from tera.errors import BadInput, KeysUnavailable
from tera.library.keystore import WrappedKeys
from tera.library.master import NAME, Master, make_master, read_file


def rekey(keys: WrappedKeys, data: Path, old: Master, new: str | None) -> tuple[int, Path]:
    """Keep everybody's keys under the master key in the file `new`, which is made if it is not there.

    Without `new` it is another one beside the data, in place of the one there. Returns how many organisations' keys
    were not under it, and where it is. Raises BadInput, BadKey, KeysUnavailable.
    """
    if new is None and not old.beside:
        raise BadInput("the master key is not beside the data", hint="--new-master-key-file says where the new one is")
    coming = data / f"{NAME}.new" if new is None else Path(new)
    master = read_file(coming) if coming.exists() else make_master(coming)
    if master == old.key:
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
