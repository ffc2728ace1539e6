"""Libraries for tests: an installation on a SQLite file and a folder, or on servers, whose clock a test sets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import event

from tera.catalog.engine import Catalog
from tera.library.keyrows import RowKeyStore
from tera.library.keystore import FileKeyStore
from tera.library.library import Library
from tera.storage.folder import FolderStore
from tests.catalog.databases import catalog_of, emptied
from tests.storage.stores import store_of

NOW = 1_900_000_000
ON_SERVERS = os.environ.get("TERA_TEST_ON") == "servers"
"""Whether `library` is on PostgreSQL and S3 (`.ci/servers`) in this run; a database is then shared by a process."""


class Clock:
    """A clock that stands still until a test sets it."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def catalog_at(path: Path, empty: Path) -> Catalog:
    """Return a catalog with tables and no rows. The disk is not waited for: no test that uses it cuts the power."""
    shutil.copy(empty, path)
    found = Catalog(f"sqlite:///{path}")

    @event.listens_for(found.engine, "connect")
    def connected(raw: object, _: object) -> None:
        raw.execute("PRAGMA synchronous = OFF")  # type: ignore[attr-defined]

    return found


def library_at(folder: Path, empty: Path, clock: Clock) -> Library:
    """Return a library below a folder."""
    return Library(
        catalog_at(folder / "catalog.db", empty),
        FolderStore(folder / "blobs"),
        FileKeyStore(folder / "keys", bytes(32)),
        clock=clock,
    )


@pytest.fixture(scope="session")
def empty_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog without rows, to be copied: to make its tables takes the disk some time."""
    path = tmp_path_factory.mktemp("catalog") / "catalog.db"
    catalog = Catalog(f"sqlite:///{path}")
    catalog.create()
    catalog.close()
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def library(tmp_path: Path, empty_catalog: Path, clock: Clock) -> Iterator[Library]:
    with ExitStack() as held:
        if ON_SERVERS:
            catalog = held.enter_context(catalog_of("postgresql", tmp_path))
            emptied(catalog)
            found = Library(catalog, store_of("s3", tmp_path), RowKeyStore(catalog, bytes(32)), clock=clock)
        else:
            found = library_at(tmp_path, empty_catalog, clock)
            held.callback(found.catalog.close)
        held.callback(found.pool.close)
        yield found
