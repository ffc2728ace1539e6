"""A block list of a million ids: what an open pays for it, in time and memory.

    python -m pytest benchmarks/test_blocklist.py -o addopts= --import-mode=importlib --benchmark-only

An open is `BlockList.open` and the look-ups of one container: id, H_bind, two signers, policy, one recipient, digest.
The bars: 1 ms, 40 MB. The lower quartile is held against the first, so that a busy machine does not fail it.
"""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tera.crypto.signing import SigningKey
from tera.format.signatures import signer_name
from tera.policy.blockfile import Kind, build_blocklist
from tera.policy.blocklist import BlockList, Named

COUNT = 1_000_000
KEY = SigningKey(bytes(64))
TRUSTED = frozenset({signer_name(KEY.public)})
MOST_SECONDS = 0.001
MOST_BYTES = 40_000_000
NAMED: tuple[Named, ...] = (
    (Kind.CONTAINER, bytes(16)),
    (Kind.BIND, bytes(32)),
    (Kind.SIGNER, bytes(32)),
    (Kind.SIGNER, b"\1" * 32),
    (Kind.POLICY, bytes(16)),
    (Kind.RECIPIENT, bytes(32)),
    (Kind.DIGEST, bytes(32)),
)


@dataclass
class Stored:
    """A list on disk, open for reading at any place."""

    descriptor: int
    size: int

    def read_at(self, offset: int, length: int) -> bytes:
        return os.pread(self.descriptor, length, offset)

    def open(self) -> BlockList:
        return BlockList.open(self.read_at, self.size, trusted=TRUSTED, now=5, marks={})


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    path: Path = tmp_path_factory.mktemp("lists") / "million.terb"
    ids = (hashlib.sha256(at.to_bytes(4, "big")).digest() for at in range(COUNT))
    path.write_bytes(build_blocklist(ids, KEY, list_id=bytes(16), version=1, issued=1, expires=10))
    descriptor = os.open(path, os.O_RDONLY)
    yield Stored(descriptor, path.stat().st_size)
    os.close(descriptor)


def test_open_and_look_up(benchmark: Any, stored: Stored) -> None:
    benchmark(lambda: stored.open().check(NAMED))
    if benchmark.enabled:
        assert benchmark.stats.stats.q1 < MOST_SECONDS


def test_look_up(benchmark: Any, stored: Stored) -> None:
    found = stored.open()
    benchmark(found.check, NAMED)


def test_memory(benchmark: Any, stored: Stored) -> None:
    def peak() -> int:
        tracemalloc.start()
        stored.open().check(NAMED)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    most = benchmark.pedantic(peak, rounds=1)
    benchmark.extra_info["peak"] = most
    print(f"peak of opening and looking up: {most:,} bytes")
    assert most < MOST_BYTES


def test_build(benchmark: Any) -> None:
    ids = [hashlib.sha256(at.to_bytes(4, "big")).digest() for at in range(COUNT)]
    build = {"list_id": bytes(16), "version": 1, "issued": 1, "expires": 10}
    benchmark.pedantic(build_blocklist, (ids, KEY), build, rounds=1)
