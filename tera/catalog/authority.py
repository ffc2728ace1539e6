"""What an organisation's authority remembers, in the catalog: the port of `tera.authority`, one organisation each.

The law of this file: count, event and answer are one transaction that writes for this organisation alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, delete, func, select, update

from tera.audit.events import Event
from tera.audit.log import Log
from tera.authority.ports import Kept, State, Transaction, View
from tera.catalog.engine import Catalog
from tera.catalog.log import OrgLog
from tera.catalog.statements import add, first, put
from tera.catalog.tables import envelope, kept, log_event, mark, opens, reported, viewer
from tera.policy.marks import Mark, MarkKey, raised
from tera.state.reader import Opens

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})
# Made once, as in `tera.catalog.statements`.
_LAST_TIME: Final = select(func.max(log_event.c.t)).where(log_event.c.org_id == bindparam("org"))
_FORGET: Final = delete(kept).where(kept.c.org_id == bindparam("org"), kept.c.issued_at < bindparam("before"))


class OrgTables(Transaction):
    """The tables of one organisation, on a connection with a transaction."""

    def __init__(self, connection: Connection, org_id: str) -> None:
        self._db = connection
        self._org = org_id
        self._log = OrgLog(connection, org_id)

    @property
    def log(self) -> Log:
        return self._log

    def get(self, key: MarkKey, /) -> Mark | None:
        row = self._first(mark, kind=key.kind, signer=key.signer, name=key.name)
        return None if row is None else Mark(int(row.version), bytes(row.digest))

    def last_time(self) -> int:
        found = self._db.scalar(_LAST_TIME, {"org": self._org})
        return 0 if found is None else int(found)

    def opens(self, bind: bytes, viewer: str) -> Opens:
        row = self._first(opens, bind=bind, viewer=viewer)
        return Opens() if row is None else Opens(int(row.count), int(row.first))

    def kept(self, request: bytes) -> Kept | None:
        row = self._first(kept, request=request)
        if row is None:
            return None
        return Kept(row.viewer, bytes(row.bind), bytes(row.session), row.before, row.issued_at, bytes(row.answer))

    def envelope(self, signer: bytes, policy_id: bytes) -> bytes | None:
        row = self._first(envelope, signer=signer, policy=policy_id)
        return None if row is None else bytes(row.body)

    def viewer(self, fingerprint: bytes) -> str | None:
        row = self._first(viewer, fingerprint=fingerprint)
        return None if row is None else str(row.email)

    def reported(self, device: bytes) -> int | None:
        row = self._first(reported, device=device)
        return None if row is None else int(row.count)

    def record(self, event: Event) -> None:
        self._log.append(event.pack())

    def count(self, bind: bytes, viewer: str, now: int) -> None:
        before = self.opens(bind, viewer)
        first = now if before.first is None else before.first
        self._put(opens, {"bind": bind, "viewer": viewer}, {"count": before.count + 1, "first": first})

    def keep(self, request: bytes, kept_: Kept) -> None:
        add(
            self._db,
            kept,
            org_id=self._org,
            request=request,
            viewer=kept_.viewer,
            bind=kept_.bind,
            session=kept_.session,
            before=kept_.before,
            issued_at=kept_.issued,
            answer=kept_.answer,
        )

    def forget(self, before: int) -> None:
        self._db.execute(_FORGET, {"org": self._org, "before": before})

    def keep_envelope(self, signer: bytes, policy_id: bytes, body: bytes) -> None:
        self._put(envelope, {"signer": signer, "policy": policy_id}, {"body": body})

    def raise_mark(self, key: MarkKey, new: Mark) -> None:
        new = raised(self.get(key), new)
        names = {"kind": key.kind, "signer": key.signer, "name": key.name}
        self._put(mark, names, {"version": new.version, "digest": new.digest})

    def enrol(self, fingerprint: bytes, email: str | None) -> None:
        """See `Transaction`; a viewer has one key, and `PUT /viewers` knows the key itself."""
        theirs = (viewer.c.org_id == self._org, viewer.c.fingerprint == fingerprint)
        self._db.execute(update(viewer).where(*theirs).values(fingerprint=None, public=None))
        if email is not None:
            values = {"fingerprint": fingerprint, "public": None}
            self._put(viewer, {"email": email}, values, {"created_at": self.last_time() // 1_000})

    def set_reported(self, device: bytes, count: int) -> None:
        self._put(reported, {"device": device}, {"count": count})

    def _first(self, table: Table, **names: Any) -> Any:
        return first(self._db, table, org_id=self._org, **names)

    def _put(self, table: Table, names: dict[str, Any], values: dict[str, Any], new: Mapping[str, Any] = _NONE) -> None:
        """Write a row in place of the one with its key; `new` is for one that was not there. Nobody else writes."""
        put(self._db, table, {"org_id": self._org, **names}, values, dict(new))


class OrgState(State):
    """The state of one organisation's authority."""

    def __init__(self, catalog: Catalog, org_id: str) -> None:
        self._catalog = catalog
        self._org = org_id

    @contextmanager
    def reading(self) -> Iterator[View]:
        with self._catalog.reading() as connection:
            yield OrgTables(connection, self._org)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._catalog.writing(self._org) as connection:
            yield OrgTables(connection, self._org)
