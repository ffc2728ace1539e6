"""Finding containers: one, pages of them, by digest; and what is shown of one.

The law of this file: another organisation's container is not there, and neither is one that was deleted.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any, Final

from tera.catalog import containers
from tera.catalog.containers import ACTIVE, BLOCKED, DELETED, Filter, Row
from tera.catalog.engine import Connection
from tera.errors import BadInput, Conflict, NoSuchThing
from tera.library.drm import moment
from tera.library.library import Library, Principal
from tera.library.moments import read_moment

LIMIT: Final = 1_000
"""The longest page."""
_HEX: Final = re.compile("[0-9a-f]{64}")


def get(library: Library, principal: Principal, container_id: str) -> Row:
    """Return one container. Raises Forbidden, NoSuchThing."""
    principal.need("read")
    return found(library, principal.org.id, container_id)


def found(library: Library, org_id: str, container_id: str) -> Row:
    """Return one container of an organisation, whoever asks. Raises NoSuchThing."""
    with library.catalog.reading() as db:
        return seen(db, org_id, container_id)


def seen(db: Connection, org_id: str, container_id: str) -> Row:
    """Return the same, as a transaction sees it. Raises NoSuchThing."""
    row = containers.get(db, org_id, _canonical(container_id))
    if row is None or row.status == DELETED:
        raise NoSuchThing("there is no such container")
    return row


def wanted(
    *,
    tag: str | None = None,
    name: str | None = None,
    status: str | None = None,
    start: str | None = None,
    end: str | None = None,
) -> Filter:
    """Return which containers are meant; `name` is how it begins, `start` and `end` are times. Raises BadInput."""
    for what, text in (("tag", tag), ("name", name)):
        if text is not None and "\0" in text:
            raise BadInput(f"{what} holds a character that no {what} has")
    if status is not None and status.upper() not in (ACTIVE, BLOCKED):
        raise BadInput(f"status is {ACTIVE} or {BLOCKED}")
    return Filter(
        tag=tag,
        name_prefix=name,
        status=None if status is None else status.upper(),
        start=None if start is None else -(-read_moment(start, "start") // 1_000),
        end=None if end is None else -(-read_moment(end, "end") // 1_000),
    )


def page(library: Library, principal: Principal, which: Filter, *, after: int = 0, limit: int = LIMIT) -> list[Row]:
    """Return the containers behind the one with the `seq` `after`, the oldest first. Raises Forbidden."""
    principal.need("read")
    with library.catalog.reading() as db:
        return containers.page(db, principal.org.id, which, after=after, limit=min(limit, LIMIT))


def every(library: Library, principal: Principal, which: Filter) -> Iterator[Row]:
    """Yield all of them, page by page. Raises Forbidden."""
    after = 0
    while rows := page(library, principal, which, after=after):
        yield from rows
        after = rows[-1].seq


def by_digest(library: Library, principal: Principal, digest: str) -> Row:
    """Return the container with this digest: `tera:` or 64 digits for the container's, `sha256:` for its bytes'.

    Raises Forbidden, BadInput, NoSuchThing, and Conflict where there are several.
    """
    principal.need("read")
    kind, _, text = digest.rpartition(":")
    if kind not in ("", "tera", "sha256") or not _HEX.fullmatch(text):
        raise BadInput("a digest is tera:..., sha256:... or 64 hexadecimal digits")
    with library.catalog.reading() as db:
        if kind == "sha256":
            rows = containers.by_digest(db, principal.org.id, sha256=text)
        else:
            rows = containers.by_digest(db, principal.org.id, digest=text)
    if not rows:
        raise NoSuchThing("there is no container with this digest")
    if len(rows) > 1:
        raise Conflict("there are several containers with this digest")
    return rows[0]


def described(row: Row) -> dict[str, Any]:
    """Return what the API shows of a container: all the names that its published forms have."""
    created = moment(row.created_at)
    return {
        "id": row.id,
        "uuid": row.id,
        "org_id": row.org_id,
        "name": row.name,
        "container_name": row.name,
        "created_at": created,
        "created_date": created,
        "tags": list(row.tags),
        "drm_rules": row.drm,
        "container_digest": f"tera:{row.digest}",
        "sha256": row.sha256,
        "container_size": row.size,
        "status": row.status,
    }


def _canonical(container_id: str) -> str:
    try:
        return str(uuid.UUID(container_id))
    except ValueError:
        raise NoSuchThing("there is no such container") from None
