"""What an installation holds, all of it, to see that something left nothing behind or nothing undone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from tera.catalog import tables
from tera.catalog.tables import metadata
from tera.library.library import Library

UNSEEN = {
    tables.failure.name,  # wrong credentials are meant to be counted
    tables.setting.name,  # whoever asks first makes the key of cursors
}
_USED = "last_used_at"


def trace(library: Library, org_id: str | None = None) -> dict[str, Any]:
    """Return every row, of all or of one organisation, and every blob."""
    found: dict[str, Any] = {}
    with library.catalog.reading() as db:
        for table in metadata.sorted_tables:
            if table.name in UNSEEN or (org_id is not None and "org_id" not in table.c):
                continue
            wanted = select(*(column for column in table.c if column.name != _USED))
            if org_id is not None:
                wanted = wanted.where(table.c.org_id == org_id)
            found[table.name] = sorted(map(repr, db.execute(wanted)))
    blobs = library.store.blobs()
    found["blobs"] = sorted((one.key, one.size) for one in blobs if org_id is None or org_id in one.key)
    return found
