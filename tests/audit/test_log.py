"""Every log hands out what was appended, proves it, finds it, and signs at most once a second; on each store."""

from __future__ import annotations

import pytest

from tera.audit import tree
from tera.audit.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from tera.audit.events import Event
from tera.audit.log import Entry, Query, Signed
from tera.errors import BadEvent, BadLog, NoSuchEvent, NotCanonical
from tests.audit import naive
from tests.audit.keys import KNOWN, ORIGIN, SIGNERS
from tests.audit.stores import Store, event


def test_an_empty_log_has_nothing(store: Store) -> None:
    log = store.log
    assert (log.size(), log.root(), log.last_checkpoint()) == (0, tree.EMPTY_ROOT, None)
    for found in (log.events(), log.records(), log.checkpoints(), log.find(Query())):
        assert [*found] == []
    with pytest.raises(NoSuchEvent):
        log.event(0)
    with pytest.raises(NoSuchEvent):
        log.node(0, 0)


def test_events_come_back_in_their_order(store: Store) -> None:
    store.fill(1_200)
    data = [event(at).pack() for at in range(1_200)]
    assert store.log.size() == 1_200
    assert [*store.log.events()] == [Entry(at, one) for at, one in enumerate(data)]
    assert [entry.index for entry in store.log.events(1_100, 1_103)] == [1_100, 1_101, 1_102]
    assert [entry.index for entry in store.log.events(1_198, 5_000)] == [1_198, 1_199]
    assert store.log.event(7) == data[7]


def test_the_number_of_an_event_is_what_append_returns(store: Store) -> None:
    with store.writing():
        assert [store.log.append(event(at).pack()) for at in range(5)] == [0, 1, 2, 3, 4]


def test_roots_and_proofs_are_those_of_the_naive_tree(store: Store) -> None:
    store.fill(33)
    leaves = [event(at).pack() for at in range(33)]
    for size in range(1, 34):
        assert store.log.root(size) == naive.mth(leaves[:size])
        for at in range(0, size, 3):
            assert store.log.inclusion(at, size) == naive.path(at, leaves[:size])
            assert store.log.consistency(at, size) == (naive.proof(at, leaves[:size]) if at else [])
    assert store.log.root() == naive.mth(leaves)
    assert store.log.inclusion(3) == naive.path(3, leaves)
    assert store.log.consistency(3) == naive.proof(3, leaves)


@pytest.mark.parametrize("beyond", [-1, 5, 6, 2**62, 2**63 - 1, 2**63, 2**70])
def test_what_is_beyond_the_end_is_not_found(store: Store, beyond: int) -> None:
    store.fill(5)
    with pytest.raises(NoSuchEvent):
        store.log.event(beyond)
    with pytest.raises(NoSuchEvent):
        store.log.inclusion(beyond)
    with pytest.raises(NoSuchEvent):
        store.log.node(0, beyond)
    if beyond != 5:
        with pytest.raises(NoSuchEvent):
            store.log.root(beyond)
        with pytest.raises(NoSuchEvent):
            store.log.consistency(2, beyond)
        with pytest.raises(NoSuchEvent):
            store.log.inclusion(2, beyond)


def test_a_subtree_that_is_not_complete_has_no_hash(store: Store) -> None:
    store.fill(5)
    assert store.log.node(2, 0) == store.log.root(4)
    for level, index in ((3, 0), (2, 1), (1, 2)):
        with pytest.raises(NoSuchEvent):
            store.log.node(level, index)


@pytest.mark.parametrize("data", [b"", b"\x80", b"text", event(0).pack() + b"\0"])
def test_what_is_no_event_is_not_recorded(store: Store, data: bytes) -> None:
    store.fill(1)
    with pytest.raises((BadEvent, NotCanonical)), store.writing():
        store.log.append(data)
    assert store.log.size() == 1


# --- finding ----------------------------------------------------------------------------------------

