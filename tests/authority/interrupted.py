"""A state in which something happens between reading and writing: what only a race would show otherwise."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from tera.authority.ports import State, Transaction, View


class InterruptedState(State):
    """Before the next transaction begins, `meanwhile` is called, once."""

    def __init__(self, inner: State) -> None:
        self.inner = inner
        self.meanwhile: Callable[[], object] | None = None

    def reading(self) -> AbstractContextManager[View]:
        return self.inner.reading()

    def transaction(self) -> AbstractContextManager[Transaction]:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return self.inner.transaction()
