"""Cleaning up: blobs that no row names go, after a day; everything else stays. On both kinds of installation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tera.catalog import containers
from tera.library import block, gc
from tera.library.gc import Collected, collect
from tests.library.installed import KINDS, Installed, age, installed
from tests.storage.stores import written

DAY = 86_400


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installed]:
    with installed(request.param, tmp_path) as found:
        yield found


def keys(made: Installed) -> set[str]:
    return {one.key for one in made.library.store.blobs()}


def test_what_no_row_names_goes_after_a_day_and_nothing_else(made: Installed) -> None:
    who = made.principal()
    kept = made.add(who)
    written(made.library.store, f"{who.org.id}/aa/orphan", b"12345")
    written(made.library.store, "org-nobody/aa/orphan", b"123")
    assert collect(made.library) == Collected(0, 0, 0)
    tomorrow = age(made, DAY + 10)
    assert collect(tomorrow, delete=False) == Collected(2, 8, 0)
    assert len(keys(made)) == 3
    assert collect(tomorrow) == Collected(2, 8, 0)
    assert keys(made) == {kept.blob}
    assert collect(tomorrow) == Collected(0, 0, 0)


def test_a_deletion_that_was_cut_off_is_finished(made: Installed) -> None:
    who = made.principal()
    row, other = made.add(who), made.add(who)
    content = made.library.store.open(row.blob).read_at(0, row.size)
    block.delete(made.library, who, row.id)
    assert keys(made) == {other.blob}
    written(made.library.store, row.blob, content)  # as if the power had gone between the row and the blob
    assert collect(age(made, DAY + 10)).blobs == 1
    assert keys(made) == {other.blob}


def test_many_blobs_are_asked_for_in_batches(made: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "BATCH", 3)
    who = made.principal()
    kept = {made.add(who).blob for _ in range(4)}
    for at in range(7):
        written(made.library.store, f"{who.org.id}/aa/orphan{at}", b"x")
    assert collect(age(made, DAY + 10)).blobs == 7
    assert keys(made) == kept


def test_what_a_killed_writer_left_in_a_folder_goes_too(tmp_path: Path) -> None:
    import os

    with installed("embedded", tmp_path) as made:
        row = made.add(made.principal())
        left = (tmp_path / "blobs" / row.blob).with_name(".x.0123.partial")
        left.write_bytes(b"half")
        assert collect(made.library).partial == 0
        os.utime(left, (left.stat().st_mtime - DAY - 10,) * 2)
        assert collect(made.library, delete=False).partial == 0
        assert left.exists()
        assert collect(made.library).partial == 1
        assert not left.exists()
        with made.library.catalog.reading() as db:
            assert containers.get(db, row.org_id, row.id) is not None
