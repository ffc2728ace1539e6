"""The index: columns that say each thing once, and lengths that tile the plaintext of DATA exactly."""

from __future__ import annotations

import struct
import time
import tracemalloc
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import TeraError
from tera.format.index import Index, IndexBuilder
from tera.format.limits import Limits
from tests.format import by_hand
from tests.format.by_hand import MIB, Row, Table, padme
from tests.format.hostile import bytes_near, refused

LIMITS = Limits()


FOLDER = Row("d", type=1, b3=bytes(32))
SMALL = Row("d/small", size=100, frames=(60,))
LARGE = Row("d/large", size=2 * MIB + 5, mtime=-1, mode=0o777, frames=(MIB, 1, 5))
TABLE = Table((FOLDER, SMALL, Row("empty", mtime=2**63 - 1), LARGE))


def parse(plain: bytes, data: int, padding: int = 0, bounds: Limits = LIMITS) -> Index:
    return Index(memoryview(plain), data_plain=data, padding=padding, bounds=bounds)


def read(table: Table, **options: Any) -> Index:
    return parse(table.plain, table.data, table.padding, **options)


def refuse(table: Table, code: str = "bad_index") -> None:
    refused(code, read, table)


def with_row(**changes: Any) -> Table:
    """TABLE, its small file changed."""
    return replace(TABLE, rows=(FOLDER, replace(SMALL, **changes), *TABLE.rows[2:]))


