"""Verifying an installation: what was changed by hand, anywhere, is named; what was not is whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from tera.catalog import tables
from tera.library import block, due
from tera.library.check import Checked, verify
from tera.library.library import Principal
from tests.library.installed import KINDS, Installed, installed


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installed]:
    with installed(request.param, tmp_path) as found:
        yield found


def wrong(made: Installed) -> dict[tuple[str, str], str]:
    return {(one.kind, one.name): one.wrong for one in verify(made.library) if one.wrong is not None}


def filled(made: Installed) -> tuple[Principal, str, str]:
    who = made.principal()
    one, two = made.add(who, content=b"one"), made.add(who, content=b"two")
    due.run(made.library)
    return who, one.id, two.id


def test_an_untouched_library_is_whole(made: Installed) -> None:
    who, one, two = filled(made)
    block.delete(made.library, who, two)
    made.principal("bob@example.org")
    found = list(verify(made.library))
    assert [one.wrong for one in found] == [None] * 5
    assert {(one.kind, one.unsigned) for one in found if one.kind == "log"} == {("log", 1)}
    assert [one.name for one in found if one.kind == "container"] == [one]
    assert all(one.kind != "container" for one in verify(made.library, content=False))


def test_a_changed_blob_is_named(made: Installed) -> None:
    _, one, two = filled(made)
    with made.library.catalog.reading() as db:
        rows = {row.id: row for row in db.execute(tables.container.select())}
    for container, how in ((one, "bytes"), (two, "missing")):
        blob = rows[container].blob
        source = made.library.store.open(blob)
        content = bytearray(source.read_at(0, source.size))
        source.close()
        made.library.store.delete(blob)
        if how == "bytes":
            content[-1] ^= 1
            output = made.library.store.create(blob)
            output.write_at(0, bytes(content))
            output.commit()
    found = wrong(made)
    assert set(found) == {("container", one), ("container", two)}
    assert "SHA-256" in found["container", one]
    assert "missing" in found["container", two]


@pytest.mark.parametrize("column", ["digest", "sha256", "size"])
def test_a_changed_row_is_named(made: Installed, column: str) -> None:
    who, one, _ = filled(made)
    value = 7 if column == "size" else "0" * 64
    with made.library.catalog.writing(who.org.id) as db:
        db.execute(update(tables.container).where(tables.container.c.id == one).values({column: value}))
    found = wrong(made)
    assert ("container", one) in found
    assert set(found) - {("container", one)} == ({("sums", who.org.id)} if column == "size" else set())


def test_a_changed_log_is_named_and_keeps_no_other_from_being_read(made: Installed) -> None:
    who, one, _ = filled(made)
    other = made.principal("bob@example.org")
    with made.library.catalog.writing(who.org.id) as db:
        db.execute(delete(tables.log_event).where(tables.log_event.c.org_id == who.org.id, tables.log_event.c.idx == 1))
    found = list(verify(made.library))
    assert wrong(made) == {("log", who.org.id): "event 1 is missing"}
    assert {(one.kind, one.name) for one in found} >= {("log", other.org.id), ("container", one)}


def test_sums_that_do_not_add_up_and_keys_that_are_gone_are_named(made: Installed) -> None:
    who, _, _ = filled(made)
    with made.library.catalog.writing(who.org.id) as db:
        db.execute(update(tables.org).where(tables.org.c.id == who.org.id).values(used_bytes=1))
    made.keys.delete(who.org.id)
    assert set(wrong(made)) == {("sums", who.org.id), ("log", who.org.id)}


def test_a_container_that_is_deleted_while_it_is_looked_for_is_not_missing(made: Installed) -> None:
    who, one, two = filled(made)
    walk = verify(made.library)
    seen: list[Checked] = []
    for found in walk:
        seen.append(found)
        if found.kind == "sums":
            block.delete(made.library, who, two)
    assert [found.wrong for found in seen] == [None] * len(seen)
    assert replace(seen[-1], size=0) in (Checked("container", one), Checked("container", two))
