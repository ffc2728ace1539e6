"""A test that asks for `state` runs once on every kind of state; `authority` is one with it, `clock` is its clock."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tera.authority.authority import Authority
from tera.authority.memory import MemoryState
from tera.authority.ports import State
from tera.authority.sqlite import SqliteState
from tera.catalog.authority import OrgState
from tests.authority.asking import Clock, authority_on
from tests.catalog.databases import KINDS, catalog_of


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a state without anything in it, to be copied: to make its tables takes the disk some time."""
    path = tmp_path_factory.mktemp("state") / "authority.db"
    SqliteState(path).close()
    return path


CATALOGS = {f"catalog-{kind}": kind for kind in KINDS}


@pytest.fixture(params=["memory", "sqlite", *CATALOGS])
def state(request: pytest.FixtureRequest, tmp_path: Path, empty_database: Path) -> Iterator[State]:
    if request.param == "memory":
        yield MemoryState()
    elif request.param in CATALOGS:
        with catalog_of(CATALOGS[request.param], tmp_path) as catalog:
            yield OrgState(catalog, f"org-{uuid.uuid4()}")
    else:
        shutil.copy(empty_database, tmp_path / "authority.db")
        found = SqliteState(tmp_path / "authority.db")
        with found.reading() as view:
            db = view._db  # type: ignore[attr-defined]
        db.execute("PRAGMA synchronous = OFF")  # what these tests show does not need the disk
        yield found
        found.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authority(state: State, clock: Clock) -> Authority:
    return authority_on(state, clock)
