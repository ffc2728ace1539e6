"""A test that asks for `house` gets an application of its own with one organisation, over the library of `library`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tera.library.library import Library
from tests.library.places import clock, empty_catalog, library
from tests.service.houses import House

__all__ = ["clock", "empty_catalog", "house", "library"]


@pytest.fixture
def house(library: Library) -> Iterator[House]:
    with House(library) as found:
        yield found
