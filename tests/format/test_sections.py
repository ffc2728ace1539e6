"""Section headers have the types, flags and lengths of the text's table; offsets are sums over what stands before."""

from __future__ import annotations

import struct
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tera.errors import BadSection, NotTera, TeraError, UnsupportedVersion
from tera.format import sections as s
from tests.format.hostile import refused

# The table of the text: the flags of each type, and its lengths.
TABLE: dict[tuple[int, int], tuple[int, int]] = {
    (0x01, 0): (33, 65_536),
    (0x02, 0): (8, 262_144),
    (0x03, 0): (37, 4_194_304),
    (0x10, 1): (56, 56),
    (0x10, 2): (56, 56),
    (0x11, 0): (1_049_600, 1_049_600),
    (0x11, 1): (16, 1_049_599),
    (0x20, 0): (37, 65_536),
    (0x21, 0): (16, 16),
}


def possible(type: int, flags: int, length: int) -> bool:
    low, high = TABLE.get((type, flags), (1, 0))
    return low <= length <= high and ((type, flags) != (0x11, 1) or 16 <= length % 16_400 <= 16_399)


def kind_of(type: int, flags: int) -> int:
    """The segment that is expected, where a SEGMENT is."""
    return flags if type == 0x10 else 0


# --- preamble ---------------------------------------------------------------------------------------


def test_the_preamble_is_the_one_of_the_text() -> None:
    assert bytes.fromhex("89 54 45 52 41 0D 0A 1A 01 00 0001 00000000") == s.PREAMBLE
    s.check_preamble(s.PREAMBLE)


@pytest.mark.parametrize("length", range(16))
def test_a_preamble_cut_short_is_refused(length: int) -> None:
    refused("not_tera" if length < 8 else "truncated", s.check_preamble, s.PREAMBLE[:length])


@pytest.mark.parametrize("at", range(16))
def test_a_changed_byte_of_the_preamble_is_refused(at: int) -> None:
    for value in set(range(256)) - {s.PREAMBLE[at]}:
        changed = s.PREAMBLE[:at] + bytes((value,)) + s.PREAMBLE[at + 1 :]
        refused("not_tera" if at < 8 else "unsupported_version", s.check_preamble, changed)


def test_another_version_or_suite_is_named() -> None:
    with pytest.raises(UnsupportedVersion, match=r"version 2\.7, suite 259: only"):
        s.check_preamble(s.PREAMBLE[:8] + bytes((2, 7, 1, 3)) + bytes(4))


@given(st.binary(max_size=20) | st.binary(max_size=12).map(lambda end: s.PREAMBLE[:8] + end))
def test_sixteen_bytes_are_the_preamble_and_no_others(data: bytes) -> None:
    try:
        s.check_preamble(data)
    except TeraError as error:
        assert error.code == ("not_tera" if data[:8] != s.MAGIC else "truncated" if len(data) < 16 else error.code)
    else:
        assert data == s.PREAMBLE


def test_changed_line_ends_are_named() -> None:
    for changed in (s.PREAMBLE.replace(b"\r\n", b"\n"), s.PREAMBLE.replace(b"\n", b"\r\n")):
        with pytest.raises(NotTera) as caught:
            s.check_preamble(changed)
        assert caught.value.hint is not None and "binary mode" in caught.value.hint


# --- headers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("type", "flags"), TABLE)
def test_every_length_at_its_bounds_passes_and_the_next_is_refused(type: int, flags: int) -> None:
    low, high = TABLE[type, flags]
    for length in (low, high):
        data = struct.pack(">BBHI", type, flags, 0, length)
        assert s.pack_header(type, length, flags) == data
        found = s.parse_header(data, type, kind=kind_of(type, flags))
        assert (found.type, found.flags, found.length) == (type, flags, length)
        assert found.last == (flags == 1)
    for length in {0, low - 1, high + 1, 2**32 - 1}:
        data = struct.pack(">BBHI", type, flags, 0, length)
        refused("bad_section", s.parse_header, data, type, kind=kind_of(type, flags))


def test_the_numbers_have_the_names_of_the_text() -> None:
    assert (s.CORE, s.POLICY, s.ACCESS, s.SEGMENT, s.BLOCK, s.TRAILER, s.TAIL) == (1, 2, 3, 16, 17, 32, 33)
    assert (s.DATA, s.INDEX, s.LAST) == (1, 2, 1)
    assert s.pack_header(s.CORE, 33) == bytes.fromhex("01000000 00000021"), "without flags, unless told otherwise"
    assert s.parse_header(s.pack_header(s.CORE, 33), s.CORE) == (1, 0, 33)


@pytest.mark.parametrize(("type", "flags"), TABLE)
def test_other_flags_and_reserved_bits_are_refused(type: int, flags: int) -> None:
    length = TABLE[type, flags][0]
    wrong = [other for other in range(256) if not possible(type, other, length) or (type == 0x10 and other != flags)]
    assert len(wrong) >= 254
    for other in wrong:
        data = struct.pack(">BBHI", type, other, 0, length)
        refused("bad_section", s.parse_header, data, type, kind=kind_of(type, flags))
    for reserved in (1, 0x80, 0x100, 0x8000, 0xFFFF):
        data = struct.pack(">BBHI", type, flags, reserved, length)
        refused("bad_section", s.parse_header, data, type, kind=kind_of(type, flags))


