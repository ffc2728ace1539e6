"""The catalog alone: what a request asks of it, among many rows, without HTTP.

    python -m pytest benchmarks/test_catalog.py -o addopts= --import-mode=importlib --benchmark-only

`TERA_BENCH_ROWS` is how many containers there are, 100,000; `TERA_BENCH_POSTGRESQL` the address of an empty database
to ask beside SQLite. Half of what a bar leaves for a whole request is held against the lower quartile, so that a
busy machine does not fail it. An event is written durably, and so waits for the disk: it is measured and not held.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.service_catalog import FIRST, TAGS, container_id, fill
from tera.catalog.containers import Filter
from tera.catalog.engine import Catalog
from tera.catalog.log import OrgLog
from tera.library import find, identity
from tera.library.keystore import FileKeyStore
from tera.library.library import Library, Principal
from tera.storage.folder import FolderStore

ROWS = int(os.environ.get("TERA_BENCH_ROWS", "100000"))
POSTGRESQL = os.environ.get("TERA_BENCH_POSTGRESQL")
KINDS = ["sqlite", "postgresql"] if POSTGRESQL else ["sqlite"]


@dataclass(frozen=True)
class Full:
    """A library with many containers, who asks, and with which header."""

    library: Library
    who: Principal
    header: str


@pytest.fixture(scope="module", params=KINDS)
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    catalog = Catalog(f"sqlite:///{folder / 'catalog.db'}" if request.param == "sqlite" else str(POSTGRESQL))
    if catalog.version() is None:
        catalog.create()
    library = Library(catalog, FolderStore(folder / "blobs"), FileKeyStore(folder / "keys", bytes(32)))
    org, key = identity.create_org(library, "Acme", "ann@example.org")
    fill(catalog, org.id, ROWS)
    yield Full(library, Principal(key.key, org), f"Bearer {key.token}")
    catalog.close()


def hold(benchmark: Any, most: float, work: Callable[[], object]) -> None:
    benchmark(work)
    if benchmark.stats is not None:  # --benchmark-disable
        assert benchmark.stats.stats.q1 <= most / 2


def test_a_key_is_authenticated(benchmark: Any, full: Full) -> None:
    hold(benchmark, 0.0025, lambda: identity.authenticate(full.library, full.header))


def test_one_of_many(benchmark: Any, full: Full) -> None:
    number = iter(range(ROWS * 1_000))
    hold(benchmark, 0.0025, lambda: find.get(full.library, full.who, container_id(next(number) * 7_919 % ROWS)))


def test_by_digest(benchmark: Any, full: Full) -> None:
    digest = find.get(full.library, full.who, container_id(ROWS // 3)).digest
    hold(benchmark, 0.003, lambda: find.by_digest(full.library, full.who, digest))


@pytest.mark.parametrize("part", [0, 1, 2], ids=["first", "middle", "last"])
def test_a_page_of_100(benchmark: Any, full: Full, part: int) -> None:
    after = max(0, ROWS * part // 2 - 100)
    hold(benchmark, 0.01, lambda: find.page(full.library, full.who, Filter(), after=after, limit=100))


@pytest.mark.parametrize("tag", TAGS)
def test_a_page_by_tag(benchmark: Any, full: Full, tag: str) -> None:
    hold(benchmark, 0.02, lambda: find.page(full.library, full.who, Filter(tag=tag), limit=100))


def test_a_page_by_time(benchmark: Any, full: Full) -> None:
    late = Filter(start=FIRST + ROWS - 200)
    hold(benchmark, 0.01, lambda: find.page(full.library, full.who, late, limit=100))


def test_an_event_is_written(benchmark: Any, full: Full) -> None:
    event = full.library.event("block", viewer="ann@example.org").pack()

    def write() -> None:
        with full.library.catalog.writing(full.who.org.id) as db:
            OrgLog(db, full.who.org.id).append(event)

    benchmark.pedantic(write, rounds=200)
