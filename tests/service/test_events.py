"""What happened, over HTTP: attempts, events, the access log, counts; each a question to one log."""

from __future__ import annotations

import pytest

from tera.library.proofs import erase
from tests.library.places import NOW, Clock
from tests.service.houses import ADDRESS, ANN, BOB, EVE, House


def shared(house: House) -> tuple[str, str]:
    """Return a container that Ann and Bob open twice, and a key that acts for Bob and Eve."""
    container = house.encode(drm={"recipients": [ANN, BOB], "opens": 2})
    return container, house.token("clerk@example.org", "decode", acts_for=frozenset({BOB, EVE}))


def opened(house: House, container: str, token: str | None = None, viewer: str = "") -> int:
    path = f"/containers/{container}/decode/a.txt" + (f"?viewer={viewer}" if viewer else "")
    return house.get(path, token).status_code


def test_attempts_are_counted_by_viewer(house: House, clock: Clock) -> None:
    container, clerk = shared(house)
    assert [opened(house, container, clerk, who) for who in (BOB, EVE, EVE)] == [200, 404, 404]
    assert opened(house, container) == 200
    clock.now += house.library.session
    assert opened(house, container, clerk, BOB) == 200
    clock.now += house.library.session
    assert opened(house, container, clerk, BOB) == 403
    assert house.get(f"/containers/{container}/attempts").json() == [
        {"viewer_email": ANN, "attempt_count": 1},
        {"viewer_email": BOB, "attempt_count": 3},
        {"viewer_email": EVE, "attempt_count": 2},
    ]
    first = house.get(f"/containers/{container}/attempts?limit=1")
    assert first.json() == [{"viewer_email": ANN, "attempt_count": 1}]
    assert first.headers["cursor"]


def test_each_attempt_is_told_with_time_place_outcome_and_rule(house: House, clock: Clock) -> None:
    container, clerk = shared(house)
    opened(house, container, clerk, BOB)
    clock.now += 2 * house.library.session
    opened(house, container)
    opened(house, container, clerk, EVE)
    bob, ann, eve = house.get(f"/containers/{container}/attempts?detail=true").json()
    assert ann["timestamp"] == "2030-03-17T18:16:40.000Z"
    assert (ann["viewer_email"], ann["ip"], ann["outcome"], ann["rule"]) == (ANN, ADDRESS, "opened", None)
    assert (bob["viewer_email"], bob["ip"], bob["outcome"]) == (BOB, None, "opened")  # a delegate says nothing of it
    assert (eve["outcome"], eve["rule"]) == ("denied", "recipients")
    assert {one["container_id"] for one in (ann, bob, eve)} == {container}


def test_what_happened_to_one_container_is_told_of_it_alone(house: House) -> None:
    container, other = house.encode(), house.encode()
    house.ask("PUT", f"/containers/{container}/block?reason=lost")
    house.ask("PUT", f"/containers/{other}/block")
    found = house.get(f"/containers/{container}/events").json()
    assert [one["event"] for one in found] == ["create", "block"]
    assert found[1]["details"]["reason"] == "lost"
    assert (found[1]["viewer_email"], found[1]["ip"]) == (ANN, ADDRESS)


def test_copies_of_one_container_have_their_own_events(house: House) -> None:
    first = house.encode()
    data = house.get(f"/containers/{first}/download").content
    second = house.ask("POST", "/containers", content=data).json()["container"]["id"]
    house.ask("PUT", f"/containers/{second}/tags", json=["copy"])
    assert house.get(f"/containers/{first}/tags_audit").json() == []
    assert [one["event"] for one in house.get(f"/containers/{second}/events").json()] == ["create", "tags"]


