"""What a reader remembers: marks, counts of opens, leases, and a log of what it did.

The law of this file: it is the port, and a state in memory that keeps its promises until the process ends. What is
counted here is advisory: who owns the machine can set it back. What protects against rollback is only as good as
the state is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from tera.errors import ClockBehind
from tera.policy.marks import SKEW, Mark, MarkKey, raised

if TYPE_CHECKING:
    from tera.audit.events import Event
    from tera.audit.log import Log
    from tera.release.lease import Lease

CLOCK_HINT: Final = (
    "set this machine's clock; if it was ahead before, move the state away: its counts are forgotten then"
)


@dataclass(frozen=True, slots=True)
class Opens:
    """How often somebody has opened a container, and when first, in seconds since 1970 UTC; None if never."""

    count: int = 0
    first: int | None = None


class ReaderState(Protocol):
    """Where a reader remembers. Every method may raise StateUnavailable; what was written is durable."""

    def get(self, key: MarkKey, /) -> Mark | None:
        """Return the mark, or None where nothing was seen yet."""
        ...

    def raise_marks(self, marks: Mapping[MarkKey, Mark]) -> None:
        """Write the higher of each mark and the one that is there."""
        ...

    def see(self, now: int) -> None:
        """Remember the time. Raises ClockBehind if a time more than 5 minutes later has been seen."""
        ...

    def seen(self) -> int:
        """Return the latest time that was seen or recorded, in seconds since 1970 UTC; 0 if none was."""
        ...

    def opens(self, bind: bytes, viewer: str) -> Opens:
        """Return how often this viewer (maybe "") has opened the container with this H_bind."""
        ...

    def count(self, bind: bytes, viewer: str, now: int, check: Callable[[Opens], Event]) -> None:
        """Count one open, and record the event that `check` returns; nothing if it raises. No other open comes
        between what `check` is given and the new count."""
        ...

    def record(self, event: Event) -> None:
        """Record an event that counts nothing."""
        ...

    def lease(self, bind: bytes, authority: bytes) -> Lease | None:
        """Return the lease of a container's share, or None."""
        ...

    def keep_lease(self, bind: bytes, authority: bytes, lease: Lease, ends: int) -> None:
        """Keep a lease, which ends at `ends`, in place of any before."""
        ...

    def drop_leases(self, now: int) -> None:
        """Erase all leases that have ended."""
        ...

    def reported(self, authority: bytes) -> int:
        """Return how many events of the log have been reported to an authority, or belong to others."""
        ...

    def set_reported(self, authority: bytes, size: int, sent: int) -> None:
        """Remember that the first `size` events of the log need not be looked at again, and that `sent` were sent."""
        ...

    def sent(self, authority: bytes) -> int:
        """Return how many events an authority has of this reader."""
        ...

    @contextmanager
    def log(self) -> Iterator[Log]:
        """Give the log, to be read."""
        ...


class MemoryReaderState(ReaderState):
    """Remembers until the process ends: for a service that keeps its own records, and for tests."""

    def __init__(self) -> None:
        from tera.audit.memory import MemoryLog

        self._lock = threading.RLock()
        self._marks: dict[MarkKey, Mark] = {}
        self._opens: dict[tuple[bytes, str], Opens] = {}
        self._leases: dict[tuple[bytes, bytes], tuple[Lease, int]] = {}
        self._reported: dict[bytes, tuple[int, int]] = {}
        self._seen = 0
        self._log = MemoryLog()

    def get(self, key: MarkKey, /) -> Mark | None:
        return self._marks.get(key)

    def raise_marks(self, marks: Mapping[MarkKey, Mark]) -> None:
        with self._lock:
            for key, mark in marks.items():
                self._marks[key] = raised(self._marks.get(key), mark)

    def see(self, now: int) -> None:
        with self._lock:
            check_clock(now, self._seen)
            self._seen = max(self._seen, now)

    def seen(self) -> int:
        return self._seen

    def opens(self, bind: bytes, viewer: str) -> Opens:
        return self._opens.get((bind, viewer), Opens())

    def count(self, bind: bytes, viewer: str, now: int, check: Callable[[Opens], Event]) -> None:
        with self._lock:
            before = self.opens(bind, viewer)
            self.record(check(before))
            self._opens[bind, viewer] = Opens(before.count + 1, now if before.first is None else before.first)

    def record(self, event: Event) -> None:
        with self._lock:
            self._log.append(event.pack())
            self._seen = max(self._seen, event.time // 1_000)

    def lease(self, bind: bytes, authority: bytes) -> Lease | None:
        found = self._leases.get((bind, authority))
        return None if found is None else found[0]

    def keep_lease(self, bind: bytes, authority: bytes, lease: Lease, ends: int) -> None:
        with self._lock:
            self._leases[bind, authority] = lease, ends

    def drop_leases(self, now: int) -> None:
        with self._lock:
            self._leases = {key: kept for key, kept in self._leases.items() if now < kept[1]}

    def reported(self, authority: bytes) -> int:
        return self._reported.get(authority, (0, 0))[0]

    def set_reported(self, authority: bytes, size: int, sent: int) -> None:
        self._reported[authority] = size, sent

    def sent(self, authority: bytes) -> int:
        return self._reported.get(authority, (0, 0))[1]

    @contextmanager
    def log(self) -> Iterator[Log]:
        with self._lock:
            yield self._log


def check_clock(now: int, seen: int, skew: int = SKEW) -> None:
    """Return unless the clock was set back by more than `skew` seconds, 5 minutes. Raises ClockBehind."""
    if now + skew < seen:
        raise ClockBehind(f"this machine's clock is {seen - now:,} seconds behind what it was before", hint=CLOCK_HINT)
