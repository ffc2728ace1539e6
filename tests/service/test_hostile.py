"""Strangers who know what there is: other organisations, other sites, other addresses, in every route there is.

Who may open what is `test_who_opens`; forged, replayed and re-signed releases are in `test_release` besides.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tera.service.operations import OPERATIONS
from tests.authority.asking import BOB_KEY, asking, crafted, fields_of
from tests.library.places import Clock
from tests.service.calls import DEVICE, PATHS, Call, good_calls, sealed_elsewhere
from tests.service.houses import ADDRESS, ANN, BOB, EVE, House
from tests.service.traces import trace

HERS = ("container_id", "key_id")
"""Ids in paths that are one organisation's."""
ABSENT = {"container_id": str(UUID(int=1)), "key_id": "0" * 20}


def scoped() -> list[str]:
    return [known.id for known in OPERATIONS.values() if known.scope != "-"]


def told(response: Any) -> dict[str, Any]:
    """What a refusal tells, but for its request's own id."""
    return {name: value for name, value in response.json().items() if name != "request_id"}


# --- another organisation's ids -------------------------------------------------------------------------


def test_another_organisations_path_is_404_in_every_route_and_changes_nothing(house: House) -> None:
    seen = []
    with House(house.library, email=EVE) as other:
        calls = list(good_calls(house))
        before = trace(house.library)
        for call in calls:
            if OPERATIONS[PATHS[call.id]].scope == "-":
                continue
            response = call.by(house, other.ann)
            assert (response.status_code, response.json()["code"]) == (404, "no_such_thing"), call.id
            absent = call.by(house, other.ann, "org-00000000-0000-4000-8000-000000000000")
            assert told(absent) == told(response), "whether there is such an organisation is told"
            seen.append(call.id)
        assert trace(house.library) == before
    assert sorted(seen) == sorted(scoped())


@pytest.mark.parametrize("form", ["/orgs/{org_id}{rest}", "/orgs/-{rest}", "/users/7{rest}", "/api/v1/orgs/-{rest}"])
def test_another_organisations_things_are_404_in_every_route_and_nothing_changes(house: House, form: str) -> None:
    with House(house.library, email=EVE) as other:
        calls = [call for call in good_calls(house) if set(call.path) & set(HERS)]
        assert {call.id for call in calls} == {
            known.id for (_, path), known in OPERATIONS.items() if any(f"{{{name}}}" in path for name in HERS)
        }
        before = trace(house.library)
        for call in calls:
            theirs, nobodys = (
                other.client.request(
                    call.method,
                    form.format(org_id=other.org.id, rest=PATHS[call.id][1].removeprefix("/orgs/{org_id}")).format(
                        **path
                    ),
                    headers={"Authorization": f"Bearer {other.ann}"},
                    **call.more,
                )
                for path in (call.path, {**call.path, **{name: ABSENT[name] for name in HERS if name in call.path}})
            )
            assert (theirs.status_code, theirs.json()["code"]) == (404, "no_such_thing"), call.id
            assert told(theirs) == told(nobodys), "whether there is such a thing is told"
        assert trace(house.library) == before


def test_what_names_a_thing_otherwise_finds_no_others_either(house: House) -> None:
    elsewhere, held = sealed_elsewhere(house)
    container = house.ask("POST", "/containers", content=elsewhere.data).json()["container"]
    request = asking(elsewhere, keys=held, viewer=EVE).message
    with House(house.library, email=EVE) as other:
        before = trace(house.library)
        for digest in (container["container_digest"], f"sha256:{container['sha256']}"):
            assert other.get("/container_by_digest", params={"digest": digest}).status_code == 404
        assert other.ask("POST", "/release", content=request).status_code == 404
        assert other.get(f"/viewers/{BOB}").status_code == 404
        assert trace(house.library) == before


