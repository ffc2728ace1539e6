"""The reader of records: whatever pieces it is fed, it finds the records that there are, in the one order."""

from __future__ import annotations

import random
import struct
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import TeraError
from tera.format.records import EntryHead, Manifest
from tera.format.rules import Rule
from tera.format.stream import EndFound, EntryFound, FrameFound, ManifestFound, Packed, Piece, RecordReader
from tests.format.by_hand import MIB, bodies, end, entry, frame, manifest, padded, pads, record
from tests.format.hostile import bytes_near, refused

FOLDER = entry("d", 1) + end(0, bytes(32))
SMALL = manifest() + entry() + frame(b"hello") + end(5) + FOLDER + entry("b") + end(0)
LARGE = manifest() + entry() + frame(bytes(MIB)) + frame(b"tail") + end(MIB + 4)
PACKED = manifest() + entry() + frame(b"zzz", raw=1_000, flags=1) + end(1_000)


class Found(NamedTuple):
    """Events with their content joined: what does not depend on the pieces."""

    events: list[Any]
    again: bytes


def read(plain: bytes, cuts: list[int] | None = None, *, sealed: bool = False, padding: int = 0) -> Found:
    """Feed `plain` cut at `cuts`, from one buffer that is overwritten each time, as a reader's is."""
    reader = RecordReader(sealed=sealed, padding=padding)
    events: list[Any] = []
    again = b""
    edges = [0, *sorted(cuts or []), len(plain)]
    buffer = bytearray(max((b - a for a, b in pairwise(edges)), default=0))
    for start, stop in pairwise(edges):
        buffer[: stop - start] = plain[start:stop]
        for event in reader.feed(memoryview(buffer)[: stop - start]):
            match event:
                case ManifestFound(found, length):
                    again += record(1, found.pack())
                    assert length == len(found.pack())
                    events.append(found)
                case EntryFound(head, length):
                    again += record(2, head.pack())
                    assert length == len(head.pack())
                    events.append(head)
                case FrameFound(raw, stored):
                    again += struct.pack(">BBHII", 3, stored < raw, 0, stored + 4, raw)
                    events.append((raw, stored))
                case Piece(data) | Packed(data):
                    again += bytes(data)
                case EndFound(size, b3):
                    again += end(size, b3)
                    events.append((size, b3))
    reader.finish()
    return Found(events, again)


def refuse(plain: bytes, code: str = "bad_record", **options: Any) -> None:
    refused(code, read, plain, **options)
    refused(code, read, plain, list(range(len(plain))) if len(plain) < 3_000 else [7, 9, 1_000], **options)


# --- what is read -----------------------------------------------------------------------------------


def test_the_records_are_found_in_order() -> None:
    head = EntryHead("a")
    folder = EntryHead("d", 1)
    assert read(SMALL).events == [
        *(Manifest(), head, (5, 5), (5, b"\7" * 32)),
        *(folder, (0, bytes(32)), EntryHead("b"), (0, b"\7" * 32)),
    ]
    assert read(LARGE).events == [Manifest(), head, (MIB, MIB), (4, 4), (MIB + 4, b"\7" * 32)]
    assert read(PACKED).events == [Manifest(), head, (1_000, 3), (1_000, b"\7" * 32)]
    assert read(manifest()).events == [Manifest()]


def test_rules_are_in_the_manifest_exactly_when_core_announces_them() -> None:
    rules = manifest(rules=[["opens", 3]])
    assert read(rules, sealed=True).events == [Manifest(rules=(Rule("opens", 3),))]
    refuse(rules, "bad_manifest")
    refuse(manifest(), "bad_manifest", sealed=True)


@pytest.mark.parametrize("plain", [SMALL, PACKED, LARGE])
@pytest.mark.parametrize("padding", [0, 1])
def test_what_was_found_serialises_to_what_was_fed(plain: bytes, padding: int) -> None:
    fed = padded(plain) if padding else plain
    found = read(fed, padding=padding)
    assert found.again == plain
    chance = random.Random(len(plain))
    for count in (1, 3, 40):
        cuts = [chance.randrange(len(fed) + 1) for _ in range(count)]
        assert read(fed, cuts, padding=padding) == found
    if len(fed) < 3_000:
        assert read(fed, list(range(len(fed))), padding=padding) == found


