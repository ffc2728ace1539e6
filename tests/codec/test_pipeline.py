"""Work in threads: results in order, the first error by number, no thread and no wait left behind."""

from __future__ import annotations

import gc
import random
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tera.codec.pipeline import MAX_WORKERS, Pipeline, Turnstile, Work

WORKERS = [1, 2, 3, 8]


@pytest.fixture(autouse=True)
def _no_thread_survives() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "tera-worker" and thread.is_alive()]


class Wrong(Exception):
    pass


def fail(number: int) -> None:
    raise Wrong(number)


def nothing(number: int) -> None:
    pass


def ended(call: Callable[[], object], seconds: float = 20) -> BaseException | None:
    """Return what `call` raised; a call that hangs fails the test instead of the whole run."""
    found: list[BaseException | None] = []

    def guarded() -> None:
        try:
            call()
        except BaseException as error:
            found.append(error)
        else:
            found.append(None)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, "it hangs"
    return found[0]


def run(pipeline: Pipeline, works: list[Work], *, series: bool) -> BaseException | None:
    """Queue works, wait for them, and return what was raised."""

    def both() -> None:
        submitted(pipeline, works, series=series)
        pipeline.close()

    return ended(both)


def submitted(pipeline: Pipeline, works: list[Work], *, series: bool) -> None:
    """Queue works one by one, or as one series."""
    if series:
        pipeline.submit_all(iter(works))
    else:
        for work in works:
            pipeline.submit(work)


# --- order ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("series", [False, True])
def test_what_passes_a_turnstile_is_in_order(workers: int, series: bool) -> None:
    first, second = Turnstile(), Turnstile()
    pipeline = Pipeline(first, second, workers=workers)
    pauses = random.Random(workers)
    seen: list[tuple[str, int]] = []

    def work(pause: float, number: int) -> None:
        time.sleep(pause)
        first.wait(number)
        seen.append(("first", number))
        first.done(number)
        time.sleep(pause / 2)
        second.wait(number)
        seen.append(("second", number))
        second.done(number)

    works: list[Work] = [partial(work, pauses.random() / 500) for _ in range(40)]
    assert run(pipeline, works, series=series) is None
    for name in ("first", "second"):
        assert [number for where, number in seen if where == name] == list(range(40))


def test_numbers_go_on_through_single_units_and_series() -> None:
    pipeline = Pipeline(workers=2)
    seen: list[int] = []
    lock = threading.Lock()

    def note(number: int) -> None:
        with lock:
            seen.append(number)

    pipeline.submit(note)
    pipeline.submit_all(iter([note] * 5))
    pipeline.submit_all(iter([]))
    pipeline.submit(note)
    pipeline.submit_all(iter([note] * 3))
    pipeline.close()
    pipeline.submit(note)  # it may go on after it was waited for
    pipeline.close()
    pipeline.close()
    assert sorted(seen) == list(range(11))


def test_heavy_work_runs_side_by_side() -> None:
    """Both units wait for each other: one after the other, they would wait for ever."""
    for series in (False, True):
        pipeline = Pipeline(workers=2)
        meeting = threading.Barrier(2)

        def meet(number: int, meeting: threading.Barrier = meeting) -> None:
            meeting.wait(10)

        assert run(pipeline, [meet, meet], series=series) is None


def test_no_unit_waits_for_a_later_one() -> None:
    for workers in WORKERS:
        turnstile = Turnstile()
        pipeline = Pipeline(turnstile, workers=workers)

        def work(number: int, turnstile: Turnstile = turnstile) -> None:
            turnstile.wait(number)
            turnstile.done(number)

        assert run(pipeline, [work] * 50, series=True) is None


# --- the window -------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", WORKERS)
def test_no_more_than_two_units_a_worker_are_under_way(workers: int) -> None:
    pipeline = Pipeline(workers=workers)
    go = threading.Event()
    ahead: list[int] = []

    def submit() -> None:
        for number in range(2 * workers + 5):
            pipeline.submit(lambda _: (go.wait(), None)[1])
            ahead.append(number)

    thread = threading.Thread(target=submit)
    thread.start()
    for _ in range(500):
        if len(ahead) == 2 * workers:
            break
        time.sleep(0.002)
    time.sleep(0.02)
    assert len(ahead) == 2 * workers
    go.set()
    thread.join()
    pipeline.close()
    assert len(ahead) == 2 * workers + 5


def test_a_series_is_taken_no_faster_than_it_is_worked_on() -> None:
    taken: list[int] = []
    go = threading.Event()

    def works() -> Iterator[Work]:
        for number in range(100):
            taken.append(number)
            yield lambda _: (go.wait(), None)[1]

    pipeline = Pipeline(workers=3)
    pipeline.submit_all(works())
    time.sleep(0.05)
    assert len(taken) == 3
    go.set()
    pipeline.close()
    assert len(taken) == 100


def test_no_more_threads_than_workers_are_started_and_none_for_nothing() -> None:
    pipeline = Pipeline(workers=3)
    pipeline.close()
    most = 0
    for _ in range(30):
        pipeline.submit(nothing)
        most = max(most, sum(thread.name == "tera-worker" for thread in threading.enumerate()))
    pipeline.close()
    assert most <= 3
    automatic = Pipeline()
    assert 1 <= automatic._workers <= MAX_WORKERS


