"""Settings of the whole installation, as rows: made once, the same for every process.

The law of this file: what two processes make at once becomes one; the later one takes the earlier one's.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from tera.catalog.tables import setting


def get(db: Connection, name: str) -> str | None:
    found = db.scalar(select(setting.c.value).where(setting.c.name == name))
    return None if found is None else str(found)


def keep(db: Connection, name: str, value: str) -> str:
    """Write a setting unless it is there; return the one that holds. The transaction writes for all organisations."""
    found = get(db, name)
    if found is not None:
        return found
    db.execute(insert(setting).values(name=name, value=value))
    return value


def forget(db: Connection, name: str) -> None:
    db.execute(delete(setting).where(setting.c.name == name))
