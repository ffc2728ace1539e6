"""Open containers that are kept: with their password only, for their time, and never closed under a reader."""

from __future__ import annotations

from typing import Any

from tera.library.pool import REMEMBERED, Held, Pool


class Thing:
    """A container or a source that says whether it was closed."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def held(until: int = 100) -> Any:
    return Held(Thing(), Thing(), (), until)  # type: ignore[arg-type]


def closed(*those: Any) -> tuple[int, ...]:
    return tuple(one.source.closed for one in those)


def test_what_is_put_is_taken_with_the_same_password_only() -> None:
    pool, one = Pool(), held()
    pool.put("c", "right", one)
    assert pool.take("c", "right", 0) is one
    for wrong in ("wrong", "", None):
        assert pool.take("c", wrong, 0) is None
    assert pool.take("d", "right", 0) is None
    assert "right" not in repr(vars(pool))


def test_what_is_over_is_not_given_and_closed_when_nobody_reads() -> None:
    pool, one = Pool(), held(until=100)
    pool.put("c", None, one)
    assert pool.take("c", None, 99) == one
    assert pool.take("c", None, 100) is None
    assert closed(one) == (0,)  # two read from it
    pool.give_back(one)
    assert closed(one) == (0,)
    pool.give_back(one)
    assert closed(one) == (1,)


def test_no_more_are_kept_than_there_may_be_and_the_last_used_stay() -> None:
    pool = Pool(most=2)
    first, second, third = held(), held(), held()
    for name, one in (("1", first), ("2", second)):
        pool.put(name, None, one)
        pool.give_back(one)
    assert pool.take("1", None, 0) is first
    pool.put("3", None, third)
    assert closed(first, second, third) == (0, 1, 0)
    assert pool.take("2", None, 0) is None


def test_of_two_that_were_opened_at_once_both_are_closed_once() -> None:
    pool, one, other = Pool(), held(), held()
    pool.put("c", None, one)
    pool.put("c", None, other)
    pool.give_back(one)
    pool.give_back(other)
    assert closed(one, other) == (1, 0)
    pool.close()
    assert closed(one, other) == (1, 1)


def test_a_bounded_number_of_things_is_remembered() -> None:
    pool = Pool()
    for number in range(REMEMBERED + 1):
        pool.remember(number)
    assert not pool.knows(0)
    assert pool.knows(1)
    assert pool.knows(REMEMBERED)
