"""API keys over HTTP: made with a secret that is told once, listed without, ended at once; and who asks."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import text

from tests.library.places import NOW, Clock
from tests.service.houses import ADDRESS, ANN, BOB, EVE, House


def make(house: House, **asked: Any) -> Response:
    return house.ask("POST", "/api_keys", json={"name": "a key"} | asked)


def shown(house: House, key_id: str) -> dict[str, Any]:
    """Return what the list says of a key."""
    (found,) = [one for one in house.get("/api_keys").json() if one["id"] == key_id]
    assert isinstance(found, dict)
    return found


def test_a_key_is_made_and_lets_in_both_ways(house: House) -> None:
    made = make(house, owner=BOB, scopes=["read", "write"]).json()
    assert (made["owner"], made["creator"], made["scopes"]) == (BOB, ANN, ["read", "write"])
    basic = base64.b64encode(f"{made['api_key']}:{made['api_secret']}".encode()).decode()
    for header in (f"Bearer {made['token']}", f"Basic {basic}"):
        answer = house.client.request("GET", f"{house.url}/me", headers={"Authorization": header})
        assert (answer.status_code, answer.json()["email"]) == (200, BOB)


def test_its_secret_is_told_once(house: House) -> None:
    made = make(house).json()
    assert len(house.get("/api_keys").json()) == 2
    assert shown(house, made["id"]) == {
        name: value for name, value in made.items() if name not in ("api_secret", "token")
    }
    for path in ("/api_keys", "/events", "/me"):
        assert made["api_secret"] not in house.get(path).text
    with house.library.catalog.reading() as db:
        for table in ("api_key", "answer", "log_event"):
            assert made["api_secret"] not in repr(db.execute(text(f"SELECT * FROM {table}")).all())


def test_a_repeated_creation_is_one_key_and_answers_without_its_secret(house: House) -> None:
    headers = {"Idempotency-Key": "4711"}
    first = house.ask("POST", "/api_keys", json={"name": "a"}, headers=headers)
    second = house.ask("POST", "/api_keys", json={"name": "a"}, headers=headers)
    secret = first.json().pop("api_secret")
    assert second.json() == {k: v for k, v in first.json().items() if k not in ("api_secret", "token")}
    assert second.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
    assert len(house.get("/api_keys").json()) == 2
    assert house.ask("POST", "/api_keys", json={"name": "b"}, headers=headers).status_code == 409
    with house.library.catalog.reading() as db:
        assert secret not in repr(db.execute(text("SELECT * FROM answer")).all())


def test_a_key_ends_at_once_and_stays_listed(house: House) -> None:
    made = make(house).json()
    assert house.ask("DELETE", f"/api_keys/{made['id']}").status_code == 204
    assert house.get("/me", made["token"]).status_code == 401
    assert house.ask("DELETE", f"/api_keys/{made['id']}").status_code == 204
    assert shown(house, made["id"])["revoked_at"] == "2030-03-17T17:46:40Z"
    assert len(house.events("key_revoke")) == 1


def test_the_last_key_that_administers_stays(house: House) -> None:
    make(house, scopes=["read"])
    make(house, scopes=["admin"], expires_at=NOW + 10)
    other = make(house, scopes=["admin"]).json()
    assert house.ask("DELETE", f"/api_keys/{other['id']}").status_code == 204
    ends = house.get("/api_keys").json()
    assert len(ends) == 4
    house.library.clock.now += 10  # type: ignore[attr-defined]
    answer = house.ask("DELETE", f"/api_keys/{house.key.id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert house.get("/me").status_code == 200


def test_a_key_expires(house: House, clock: Clock) -> None:
    made = make(house, expires_at="2030-03-17T17:46:50Z").json()
    assert made["expires_at"] == "2030-03-17T17:46:50Z"
    assert house.get("/me", made["token"]).status_code == 200
    clock.now += 10
    assert house.get("/me", made["token"]).status_code == 401


def test_when_a_key_was_used_last_is_known_to_the_minute(house: House, clock: Clock) -> None:
    made = make(house).json()
    assert made["last_used_at"] is None
    clock.now += 600
    house.get("/me", made["token"])
    assert shown(house, made["id"])["last_used_at"] == "2030-03-17T17:56:40Z"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": "read"}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"scopes": [1]}, "scopes"),
        ({"owner": "nobody"}, "address"),
        ({"owner": 5}, "owner"),
        ({"acts_for": ["nobody"]}, "address"),
        ({"acts_for": "a@b.c"}, "acts_for"),
        ({"may_assert": "yes"}, "may_assert"),
        ({"expires_at": NOW}, "expires"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"expires_at": True}, "expires_at"),
        ({"expires_at": 10**30}, "expires_at"),
        ({"expires_at": -1}, "expires_at"),
        ({"moon": 1}, "moon"),
    ],
)
def test_what_is_no_key_is_refused_by_its_field(house: House, asked: dict[str, Any], field: str) -> None:
    answer = make(house, **asked)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")
    assert field in answer.json()["message"]


@pytest.mark.parametrize(
    "body", ["[]", '"a"', "{", '{"name": "a", "name": "b"}', '{"name": "\\ud800"}', "null", "\xff"]
)
def test_what_is_no_object_is_refused(house: House, body: str) -> None:
    assert house.ask("POST", "/api_keys", content=body.encode("latin-1")).status_code == 400
    assert house.ask("POST", "/api_keys", content=b" " * (2 << 20)).status_code == 413


def test_only_who_administers_sees_makes_and_ends_keys(house: House) -> None:
    writer = house.token(BOB, "read", "write", "decode", "open")
    assert house.get("/api_keys", writer).status_code == 403
    assert house.ask("POST", "/api_keys", writer, json={"name": "a"}).status_code == 403
    assert house.ask("DELETE", f"/api_keys/{house.key.id}", writer).status_code == 403
    with House(house.library, email=EVE) as other:
        assert other.ask("DELETE", f"/api_keys/{house.key.id}").status_code == 404
        assert [one["owner"] for one in other.get("/api_keys").json()] == [EVE]
    for unknown in ("moon", "%00", "%ED%A0%80", "a" * 300):
        assert house.ask("DELETE", f"/api_keys/{unknown}").status_code in (400, 404)


def test_who_asks_is_told_who_it_is(house: House) -> None:
    house.encode()
    found = house.get("/me").json()
    assert (found["org_id"], found["email"], found["scopes"]) == (house.org.id, ANN, ["admin"])
    assert (found["org"]["name"], found["org"]["used_containers"]) == ("Acme", 1)
    opener = house.token(BOB, "open")
    assert house.get("/me", opener).json()["email"] == BOB
    headers = {"Authorization": f"Bearer {house.ann}"}
    assert house.client.request("GET", "/v1/users/anybody/me", headers=headers).json() == house.get("/me").json()


def test_what_rules_would_be_decided_on_is_told(house: House) -> None:
    assert house.get("/drm_context").json() == {
        "viewer_email": ANN,
        "time": "2030-03-17T17:46:40Z",
        "ip": ADDRESS,
        "geo": {"continent": None, "country": None, "subdivisions": [], "city": None},
        "device": None,
        "mac": None,
    }


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", "Bearer tera_", "Bearer tera_a_b", "Bearer tera_%00_x", "Basic", "Basic !", "Basic /w==",
     "Basic AAAA", "Digest a", "Bearer tera_" + "0" * 20 + "_x", "Basic " + "A" * 10_000],
)  # fmt: skip
def test_what_is_no_key_is_401_with_the_challenge(house: House, header: str) -> None:
    answer = house.client.request("GET", f"{house.url}/containers", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_credentials")
    assert "Basic" in answer.headers["www-authenticate"] and "Bearer" in answer.headers["www-authenticate"]
