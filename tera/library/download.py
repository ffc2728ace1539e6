"""The stored bytes of a container, as they are.

The law of this file: what is blocked is refused, and that bytes are about to leave is on record before they do.
"""

from __future__ import annotations

from tera.catalog import containers
from tera.catalog.containers import DELETED, Row
from tera.errors import Blocked, NoSuchThing
from tera.library import block, find
from tera.library.asker import known_address
from tera.library.library import Library, Principal
from tera.library.open import record
from tera.storage.port import OpenBlob


def find_stored(library: Library, principal: Principal, container_id: str) -> Row:
    """Return a container whose bytes may leave. Raises Forbidden, NoSuchThing, Blocked."""
    principal.need("read")
    row = find.found(library, principal.org.id, container_id)
    try:
        block.check(row)
    except Blocked:
        with library.catalog.writing(row.org_id) as db:
            record(library, db, "denied", row, viewer=principal.address, rule="blocked", extra=_extra(principal, row))
        raise
    return row


def open_stored(library: Library, principal: Principal, row: Row) -> OpenBlob:
    """Return the bytes of a container, and record that they leave. Raises NoSuchThing, Blocked, StoreUnavailable."""
    blob = library.store.open(row.blob)
    try:
        with library.catalog.writing(row.org_id) as db:
            now = containers.get(db, row.org_id, row.id)
            if now is None or now.status == DELETED:
                raise NoSuchThing("there is no such container")
            block.check(now)
            record(library, db, "download", now, viewer=principal.address, extra=_extra(principal, now))
    except BaseException:
        blob.close()
        raise
    return blob


def _extra(principal: Principal, row: Row) -> dict[str, str]:
    ip = known_address(principal.ip)
    return {"act": "download", "key": principal.key.id, "uuid": row.id} | ({} if ip is None else {"ip": str(ip)})
