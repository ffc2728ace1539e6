"""A test that asks for `state` runs once on every kind of state; `authority` is one with it, `clock` is its clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tera.authority.authority import Authority
from tera.authority.memory import MemoryState
from tera.authority.ports import State
from tera.authority.sqlite import SqliteState
from tests.authority.asking import Clock, authority_on


@pytest.fixture(params=["memory", "sqlite"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    if request.param == "memory":
        yield MemoryState()
    else:
        found = SqliteState(tmp_path / "authority.db")
        yield found
        found.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authority(state: State, clock: Clock) -> Authority:
    return authority_on(state, clock)
