"""Rows of viewers: whose key is whose, in one organisation.

The law of this file: a signing key is one viewer's of an organisation, and what another organisation says of a key
is not asked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from tera.catalog.tables import viewer


@dataclass(frozen=True, slots=True)
class Viewer:
    """An address, and what proves it: an API key, a public signing key (with its fingerprint), or both."""

    org_id: str
    email: str
    key_id: str | None
    fingerprint: bytes | None
    public: bytes | None
    created_at: int


def get(db: Connection, org_id: str, email: str) -> Viewer | None:
    """Return a viewer by address."""
    return _one(db, org_id, viewer.c.email == email)


def by_fingerprint(db: Connection, org_id: str, fingerprint: bytes) -> Viewer | None:
    """Return whose signing key this is."""
    return _one(db, org_id, viewer.c.fingerprint == fingerprint)


def put(db: Connection, found: Viewer) -> None:
    """Write a viewer in place of the one with this address."""
    remove(db, found.org_id, found.email)
    db.execute(insert(viewer).values(**{name: getattr(found, name) for name in Viewer.__dataclass_fields__}))


def remove(db: Connection, org_id: str, email: str) -> None:
    db.execute(delete(viewer).where(viewer.c.org_id == org_id, viewer.c.email == email))


def _one(db: Connection, org_id: str, which: Any) -> Viewer | None:
    row = db.execute(select(viewer).where(viewer.c.org_id == org_id, which)).first()
    if row is None:
        return None
    packed = {
        name: None if row._mapping[name] is None else bytes(row._mapping[name]) for name in ("fingerprint", "public")
    }
    return Viewer(**{**row._mapping, **packed})