def test_what_a_unit_holds_is_freed_before_the_next_is_waited_for() -> None:
    class Held:
        pass

    pipeline = Pipeline(workers=1)
    held = Held()
    watched = weakref.ref(held)
    pipeline.submit(partial(lambda held, number: None, held))
    del held
    done = threading.Event()
    pipeline.submit(lambda number: done.set())
    assert done.wait(10)
    gc.collect()
    assert watched() is None
    pipeline.close()


# --- errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("series", [False, True])
def test_of_several_errors_the_first_by_number_is_raised(workers: int, series: bool) -> None:
    """The lower the number, the later its error."""
    for wrong in ({3, 4, 5}, {0, 9}, {7}, set(range(10))):
        pipeline = Pipeline(workers=workers)

        def work(number: int, wrong: set[int] = wrong) -> None:
            if number in wrong:
                time.sleep((10 - number) / 1_000)
                raise Wrong(number)

        error = run(pipeline, [work] * 10, series=series)
        assert isinstance(error, Wrong)
        assert error.args == (min(wrong),)
        assert ended(pipeline.close) is error
        assert ended(lambda: pipeline.submit(nothing)) is error  # noqa: B023
        assert ended(lambda: pipeline.submit_all(iter([nothing]))) is error  # noqa: B023


def test_a_unit_that_was_taken_before_a_later_one_failed_still_counts() -> None:
    class Slow(Pipeline):
        """Its first unit is taken, and started only when another has failed."""

        def _take(self) -> tuple[int, Work, bool] | None:
            taken = super()._take()
            if taken and taken[0] == 0:
                for _ in range(2_000):
                    if self._failure:
                        break
                    time.sleep(0.002)
            return taken

    for series in (False, True):
        pipeline = Slow(workers=2)
        submitted(pipeline, [fail, fail], series=series)
        error = ended(pipeline.close)
        assert isinstance(error, Wrong)
        assert error.args == (0,)


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("where", ["before", "first", "between", "second"])
@pytest.mark.parametrize("series", [False, True])
def test_a_failing_unit_turns_away_those_behind_it_and_lets_those_before_it_end(
    workers: int, where: str, series: bool
) -> None:
    first, second = Turnstile(), Turnstile()
    pipeline = Pipeline(first, second, workers=workers)
    passed: list[int] = []

    def work(number: int) -> None:
        bad = number == 6
        if bad and where == "before":
            raise Wrong(number)
        time.sleep(random.Random(number).random() / 300)
        first.wait(number)
        if bad and where == "first":
            raise Wrong(number)
        first.done(number)
        if bad and where == "between":
            raise Wrong(number)
        second.wait(number)
        if bad and where == "second":
            raise Wrong(number)
        passed.append(number)
        second.done(number)

    error = run(pipeline, [work] * 30, series=series)
    assert isinstance(error, Wrong)
    assert passed == list(range(6))


def test_a_failure_ends_a_series_without_taking_the_rest_of_it() -> None:
    taken: list[int] = []

    def works() -> Iterator[Work]:
        for number in range(10_000):
            taken.append(number)
            yield fail if number == 5 else nothing

    pipeline = Pipeline(workers=2)
    pipeline.submit_all(works())
    assert isinstance(ended(pipeline.close), Wrong)
    assert len(taken) < 10_000


def test_cancelling_raises_nothing_and_ends_what_waits() -> None:
    for workers in WORKERS:
        turnstile = Turnstile()
        pipeline = Pipeline(turnstile, workers=workers)
        started = threading.Event()

        def work(number: int, turnstile: Turnstile = turnstile, started: threading.Event = started) -> None:
            started.set()
            if number:
                turnstile.wait(number)  # for a unit that never lets it through

        for _ in range(2):
            pipeline.submit(work)
        pipeline.submit_all(iter([work] * 50))
        assert started.wait(10)
        assert ended(pipeline.cancel) is None
        assert ended(pipeline.cancel) is None


def test_a_failure_is_dropped_when_it_is_cancelled() -> None:
    pipeline = Pipeline(workers=2)
    for _ in range(2):
        pipeline.submit(fail)
    assert ended(pipeline.cancel) is None


def test_an_interrupt_in_the_waiting_thread_passes_through() -> None:
    """A Ctrl-C arrives while the caller waits for a slot, or for the end; what runs is then cancelled."""
    for call in ("submit", "close"):
        pipeline = Pipeline(workers=1)
        go = threading.Event()

        def work(number: int, go: threading.Event = go) -> None:
            go.wait(20)

        old = signal.signal(signal.SIGINT, signal.default_int_handler)
        timer = threading.Timer(0.1, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
        try:
            pipeline.submit(work)
            if call == "submit":
                pipeline.submit(work)
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                pipeline.submit(work) if call == "submit" else pipeline.close()
        finally:
            timer.join()
            signal.signal(signal.SIGINT, old)
            go.set()
        assert ended(pipeline.cancel) is None


@pytest.mark.parametrize("workers", WORKERS)
def test_a_series_that_fails_to_go_on_is_an_error_and_not_its_end(workers: int) -> None:
    def works() -> Iterator[Work]:
        yield nothing
        raise Wrong("no more")

    pipeline = Pipeline(workers=workers)
    pipeline.submit_all(works())
    assert isinstance(ended(pipeline.close), Wrong)
