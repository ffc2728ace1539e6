"""Segments: the same blocks however the plaintext came, and nothing out of a block that was not verified."""

from __future__ import annotations

import io
import random
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.codec import segment
from tera.codec.segment import SegmentReader, SegmentWriter, chunk_range, locate_index
from tera.codec.source import ObjectSource
from tera.crypto.chunked import CHUNK, SEALED_CHUNK, ChunkCipher
from tera.errors import TeraError
from tera.format import digests
from tera.format import sections as s

MIB = 1 << 20
SALT = bytes(range(24))
EDGES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + CHUNK, 3 * MIB - 5]


def cipher() -> ChunkCipher:
    return ChunkCipher(bytes(32), SALT, b"context")


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def sealed(plain: bytes, cuts: list[int] | None = None, start: int = 0) -> tuple[bytes, SegmentWriter]:
    """Return a whole segment of plaintext that is appended in pieces, its blocks sealed in any order."""
    writer = SegmentWriter(s.DATA, cipher(), SALT, start)
    blocks = []
    for begin, end in pairwise([0, *sorted(cuts or []), len(plain)]):
        writer.append(plain[begin:end])
        blocks += [(number, pieces, False) for number, pieces in writer.cut()]
    blocks.append((*writer.cut_last(), True))
    out = bytearray(writer.head).ljust(writer.length, b"?")
    random.Random(len(plain)).shuffle(blocks)
    for number, pieces, last in blocks:
        offset, data = writer.seal(number, pieces, last=last)
        out[offset - start : offset - start + len(data)] = data
    assert len(out) == writer.length
    return bytes(out), writer


def reader(data: bytes, plain: int, leaves: bytes) -> SegmentReader:
    found = SegmentReader(ObjectSource(io.BytesIO(data)), s.DATA, 0, plain)
    found.read_head()
    found.use(cipher())
    found.leaves = memoryview(leaves)
    return found


def refused(code: str, found: SegmentReader, *where: int) -> None:
    with pytest.raises(TeraError) as caught:
        found.read_block(*where)
    assert caught.value.code == code


# --- writing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", EDGES)
def test_the_pieces_make_no_difference(size: int) -> None:
    plain, places = noise(size), random.Random(size)
    whole, writer = sealed(plain)
    for count in (1, 7, 200):
        data, other = sealed(plain, [places.randrange(size + 1) for _ in range(count)])
        assert data == whole
        assert other.root == writer.root
        assert other.chunks == writer.chunks == size // CHUNK + 1


@pytest.mark.parametrize("size", EDGES)
def test_what_was_sealed_is_read(size: int) -> None:
    plain = noise(size)
    data, writer = sealed(plain)
    found = reader(data, size, b"".join(writer.leaves))
    assert found.blocks == len(writer.leaves) == size // MIB + 1
    assert b"".join(bytes(found.read_block(number)) for number in range(found.blocks)) == plain
    assert digests.root(s.DATA, found.salt_commitment, found.chunks, b"".join(writer.leaves)) == writer.root


def test_blocks_stand_where_the_text_says() -> None:
    data, _ = sealed(noise(3 * MIB - 5))
    for chunk in range(0, 191, 10):
        at = 64 + chunk // 64 * 1_049_608 + 8 + chunk % 64 * 16_400
        assert data[at : at + 16_384] != bytes(16_384)
        out = memoryview(bytearray(CHUNK))
        assert cipher().open_into(chunk, memoryview(data)[at : at + 16_400], out) == CHUNK
        assert bytes(out) == noise(3 * MIB - 5)[chunk * CHUNK : (chunk + 1) * CHUNK]


def test_a_start_in_the_file_moves_every_block() -> None:
    data, _ = sealed(noise(2 * MIB), start=0)
    moved, _ = sealed(noise(2 * MIB), start=4_096)
    assert data == moved


@pytest.mark.parametrize("step", [1_000, CHUNK, 300_001, MIB - 7, MIB, 3 * MIB])
def test_every_byte_is_released_once_and_may_then_be_overwritten(step: int) -> None:
    plain = noise(3 * MIB + 123)
    wanted, _ = sealed(plain)
    released = 0

    def release(pieces: object) -> None:
        nonlocal released
        for piece in pieces:  # type: ignore[attr-defined]
            if not piece.readonly:  # a copy of what a block left over
                released += len(piece)
                piece[:] = bytes(len(piece))

    writer = SegmentWriter(s.DATA, cipher(), SALT, 0, release)
    out = bytearray(writer.head)
    for at in range(0, len(plain), step):
        writer.append(bytearray(plain[at : at + step]))
        for number, pieces in writer.cut():
            out += writer.seal(number, pieces)[1]
    number, pieces = writer.cut_last()
    out += writer.seal(number, pieces, last=True)[1]
    assert out == wanted
    assert released == len(plain)


# --- reading ----------------------------------------------------------------------------------------


def test_any_chunks_of_a_block_are_read_alone() -> None:
    plain = noise(MIB + 5 * CHUNK + 7)
    data, writer = sealed(plain)
    found = reader(data, len(plain), b"".join(writer.leaves))
    for number, first, after in ((0, 0, 1), (0, 63, 64), (0, 7, 9), (1, 0, 6), (1, 5, 6), (1, 2, 3), (1, 5, 64)):
        start = number * MIB + first * CHUNK
        stop = min(number * MIB + after * CHUNK, len(plain))
        assert bytes(found.read_block(number, first, after)) == plain[start:stop]
    assert chunk_range(0, 1) == (0, 1)
    assert chunk_range(CHUNK - 1, CHUNK + 1) == (0, 2)
    assert chunk_range(CHUNK, 2 * CHUNK) == (1, 2)


