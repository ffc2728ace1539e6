"""An authority's state in memory: for tests, and for one that keeps nothing.

The law of this file: it keeps the promises of `State`, durability excepted. Whoever writes works on copies of what
it changes; they take the place of the originals when the transaction ends, and are dropped when it fails.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tera.audit.events import Event
from tera.audit.log import Log
from tera.audit.memory import MemoryLog
from tera.authority.ports import Kept, State, Transaction, View
from tera.policy.marks import Mark, MarkKey, raised
from tera.state.reader import Opens


class _UndoableLog(MemoryLog):
    """A log of which the last transaction can be undone."""

    @contextmanager
    def undone_on_failure(self) -> Iterator[None]:
        size, checkpoints = len(self._records), dict(self._checkpoints)
        try:
            yield
        except BaseException:
            del self._records[size:]
            self._checkpoints = checkpoints
            raise


class _Tables(Transaction):
    """One state; `changes` covers `base` while a transaction is on."""

    def __init__(self, base: dict[Any, Any], log: MemoryLog) -> None:
        self._base = base
        self._log = log
        self.changes: dict[Any, Any] = {}
        self.forgotten = 0

    def _get(self, *key: Any) -> Any:
        return self.changes[key] if key in self.changes else self._base.get(key)

    @property
    def log(self) -> Log:
        return self._log

    def get(self, key: MarkKey, /) -> Mark | None:
        found: Mark | None = self._get("mark", key)
        return found

    def last_time(self) -> int:
        return self._get("time") or 0

    def opens(self, bind: bytes, viewer: str) -> Opens:
        return self._get("opens", bind, viewer) or Opens()

    def kept(self, request: bytes) -> Kept | None:
        found: Kept | None = self._get("kept", request)
        return found

    def envelope(self, signer: bytes, policy_id: bytes) -> bytes | None:
        found: bytes | None = self._get("envelope", signer, policy_id)
        return found

    def viewer(self, fingerprint: bytes) -> str | None:
        found: str | None = self._get("viewer", fingerprint)
        return found

    def reported(self, device: bytes) -> int | None:
        found: int | None = self._get("reported", device)
        return found

    def record(self, event: Event) -> None:
        self._log.append(event.pack())
        self.changes[("time",)] = max(self.last_time(), event.time)

    def count(self, bind: bytes, viewer: str, now: int) -> None:
        before = self.opens(bind, viewer)
        first = now if before.first is None else before.first
        self.changes["opens", bind, viewer] = Opens(before.count + 1, first)

    def keep(self, request: bytes, kept: Kept) -> None:
        self.changes["kept", request] = kept

    def forget(self, before: int) -> None:
        self.forgotten = before

    def keep_envelope(self, signer: bytes, policy_id: bytes, body: bytes) -> None:
        self.changes["envelope", signer, policy_id] = body

    def raise_mark(self, key: MarkKey, mark: Mark) -> None:
        self.changes["mark", key] = raised(self.get(key), mark)

    def enrol(self, fingerprint: bytes, viewer: str | None) -> None:
        self.changes["viewer", fingerprint] = viewer

    def set_reported(self, device: bytes, count: int) -> None:
        self.changes["reported", device] = count


class MemoryState(State):
    """Remembers until the process ends."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._base: dict[Any, Any] = {}
        self._log = _UndoableLog()

    @contextmanager
    def reading(self) -> Iterator[View]:
        with self._lock:
            yield _Tables(self._base, self._log)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._lock, self._log.undone_on_failure():
            tables = _Tables(self._base, self._log)
            yield tables
            self._base.update(tables.changes)
            if tables.forgotten:
                old = [key for key, one in self._base.items() if key[0] == "kept" and one.issued < tables.forgotten]
                for key in old:
                    del self._base[key]