def test_a_compressed_frame_comes_whole_and_a_plain_one_as_it_comes() -> None:
    reader = RecordReader(sealed=False, padding=0)
    events = [event for at in range(len(PACKED)) for event in reader.feed(memoryview(PACKED)[at : at + 1])]
    assert [bytes(event.frame) for event in events if isinstance(event, Packed)] == [b"zzz"]
    reader = RecordReader(sealed=False, padding=0)
    events = [event for at in range(len(SMALL)) for event in reader.feed(memoryview(SMALL)[at : at + 1])]
    assert [bytes(event.data) for event in events if isinstance(event, Piece)] == [b"h", b"e", b"l", b"l", b"o"]


@given(st.sampled_from([SMALL, PACKED]).flatmap(bytes_near), st.lists(st.integers(0, 300), max_size=5))
def test_bytes_near_records_are_refused_or_the_one_encoding_however_they_are_cut(plain: bytes, cuts: list[int]) -> None:
    cuts = [cut for cut in cuts if cut <= len(plain)]
    try:
        found = read(plain)
    except TeraError as error:
        assert error.code in ("bad_record", "bad_path", "bad_manifest", "not_canonical")
        refused(error.code, read, plain, cuts)
    else:
        assert found.again == plain
        assert read(plain, cuts) == found


@given(bytes_near(padded(SMALL)))
def test_bytes_near_padded_records_are_refused_or_the_one_encoding(plain: bytes) -> None:
    try:
        found = read(plain, padding=1)
    except TeraError as error:
        assert error.code in ("bad_record", "bad_path", "bad_manifest", "not_canonical")
    else:
        assert padded(found.again) == plain


# --- the order --------------------------------------------------------------------------------------

M, E, F, Z = manifest(), entry(), frame(b"x"), end(1)
OUT_OF_ORDER = {
    "nothing": b"",
    "no manifest": E + F + Z,
    "two manifests": M + M,
    "a manifest after an entry": M + E + F + Z + M,
    "a manifest inside an entry": M + E + M,
    "a frame without an entry": M + F,
    "an end without an entry": M + end(0),
    "an entry inside an entry": M + E + entry("b"),
    "an entry before the end": M + E + F + entry("b"),
    "two ends": M + E + F + Z + Z,
    "a frame after the end": M + E + F + Z + F,
    "padding inside an entry": M + E + record(5, b""),
    "padding first": record(5, b"") + M,
    "padding in the shape of a frame": M + E + record(5, b"\0\0\0\1x") + Z,
    "an end in the shape of a frame": M + E + record(4, b"\0\0\0\x24" + bytes(36)) + end(36),
    "a frame in a folder": M + entry("d", 1) + F + end(1, bytes(32)),
    "a frame after a short one": M + E + F + F + end(2),
    "an unknown record": M + record(6, b"x"),
    "record 0": M + record(0, b""),
}


@pytest.mark.parametrize("name", OUT_OF_ORDER)
def test_records_in_another_order_are_refused(name: str) -> None:
    refuse(OUT_OF_ORDER[name])


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("plain", [SMALL, PACKED])
def test_records_cut_anywhere_but_behind_an_entry_are_refused(plain: bytes, padding: int) -> None:
    whole = padded(plain) if padding else plain
    # Without padding the records may end behind the manifest and behind each END.
    ends = [len(M)] + [at for at in range(len(plain)) if plain[:at].endswith((end(5), end(0, bytes(32))))]
    for length in range(len(whole)):
        if padding == 0 and length in ends:
            read(whole[:length])
        else:
            refused("bad_record", read, whole[:length], padding=padding)


# --- FRAME and END ----------------------------------------------------------------------------------

