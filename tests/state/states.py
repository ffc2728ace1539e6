"""Both states of a reader, each fresh and empty; the suite of states runs on both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tera.audit.events import Event
from tera.release.lease import Lease
from tera.state.reader import MemoryReaderState, ReaderState
from tera.state.readerdb import SqliteReaderState

STATES: dict[str, Callable[[Path], ReaderState]] = {
    "memory": lambda folder: MemoryReaderState(),
    "sqlite": lambda folder: SqliteReaderState(folder / "reader.db"),
}
NOW = 1_800_000_000
BIND, OTHER = b"b" * 32, b"c" * 32


def event(at: int = 0, kind: str = "open") -> Event:
    return Event(1_000 * (NOW + at), kind, bind=BIND)


def lease(name: bytes) -> Lease:
    return Lease(b"request " + name, b"answer " + name, b"salt " + name, b"wrapped " + name)
