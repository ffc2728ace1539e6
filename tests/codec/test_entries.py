"""Entries on their way in: records that every reader takes, whether an entry comes whole or in frames."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.codec.buffers import FramePool
from tera.codec.entries import WORTH_COMPRESSING, Batch, LargeEntry, OpenFile, checked_head, squeeze
from tera.errors import TeraError
from tera.format.index import IndexBuilder
from tera.format.records import DIRECTORY, FILE, FRAME_RAW, EntryHead, parse_entry
from tera.wire import zstd

MIB = 1 << 20
TEXT = b"the same words again " * 60_000


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def refused(code: str, head: EntryHead) -> None:
    with pytest.raises(TeraError) as caught:
        checked_head(head)
    assert caught.value.code == code


# --- compression ------------------------------------------------------------------------------------


@given(st.binary(max_size=2_000) | st.builds(bytes.__mul__, st.binary(min_size=1, max_size=9), st.integers(0, 5_000)))
def test_a_frame_is_stored_shorter_or_as_it_is(data: bytes) -> None:
    stored = squeeze(data)
    if stored is data:
        return
    assert 1 <= len(stored) < len(data)
    assert zstd.decompress(stored, len(data)) == data


def test_what_is_worth_it_is_compressed_and_the_rest_costs_nothing() -> None:
    assert len(squeeze(TEXT[:MIB])) < 1_000
    for data in (noise(MIB), noise(256 << 10), noise(5_000), b"", b"x", TEXT[: WORTH_COMPRESSING - 1]):
        assert squeeze(data) is data
    assert len(squeeze(TEXT[:WORTH_COMPRESSING])) < WORTH_COMPRESSING
    view = memoryview(bytearray(noise(MIB)))
    assert squeeze(view) is view


def test_a_frame_that_is_noise_in_part_is_compressed() -> None:
    for part in (2, 4, 8):
        data = noise(MIB // part).ljust(MIB, b"\0")
        assert len(squeeze(data)) < MIB * 3 // 4


# --- heads ------------------------------------------------------------------------------------------


def test_a_head_is_what_a_reader_parses() -> None:
    for head in (
        EntryHead("a", FILE, 0o644, 0),
        EntryHead("a/b", DIRECTORY, 0, -(2**63)),
        EntryHead("ü", FILE, 0o777, 2**63 - 1, "text/plain"),
        EntryHead("x" * 255, FILE, 0o644, 5, "y" * 255, {"k": [1, b"2"]}),
    ):
        raw, body = checked_head(head)
        assert (raw.decode(), parse_entry(body)) == (head.path, head)


@pytest.mark.parametrize("path", ["", "/a", "a/", "../a", "a\\b", "a\0b", "\ud800", "x" * 256, "x/" * 600 + "y"])
def test_a_path_that_no_reader_takes_is_the_callers_mistake(path: str) -> None:
    refused("bad_input", EntryHead(path, FILE, 0o644, 0))


@pytest.mark.parametrize(
    "head",
    [
        EntryHead("a", FILE, 0o1000, 0),
        EntryHead("a", FILE, -1, 0),
        EntryHead("a", FILE, 0, 2**63),
        EntryHead("a", FILE, 0, -(2**63) - 1),
        EntryHead("a", FILE, 0, 0, ""),
        EntryHead("a", FILE, 0, 0, "é"),
        EntryHead("a", FILE, 0, 0, None, {"k": 1.5}),
        EntryHead("a", FILE, 0, 0, None, {"k": "x" * 70_000}),
    ],
)
def test_a_head_that_no_reader_takes_is_the_callers_mistake(head: EntryHead) -> None:
    refused("bad_input", head)


# --- whole and in frames ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 511, 512, 5_000, FRAME_RAW])
@pytest.mark.parametrize("compress", [False, True])
def test_an_entry_has_one_form_however_it_came(size: int, compress: bool) -> None:
    for data in (noise(size), TEXT[:size]):
        head = EntryHead("a", FILE, 0o640, 7)
        batch, index = Batch(), IndexBuilder()
        batch.add(head, data, compress=compress)
        whole = batch.note(index) + bytes(batch.blob)
        large, other = LargeEntry(head), IndexBuilder()
        framed = large.start(other)
        if data:
            stored = squeeze(data) if compress else data
            framed += large.frame(other, data, len(stored)) + bytes(stored)
        framed += large.end(other)
        assert framed == whole
        assert b"".join(other.pack([bytes(32)])) == b"".join(index.pack([bytes(32)]))
        assert batch.plain == len(data)


def test_nothing_comes_after_a_short_frame() -> None:
    entry, index = LargeEntry(EntryHead("a", FILE, 0, 0)), IndexBuilder()
    entry.start(index)
    entry.frame(index, bytes(FRAME_RAW), FRAME_RAW)
    entry.frame(index, b"short", 5)
    with pytest.raises(TeraError) as caught:
        entry.frame(index, b"more", 4)
    assert caught.value.code == "bad_input"


# --- files ------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "f"
    found.write_bytes(noise(2 * MIB + 9))
    return found


def opened(path: Path) -> OpenFile:
    fd = os.open(path, os.O_RDONLY)
    return OpenFile(fd, str(path), os.fstat(fd))


def test_frames_of_a_file_are_read_at_their_places(file: Path) -> None:
    one, pool = opened(file), FramePool()
    try:
        frames = {at: bytes(one.read(pool, at)) for at in (2 * MIB, 0, MIB)}
        one.check()
    finally:
        one.close()
        one.close()
    assert b"".join(frames[at] for at in sorted(frames)) == noise(2 * MIB + 9)


def test_a_file_that_changed_is_refused(file: Path) -> None:
    before = file.stat()
    changes: list[Callable[[], None]] = [
        lambda: os.truncate(file, MIB + 5),
        lambda: os.truncate(file, 3 * MIB),
        lambda: os.utime(file, ns=(0, before.st_mtime_ns + 1)),
    ]
    for change in changes:
        file.write_bytes(noise(2 * MIB + 9))
        os.utime(file, ns=(0, before.st_mtime_ns))
        one = opened(file)
        change()
        try:
            with pytest.raises(TeraError) as caught:
                for at in (0, MIB, 2 * MIB):
                    one.read(FramePool(), at)
                one.check()
        finally:
            one.close()
        assert caught.value.code == "input_changed"
        assert str(file) in str(caught.value)


def test_a_file_that_became_shorter_gives_no_frame(file: Path) -> None:
    one = opened(file)
    os.truncate(file, MIB + 5)
    try:
        assert len(one.read(FramePool(), 0)) == MIB
        for at in (MIB, 2 * MIB):
            with pytest.raises(TeraError) as caught:
                one.read(FramePool(), at)
            assert caught.value.code == "input_changed"
    finally:
        one.close()


def test_a_disk_that_fails_is_input_unavailable(file: Path) -> None:
    one = opened(file)
    one.close()  # every read of it fails from here on
    with pytest.raises(TeraError) as caught:
        one.read(FramePool(), 0)
    assert caught.value.code == "input_unavailable"
