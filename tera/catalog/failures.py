"""Rows of failed authentications: how many an address had in a minute.

The law of this file: a row is an address and a minute, and is removed when nobody asks for it any more.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from tera.catalog.tables import failure

KEEP: Final = 60
"""Minutes."""
_COUNT: Final = select(failure.c["count"]).where(
    failure.c.address == bindparam("address"), failure.c.minute == bindparam("minute")
)


def count(db: Connection, address: str, minute: int) -> int:
    """Return the failures of an address in a minute since 1970."""
    found = db.scalar(_COUNT, {"address": address, "minute": minute})
    return 0 if found is None else int(found)


def add(db: Connection, address: str, minute: int) -> int:
    """Count one more, and return how many there are now."""
    c = failure.c
    before = count(db, address, minute)
    if before:
        db.execute(update(failure).where(c.address == address, c.minute == minute).values(count=before + 1))
    else:
        db.execute(delete(failure).where(c.minute < minute - KEEP))
        db.execute(insert(failure).values(address=address, minute=minute, count=1))
    return before + 1
