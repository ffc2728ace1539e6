"""Rows of containers: found by id, digest and tag, paged by keyset, never another organisation's; on both databases."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from sqlalchemy import text

from tera.catalog import containers
from tera.catalog.containers import ACTIVE, BLOCKED, DELETED, Filter, Row
from tera.catalog.engine import Catalog
from tera.errors import CatalogUnavailable


def row(org: str, **more: object) -> Row:
    values: dict[str, object] = {
        "id": str(uuid.uuid4()),
        "org_id": org,
        "name": "Q3",
        "owner": "ann@a.example",
        "status": ACTIVE,
        "origin": "encoded",
        "created_at": 100,
        "core_id": bytes(16),
        "bind": uuid.uuid4().bytes * 2,
        "digest": uuid.uuid4().hex * 2,
        "sha256": uuid.uuid4().hex * 2,
        "size": 5,
        "entries": 1,
        "blob": "a/b",
        "manifest": "{}",
        "files": ({"name": "a.txt", "size": 5},),
        "tags": (),
        "drm": {"opens": 2},
        "rules": b"\x90",
        "dynamic": False,
        **more,
    }
    return Row(**values)  # type: ignore[arg-type]


def added(catalog: Catalog, *rows: Row) -> list[Row]:
    with catalog.writing(rows[0].org_id) as db:
        return [containers.add(db, one) for one in rows]


def listed(catalog: Catalog, org: str, wanted: Filter, **more: int) -> list[str]:
    with catalog.reading() as db:
        return [one.name for one in containers.page(db, org, wanted, **more)]


def test_a_row_comes_back_as_it_was(catalog: Catalog, org: str) -> None:
    (made,) = added(catalog, row(org, tags=("a", "ü"), reason=None, dynamic=True, version=7))
    with catalog.reading() as db:
        assert containers.get(db, org, made.id) == made
        assert containers.get(db, f"{org}-2", made.id) is None
        assert containers.get(db, org, str(uuid.uuid4())) is None


def test_one_id_is_one_row(catalog: Catalog, org: str) -> None:
    (made,) = added(catalog, row(org))
    with pytest.raises(CatalogUnavailable):
        added(catalog, row(f"{org}-2", id=made.id))


def test_pages_follow_each_other_without_a_gap_or_a_double(catalog: Catalog, org: str) -> None:
    made = added(catalog, *(row(org, name=f"n{at:02}") for at in range(25)), row(f"{org}-2", name="other"))
    found: list[str] = []
    after = 0
    with catalog.reading() as db:
        while rows := containers.page(db, org, Filter(), after=after, limit=7):
            found += [one.name for one in rows]
            after = rows[-1].seq
    assert found == [f"n{at:02}" for at in range(25)]
    assert [one.seq for one in made] == sorted({one.seq for one in made})


@pytest.mark.parametrize("wanted", [Filter(start=100), Filter(end=900), Filter(start=100, end=900)])
def test_a_page_by_time_is_in_the_order_of_time(catalog: Catalog, org: str, wanted: Filter) -> None:
    times = [500, 100, 300, 300, 900, 200, 300, 99, 100]
    made = added(catalog, *(row(org, created_at=time, name=str(at)) for at, time in enumerate(times)))
    added(catalog, row(f"{org}-2", created_at=300))
    low, high = wanted.start or 0, wanted.end or 1_000
    expected = [one for one in sorted(made, key=lambda one: (one.created_at, one.seq)) if low <= one.created_at < high]
    found: list[Row] = []
    while True:
        with catalog.writing(org) as db:
            rows = containers.page(db, org, wanted, after=found[-1].seq if found else 0, limit=2)
            if not rows:
                break
            containers.change(db, rows[-1], status=DELETED)  # the list goes on behind it all the same
        found += rows
    assert found == expected


def test_filters_mean_what_they_say(catalog: Catalog, org: str) -> None:
    added(
        catalog,
        row(org, name="alpha", tags=("x", "y"), created_at=10),
        row(org, name="alpha 2", tags=("x",), created_at=20, status=BLOCKED),
        row(org, name="Alpha 3", created_at=30),
        row(org, name="gone", tags=("x",), status=DELETED),
        row(org, name="zürich", tags=("X",), created_at=30),
        row(f"{org}-2", name="alpha other", tags=("x",)),
    )
    for wanted, found in (
        (Filter(), ["alpha", "alpha 2", "Alpha 3", "zürich"]),
        (Filter(tag="x"), ["alpha", "alpha 2"]),
        (Filter(tag="X"), ["zürich"]),
        (Filter(tag="x' OR 1=1 --"), []),
        (Filter(name_prefix="alpha"), ["alpha", "alpha 2"]),
        (Filter(name_prefix="al%"), []),
        (Filter(name_prefix="z"), ["zürich"]),
        (Filter(status=BLOCKED), ["alpha 2"]),
        (Filter(start=20), ["alpha 2", "Alpha 3", "zürich"]),
        (Filter(end=20), ["alpha"]),
        (Filter(start=20, end=30), ["alpha 2"]),
        (Filter(tag="x", status=ACTIVE), ["alpha"]),
    ):
        assert listed(catalog, org, wanted) == found, wanted
    assert listed(catalog, org, Filter(tag="x"), limit=1) == ["alpha"]


def test_a_digest_finds_at_most_two_and_none_that_was_deleted(catalog: Catalog, org: str) -> None:
    one, two = "a" * 64, "b" * 64
    added(
        catalog,
        *(row(org, digest=one, sha256=two) for _ in range(3)),
        row(org, digest=two, status=DELETED),
        row(f"{org}-2", digest=two),
    )
    with catalog.reading() as db:
        assert len(containers.by_digest(db, org, digest=one)) == 2
        assert len(containers.by_digest(db, org, sha256=two)) == 2
        assert containers.by_digest(db, org, digest=two) == []


def test_a_deleted_container_is_still_found_by_what_binds_its_key(catalog: Catalog, org: str) -> None:
    (made,) = added(catalog, row(org, status=DELETED))
    with catalog.reading() as db:
        assert containers.by_bind(db, made.bind) == [made]
        assert containers.by_bind(db, bytes(32)) == []


def test_a_change_takes_its_tags_along(catalog: Catalog, org: str) -> None:
    (made,) = added(catalog, row(org, tags=("x", "y")))
    with catalog.writing(org) as db:
        new = containers.change(db, made, tags=("y", "z"), name="new", drm={"opens": 3})
    assert new == replace(made, tags=("y", "z"), name="new", drm={"opens": 3})
    with catalog.reading() as db:
        assert containers.get(db, org, made.id) == new
    assert [listed(catalog, org, Filter(tag=tag)) for tag in "xyz"] == [[], ["new"], ["new"]]


def test_every_row_of_all_organisations_is_walked(catalog: Catalog, org: str) -> None:
    made = added(catalog, *(row(org) for _ in range(5)), row(f"{org}-2"))
    with catalog.reading() as db:
        found = [one.id for one in containers.every(db, after=made[0].seq - 1, limit=2)]
    assert found == [one.id for one in made]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Filter(), "container_by_org"),
        (Filter(tag="x"), "container_tag"),
        (Filter(name_prefix="a"), "container_by_"),
        (Filter(start=1, end=2), "container_by_"),
    ],
)
def test_every_query_starts_from_an_index(catalog: Catalog, org: str, wanted: Filter, index: str) -> None:
    if not catalog.is_sqlite:  # PostgreSQL reads a small table whole
        with catalog.writing() as db:
            db.execute(text("SET LOCAL enable_seqscan = off"))
            assert "Seq Scan" not in plan(db, org, wanted, "EXPLAIN ")
        return
    with catalog.reading() as db:
        found = plan(db, org, wanted, "EXPLAIN QUERY PLAN ")
    assert index in found
    assert "SCAN container" not in found


def plan(db: object, org: str, wanted: Filter, explain: str) -> str:
    """What the database says of how it finds a page."""
    asked: list[str] = []

    class Asking:
        def execute(self, statement: object) -> list[object]:
            compiled = statement.compile(db, compile_kwargs={"literal_binds": True})  # type: ignore[attr-defined]
            asked.append(str(compiled))
            return []

    containers.page(Asking(), org, wanted)  # type: ignore[arg-type]
    return "\n".join(str(tuple(one)) for one in db.exec_driver_sql(explain + asked[0]))  # type: ignore[attr-defined]
