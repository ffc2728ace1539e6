"""A test that asks for `catalog` runs once on every kind of database; `org` is an organisation's id of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tera.catalog.engine import Catalog
from tests.catalog.databases import KINDS, catalog_of


@pytest.fixture(params=KINDS)
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    with catalog_of(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def org() -> str:
    return f"org-{uuid.uuid4()}"
