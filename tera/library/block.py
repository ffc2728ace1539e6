"""Blocking, unblocking and deleting containers, and how that reaches an authority.

The law of this file: what is blocked or deleted is refused before any key is used, for everyone, inside a session
too. A deleted one stays refused for ever: its row stays, without its content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from tera.catalog import containers, orgs
from tera.catalog.containers import ACTIVE, BLOCKED, DELETED, Row
from tera.catalog.engine import Catalog
from tera.errors import BadInput, Blocked, NoSuchThing
from tera.library.events import record
from tera.library.find import found
from tera.library.library import Library, Principal
from tera.policy.blockfile import Kind
from tera.policy.marks import Mark, MarkKey, Marks

if TYPE_CHECKING:
    from tera.policy.blocklist import BlockList, Named

REASON: Final = 500
"""Characters of a reason."""


def block(library: Library, principal: Principal, container_id: str, reason: str | None = None) -> Row:
    """Refuse every open from now on; once more is no error. Raises Forbidden, NoSuchThing, BadInput."""
    if reason is not None and (not 1 <= len(reason) <= REASON or not reason.isprintable()):
        raise BadInput(f"reason is not 1 to {REASON} printable characters")
    return _set(library, principal, container_id, BLOCKED, reason, "block")


def unblock(library: Library, principal: Principal, container_id: str) -> Row:
    """Undo it; once more is no error. Raises Forbidden, NoSuchThing."""
    return _set(library, principal, container_id, ACTIVE, None, "unblock")


def delete(library: Library, principal: Principal, container_id: str) -> None:
    """Remove a container's bytes; its authority never releases its key again. Raises Forbidden, NoSuchThing.

    Copies whose recipients hold a full key still open.
    """
    principal.need("write")
    row = found(library, principal.org.id, container_id)
    with library.catalog.writing(principal.org.id) as db:
        now = containers.get(db, principal.org.id, row.id)
        if now is None or now.status == DELETED:
            raise NoSuchThing("there is no such container")
        containers.change(db, now, status=DELETED, manifest="", files=(), tags=(), drm={}, name="", reason=None)
        orgs.use(db, principal.org.id, size=-now.size, containers=-1)
        record(library, db, principal, "delete", row=now)
    library.store.delete(row.blob)


def check(row: Row) -> None:
    """Return when it may be opened as far as blocks go. Raises Blocked, NoSuchThing."""
    if row.status == DELETED:
        raise NoSuchThing("there is no such container")
    if row.status == BLOCKED:
        raise Blocked("the container is blocked")


@dataclass(frozen=True, slots=True)
class CatalogBlocks:
    """The blocks of one organisation, as its authority asks for block lists: always in force, never stale.

    Another organisation's copy of the same container is nobody's business here: else who has a copy could close it.
    """

    catalog: Catalog
    org_id: str
    stale: bool = False
    marks: dict[MarkKey, Mark] = None  # type: ignore[assignment]
    issued: int = 0

    @property
    def head(self) -> CatalogBlocks:
        return self

    @contextmanager
    def open(self, now: int, marks: Marks) -> Iterator[BlockList]:
        """See `BlockListSource`."""
        yield cast("BlockList", CatalogBlocks(self.catalog, self.org_id, False, {}, now))

    def check(self, named: Iterable[Named]) -> None:
        """Raise Blocked when a container with this H_bind is blocked or was deleted."""
        for kind, value in named:
            if kind == Kind.BIND:
                with self.catalog.reading() as db:
                    rows = containers.by_bind(db, value)
                if any(row.status != ACTIVE and row.org_id == self.org_id for row in rows):
                    raise Blocked("the container is blocked")


def _set(library: Library, principal: Principal, container_id: str, status: str, reason: str | None, kind: str) -> Row:
    principal.need("write")
    row = found(library, principal.org.id, container_id)
    with library.catalog.writing(principal.org.id) as db:
        now = containers.get(db, principal.org.id, row.id)
        if now is None or now.status == DELETED:
            raise NoSuchThing("there is no such container")
        if now.status != status or now.reason != reason:
            now = containers.change(db, now, status=status, reason=reason)
            record(library, db, principal, kind, row=now, extra={} if reason is None else {"reason": reason})
    return now
