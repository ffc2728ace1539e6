"""Records: manifest and entries have one encoding each, and padding reaches exactly its target."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tera.format import records
from tera.format.records import EntryHead, Manifest, parse_entry, parse_header, parse_manifest
from tera.format.rules import Rule
from tera.wire import canonical
from tests.format.by_hand import bodies, padme
from tests.format.hostile import bytes_near, one_encoding, refused, value_near

MIB = 1 << 20
RULES = (Rule("geo", {"allow": ["DE"]}), Rule("opens", 3))


# --- MANIFEST ---------------------------------------------------------------------------------------

MANIFEST: dict[str, Any] = {"json": b'{"a": 1}', "tags": ["a", "b"]}
SEALED: dict[str, Any] = {**MANIFEST, "rules": [["opens", 3]]}

tags = st.sets(st.text(min_size=1, max_size=30), max_size=4).map(lambda found: tuple(sorted(found)))


@given(st.binary(max_size=300), tags, st.sampled_from([None, RULES, RULES[:1]]))
def test_a_manifest_comes_back(json: bytes, tags: tuple[str, ...], rules: tuple[Rule, ...] | None) -> None:
    manifest = Manifest(json, tags, rules)
    packed = manifest.pack()
    assert parse_manifest(packed, sealed=rules is not None) == manifest
    refused("bad_manifest", parse_manifest, packed, sealed=rules is None)


def test_a_manifest_is_spelled_as_the_text_says() -> None:
    assert Manifest(b'{"a": 1}', ("a", "b")).pack() == canonical.pack(MANIFEST)
    assert Manifest(b'{"a": 1}', ("a", "b"), (Rule("opens", 3),)).pack() == canonical.pack(SEALED)


@given(st.data(), st.booleans())
def test_what_is_near_a_manifest_is_refused_or_the_one_encoding(data: st.DataObject, sealed: bool) -> None:
    good = SEALED if sealed else MANIFEST
    near = data.draw(value_near(good).map(canonical.pack) | bytes_near(canonical.pack(good)))
    one_encoding(lambda body: parse_manifest(body, sealed=sealed), Manifest.pack, near)


BAD_MANIFEST: dict[str, list[Any]] = {
    "json": [None, "", "{}", 1, [], {}],
    "tags": [None, "a", {}, [""], ["a", "a"], ["b", "a"], ["a" * 129], [b"a"], [f"{n:02}" for n in range(65)]],
    "rules": [None, [], {}, [["a"]], [["b", 1], ["a", 1]], [["A", 1]]],
}


@pytest.mark.parametrize("key", BAD_MANIFEST)
def test_a_manifest_with_another_value_is_refused(key: str) -> None:
    for value in BAD_MANIFEST[key]:
        refused("bad_manifest", parse_manifest, canonical.pack({**SEALED, key: value}), sealed=True)
    refused("bad_manifest", parse_manifest, canonical.pack({k: v for k, v in SEALED.items() if k != key}), sealed=True)
    refused("bad_manifest", parse_manifest, canonical.pack({**SEALED, "x": 1}), sealed=True)


def test_a_manifest_takes_tags_up_to_their_limits() -> None:
    for most in ([f"{n:02}" for n in range(64)], ["a" * 128], ["é" * 64]):
        assert parse_manifest(canonical.pack({**MANIFEST, "tags": most}), sealed=False).tags == tuple(most)


def test_a_fault_of_a_manifests_encoding_comes_first() -> None:
    for body in (b"", b"\xc0\xc0", b"\x82\xa1b\1\xa1a\1", canonical.pack({"a": 1}) + b"\0"):
        refused("not_canonical", parse_manifest, body, sealed=False)


# --- ENTRY ------------------------------------------------------------------------------------------

ENTRY: dict[str, Any] = {"mime": "text/plain", "mode": 0o644, "mtime": 5, "path": "a/b", "type": 0, "x": {"k": 1}}


@given(
    st.builds(
        EntryHead,
        st.sampled_from(["a", "a/b", "é", "x" * 255]),
        st.sampled_from([0, 1]),
        st.integers(0, 0o777),
        st.integers(-(2**63), 2**63 - 1),
        st.none() | st.text([chr(code) for code in range(0x20, 0x7F)], min_size=1, max_size=255),
        st.dictionaries(st.text(max_size=3), st.booleans(), max_size=3),
    )
)
@example(EntryHead("a", 0, 0, -(2**63)))
@example(EntryHead("a", 1, 0o777, 2**63 - 1))
def test_an_entry_comes_back(head: EntryHead) -> None:
    assert parse_entry(head.pack()) == head
    assert parse_entry(head.pack()).pack() == head.pack()


def test_an_entry_is_spelled_as_the_text_says() -> None:
    assert EntryHead("a/b", 0, 0o644, 5, "text/plain", {"k": 1}).pack() == canonical.pack(ENTRY)
    bare = {key: value for key, value in ENTRY.items() if key not in ("mime", "x")}
    assert EntryHead("a/b", 0, 0o644, 5).pack() == canonical.pack(bare)


@given(st.data())
def test_what_is_near_an_entry_is_refused_or_the_one_encoding(data: st.DataObject) -> None:
    near = data.draw(value_near(ENTRY).map(canonical.pack) | bytes_near(canonical.pack(ENTRY)))
    one_encoding(parse_entry, EntryHead.pack, near)


BAD_ENTRY: dict[str, list[Any]] = {
    "mime": [None, "", "a" * 256, "a\n", "a\x7f", "\x1f", "é", b"a", 1, []],
    "mode": [None, -1, 0o1000, 2**32, True, "420", b""],
    "mtime": [None, -(2**63) - 1, 2**63, True, "0", 1.5],
    "path": [None, b"a", 1, ["a"], True],
    "type": [None, -1, 2, True, False, "0"],
    "x": [None, {}, [], "", 1],
}


@pytest.mark.parametrize("key", BAD_ENTRY)
def test_an_entry_with_another_value_is_refused(key: str) -> None:
    for value in BAD_ENTRY[key]:
        if isinstance(value, float) or (isinstance(value, int) and not -(2**63) <= value < 2**64):
            continue  # no canonical encoding at all
        refused("bad_record", parse_entry, canonical.pack({**ENTRY, key: value}))


def test_an_entry_lacks_no_key_and_has_no_other() -> None:
    for key in ("mode", "mtime", "path", "type"):
        refused("bad_record", parse_entry, canonical.pack({k: v for k, v in ENTRY.items() if k != key}))
    for key in ("mime", "x"):
        parse_entry(canonical.pack({k: v for k, v in ENTRY.items() if k != key}))
    refused("bad_record", parse_entry, canonical.pack({**ENTRY, "uid": 0}))
    others: list[Any] = [None, [], "a", 1]
    for other in others:
        refused("bad_record", parse_entry, canonical.pack(other))


def test_an_entry_takes_every_value_up_to_its_limit() -> None:
    for changes in ({"mime": "a" * 255}, {"mime": " ~"}, {"mode": 0}, {"mode": 0o777}, {"path": "a" * 255}):
        assert parse_entry(canonical.pack({**ENTRY, **changes})).pack() == canonical.pack({**ENTRY, **changes})


def test_a_fault_of_the_path_comes_last() -> None:
    refused("bad_path", parse_entry, canonical.pack({**ENTRY, "path": ".."}))
    for key in ("mime", "mode", "mtime", "type", "x"):
        refused("bad_record", parse_entry, canonical.pack({**ENTRY, "path": "..", key: None}))
    refused("not_canonical", parse_entry, canonical.pack({**ENTRY, "path": ".."}) + b"\0")


# --- headers ----------------------------------------------------------------------------------------

# Type: lengths of the body, and flags.
HEADERS = {
    1: (1, 16 * MIB, {0}),
    2: (1, 65_536, {0}),
    3: (4, MIB + 4, {0, 1}),  # raw_len; what must stand behind it is judged with it
    4: (40, 40, {0}),
    5: (0, MIB + 7, {0}),
}


@given(st.integers(0, 7), st.integers(0, 3), st.sampled_from([0, 0, 0, 1, 256]), st.integers(0, 2**32 - 1), st.data())
def test_a_records_header_is_possible_or_refused(
    type: int, flags: int, zero: int, length: int, data: st.DataObject
) -> None:
    low, high, known = HEADERS.get(type, (1, 0, set()))
    length = data.draw(st.sampled_from([length, low, low - 1, high, high + 1]).filter(lambda one: one >= 0))
    header = struct.pack(">BBHI", type, flags, zero, length)
    if low <= length <= high and not zero and flags in known:
        assert parse_header(header) == (type, flags, length)
    else:
        refused("bad_record", parse_header, header)


@pytest.mark.parametrize("type", HEADERS)
def test_a_record_has_every_length_at_its_bounds_and_no_other(type: int) -> None:
    low, high, known = HEADERS[type]
    for flags in known:
        for length in (low, high):
            assert parse_header(struct.pack(">BBHI", type, flags, 0, length)) == (type, flags, length)
        for length in {max(low - 1, 0), high + 1, 2**32 - 1} - {low}:
            refused("bad_record", parse_header, struct.pack(">BBHI", type, flags, 0, length))
    for flags in set(range(256)) - known:
        refused("bad_record", parse_header, struct.pack(">BBHI", type, flags, 0, low))
    for length in (0, 1, 40):
        for other in (0, 6, 7, 255):
            refused("bad_record", parse_header, struct.pack(">BBHI", other, 0, 0, length))


def test_a_record_is_packed_as_the_text_says() -> None:
    assert (records.MANIFEST, records.ENTRY, records.FRAME, records.END, records.PAD) == (1, 2, 3, 4, 5)
    assert (records.FILE, records.DIRECTORY, records.HEADER, records.FRAME_HEAD) == (0, 1, 8, 12)
    assert bytes(32) == records.NO_B3
    assert records.pack_record(2, b"abc") == b"\2\0\0\0\0\0\0\3abc"
    assert records.pack_frame_head(1_000, 10) == struct.pack(">BBHII", 3, 1, 0, 14, 1_000)
    assert records.pack_frame_head(1_000, 1_000) == struct.pack(">BBHII", 3, 0, 0, 1_004, 1_000)
    assert records.pack_end(7, b"\1" * 32) == struct.pack(">BBHIQ", 4, 0, 0, 40, 7) + b"\1" * 32


def test_the_lengths_of_a_frame_fit_each_other() -> None:
    for flags, raw, stored in ((0, 1, 1), (0, MIB, MIB), (1, 2, 1), (1, MIB, 1), (1, MIB, MIB - 1)):
        records.check_frame(flags, raw, stored)
    for flags, raw, stored in (
        (0, 1, 0),
        (0, 2, 1),
        (0, 1, 2),
        (0, 0, 0),
        (0, MIB + 1, MIB + 1),
        (1, 0, 0),
        (1, MIB + 1, 1),
    ):
        refused("bad_record", records.check_frame, flags, raw, stored)
    for flags, raw, stored in ((1, 1, 1), (1, 1, 0), (1, 2, 2), (1, 2, 3), (1, MIB, MIB), (1, MIB, 0)):
        refused("bad_frame", records.check_frame, flags, raw, stored)


def test_a_file_is_cut_into_frames_of_1_mib() -> None:
    for size, count in ((0, 0), (1, 1), (MIB, 1), (MIB + 1, 2), (2 * MIB, 2), (2**40, 2**20)):
        assert records.frame_count(size) == count


# --- padding ----------------------------------------------------------------------------------------


LENGTHS = st.integers(0, 45).flatmap(lambda bits: st.integers(2**bits, 2 ** (bits + 1)))


@given(LENGTHS)
def test_the_target_is_the_one_of_the_text(length: int) -> None:
    if length >= 8:
        assert records.padme(length) == padme(length)
        assert length <= padme(length) <= length * 1.12 + 1
        assert records.padme(padme(length)) == padme(length), "a target is its own"
    assert records.padded(length, 1) == padme(length + 8)
    assert records.padded(length, 0) == length


def test_the_target_of_each_small_length_is_the_one_of_the_text() -> None:
    for length in range(8, 5_000):
        assert records.padme(length) == padme(length)


def reaches(length: int) -> None:
    found = list(records.pad_lengths(length, 1))
    assert found == bodies(length)
    assert found and all(body == MIB for body in found[:-1])
    assert 0 <= found[-1] <= MIB + 7
    assert length + sum(8 + body for body in found) == records.padded(length, 1)
    for body in {found[0], found[-1]}:
        parse_header(struct.pack(">BBHI", 5, 0, 0, body))


def test_every_small_length_reaches_its_target() -> None:
    for length in range(9, 6_000):
        reaches(length)


def test_every_remainder_that_a_target_leaves_is_reached() -> None:
    """Where exactly n full records and a few bytes are missing: a header has 8 bytes, so some were out of reach."""
    for full in range(1, 4):
        for more in range(-10, 11):
            missing = full * 1_048_584 + more
            target = 2**31  # a target of Padmé, and so is everything near below it, cut to 2^25
            assert padme(target - 8 - missing + 8) == target
            reaches(target - 8 - missing)


@given(LENGTHS)
@example(2**45 - 8)
@example(2**45 - 9)
def test_every_large_length_reaches_its_target(length: int) -> None:
    if length < 2**38:  # up to thousands of records
        reaches(length)
    missing = records.padded(length, 1) - length - 8
    assert missing >= 0
    assert missing % 1_048_584 <= MIB + 7, "the last body is possible, so the target is reached"


def test_without_padding_there_is_none() -> None:
    for length in (9, 100, 2**30):
        assert list(records.pad_lengths(length, 0)) == []
