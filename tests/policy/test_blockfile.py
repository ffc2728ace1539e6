"""The file of a block list: one encoding of one set of ids, and every other header, table or page is refused."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from tera.crypto.signing import SigningKey
from tera.format import limits
from tera.format.signatures import signer_name
from tera.policy.blockfile import (
    HEADER,
    MAX_IDS,
    PAGE_IDS,
    Head,
    Kind,
    blocked_id,
    build_blocklist,
    parse_head,
    parse_page,
    parse_table,
)
from tera.policy.marks import VERSION_MAX
from tests.format.hostile import refused

KEY = SigningKey(bytes(64))
LIST = b"l" * 16
ids = st.sets(st.binary(min_size=32, max_size=32), max_size=6)


def build(found: Any = (), **changes: Any) -> bytes:
    options = {"list_id": LIST, "version": 1, "issued": 10, "expires": 20, **changes}
    return build_blocklist(found, KEY, **options)


def numbered(count: int) -> list[bytes]:
    return [struct.pack(">Q", number) * 4 for number in range(count)]


@given(ids, st.integers(1, VERSION_MAX), st.lists(st.integers(0, limits.TIME_MAX), min_size=2, max_size=2, unique=True))
def test_a_list_comes_back(found: set[bytes], version: int, times: list[int]) -> None:
    issued, expires = sorted(times)
    data = build(found, version=version, issued=issued, expires=expires)
    head, signature = parse_head(data, len(data))
    assert (head.list_id, head.version, head.issued, head.expires) == (LIST, version, issued, expires)
    assert (head.count, head.public, head.issuer) == (len(found), KEY.public, signer_name(KEY.public))
    assert head.size == len(data)
    assert head.pack() + signature == data[:HEADER]
    firsts, hashes = parse_table(head, data[HEADER : HEADER + head.table_length])
    back = [*parse_page(data[HEADER + 64 :], hashes, firsts[0], None)] if found else []
    assert back == sorted(found)


@pytest.mark.parametrize("count", [0, 1, 127, 128, 129, 256, 257, 1_000])
def test_a_list_has_one_encoding_but_for_its_signature(count: int) -> None:
    found = numbered(count)
    data = build(found)
    for again in (build(found[::-1]), build(found + found), build(iter(found))):
        assert again[:2_080] == data[:2_080]
        assert again[HEADER:] == data[HEADER:]
    pages = -(-count // PAGE_IDS)
    assert len(data) == 5_453 + 64 * pages + 32 * count
    assert data[HEADER + 64 * pages :] == b"".join(found)
    head, _ = parse_head(data, len(data))
    assert [head.page_place(n) for n in range(pages)] == [
        (HEADER + 64 * pages + 4_096 * n, min(4_096, 32 * count - 4_096 * n)) for n in range(pages)
    ]


def test_every_bit_of_a_header_is_refused_or_said() -> None:
    """What parses with a bit flipped says something else, so its signature does not fit."""
    data = build(numbered(3))
    head, signature = parse_head(data, len(data))
    taken = 0
    for at in [*range(96), *range(96, HEADER, 97)]:
        for bit in range(8):
            changed = data[:at] + bytes((data[at] ^ 1 << bit,)) + data[at + 1 :]
            try:
                other, signed = parse_head(changed, len(changed))
            except Exception as error:
                assert getattr(error, "code", None) in ("bad_blocklist", "limit_exceeded"), error
                continue
            taken += 1
            assert (other.message, signed) != (head.message, signature)
            assert other.pack() + signed == changed[:HEADER]
    assert taken > 500


def test_another_size_is_refused() -> None:
    data = build(numbered(3))
    for size in (0, HEADER - 1, len(data) - 32, len(data) - 1, len(data) + 1, len(data) + 32, len(data) + 4_096):
        refused("bad_blocklist", parse_head, data[:HEADER], size)
    for length in range(0, HEADER, 101):
        refused("bad_blocklist", parse_head, data[:length], len(data))


def test_a_count_is_judged_before_anything_is_read_for_it() -> None:
    data = build()
    for count, code in ((MAX_IDS, "bad_blocklist"), (MAX_IDS + 1, "limit_exceeded"), (2**64 - 1, "limit_exceeded")):
        changed = data[:56] + struct.pack(">Q", count) + data[64:]
        refused(code, parse_head, changed, len(changed))


@pytest.mark.parametrize(
    "changes",
    [
        *({"list_id": b""}, {"list_id": bytes(17)}, {"version": 0}, {"version": VERSION_MAX + 1}),
        *({"issued": 20}, {"issued": -1}, {"expires": 10}, {"expires": limits.TIME_MAX + 1}),
    ],
)
def test_what_no_reader_takes_is_not_built(changes: dict[str, Any]) -> None:
    refused("bad_input", build, **changes)


def test_ids_of_another_length_are_not_built() -> None:
    for wrong in (b"", bytes(16), bytes(31), bytes(33)):
        refused("bad_input", build, [bytes(32), wrong])


# --- ids ----------------------------------------------------------------------------------------------


def test_every_kind_has_ids_of_its_own() -> None:
    lengths = {kind: 16 if kind in (Kind.CONTAINER, Kind.POLICY) else 32 for kind in Kind}
    assert len(lengths) == 6
    made = {blocked_id(kind, bytes(length)) for kind, length in lengths.items()}
    assert len(made) == 6
    assert {len(one) for one in made} == {32}
    for kind, length in lengths.items():
        for other in (0, length - 1, length + 1, 48 - length):
            refused("bad_input", blocked_id, kind, bytes(other))


# --- table and pages ----------------------------------------------------------------------------------


@given(st.permutations(range(4)))
@settings(max_examples=24)
def test_pages_that_are_not_sorted_are_refused_though_signed(order: list[int]) -> None:
    firsts = [numbered(512)[page * 128] for page in order]
    table = b"".join([*firsts, *(bytes((page,)) * 32 for page in order)])
    head = Head(LIST, 1, 10, 20, 512, blake3(b"tera/v1/blocklist-table\0" + table).digest(), KEY.public)
    if order == sorted(order):
        assert parse_table(head, table) == (tuple(firsts), table[128:])
    else:
        refused("bad_blocklist", parse_table, head, table)


def test_every_bit_of_a_table_counts() -> None:
    data = build(numbered(300))
    head, _ = parse_head(data, len(data))
    table = data[HEADER : HEADER + head.table_length]
    parse_table(head, table)
    for at in range(len(table)):
        changed = table[:at] + bytes((table[at] ^ 1 << at % 8,)) + table[at + 1 :]
        refused("blocklist_digest", parse_table, head, changed)


def test_a_page_is_refused_under_another_hash_start_or_limit() -> None:
    found = numbered(300)
    data = build(found)
    head, _ = parse_head(data, len(data))
    firsts, hashes = parse_table(head, data[HEADER : HEADER + head.table_length])
    offset, length = head.page_place(1)
    page = data[offset : offset + length]
    hash = hashes[32:64]
    assert parse_page(page, hash, firsts[1], firsts[2]) == tuple(found[128:256])
    assert parse_page(page, hash, firsts[1], None)
    refused("blocklist_digest", parse_page, page, hashes[:32], firsts[1], firsts[2])
    refused("blocklist_digest", parse_page, page[:-32], hash, firsts[1], firsts[2])
    for first, limit in ((firsts[0], firsts[2]), (firsts[1], found[255]), (firsts[1], found[130])):
        refused("bad_blocklist", parse_page, page, hash, first, limit)
    for at in range(0, length, 5):
        changed = page[:at] + bytes((page[at] ^ 1,)) + page[at + 1 :]
        refused("blocklist_digest", parse_page, changed, hash, firsts[1], firsts[2])
