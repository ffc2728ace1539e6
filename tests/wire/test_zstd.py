"""One zstd frame of the size that is expected, and nothing else, at no more memory than that size."""

from __future__ import annotations

import struct
import threading
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import BadFrame
from tera.wire import zstd

MIB = 1 << 20
MAGIC = bytes.fromhex("28B52FFD")


def refused(frame: bytes, size: int) -> None:
    with pytest.raises(BadFrame) as caught:
        zstd.decompress(frame, size)
    assert caught.value.__cause__ is None
    assert "zstd" in str(caught.value) or "compressed frame" in str(caught.value)


# --- frames, written by hand (RFC 8878, 3.1.1) ------------------------------------------------------


def raw_block(data: bytes, *, last: bool = True) -> bytes:
    return (len(data) << 3 | last).to_bytes(3, "little") + data


def repeated_block(size: int, *, last: bool = True) -> bytes:
    """A block that is one byte, `size` times."""
    return (size << 3 | 1 << 1 | last).to_bytes(3, "little") + b"\0"


def header(
    size: int | None, *, window: int | None = None, dictionary: bytes = b"", checksum: bool = False, reserved: int = 0
) -> bytes:
    """A frame header; `window` is the descriptor's byte, without it the frame is one segment."""
    assert window is not None or size is not None
    widths = {1: 0, 2: 1, 4: 2, 8: 3}
    field = b"" if size is None else struct.pack("<Q", size) if size >= 2**32 else struct.pack("<I", size)
    descriptor = (widths[len(field)] << 6 if field else 0) | (window is None) << 5
    descriptor |= reserved << 3 | checksum << 2 | {0: 0, 1: 1, 2: 2, 4: 3}[len(dictionary)]
    return MAGIC + bytes((descriptor,)) + (b"" if window is None else bytes((window,))) + dictionary + field


def window_size(descriptor: int) -> int:
    """RFC 8878, 3.1.1.1.2."""
    base = 1 << (10 + (descriptor >> 3))
    return base + base // 8 * (descriptor & 7)


TEXT = b"the same words, the same words\n" * 50
FRAME = zstd.compress(TEXT)
SKIPPABLE = bytes.fromhex("502A4D18") + struct.pack("<I", 5) + b"hello"


# --- what comes back --------------------------------------------------------------------------------


@given(st.binary(max_size=3_000) | st.integers(1, 3 * MIB).map(bytes))
def test_everything_comes_back(data: bytes) -> None:
    frame = zstd.compress(data)
    for shape in (bytes, bytearray, memoryview):
        assert zstd.decompress(shape(frame), len(data)) == data
        assert zstd.compress(memoryview(data)) == frame


def test_a_frame_declares_its_size_and_has_neither_checksum_nor_dictionary() -> None:
    for data in (b"", b"x", TEXT, bytes(MIB)):
        frame = zstd.compress(data)
        found = zstandard.get_frame_parameters(frame)
        assert frame[:4] == MAGIC
        assert (found.content_size, found.dict_id, found.has_checksum) == (len(data), 0, False)
        assert found.window_size <= 8 * MIB


def test_a_frame_of_another_writer_is_taken() -> None:
    for level in (1, 9, 19):
        for checksum in (False, True):
            other = zstandard.ZstdCompressor(level=level, write_checksum=checksum)
            assert zstd.decompress(other.compress(TEXT), len(TEXT)) == TEXT
    plain = header(3) + raw_block(b"a", last=False) + raw_block(b"bc")
    assert zstd.decompress(plain, 3) == b"abc"
    assert zstd.decompress(header(3, window=0) + raw_block(b"abc"), 3) == b"abc"


def test_a_dictionary_id_of_zero_is_none() -> None:
    for dictionary in (b"\0", b"\0\0", b"\0\0\0\0"):
        assert zstd.decompress(header(3, dictionary=dictionary) + raw_block(b"abc"), 3) == b"abc"


# --- what is refused --------------------------------------------------------------------------------


def test_another_size_than_the_expected_is_refused() -> None:
    for size in (0, 1, len(TEXT) - 1, len(TEXT) + 1, 2**63):
        refused(FRAME, size)


def test_a_frame_that_does_not_declare_its_size_is_refused() -> None:
    silent = zstandard.ZstdCompressor(write_content_size=False).compress(TEXT)
    assert zstandard.ZstdDecompressor().decompress(silent, max_output_size=10_000) == TEXT
    refused(silent, len(TEXT))
    refused(header(None, window=0) + raw_block(b"abc"), 3)
    for unknown in (2**64 - 1, 2**64 - 2):  # what the library answers when it is not stated, or not readable
        refused(header(None, window=0) + raw_block(b"abc"), unknown)


def test_content_that_is_not_of_the_declared_size_is_refused() -> None:
    for data in (b"", b"ab", b"abcd"):
        refused(header(3) + raw_block(data), 3)
        refused(header(3, window=0) + raw_block(data), 3)
    refused(header(3) + raw_block(b"abc", last=False), 3)
    refused(header(3) + raw_block(b"abc", last=False) + raw_block(b"d"), 3)


@pytest.mark.parametrize("more", [b"\0", MAGIC, FRAME, SKIPPABLE, zstd.compress(b""), b"\0" * 100])
def test_anything_behind_the_frame_is_refused(more: bytes) -> None:
    refused(FRAME + more, len(TEXT))


