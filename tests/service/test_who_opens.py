"""Who opens: a test for each sentence of what the service promises about viewers, owners, delegates and sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tera.catalog.authority import OrgTables
from tera.codec import keyfile
from tera.codec.signers import VerifyingKey
from tera.crypto.signing import SigningKey
from tera.policy.places import Place
from tests.library.places import NOW, Clock
from tests.service.houses import ANN, BOB, EVE, House

SIGNING = SigningKey(b"\1" * 64)
PUBLIC = keyfile.dump_public(VerifyingKey(SIGNING.public))
IN_GERMANY = "198.51.100.1"


class Table:
    """A table of places with one row."""

    def place(self, address: str | None) -> Place:
        return Place(continent="EU", country="DE") if address == IN_GERMANY else Place()


def opened(house: House, container: str, token: str | None = None, **more: Any) -> int:
    return house.get(f"/containers/{container}/decode/a.txt", token, **more).status_code


def viewer(house: House, email: str, **asked: Any) -> dict[str, Any]:
    answer = house.ask("PUT", f"/viewers/{email}", json=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def counted(house: House, container: str, email: str) -> int:
    with house.library.catalog.reading() as db:
        from tera.catalog import containers

        row = containers.get(db, house.org.id, container)
        assert row is not None
        return OrgTables(db, house.org.id).opens(row.bind, email).count


# --- a viewer is an address that the organisation enrolled ------------------------------------------------


def test_a_viewer_key_has_the_scope_open_and_opens_for_its_address(house: House) -> None:
    made = viewer(house, "Bob@Example.org")
    assert made["email"] == BOB
    container = house.encode(drm={"recipients": [BOB]})
    assert opened(house, container, made["token"]) == 200
    assert house.get(f"/containers/{container}/decode", made["token"]).status_code == 200
    for method, path in [
        ("GET", ""),
        ("GET", "/download"),
        ("DELETE", ""),
        ("PUT", "/block"),
        ("GET", "/drm_rules"),
        ("GET", "/attempts"),
    ]:
        answer = house.ask(method, f"/containers/{container}{path}", made["token"])
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    shown = house.get(f"/viewers/{BOB}").json()
    assert shown["key_id"] == made["api_key"]
    assert "token" not in shown
    assert "api_secret" not in shown


@pytest.mark.parametrize("scopes", [{"decode"}, {"open", "read"}, {"admin"}])
def test_a_key_with_another_scope_is_no_viewer_key(house: House, scopes: set[str]) -> None:
    token = house.token(BOB, *scopes)
    answer = house.ask("PUT", f"/viewers/{BOB}", json={"key_id": token.split("_")[1]})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")


def test_a_key_that_acts_as_somebody_else_is_not_enrolled(house: House) -> None:
    eve = house.token(EVE, "open").split("_")[1]
    assert house.ask("PUT", f"/viewers/{BOB}", json={"key_id": eve}).status_code == 400
    delegating = house.token(BOB, "open", acts_for=frozenset({EVE})).split("_")[1]
    assert house.ask("PUT", f"/viewers/{BOB}", json={"key_id": delegating}).status_code == 400


def test_a_key_that_is_not_enrolled_opens_nothing(house: House) -> None:
    token = house.token(BOB, "open")
    container = house.encode(drm={"recipients": [BOB]})
    assert opened(house, container, token) == 403
    viewer(house, BOB, key_id=token.split("_")[1])
    assert opened(house, container, token) == 200
    viewer(house, BOB, public_key=PUBLIC)  # in place of the API key
    assert opened(house, container, token) == 403


def test_a_viewer_that_was_withdrawn_opens_nothing(house: House) -> None:
    token = viewer(house, BOB)["token"]
    container = house.encode(drm={"recipients": [BOB]})
    assert house.ask("DELETE", f"/viewers/{BOB}").status_code == 204
    assert opened(house, container, token) == 403
    assert house.get(f"/viewers/{BOB}").status_code == 404
    assert house.ask("DELETE", f"/viewers/{BOB}").status_code == 404
    assert [event.viewer for event in house.events("enrol", "withdraw")] == [BOB, BOB]


def test_a_signing_key_is_one_viewers(house: House) -> None:
    found = viewer(house, BOB, public_key=PUBLIC)
    assert found["public_key"] == PUBLIC
    assert found["fingerprint"] == VerifyingKey(SIGNING.public).fingerprint.hex()
    answer = house.ask("PUT", f"/viewers/{EVE}", json={"public_key": PUBLIC})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    viewer(house, BOB, public_key=PUBLIC)


def test_a_secret_key_is_not_taken_and_not_repeated(house: House) -> None:
    secret = keyfile.dump_secret(SIGNING)
    answer = house.ask("PUT", f"/viewers/{BOB}", json={"public_key": secret})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_key")
    assert secret[:40].lower() not in answer.text.lower()


@pytest.mark.parametrize("asked", [{"key": "x"}, {"key_id": 7}, [], {"public_key": "x" * 10_000}, {"public_key": ""}])
def test_a_body_that_says_something_else_enrols_nobody(house: House, asked: Any) -> None:
    assert house.ask("PUT", f"/viewers/{BOB}", json=asked).status_code == 400
    assert house.get(f"/viewers/{BOB}").status_code == 404


@pytest.mark.parametrize("email", ["bob", "*@example.org", "bob@", "@b.c", "b c@example.org"])
def test_what_is_no_address_is_no_viewer(house: House, email: str) -> None:
    for method in ("PUT", "GET", "DELETE"):
        assert house.ask(method, f"/viewers/{email}").status_code == 400


def test_only_an_admin_says_whose_a_key_is(house: House) -> None:
    for scope in ("read", "write", "decode", "open"):
        token = house.token(EVE, scope)
        assert house.ask("PUT", f"/viewers/{EVE}", token, json={}).status_code == 403
        assert house.ask("DELETE", f"/viewers/{BOB}", token).status_code == 403
        answer = house.ask("POST", "/api_keys", token, json={"name": "k", "owner": ANN, "scopes": ["open"]})
        assert answer.status_code == 403


def test_a_key_s_owner_is_its_creator_unless_an_admin_says_another(house: House) -> None:
    made = house.ask("POST", "/api_keys", json={"name": "k", "scopes": ["decode"]}).json()
    assert made["owner"] == ANN
    assert house.ask("POST", "/api_keys", json={"name": "k", "owner": BOB, "scopes": ["decode"]}).json()["owner"] == BOB


# --- another organisation's key proves no address here ------------------------------------------------------


def test_another_organisation_s_key_proves_no_address(house: House) -> None:
    container = house.encode(drm={"recipients": [ANN, BOB]})
    with House(house.library, email=BOB) as other:
        assert opened(house, container, other.ann) == 404  # its owner is bob@example.org, there
        path = f"/containers/{container}/decode/a.txt"
        assert other.get(path).status_code == 404
        assert other.client.request("GET", path, headers={"Authorization": f"Bearer {other.ann}"}).status_code == 404
        theirs = other.token(BOB, "open").split("_")[1]
        answer = house.ask("PUT", f"/viewers/{BOB}", json={"key_id": theirs})
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_thing")
        viewer(other, BOB)
        assert house.get(f"/viewers/{BOB}").status_code == 404
        assert house.ask("DELETE", f"/viewers/{BOB}", other.ann).status_code == 404
    assert house.events("denied") == []


# --- a viewer whom recipients does not name gets 404 ---------------------------------------------------------


def test_whom_recipients_does_not_name_is_told_that_there_is_nothing(house: House) -> None:
    eve = viewer(house, EVE)["token"]
    container = house.encode(drm={"recipients": ["*@example.org"], "time": {"start": "2099-01-01T00:00:00Z"}})
    nothing = house.get("/containers/01890000-0000-7000-8000-000000000000/decode/a.txt", eve)
    for path in ("decode/a.txt", "decode/none", "decode"):
        answer = house.get(f"/containers/{container}/{path}", eve)
        assert answer.status_code == 404
        assert {**answer.json(), "request_id": ""} == {**nothing.json(), "request_id": ""}
    house.ask("PUT", f"/containers/{container}/block")
    assert opened(house, container, eve) == 404
    assert [(event.rule, event.viewer) for event in house.events("denied")] == [("recipients", EVE)] * 4


def test_rules_that_name_nobody_name_the_owner(house: House) -> None:
    container = house.encode(drm={"opens": 3})
    assert opened(house, container) == 200
    assert opened(house, container, house.token(BOB, "decode")) == 404


# --- the owner ------------------------------------------------------------------------------------------------


def test_the_owner_is_bound_neither_by_recipients_nor_by_place_time_and_counts(house: House) -> None:
    container = house.encode(
        drm={
            "recipients": [BOB],
            "ip": {"allow": ["192.0.2.0/24"]},
            "geo": {"allow": [{"country": "DE"}]},
            "time": {"start": "2099-01-01T00:00:00Z"},
            "opens": 1,
            "first_open_for": 1,
            "entry": {"a.txt": {"recipients": [BOB], "time": {"start": "2099-01-01T00:00:00Z"}}},
        }
    )
    for _ in range(3):
        assert opened(house, container) == 200
    assert counted(house, container, ANN) == 0


def test_the_owner_s_opens_are_logged(house: House, clock: Clock) -> None:
    container = house.encode()
    for later in (0, 10, 900):
        clock.now = NOW + later
        opened(house, container)
    assert [(event.kind, event.viewer) for event in house.events("open")] == [("open", ANN)] * 2  # two sessions


def test_the_owner_is_bound_by_a_block(house: House) -> None:
    container = house.encode()
    house.ask("PUT", f"/containers/{container}/block")
    answer = house.get(f"/containers/{container}/decode/a.txt")
    assert (answer.status_code, answer.json()["code"]) == (403, "blocked")
    assert house.events("denied")[-1].rule == "blocked"


def test_the_owner_is_bound_by_every_other_rule(house: House) -> None:
    container = house.encode(drm={"rights": ["view"]})
    assert house.get(f"/containers/{container}/decode/a.txt").json()["rule"] == "rights"


def test_the_owner_is_an_address_and_not_every_key_of_the_organisation(house: House) -> None:
    admin = house.token(BOB, "admin")
    container = house.encode(drm={"recipients": [BOB], "time": {"start": "2099-01-01T00:00:00Z"}})
    assert house.get(f"/containers/{container}/decode/a.txt", admin).json()["rule"] == "time"
    assert opened(house, container, house.token(ANN, "decode")) == 200  # another key of the same address
    theirs = house.encode(token=admin, drm={"recipients": [EVE]})
    assert opened(house, theirs, admin) == 200
    assert opened(house, theirs) == 404


# --- a delegating key -------------------------------------------------------------------------------------------


def test_a_delegating_key_opens_for_the_addresses_that_it_lists(house: House) -> None:
    portal = house.token("portal@example.org", "decode", acts_for=frozenset({BOB}))
    container = house.encode(drm={"recipients": [BOB], "opens": 1})
    assert opened(house, container, portal) == 404  # for itself
    assert opened(house, container, portal, params={"viewer": "BOB@example.org"}) == 200
    assert counted(house, container, BOB) == 1
    event = house.events("open")[-1]
    assert (event.viewer, event.extra["by"]) == (BOB, "portal@example.org")
    assert "ip" not in event.extra


@pytest.mark.parametrize("scopes", [{"decode"}, {"admin"}, {"open"}])
def test_a_viewer_whom_the_key_does_not_list_is_forged(house: House, scopes: set[str]) -> None:
    container = house.encode(drm={"recipients": [EVE, BOB]})
    token = house.token(BOB, *scopes)
    if scopes == {"open"}:
        viewer(house, BOB, key_id=token.split("_")[1])
    assert opened(house, container, token, params={"viewer": EVE}) == 403
    event = house.events("denied")[-1]
    assert (event.viewer, event.rule) == (BOB, "forbidden")
    assert counted(house, container, EVE) == 0
    assert opened(house, container, token, params={"viewer": BOB}) == 200  # itself
    assert opened(house, container, token, params={"viewer": "nobody"}) == 400


def test_a_delegated_viewer_never_has_the_owner_s_exemption(house: House) -> None:
    portal = house.token("portal@example.org", "decode", acts_for=frozenset({ANN}))
    own = house.token(ANN, "decode", acts_for=frozenset({ANN}))
    container = house.encode(drm={"recipients": [BOB]})
    late = house.encode(drm={"recipients": [ANN], "time": {"start": "2099-01-01T00:00:00Z"}})
    for token in (portal, own):
        assert opened(house, container, token, params={"viewer": ANN}) == 404
        assert opened(house, late, token, params={"viewer": ANN}) == 403
    assert opened(house, container, own) == 200  # in person


def test_where_a_delegated_viewer_is_is_not_known(house: House) -> None:
    portal = house.token("portal@example.org", "decode", acts_for=frozenset({BOB}))
    everywhere = {"allow": ["0.0.0.0/0", "::/0"]}
    by_ip = house.encode(drm={"recipients": [BOB], "ip": everywhere})
    not_in_asia = house.encode(drm={"recipients": [BOB], "geo": {"block": [{"continent": "AS"}]}})
    for container, rule in ((by_ip, "ip"), (not_in_asia, "geo")):
        path = f"/containers/{container}/decode/a.txt"
        assert house.get(path, portal, params={"viewer": BOB}).json()["rule"] == rule
    assert opened(house, by_ip, house.token(BOB, "decode")) == 200


def test_a_key_may_say_where_its_viewer_is_and_that_is_on_record_as_said(house: House) -> None:
    house.app.state.geo = Table()
    listed = frozenset({BOB})
    container = house.encode(drm={"recipients": [BOB], "geo": {"allow": [{"country": "DE"}]}})
    there = {"params": {"viewer": BOB}, "headers": {"Tera-Viewer-Address": IN_GERMANY}}
    may_not = house.token("portal@example.org", "decode", acts_for=listed)
    assert opened(house, container, may_not, **there) == 403
    may = house.token("portal@example.org", "decode", acts_for=listed, may_assert=True)
    assert opened(house, container, may, **there) == 200
    event = house.events("open")[-1]
    assert event.extra["asserted"] is True
    assert (event.extra["ip"], event.extra["geo"]) == (IN_GERMANY, {"continent": "EU", "country": "DE"})
    elsewhere = {**there, "headers": {"Tera-Viewer-Address": "192.0.2.1"}}
    assert opened(house, container, may, **elsewhere) == 403
    assert opened(house, container, may, **{**there, "headers": {"Tera-Viewer-Address": "here"}}) == 400
    assert opened(house, container, may, headers=there["headers"]) == 403  # for itself nobody says so


# --- sessions ------------------------------------------------------------------------------------------------------


def test_within_fifteen_minutes_of_the_first_byte_it_is_one_open(house: House, clock: Clock) -> None:
    container = house.encode(drm={"recipients": [BOB], "opens": 2})
    bob = house.token(BOB, "decode")
    for later, status, count in [
        (0, 200, 1),
        (1, 200, 1),
        (899, 200, 1),
        (900, 200, 2),
        (1799, 200, 2),
        (1800, 403, 2),
    ]:
        clock.now = NOW + later
        assert opened(house, container, bob) == status, later
        assert counted(house, container, BOB) == count, later


def test_a_session_is_one_viewer_s_with_one_container(house: House) -> None:
    drm = {"recipients": ["*@example.org"], "opens": 1}
    first, second = house.encode(drm=drm), house.encode(drm=drm)
    bob, cat = house.token(BOB, "decode"), house.token("cat@example.org", "decode")
    for container, token in ((first, bob), (first, cat), (second, bob)):
        assert opened(house, container, token) == 200
    assert [event.kind for event in house.events("open", "read")] == ["open"] * 3
    assert counted(house, first, BOB) == counted(house, second, BOB) == counted(house, first, "cat@example.org") == 1


def test_manifests_and_heads_do_not_count(house: House) -> None:
    container = house.encode(drm={"recipients": [BOB], "opens": 1})
    bob = house.token(BOB, "decode")
    for _ in range(3):
        assert house.get(f"/containers/{container}/decode", bob).status_code == 200
        assert house.ask("HEAD", f"/containers/{container}/decode/a.txt", bob).status_code == 200
        assert house.get(f"/containers/{container}/decode/none", bob).status_code == 404
    assert counted(house, container, BOB) == 0
    assert opened(house, container, bob) == 200
    assert counted(house, container, BOB) == 1


def test_every_request_of_a_session_is_decided_anew(house: House, clock: Clock) -> None:
    bob = house.token(BOB, "decode")

    def blocked(container: str) -> None:
        house.ask("PUT", f"/containers/{container}/block")

    def narrowed(container: str) -> None:
        house.ask("DELETE", f"/containers/{container}/drm_rules")

    def too_late(container: str) -> None:
        clock.now = NOW + 60

    def deleted(container: str) -> None:
        house.ask("DELETE", f"/containers/{container}")

    changes: list[tuple[Callable[[str], None], int]] = [
        (blocked, 403),
        (narrowed, 404),
        (too_late, 403),
        (deleted, 404),
    ]
    for change, status in changes:
        clock.now = NOW
        container = house.encode(drm={"recipients": [BOB], "time": {"end": "2030-03-17T17:47:00Z"}})
        assert opened(house, container, bob) == 200
        assert opened(house, container, bob) == 200
        change(container)
        assert opened(house, container, bob) == status
        assert house.get(f"/containers/{container}/decode", bob).status_code == status


def test_the_window_from_the_first_open_on_is_kept_within_a_session_too(house: House, clock: Clock) -> None:
    container = house.encode(drm={"recipients": [BOB], "first_open_for": 600})
    bob = house.token(BOB, "decode")
    for later, status in ((0, 200), (599, 200), (600, 403), (3_600, 403)):
        clock.now = NOW + later
        assert opened(house, container, bob) == status


def test_of_64_first_bytes_at_once_one_counts(house: House) -> None:
    container = house.encode(drm={"recipients": [BOB], "opens": 1})
    bob = house.token(BOB, "decode")
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(opened(house, container, bob))) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [200] * 64  # they are one session
    assert counted(house, container, BOB) == 1
    assert [event.kind for event in house.events("open")] == ["open"]
