"""Work in several threads whose results come in order.

The law of this file: heavy work runs out of order, cheap assembly in order. A unit of work has a number;
where order matters it waits at a `Turnstile` for the units before it. No unit waits for a later one, and
units are started in order, so that there is no deadlock with any number of workers.

The first error by number (not by time) is the one that is raised: the same input gives the same error.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
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

    At most two units a worker wait or are under way, which bounds memory. `turnstiles` are those that the
    units use; a failing unit breaks them.
    """

    def __init__(self, *turnstiles: Turnstile, workers: int | None = None) -> None:
        self._turnstiles = turnstiles
        self._workers = workers or min(MAX_WORKERS, len(os.sched_getaffinity(0)))
        self._slots = threading.Semaphore(2 * self._workers)
        self._queue: SimpleQueue[Work | Iterator[Work] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._taking = threading.Lock()
        self._series: Iterator[Work] | None = None
        self._count = 0
        self._lock = threading.Lock()
        self._failure: tuple[int, BaseException] | None = None

    def submit(self, work: Work) -> None:
        """Queue a unit; waits while too many are under way. Raises what an earlier unit raised."""
        self._put(work, 1)

    def submit_all(self, works: Iterator[Work]) -> None:
        """Queue units that the workers take one by one, which spares a change of threads for each.

        Taking one must cost nothing and not fail: what is big or slow is made when the unit runs.
        """
        self._put(works, self._workers)

    def close(self) -> None:
        """Wait for every unit; raise the failure with the lowest number, if any. May be called again."""
        self._join()
        if self._failure:
            raise self._failure[1]

    def cancel(self) -> None:
        """Stop as soon as possible and wait; the units' errors are dropped (there is one already)."""
        self._fail(-1, Cancelled())
        self._join()

    def _put(self, item: Work | Iterator[Work], threads: int) -> None:
        self._slots.acquire()
        if self._failure:
            self._slots.release()
            self.close()
        for _ in range(min(threads, self._workers - len(self._threads))):
            thread = threading.Thread(target=self._serve, name="tera-worker", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._queue.put(item)

    def _join(self) -> None:
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _serve(self) -> None:
        while taken := self._take():
            number, work, slot = taken
            try:
                if self._failure is None or number < self._failure[0]:  # it may be the first to fail
                    work(number)
            except Cancelled:
                pass
            except BaseException as error:
                self._fail(number, error)
            finally:
                del taken, work  # what a unit holds is freed before the next one is waited for
                if slot:
                    self._slots.release()

    def _take(self) -> tuple[int, Work, bool] | None:
        """Return the next unit, its number, and whether it has a slot of its own; None at the end."""
        with self._taking:
            while True:
                if self._series is not None:
                    try:
                        work = None if self._failure else next(self._series, None)
                    except BaseException as error:  # else what is missing would look like the end
                        self._fail(self._count, error)
                        work = None
                    if work is not None:
                        self._count += 1
                        return self._count - 1, work, False
                    self._series = None
                    self._slots.release()
                item = self._queue.get()
                if item is None:
                    return None
                if callable(item):
                    self._count += 1
                    return self._count - 1, item, True
                self._series = item

    def _fail(self, number: int, error: BaseException) -> None:
        with self._lock:
            if self._failure is None or number < self._failure[0]:
                self._failure = (number, error)
        for turnstile in self._turnstiles:
            turnstile.break_at(number)
