"""Is a log whole? Everything is hashed again and compared with every checkpoint that was signed.

The law of this file: nothing that the store says of itself is believed. What a log cannot show by itself is
that its end is there: who cut events off cut the checkpoints off as well. For that a caller keeps a
checkpoint of its own and gives it here.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tera.audit import tree
from tera.audit.checkpoint import Checkpoint, open_checkpoint
from tera.audit.events import parse_event
from tera.audit.log import Log, Record, Signed, keys_of
from tera.audit.notekeys import Verifier
from tera.errors import BadCheckpoint, BadEvent, BadLog, BadSignature, MissingSignature, NoSuchEvent, NotCanonical


@dataclass(frozen=True, slots=True)
class Whole:
    """A log that is whole: its size and root, how many of its events checkpoints vouch for, and how many those are;
    and how many events were erased, of which only the hashes are left."""

    size: int
    root: bytes
    signed: int
    checkpoints: int
    erased: int = 0


def verify_log(
    log: Log, known: Iterable[Verifier], origin: str, *, kept: Iterable[bytes] = (), signed: bool = True
) -> Whole:
    """Hash every event again and compare with every checkpoint, stored and `kept` (signed notes from elsewhere).

    1. The kept checkpoints are opened (BadCheckpoint, BadSignature, MissingSignature).
    2. Each event, in order: its number follows the last one's, it is the event that its hash was stored for, and
       so are the hashes above it; it is an event, and is found by what it says. Of one that was erased only the
       hashes are there to be compared, and they lead to the same checkpoints.
    3. Each checkpoint, when its size is reached: it is signed by a known key and has the root that was computed.
    4. At the end no checkpoint speaks of more events, and if there are events, there is a checkpoint; but not where
       the log is not `signed`, as a reader's own: that one only fits itself, and whoever wrote it can do so again.

    Raises BadLog, which says where it broke. A log that others write to is verified inside one transaction, or up
    to where it was at the start.
    """
    known = list(known)
    pinned = [open_checkpoint(data, known, origin) for data in kept]
    last, size = log.last_checkpoint(), log.size()  # in this order: what is added meanwhile does no harm
    stored = (_open(signed, known, origin) for signed in _until(log.checkpoints(), size))
    marks = heapq.merge(stored, sorted(pinned, key=_size), key=_size)
    frontier = tree.Frontier()
    fits, count, erased = 0, 0, 0
    mark = next(marks, None)
    for record in log.records(0, size):
        while mark is not None and mark.size == frontier.size:
            fits, count, mark = _compare(mark, frontier, fits), count + 1, next(marks, None)
        _check_record(record, frontier)
        erased += record.erased
    if frontier.size != size:
        raise BadLog(f"event {frontier.size:,} is missing, and all after it")
    while mark is not None and mark.size == size:
        fits, count, mark = _compare(mark, frontier, fits), count + 1, next(marks, None)
    beyond = mark or (last if last is not None and last.size > size else None)
    if beyond is not None:
        raise BadLog(f"the log ends after {size:,} events, and there is a checkpoint of {beyond.size:,}")
    if _has_hash(log, size):
        raise BadLog(f"the log ends after {size:,} events, and there is the hash of another")
    if signed and size and not count:
        raise BadLog(f"no checkpoint vouches for any of the {size:,} events")
    return Whole(size, frontier.root(), fits, count, erased)


def _has_hash(log: Log, size: int) -> bool:
    """Whether the hash of event `size` is there, which is not: it was removed from the end."""
    try:
        log.node(0, size)
    except NoSuchEvent:
        return False
    return log.size() == size


def _size(checkpoint: Checkpoint) -> int:
    return checkpoint.size


def _until(stored: Iterator[Signed], size: int) -> Iterator[Signed]:
    for signed in stored:
        if signed.size > size:
            return
        yield signed


def _open(signed: Signed, known: list[Verifier], origin: str) -> Checkpoint:
    try:
        found = open_checkpoint(signed.note, known, origin)
    except (BadCheckpoint, BadSignature, MissingSignature) as error:
        raise BadLog(f"the checkpoint of {signed.size:,} events does not verify: {error}") from None
    if found.size != signed.size:
        raise BadLog(f"the checkpoint of {signed.size:,} events speaks of {found.size:,}")
    return found


def _compare(mark: Checkpoint, frontier: tree.Frontier, fits: int) -> int:
    if mark.root != frontier.root():
        raise BadLog(f"of the events before {mark.size:,}, one from {fits:,} on is not what a checkpoint vouches for")
    return mark.size


def _check_record(record: Record, frontier: tree.Frontier) -> None:
    index = frontier.size
    if record.index != index:
        raise BadLog(f"event {index:,} is missing")
    own = record.hashes[: tree.HASH_LENGTH]
    if record.erased and len(own) != tree.HASH_LENGTH:
        raise BadLog(f"event {index:,} was erased, and so was its hash")
    hashes = frontier.append(own if record.erased else tree.leaf_hash(record.leaf))
    if record.hashes != b"".join(hashes):
        what = "was changed" if record.hashes[: tree.HASH_LENGTH] != hashes[0] else "has wrong hashes above it"
        raise BadLog(f"event {index:,} {what}")
    if record.erased:
        return
    try:
        event = parse_event(record.data)
    except (BadEvent, NotCanonical) as error:
        raise BadLog(f"event {index:,} is none: {error}") from None
    if record.keys != keys_of(event):
        raise BadLog(f"event {index:,} is filed under what it does not say")
