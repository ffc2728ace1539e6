"""Lists: complete without a word, in pages with one, and never another list's."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from httpx import Response

from tera.catalog import containers
from tera.library.library import Library
from tests.library.places import NOW, Clock
from tests.service.houses import BOB, EVE, House


def fill(house: House, count: int, **more: Any) -> None:
    """Add rows of containers that nobody opens."""
    with house.library.catalog.writing(house.org.id) as db:
        for number in range(count):
            values: dict[str, Any] = {
                "id": f"00000000-0000-0000-0000-{number:012}",
                "org_id": house.org.id,
                "name": f"name {number:05}",
                "owner": BOB,
                "status": containers.ACTIVE,
                "origin": "encoded",
                "created_at": NOW + number,
                "core_id": bytes(16),
                "bind": bytes(32),
                "digest": "0" * 64,
                "sha256": "0" * 64,
                "size": 1,
                "entries": 1,
                "blob": f"blob/{number}",
                "manifest": "",
                "files": (),
                "tags": (),
                "drm": {},
                "rules": b"\x90",
                "dynamic": False,
            }
            containers.add(db, containers.Row(**(values | more)))


def names(answer: Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [int(row["name"].split()[1]) for row in answer.json()]


def follow(house: House, url: str) -> Response:
    return house.client.request("GET", url, headers={"Authorization": f"Bearer {house.ann}"})


def test_without_a_word_the_list_is_complete(house: House) -> None:
    fill(house, 2_345)
    answer = house.get("/containers")
    assert names(answer) == list(range(2_345))
    assert "link" not in answer.headers and "content-length" not in answer.headers


@pytest.mark.parametrize("count", [0, 1, 1_000])
def test_the_edges_of_a_complete_list_are_json(house: House, count: int) -> None:
    fill(house, count)
    assert len(json.loads(house.get("/containers").content)) == count


def test_pages_are_followed_to_the_end(house: House) -> None:
    fill(house, 25)
    seen, answer = [], house.get("/containers?limit=10&name=name")
    while True:
        seen += names(answer)
        if "next" not in answer.links:
            break
        assert answer.links["next"]["url"].startswith(f"{house.url}/containers?name=name&limit=10&cursor=")
        answer = follow(house, answer.links["next"]["url"])
    assert seen == list(range(25))


def test_a_list_that_ends_with_a_full_page_ends(house: House) -> None:
    fill(house, 10)
    answer = house.get("/containers?limit=10")
    assert names(follow(house, answer.links["next"]["url"])) == []


def test_the_next_page_is_in_the_form_that_was_asked_for(house: House) -> None:
    fill(house, 3)
    headers = {"Authorization": f"Bearer {house.ann}"}
    answer = house.client.request("GET", "/api/v1/containers?limit=2", headers=headers)
    url = answer.links["next"]["url"]
    assert url.startswith("/api/v1/containers?limit=2&cursor=")
    assert names(follow(house, url)) == [2]


def test_who_polls_goes_on_from_the_last_row(house: House) -> None:
    answer = house.get("/events?limit=100")
    cursor = answer.headers["cursor"]
    assert "next" not in answer.links
    assert house.get(f"/events?limit=100&cursor={cursor}").json() == []
    assert house.get(f"/events?limit=100&cursor={cursor}").headers["cursor"] == cursor
    house.encode()
    assert [one["event"] for one in house.get(f"/events?limit=100&cursor={cursor}").json()] == ["create"]


def test_a_row_that_is_deleted_meanwhile_does_not_move_the_others(house: House) -> None:
    made = [house.encode(container_name=f"name {number}") for number in range(4)]
    answer = house.get("/containers?limit=2")
    house.ask("DELETE", f"/containers/{made[0]}")
    assert names(follow(house, answer.links["next"]["url"])) == [2, 3]


def test_pages_have_numbers(house: House) -> None:
    fill(house, 250)
    assert names(house.get("/containers?page=1")) == list(range(100))
    assert names(house.get("/containers?page=3")) == list(range(200, 250))
    assert names(house.get("/containers?page=4")) == []
    assert names(house.get("/containers?page=2&limit=7")) == list(range(7, 14))
    assert names(house.get("/containers?page=1000&limit=10")) == []


def test_below_ten_thousand_rows_there_are_cursors(house: House) -> None:
    for query in ("page=101", "page=1001&limit=10", "page=11&limit=1000", f"page={10**30}"):
        answer = house.get(f"/containers?{query}")
        assert answer.status_code == 400
        assert "cursor" in answer.json()["message"] + answer.json().get("hint", "")
    assert house.get("/containers?page=10&limit=1000").status_code == 200


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=", "page=0", "page=x", "cursor=AAAA", "cursor=",
              "page=1&cursor=AAAA", "limit=1e2", "limit=٣"],
)  # fmt: skip
def test_what_is_no_page_is_refused(house: House, query: str) -> None:
    answer = house.get(f"/containers?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")
    assert re.search("limit|page|cursor", answer.json()["message"])


def test_a_cursor_is_for_one_list_and_one_organisation(house: House) -> None:
    fill(house, 3)
    cursor = house.get("/containers?limit=1").headers["cursor"]
    assert house.get(f"/containers?limit=2&cursor={cursor}").status_code == 200
    for path in ("/events?", "/containers?name=name&", "/containers?status=ACTIVE&"):
        assert house.get(f"{path}limit=1&cursor={cursor}").status_code == 400
    with House(house.library, email=EVE) as other:
        assert other.get(f"/containers?limit=1&cursor={cursor}").status_code == 400


def test_containers_are_filtered(house: House, clock: Clock) -> None:
    fill(house, 6)
    clock.now = NOW + 50
    tagged = house.encode(container_name="other 7", tags=["red", "blue"])
    house.ask("PUT", f"/containers/{tagged}/block")
    assert names(house.get("/containers?tag=red")) == [7]
    assert names(house.get("/containers?tag=re")) == []
    assert names(house.get("/containers?name=oth")) == [7]
    assert names(house.get("/containers?name=name%20000")) == list(range(6))
    assert names(house.get("/containers?status=BLOCKED")) == [7]
    assert names(house.get("/containers?status=active&limit=2")) == [0, 1]
    assert names(house.get(f"/containers?start={NOW + 2}&end={NOW + 4}")) == [2, 3]
    assert names(house.get("/containers?start=2030-03-17T17:46:45.5Z")) == [7]
    assert names(house.get("/containers?end=2030-03-17")) == []
    assert names(house.get(f"/containers?tag=red&start={NOW + 51}")) == []


@pytest.mark.parametrize("query", ["status=DELETED", "status=", "start=soon", "end=", "name=%00", "tag=a%00b"])
def test_what_is_no_filter_is_refused_by_its_name(house: House, query: str) -> None:
    answer = house.get(f"/containers?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["message"]


def test_what_cannot_be_read_is_said_before_anything_is_sent(library: Library) -> None:
    with House(library) as house:
        for path in ("/containers", "/events", "/tags", "/access_log"):
            answer = house.get(path, house.token(BOB, "open"))
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_of_the_longest_list_one_page_is_read_ahead(house: House) -> None:
    asked: list[tuple[Any, int]] = []

    def fetch(after: Any, limit: int) -> list[tuple[int | str, dict[str, Any]]]:
        asked.append((after, limit))
        start = 0 if after is None else after + 1
        return [(number, {"n": number}) for number in range(start, min(start + limit, 2_500))]

    from tera.service.lists import _everything

    stream = _everything(fetch(None, 1_000), fetch)
    next(stream)
    assert len(asked) == 1
    rest = "".join(stream)
    assert len(asked) == 3 and rest.endswith('{"n": 2499}]')
