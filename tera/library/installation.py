"""An installation: where its data are, and the library that stands on them.

The law of this file: it is the one place that puts ports together. Without a word of configuration it is SQLite and a
folder below `data`; with a database and a storage elsewhere nothing of it is on this machine but the master key.

    <data>/catalog.db   <data>/blobs/   <data>/keys/   <data>/master.key
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tera.catalog.engine import Catalog
from tera.errors import BadInput, InputUnavailable
from tera.library.keyrows import RowKeyStore
from tera.library.keystore import FileKeyStore, WrappedKeys
from tera.library.keystore_choice import KeysAt
from tera.library.keystore_environment import environment_keys
from tera.library.keystore_kek import Kek
from tera.library.library import Library
from tera.library.rollback import GatedKeys
from tera.storage.folder import FolderStore
from tera.storage.port import Store


@dataclass(frozen=True, slots=True)
class Installation:
    """Where everything is. `database` and `storage` are addresses, None for those below `data`.

    The master key is 32 bytes, or a key in a token; `keys_at` says where what it wraps is.
    """

    data: Path
    database: str | None = None
    storage: str | None = None
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    keys_at: KeysAt = field(default_factory=KeysAt)

    def catalog(self) -> Catalog:
        """Return the catalog. Raises BadInput, CatalogUnavailable."""
        return Catalog(self.database or f"sqlite:///{self.data.absolute() / 'catalog.db'}")

    def store(self) -> Store:
        """Return the store. Raises BadInput, StoreUnavailable."""
        return open_store(self.storage or str(self.data / "blobs"), self.storage_options)

    def keys(self, catalog: Catalog, master: bytes | Kek) -> WrappedKeys:
        """Return the key store: files, or rows where the catalog is a server's, unless `keys_at` says otherwise."""
        if self.keys_at.read_only:
            return environment_keys(master, folder=self.keys_at.folder)
        if self.keys_at.folder is not None:
            return FileKeyStore(self.keys_at.folder, master)
        if catalog.is_sqlite:
            return FileKeyStore(self.data / "keys", master)
        return RowKeyStore(catalog, master)

    def library(self, master: bytes | Kek) -> Library:
        """Return the library. Raises BadInput, BadKey, CatalogUnavailable, StoreUnavailable."""
        catalog = self.catalog()
        return Library(catalog, self.store(), GatedKeys(self.keys(catalog, master), catalog))


def open_store(where: str, options: Mapping[str, Any]) -> Store:
    """Return the store at a path, or at the address of an object store. Raises BadInput, StoreUnavailable."""
    kind, found, rest = where.partition("://")
    if not found:
        return FolderStore(where)
    if kind == "file":
        return FolderStore(rest)
    from tera.storage.objects import ObjectStore  # 5 MiB of memory that a folder does without

    return ObjectStore(where, options)


def read_options(path: str | None) -> dict[str, Any]:
    """Return the options of an object store, credentials among them: one JSON object. Raises BadInput."""
    if path is None:
        return {}
    try:
        found = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise InputUnavailable(f"{path}: {error.strerror or error}") from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadInput(f"{path}: the options of a store are one JSON object")
    return found
