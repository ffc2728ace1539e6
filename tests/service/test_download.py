"""The stored bytes of a container: whole, in ranges, not again to who has them, and not while it is blocked."""

from __future__ import annotations

import hashlib
import random

import pytest

from tests.library.places import Clock
from tests.service.houses import ANN, BOB, House

BIG = random.Random(1).randbytes(3_000_000)


def stored(house: House, container: str) -> bytes:
    with house.library.catalog.reading() as db:
        from tera.catalog import containers

        row = containers.get(db, house.org.id, container)
    assert row is not None
    blob = house.library.store.open(row.blob)
    data = blob.read_at(0, blob.size)
    blob.close()
    return data


def test_the_stored_bytes_leave_as_they_are(house: House) -> None:
    container = house.encode({"a.bin": BIG})
    answer = house.get(f"/containers/{container}/download")
    assert answer.status_code == 200
    assert answer.content == stored(house, container)
    described = house.get(f"/containers/{container}").json()
    assert hashlib.sha256(answer.content).hexdigest() == described["sha256"]
    assert answer.headers["etag"] == f'"sha256:{described["sha256"]}"'
    assert int(answer.headers["content-length"]) == described["container_size"] == len(answer.content)
    assert answer.headers["accept-ranges"] == "bytes"


def test_head_has_the_headers_and_no_bytes(house: House) -> None:
    path = f"/containers/{house.encode()}/download"
    whole, head = house.get(path), house.ask("HEAD", path)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("etag", "content-length", "accept-ranges", "content-disposition", "x-content-type-options"):
        assert head.headers[name] == whole.headers[name]
    assert len(house.events("download")) == 1


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=100-", 100, None),
        ("bytes=-7", -7, None),
        ("bytes=-999999999999", 0, None),
        ("bytes=3-999999999999", 3, None),
        ("BYTES=1-2", 1, 3),
        ("bytes=1048570-1048590", 1_048_570, 1_048_591),
    ],
)
def test_a_range_is_those_bytes(house: House, text: str, start: int, stop: int | None) -> None:
    container = house.encode({"a.bin": BIG}, tags=["x"])
    data = stored(house, container)
    answer = house.get(f"/containers/{container}/download", headers={"Range": text})
    assert answer.status_code == 206
    assert answer.content == data[start:stop]
    first = len(data) + start if start < 0 else start
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(data)}"
    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize("text", ["bytes=999999999-", "bytes=-0", "bytes=999999999-1000000000"])
def test_a_range_behind_the_end_is_416(house: House, text: str) -> None:
    container = house.encode()
    answer = house.get(f"/containers/{container}/download", headers={"Range": text})
    assert answer.status_code == 416
    assert answer.json()["code"] == "range_not_satisfiable"
    assert answer.headers["content-range"] == f"bytes */{len(stored(house, container))}"
    assert house.events("download") == []


@pytest.mark.parametrize(
    "text", ["bytes=5-3", "bytes=a-b", "bytes=0-1,3-4", "lines=1-2", "bytes=", f"bytes={'9' * 5000}-"]
)
def test_a_range_that_is_not_understood_is_left_out_of_account(house: House, text: str) -> None:
    container = house.encode()
    answer = house.get(f"/containers/{container}/download", headers={"Range": text})
    assert (answer.status_code, answer.content) == (200, stored(house, container))


def test_a_range_of_something_else_is_the_whole(house: House) -> None:
    path = f"/containers/{house.encode()}/download"
    etag = house.get(path).headers["etag"]
    assert house.get(path, headers={"Range": "bytes=0-3", "If-Range": etag}).status_code == 206
    assert house.get(path, headers={"Range": "bytes=0-3", "If-Range": '"sha256:00"'}).status_code == 200


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_who_has_the_bytes_gets_none(house: House, form: str) -> None:
    path = f"/containers/{house.encode()}/download"
    etag = house.ask("HEAD", path).headers["etag"]
    answer = house.get(path, headers={"If-None-Match": form.format(etag)})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert house.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_while_it_is_blocked_nothing_leaves(house: House) -> None:
    container = house.encode()
    path = f"/containers/{container}/download"
    etag = house.get(path).headers["etag"]
    house.ask("PUT", f"/containers/{container}/block")
    for headers in ({}, {"Range": "bytes=0-1"}, {"If-None-Match": etag}):
        answer = house.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "blocked")
    assert house.ask("HEAD", path).status_code == 403
    house.ask("DELETE", f"/containers/{container}/block")
    assert house.get(path).status_code == 200


def test_what_was_deleted_or_is_of_another_organisation_is_not_there(house: House) -> None:
    with House(house.library, email=BOB) as other:
        theirs = other.encode()
        assert house.get(f"/containers/{theirs}/download").status_code == 404
        assert other.get(f"/containers/{theirs}/download").status_code == 200
    container = house.encode()
    house.ask("DELETE", f"/containers/{container}")
    for name in (container, "no-id", "%00"):
        answer = house.get(f"/containers/{name}/download")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_thing")


def test_a_key_that_may_not_read_gets_none(house: House) -> None:
    container = house.encode()
    for scope in ("decode", "open", "write"):
        assert house.get(f"/containers/{container}/download", house.token(ANN, scope)).status_code == 403


def test_that_bytes_leave_is_on_record_with_who_and_from_where(house: House, clock: Clock) -> None:
    container = house.encode()
    house.get(f"/containers/{container}/download")
    house.ask("PUT", f"/containers/{container}/block")
    house.get(f"/containers/{container}/download")
    allowed, denied = house.events("download", "denied")
    assert (allowed.kind, allowed.viewer, allowed.extra["uuid"]) == ("download", ANN, container)
    assert allowed.extra["ip"] == "203.0.113.7"
    assert (denied.kind, denied.rule, denied.extra["act"]) == ("denied", "blocked", "download")
    assert allowed.bind == denied.bind
