"""A test that asks for `store` runs once on every kind of store."""

from __future__ import annotations

from pathlib import Path

import pytest

from tera.storage.port import Store
from tests.storage.stores import KINDS, store_of


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return store_of(request.param, tmp_path)
