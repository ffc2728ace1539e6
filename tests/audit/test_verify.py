"""A log that was changed anywhere is said to be, and where; one that was not is whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tera.audit import tree
from tera.audit.checkpoint import Checkpoint, check_extends, open_checkpoint, sign_checkpoint
from tera.audit.events import Event
from tera.audit.log import Record, Signed, keys_of
from tera.audit.memory import MemoryLog
from tera.audit.verify import Whole, verify_log
from tera.errors import BadCheckpoint, BadLog, BadLogProof, BadSignature, MissingSignature
from tests.audit.keys import KNOWN, ORIGIN, SIGNERS, STRANGERS
from tests.audit.stores import HERE, STORES, Store, event


class Tampered(MemoryLog):
    """A log in memory that somebody can write to by hand."""

    @property
    def held(self) -> list[Record]:
        return self._records

    @property
    def signed(self) -> dict[int, Signed]:
        return self._checkpoints

    def recorded(self, index: int, **changed: object) -> None:
        self._records[index] = replace(self._records[index], **changed)  # type: ignore[arg-type]

    def rebuild(self, events: list[bytes]) -> None:
        """Write these events instead, with hashes that fit, as somebody would who knows the format."""
        self._records.clear()
        for data in events:
            self.append(data)


def signed_log(size: int = 20, *marks: int) -> Tampered:
    """Events, with a checkpoint after each of `marks` (by default 7, 16 and the end)."""
    log = Tampered()
    for at in range(size):
        log.append(event(at).pack())
        if at + 1 in (marks or (7, 16, size)):
            mark(log)
    return log


def mark(log: MemoryLog) -> bytes:
    data = sign_checkpoint(Checkpoint(ORIGIN, log.size(), log.root()), SIGNERS)
    log.add_checkpoint(Signed(log.size(), 0, data))
    return data


def test_a_log_that_was_not_changed_is_whole(store: Store) -> None:
    for count in (1, 2, 30):
        store.fill(count)
        store.sign()
    store.fill(4)
    assert verify_log(store.log, KNOWN, ORIGIN) == Whole(37, store.log.root(), 33, 3)


def test_an_empty_log_is_whole(store: Store) -> None:
    assert verify_log(store.log, KNOWN, ORIGIN) == Whole(0, tree.EMPTY_ROOT, 0, 0)
    store.sign()
    assert verify_log(store.log, KNOWN, ORIGIN) == Whole(0, tree.EMPTY_ROOT, 0, 1)


def test_a_log_of_all_sizes_is_whole() -> None:
    for size in range(1, 40):
        assert verify_log(signed_log(size), KNOWN, ORIGIN).signed == size


OTHER = Event(5, "release", viewer="somebody@else.example").pack()


@pytest.mark.parametrize("at", range(20))
def test_a_changed_event_is_named(at: int) -> None:
    log = signed_log()
    log.recorded(at, data=OTHER)
    with pytest.raises(BadLog, match=rf"^event {at} was changed"):
        verify_log(log, KNOWN, ORIGIN)


@pytest.mark.parametrize("at", range(20))
def test_a_changed_hash_is_named(at: int) -> None:
    log = signed_log()
    hashes = log.held[at].hashes
    for wrong in (b"", hashes[:-1], hashes + bytes(32), hashes[:-1] + bytes((hashes[-1] ^ 1,))):
        log.recorded(at, hashes=wrong)
        with pytest.raises(BadLog, match=rf"^event {at} (was changed|has wrong hashes)"):
            verify_log(log, KNOWN, ORIGIN)


@pytest.mark.parametrize("at", range(20))
def test_a_removed_event_is_named(at: int) -> None:
    log = signed_log()
    del log.held[at]
    with pytest.raises(BadLog, match=rf"^event {at} is missing" if at < 19 else "ends after 19 events"):
        verify_log(log, KNOWN, ORIGIN)


@pytest.mark.parametrize("at", range(19))
def test_two_events_in_another_order_are_named(at: int) -> None:
    log = signed_log()
    one, two = log.held[at : at + 2]
    log.recorded(at, data=two.data, keys=two.keys)
    log.recorded(at + 1, data=one.data, keys=one.keys)
    with pytest.raises(BadLog, match=rf"^event {at} was changed"):
        verify_log(log, KNOWN, ORIGIN)


@pytest.mark.parametrize("at", range(20))
@pytest.mark.parametrize("how", ["change", "remove", "swap", "insert"])
def test_a_change_with_all_hashes_made_to_fit_is_between_two_checkpoints(at: int, how: str) -> None:
    log = signed_log()
    events = [record.data for record in log.held]
    if how == "change":
        events[at] = OTHER
    elif how == "remove":
        del events[at]
    elif how == "swap":
        events[at], events[at - 1] = events[at - 1], events[at]
    else:
        events.insert(at, OTHER)
    log.rebuild(events)
    first = 0 if how == "swap" and at == 0 else at - (how == "swap")
    end = next(size for size in (7, 16, 20) if size > first)
    start = {7: 0, 16: 7, 20: 16}[end]
    expected = rf"before {end}, one from {start} on|ends after 19 events, and there is a checkpoint of 20"
    with pytest.raises(BadLog, match=expected):
        verify_log(log, KNOWN, ORIGIN)


def test_an_event_filed_under_what_it_does_not_say_is_named() -> None:
    for at in range(6):
        log = signed_log()
        keys = list(keys_of(event(3)))
        keys[at] = {0: 5, 1: "deny", 5: "x"}.get(at, bytes(16))  # type: ignore[call-overload]
        if keys == [*keys_of(event(3))]:
            keys[at] = None
        log.recorded(3, keys=tuple(keys))
        with pytest.raises(BadLog, match=r"^event 3 is filed"):
            verify_log(log, KNOWN, ORIGIN)


def test_bytes_that_are_no_event_are_named() -> None:
    log = Tampered()
    log.append(event(0).pack())
    data = b"no event"
    hashes = tree.completed(1, tree.leaf_hash(data), log.node)
    log.held.append(Record(1, data, b"".join(hashes), keys_of(event(1))))
    mark(log)
    with pytest.raises(BadLog, match=r"^event 1 is none"):
        verify_log(log, KNOWN, ORIGIN)


# --- checkpoints --------------------------------------------------------------------------------------


def test_a_log_whose_end_was_cut_off_is_named() -> None:
    log = signed_log()
    del log.held[17:]
    with pytest.raises(BadLog, match="ends after 17 events, and there is a checkpoint of 20"):
        verify_log(log, KNOWN, ORIGIN)


def test_a_log_without_any_checkpoint_is_refused() -> None:
    log = signed_log()
    log.signed.clear()
    with pytest.raises(BadLog, match="no checkpoint vouches"):
        verify_log(log, KNOWN, ORIGIN)


Change = Callable[[Tampered], object]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda log: log.signed.update({7: Signed(7, 0, b"none")}), "of 7 events does not verify"),
        (lambda log: log.signed.update({7: Signed(7, 0, log.signed[16].note)}), "of 7 events speaks of 16"),
        (
            lambda log: log.signed.update(
                {7: Signed(7, 0, sign_checkpoint(Checkpoint(ORIGIN, 7, log.root(7)), STRANGERS))}
            ),
            "of 7 events does not verify",
        ),
        (
            lambda log: log.signed.update(
                {7: Signed(7, 0, sign_checkpoint(Checkpoint(ORIGIN, 7, log.root(8)), SIGNERS))}
            ),
            "before 7, one from 0 on",
        ),
        (lambda log: log.signed.update({7: Signed(7, 0, log.signed[7].note[:-9] + b"AAAAAAA=\n")}), "does not verify"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_named(change: Change, why: str) -> None:
    log = signed_log()
    change(log)
    with pytest.raises(BadLog, match=why):
        verify_log(log, KNOWN, ORIGIN)


def test_a_log_cut_back_to_an_older_checkpoint_is_refused_by_who_kept_one() -> None:
    log = signed_log()
    kept = log.signed.pop(20).note
    del log.held[16:]
    assert verify_log(log, KNOWN, ORIGIN).size == 16
    with pytest.raises(BadLog, match="ends after 16 events, and there is a checkpoint of 20"):
        verify_log(log, KNOWN, ORIGIN, kept=[kept])


def test_a_log_that_was_written_anew_is_refused_by_who_kept_a_checkpoint() -> None:
    # The authority itself, with its keys, is the attacker here.
    log = signed_log()
    kept = log.signed[16].note
    log.rebuild([event(at + 1).pack() for at in range(20)])
    log.signed.clear()
    mark(log)
    assert verify_log(log, KNOWN, ORIGIN).size == 20
    with pytest.raises(BadLog, match="before 16, one from 0 on"):
        verify_log(log, KNOWN, ORIGIN, kept=[kept])


def test_kept_checkpoints_in_any_order_and_twice_are_compared() -> None:
    log = signed_log()
    kept = [signed.note for signed in log.signed.values()]
    assert verify_log(log, KNOWN, ORIGIN, kept=[*kept[::-1], *kept]).checkpoints == 9


def test_a_kept_checkpoint_that_does_not_verify_is_the_callers_fault() -> None:
    log = signed_log()
    for kept, error in (
        (b"none", BadCheckpoint),
        (sign_checkpoint(Checkpoint(ORIGIN, 7, log.root(7)), STRANGERS), MissingSignature),
        (log.signed[7].note.replace(b"\n7\n", b"\n8\n"), BadSignature),
    ):
        with pytest.raises(error):
            verify_log(log, KNOWN, ORIGIN, kept=[kept])


def test_a_fork_is_shown_by_two_checkpoints() -> None:
    one, two = signed_log(), signed_log()
    two.rebuild([*(record.data for record in one.held[:10]), OTHER, *(record.data for record in one.held[11:])])
    ours = open_checkpoint(one.signed[16].note, KNOWN, ORIGIN)
    theirs = open_checkpoint(mark_again(two), KNOWN, ORIGIN)
    check_extends(ours, open_checkpoint(one.signed[20].note, KNOWN, ORIGIN), one.consistency(16, 20))
    for log in (one, two):
        with pytest.raises(BadLogProof):
            check_extends(ours, theirs, log.consistency(16, 20))


def mark_again(log: Tampered) -> bytes:
    log.signed.clear()
    return mark(log)


# --- anything at all ------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.data())
def test_any_change_to_any_record_is_refused(data: st.DataObject) -> None:
    log = signed_log(data.draw(st.integers(1, 40)))
    at = data.draw(st.integers(0, log.size() - 1))
    record = log.held[at]
    part = data.draw(st.sampled_from(["data", "hashes"]))
    old: bytes = getattr(record, part)
    bit = data.draw(st.integers(0, 8 * len(old) - 1))
    wrong = bytearray(old)
    wrong[bit // 8] ^= 1 << bit % 8
    log.recorded(at, **{part: bytes(wrong)})
    with pytest.raises(BadLog, match=rf"^event {at} "):
        verify_log(log, KNOWN, ORIGIN)


def test_the_stores_agree_on_everything(tmp_path: Path) -> None:
    found = []
    for name in HERE:
        make = STORES[name]
        (tmp_path / name).mkdir()
        with make(tmp_path / name) as store:
            store.fill(50)
            found.append((store.log.root(), [*store.log.records()], store.log.inclusion(9), store.log.consistency(33)))
    assert len(found) == len(HERE) >= 3
    assert found[0] == found[1]
