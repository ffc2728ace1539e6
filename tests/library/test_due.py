"""What is due: done by one process at a time, job by job, and again the next minute."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tera.catalog import tables
from tera.catalog.answers import Scope
from tera.errors import KeysUnavailable
from tera.library import due
from tera.library.check import verify
from tera.library.once import KEEP, once
from tests.library.installed import KINDS, Installed, age, installed


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installed]:
    with installed(request.param, tmp_path) as found:
        yield found


def test_logs_that_have_grown_are_signed(made: Installed) -> None:
    who = made.principal()
    made.principal("bob@example.org")
    assert due.run(made.library).jobs["signed logs"] == 2
    assert due.run(made.library).jobs["signed logs"] == 0
    made.add(who)
    assert due.run(made.library).jobs["signed logs"] == 1
    assert sum(one.unsigned for one in verify(made.library)) == 0


def test_a_job_that_fails_keeps_no_other_one_from_being_done(made: Installed) -> None:
    gone, there = made.principal(), made.principal("bob@example.org")
    made.keys.delete(gone.org.id)
    done = due.run(made.library)
    assert set(done.errors) == {"signed logs"}
    assert isinstance(done.errors["signed logs"], KeysUnavailable)
    assert "forgotten answers" in done.jobs
    unsigned = {one.name: one.unsigned for one in verify(made.library) if one.kind == "log"}
    assert unsigned[there.org.id] == 0


def test_answers_are_forgotten_after_their_time(made: Installed) -> None:
    who = made.principal()
    once(made.library, who, Scope(who.key.id, "POST", "/x", "1"), do=lambda: ({}, b"1"), read=lambda: b"1")

    def kept() -> int:
        with made.library.catalog.reading() as db:
            return db.scalar(select(func.count()).select_from(tables.answer)) or 0

    due.run(made.library)
    assert kept() == 1
    due.run(age(made, KEEP + 10))
    assert kept() == 0


def test_only_one_process_is_at_it(made: Installed) -> None:
    made.principal()
    with made.library.catalog.alone("due"):
        done = due.run(made.library)
    assert done.busy
    assert done.jobs == {}
    assert not due.run(made.library).busy
