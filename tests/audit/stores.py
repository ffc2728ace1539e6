"""Every kind of log, each as a fresh and empty one; the suites of logs run on all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tera.audit.events import Event
from tera.audit.log import Log, issue_checkpoint
from tera.audit.memory import MemoryLog
from tera.state.logdb import SqliteLog, connect, transaction
from tests.audit.keys import ORIGIN, SIGNERS


@dataclass(frozen=True)
class Store:
    """A log, and what it wants around an append."""

    log: Log
    writing: Callable[[], AbstractContextManager[None]]

    def add(self, *events: Event) -> None:
        with self.writing():
            for event in events:
                self.log.append(event.pack())

    def fill(self, count: int) -> None:
        start = self.log.size()
        self.add(*(event(at) for at in range(start, start + count)))

    def sign(self, now: int = 0, *, every: int = 0) -> bytes:
        with self.writing():
            return issue_checkpoint(self.log, ORIGIN, SIGNERS, now, every=every)


def event(at: int) -> Event:
    """One of a series of events, each unlike the others."""
    return Event(1_000 * at, "release" if at % 3 else "deny", container=bytes((at % 5,)) * 16, extra={"at": at})


@contextmanager
def memory(folder: Path) -> Iterator[Store]:
    yield Store(MemoryLog(), nullcontext)


@contextmanager
def sqlite(folder: Path) -> Iterator[Store]:
    connection = connect(folder / "log.db")
    try:
        connection.execute("PRAGMA synchronous = OFF")  # what these tests show does not need the disk
        log = SqliteLog(connection)
        log.prepare()
        yield Store(log, lambda: transaction(connection))
    finally:
        connection.close()


STORES: dict[str, Callable[[Path], AbstractContextManager[Store]]] = {"memory": memory, "sqlite": sqlite}