BAD_FRAMES = {
    "raw_len 0": frame(b"x", raw=0),
    "raw_len over 1 MiB": frame(b"x", raw=MIB + 1, flags=1),
    "no data": frame(b"", raw=1),
    "shorter than it says": frame(b"xx", raw=3),
    "longer than it says": frame(b"xx", raw=1),
    "no room for raw_len": record(3, b"\0\0\0"),
    "over 1 MiB": record(3, b"", length=MIB + 5),
    "flag 2": frame(b"xx", flags=2),
    "flags 3": frame(b"x", raw=2, flags=3),
    "third byte": record(3, b"\0\0\0\1x", aux=0x100),
    "fourth byte": record(3, b"\0\0\0\1x", aux=1),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_a_frame_of_another_shape_is_refused(name: str) -> None:
    refuse(M + E + BAD_FRAMES[name] + Z)


def test_a_frame_of_1_mib_is_followed_by_another_or_the_end() -> None:
    full = frame(bytes(MIB))
    assert read(M + E + full + end(MIB)).again == M + E + full + end(MIB)
    assert read(M + E + full + full + end(2 * MIB)).again == M + E + full + full + end(2 * MIB)
    for length in (1, MIB - 1):
        short = frame(bytes(length))
        refuse(M + E + short + full + end(length + MIB))


def test_flags_on_another_record_are_refused() -> None:
    for type, body in ((1, M[8:]), (2, E[8:]), (4, Z[8:])):
        start = {1: b"", 2: M, 4: M + E + F}[type]
        refuse(start + record(type, body, flags=1) + (E + F + Z if type < 2 else F + Z if type < 4 else b""))
        refuse(start + record(type, body, aux=1))


def test_a_length_that_a_record_cannot_have_is_refused_before_its_body_comes() -> None:
    for start, type, length in (
        *((b"", 1, 0), (b"", 1, 16 * MIB + 1), (M, 2, 0), (M, 2, 65_537)),
        *((M + E, 3, 3), (M + E, 3, MIB + 5), (M + E, 4, 39), (M + E, 4, 41)),
    ):
        reader = RecordReader(sealed=False, padding=0)
        refused("bad_record", reader.feed, memoryview(start + struct.pack(">BBHI", type, 0, 0, length)))


def test_a_size_that_is_not_the_sum_of_the_frames_is_refused() -> None:
    for size in (0, 4, 6, 2**63):
        refuse(M + E + frame(b"hello") + end(size))
    refuse(M + E + end(1))
    refuse(M + entry("d", 1) + end(1, bytes(32)))


def test_a_folder_with_a_digest_is_refused() -> None:
    for at in range(32):
        refused("bad_record", read, M + entry("d", 1) + end(0, bytes(at) + b"\1" + bytes(31 - at)))


# --- PAD --------------------------------------------------------------------------------------------

PLAIN = M + E + F + Z


def test_padding_is_exactly_that_of_the_rule() -> None:
    assert read(padded(PLAIN), padding=1).again == PLAIN
    body = bodies(len(PLAIN))[0]
    for wrong in (
        *(b"", record(5, bytes(body + 1)), record(5, bytes(max(0, body - 1))) if body else b"x"),
        *(pads(len(PLAIN)) + record(5, b""), pads(len(PLAIN)) + b"\0", pads(len(PLAIN)) + E),
        *(record(5, bytes(body), flags=1), record(5, bytes(body), aux=1)),
    ):
        refuse(PLAIN + wrong, padding=1)


def test_padding_where_there_is_none_is_refused() -> None:
    refuse(padded(PLAIN), padding=0)
    refuse(PLAIN + record(5, b""), padding=0)


def test_padding_that_is_not_zero_is_refused_at_every_place() -> None:
    long = M + E + frame(bytes(3_000)) + end(3_000)
    body = bodies(len(long))[0]
    assert body > 10
    for at in (0, 1, body // 2, body - 1):
        changed = bytearray(padded(long))
        changed[len(long) + 8 + at] = 1
        refused("bad_record", read, bytes(changed), padding=1)
        refused("bad_record", read, bytes(changed), list(range(len(long), len(changed))), padding=1)


def test_several_records_of_padding_stand_in_their_order() -> None:
    full = frame(bytes(MIB))
    start, last = M + E, frame(b"x") + end(64 * MIB + 1)
    found = bodies(len(start) + 64 * len(full) + len(last))  # just over 64 MiB: the least with so much missing
    assert len(found) >= 2

    def feed(*padding: int) -> None:
        reader = RecordReader(sealed=False, padding=1)
        for piece in (start, *[full] * 64, last, *(record(5, bytes(body)) for body in padding)):
            reader.feed(memoryview(piece))
        reader.finish()

    feed(*found)
    for wrong in (found[::-1], found[:1], [*found, 0], [found[0], found[1] + 1], [found[0] - 1, found[1] + 1]):
        refused("bad_record", feed, *wrong)


def test_a_compressed_frame_that_is_not_shorter_is_refused() -> None:
    for data, raw in ((b"xx", 2), (b"xxx", 2), (b"x", 1), (bytes(MIB), 1)):
        refused("bad_frame", read, M + E + frame(data, raw, flags=1) + end(raw))
    refused("bad_frame", read, M + E + frame(b"", raw=1, flags=1) + end(1))