@pytest.mark.parametrize("before", [b"\0", SKIPPABLE, zstd.compress(b""), MAGIC])
def test_anything_before_the_frame_is_refused(before: bytes) -> None:
    refused(before + FRAME, len(TEXT))


def test_a_skippable_frame_is_none() -> None:
    """It has no content at all: the library would return nothing, whatever was expected."""
    for first in range(0x50, 0x60):
        frame = bytes((first,)) + SKIPPABLE[1:]
        for size in (0, 5):
            refused(frame, size)


def test_a_frame_of_an_older_format_is_none() -> None:
    for first in (0x1E, *range(0x22, 0x28)):
        refused(bytes((first,)) + FRAME[1:], len(TEXT))


def test_a_window_of_8_mib_is_taken_and_a_larger_one_is_refused() -> None:
    taken = []
    for descriptor in range(256):
        frame = header(3, window=descriptor) + raw_block(b"abc")
        if window_size(descriptor) <= 8 * MIB:
            assert zstd.decompress(frame, 3) == b"abc"
            taken.append(window_size(descriptor))
        else:
            refused(frame, 3)
    assert max(taken) == 8 * MIB
    assert len(taken) == 13 * 8 + 1


def test_a_single_segments_window_is_its_content() -> None:
    for size in (8 * MIB, 8 * MIB + 1):
        blocks = [repeated_block(128 << 10, last=False)] * 64 + [repeated_block(size - 8 * MIB)]
        frame = header(size) + b"".join(blocks)
        if size == 8 * MIB:
            assert zstd.decompress(frame, size) == bytes(size)
        else:
            refused(frame, size)


def test_a_dictionary_is_refused() -> None:
    samples: list[bytes | bytearray | memoryview[int]] = [
        b"%d some words that come again %d" % (n, n * n) for n in range(500)
    ]
    dictionary = zstandard.train_dictionary(1_000, samples)
    frame = zstandard.ZstdCompressor(dict_data=dictionary).compress(TEXT)
    assert zstandard.get_frame_parameters(frame).dict_id != 0
    refused(frame, len(TEXT))
    for named in (b"\1", b"\0\1", b"\1\0\0\0"):  # even where the content does not need it
        refused(header(3, dictionary=named) + raw_block(b"abc"), 3)


def test_a_wrong_checksum_is_refused() -> None:
    frame = zstandard.ZstdCompressor(write_checksum=True).compress(TEXT)
    assert zstd.decompress(frame, len(TEXT)) == TEXT
    for bit in (0, 31):
        refused(frame[:-4] + (int.from_bytes(frame[-4:], "big") ^ 1 << bit).to_bytes(4, "big"), len(TEXT))


def test_a_reserved_bit_or_block_is_refused() -> None:
    refused(header(3, reserved=1) + raw_block(b"abc"), 3)
    refused(header(3) + (3 << 3 | 3 << 1 | 1).to_bytes(3, "little") + b"abc", 3)


@pytest.mark.parametrize("length", range(len(FRAME)))
def test_a_frame_cut_short_is_refused(length: int) -> None:
    refused(FRAME[:length], len(TEXT))


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda data: MAGIC + data), st.integers(0, 2_000))
def test_any_bytes_are_a_frame_of_that_size_or_refused(data: bytes, size: int) -> None:
    try:
        found = zstd.decompress(data, size)
    except BadFrame:
        return
    assert len(found) == size


@given(st.data())
def test_a_changed_byte_is_refused_or_another_content_of_the_same_size(data: st.DataObject) -> None:
    changed = bytearray(FRAME)
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] ^= data.draw(st.integers(1, 255))
    try:
        found = zstd.decompress(bytes(changed), len(TEXT))
    except BadFrame:
        return
    assert len(found) == len(TEXT)


# --- bombs ------------------------------------------------------------------------------------------


def bomb(declared: int, blocks: int) -> bytes:
    """A frame of 4 bytes for each 128 KiB."""
    body = repeated_block(128 << 10, last=False) * (blocks - 1) + repeated_block(128 << 10)
    return header(declared, window=13 << 3) + body


def peak_of(frame: bytes, size: int) -> int:
    refused(frame, size)  # once before, so that the library has its contexts
    tracemalloc.start()
    refused(frame, size)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_the_library_ignores_its_own_limit_when_the_frame_declares_a_size() -> None:
    """The trap for which the header is read first. If this fails, the trap is gone, and nothing else is wrong."""
    frame = bomb(4 * MIB, 32)
    assert len(zstandard.ZstdDecompressor().decompress(frame, max_output_size=1_000)) == 4 * MIB


def test_a_bomb_of_32_kb_is_refused_before_a_byte_is_allocated_for_it() -> None:
    frame = bomb(1 << 30, 8_192)
    assert len(frame) < 33_000
    for size in (1_000, MIB):
        assert peak_of(frame, size) < 3 * len(frame)


def test_a_bomb_that_declares_less_than_it_holds_yields_no_more_than_that() -> None:
    frame = bomb(MIB, 8_192)
    assert peak_of(frame, MIB) < MIB + 3 * len(frame)


def test_threads_do_not_mix_their_bytes() -> None:
    wrong: list[int] = []

    def work(number: int) -> None:
        data = b"%d " % number * 3_000
        for _ in range(100):
            if zstd.decompress(zstd.compress(data), len(data)) != data:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