def again(index: Index) -> bytes:
    """Return the columns of a parsed index, made by the builder."""
    builder = IndexBuilder()
    builder.manifest_length = index.manifest_length
    for at in range(len(index)):
        entry = index[at]
        builder.add(entry.path.encode(), entry.type, entry.mode, entry.mtime, index.entry_length(at))
        for number in range(-(-entry.size // MIB)):
            builder.add_frame(index.frame(at, number))
        builder.end(entry.size, entry.b3)
    builder.check()
    return b"".join(builder.pack([bytes(index.leaves)]))


# --- one encoding -----------------------------------------------------------------------------------


@st.composite
def tables(draw: st.DrawFn) -> Table:
    rows = []
    for number in range(draw(st.integers(0, 5))):
        size = draw(st.sampled_from([0, 1, 100, MIB - 1, MIB, MIB + 1, 3 * MIB]))
        raws = [MIB] * (size // MIB) + [size % MIB] * (size % MIB > 0)
        folder = size == 0 and draw(st.booleans())
        rows.append(
            Row(
                path=draw(st.sampled_from(["", "d/", "é/"])) + f"f{number}",
                type=int(folder),
                mode=draw(st.integers(0, 0o777)),
                mtime=draw(st.integers(-(2**63), 2**63 - 1)),
                size=size,
                b3=bytes(32) if folder else draw(st.binary(min_size=32, max_size=32)),
                length=draw(st.sampled_from([1, 40, 65_536])),
                frames=tuple(draw(st.integers(1, raw)) for raw in raws),
            )
        )
    return Table(tuple(rows), draw(st.sampled_from([1, 14, 16 * MIB])), draw(st.sampled_from([0, 1])))


@given(tables())
def test_an_index_comes_back_column_by_column(table: Table) -> None:
    index = read(table)
    assert again(index) == table.columns
    assert len(index) == len(table.rows)
    assert index.records == table.records
    assert index.total == sum(row.size for row in table.rows)
    for at, row in enumerate(table.rows):
        assert index[at] == (row.path, row.type, row.mode, row.mtime, row.size, row.b3, at)
        assert index[at].is_dir == (row.type == 1)
        assert index.entry_length(at) == row.length
        assert index.positions[str(row.path)] == at
        for number, stored in enumerate(row.frames):
            assert index.frame(at, number) == stored
            assert index.stored_before(at, number) == sum(row.frames[:number])
    assert list(index.content()) == [(row.path, row.type, row.size, row.b3) for row in table.rows]


@given(tables())
def test_offsets_tile_the_data_exactly(table: Table) -> None:
    """They are sums over the lengths, from the manifest to the padding, without a gap."""
    index = read(table)
    offsets = [index.offset(at) for at in range(len(index) + 1)]
    assert offsets[0] == 8 + table.manifest
    for (start, stop), row in zip(pairwise(offsets), table.rows, strict=True):
        assert stop - start == 8 + row.length + sum(12 + frame for frame in row.frames) + 8 + 40
    assert offsets[-1] == index.records == table.records


def test_offsets_are_where_the_records_are() -> None:
    contents = {"a": [b"hello"], "b": [], "c": [bytes(MIB), b"tail"]}
    plain, rows, starts = by_hand.manifest(), [], []
    for path, frames in contents.items():
        starts.append(len(plain))
        head, size = by_hand.entry(path), sum(map(len, frames))
        plain += head + b"".join(map(by_hand.frame, frames)) + by_hand.end(size)
        rows.append(Row(path, size=size, length=len(head) - 8, frames=tuple(map(len, frames))))
    table = Table(tuple(rows), len(by_hand.manifest()) - 8)
    assert table.data == len(plain)
    index = read(table)
    assert [index.offset(at) for at in range(4)] == [*starts, len(plain)]
    for at, (path, frames) in enumerate(contents.items()):
        assert plain[index.offset(at) :].startswith(by_hand.entry(path))
        for number, data in enumerate(frames):
            start = index.offset(at) + 8 + index.entry_length(at) + index.stored_before(at, number) + 12 * number
            assert plain[start:].startswith(by_hand.frame(data))


@given(st.sampled_from([0, 1]), st.data())
def test_bytes_near_an_index_are_refused_or_the_one_encoding(padding: int, data: st.DataObject) -> None:
    table = replace(TABLE, padding=padding)
    plain = data.draw(bytes_near(table.plain))
    try:
        index = parse(plain, table.data, padding)
    except TeraError as error:
        assert error.code in ("bad_index", "bad_path", "limit_exceeded")
    else:
        columns = again(index)
        assert plain[: len(columns)] == columns
        assert len(plain) == (padme(len(columns) + 8) if padding else len(columns))


def test_leaves_are_found_by_their_block() -> None:
    table = Table((replace(LARGE, frames=(MIB, MIB, 5)),))
    index = read(table)
    assert [bytes(index.leaf(block)) for block in range(3)] == [struct.pack(">I", n) * 8 for n in range(3)]
    assert index.leaves == b"".join(struct.pack(">I", n) * 8 for n in range(3))


# --- the columns fill the plaintext -----------------------------------------------------------------


@pytest.mark.parametrize("padding", [0, 1])
def test_an_index_cut_anywhere_is_refused(padding: int) -> None:
    table = replace(TABLE, padding=padding)
    for length in range(len(table.plain)):
        refused("bad_index", parse, table.plain[:length], table.data, padding)


def test_a_byte_behind_the_columns_is_refused() -> None:
    for more in (b"\0", b"\1", bytes(32), struct.pack(">BBHI", 5, 0, 0, 0)):
        refused("bad_index", parse, TABLE.plain + more, TABLE.data)
        padded = replace(TABLE, padding=1)
        refused("bad_index", parse, padded.plain + more, padded.data, 1)


def test_padding_is_exactly_that_of_the_rule() -> None:
    padded = replace(TABLE, padding=1, rows=tuple(Row(f"f{n}") for n in range(40)))
    plain, used = padded.plain, len(padded.columns)
    assert len(plain) > used + 8 + 2
    read(padded)
    for at in (used, used + 1, used + 3, used + 7, used + 8, len(plain) - 1):
        refused("bad_index", parse, plain[:at] + bytes((plain[at] ^ 4,)) + plain[at + 1 :], padded.data, 1)
    refused("bad_index", parse, plain, padded.data, 0)
    refused("bad_index", parse, padded.columns, padded.data, 1)


@pytest.mark.parametrize("change", [-1, 1, 8, 2**31])
def test_another_number_of_entries_or_path_bytes_is_refused(change: int) -> None:
    # Without limits, since all numbers behind are read in a wrong place.
    everything = Limits(entries=2**32, total=2**80)
    for name, value in (("N", 4), ("P", 24)):
        assert TABLE.columns == replace(TABLE, head={name: value}).columns
        refused("bad_index", read, replace(TABLE, head={name: value + change}), bounds=everything)


def test_an_index_without_entries_holds_nothing_of_paths() -> None:
    assert len(read(Table())) == 0
    refused("bad_index", parse, struct.pack(">III", 0, 3, 14) + b"abc" + bytes(32), 22)
    refused("bad_index", parse, struct.pack(">III", 0, 1, 14) + b"\0" + bytes(32), 22)


def test_another_length_of_the_data_is_refused() -> None:
    for data in (TABLE.data - 1, TABLE.data + 1, 0, TABLE.data + 16_384):
        refused("bad_index", parse, TABLE.plain, data)
    padded = replace(TABLE, padding=1)
    for data in (padded.data - 1, padded.data + 1, padded.records, padme(padded.data + 8)):
        refused("bad_index", parse, padded.plain, data, 1)


def test_another_number_of_leaves_is_refused() -> None:
    refuse(replace(TABLE, leaves=b""))
    refuse(replace(TABLE, leaves=bytes(32 * 3)))
    refuse(replace(TABLE, leaves=bytes(31)))


# --- values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"type": 2},
        {"type": 255},
        {"type": 2, "size": 0, "frames": (), "b3": bytes(32)},
        {"mode": 0o1000},
        {"mode": 0xFFFF},
        {"length": 0},
        {"length": 65_537},
        {"length": 2**32 - 1},
        {"frames": (0,)},
        {"frames": (101,)},
        {"frames": (MIB + 1,)},
        {"frames": (2**32 - 1,)},
        {"frames": ()},
        {"frames": (60, 1)},
        {"size": 0},
        {"size": MIB + 1},
        {"type": 1, "b3": bytes(32)},
        {"type": 1, "size": 0, "frames": ()},
        {"type": 1, "size": 0, "frames": (), "b3": bytes(31) + b"\1"},
        {"path": "d/small\0"},
        {"path": "d\0small"},
    ],
)
def test_a_value_out_of_the_range_of_its_record_is_refused(changes: dict[str, Any]) -> None:
    refuse(with_row(**changes))
    alone = replace(TABLE, rows=(replace(SMALL, **changes),))  # each file has one frame: another way of checking
    refuse(alone)


@pytest.mark.parametrize(
    "changes",
    [
        *({"mode": 0}, {"mode": 0o777}, {"mtime": -(2**63)}, {"length": 1}, {"length": 65_536}, {"b3": bytes(32)}),
        *({"frames": (1,)}, {"frames": (100,)}, {"size": MIB, "frames": (MIB,)}, {"type": 1, "size": 0, "frames": ()}),
    ],
)
def test_a_value_at_the_end_of_its_range_is_taken(changes: dict[str, Any]) -> None:
    if changes.get("type"):
        changes = {**changes, "b3": bytes(32)}
    for table in (with_row(**changes), Table((replace(SMALL, **changes),))):
        assert again(read(table)) == table.columns


@pytest.mark.parametrize("frames", [(MIB, MIB, 6), (MIB + 1, 1, 5), (MIB, MIB, 0), (0, 1, 5), (1, 1), (1, 1, 1, 1)])
def test_a_frame_longer_than_what_it_holds_is_refused(frames: tuple[int, ...]) -> None:
    refuse(Table((replace(LARGE, frames=frames),)))
    refuse(Table((SMALL, replace(LARGE, frames=frames), replace(SMALL, path="z"))))


@pytest.mark.parametrize("manifest", [0, 16 * MIB + 1, 2**32 - 1])
def test_an_impossible_length_of_the_manifest_is_refused(manifest: int) -> None:
    refuse(replace(TABLE, manifest=manifest))


@pytest.mark.parametrize(
    "path", ["", "/a", "a/", "..", "a\\b", "a\x1fb", "\u202ea", "x" * 256, b"\xff", "d/large", "empty/x"]
)
def test_a_path_that_is_none_is_refused(path: str | bytes) -> None:
    refuse(with_row(path=path), "bad_path")


def test_an_index_with_such_paths_is_not_written() -> None:
    for paths, fine in (((b"a", b"b/c"), True), ((b"a", b"a"), False), ((b"a/b", b"a"), False)):
        builder = IndexBuilder()
        for path in paths:
            builder.add(path, 0, 0o644, 0, 30)
            builder.end(0, bytes(32))
        assert len(builder) == 2
        if fine:
            builder.check()
        else:
            refused("bad_path", builder.check)


def test_a_path_below_a_file_is_refused() -> None:
    refuse(Table((Row("a"), Row("a/b"))), "bad_path")
    refuse(Table((Row("a"), Row("a"))), "bad_path")
    assert len(read(Table((Row("a", type=1, b3=bytes(32)), Row("a/b"))))) == 2


def test_many_entries_without_content_are_taken() -> None:
    """So that what an entry takes at least is not counted too high."""
    table = Table(tuple(Row(f"{n}") for n in range(5_000)))
    assert len(read(table)) == 5_000


# --- limits -----------------------------------------------------------------------------------------


def test_entries_and_sizes_are_taken_up_to_the_limit() -> None:
    total = sum(row.size for row in TABLE.rows)
    assert len(read(TABLE, bounds=Limits(entries=4, total=total))) == 4
    refused("limit_exceeded", read, TABLE, bounds=Limits(entries=3))
    refused("limit_exceeded", read, TABLE, bounds=Limits(total=total - 1))


def test_a_limit_on_a_number_comes_before_anything_else_about_it() -> None:
    """Else four bytes would ask for memory, or a fault behind them hide that they are too many."""
    refused("limit_exceeded", read, replace(TABLE, head={"N": 1_000_001}))
    refused("bad_index", read, replace(TABLE, head={"N": 1_000_000}))
    refused("limit_exceeded", parse, struct.pack(">III", 2**32 - 1, 2**32 - 1, 0), 22)
    refused("limit_exceeded", read, with_row(size=2**40, frames=()))
    refused("limit_exceeded", read, with_row(size=2**64 - 1, frames=()))
    refused("bad_index", read, with_row(size=2**40 - 2 * MIB - 5, frames=()))


def test_numbers_that_nothing_pays_for_cost_neither_memory_nor_time() -> None:
    everything = Limits(entries=2**32, total=2**64)
    bombs = [
        (struct.pack(">III", 2**32 - 1, 0, 1) + bytes(1_000), 22),
        (struct.pack(">III", 0, 2**32 - 1, 1) + bytes(1_000), 22),
        (struct.pack(">III", 0, 0, 1) + bytes(1_000), 2**45),
        (with_row(size=2**63, frames=()).plain, TABLE.data),
    ]
    tracemalloc.start()
    start = time.process_time()
    for plain, data in bombs:
        refused("bad_index", parse, plain, data, bounds=everything)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000
    assert time.process_time() - start < 1


def test_many_entries_take_no_time_that_grows_with_their_square() -> None:
    count = 20_000
    table = Table(tuple(Row(f"folder/{n:06}", size=n % 3, frames=(1,) * (n % 3 > 0)) for n in range(count)))
    plain, data = table.plain, table.data
    start = time.process_time()
    index = parse(plain, data)
    assert index.offset(count) == table.records
    assert index[count - 1].path == f"folder/{count - 1:06}"
    assert time.process_time() - start < 1
