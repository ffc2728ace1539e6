"""Content by position: any part that is read is compared with the index, and no more is read than needed."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tera.codec.content import EntryFile
from tera.codec.reader import Container
from tera.errors import TeraError
from tera.format import sections as s
from tera.format.records import DIRECTORY, FRAME_RAW
from tera.wire import zstd
from tests.codec.forged import File, forge, lying
from tests.codec.sealed import KEK, opened, seal

MIB = 1 << 20
NOISE = random.Random(3).randbytes(4 * MIB + 77)
TEXT = b"the same words again " * 200_000
TWO = File("f", (NOISE[:MIB], NOISE[MIB : MIB + 9_000]))

Read = Callable[[Container, str], object]


class Counting(io.BytesIO):
    """Memory that knows how many bytes were read of it."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.count += len(found)
        return found


def whole(container: Container, path: str) -> object:
    return container.read(path)


def tail(container: Container, path: str) -> object:
    return container.read_range(path, container.entry(path).size - 1, container.entry(path).size)


def middle(container: Container, path: str) -> object:
    return container.read_range(path, 100, 101)


def far(container: Container, path: str) -> object:
    return container.read_range(path, 500_000, 500_001)  # not in the first chunk: the head is read apart


def streamed(container: Container, path: str) -> object:
    return container.open(path).read(10)


def nothing(container: Container, path: str) -> object:
    return container.read_range(path, container.entry(path).size, container.entry(path).size + 5)


def refused(code: str, data: bytes, read: Read, path: str) -> None:
    with opened(data) as container, pytest.raises(TeraError) as caught:
        read(container, path)
    assert caught.value.code == code


# --- what the index says ----------------------------------------------------------------------------


@pytest.mark.parametrize("read", [whole, tail, middle, far, streamed, nothing])
@pytest.mark.parametrize("change", [{"path": "g"}, {"mode": 0o600}, {"mtime": 9}, {"type": DIRECTORY}])
def test_every_read_compares_the_entry(read: Read, change: dict[str, Any]) -> None:
    if "type" in change:
        small, shown = File("f"), File("f", type=DIRECTORY)
        data = forge(small, shown=(shown,))
        with opened(data) as container, pytest.raises(TeraError) as caught:
            container._reader.check_head(container.entry("f"))
        assert caught.value.code == "bad_index"
        return
    refused("bad_index", forge(TWO, shown=(lying(TWO, **change),)), read, change.get("path", "f"))


@pytest.mark.parametrize("read", [whole, tail, middle, far, streamed])
def test_every_read_compares_the_frames_that_it_needs(read: Read) -> None:
    """Two frames whose lengths add up to what the index says, but differ."""
    longer = File("f", (NOISE[:MIB], NOISE[:50]), size=MIB + 50)
    stored = zstd.compress(bytes(MIB))
    packed = File("f", (stored, NOISE[:50]), raws=(MIB, 50))
    shown = lying(packed, frames=(stored + b"\0", NOISE[:49]), raws=(MIB, 50))
    # The second frame is looked for where no record starts, which is a fault in itself.
    refused("bad_record" if read is tail else "bad_index", forge(packed, shown=(shown,)), read, "f")
    with opened(forge(longer)) as container:
        assert read(container, "f") is not None


@pytest.mark.parametrize("read", [whole, middle, far, streamed])
def test_a_frame_that_states_another_length_is_refused_wherever_it_is_read(read: Read) -> None:
    torn = File("f", (NOISE[:MIB], NOISE[:51]), raws=(MIB - 1, 52))
    shown = lying(torn, raws=(MIB, 51))
    refused("bad_record", forge(torn, shown=(shown,)), read, "f")


def test_a_frame_that_is_not_compressed_but_said_to_be_is_refused() -> None:
    flagged = File("f", (NOISE[:900],), raws=(1_000,))
    for read in (whole, middle, tail, streamed):
        with opened(forge(flagged)) as container, pytest.raises(TeraError) as caught:
            read(container, "f")
        assert caught.value.code == "bad_frame"


def test_an_end_is_compared_only_by_who_reaches_it() -> None:
    data = forge(TWO, shown=(lying(TWO, b3=bytes(32)),))
    for read in (middle, far, tail, streamed, nothing):
        with opened(data) as container:
            read(container, "f")
    refused("bad_index", data, whole, "f")
    with opened(data) as container, pytest.raises(TeraError) as caught:
        container.open("f").read()
    assert caught.value.code == "bad_index"


# --- how much is read -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large() -> bytes:
    return seal([("noise", NOISE), ("text", TEXT)])


