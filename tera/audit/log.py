"""The port of an append-only log, what every log can do through it, and when its state is signed.

The law of this file: a log hands out events by number and the hashes of complete subtrees; roots and proofs
follow from those, for every store in the same way. A log is never asked to change or remove anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from tera.audit import note, tree
from tera.audit.checkpoint import Checkpoint, check_extends, parse_text, sign_checkpoint
from tera.audit.events import Event, leaf
from tera.errors import BadCheckpoint, BadLog, BadLogProof, NoSuchEvent

CHECKPOINT_EVERY: Final = 1_000
"""Milliseconds between two signatures: a composite one takes as long as recording several events."""

Keys: TypeAlias = "tuple[int, str, bytes | None, bytes | None, bytes | None, str | None]"
"""What an event is found by: time, kind, container id, H_bind, subject, viewer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event and its number, counted from 0."""

    index: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """All that a store holds of one event: its bytes, the hashes that it completed, joined, its keys, its salt.

    `erased`: the store says that event and salt were taken out; its hashes are still there.
    """

    index: int
    data: bytes
    hashes: bytes
    keys: Keys
    salt: bytes = b""
    erased: bool = False

    @property
    def leaf(self) -> bytes:
        """What is hashed for it."""
        return leaf(self.data, self.salt)


@dataclass(frozen=True, slots=True)
class Signed:
    """A stored checkpoint: how many events, when (milliseconds), and the signed note."""

    size: int
    time: int
    note: bytes


@dataclass(frozen=True, slots=True)
class Query:
    """Which events are meant; what is left out does not matter. `since <= time < until`."""

    kinds: tuple[str, ...] = ()
    container: bytes | None = None
    bind: bytes | None = None
    subject: bytes | None = None
    viewer: str | None = None
    since: int | None = None
    until: int | None = None

    def matches(self, keys: Keys) -> bool:
        """Say whether an event with these keys is meant."""
        time, kind, *names = keys
        wanted = (self.container, self.bind, self.subject, self.viewer)
        return (
            (not self.kinds or kind in self.kinds)
            and all(want is None or want == name for want, name in zip(wanted, names, strict=True))
            and (self.since is None or self.since <= time)
            and (self.until is None or time < self.until)
        )


def keys_of(event: Event) -> Keys:
    """Return what an event is found by."""
    return (event.time, event.kind, event.container, event.bind, event.subject, event.viewer)


class Log(Protocol):
    """An append-only log. A store subclasses it and gets roots and proofs.

    Every method may raise BadLog (what is stored is not what was recorded) and LogUnavailable.
    """

    def append(self, event: bytes) -> int:
        """Record one event, and return its number. Raises BadEvent, NotCanonical."""
        ...

    def size(self) -> int:
        """Return the number of events."""
        ...

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree, see `tera.audit.tree`. Raises NoSuchEvent when it is not there."""
        ...

    def event(self, index: int) -> bytes:
        """Return one event. Raises NoSuchEvent."""
        ...

    def leaf(self, index: int) -> bytes:
        """Return what is hashed for one event: the event, and its salt where the log has salts. Raises NoSuchEvent."""
        return self.event(index)

    def records(self, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        """Yield what is stored of the events from `start` to before `stop`, in order, gaps and all."""
        ...

    def find(self, query: Query, *, start: int = 0, limit: int = 1_000, newest: bool = False) -> list[Entry]:
        """Return at most `limit` of the events that are meant: from `start` on, or the newest ones first."""
        ...

    def add_checkpoint(self, signed: Signed) -> None:
        """Store a signed checkpoint; there is one of each size."""
        ...

    def checkpoints(self) -> Iterator[Signed]:
        """Yield the stored checkpoints, the shortest first."""
        ...

    def last_checkpoint(self) -> Signed | None:
        """Return the longest stored checkpoint."""
        ...

    def events(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        """Yield the events from `start` to before `stop`."""
        for record in self.records(start, stop):
            yield Entry(record.index, record.data)

    def root(self, size: int | None = None) -> bytes:
        """Return the root over the first `size` events (all). Raises NoSuchEvent."""
        return tree.root(self._reached(size), self.node)

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the proof that event `index` is among the first `size`. Raises NoSuchEvent."""
        return tree.inclusion(index, self._reached(size), self.node)

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """Return the proof that the first `new` events start with the first `old`. Raises NoSuchEvent."""
        return tree.consistency(old, self._reached(new), self.node)

    def _reached(self, size: int | None) -> int:
        there = self.size()
        if size is not None and not 0 <= size <= there:
            raise NoSuchEvent(f"the log has {there:,} events, not {size:,}")
        return there if size is None else size


def issue_checkpoint(
    log: Log, origin: str, signers: Sequence[note.Signer], now: int, *, every: int = CHECKPOINT_EVERY
) -> bytes:
    """Return the newest checkpoint; sign and store a new one if the log has grown and the last is `every` ms old.

    Call it where events are appended, inside the same transaction, and hand the note out after the commit.
    A clock that was set back does not stop the signing. Raises BadLog rather than sign what does not extend
    the last checkpoint: two such signatures would be the proof of a fork.
    """
    last, size = log.last_checkpoint(), log.size()
    if last is not None and (last.size == size or 0 <= now - last.time < every):
        return last.note
    found = Checkpoint(origin, size, log.root(size))
    if last is not None:
        try:
            before = parse_text(note.parse(last.note).text)
            check_extends(before, found, log.consistency(before.size, size))
        except (BadCheckpoint, BadLogProof, NoSuchEvent) as error:
            raise BadLog(f"the log does not extend its last checkpoint, of {last.size:,} events: {error}") from None
    signed = sign_checkpoint(found, signers)
    log.add_checkpoint(Signed(size, now, signed))
    return signed
