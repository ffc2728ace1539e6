"""A state of which the n-th write fails, or the end of the transaction, which is a write too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

from tera.authority.ports import State, Transaction, View
from tera.errors import StateUnavailable

WRITES = frozenset("record count keep forget keep_envelope raise_mark enrol set_reported append add_checkpoint".split())


class _Counting:
    """Passes everything on; writes are counted, and one of them fails."""

    def __init__(self, inner: Any, write: Any) -> None:
        self._inner, self._write = inner, write

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name == "log":
            return _Counting(found, self._write)
        if name not in WRITES:
            return found

        def write(*args: Any) -> Any:
            self._write()
            return found(*args)

        return write


class FailingState(State):
    """Fails at write number `at`, from 0 on; never while that is None. `writes` have been tried."""

    def __init__(self, inner: State) -> None:
        self.inner = inner
        self.at: int | None = None
        self.writes = 0

    def reading(self) -> AbstractContextManager[View]:
        return self.inner.reading()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self.inner.transaction() as writing:
            yield cast(Transaction, _Counting(writing, self._write))
            self._write()

    def _write(self) -> None:
        if self.at == self.writes:
            raise StateUnavailable("the disk is full")
        self.writes += 1
