"""Containers over HTTP: uploaded as they are, blocked with a reason, never beyond a quota; and what a path has."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

import tera
from tera.catalog import orgs
from tera.codec.header import Dynamic
from tera.codec.source import as_source, read_front
from tera.crypto.signing import generate
from tera.library import seal
from tests.library.places import ON_SERVERS, Clock
from tests.service.houses import ANN, BOB, EVE, House

SHAPE = {
    "id", "uuid", "org_id", "name", "container_name", "created_at", "created_date", "tags", "drm_rules",
    "container_digest", "sha256", "container_size", "status",
}  # fmt: skip


def sealed(house: House, **more: Any) -> bytes:
    """Return the bytes of a container that is sealed to nobody of the service."""
    path = house.room / "own.tera"
    source = path.with_suffix(".txt")
    source.write_bytes(b"secret " * 1_000)
    tera.encode([source], path, recipients=[tera.generate_key().public], force=True, **more)
    return bytes(path.read_bytes())


def blobs(house: House) -> list[str]:
    return [one.key for one in house.library.store.blobs()]


def test_a_container_has_every_published_name(house: House) -> None:
    container = house.encode(tags=["a"])
    found = house.get(f"/containers/{container}").json()
    assert set(found) == SHAPE
    assert found["id"] == found["uuid"] and found["name"] == found["container_name"]
    assert house.get("/containers").json() == [found]


def test_a_container_that_was_sealed_elsewhere_is_stored_as_it_is(house: House) -> None:
    data = sealed(house, public_tags=["public"])
    answer = house.ask("POST", "/containers?name=Mine&tag=b&tag=a", content=data)
    found = answer.json()["container"]
    assert (answer.status_code, answer.json()["org_id"]) == (200, house.org.id)
    assert (found["name"], found["tags"], found["container_size"]) == ("Mine", ["a", "b", "public"], len(data))
    assert found["sha256"] == hashlib.sha256(data).hexdigest()
    assert house.get(f"/containers/{found['id']}/download").content == data
    assert house.get(f"/container_by_digest?digest=sha256:{found['sha256']}").json() == found
    assert house.get(f"/container_by_digest?digest={found['container_digest']}").json() == found


def test_name_and_tags_may_be_in_headers_percent_encoded(house: House) -> None:
    headers = {"Tera-Name": "M%C3%BCll", "Tera-Tags": "a, b%2Cc"}
    found = house.ask("POST", "/containers", content=sealed(house), headers=headers).json()["container"]
    assert (found["name"], found["tags"]) == ("Müll", ["a", "b,c"])
    assert house.ask("POST", "/containers", content=b"", headers={"Tera-Name": "%FF"}).status_code == 400


def test_without_a_name_it_has_its_own_id(house: House) -> None:
    found = house.ask("POST", "/containers", content=sealed(house)).json()["container"]
    assert found["name"] != found["id"] and len(found["name"]) == 36


def test_rules_that_it_carries_are_shown(house: House) -> None:
    rules = [["opens", 2], ["time", {"end": 2_000_000_000}]]
    found = house.ask("POST", "/containers", content=sealed(house, rules=rules)).json()["container"]
    assert found["drm_rules"] == {"opens": 2, "time": {"end": "2033-05-18T03:33:20Z"}}


@pytest.mark.parametrize("change", ["empty", "text", "cut", "more", "bit"])
def test_what_is_no_whole_container_leaves_nothing(house: House, change: str) -> None:
    data = sealed(house)
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    body = {"empty": b"", "text": b"hello" * 100, "cut": data[:-1], "more": data + b"\0", "bit": bytes(changed)}[change]
    answer = house.ask("POST", "/containers", content=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] not in ("error", "internal")
    assert (blobs(house), house.get("/containers").json()) == ([], [])


def test_rules_that_nobody_vouches_for_are_not_taken(house: House) -> None:
    data = bytearray(sealed(house, rules=[["opens", 2]], dynamic=Dynamic([generate()])))
    policy = read_front(as_source(io.BytesIO(data))[0]).policy
    assert policy is not None
    data[data.index(policy) + len(policy.rstrip(b"\0")) - 5] ^= 1
    answer = house.ask("POST", "/containers", content=bytes(data))
    assert (answer.status_code, answer.json()["code"]) == (400, "policy_signature")
    assert blobs(house) == []


@pytest.mark.parametrize("query", ["name=", "name=a%00b", f"name={'x' * 1_025}", "tag=", "tag=%0A", f"tag={'x' * 129}"])
def test_what_is_no_name_or_tag_is_refused_before_anything_is_stored(house: House, query: str) -> None:
    assert house.ask("POST", f"/containers?{query}", content=sealed(house)).status_code == 400
    assert blobs(house) == []


def test_a_form_is_no_container(house: House) -> None:
    answer = house.ask("POST", "/containers", files={"files": ("a.txt", b"a")})
    assert (answer.status_code, "/containers/encode" in answer.json()["hint"]) == (400, True)


def test_the_memory_of_an_upload_does_not_grow_with_it(house: House) -> None:
    path = house.room / "big.tera"
    content = noise(bytes(1 << 20) for _ in range(48))
    tera.encode([("big.bin", content)], path, recipients=[tera.generate_key().public])
    data = memoryview(path.read_bytes())
    assert len(data) > 48 << 20

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(data), 1 << 20):
            yield bytes(data[start : start + (1 << 20)])

    tracemalloc.start()
    seal.upload(house.library, house.principal, pieces(), name="big")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (40 if ON_SERVERS else 24) << 20


def test_only_a_writing_key_uploads(house: House) -> None:
    reader = house.token(BOB, "read", "decode")
    assert house.ask("POST", "/containers", reader, content=sealed(house)).status_code == 403
    assert blobs(house) == []


# --- quotas ---------------------------------------------------------------------------------------------


def limit(house: House, **quota: int) -> None:
    with house.library.catalog.writing(house.org.id) as db:
        orgs.change_org(db, house.org.id, **quota)


def test_over_the_quota_of_containers_nothing_is_added(house: House) -> None:
    data = sealed(house)
    limit(house, quota_containers=1)
    first = house.encode()
    for answer in (
        house.ask("POST", "/containers", content=data),
        house.ask("POST", "/containers/encode", files=[("manifest", ("manifest", b"{}")), ("files", ("a", b"a"))]),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "quota_exceeded")
    assert len(blobs(house)) == 1
    house.ask("DELETE", f"/containers/{first}")
    assert house.ask("POST", "/containers", content=data).status_code == 200


def test_over_the_quota_of_bytes_nothing_is_added(house: House) -> None:
    data = sealed(house)
    limit(house, quota_bytes=len(data))
    assert house.ask("POST", "/containers", content=data + b"x").status_code == 403
    assert house.ask("POST", "/containers", content=data).status_code == 200
    answer = house.ask("POST", "/containers", content=data)
    assert (answer.status_code, answer.json()["code"], len(blobs(house))) == (403, "quota_exceeded", 1)
    assert house.get("/me").json()["org"]["used_bytes"] == len(data)


def test_what_there_is_no_room_for_is_not_written_to_its_end(house: House) -> None:
    limit(house, quota_bytes=2 << 20)
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield bytes(1 << 20)

    for work in (
        lambda: seal.upload(house.library, house.principal, endless(), name=None),
        lambda: seal.encode(house.library, house.principal, b"{}", [seal.Part("a.bin", None, noise(endless()))]),
    ):
        taken = 0
        with pytest.raises(tera.TeraError) as error:
            work()
        assert error.value.code == "quota_exceeded" and taken < 40
    assert blobs(house) == []


def noise(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for number, piece in enumerate(pieces):
        yield hashlib.shake_128(bytes([number % 256])).digest(len(piece))


# --- block and delete -------------------------------------------------------------------------------------


def test_a_container_is_blocked_and_unblocked_as_the_page_says(house: House) -> None:
    container = house.encode()
    for _ in range(2):
        answer = house.ask("PUT", f"/containers/{container}/block")
        assert (answer.status_code, answer.json()) == (200, {"message": "Container access blocked successfully"})
    assert house.get(f"/containers/{container}").json()["status"] == "BLOCKED"
    assert house.ask("DELETE", f"/containers/{container}/block").status_code == 200
    assert house.get(f"/containers/{container}").json()["status"] == "ACTIVE"
    assert [event.kind for event in house.events("block", "unblock")] == ["block", "unblock"]


def test_a_block_may_have_a_reason(house: House) -> None:
    container = house.encode()
    house.ask("PUT", f"/containers/{container}/block?reason=lost+laptop")
    house.ask("PUT", f"/containers/{container}/block", json={"reason": "stolen laptop"})
    assert [event.extra["reason"] for event in house.events("block")] == ["lost laptop", "stolen laptop"]
    for body in ('{"reason": ""}', '{"reason": 5}', '{"why": "x"}', '{"reason": "a\\nb"}', "[]", "{"):
        assert house.ask("PUT", f"/containers/{container}/block", content=body).status_code == 400
    assert house.ask("PUT", f"/containers/{container}/block?reason=" + "x" * 501).status_code == 400


def test_a_deleted_container_is_gone_for_everybody(house: House) -> None:
    container = house.encode(tags=["a"])
    assert house.ask("DELETE", f"/containers/{container}").status_code == 204
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/drm_rules"), ("GET", "/tags"), ("PUT", "/block"),
                         ("GET", "/attempts"), ("GET", "/events"), ("DELETE", "/drm_rules")):  # fmt: skip
        assert house.ask(method, f"/containers/{container}{path}").status_code == 404
    assert (blobs(house), house.get("/tags").json(), house.get("/containers").json()) == ([], [], [])


@pytest.mark.parametrize("digest", ["", "x", "tera:", "sha256:" + "0" * 63, "md5:" + "0" * 64, "A" * 64, "%00"])
def test_what_is_no_digest_is_refused(house: House, digest: str) -> None:
    assert house.get(f"/container_by_digest?digest={digest}").status_code == 400


def test_of_a_digest_there_is_none_one_or_too_many(house: House) -> None:
    data = sealed(house)
    digest = hashlib.sha256(data).hexdigest()
    assert house.get(f"/container_by_digest?digest=sha256:{digest}").status_code == 404
    house.ask("POST", "/containers", content=data)
    assert house.get(f"/container_by_digest?digest=sha256:{digest}").status_code == 200
    house.ask("POST", "/containers", content=data)
    assert house.get(f"/container_by_digest?digest=sha256:{digest}").status_code == 409
    with House(house.library, email=EVE) as other:
        assert other.get(f"/container_by_digest?digest=sha256:{digest}").status_code == 404


# --- what a path has --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/containers", "GET, POST"),
        ("/containers/{}", "DELETE, GET, PATCH"),
        ("/containers/{}/block", "DELETE, PUT"),
        ("/containers/{}/drm", "GET, PATCH, PUT"),
        ("/containers/{}/drm_rules", "DELETE, GET"),
        ("/containers/{}/tags", "GET, PUT"),
        ("/containers/encode", "DELETE, GET, PATCH, POST"),
        ("/api_keys", "GET, POST"),
        ("/pq_keys/rotate", "POST"),
    ],
)
def test_another_method_is_405_with_those_that_there_are(house: House, path: str, allow: str) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - set(allow.split(", ")) | {"OPTIONS", "TRACE"}:
        answer = house.ask(method, path.format("01234567-0123-7123-8123-0123456789ab"))
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed"), method
        assert answer.headers["allow"] == allow


@pytest.mark.parametrize("container", ["moon", "%00", "0" * 300, "..%2f..", "%F0%9F%8C%99", "null", "-1"])
def test_what_is_no_id_is_not_found(house: House, container: str) -> None:
    for path in ("", "/drm", "/tags", "/tags_audit", "/attempts", "/events", "/attempts/proof"):
        assert house.get(f"/containers/{container}{path}").status_code == 404


def test_another_organisations_container_is_not_there(house: House, clock: Clock) -> None:
    container = house.encode()
    with House(house.library, email=EVE) as other:
        for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("PUT", "/block"), ("DELETE", "/block")):
            answer = other.ask(method, f"/containers/{container}{path}", json={"name": "x"} if path == "" else None)
            assert (answer.status_code, answer.json()["code"]) == (404, "no_such_thing")
            headers = {"Authorization": f"Bearer {other.ann}"}
            url = f"{house.url}/containers/{container}{path}"
            assert other.client.request(method, url, headers=headers).status_code == 404
    assert house.get(f"/containers/{container}").json()["name"] == "Q3"
    assert house.events("create")[0].viewer == ANN
