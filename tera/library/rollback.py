"""After a restore: what was deleted, blocked or counted since the backup is as if it had never been.

The law of this file: until an operator has accepted that, no key of any organisation is used: nothing is released,
opened, sealed or signed. Accepting is an event of every organisation's log.
"""

from __future__ import annotations

from typing import Final

from tera.catalog import orgs, settings
from tera.catalog.engine import Catalog, Connection
from tera.catalog.log import OrgLog
from tera.errors import KeysUnavailable
from tera.library.keystore import KeyStore, OrgKeys
from tera.library.library import Library

RESTORED: Final = "restored"
"""The setting that says so; its value is when the backup was made, in seconds since 1970 UTC."""


class GatedKeys(KeyStore):
    """A key store that gives nothing out while the catalog says that it was restored."""

    def __init__(self, inner: KeyStore, catalog: Catalog) -> None:
        self.inner = inner
        self._catalog = catalog
        self._accepted = False

    def create(self, org_id: str, now: int) -> OrgKeys:
        self._check()
        return self.inner.create(org_id, now)

    def load(self, org_id: str) -> OrgKeys:
        self._check()
        return self.inner.load(org_id)

    def rotate(self, org_id: str, now: int) -> OrgKeys:
        self._check()
        return self.inner.rotate(org_id, now)

    def delete(self, org_id: str) -> None:
        self.inner.delete(org_id)

    def _check(self) -> None:
        """Return when nothing is to be accepted; then it is not asked again: nobody restores a service that runs."""
        if self._accepted:
            return
        with self._catalog.reading() as db:
            found = settings.get(db, RESTORED)
        if found is not None:
            raise KeysUnavailable(
                "this library was restored from a backup: what was deleted, blocked or counted since may be undone",
                hint="tera admin restore --accept-rollback",
            )
        self._accepted = True


def mark(db: Connection, made_at: int) -> None:
    """Say that everything here is from a backup of this time."""
    settings.keep(db, RESTORED, str(made_at))


def accept(library: Library) -> list[str]:
    """Record in every organisation's log that it was set back, and let keys be used; return the organisations.

    Who is interrupted does it again. Nothing is done where nothing was restored.
    """
    with library.catalog.reading() as db:
        found = settings.get(db, RESTORED)
        everyone = [one.id for one in orgs.all_orgs(db)]
    if found is None:
        return []
    for org_id in everyone:
        with library.catalog.writing(org_id) as db:
            event = library.event("restore", extra={"backup": int(found)})
            OrgLog(db, org_id, library.random).append(event.pack())
    with library.catalog.writing() as db:
        settings.forget(db, RESTORED)
    return everyone
