"""Databases for tests: SQLite files, and databases of the PostgreSQL that `.ci/servers` starts.

A test that asks for `catalog` runs once on both kinds; the PostgreSQL half skips by name where there is none. Making
tables takes some time, so SQLite's are copied from a file, and PostgreSQL's are shared by a process: such tests keep to
an organisation of their own.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from tera.catalog.engine import Catalog
from tera.catalog.tables import metadata

KINDS = ("sqlite", "postgresql")


def is_here(kind: str) -> bool:
    """Say whether tests have this kind of database."""
    return kind != "postgresql" or bool(os.environ.get("TERA_TEST_POSTGRESQL"))


def postgresql() -> str:
    """Return the address of the server's first database; skip the test where there is none."""
    found = os.environ.get("TERA_TEST_POSTGRESQL")
    if not found:
        pytest.skip("no PostgreSQL: TERA_TEST_POSTGRESQL is not set")
    return found


def _on_server(statement: str) -> None:
    engine = create_engine(make_url(postgresql()).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@contextmanager
def empty(kind: str, folder: Path) -> Iterator[str]:
    """Give the address of a database without tables."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'catalog.db'}"
        return
    name = f"tera_{uuid.uuid4().hex}"
    _on_server(f"CREATE DATABASE {name}")
    try:
        yield make_url(postgresql()).set(database=name).render_as_string(hide_password=False)
    finally:
        _on_server(f"DROP DATABASE {name} WITH (FORCE)")


@cache
def _template() -> Path:
    folder = tempfile.mkdtemp(prefix="tera-catalog-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "catalog.db"
    made = Catalog(f"sqlite:///{path}")
    made.create()
    made.close()
    return path


@cache
def _shared() -> str:
    held = empty("postgresql", Path())
    url = held.__enter__()
    atexit.register(held.__exit__, None, None, None)
    made = Catalog(url)
    made.create()
    made.close()
    return url


def emptied(catalog: Catalog) -> None:
    """Remove all rows of a catalog that tests share, for one that looks at all of them."""
    names = ", ".join(table.name for table in metadata.sorted_tables if table.name != "alembic_version")
    with catalog.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY"))


@contextmanager
def catalog_of(kind: str, folder: Path, *, timeout: float = 10.0, fast: bool = True) -> Iterator[Catalog]:
    """Give a catalog with tables; a `fast` one does not wait for the disk, which most tests do not need."""
    if kind == "sqlite":
        path = folder / "catalog.db"
        shutil.copy(_template(), path)
        url = f"sqlite:///{path}"
    else:
        postgresql()
        url = _shared()
    made = Catalog(url, timeout=timeout)
    if fast and made.is_sqlite:
        with made.engine.connect() as connection:  # there is one connection as long as there is one thread
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA synchronous = OFF")
    try:
        yield made
    finally:
        made.close()
