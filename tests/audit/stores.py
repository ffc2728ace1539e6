"""Every kind of log, each as a fresh and empty one; the suites of logs run on all of them."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tera.audit.events import Event
from tera.audit.log import Log, issue_checkpoint
from tera.audit.memory import MemoryLog
from tera.catalog.engine import failures
from tera.catalog.log import OrgLog
from tera.state import logdb
from tera.state.database import Database
from tera.state.logdb import SqliteLog
from tests.audit.keys import ORIGIN, SIGNERS
from tests.catalog.databases import KINDS, catalog_of, is_here


@dataclass(frozen=True)
class Store:
    """A log, and what it wants around an append."""

    log: Log
    writing: Callable[[], AbstractContextManager[object]]

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


def database(path: Path, *, timeout: float = 10.0) -> Database:
    """A database that holds a log and nothing else."""
    return Database(path, application=1, version=1, schema=logdb.SCHEMA, what="the log", timeout=timeout)


def connection_of(opened: Database) -> sqlite3.Connection:
    """This thread's connection, outside of any transaction: for what is done to a database by hand."""
    with opened.reading() as connection:
        return connection


@contextmanager
def sqlite(folder: Path) -> Iterator[Store]:
    with closing(database(folder / "log.db")) as opened:
        connection = connection_of(opened)
        connection.execute("PRAGMA synchronous = OFF")  # what these tests show does not need the disk
        yield Store(SqliteLog(connection), opened.transaction)


def _orgs(kind: str) -> Callable[[Path], AbstractContextManager[Store]]:
    """The log of an organisation in a catalog, here without salts: its leaves are those of the other logs."""

    @contextmanager
    def orgs(folder: Path) -> Iterator[Store]:
        org = f"org-{uuid.uuid4()}"
        with catalog_of(kind, folder) as catalog, failures(), catalog.engine.connect() as connection:
            if kind == "sqlite":
                connection = connection.execution_options(tera_begin="BEGIN IMMEDIATE")
            log = OrgLog(connection, org, lambda length: b"")

            @contextmanager
            def writing() -> Iterator[object]:
                connection.rollback()  # what was read before
                with connection.begin():
                    yield None

            yield Store(log, writing)

    return orgs


STORES: dict[str, Callable[[Path], AbstractContextManager[Store]]] = {
    "memory": memory,
    "sqlite": sqlite,
    **{f"catalog-{kind}": _orgs(kind) for kind in KINDS},
}
HERE = [name for name in STORES if is_here(name.removeprefix("catalog-"))]
"""Those that this machine has."""
