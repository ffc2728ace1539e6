"""Rows of containers and their tags: by id, by digest, in pages by keyset, counted never.

The law of this file: a row is written after its blob, and every query starts from an index. Another organisation's
rows are not found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from tera.catalog.tables import container, container_tag

ACTIVE: Final = "ACTIVE"
BLOCKED: Final = "BLOCKED"
DELETED: Final = "DELETED"


@dataclass(frozen=True, slots=True)
class Row:
    """A container in the library. `seq` orders all of them; `rules` are packed in their one form, `drm` is what a
    manifest would say; `digest` and `sha256` are in hexadecimal digits."""

    id: str
    org_id: str
    name: str
    owner: str
    status: str
    origin: str
    created_at: int
    core_id: bytes
    bind: bytes
    digest: str
    sha256: str
    size: int
    entries: int
    blob: str
    manifest: str
    files: tuple[dict[str, Any], ...]
    tags: tuple[str, ...]
    drm: dict[str, Any]
    rules: bytes
    dynamic: bool
    version: int = 1
    reason: str | None = None
    seq: int = field(default=0)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which containers are meant; what is None does not matter. `start <= created_at < end`."""

    tag: str | None = None
    name_prefix: str | None = None
    status: str | None = None
    start: int | None = None
    end: int | None = None


_NAMES: Final = tuple(Row.__dataclass_fields__)
# Made once: building a statement takes longer than running it.
_ROWS: Final = select(*(container.c[name] for name in _NAMES))
_BY_ID: Final = _ROWS.where(container.c.id == bindparam("id"), container.c.org_id == bindparam("org"))
_BY_DIGEST, _BY_SHA256 = (
    _ROWS.where(
        container.c.org_id == bindparam("org"), column == bindparam("digest"), container.c.status != DELETED
    ).limit(2)
    for column in (container.c.digest, container.c.sha256)
)
_BY_BIND: Final = _ROWS.where(container.c.bind == bindparam("bind"))


def add(db: Connection, row: Row) -> Row:
    """Add a container and its tags; return it with its `seq`."""
    values = {name: getattr(row, name) for name in Row.__dataclass_fields__ if name != "seq"}
    values |= {"files": json.dumps(row.files), "tags": json.dumps(row.tags), "drm": json.dumps(row.drm)}
    seq = db.execute(insert(container).values(**values).returning(container.c.seq)).scalar_one()
    _tag(db, row.org_id, seq, row.tags)
    return replace(row, seq=seq)


def get(db: Connection, org_id: str, container_id: str) -> Row | None:
    found = db.execute(_BY_ID, {"id": container_id, "org": org_id}).first()
    return None if found is None else _row(found)


def by_digest(db: Connection, org_id: str, *, digest: str | None = None, sha256: str | None = None) -> list[Row]:
    """Return at most two of those that have this digest and are not deleted."""
    if digest is not None:
        return [_row(found) for found in db.execute(_BY_DIGEST, {"org": org_id, "digest": digest})]
    return [_row(found) for found in db.execute(_BY_SHA256, {"org": org_id, "digest": sha256})]


def by_bind(db: Connection, bind: bytes) -> list[Row]:
    """Return those of any organisation with this H_bind, the deleted ones too."""
    return [_row(found) for found in db.execute(_BY_BIND, {"bind": bind})]


def page(db: Connection, org_id: str, wanted: Filter, *, after: int = 0, limit: int = 1_000) -> list[Row]:
    """Return the next containers that are not deleted, behind the one with the `seq` `after`, the oldest first.

    Oldest is the smallest `seq`; where only a time is asked for, the earliest `created_at`.
    """
    c, tagged = container.c, container_tag.c
    start = wanted.start
    order: tuple[Any, ...]
    if wanted.tag is not None:
        # The tag's rows are in order, and each says which container: nothing else is to be looked through.
        statement = _ROWS.join_from(container_tag, container, c.seq == tagged.seq)
        statement = statement.where(
            tagged.org_id == org_id, tagged.tag == wanted.tag, tagged.seq > after, c.seq > after
        )
        order = (tagged.seq,)
    elif wanted.start is not None or wanted.end is not None:
        statement, order = _ROWS.where(c.org_id == org_id), (c.created_at, c.seq)
        if after and (then := db.scalar(select(c.created_at).where(c.seq == after, c.org_id == org_id))) is not None:
            # What was deleted keeps its time. One bound, and not two: a database takes the first, and begins there.
            start = max(then, start or 0)
            statement = statement.where(or_(c.created_at > then, c.seq > after))
    else:
        statement, order = _ROWS.where(c.org_id == org_id, c.seq > after), (c.seq,)
    statement = statement.where(c.status == wanted.status if wanted.status else c.status != DELETED)
    if wanted.name_prefix:
        statement = statement.where(c.name >= wanted.name_prefix, c.name < wanted.name_prefix + "\U0010ffff")
    if start is not None:
        statement = statement.where(c.created_at >= start)
    if wanted.end is not None:
        statement = statement.where(c.created_at < wanted.end)
    return [_row(found) for found in db.execute(statement.order_by(*order).limit(limit))]


def every(db: Connection, after: int = 0, limit: int = 1_000) -> Iterator[Row]:
    """Yield every row of every organisation, for checks."""
    while True:
        found = db.execute(_ROWS.where(container.c.seq > after).order_by(container.c.seq).limit(limit)).all()
        yield from map(_row, found)
        if len(found) < limit:
            return
        after = found[-1].seq


def change(db: Connection, row: Row, **values: Any) -> Row:
    """Change columns of a container; tags too."""
    new = replace(row, **values)
    packed = {name: json.dumps(value) if name in ("files", "tags", "drm") else value for name, value in values.items()}
    db.execute(update(container).where(container.c.id == row.id).values(**packed))
    if "tags" in values:
        db.execute(delete(container_tag).where(container_tag.c.org_id == row.org_id, container_tag.c.seq == row.seq))
        _tag(db, row.org_id, row.seq, new.tags)
    return new


def _tag(db: Connection, org_id: str, seq: int, tags: tuple[str, ...]) -> None:
    if tags:
        db.execute(insert(container_tag), [{"org_id": org_id, "tag": tag, "seq": seq} for tag in tags])


def _row(found: Any) -> Row:
    values = dict(zip(_NAMES, found, strict=True))
    for name in ("files", "tags", "drm"):
        values[name] = json.loads(values[name])
    for name in ("core_id", "bind", "rules"):
        values[name] = bytes(values[name])
    values |= {"files": tuple(values["files"]), "tags": tuple(values["tags"])}
    return Row(**values)
