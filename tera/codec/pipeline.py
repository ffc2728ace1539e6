"""Work in several threads whose results come in order.

The law of this file: heavy work runs out of order, cheap assembly in order. A unit of work has a number;
where order matters it waits at a `Turnstile` for the units before it. No unit waits for a later one, and
units are started in order, so that there is no deadlock with any number of workers.

The first error by number (not by time) is the one that is raised: the same input gives the same error.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, TypeAlias

Work: TypeAlias = Callable[[int], None]
"""Called with the unit's number, in some thread."""

MAX_WORKERS: Final = 4
"""More would only cost memory: two threads already copy as fast as this kind of work goes."""


class Cancelled(Exception):
    """A unit before this one failed; never leaves this module."""


class Turnstile:
    """Lets units through one at a time, in the order of their numbers."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._next = 0
        self._broken: int | None = None

    def wait(self, number: int) -> None:
        """Wait for this number's turn."""
        with self._condition:
            while self._next != number:
                if self._broken is not None and number > self._broken:
                    raise Cancelled
                self._condition.wait()

    def done(self, number: int) -> None:
        """Let the next one through."""
        with self._condition:
            self._next = number + 1
            self._condition.notify_all()

    def break_at(self, number: int) -> None:
        """Turn away every unit after this one, which failed."""
        with self._condition:
            self._broken = number if self._broken is None else min(number, self._broken)
            self._condition.notify_all()


class Pipeline:
    """A few threads that run units in the order in which they were submitted.

    At most two units a worker are under way, which bounds memory. `turnstiles` are those that the units
    use; a failing unit breaks them.
    """

    def __init__(self, *turnstiles: Turnstile, workers: int | None = None) -> None:
        self._turnstiles = turnstiles
        self._workers = workers or min(MAX_WORKERS, len(os.sched_getaffinity(0)))
        self._slots = threading.Semaphore(2 * self._workers)
        self._queue: SimpleQueue[tuple[int, Work] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._count = 0
        self._lock = threading.Lock()
        self._failure: tuple[int, BaseException] | None = None

    def submit(self, work: Work) -> None:
        """Queue a unit; waits while too many are under way. Raises what an earlier unit raised."""
        self._slots.acquire()
        if self._failure:
            self._slots.release()
            self.close()
        if len(self._threads) < self._workers and len(self._threads) <= self._count:
            thread = threading.Thread(target=self._serve, name="tera-worker", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._queue.put((self._count, work))
        self._count += 1

    def close(self) -> None:
        """Wait for every unit; raise the failure with the lowest number, if any. May be called again."""
        self._join()
        if self._failure:
            raise self._failure[1]

    def cancel(self) -> None:
        """Stop as soon as possible and wait; the units' errors are dropped (there is one already)."""
        self._fail(-1, Cancelled())
        self._join()

    def _join(self) -> None:
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _serve(self) -> None:
        while (item := self._queue.get()) is not None:
            number, work = item
            try:
                if self._failure is None or number < self._failure[0]:
                    work(number)
            except Cancelled:
                pass
            except BaseException as error:
                self._fail(number, error)
            finally:
                del item, work  # what a unit holds is freed before the next one is waited for
                self._slots.release()

    def _fail(self, number: int, error: BaseException) -> None:
        with self._lock:
            if self._failure is None or number < self._failure[0]:
                self._failure = (number, error)
        for turnstile in self._turnstiles:
            turnstile.break_at(number)
