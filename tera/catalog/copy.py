"""All rows, out of one database and into another of either kind; and those of one organisation, out for good.

The law of this file: what leaves is of one moment. It names tables and columns, so that what it goes into may order
them in another way; and it is taken back into empty tables of the same version only.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy import Connection, LargeBinary, Table, delete, func, insert, select, text

from tera.catalog import tables
from tera.errors import BadInput

LEFT_OUT: Final = frozenset({"alembic_version", "answer", "failure", "org_secret"})
"""What is of an hour only, and the keys, which have a copy of their own."""
BATCH: Final = 500


def dump(db: Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every row, as what JSON can hold, with the name of its table."""
    for table in tables.metadata.sorted_tables:
        if table.name in LEFT_OUT:
            continue
        binary = _binary(table)
        keys = list(table.primary_key.columns)
        for row in db.execution_options(yield_per=BATCH).execute(select(table).order_by(*keys)):
            values = dict(row._mapping)
            for name in binary:
                if values[name] is not None:
                    values[name] = base64.b64encode(values[name]).decode()
            yield table.name, values


def load(db: Connection, rows: Iterable[tuple[str, dict[str, Any]]]) -> int:
    """Write rows that `dump` has given into empty tables; return how many. Raises BadInput for what is none."""
    count, current = 0, None
    batch: list[dict[str, Any]] = []
    for name, values in rows:
        table = tables.metadata.tables.get(name)
        if table is None or name in LEFT_OUT or set(values) != {column.name for column in table.columns}:
            raise BadInput(f"a row is not one of this version's tables: {name[:40]}")
        if batch and (table is not current or len(batch) >= BATCH):
            db.execute(insert(_known(current)), batch)
            batch = []
        current = table
        batch.append(_unpacked(table, values))
        count += 1
    if batch:
        db.execute(insert(_known(current)), batch)
    if db.dialect.name == "postgresql":  # the next number follows the last one
        last = db.scalar(select(func.max(tables.container.c.seq))) or 0
        db.execute(text("SELECT setval(pg_get_serial_sequence('container', 'seq'), :next, false)"), {"next": last + 1})
    return count


def is_empty(db: Connection) -> bool:
    """Say whether nobody has used this catalog yet."""
    return db.execute(select(tables.org.c.id).limit(1)).first() is None


def remove_org(db: Connection, org_id: str) -> None:
    """Remove every row of an organisation."""
    mine = select(tables.container.c.id).where(tables.container.c.org_id == org_id)
    keys = select(tables.api_key.c.id).where(tables.api_key.c.org_id == org_id)
    for table in tables.metadata.sorted_tables:
        if "org_id" in table.columns or table is tables.org:
            continue
        for name, theirs in (("container_id", mine), ("key_id", keys)):
            if name in table.columns:
                db.execute(delete(table).where(table.c[name].in_(theirs)))
    for table in tables.metadata.sorted_tables:
        if "org_id" in table.columns:
            db.execute(delete(table).where(table.c.org_id == org_id))
    db.execute(delete(tables.org).where(tables.org.c.id == org_id))


def _known(table: Table | None) -> Table:
    assert table is not None
    return table


def _binary(table: Table) -> list[str]:
    return [column.name for column in table.columns if isinstance(column.type, LargeBinary)]


def _unpacked(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    found = dict(values)
    for name in _binary(table):
        if found[name] is not None:
            try:
                found[name] = base64.b64decode(found[name], validate=True)
            except (ValueError, TypeError):
                raise BadInput(f"a row's {name} is not in base64") from None
    return found
