"""Block lists: every answer is that of a set, or there is none; who and what is on a list is not opened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tera.crypto.signing import SigningKey
from tera.errors import BadBlocklist, Blocked, TeraError
from tera.format.core import Core, DynamicRules
from tera.format.signatures import signer_name
from tera.policy.blockfile import HEADER, Kind, blocked_id, build_blocklist
from tera.policy.blocklist import BlockList, front_names
from tera.policy.marks import Mark, MarkKey, raised
from tests.format.hostile import refused

NOW = 1_800_000_000
KEY, OTHER = SigningKey(bytes(64)), SigningKey(b"\1" * 64)
ISSUER = signer_name(KEY.public)
LIST = b"l" * 16
MARK = MarkKey("blocklist", ISSUER, LIST)


def digest(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def build(found: Any = (), key: SigningKey = KEY, **changes: Any) -> bytes:
    options = {"list_id": LIST, "version": 3, "issued": NOW - 10, "expires": NOW + 10, **changes}
    return build_blocklist(found, key, **options)


def source(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: data[offset : offset + length]


def opened(data: bytes, **changes: Any) -> BlockList:
    options: dict[str, Any] = {"trusted": [ISSUER], "now": NOW, "marks": {}, **changes}
    return BlockList.open(source(data), len(data), **options)


SMALL = [blocked_id(Kind.DIGEST, digest(number)) for number in range(20)]
SMALL_LIST = build(SMALL)


# --- membership ---------------------------------------------------------------------------------------

kinds = st.sampled_from(list(Kind))
named = st.tuples(kinds, st.integers(0, 3)).map(
    lambda pair: (pair[0], bytes((pair[1],)) * (16 if pair[0] in (Kind.CONTAINER, Kind.POLICY) else 32))
)


@given(st.sets(named), st.lists(named, min_size=1))
def test_a_list_answers_like_a_set(blocked: set[tuple[Kind, bytes]], asked: list[tuple[Kind, bytes]]) -> None:
    found = opened(build(blocked_id(*one) for one in blocked))
    for one in asked:
        assert found.contains(*one) == (one in blocked)
    if blocked.isdisjoint(asked):
        found.check(asked)
    else:
        with pytest.raises(Blocked):
            found.check(asked)


@pytest.mark.parametrize("count", [0, 1, 127, 128, 129, 255, 256, 257, 1_000])
def test_a_list_of_several_pages_answers_like_a_set(count: int) -> None:
    blocked = {digest(number) for number in range(count)}
    found = opened(build(blocked_id(Kind.DIGEST, one) for one in blocked))
    assert found.head.count == count
    for number in range(2 * count + 50):
        assert found.contains(Kind.DIGEST, digest(number)) == (digest(number) in blocked)
    assert [*found.ids()] == sorted(blocked_id(Kind.DIGEST, one) for one in blocked)


@given(st.sets(st.integers(0, 599)))
@settings(max_examples=30)
def test_ids_between_around_and_on_the_borders_of_pages(numbers: set[int]) -> None:
    """With ids that are close together, every place before, on and behind a border is met."""
    ids = {number.to_bytes(32, "big") for number in numbers} | {n.to_bytes(32, "big") for n in range(300, 560, 2)}
    found = opened(build(ids))
    assert found.head.pages > 1
    assert [*found.ids()] == sorted(ids)
    for number in range(600):
        wanted = number.to_bytes(32, "big")
        assert found.has(wanted) == (wanted in ids)


def test_a_look_up_reads_one_page() -> None:
    data = build(blocked_id(Kind.DIGEST, digest(number)) for number in range(1_000))
    reads: list[tuple[int, int]] = []

    def read_at(offset: int, length: int) -> bytes:
        reads.append((offset, length))
        return data[offset : offset + length]

    found = BlockList.open(read_at, len(data), trusted=[ISSUER], now=NOW, marks={})
    assert reads == [(0, HEADER), (HEADER, 64 * 8)]
    for number in (1, 999, 5_000, 5_001):
        reads.clear()
        found.contains(Kind.DIGEST, digest(number))
        assert [length for _, length in reads] in ([4_096], [32 * (1_000 % 128)], [])


def test_every_bit_of_a_list_is_noticed_where_it_counts() -> None:
    """With any bit flipped the list is refused, or each look-up is right or refused."""
    asked = [digest(number) for number in range(25)]
    refusals = {"open": 0, "look": 0}
    places = [*range(200), *range(200, HEADER, 31), *range(HEADER, len(SMALL_LIST))]
    for at in places:
        for bit in range(8) if at < 200 else (at % 8,):
            changed = SMALL_LIST[:at] + bytes((SMALL_LIST[at] ^ 1 << bit,)) + SMALL_LIST[at + 1 :]
            try:
                found = opened(changed)
            except TeraError:
                refusals["open"] += 1
                continue
            assert at >= HEADER + 64, "header and table are verified when the list is opened"
            for number, one in enumerate(asked):
                try:
                    assert found.contains(Kind.DIGEST, one) == (number < 20)
                except TeraError as error:
                    assert error.code == "blocklist_digest"
                    refusals["look"] += 1
    assert refusals["open"] > 1_000
    assert refusals["look"] > 640 * 20, "on the only page every look-up behind its first id notices"


def test_a_list_that_becomes_shorter_is_refused() -> None:
    size = len(SMALL_LIST)

    def read_at(offset: int, length: int) -> bytes:
        return SMALL_LIST[:size][offset : offset + length]

    found = BlockList.open(read_at, size, trusted=[ISSUER], now=NOW, marks={})
    assert found.contains(Kind.DIGEST, digest(0))
    size -= 1
    with pytest.raises(BadBlocklist, match="shorter"):
        found.contains(Kind.DIGEST, digest(0))
    for length in (0, HEADER - 1, HEADER, HEADER + 63):
        with pytest.raises(BadBlocklist):
            BlockList.open(source(SMALL_LIST[:length]), len(SMALL_LIST), trusted=[ISSUER], now=NOW, marks={})


# --- what is refused ----------------------------------------------------------------------------------


def test_what_is_blocked_is_refused_with_the_name_of_the_list() -> None:
    found = opened(SMALL_LIST, name="staff.terb")
    with pytest.raises(Blocked, match=r"staff\.terb") as caught:
        found.check([(Kind.BIND, digest(0)), (Kind.DIGEST, digest(3))])
    assert (caught.value.code, caught.value.exit) == ("blocked", 14)
    assert digest(3).hex()[:16] in str(caught.value)
    with pytest.raises(Blocked, match=LIST.hex()):
        opened(SMALL_LIST).check([(Kind.DIGEST, digest(3))])


@pytest.mark.parametrize("kind", Kind)
def test_a_refusal_says_what_is_blocked(kind: Kind) -> None:
    value = bytes(16) if kind in (Kind.CONTAINER, Kind.POLICY) else bytes(32)
    with pytest.raises(Blocked, match=r"container|signer|recipient|policy"):
        opened(build([blocked_id(kind, value)])).check([(kind, value)])


def test_a_list_by_somebody_who_is_not_trusted_is_refused() -> None:
    for trusted in ([], [signer_name(OTHER.public)], [LIST], {b""}):
        refused("blocklist_issuer", opened, SMALL_LIST, trusted=trusted)
    refused("blocklist_issuer", opened, build(SMALL, OTHER))
    opened(build(SMALL, OTHER), trusted={ISSUER, signer_name(OTHER.public)})


def test_a_list_below_its_mark_is_refused() -> None:
    mark = opened(SMALL_LIST).marks
    assert mark == {MARK: Mark(3, opened(SMALL_LIST).head.hash)}
    assert opened(SMALL_LIST, marks=mark).marks == {}
    assert opened(build(SMALL, version=4), marks=mark).marks[MARK].version == 4
    refused("blocklist_rollback", opened, build(SMALL, version=2), marks=mark)
    refused("blocklist_rollback", opened, build(SMALL[:5]), marks=mark)
    # Signed once more it is the same list.
    assert opened(build(SMALL), marks=mark).marks == {}


def test_a_mark_is_that_of_one_issuer_and_one_list() -> None:
    high = Mark(9, bytes(32))
    for key in (
        MarkKey("policy", ISSUER, LIST),
        MarkKey("blocklist", signer_name(OTHER.public), LIST),
        MarkKey("blocklist", ISSUER, b"m" * 16),
    ):
        assert opened(SMALL_LIST, marks={key: high}).marks
    refused("blocklist_rollback", opened, SMALL_LIST, marks={MARK: high})


def test_a_stale_list_is_refused_unless_it_may_be_stale() -> None:
    assert not opened(SMALL_LIST, now=NOW + 9).stale
    for now in (NOW + 10, NOW + 11, NOW * 3):
        refused("stale_blocklist", opened, SMALL_LIST, now=now)
        found = opened(SMALL_LIST, now=now, stale="allow")
        assert found.stale
        assert found.contains(Kind.DIGEST, digest(0)), "a stale list still blocks"


def test_a_list_from_the_future_is_refused_even_where_it_may_be_stale() -> None:
    opened(SMALL_LIST, now=NOW - 310)
    for stale in ("refuse", "allow"):
        refused("clock_behind", opened, SMALL_LIST, now=NOW - 311, stale=stale)


def test_a_value_of_another_length_is_no_question() -> None:
    refused("bad_input", opened(SMALL_LIST).contains, Kind.DIGEST, bytes(16))


# --- changing a list ----------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 300)), max_size=20))
@settings(max_examples=30)
def test_adding_and_removing_is_that_of_a_set(changes: list[tuple[bool, int]]) -> None:
    blocked = set(range(140))
    data = build(blocked_id(Kind.DIGEST, digest(number)) for number in blocked)
    marks = opened(data).marks
    for add, number in changes:
        blocked = blocked | {number} if add else blocked - {number}
        one, before = blocked_id(Kind.DIGEST, digest(number)), opened(data, marks=marks)
        ids = {*before.ids(), one} if add else {*before.ids()} - {one}
        data = build(ids, version=before.head.version + 1)
        marks = {key: raised(marks.get(key), mark) for key, mark in opened(data, marks=marks).marks.items()}
    found = opened(data, marks=marks)
    assert {number for number in range(301) if found.contains(Kind.DIGEST, digest(number))} == blocked


# --- what a container shows ---------------------------------------------------------------------------


def test_what_a_front_shows_is_looked_up() -> None:
    signers, policy_signers = (b"s" * 32, b"t" * 32), (b"u" * 32,)
    core = Core(b"c" * 16, 1, DynamicRules(b"p" * 16, policy_signers, 0), signers=signers)
    assert set(front_names(core, b"b" * 32, policy_signers)) == {
        (Kind.CONTAINER, b"c" * 16),
        (Kind.BIND, b"b" * 32),
        *((Kind.SIGNER, one) for one in (*signers, *policy_signers)),
        (Kind.POLICY, b"p" * 16),
    }
    plain = Core(b"c" * 16, 1)
    assert set(front_names(plain, b"b" * 32)) == {(Kind.CONTAINER, b"c" * 16), (Kind.BIND, b"b" * 32)}
    for one in front_names(core, b"b" * 32, policy_signers):
        refused("blocked", opened(build([blocked_id(*one)])).check, front_names(core, b"b" * 32, policy_signers))
