"""Passwords: how many wrong ones a viewer may give, and how many may be tried at once.

The law of this file: a try is held against the viewer before it is made, and forgotten when it was right, so that
tries at once are no more than tries in turn. It locks that viewer out of that container, and nobody else.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tera.catalog import sessions
from tera.catalog.containers import Row
from tera.catalog.engine import Connection
from tera.catalog.log import OrgLog
from tera.errors import Locked, TooManyTries, WrongPassphrase
from tera.library.find import found
from tera.library.library import Library, Principal
from tera.policy.people import read_viewer

MOST: Final = 5
"""Wrong passwords in a row."""
TURNS: Final = 2
"""Runs of Argon2 at once in this process: each takes 256 MiB and more, as long as it lasts."""

_turns: Final = threading.BoundedSemaphore(TURNS)


@contextmanager
def argon2_turn() -> Iterator[None]:
    """Hold one of the turns; nobody waits for one. Raises TooManyTries."""
    if not _turns.acquire(blocking=False):
        raise TooManyTries("other passwords are being tried", after=1)
    try:
        yield
    finally:
        _turns.release()


@contextmanager
def trying(library: Library, row: Row, viewer: str) -> Iterator[None]:
    """Try a password within; WrongPassphrase counts. Raises Locked, TooManyTries."""
    with argon2_turn():
        with library.catalog.writing(row.org_id) as db:
            sessions.set_tries(db, row.id, viewer, check(db, row, viewer) + 1)
        try:
            yield
        except WrongPassphrase:
            raise
        except BaseException:
            with library.catalog.writing(row.org_id) as db:  # it was no try
                sessions.set_tries(db, row.id, viewer, max(0, sessions.tries(db, row.id, viewer) - 1))
            raise
        forgive(library, row, viewer)


def check(db: Connection, row: Row, viewer: str) -> int:
    """Return how many tries are held against a viewer who may have another. Raises Locked."""
    count = sessions.tries(db, row.id, viewer)
    if count >= MOST:
        raise Locked("too many wrong passwords")
    return count


def forgive(library: Library, row: Row, viewer: str) -> None:
    """Forget a viewer's wrong passwords: it has given the right one."""
    with library.catalog.reading() as db:
        count = sessions.tries(db, row.id, viewer)
    if count:
        with library.catalog.writing(row.org_id) as db:
            sessions.set_tries(db, row.id, viewer, 0)


def lock(library: Library, principal: Principal, container_id: str, viewer: str) -> None:
    """Lock a viewer out of a container that asks for a password. Raises Forbidden, NoSuchThing, BadInput."""
    _set(library, principal, container_id, read_viewer(viewer), MOST)


def unlock(library: Library, principal: Principal, container_id: str, viewer: str | None = None) -> None:
    """Give a viewer new tries, or everybody. Raises Forbidden, NoSuchThing, BadInput."""
    _set(library, principal, container_id, None if viewer is None else read_viewer(viewer), 0)


def _set(library: Library, principal: Principal, container_id: str, viewer: str | None, count: int) -> None:
    principal.need("write")
    row = found(library, principal.org.id, container_id)
    with library.catalog.writing(row.org_id) as db:
        if viewer is None:
            sessions.forget_tries(db, row.id)
        else:
            sessions.set_tries(db, row.id, viewer, count)
        about = {"uuid": row.id, "key": principal.key.id} | ({} if viewer is None else {"of": viewer})
        event = library.event(
            "lock" if count else "unlock", container=row.core_id, bind=row.bind, viewer=principal.address, extra=about
        )
        OrgLog(db, row.org_id, library.random).append(event.pack())
