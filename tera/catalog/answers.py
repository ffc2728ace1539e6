"""Rows of answers that were given under an Idempotency-Key, and of those that are under way.

The law of this file: one row a (key, method, path, name); whoever puts it there does the work, and only as long as
the row is still theirs do they write into it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from tera.catalog.tables import answer


@dataclass(frozen=True, slots=True)
class Scope:
    """What an Idempotency-Key is one for: an API key, a method, a path."""

    key_id: str
    method: str
    path: str
    name: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; `status` is None while the work is under way. `created_at` is in seconds since 1970 UTC."""

    fingerprint: bytes
    status: int | None
    body: str | None
    created_at: int


def get(db: Connection, scope: Scope) -> Answer | None:
    row = db.execute(select(answer).where(*_is(scope))).first()
    if row is None:
        return None
    return Answer(bytes(row.fingerprint), row.status, row.body, int(row.created_at))


def begin(db: Connection, scope: Scope, now: int) -> None:
    """Take the scope, from whoever had it."""
    db.execute(delete(answer).where(*_is(scope)))
    db.execute(
        insert(answer).values(
            key_id=scope.key_id, method=scope.method, path=scope.path, name=scope.name, fingerprint=b"", created_at=now
        )
    )


def finish(db: Connection, scope: Scope, began: int, fingerprint: bytes, status: int, body: str) -> None:
    """Write what was answered, if the row is still the one of `began`."""
    db.execute(
        update(answer)
        .where(*_is(scope), answer.c.created_at == began, answer.c.status.is_(None))
        .values(fingerprint=fingerprint, status=status, body=body)
    )


def forget(db: Connection, scope: Scope, began: int) -> None:
    """Give the scope back: nothing was done."""
    db.execute(delete(answer).where(*_is(scope), answer.c.created_at == began, answer.c.status.is_(None)))


def expire(db: Connection, before: int) -> None:
    """Remove what began before a time, in seconds."""
    db.execute(delete(answer).where(answer.c.created_at < before))


def _is(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    c = answer.c
    return c.key_id == scope.key_id, c.method == scope.method, c.path == scope.path, c.name == scope.name