def test_the_leaf_is_compared_before_a_tag_and_a_tag_before_a_byte() -> None:
    plain = b"secret" * 9_000
    data, writer = sealed(plain)
    bad = bytearray(data)
    place = s.SEGMENT_HEAD + s.HEADER + SEALED_CHUNK + 5
    bad[place] ^= 1
    refused("bad_root", reader(bytes(bad), len(plain), writer.leaves[0]), 0)
    refused("bad_root", reader(data, len(plain), bytes(32)), 0)
    refused("bad_root", reader(data, len(plain), b""), 0)
    agreed = digests.leaf(s.DATA, 0, memoryview(bad)[s.SEGMENT_HEAD :])  # what another recipient can make
    found = reader(bytes(bad), len(plain), agreed)
    for where in ((0,), (0, 1, 2), (0, 0, 64)):
        refused("bad_chunk", found, *where)
        left = segment._buffer("plain", s.BLOCK_PLAIN)[: len(plain)]
        assert b"secret" not in bytes(left[: 2 * CHUNK])
    assert bytes(found.read_block(0, 0, 1)) == plain[:CHUNK]
    assert bytes(found.read_block(0, 2, 3)) == plain[2 * CHUNK : 3 * CHUNK]
    refused("bad_chunk", found, 0)  # it goes on refusing


def test_a_leaf_belongs_to_its_number_and_kind() -> None:
    data, writer = sealed(noise(2 * MIB))
    block = memoryview(data)[s.SEGMENT_HEAD : s.SEGMENT_HEAD + s.BLOCK_SIZE]
    leaves = {digests.leaf(kind, number, block) for kind in (s.DATA, s.INDEX) for number in (0, 1)}
    assert len(leaves) == 4
    assert writer.leaves[0] in leaves
    swapped = writer.leaves[1] + writer.leaves[0] + writer.leaves[2]
    refused("bad_root", reader(data, 2 * MIB, swapped), 0)


@pytest.mark.parametrize("keep", [0, 5, 8, 63, 64, 70, 72, 1_000])
def test_a_source_that_ends_early_is_truncated(keep: int) -> None:
    data, writer = sealed(noise(2_000))
    found = SegmentReader(ObjectSource(io.BytesIO(data[:keep])), s.DATA, 0, 2_000)
    found.use(cipher())
    found.leaves = memoryview(writer.leaves[0])
    with pytest.raises(TeraError) as caught:
        found.read_head()
        found.read_block(0)
    assert caught.value.code == "truncated"


def test_a_block_of_another_length_is_bad_layout() -> None:
    data, writer = sealed(noise(MIB + 100))
    for plain in (MIB + 99, MIB + 101, MIB + CHUNK, 2 * MIB + 100, 100):
        found = reader(data, plain, b"".join(writer.leaves) + bytes(32))
        with pytest.raises(TeraError) as caught:
            for number in range(found.blocks):
                found.read_block(number)
        assert caught.value.code == "bad_layout"


def test_two_threads_read_into_memory_of_their_own() -> None:
    plain = noise(2 * MIB)
    data, writer = sealed(plain)
    found = reader(data, len(plain), b"".join(writer.leaves))
    mine = found.read_block(0)
    thread = threading.Thread(target=lambda: found.read_block(1))
    thread.start()
    thread.join()
    assert bytes(mine) == plain[:MIB]


# --- where the index is -----------------------------------------------------------------------------


class Headers:
    """A payload of which only the header of DATA's last block is looked at."""

    def __init__(self, plain: int, index: int) -> None:
        self.size = s.segment_length(plain) + s.segment_length(index)
        chunks = s.chunk_count(plain)
        self.at = s.block_offset(s.block_count(chunks) - 1)
        self.header = s.pack_header(s.BLOCK, s.last_block_length(plain), s.LAST)
        self.chunks = (chunks, s.chunk_count(index))

    def read_at(self, offset: int, length: int) -> bytes:
        return self.header[:length] if offset == self.at else bytes(length)

    def read_into(self, offset: int, out: memoryview) -> int:
        raise NotImplementedError


LENGTHS = st.sampled_from([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, MIB - 1, MIB, MIB + 1]) | st.integers(0, 1 << 40)


@given(plain=LENGTHS, index=LENGTHS)
def test_both_lengths_are_found_from_one_header(plain: int, index: int) -> None:
    source = Headers(plain, index)
    assert locate_index(source, 0, source.size, source.chunks) == (plain, index)


@given(plain=LENGTHS, index=LENGTHS, change=st.sampled_from([(1, 0), (-1, 0), (0, 1), (0, -1), (64, 0), (0, 64)]))
def test_other_counts_of_chunks_never_fit(plain: int, index: int, change: tuple[int, int]) -> None:
    source = Headers(plain, index)
    counts = (source.chunks[0] + change[0], source.chunks[1] + change[1])
    if min(counts) >= 1:
        with pytest.raises(TeraError) as caught:
            locate_index(source, 0, source.size, counts)
        assert caught.value.code in ("bad_layout", "bad_section")


@given(plain=LENGTHS, index=LENGTHS, more=st.integers(-2_000_000, 2_000_000).filter(bool))
def test_another_length_of_the_payload_is_another_index_or_refused(plain: int, index: int, more: int) -> None:
    source = Headers(plain, index)
    try:
        found = locate_index(source, 0, source.size + more, source.chunks)
    except TeraError as error:
        assert error.code == "bad_layout"
    else:
        assert found == (plain, index + more)
        assert s.chunk_count(index + more) == source.chunks[1]
