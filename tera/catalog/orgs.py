"""Rows of organisations and their API keys.

The law of this file: it reads and writes rows inside the caller's transaction; who may do what is the library's to
say. A key's secret is here as its SHA-256 only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update

from tera.catalog.tables import api_key, org


@dataclass(frozen=True, slots=True)
class Org:
    """An organisation; times in seconds since 1970 UTC, quotas None where there is no limit."""

    id: str
    name: str
    email: str
    created_at: int
    disabled_at: int | None = None
    quota_bytes: int | None = None
    quota_containers: int | None = None
    used_bytes: int = 0
    used_containers: int = 0


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key: `owner` is the address that it acts as, `acts_for` those that it may act for."""

    id: str
    org_id: str
    name: str
    owner: str
    scopes: frozenset[str]
    creator: str
    created_at: int
    acts_for: frozenset[str] = frozenset()
    may_assert: bool = False
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None


_KEY: Final = tuple(api_key.c[name] for name in ApiKey.__dataclass_fields__)
_ORG: Final = tuple(org.c[name] for name in Org.__dataclass_fields__)
# Made once: building a statement takes longer than running it.
_KEY_BY_ID: Final = (
    select(api_key.c.secret, *_KEY, *_ORG)
    .join_from(api_key, org, org.c.id == api_key.c.org_id)
    .where(api_key.c.id == bindparam("id"))
)


def add_org(db: Connection, found: Org) -> None:
    db.execute(insert(org).values(**{name: getattr(found, name) for name in Org.__dataclass_fields__}))


def get_org(db: Connection, org_id: str) -> Org | None:
    row = db.execute(select(org).where(org.c.id == org_id)).first()
    return None if row is None else Org(**row._mapping)


def all_orgs(db: Connection) -> list[Org]:
    return [Org(**row._mapping) for row in db.execute(select(org).order_by(org.c.id))]


def change_org(db: Connection, org_id: str, **values: Any) -> None:
    db.execute(update(org).where(org.c.id == org_id).values(**values))


def use(db: Connection, org_id: str, *, size: int, containers: int) -> None:
    """Add to what an organisation uses; both may be negative."""
    db.execute(
        update(org)
        .where(org.c.id == org_id)
        .values(used_bytes=org.c.used_bytes + size, used_containers=org.c.used_containers + containers)
    )


def add_key(db: Connection, found: ApiKey, secret: bytes) -> None:
    """Add a key; `secret` is the hash of its secret."""
    values = {name: getattr(found, name) for name in ApiKey.__dataclass_fields__}
    values |= {"scopes": " ".join(sorted(found.scopes)), "acts_for": " ".join(sorted(found.acts_for))}
    db.execute(insert(api_key).values(secret=secret, **values))


def get_key(db: Connection, key_id: str) -> tuple[ApiKey, bytes] | None:
    """Return a key and the hash of its secret."""
    row = db.execute(select(api_key).where(api_key.c.id == key_id)).first()
    return None if row is None else (_key(row), bytes(row.secret))


def get_key_and_org(db: Connection, key_id: str) -> tuple[ApiKey, bytes, Org] | None:
    """Return a key, the hash of its secret, and its organisation: all that a request is authenticated with."""
    row = db.execute(_KEY_BY_ID, {"id": key_id}).first()
    if row is None:
        return None
    secret, *rest = row
    found = dict(zip(ApiKey.__dataclass_fields__, rest, strict=False))
    return _made(found), bytes(secret), Org(*rest[len(found) :])


def keys_of_org(db: Connection, org_id: str) -> list[ApiKey]:
    rows = db.execute(select(api_key).where(api_key.c.org_id == org_id).order_by(api_key.c.created_at, api_key.c.id))
    return [_key(row) for row in rows]


def change_key(db: Connection, key_id: str, **values: Any) -> None:
    db.execute(update(api_key).where(api_key.c.id == key_id).values(**values))


def _key(row: Any) -> ApiKey:
    return _made({name: getattr(row, name) for name in ApiKey.__dataclass_fields__})


def _made(values: dict[str, Any]) -> ApiKey:
    lists = {name: frozenset(values[name].split()) for name in ("scopes", "acts_for")}
    return ApiKey(**(values | lists))