def test_a_cursor_of_another_organisation_is_refused(house: House) -> None:
    house.encode()
    cursor = house.get("/containers?limit=1").headers["cursor"]
    with House(house.library, email=EVE) as other:
        answer = other.get("/containers", params={"limit": 1, "cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")


# --- forged, replayed, re-signed ------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/decode", "/decode/a.txt"])
@pytest.mark.parametrize("said", [ANN, ANN.upper(), f" {ANN}", f"{ANN},{BOB}", "*@example.org", "", "\0", "ann"])
def test_a_forged_viewer_is_refused_and_never_the_owner(house: House, path: str, said: str) -> None:
    container = house.encode(drm={"recipients": [ANN], "opens": 1})
    for token in (house.token(BOB, "decode"), house.token(BOB, "decode", acts_for=frozenset({EVE}))):
        answer = house.get(f"/containers/{container}{path}", token, params={"viewer": said})
        assert answer.status_code in (400, 403), answer.text
    assert not house.events("open", "read")


def test_a_delegating_key_that_names_the_owner_is_bound_by_everything(house: House, clock: Clock) -> None:
    acting = house.token(BOB, "decode", acts_for=frozenset({ANN}))
    container = house.encode(drm={"recipients": [ANN], "opens": 1})
    as_ann = {"params": {"viewer": ANN}}
    assert house.get(f"/containers/{container}/decode/a.txt", acting, **as_ann).status_code == 200
    clock.now += 3_600
    answer = house.get(f"/containers/{container}/decode/a.txt", acting, **as_ann)
    assert (answer.status_code, answer.json()["rule"]) == (403, "opens")
    assert house.get(f"/containers/{container}/decode/a.txt").status_code == 200  # the owner in person


def test_a_release_that_is_signed_anew_or_sent_by_somebody_else_gives_nothing(house: House) -> None:
    elsewhere, held = sealed_elsewhere(house)  # for Ann
    container = house.ask("POST", "/containers", content=elsewhere.data).json()["container"]["uuid"]
    asked = asking(elsewhere, keys=held, viewer=ANN, device_key=DEVICE)
    path = f"/containers/{container}/release"
    assert house.ask("POST", path, content=asked.message).status_code == 200
    bob = house.ask("PUT", f"/viewers/{BOB}", json={}).json()["token"]
    fields = fields_of(asked.message)
    released = len(house.events("release"))
    for message, token in [
        (asked.message, bob),
        (crafted({**fields, "viewer": BOB}, DEVICE), bob),  # a device signs what it is asked to; Bob is nobody here
        (crafted(fields), house.ann),  # without the device's signature
        (crafted(fields, BOB_KEY), house.ann),
        (crafted({**fields, "nonce": b"n" * 16}), house.ann),
        (asked.message[:-1] + bytes((asked.message[-1] ^ 1,)), house.ann),
    ]:
        answer = house.ask("POST", path, token, content=message)
        assert answer.status_code in (400, 403, 404), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert len(house.events("release")) == released


# --- browsers and networks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"},
     {"Origin": "null"}],
)  # fmt: skip
def test_another_sites_page_does_nothing_in_any_route(house: House, headers: dict[str, str]) -> None:
    calls = list(good_calls(house))
    before = trace(house.library)
    for call in calls:
        sent = Call(call.id, call.path, {**call.more, "headers": headers})
        response = sent.by(house, house.ann)
        assert (response.status_code, response.json()["code"]) == (403, "cross_site"), call.id
        assert not [name for name in response.headers if name.startswith("access-control")]
    assert trace(house.library) == before


PROXY = "203.0.113.0/24"  # the client of the tests is in it


def seen_from(house: House, *headers: tuple[str, str]) -> Any:
    sent = [("Authorization", f"Bearer {house.ann}"), *headers]
    return house.client.request("GET", f"{house.url}/drm_context", headers=sent).json()["ip"]


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP"])
def test_an_address_that_a_client_claims_is_not_believed(house: House, name: str) -> None:
    assert seen_from(house, (name, "198.51.100.1")) == ADDRESS


@pytest.mark.parametrize(
    ("chains", "expected"),
    [
        (["198.51.100.1"], "198.51.100.1"),
        (["10.0.0.1, 198.51.100.1"], "198.51.100.1"),  # what is left of it was said by the client
        (["198.51.100.9, 198.51.100.1, 203.0.113.9"], "198.51.100.1"),  # a proxy behind a proxy
        (["198.51.100.9", "198.51.100.1"], "198.51.100.1"),  # two headers are one list
        (["2001:db8::1"], "2001:db8::1"),
        (["198.51.100.1, "], None),
        (["198.51.100.1, unknown"], None),
        (["198.51.100.1:443"], None),
        (["evil\twords"], None),
        (["203.0.113.9"], ADDRESS),
        ([""], None),
    ],
)
def test_a_proxys_header_counts_from_the_right(house: House, chains: list[str], expected: str | None) -> None:
    with House(house.library, email=EVE, proxies=[PROXY]) as behind:
        assert seen_from(behind, *(("X-Forwarded-For", chain) for chain in chains)) == expected
        assert seen_from(behind, ("X-Real-IP", "198.51.100.1")) == ADDRESS


def test_a_claimed_address_does_not_get_new_tries(house: House) -> None:
    wrong = "tera_" + "0" * 20 + "_" + "a" * 52
    for number in range(10):
        headers = {"X-Forwarded-For": f"198.51.100.{number}"}
        assert house.get("/me", wrong, headers=headers).status_code == 401
    assert house.get("/me", wrong, headers={"X-Forwarded-For": "198.51.100.99"}).status_code == 429
