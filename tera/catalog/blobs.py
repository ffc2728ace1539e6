"""Which blobs the rows speak of.

The law of this file: a blob is in use while a row that is not deleted names it; what is not is nobody's.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from tera.catalog.containers import DELETED
from tera.catalog.tables import container


def in_use(db: Connection, keys: Sequence[str]) -> set[str]:
    """Return those of these blobs that a row names."""
    found = db.scalars(select(container.c.blob).where(container.c.blob.in_(keys), container.c.status != DELETED))
    return set(found)


def used(db: Connection, org_id: str) -> tuple[int, int]:
    """Return how many bytes and containers an organisation's rows add up to."""
    c = container.c
    asked = select(func.coalesce(func.sum(c.size), 0), func.count()).where(c.org_id == org_id, c.status != DELETED)
    size, count = db.execute(asked).one()
    return int(size), int(count)
