"""Wrong credentials from one address: ten a minute, then a pause.

The law of this file: it forgets after a minute, and holds a bounded number of addresses.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from tera.errors import TooManyTries

MOST: Final = 10
"""Failures in a minute."""
ADDRESSES: Final = 10_000


class Tries:
    """Failures by address; `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str | None, tuple[int, int]] = OrderedDict()

    def check(self, address: str | None) -> None:
        """Return when the address may try. Raises TooManyTries."""
        now = self._clock()
        with self._lock:
            minute, count = self._failures.get(address, (0, 0))
        if minute == int(now // 60) and count >= MOST:
            raise TooManyTries("too many wrong credentials", after=60 - int(now % 60))

    def failed(self, address: str | None) -> None:
        """Remember a failure."""
        minute = int(self._clock() // 60)
        with self._lock:
            before, count = self._failures.pop(address, (minute, 0))
            self._failures[address] = (minute, count + 1 if before == minute else 1)
            while len(self._failures) > ADDRESSES:
                self._failures.popitem(last=False)
