"""Libraries for tests: an installation on a SQLite file and a folder, whose clock stands still until it is set."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from tera.catalog.engine import Catalog
from tera.library.keystore import FileKeyStore
from tera.library.library import Library
from tera.storage.folder import FolderStore

NOW = 1_900_000_000


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
    found = library_at(tmp_path, empty_catalog, clock)
    yield found
    found.pool.close()
    found.catalog.close()
