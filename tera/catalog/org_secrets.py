"""Rows of organisations' secret keys, wrapped: what they are is the key store's to know.

The law of this file: each is read and written by itself, beside the transaction that the caller may be in.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tera.catalog.engine import Catalog
from tera.catalog.tables import org_secret


def get(catalog: Catalog, org_id: str) -> str | None:
    with catalog.beside() as db:
        found = db.scalar(select(org_secret.c.body).where(org_secret.c.org_id == org_id))
    return None if found is None else str(found)


def orgs(catalog: Catalog) -> list[str]:
    with catalog.beside() as db:
        return list(db.scalars(select(org_secret.c.org_id).order_by(org_secret.c.org_id)))


def add(catalog: Catalog, org_id: str, body: str) -> bool:
    """Add a row; say whether there was none."""
    with catalog.beside() as db:
        try:
            db.execute(insert(org_secret).values(org_id=org_id, body=body))
        except IntegrityError:
            db.rollback()
            return False
        return True


def change(catalog: Catalog, org_id: str, body: str, *, before: str) -> bool:
    """Write a row whose body was `before`; say whether it still was."""
    with catalog.beside() as db:
        mine = (org_secret.c.org_id == org_id) & (org_secret.c.body == before)
        return db.execute(update(org_secret).where(mine).values(body=body)).rowcount == 1


def remove(catalog: Catalog, org_id: str) -> None:
    with catalog.beside() as db:
        db.execute(delete(org_secret).where(org_secret.c.org_id == org_id))