def test_a_range_costs_its_blocks(large: bytes) -> None:
    source = Counting(large)
    with Container(source, [KEK]) as container:
        for start, blocks in ((3 * MIB // 2, 2), (2 * MIB + 5, 2), (0, 1), (len(NOISE) - 1, 2)):
            before = source.count
            assert container.read_range("noise", start, start + 1) == NOISE[start : start + 1]
            # Its block, and those of the entry's head and the frame's.
            assert source.count - before <= (blocks + 1) * s.BLOCK_SIZE


def test_what_is_read_onward_reads_each_block_once(large: bytes) -> None:
    source = Counting(large)
    with Container(source, [KEK]) as container:
        entry = container.entry("noise")
        assert b"".join(container.frames(entry)) == NOISE
        before, blocks = source.count, -(-len(NOISE) // s.BLOCK_PLAIN) + 1
        assert b"".join(container.frames(entry)) == NOISE
        assert source.count - before <= (blocks + 1) * s.BLOCK_SIZE  # and the one with the end once more
        for start, stop in ((100, 100 + MIB), (MIB // 2, 3 * MIB), (MIB - 1, MIB + 1)):
            before, blocks = source.count, stop // MIB - start // MIB + 1
            assert b"".join(container.pieces(entry, start, stop)) == NOISE[start:stop]
            assert source.count - before <= (blocks + 1) * s.BLOCK_SIZE


def test_reading_in_small_steps_reads_each_block_a_few_times_only(large: bytes) -> None:
    for path, content in (("noise", NOISE), ("text", TEXT)):
        source = Counting(large)
        with Container(source, [KEK]) as container:
            file = container.open(path)
            got = b"".join(iter(partial(file.read, 4_096), b""))
        assert got == content
        assert source.count < 4 * len(large)


def test_nothing_is_read_for_nothing(large: bytes) -> None:
    with opened(large) as container:
        assert container.read_range("noise", len(NOISE), len(NOISE)) == b""
        assert container.read_range("noise", 1 << 70, 1 << 71) == b""
        assert container.read_range("noise", 7, 7) == b""
        file = container.open("noise")
        file.seek(1 << 70)
        assert file.read(5) == b""
        assert file.read(0) == b""
        assert file.readinto(bytearray()) == 0


# --- as a stream ------------------------------------------------------------------------------------


@pytest.mark.parametrize("edge", [0, 1, 16_383, 16_384, FRAME_RAW - 1, FRAME_RAW, FRAME_RAW + 1, 2 * FRAME_RAW])
@pytest.mark.parametrize("path", ["noise", "text"])
def test_a_stream_and_a_range_agree_at_every_edge(large: bytes, edge: int, path: str) -> None:
    content = {"noise": NOISE, "text": TEXT}[path]
    with opened(large) as container:
        file = container.open(path)
        for length in (1, 16_384, FRAME_RAW, FRAME_RAW + 5):
            file.seek(edge)
            assert file.read(length) == content[edge : edge + length]
            assert container.read_range(path, edge, edge + length) == content[edge : edge + length]


def test_frames_are_the_content_in_steps_of_a_mebibyte(large: bytes) -> None:
    with opened(large) as container:
        entry = container.entry("noise")
        frames = list(container.frames(entry))
        assert b"".join(frames) == NOISE
        assert [len(frame) for frame in frames] == [MIB] * 4 + [77]
        assert [container.frame(entry, number) for number in range(5)] == frames


def test_a_digest_is_compared_once_everything_was_read_in_any_way_from_the_start() -> None:
    data = forge(lying(TWO, b3=bytes(32)))
    with opened(data) as container:
        skipping: Any = container.open("f")
        skipping.seek(5)
        assert len(skipping.read()) == MIB + 9_000 - 5  # who did not read all cannot compare all
        again: Any = container.open("f")
        again.read(400)
        again.seek(0)
        again.read(100)
        again.seek(400)
        with pytest.raises(TeraError) as caught:  # what was read before counts
            again.read()
        assert caught.value.code == "bad_digest"


def test_an_empty_file_is_compared_by_its_first_read() -> None:
    data = forge(File("e", b3=b"\1" * 32))
    with opened(data) as container:
        file = container.open("e")
        with pytest.raises(TeraError) as caught:
            file.read(1)
        assert caught.value.code == "bad_digest"


def test_a_folder_is_no_stream() -> None:
    with opened(forge(File("d", type=DIRECTORY))) as container:
        with pytest.raises(TeraError) as caught:
            EntryFile(container._reader, container.entry("d"))
        assert caught.value.code == "bad_input"
        with pytest.raises(TeraError) as caught:
            list(container.frames(container.entry("d")))
        assert caught.value.code == "bad_input"
