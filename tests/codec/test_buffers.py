"""Buffers that are used again: never while a byte of one is still to be sealed."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from tera.codec.buffers import FramePool
from tera.codec.encoder import Encoder
from tera.format.records import FRAME_RAW
from tests.codec.sealed import KEK, contents, opened


def test_a_buffer_is_free_when_every_byte_came_back() -> None:
    pool = FramePool()
    first = pool.take(1_000)
    pool.give([first[:400]])
    second = pool.take(1_000)
    assert second.obj is not first.obj
    pool.give([first[400:999]])
    third = pool.take(10)
    assert third.obj is not first.obj
    assert third.obj is not second.obj
    pool.give([first[999:]])
    assert pool.take(FRAME_RAW).obj is first.obj


def test_a_buffer_has_the_length_that_was_asked_for_and_is_counted_anew() -> None:
    pool = FramePool()
    for length in (FRAME_RAW, 1, 77, FRAME_RAW):
        view = pool.take(length)
        assert (len(view), view.readonly) == (length, False)
        pool.give([view[: length // 2], view[length // 2 :]])
        assert pool.take(5).obj is view.obj
        pool.give([view[:5]])


def test_memory_of_others_is_left_alone() -> None:
    pool = FramePool()
    mine = bytearray(FRAME_RAW)
    pool.give([memoryview(mine), memoryview(b"bytes"), memoryview(mine)[5:9]])
    assert pool.take(9).obj is not mine
    taken = pool.take(FRAME_RAW)
    pool.give([taken])
    pool.give([taken])  # given twice, it is still one buffer
    assert pool.take(1).obj is not pool.take(1).obj


def test_no_more_than_a_few_are_kept() -> None:
    pool = FramePool()
    taken = [pool.take(10) for _ in range(50)]
    pool.give(taken)
    assert len(pool._free) == 16
    assert not pool._left


def test_threads_never_share_a_buffer() -> None:
    pool = FramePool()
    wrong: list[int] = []

    def work(name: int) -> None:
        for _ in range(300):
            view = pool.take(64)
            view[:] = bytes((name,)) * 64
            if bytes(view) != bytes((name,)) * 64:
                wrong.append(name)
            pool.give([view[:30]])
            pool.give([view[30:]])

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert not pool._left


@pytest.mark.parametrize("compress", [False, True])
def test_an_encoder_gets_its_buffers_back(tmp_path: Path, compress: bool) -> None:
    """A leak of one frame in ten would be the memory of the file."""
    data = random.Random(1).randbytes(3 << 20) + b"text " * 800_000
    path = tmp_path / "f"
    path.write_bytes(data)
    with Encoder(tmp_path / "out", recipients=[KEK], compress=compress, workers=2) as encoder:
        for number in range(4):
            encoder.add(path, name=f"{number}")
        pool = encoder._writer.pool
        encoder.close()
    assert len(pool._left) <= 2  # what the end of the data left over
    assert len(pool._free) <= 12
    with opened((tmp_path / "out").read_bytes()) as container:
        assert contents(container) == {f"{number}": data for number in range(4)}
