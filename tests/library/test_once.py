"""Asked twice, done once: what is remembered, for how long, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from tera.catalog import answers
from tera.catalog.answers import Scope
from tera.errors import BadInput, Conflict
from tera.library import identity
from tera.library.library import Library, Principal
from tera.library.once import KEEP, UNDER_WAY, once
from tests.library.places import Clock

SCOPE = Scope("key", "POST", "/containers", "one")


class Work:
    """Counts how often it was done."""

    def __init__(self, fingerprint: bytes = b"asked") -> None:
        self.fingerprint = fingerprint
        self.done = 0

    def do(self) -> tuple[Any, bytes]:
        self.done += 1
        return {"done": self.done, "secret": "hush"}, self.fingerprint

    def read(self) -> bytes:
        return self.fingerprint


@pytest.fixture
def principal(library: Library) -> Principal:
    org, made = identity.create_org(library, "Acme", "ann@example.org")
    return Principal(made.key, org)


def ask(library: Library, principal: Principal, work: Work, scope: Scope | None = SCOPE) -> Any:
    def keep(body: Any) -> Any:
        return {"done": body["done"]}

    return once(library, principal, scope, do=work.do, read=work.read, keep=keep)


def test_the_same_request_is_done_once_and_answered_without_its_secret(library: Library, principal: Principal) -> None:
    work = Work()
    first, second = ask(library, principal, work), ask(library, principal, work)
    assert (first.body, first.again) == ({"done": 1, "secret": "hush"}, False)
    assert (second.body, second.again) == ({"done": 1}, True)
    assert work.done == 1


def test_without_a_key_everything_is_done(library: Library, principal: Principal) -> None:
    work = Work()
    assert [ask(library, principal, work, None).body["done"] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("change", [{"key_id": "other"}, {"method": "PUT"}, {"path": "/tags"}, {"name": "two"}])
def test_another_scope_is_another_request(library: Library, principal: Principal, change: dict[str, str]) -> None:
    work = Work()
    ask(library, principal, work)
    parts = {"key_id": "key", "method": "POST", "path": "/containers", "name": "one"} | change
    assert not ask(library, principal, work, Scope(**parts)).again
    assert work.done == 2


def test_another_request_under_the_same_key_is_a_conflict(library: Library, principal: Principal) -> None:
    ask(library, principal, Work())
    other = Work(b"other")
    with pytest.raises(Conflict, match="another request"):
        ask(library, principal, other)
    assert other.done == 0


def test_while_it_is_under_way_it_is_a_conflict(library: Library, principal: Principal) -> None:
    def do() -> tuple[Any, bytes]:
        with pytest.raises(Conflict, match="under way"):
            ask(library, principal, Work())
        return {"done": 7}, b"asked"

    once(library, principal, SCOPE, do=do, read=lambda: b"asked")
    assert ask(library, principal, Work()).body == {"done": 7}


def test_what_failed_may_be_tried_again(library: Library, principal: Principal) -> None:
    def fail() -> tuple[Any, bytes]:
        raise BadInput("no")

    with pytest.raises(BadInput):
        once(library, principal, SCOPE, do=fail, read=lambda: b"")
    assert not ask(library, principal, Work()).again


def test_after_a_day_it_is_forgotten(library: Library, principal: Principal, clock: Clock) -> None:
    work = Work()
    ask(library, principal, work)
    clock.now += KEEP - 1
    assert ask(library, principal, work).again
    clock.now += 1
    assert not ask(library, principal, work).again


def test_work_that_nobody_ended_does_not_stand_in_the_way_for_ever(
    library: Library, principal: Principal, clock: Clock
) -> None:
    with library.catalog.writing() as db:
        answers.begin(db, SCOPE, library.now())
    with pytest.raises(Conflict, match="under way"):
        ask(library, principal, Work())
    clock.now += UNDER_WAY
    assert not ask(library, principal, Work()).again


def test_whose_work_was_taken_for_dead_writes_nothing(library: Library, principal: Principal, clock: Clock) -> None:
    def slow() -> tuple[Any, bytes]:
        clock.now += UNDER_WAY
        ask(library, principal, Work())
        return {"done": 99}, b"asked"

    once(library, principal, SCOPE, do=slow, read=lambda: b"asked")
    assert ask(library, principal, Work()).body == {"done": 1}
