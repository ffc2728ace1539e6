"""Writers of one state take turns: threads of a process by a lock, processes by a lock on a file beside the state.

The law of this file: it is about fairness and nothing else; that only one writes is the database's doing. Measured
without it, with 8 writers: SQLite's own waiting (it looks again after 1 to 100 ms) let one of them write 120 times
while another wrote once, and who waits for long is refused.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tera.errors import StateUnavailable
from tera.state.database import TIMEOUT

LOOK: Final = 0.001
"""Seconds after which a process looks again whether it is its turn."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What one process queues with; a lock that came with a fork would be shared with the parent."""

    process: int
    fd: int
    lock: threading.Lock


class Turns:
    """`path` is a file that is made for this; `timeout` is in seconds. Raises StateUnavailable."""

    def __init__(self, path: str, *, timeout: float = TIMEOUT) -> None:
        self._path = path
        self._timeout = timeout
        self._place: _Place | None = None
        self._here()

    def close(self) -> None:
        """Give the file back; the next turn opens it again."""
        place, self._place = self._place, None
        if place is not None:
            os.close(place.fd)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn, and hold it. Raises StateUnavailable when the time is over."""
        place = self._here()
        until = time.monotonic() + self._timeout
        if not place.lock.acquire(timeout=self._timeout):
            raise self._late()
        try:
            while not _try(place.fd):
                if time.monotonic() > until:
                    raise self._late()
                time.sleep(LOOK)
            try:
                yield
            finally:
                fcntl.flock(place.fd, fcntl.LOCK_UN)
        finally:
            place.lock.release()

    def _here(self) -> _Place:
        place = self._place
        if place is None or place.process != os.getpid():
            try:
                fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except (OSError, ValueError) as error:
                raise StateUnavailable(f"{self._path}: {getattr(error, 'strerror', None) or error}") from None
            place = self._place = _Place(os.getpid(), fd, threading.Lock())
        return place

    def _late(self) -> StateUnavailable:
        hint = "another process has been writing to it for long: try again"
        return StateUnavailable(f"{self._path}: no turn within {self._timeout:g} seconds", hint=hint)


def _try(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
