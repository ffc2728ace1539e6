"""Rules over HTTP: shown, put, merged, frozen, narrowed, taken away; and what the authority is shown of it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tera.catalog import containers
from tera.catalog.authority import OrgTables
from tera.codec.encoder import Encoder
from tera.codec.header import Dynamic
from tera.codec.source import read_front
from tera.crypto.signing import generate
from tera.format.core import DynamicRules
from tera.library import rules
from tera.policy.envelope import SignedEnvelope, check_authentic, parse_policy
from tera.policy.marks import Mark, MarkKey
from tests.library.places import Clock
from tests.service.houses import ANN, BOB, EVE, House
from tests.storage.stores import written

DYNAMIC = {"dynamic": True, "recipients": [ANN, BOB], "opens": 5}
STATIC = {"recipients": [ANN, BOB], "opens": 5}


def newest(house: House, container: str) -> SignedEnvelope | None:
    """Return the policy that the organisation's authority holds, authentic for this container."""
    with house.library.catalog.reading() as db:
        row = containers.get(db, house.org.id, container)
        assert row is not None
        source = house.library.store.open(row.blob)
        core = read_front(source).core
        source.close()
        assert isinstance(core.rules, DynamicRules)
        body = OrgTables(db, house.org.id).envelope(core.rules.signers[0], core.rules.policy_id)
        mark = OrgTables(db, house.org.id).get(MarkKey("policy", core.rules.signers[0], core.rules.policy_id))
    if body is None:
        return None
    found = parse_policy(body)
    check_authentic(found, core)
    assert mark == Mark(found.envelope.version, found.hash)
    return found


def test_the_rules_in_force_are_shown_as_a_manifest_has_them(house: House) -> None:
    rules = {"time": {"end": "2031-01-01T00:00:00Z"}, "geo": {"allow": [{"country": "DE"}]}, "opens": 3}
    container = house.encode(drm=rules)
    answer = house.get(f"/containers/{container}/drm_rules")
    assert answer.json() == rules | {"recipients": [ANN]}
    assert house.get(f"/containers/{container}/drm").json() == rules | {"recipients": [ANN], "dynamic": False}
    assert house.get(f"/containers/{container}").json()["drm_rules"] == answer.json()
    assert answer.headers["etag"] == '"1"'


def test_what_is_shown_can_be_put_again_and_changes_nothing(house: House) -> None:
    container = house.encode(drm=DYNAMIC)
    shown = house.get(f"/containers/{container}/drm").json()
    answer = house.ask("PUT", f"/containers/{container}/drm", json=shown)
    assert (answer.status_code, answer.json(), answer.headers["etag"]) == (200, shown, '"1"')
    assert house.events("drm") == []


def test_rules_that_are_put_are_the_newest_policy_of_the_authority(house: House) -> None:
    container = house.encode(drm=DYNAMIC)
    answer = house.ask("PUT", f"/containers/{container}/drm", json={"opens": 2, "recipients": [EVE]})
    assert answer.json() == {"opens": 2, "recipients": [EVE], "dynamic": True}
    assert answer.headers["etag"] == '"2"'
    policy = newest(house, container)
    assert policy is not None and policy.envelope.version == 2
    assert {rule.name: rule.value for rule in policy.envelope.rules or ()} == {"opens": 2, "recipients": [EVE]}
    house.ask("PUT", f"/containers/{container}/drm", json={})
    policy = newest(house, container)
    assert policy is not None and policy.envelope.version == 3
    assert [rule.value for rule in policy.envelope.rules or ()] == [[ANN]]


