"""The audit log: one durable event, a proof among a million events, and a whole log verified.

    python -m pytest benchmarks/test_audit.py -o addopts= --import-mode=importlib --benchmark-only

The bars are 1 ms each. A durable append is mostly one flush of the disk, which `test_flush` measures beside it in
the same folder (`--basetemp` chooses it); where that alone takes half of the bar, the bar is not held against the
append, and `test_append_without_the_disk` says what the log itself takes. `TERA_BENCH_EVENTS` sets the number
of events, 1,000,000. The lower quartile is held against the bar, so that a busy machine does not fail it.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import quantiles
from typing import Any

import pytest

from tera.audit import tree
from tera.audit.checkpoint import Checkpoint, sign_checkpoint
from tera.audit.events import Event
from tera.audit.log import keys_of
from tera.audit.notekeys import log_signers
from tera.audit.proof import open_proof, prove
from tera.crypto.signing import SigningKey
from tera.state import logdb
from tera.state.database import Database
from tera.state.logdb import SqliteLog

EVENTS = int(os.environ.get("TERA_BENCH_EVENTS", "1000000"))
MOST_SECONDS = 0.001
ORIGIN = "authority.example/log"
SIGNERS = log_signers(ORIGIN, SigningKey(bytes(range(64))))
KNOWN = [signer.verifier for signer in SIGNERS]


def event(at: int) -> Event:
    name = at.to_bytes(32, "big")
    return Event(at, "release", name[16:], name, viewer="ann@a.example", request=name, extra={"left": 3})


def database(path: Path) -> Database:
    return Database(path, application=1, version=1, schema=logdb.SCHEMA, what="the log")


def connection_of(opened: Database) -> sqlite3.Connection:
    with opened.reading() as connection:
        return connection


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    with closing(database(tmp_path / "log.db")) as opened:
        yield opened


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteLog]:
    """A log of many events. The rows are those of `append`, written without its transactions: a minute less."""
    with closing(database(tmp_path_factory.mktemp("audit") / "full.db")) as opened:
        connection = connection_of(opened)
        log = SqliteLog(connection)
        connection.execute("PRAGMA synchronous = OFF")
        frontier = tree.Frontier()
        with opened.transaction():
            connection.executemany("INSERT INTO log_event VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows(EVENTS))
            connection.executemany(
                "INSERT INTO log_node VALUES (?, ?)",
                (
                    (at, b"".join(frontier.append(tree.leaf_hash(data))))
                    for at, data in connection.execute("SELECT idx, data FROM log_event ORDER BY idx")
                ),
            )
        assert log.root() == frontier.root()
        yield log


def rows(count: int) -> Iterator[tuple[Any, ...]]:
    for at in range(count):
        one = event(at)
        yield (at, *keys_of(one), one.pack())


def hold(benchmark: Any) -> None:
    """Fail if the lower quartile is above the bar."""
    if benchmark.stats is not None:  # not with --benchmark-disable
        assert benchmark.stats.stats.q1 <= MOST_SECONDS


def test_flush(benchmark: Any, tmp_path: Path) -> None:
    with (tmp_path / "flushed").open("wb", buffering=0) as file:

        def flush() -> None:
            file.write(bytes(4_096))
            os.fdatasync(file.fileno())

        benchmark.pedantic(flush, rounds=200)


def test_append_one_durable_event(benchmark: Any, empty: Database, tmp_path: Path) -> None:
    fresh, flushes = iter(range(1_000)), list[float]()

    def append(data: bytes) -> None:
        with empty.transaction() as connection:
            SqliteLog(connection).append(data)

    with (tmp_path / "flushed").open("wb", buffering=0) as file:

        def one() -> tuple[tuple[bytes], dict[str, object]]:
            """Make an event; and ask, just before, what the disk takes now."""
            began = time.perf_counter()
            file.write(bytes(4_096))
            os.fdatasync(file.fileno())
            flushes.append(time.perf_counter() - began)
            return (event(next(fresh)).pack(),), {}

        benchmark.pedantic(append, setup=one, rounds=200, warmup_rounds=5)
    if len(flushes) > 2 and (disk := quantiles(flushes)[0]) > MOST_SECONDS / 2:
        pytest.skip(f"this disk takes {disk * 1e3:.1f} ms for one flush of 4 KiB, so the bar says nothing of the log")
    hold(benchmark)


def test_append_without_the_disk(benchmark: Any, empty: Database) -> None:
    connection_of(empty).execute("PRAGMA synchronous = OFF")

    def append(data: bytes) -> None:
        with empty.transaction() as connection:
            SqliteLog(connection).append(data)

    fresh = iter(range(10_000))
    benchmark.pedantic(append, setup=lambda: ((event(next(fresh)).pack(),), {}), rounds=1_000, warmup_rounds=5)
    hold(benchmark)


def test_prove_and_verify_inclusion_among_a_million(benchmark: Any, full: SqliteLog) -> None:
    size, root, draw = full.size(), full.root(), random.Random(1)
    assert size == EVENTS

    def both(index: int, leaf: bytes) -> None:
        tree.verify_inclusion(leaf, index, size, full.inclusion(index, size), root)

    def one() -> tuple[tuple[int, bytes], dict[str, object]]:
        index = draw.randrange(size)
        return (index, full.node(0, index)), {}

    benchmark.pedantic(both, setup=one, rounds=500, warmup_rounds=5)
    hold(benchmark)


def test_prove_and_verify_consistency_among_a_million(benchmark: Any, full: SqliteLog) -> None:
    size, draw = full.size(), random.Random(1)
    root = full.root()

    def both(old: int, old_root: bytes) -> None:
        tree.verify_consistency(old, size, full.consistency(old, size), old_root, root)

    def one() -> tuple[tuple[int, bytes], dict[str, object]]:
        old = draw.randrange(1, size)
        return (old, full.root(old)), {}

    benchmark.pedantic(both, setup=one, rounds=500, warmup_rounds=5)
    hold(benchmark)


def test_a_whole_proof_is_made_and_opened_among_a_million(benchmark: Any, full: SqliteLog) -> None:
    """With both signatures of the checkpoint; the bar does not ask for this one."""
    signed = sign_checkpoint(Checkpoint(ORIGIN, full.size(), full.root()), SIGNERS)
    draw: Callable[[int], int] = random.Random(1).randrange
    benchmark(lambda: open_proof(prove(full, draw(EVENTS), signed).dump(), KNOWN, ORIGIN))
