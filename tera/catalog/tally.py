"""Counts and groups over the rows of one organisation: who tried, what happened, which tags there are.

The law of this file: it counts in the database, in pages by keyset where there may be many groups, and returns no
row of anybody else.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from tera.catalog.containers import DELETED
from tera.catalog.tables import container, container_tag, log_event


@dataclass(frozen=True, slots=True)
class Count:
    """A group and its size."""

    name: str
    count: int


def viewers(
    db: Connection, org_id: str, kinds: tuple[str, ...], bind: bytes, *, after: str | None = None, limit: int = 1_000
) -> list[Count]:
    """Return who is named by events of these kinds about a container, behind the name `after`; "" is nobody."""
    c = log_event.c
    name = func.coalesce(c.viewer, "").label("name")
    statement = (
        select(name, func.count().label("count"))
        .where(c.org_id == org_id, c.bind == bind, c.kind.in_(kinds), c.data.is_not(None))
        .where(*(() if after is None else (name > after,)))
        .group_by(name)
        .order_by(name)
        .limit(limit)
    )
    return [Count(str(row.name), int(row._mapping["count"])) for row in db.execute(statement)]


def tags(db: Connection, org_id: str, *, after: str | None = None, limit: int = 1_000) -> list[Count]:
    """Return the tags of the organisation's containers, behind `after`, and how many have each."""
    c = container_tag.c
    statement = (
        select(c.tag, func.count().label("count"))
        .where(c.org_id == org_id, *(() if after is None else (c.tag > after,)))
        .group_by(c.tag)
        .order_by(c.tag)
        .limit(limit)
    )
    return [Count(str(row.tag), int(row._mapping["count"])) for row in db.execute(statement)]


def kinds(db: Connection, org_id: str) -> list[Count]:
    """Return how many events of each kind the log has, the erased ones too."""
    c = log_event.c
    statement = select(c.kind, func.count().label("count")).where(c.org_id == org_id).group_by(c.kind).order_by(c.kind)
    return [Count(str(row.kind), int(row._mapping["count"])) for row in db.execute(statement)]


def statuses(db: Connection, org_id: str) -> list[Count]:
    """Return how many containers have each status; the deleted ones are not counted."""
    c = container.c
    statement = (
        select(c.status, func.count().label("count"))
        .where(c.org_id == org_id, c.status != DELETED)
        .group_by(c.status)
        .order_by(c.status)
    )
    return [Count(str(row.status), int(row._mapping["count"])) for row in db.execute(statement)]
