"""An organisation's audit log in the catalog, each event with a salt in its leaf.

The law of this file: the tree is that of `tera.audit`; the salt hides an event from who guesses it by its hash, so
that after its time event and salt may be erased while every proof still holds. Nothing is appended outside a
transaction that writes for the organisation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.exc import IntegrityError

from tera.audit import tree
from tera.audit.events import MAX_TIME, SALT, leaf, parse_event
from tera.audit.log import Entry, Log, Query, Record, Signed, keys_of
from tera.catalog.statements import add
from tera.catalog.tables import log_checkpoint, log_event, log_node
from tera.crypto.random import Random, system
from tera.errors import BadLog, NoSuchEvent

PAGE: Final = 1_000
_LARGEST: Final = 2**63 - 1
# Made once, as in `tera.catalog.statements`.
_LAST: Final = select(func.max(log_event.c.idx)).where(log_event.c.org_id == bindparam("org"))
_HASHES: Final = select(log_node.c.hashes).where(
    log_node.c.org_id == bindparam("org"), log_node.c.idx == bindparam("idx")
)
_LAST_CHECKPOINT: Final = (
    select(log_checkpoint.c.size, log_checkpoint.c.t.label("time"), log_checkpoint.c.note)
    .where(log_checkpoint.c.org_id == bindparam("org"))
    .order_by(log_checkpoint.c.size.desc())
    .limit(1)
)


class OrgLog(Log):
    """The log of one organisation, on a connection with a transaction."""

    def __init__(self, connection: Connection, org_id: str, random: Random = system) -> None:
        self._db = connection
        self._org = org_id
        self._random = random

    def append(self, event: bytes) -> int:
        keys = keys_of(parse_event(event))
        index, salt = self.size(), self._random(SALT)
        time, kind, container, bind, subject, viewer = keys
        with _once():
            add(
                self._db,
                log_event,
                org_id=self._org,
                idx=index,
                t=time,
                kind=kind,
                id=container,
                bind=bind,
                sub=subject,
                viewer=viewer,
                salt=salt,
                data=event,
            )
            hashes = tree.completed(index, tree.leaf_hash(leaf(event, salt)), self.node)
            add(self._db, log_node, org_id=self._org, idx=index, hashes=b"".join(hashes))
        return index

    def size(self) -> int:
        found = self._db.scalar(_LAST, {"org": self._org})
        return 0 if found is None else int(found) + 1

    def node(self, level: int, index: int) -> bytes:
        row = ((index + 1) << level) - 1
        found = self._db.scalar(_HASHES, {"org": self._org, "idx": min(row, _LARGEST)})
        if found is None:
            if 0 <= row < self.size():
                raise BadLog(f"the hashes of event {row:,} are missing")
            raise NoSuchEvent(f"the log has no hash of the events before {row + 1:,}")
        node = bytes(found)[level * tree.HASH_LENGTH :][: tree.HASH_LENGTH]
        if len(node) != tree.HASH_LENGTH:
            raise BadLog(f"the hashes of event {row:,} are cut short")
        return node

    def event(self, index: int) -> bytes:
        return self._held(index)[0]

    def leaf(self, index: int) -> bytes:
        return leaf(*self._held(index))

    def erase(self, before: int) -> int:
        """Take out the events of before this time (milliseconds), and their salts; return how many.

        What is left of each is its number, time, kind and hashes: every proof and checkpoint still holds.
        """
        old = (log_event.c.org_id == self._org, log_event.c.t < before, log_event.c.data.is_not(None))
        empty = dict.fromkeys(("id", "bind", "sub", "viewer", "salt", "data"))
        return self._db.execute(update(log_event).where(*old).values(**empty)).rowcount

    def records(self, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        stop = _LARGEST if stop is None else min(stop, _LARGEST)
        joined = log_event.outerjoin(
            log_node, (log_node.c.org_id == log_event.c.org_id) & (log_node.c.idx == log_event.c.idx)
        )
        while True:
            rows = self._db.execute(
                select(log_event, log_event.c.t.label("time"), log_node.c.hashes)
                .select_from(joined)
                .where(log_event.c.org_id == self._org, log_event.c.idx >= start, log_event.c.idx < stop)
                .order_by(log_event.c.idx)
                .limit(PAGE)
            ).all()
            for row in rows:
                keys = (int(row.time), str(row.kind), _bytes(row.id), _bytes(row.bind), _bytes(row.sub), row.viewer)
                data, salt = bytes(row.data or b""), bytes(row.salt or b"")
                yield Record(row.idx, data, bytes(row.hashes or b""), keys, salt, erased=row.data is None)
            if len(rows) < PAGE:
                return
            start = rows[-1].idx + 1

    def find(self, query: Query, *, start: int = 0, limit: int = 1_000, newest: bool = False) -> list[Entry]:
        """See `Log`; those that were erased are left out."""
        c = log_event.c
        statement = select(c.idx, c.data).where(
            c.org_id == self._org, c.idx >= min(max(start, 0), _LARGEST), c.data.is_not(None)
        )
        if query.kinds:
            statement = statement.where(c.kind.in_(query.kinds))
        for column, value in (
            (c.id, query.container),
            (c.bind, query.bind),
            (c.sub, query.subject),
            (c.viewer, query.viewer),
        ):
            if value is not None:
                statement = statement.where(column == value)
        if query.since is not None:
            statement = statement.where(c.t >= min(query.since, MAX_TIME))
        if query.until is not None:
            statement = statement.where(c.t < min(query.until, MAX_TIME + 1))
        statement = statement.order_by(c.idx.desc() if newest else c.idx).limit(max(limit, 0))
        return [Entry(row.idx, bytes(row.data)) for row in self._db.execute(statement)]

    def add_checkpoint(self, signed: Signed) -> None:
        with _once():
            add(self._db, log_checkpoint, org_id=self._org, size=signed.size, t=signed.time, note=signed.note)

    def checkpoints(self) -> Iterator[Signed]:
        c = log_checkpoint.c
        start = 0
        while True:
            rows = self._db.execute(
                select(c.size, c.t.label("time"), c.note)
                .where(c.org_id == self._org, c.size >= start)
                .order_by(c.size)
                .limit(PAGE)
            ).all()
            yield from (Signed(row.size, row.time, bytes(row.note)) for row in rows)
            if len(rows) < PAGE:
                return
            start = rows[-1].size + 1

    def last_checkpoint(self) -> Signed | None:
        row = self._db.execute(_LAST_CHECKPOINT, {"org": self._org}).first()
        return None if row is None else Signed(row.size, row.time, bytes(row.note))

    def _held(self, index: int) -> tuple[bytes, bytes]:
        """Return event and salt. Raises NoSuchEvent for one that was erased, too."""
        found = self._db.execute(
            select(log_event.c.data, log_event.c.salt).where(
                log_event.c.org_id == self._org, log_event.c.idx == min(index, _LARGEST)
            )
        ).first()
        if found is None:
            raise NoSuchEvent(f"the log has no event {index:,}")
        if found.data is None:
            raise NoSuchEvent(f"event {index:,} was erased")
        return bytes(found.data), bytes(found.salt or b"")


@contextmanager
def _once() -> Iterator[None]:
    """Whoever writes is alone: what is there already was put there by somebody else. Raises BadLog."""
    try:
        yield
    except IntegrityError:
        raise BadLog("the log was changed: what is to be added is there already") from None


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