ONE, TWO = b"\1" * 32, b"\2" * 32
SEVERAL = (
    Event(100, "release", container=ONE[:16], bind=ONE, viewer="ann@a.example"),
    Event(200, "deny", container=ONE[:16], bind=TWO, viewer="bob@b.example", rule="opens"),
    Event(300, "block", subject=b"digest"),
    Event(250, "release", container=TWO[:16], bind=TWO, viewer="ann@a.example"),
    Event(400, "unblock", subject=b"digest"),
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(), [0, 1, 2, 3, 4]),
        (Query(kinds=("release",)), [0, 3]),
        (Query(kinds=("block", "unblock")), [2, 4]),
        (Query(container=ONE[:16]), [0, 1]),
        (Query(bind=TWO), [1, 3]),
        (Query(subject=b"digest"), [2, 4]),
        (Query(viewer="ann@a.example"), [0, 3]),
        (Query(viewer="ann"), []),
        (Query(since=250), [2, 3, 4]),
        (Query(until=250), [0, 1]),
        (Query(since=200, until=300), [1, 3]),
        (Query(kinds=("release",), bind=TWO, since=1), [3]),
        (Query(kinds=("release' OR 1 = 1 --",)), []),
        (Query(container=ONE), []),
    ],
)
def test_a_query_finds_what_it_means_and_nothing_else(store: Store, query: Query, found: list[int]) -> None:
    store.add(*SEVERAL)
    expected = [Entry(at, SEVERAL[at].pack()) for at in found]
    assert store.log.find(query) == expected
    assert store.log.find(query, newest=True) == expected[::-1]
    assert store.log.find(query, limit=1) == expected[:1]
    assert store.log.find(query, newest=True, limit=1) == expected[::-1][:1]
    assert store.log.find(query, start=2) == [one for one in expected if one.index >= 2]
    assert store.log.find(query, limit=0) == []


# --- checkpoints ------------------------------------------------------------------------------------


def test_a_checkpoint_says_what_the_log_is(store: Store) -> None:
    store.fill(3)
    found = open_checkpoint(store.sign(), KNOWN, ORIGIN)
    assert (found.origin, found.size, found.root) == (ORIGIN, 3, store.log.root())


def test_at_most_one_checkpoint_a_second_is_signed(store: Store) -> None:
    store.fill(1)
    first = store.sign(5_000, every=1_000)
    store.fill(1)
    assert store.sign(5_999, every=1_000) == first
    second = store.sign(6_000, every=1_000)
    assert open_checkpoint(second, KNOWN, ORIGIN).size == 2
    assert [one.size for one in store.log.checkpoints()] == [1, 2]
    assert store.log.last_checkpoint() == Signed(2, 6_000, second)


def test_a_log_that_has_not_grown_is_not_signed_again(store: Store) -> None:
    store.fill(1)
    first = store.sign(0)
    assert store.sign(10**9) == first
    assert len([*store.log.checkpoints()]) == 1


def test_a_clock_that_was_set_back_does_not_stop_the_signing(store: Store) -> None:
    store.fill(1)
    store.sign(10**12)
    store.fill(1)
    assert open_checkpoint(store.sign(5, every=1_000), KNOWN, ORIGIN).size == 2


def test_two_checkpoints_of_one_size_are_refused(store: Store) -> None:
    store.fill(1)
    signed = Signed(1, 0, store.sign())
    with pytest.raises(BadLog), store.writing():
        store.log.add_checkpoint(signed)


def test_what_does_not_extend_the_last_checkpoint_is_not_signed(store: Store) -> None:
    store.fill(2)
    with store.writing():
        store.log.add_checkpoint(Signed(2, 0, sign_checkpoint(Checkpoint(ORIGIN, 2, bytes(32)), SIGNERS)))
    store.fill(1)
    with pytest.raises(BadLog, match="does not extend"):
        store.sign(1)
    assert len([*store.log.checkpoints()]) == 1


def test_a_log_that_is_shorter_than_its_last_checkpoint_is_not_signed(store: Store) -> None:
    store.fill(2)
    with store.writing():
        store.log.add_checkpoint(Signed(7, 0, sign_checkpoint(Checkpoint(ORIGIN, 7, bytes(32)), SIGNERS)))
    with pytest.raises(BadLog, match="does not extend"):
        store.sign(1)


def test_many_checkpoints_are_walked_through(store: Store) -> None:
    with store.writing():
        for size in range(1_100):
            store.log.add_checkpoint(Signed(size, size, b"note"))
    assert [one.size for one in store.log.checkpoints()] == [*range(1_100)]
