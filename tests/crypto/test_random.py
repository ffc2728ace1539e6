"""Randomness has the length that was asked for, and does not come twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tera.crypto.random import Random, system


def test_as_many_bytes_come_as_were_asked_for() -> None:
    source: Random = system
    for length in (0, 1, 12, 24, 32, 64, 5_000):
        assert len(source(length)) == length


def test_nothing_comes_twice_in_one_thread_or_several() -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(system, [16] * 1_000))
    assert len({system(16) for _ in range(1_000)}.union(found)) == 2_000


def test_a_negative_length_is_the_callers_bug() -> None:
    with pytest.raises(ValueError, match="negative"):
        system(-1)
