"""Rows of what goes on: sessions of viewers with containers, and wrong passwords.

The law of this file: it reads and writes rows inside the caller's transaction; how long a session lasts and how many
tries there are is the library's to say.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from tera.catalog.tables import lockout, session


@dataclass(frozen=True, slots=True)
class Session:
    """One open: `before` is how many had been counted when it began."""

    before: int
    began_at: int


def get(db: Connection, org_id: str, container_id: str, viewer: str) -> Session | None:
    """Return the last session of a viewer with a container, however long ago it was."""
    c = session.c
    row = db.execute(
        select(c.before, c.began_at).where(c.org_id == org_id, c.container_id == container_id, c.viewer == viewer)
    ).first()
    return None if row is None else Session(int(row.before), int(row.began_at))


def begin(db: Connection, org_id: str, container_id: str, viewer: str, new: Session) -> None:
    """Write a session in place of the last one."""
    c = session.c
    db.execute(delete(session).where(c.org_id == org_id, c.container_id == container_id, c.viewer == viewer))
    names = {"org_id": org_id, "container_id": container_id, "viewer": viewer}
    db.execute(insert(session).values(**names, before=new.before, began_at=new.began_at))


def tries(db: Connection, container_id: str, viewer: str) -> int:
    """Return how many wrong passwords are held against a viewer."""
    c = lockout.c
    found = db.scalar(select(c["count"]).where(c.container_id == container_id, c.viewer == viewer))
    return 0 if found is None else int(found)


def set_tries(db: Connection, container_id: str, viewer: str, count: int) -> None:
    """Write how many; 0 forgets the viewer."""
    c = lockout.c
    which = (c.container_id == container_id, c.viewer == viewer)
    if not count:
        db.execute(delete(lockout).where(*which))
    elif not db.execute(update(lockout).where(*which).values(count=count)).rowcount:
        db.execute(insert(lockout).values(container_id=container_id, viewer=viewer, count=count))


def forget_tries(db: Connection, container_id: str) -> None:
    """Forget every viewer's wrong passwords."""
    db.execute(delete(lockout).where(lockout.c.container_id == container_id))