@pytest.mark.parametrize(("type", "flags"), TABLE)
def test_another_type_than_the_expected_is_refused_and_named(type: int, flags: int) -> None:
    data = struct.pack(">BBHI", type, flags, 0, TABLE[type, flags][0])
    for expected, _ in TABLE:
        if expected != type:
            refused("bad_section", s.parse_header, data, expected)
    with pytest.raises(BadSection, match="type 0x77"):
        s.parse_header(b"\x77" + data[1:], type)


@pytest.mark.parametrize("length", range(8))
def test_fewer_than_8_bytes_are_truncated_whatever_they_are(length: int) -> None:
    for type, flags in TABLE:
        for data in (struct.pack(">BBHI", type, flags, 0, TABLE[type, flags][0]), b"\xff" * 8):
            refused("truncated", s.parse_header, data[:length], type, kind=kind_of(type, flags))


@given(
    st.tuples(st.sampled_from(sorted(TABLE)), st.integers(0, 2**32 - 1) | st.integers(0, 2**21), st.integers(0, 255)),
    st.binary(min_size=8, max_size=8) | st.none(),
)
@example(((0x11, 1), 16_399, 0), None)
@example(((0x11, 1), 16_400, 0), None)
@example(((0x11, 1), 16_416, 0), None)
def test_a_header_that_parses_packs_to_the_same_bytes(
    case: tuple[tuple[int, int], int, int], noise: bytes | None
) -> None:
    (type, flags), length, other = case
    for data in (noise or b"", *(struct.pack(">BBHI", type, each, 0, length) for each in (flags, other))):
        kind = kind_of(type, flags)
        try:
            found = s.parse_header(data, type, kind=kind)
        except TeraError as error:
            assert error.code == ("bad_section" if len(data) == 8 else "truncated")
            if len(data) == 8 and data[0] == type and data[2:4] == b"\0\0":
                assert not possible(type, data[1], int.from_bytes(data[4:], "big")) or (
                    type == 0x10 and data[1] != kind
                )
        else:
            assert possible(*found)
            assert s.pack_header(found.type, found.length, found.flags) == data


def test_a_last_block_has_every_length_that_whole_chunks_and_a_shorter_one_make() -> None:
    edges = {n * 16_400 + more for n in range(66) for more in (0, 1, 15, 16, 17, 16_399)}
    taken = []
    for length in sorted(edges):
        try:
            s.parse_header(struct.pack(">BBHI", 0x11, 1, 0, length), 0x11)
        except BadSection:
            continue
        taken.append(length)
    # 0 to 63 whole chunks, then one of 0 to 16,383 bytes and its tag.
    assert taken == sorted(n * 16_400 + more for n in range(64) for more in (16, 17, 16_399))


# --- where blocks and chunks are --------------------------------------------------------------------


class Cut(NamedTuple):
    """A segment of so many plaintext bytes, cut by the sentences of the text."""

    chunks: list[int]
    blocks: list[list[int]]

    @property
    def offsets(self) -> list[int]:
        """Where each block starts, and the segment ends."""
        out = [8 + 24 + 32]
        for block in self.blocks:
            out.append(out[-1] + 8 + sum(chunk + 16 for chunk in block))
        return out


def cut(plain: int) -> Cut:
    chunks = [16_384] * (plain // 16_384) + [plain % 16_384]
    return Cut(chunks, [chunks[at : at + 64] for at in range(0, len(chunks), 64)])


MIB = 1 << 20
SIZES = sorted(
    {near + more for near in (0, 16_384, MIB - 16_384, MIB, 3 * MIB, 17 * MIB) for more in (-1, 0, 1)} - {-1}
)


@pytest.mark.parametrize("plain", [*SIZES, 16_385 * 5, 2 * MIB + 12_345])
def test_lengths_and_offsets_are_those_of_a_segment_cut_by_hand(plain: int) -> None:
    found = cut(plain)
    assert s.chunk_count(plain) == len(found.chunks)
    assert s.block_count(len(found.chunks)) == len(found.blocks)
    assert [s.block_offset(number) for number in range(len(found.blocks))] == found.offsets[:-1]
    assert s.segment_length(plain) == found.offsets[-1]
    last = sum(chunk + 16 for chunk in found.blocks[-1])
    assert s.last_block_length(plain) == last
    assert s.last_block_plain(last) == sum(found.blocks[-1])
    assert possible(0x11, 1, last)
    # "Chunk c starts 64 + (c div 64) * 1,049,608 + 8 + (c mod 64) * 16,400 bytes after the segment's start"
    for c in {0, 1, 63, 64, 65, len(found.chunks) - 1} & set(range(len(found.chunks))):
        start = found.offsets[c // 64] + 8 + sum(chunk + 16 for chunk in found.blocks[c // 64][: c % 64])
        assert start == 64 + c // 64 * 1_049_608 + 8 + c % 64 * 16_400 == s.block_offset(c // 64) + 8 + c % 64 * 16_400


@given(st.integers(0, 2**46))
def test_the_last_blocks_length_gives_the_plaintext_back(plain: int) -> None:
    """So the reader learns the length of DATA from its last block's header and the number of its chunks."""
    length = s.last_block_length(plain)
    assert possible(0x11, 1, length)
    blocks = s.block_count(s.chunk_count(plain))
    assert (blocks - 1) * MIB + s.last_block_plain(length) == plain
    assert s.segment_length(plain) == s.block_offset(blocks - 1) + 8 + length
