"""A library service for tests of the command: an organisation, its address, and a file with Ann's token."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tera.client import Library
from tera.library.library import Library as Served
from tests.client.libraries import served
from tests.library.places import Clock, clock, empty_catalog, library
from tests.service.houses import House

__all__ = ["Shelf", "clock", "empty_catalog", "library", "shelf"]


class Shelf:
    """`options` name the service on a command line."""

    def __init__(self, house: House, url: str, folder: Path) -> None:
        self.house, self.url = house, url
        self.token_file = folder / "token.txt"
        self.token_file.write_text(house.ann + "\n")
        self.options = ("--server", url, "--token-file", str(self.token_file))
        self.client = Library(url, house.ann)


@pytest.fixture
def shelf(
    library: Served, clock: Clock, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shelf]:
    clock.now = time.time()  # a signed request is of now
    for name in ("TERA_SERVER", "TERA_TOKEN_FILE", "TERA_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path_factory.mktemp("shelf")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    with House(library) as house, served(house.app) as url:
        yield Shelf(house, url, folder)
