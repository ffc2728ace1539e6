"""Keys as rows of the catalog, for services of several processes on several machines, which share no folder.

The law of this file: a row is what a file of `FileKeyStore` is: useless without the master key, which is in no row. It
is written beside the transaction that its caller may be in, and stays if that one is undone, as a file would.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tera.catalog import org_secrets
from tera.catalog.engine import Catalog
from tera.crypto.random import Random, system
from tera.errors import CatalogUnavailable, KeysUnavailable
from tera.library.keystore import WrappedKeys
from tera.library.keystore_kek import Kek


class RowKeyStore(WrappedKeys):
    """Rows of a PostgreSQL catalog."""

    def __init__(self, catalog: Catalog, master: bytes | Kek, *, random: Random = system) -> None:
        super().__init__(master, random=random)
        self._catalog = catalog

    def delete(self, org_id: str) -> None:
        with _translated():
            org_secrets.remove(self._catalog, org_id)

    def orgs(self) -> list[str]:
        with _translated():
            return org_secrets.orgs(self._catalog)

    def _read(self, org_id: str) -> bytes:
        with _translated():
            found = org_secrets.get(self._catalog, org_id)
        if found is None:
            raise KeysUnavailable("there are no keys of such an organisation")
        return found.encode()

    def _write(self, org_id: str, text: bytes, *, before: bytes | None) -> bool:
        with _translated():
            if before is None:
                return org_secrets.add(self._catalog, org_id, text.decode())
            return org_secrets.change(self._catalog, org_id, text.decode(), before=before.decode())


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except CatalogUnavailable as error:
        raise KeysUnavailable(f"the keys: {error}", hint=error.hint) from None
