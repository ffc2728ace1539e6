"""Tags and names over HTTP: the library's own, seeded from the manifest; who changed them is on record, whole."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from tera.library.proofs import erase
from tests.library.places import Clock
from tests.service.houses import ADDRESS, ANN, BOB, EVE, House

MANY = [f"{number:03}" + "x" * 125 for number in range(64)]


def test_tags_are_seeded_from_the_manifest_and_changed_in_the_library(house: House) -> None:
    container = house.encode(tags=["b", "a"])
    assert house.get(f"/containers/{container}/tags").json() == ["a", "b"]
    answer = house.ask("PUT", f"/containers/{container}/tags", json=["c", "a", "c"])
    assert (answer.status_code, answer.json()) == (200, ["a", "c"])
    assert house.get(f"/containers/{container}").json()["tags"] == ["a", "c"]
    assert house.ask("PUT", f"/containers/{container}/tags", json={"tags": []}).json() == []
    assert house.get("/containers?tag=a").json() == []


def test_the_sealed_tags_stay_as_they_were_sealed(house: House) -> None:
    container = house.encode(tags=["sealed"])
    before = house.get(f"/containers/{container}").json()["sha256"]
    house.ask("PUT", f"/containers/{container}/tags", json=["other"])
    assert house.get(f"/containers/{container}").json()["sha256"] == before


def test_a_container_gets_another_name(house: House) -> None:
    container = house.encode(tags=["a"])
    answer = house.ask("PATCH", f"/containers/{container}", json={"name": "Fourth quarter"})
    assert (answer.json()["name"], answer.json()["container_name"]) == ("Fourth quarter", "Fourth quarter")
    answer = house.ask("PATCH", f"/containers/{container}", json={"container_name": "Q4", "tags": ["b"]})
    assert (answer.json()["name"], answer.json()["tags"]) == ("Q4", ["b"])
    assert [event.kind for event in house.events("rename", "tags")] == ["rename", "rename", "tags"]
    house.ask("PATCH", f"/containers/{container}", json={"name": "Q4", "tags": ["b"]})
    assert len(house.events("rename", "tags")) == 3  # nothing changed, nothing is on record


def test_every_change_of_tags_is_told_with_who_and_from_where(house: House, clock: Clock) -> None:
    container, other = house.encode(tags=["a"]), house.encode(tags=["z"])
    house.ask("PUT", f"/containers/{container}/tags", json=["a", "b"])
    clock.now += 1.5
    bob = house.token(BOB, "write")
    house.ask("PUT", f"/containers/{container}/tags", bob, json=[])
    house.ask("PUT", f"/containers/{other}/tags", json=[])
    assert house.get(f"/containers/{container}/tags_audit").json() == [
        {
            "timestamp": "2030-03-17T17:46:40.000Z",
            "old_tags": ["a"],
            "new_tags": ["a", "b"],
            "user": ANN,
            "ip": ADDRESS,
        },
        {"timestamp": "2030-03-17T17:46:41.500Z", "old_tags": ["a", "b"], "new_tags": [], "user": BOB, "ip": ADDRESS},
    ]


def test_the_longest_tags_are_on_record_whole(house: House) -> None:
    container = house.encode()
    for tags in (MANY, [tag[::-1] for tag in MANY], []):
        assert house.ask("PUT", f"/containers/{container}/tags", json=tags).status_code == 200
    found = house.get(f"/containers/{container}/tags_audit").json()
    reverse = sorted(tag[::-1] for tag in MANY)
    assert [(one["old_tags"], one["new_tags"]) for one in found] == [([], MANY), (MANY, reverse), (reverse, [])]
    first = house.get(f"/containers/{container}/tags_audit?limit=2")
    assert first.json() == found[:2]
    assert (
        house.client.request("GET", first.links["next"]["url"], headers={"Authorization": f"Bearer {house.ann}"}).json()
        == found[2:]
    )


def test_of_a_change_that_was_erased_nothing_is_told(house: House, clock: Clock) -> None:
    container = house.encode()
    house.ask("PUT", f"/containers/{container}/tags", json=MANY)
    clock.now += 60
    house.ask("PUT", f"/containers/{container}/tags", json=["b"])
    erase(house.library, house.principal, int(clock.now * 1_000))
    found = house.get(f"/containers/{container}/tags_audit").json()
    assert [one["new_tags"] for one in found] == [["b"]]


@pytest.mark.parametrize("part", [0, 1])
def test_of_a_change_that_was_erased_in_part_nothing_is_told(house: House, part: int) -> None:
    container = house.encode()
    house.ask("PUT", f"/containers/{container}/tags", json=MANY)
    house.ask("PUT", f"/containers/{container}/tags", json=["b"])
    parts = house.get("/events?kind=tags").json()
    assert parts[0]["details"]["of"] > 2
    with house.library.catalog.writing(house.org.id) as db:
        db.execute(
            text("UPDATE log_event SET data = NULL, salt = NULL WHERE idx = :idx"), {"idx": parts[part]["index"]}
        )
    found = house.get(f"/containers/{container}/tags_audit").json()
    assert [(one["old_tags"], one["new_tags"]) for one in found] == [(MANY, ["b"])]


def test_the_organisations_tags_are_counted(house: House) -> None:
    for tags in (["a", "b"], ["b"], ["ü"]):
        house.encode(tags=tags)
    with House(house.library, email=EVE) as other:
        other.encode(tags=["theirs"])
    expected = [{"tag": "a", "containers": 1}, {"tag": "b", "containers": 2}, {"tag": "ü", "containers": 1}]
    assert house.get("/tags").json() == expected
    assert house.get("/tags?page=2&limit=2").json() == expected[2:]


@pytest.mark.parametrize(
    "body",
    ["", "{", '"a"', "[1]", '[""]', '["a\\u0000"]', '["\\ud800"]', '[["a"]]', '{"labels": []}', '{"tags": "ab"}',
     "null", "[" * 4_000],
)  # fmt: skip
def test_what_are_no_tags_is_refused(house: House, body: str) -> None:
    container = house.encode(tags=["a"])
    assert house.ask("PUT", f"/containers/{container}/tags", content=body).status_code == 400
    assert house.get(f"/containers/{container}/tags").json() == ["a"]


@pytest.mark.parametrize("tags", [[*MANY, "one more"], ["x" * 129]])
def test_there_are_bounds_of_tags(house: House, tags: list[str]) -> None:
    assert house.ask("PUT", f"/containers/{house.encode()}/tags", json=tags).status_code == 400


@pytest.mark.parametrize(
    "body",
    [{}, {"name": ""}, {"name": 5}, {"name": "a\n"}, {"name": "x" * 1_025}, {"owner": EVE}, {"tags": "a"},
     {"name": "a", "container_name": "b"}, {"name": "a", "drm": {}}, [], {"name": {"a": 1}}],
)  # fmt: skip
def test_what_is_no_change_is_refused(house: House, body: Any) -> None:
    container = house.encode()
    assert house.ask("PATCH", f"/containers/{container}", json=body).status_code == 400
    assert house.get(f"/containers/{container}").json()["name"] == "Q3"


def test_only_a_writing_key_changes_tags_and_only_its_organisations(house: House) -> None:
    container = house.encode()
    with House(house.library, email=EVE) as other:
        for method, path in (("PUT", "/tags"), ("PATCH", "")):
            path = f"/containers/{container}{path}"
            assert house.ask(method, path, house.token(BOB, "read"), json={"tags": []}).status_code == 403
            assert other.ask(method, path, json={"tags": []}).status_code == 404
        for path in ("tags", "tags_audit"):
            assert other.get(f"/containers/{container}/{path}").status_code == 404