def test_events_are_listed_by_sort(house: House, clock: Clock) -> None:
    container, clerk = shared(house)
    timed = house.encode(drm={"recipients": [BOB], "time": {"end": "2030-03-17T17:46:41Z"}})
    opened(house, container, clerk, BOB)
    house.ask("PUT", f"/containers/{container}/block")
    house.ask("DELETE", f"/containers/{container}/block")
    clock.now += 10
    assert opened(house, timed, clerk, BOB) == 403
    assert opened(house, container, clerk, EVE) == 404

    def sorts(view: str) -> list[tuple[str, str]]:
        found = house.get(f"/container_events/by_{view}").json()
        return [(one["event"], one["container_id"]) for one in found]

    assert sorts("create") == [("create", container), ("create", timed)]
    assert sorts("access") == [("open", container)]
    assert sorts("block") == [("block", container), ("unblock", container)]
    assert sorts("fail") == [("denied", timed), ("denied", container)]
    assert sorts("expire") == [("denied", timed)]
    answer = house.get("/container_events/by_moon")
    assert (answer.status_code, "access" in answer.json()["message"]) == (400, True)


def test_the_access_log_has_every_attempt_and_nothing_else(house: House) -> None:
    container, clerk = shared(house)
    opened(house, container, clerk, EVE)
    opened(house, container)
    house.ask("PUT", f"/containers/{container}/tags", json=["a"])
    found = house.get("/access_log").json()
    assert [(one["viewer_email"], one["outcome"]) for one in found] == [(EVE, "denied"), (ANN, "opened")]
    assert [one["viewer_email"] for one in house.get(f"/access_log?viewer={ANN}").json()] == [ANN]


def test_events_are_filtered(house: House, clock: Clock) -> None:
    container = house.encode()
    clock.now = NOW + 10
    house.ask("PUT", f"/containers/{container}/tags", json=["a"])
    house.ask("PUT", f"/containers/{container}/block")

    def kinds(query: str) -> list[str]:
        return [one["event"] for one in house.get(f"/events?{query}").json()]

    assert kinds("kind=create&kind=block") == ["create", "block"]
    assert kinds(f"start={NOW + 10}") == ["tags", "block"]
    assert kinds(f"end={NOW + 10}&kind=create") == ["create"]
    assert kinds(f"viewer={BOB}") == []
    assert kinds("kind=moon") == []
    for query in ("start=soon", "kind=%00", "viewer=%00", "&".join(["kind=a"] * 33)):
        assert house.get(f"/events?{query}").status_code == 400


def test_an_event_has_a_number_a_time_and_who(house: House) -> None:
    container = house.encode()
    (event,) = house.get("/events?kind=create").json()
    assert event == {
        "index": 1,
        "timestamp": "2030-03-17T17:46:40.000Z",
        "event": "create",
        "container_id": container,
        "viewer_email": ANN,
        "ip": ADDRESS,
        "rule": None,
        "details": {"key": house.key.id},
    }


def test_counts_say_how_much_there_is(house: House) -> None:
    container, clerk = shared(house)
    blocked = house.encode()
    house.ask("PUT", f"/containers/{blocked}/block")
    opened(house, container, clerk, EVE)
    opened(house, container)
    found = house.get("/stats").json()
    assert (found["containers"], found["containers_active"], found["containers_blocked"]) == (2, 1, 1)
    assert (found["opens"], found["denied"]) == (1, 1)
    assert found["size"] == sum(one["container_size"] for one in house.get("/containers").json())
    assert found["events"] == sum(found["events_by_kind"].values()) == len(house.get("/events").json())


def test_what_was_erased_is_told_no_more(house: House, clock: Clock) -> None:
    container, clerk = shared(house)
    opened(house, container, clerk, EVE)
    clock.now += 60
    assert erase(house.library, house.principal, int(clock.now * 1_000)) == 4
    assert house.get(f"/containers/{container}/attempts").json() == []
    assert [one["event"] for one in house.get("/events").json()] == ["erase"]
    assert EVE not in house.get("/access_log").text


@pytest.mark.parametrize(
    "path", ["/containers/{}/attempts", "/containers/{}/attempts?detail=1", "/containers/{}/events",
             "/containers/{}/attempts/proof"],
)  # fmt: skip
def test_another_organisations_events_are_not_there(house: House, path: str) -> None:
    container = house.encode()
    opened(house, container)
    with House(house.library, email=EVE) as other:
        assert other.get(path.format(container)).status_code == 404
        assert [one["event"] for one in other.get("/events").json()] == ["org_create"]
        assert other.get("/stats").json()["containers"] == 0
