"""Statements on one row of an organisation, made once: building one takes three times as long as running it.

The law of this file: a statement is known by its table and the names of columns, which are the program's own; values
are bound when it runs.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Select, Table, Update, bindparam, insert, select, update

_OLD = "old_"
"""Before the names of parameters that say which row: an UPDATE keeps the plain ones for what is to be written."""


def first(db: Connection, table: Table, **names: Any) -> Any:
    """Return the row in which these columns have these values; None if there is none."""
    return db.execute(_select(table, tuple(names)), _old(names)).first()


def put(db: Connection, table: Table, names: dict[str, Any], values: dict[str, Any], new: dict[str, Any]) -> None:
    """Write `values` into the row with these columns; if there is none, add it, with `new` besides."""
    changed = db.execute(_update(table, tuple(names), tuple(values)), {**_old(names), **values}).rowcount
    if not changed:
        add(db, table, **names, **values, **new)


def add(db: Connection, table: Table, **values: Any) -> None:
    """Add a row."""
    db.execute(_insert(table), values)


@cache
def _select(table: Table, names: tuple[str, ...]) -> Select[Any]:
    return select(table).where(*_where(table, names))


@cache
def _update(table: Table, names: tuple[str, ...], values: tuple[str, ...]) -> Update:
    new: dict[str, Any] = {name: bindparam(name) for name in values}
    return update(table).where(*_where(table, names)).values(new)


@cache
def _insert(table: Table) -> Insert:
    return insert(table)


def _where(table: Table, names: tuple[str, ...]) -> list[Any]:
    return [table.c[name] == bindparam(_OLD + name) for name in names]


def _old(names: dict[str, Any]) -> dict[str, Any]:
    return {_OLD + name: value for name, value in names.items()}