def test_a_merge_patch_changes_what_it_names(house: House) -> None:
    container = house.encode(drm=DYNAMIC | {"time": {"start": "2030-01-01T00:00:00Z", "end": "2031-01-01T00:00:00Z"}})
    patch = {"opens": None, "time": {"end": "2032-01-01T00:00:00Z"}, "downloadable": False}
    answer = house.ask(
        "PATCH",
        f"/containers/{container}/drm",
        content=json.dumps(patch),
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert answer.json() == {
        "dynamic": True,
        "downloadable": False,
        "recipients": [ANN, BOB],
        "time": {"start": "2030-01-01T00:00:00Z", "end": "2032-01-01T00:00:00Z"},
    }


def test_a_patch_without_members_is_no_change(house: House) -> None:
    container = house.encode(drm=DYNAMIC)
    assert house.ask("PATCH", f"/containers/{container}/drm", json={}).headers["etag"] == '"1"'


def test_rules_are_frozen_and_never_thawed(house: House) -> None:
    container = house.encode(drm=DYNAMIC)
    frozen = house.ask("PATCH", f"/containers/{container}/drm", json={"dynamic": False}).json()
    assert frozen == DYNAMIC | {"dynamic": False}
    thawed = house.ask("PATCH", f"/containers/{container}/drm", json={"dynamic": True})
    assert (thawed.status_code, thawed.json()["code"]) == (409, "conflict")
    wider = house.ask("PATCH", f"/containers/{container}/drm", json={"opens": 9})
    assert (wider.status_code, "drm.opens" in wider.json()["message"]) == (400, True)
    assert house.ask("PATCH", f"/containers/{container}/drm", json={"opens": 4}).json()["opens"] == 4
    assert newest(house, container) is None  # the policy is the one that was sealed


def test_rules_are_changed_and_frozen_at_once(house: House) -> None:
    container = house.encode(drm=DYNAMIC)
    house.ask("PUT", f"/containers/{container}/drm", json={"opens": 2, "dynamic": False})
    policy = newest(house, container)
    assert policy is not None and policy.envelope.version == 2
    assert house.ask("PATCH", f"/containers/{container}/drm", json={"opens": 3}).status_code == 400


def test_static_rules_are_narrowed_and_the_files_own_stay(house: House) -> None:
    container = house.encode(drm=STATIC)
    before = house.get(f"/containers/{container}").json()
    answer = house.ask("PUT", f"/containers/{container}/drm", json={"recipients": [BOB]})
    assert answer.json() == {"dynamic": False, "opens": 5, "recipients": [BOB]}
    assert house.ask("PUT", f"/containers/{container}/drm", json={"recipients": [EVE]}).status_code == 400
    back = house.ask("PUT", f"/containers/{container}/drm", json=STATIC)
    assert back.json() == STATIC | {"dynamic": False}
    after = house.get(f"/containers/{container}").json()
    assert after == before  # digest, size, rules
    assert house.ask("PATCH", f"/containers/{container}/drm", json={"dynamic": True}).status_code == 409


@pytest.mark.parametrize("drm", [DYNAMIC, STATIC])
def test_after_delete_only_the_owner_opens(house: House, drm: dict[str, Any]) -> None:
    container = house.encode(drm=drm)
    answer = house.ask("DELETE", f"/containers/{container}/drm_rules")
    assert answer.status_code == 200 and "message" in answer.json()
    assert house.get(f"/containers/{container}/drm_rules").json()["recipients"] == [ANN]
    again = house.ask("DELETE", f"/containers/{container}/drm_rules")
    assert (again.status_code, again.headers["etag"]) == (200, '"2"')
    if drm is DYNAMIC:
        policy = newest(house, container)
        assert policy is not None
        assert [(rule.name, rule.value) for rule in policy.envelope.rules or ()] == [("recipients", [ANN])]
    else:
        assert house.get(f"/containers/{container}/drm_rules").json()["opens"] == 5


def test_after_delete_a_delegating_key_opens_for_the_owner_alone(house: House) -> None:
    container = house.encode(drm=STATIC)
    clerk = house.token("clerk@example.org", "decode", acts_for=frozenset({BOB}))
    path = f"/containers/{container}/decode/a.txt?viewer={BOB}"
    assert house.get(path, clerk).status_code == 200
    house.ask("DELETE", f"/containers/{container}/drm_rules")
    assert house.get(path, clerk).status_code == 404
    assert house.get(f"/containers/{container}/decode/a.txt").status_code == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [('"1"', 200), ("*", 200), ('"7", "1"', 200), ('"2"', 412), ('W/"1"', 412), ('"x"', 412), ("1", 400), ('"1', 400)],
)
def test_if_match_is_honoured(house: House, header: str, status: int) -> None:
    container = house.encode(drm=DYNAMIC)
    for method, body in (("PATCH", {"opens": 5}), ("PUT", DYNAMIC)):
        answer = house.ask(method, f"/containers/{container}/drm", json=body, headers={"If-Match": header})
        assert answer.status_code == status, answer.text
    answer = house.ask("DELETE", f"/containers/{container}/drm_rules", headers={"If-Match": header})
    assert answer.status_code == status
    if status == 412:
        assert answer.json()["code"] == "precondition_failed"
        assert house.get(f"/containers/{container}/drm_rules").json()["opens"] == 5


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"time": {"end": "soon"}}', "drm.time.end"),
        ('{"opens": 0}', "drm.opens"),
        ('{"recipients": ["nobody"]}', "drm.recipients"),
        ('{"opens": 1, "opens": 2}', "opens"),
        ('{"time": {"end": "2031-01-01T00:00:00Z", "end": "2032-01-01T00:00:00Z"}}', "end"),
        ('{"moon": "full"}', "moon"),
        ('{"password": "secret"}', "password"),
        ('{"dynamic": "yes"}', "drm.dynamic"),
        ('{"require_signature": true}', "drm.require_signature"),
        ('{"ip": {"allow": ["10.0.0.0/99"]}}', "drm.ip.allow"),
        ('{"entry": {"*": {"opens": 1}}}', "opens"),
        ('["opens"]', "drm"),
        ("{", "drm"),
        ("", "drm"),
        ('{"recipients": ["\\ud800"]}', "drm"),
        ('{"opens": NaN}', "drm"),
        ("[" * 5_000, "drm"),
        ('{"opens": 1}, "rules": {"opens": 2}', "drm"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_every_error_names_its_field(house: House, method: str, body: str, field: str) -> None:
    container = house.encode(drm=DYNAMIC)
    answer = house.ask(method, f"/containers/{container}/drm", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input"), answer.text
    assert field in answer.json()["message"]
    assert "secret" not in answer.text
    assert house.get(f"/containers/{container}/drm").json() == DYNAMIC


def test_rules_that_are_too_long_are_refused(house: House) -> None:
    container = house.encode(drm=DYNAMIC)
    many = {"recipients": [f"{number:06}@example.org" for number in range(70_000)]}
    assert house.ask("PUT", f"/containers/{container}/drm", json=many).status_code == 413


def test_a_change_is_on_record_with_who_and_from_where(house: House) -> None:
    container = house.encode(drm=DYNAMIC)
    house.ask("PATCH", f"/containers/{container}/drm", json={"opens": 1, "dynamic": False})
    (event,) = house.events("drm")
    assert event.viewer == ANN
    assert event.extra["uuid"] == container and event.extra["ip"] == "203.0.113.7"
    assert (event.extra["names"], event.extra["ver"], event.extra["frozen"]) == (["opens", "recipients"], 2, True)


def test_only_a_writing_key_changes_rules_and_only_its_organisations(house: House) -> None:
    container = house.encode(drm=DYNAMIC)
    reading = house.token(BOB, "read")
    for method, path in (("PUT", "drm"), ("PATCH", "drm"), ("DELETE", "drm_rules")):
        body = None if method == "DELETE" else {"opens": 1}
        assert house.ask(method, f"/containers/{container}/{path}", reading, json=body).status_code == 403
        with House(house.library, email=EVE) as other:
            assert other.ask(method, f"/containers/{container}/{path}", json=body).status_code == 404
    assert house.get(f"/containers/{container}/drm", reading).status_code == 200


def test_a_container_whose_policy_somebody_else_signs_is_narrowed_only(house: House) -> None:
    class Memory:
        ordered = True

        def __init__(self) -> None:
            self.data = bytearray()

        def write_at(self, offset: int, data: bytes | memoryview) -> None:
            self.data[offset : offset + len(data)] = data

        def commit(self) -> None: ...

        def abort(self) -> None: ...

    memory = Memory()
    public = house.library.keys.load(house.org.id).newest.key.public
    with Encoder(memory, recipients=[public], rules=[["opens", 5]], dynamic=Dynamic([generate()]), created=1) as made:
        made.add_content("a.txt", [b"a"], mtime=0)
        made.close()
    answer = house.ask("POST", "/containers", content=bytes(memory.data))
    container = answer.json()["container"]["id"]
    assert answer.json()["container"]["drm_rules"] == {"opens": 5}
    assert house.ask("PATCH", f"/containers/{container}/drm", json={"opens": 9}).status_code == 400
    assert house.ask("PATCH", f"/containers/{container}/drm", json={"opens": 2}).json()["opens"] == 2
    assert newest(house, container) is None


def test_a_policy_is_written_anew_before_it_expires(house: House, clock: Clock) -> None:
    container = house.encode(drm=DYNAMIC)
    with house.library.catalog.reading() as db:
        row = containers.get(db, house.org.id, container)
    assert row is not None
    assert not rules.renew(house.library, row)
    clock.now += rules.VALID_FOR - rules.RENEW
    assert rules.renew(house.library, row)
    assert not rules.renew(house.library, row)
    policy = newest(house, container)
    assert policy is not None and policy.envelope.version == 2
    assert policy.envelope.expires == int(clock.now) + rules.VALID_FOR
    assert [rule.name for rule in policy.envelope.rules or ()] == ["opens", "recipients"]
    assert len(house.events("policy")) == 1


def test_a_policy_that_was_changed_in_the_store_is_not_gone_on_with(house: House) -> None:
    container = house.encode(drm=DYNAMIC)
    (blob,) = house.library.store.blobs()
    source = house.library.store.open(blob.key)
    front = read_front(source)
    data = bytearray(source.read_at(0, source.size))
    source.close()
    assert front.policy is not None
    data[data.index(front.policy) + len(front.policy.rstrip(b"\0")) - 5] ^= 1
    house.library.store.delete(blob.key)
    written(house.library.store, blob.key, bytes(data))
    answer = house.ask("PATCH", f"/containers/{container}/drm", json={"opens": 9})
    assert (answer.status_code, answer.json()["code"]) == (400, "policy_signature")
    assert house.get(f"/containers/{container}/drm").json() == DYNAMIC


def test_of_two_changes_of_one_version_one_is_made(house: House) -> None:
    container = house.encode(drm=DYNAMIC)

    def change(opens: int) -> int:
        headers = {"If-Match": '"1"'}
        return house.ask("PATCH", f"/containers/{container}/drm", json={"opens": opens}, headers=headers).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(change, range(10, 16))) == [200, 412, 412, 412, 412, 412]
    policy = newest(house, container)
    assert policy is not None and policy.envelope.version == 2
    assert len(house.events("drm")) == 1


def test_of_many_changes_at_once_each_is_a_version(house: House) -> None:
    container = house.encode(drm=DYNAMIC)

    def change(opens: int) -> int:
        return house.ask("PATCH", f"/containers/{container}/drm", json={"opens": opens}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(change, range(10, 18))) == [200] * 8
    policy = newest(house, container)
    assert policy is not None and policy.envelope.version == 9
    assert [event.extra["ver"] for event in house.events("drm")] == list(range(2, 10))
