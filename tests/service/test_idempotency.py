"""Idempotency-Key over HTTP: a request that is sent again is not done again, however it was written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import text

from tests.service.houses import BOB, House


def sent(
    house: House,
    files: Mapping[str, bytes] = MappingProxyType({"a.txt": b"hello"}),
    *,
    manifest: Mapping[str, Any] | None = None,
    boundary: str = "b",
) -> Response:
    """Send a form that is written here, so that its boundary and spaces are ours."""
    lines = [part("manifest", None, json.dumps(manifest or {"container_name": "Q3"}).encode(), boundary)]
    lines += [part("files", name, data, boundary) for name, data in files.items()]
    body = b"".join(lines) + f"--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Idempotency-Key": "k1"}
    return house.ask("POST", "/containers/encode", content=body, headers=headers)


def part(name: str, filename: str | None, data: bytes, boundary: str) -> bytes:
    called = f'; filename="{filename}"' if filename else ""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{called}\r\nContent-Type: text/plain\r\n\r\n'
    return head.encode() + data + b"\r\n"


def count(house: House) -> int:
    return len(house.get("/containers").json())


def test_a_form_that_is_sent_again_seals_nothing(house: House) -> None:
    first = sent(house, boundary="one")
    second = sent(house, boundary="other")
    assert (first.status_code, second.status_code, count(house)) == (200, 200, 1)
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"


def test_the_manifest_counts_by_what_it_says(house: House) -> None:
    sent(house, manifest={"container_name": "Q3", "tags": ["a"]})
    assert sent(house, manifest={"tags": ["a"], "container_name": "Q3"}).status_code == 200
    assert sent(house, manifest={"tags": ["b"], "container_name": "Q3"}).status_code == 409
    assert count(house) == 1


@pytest.mark.parametrize("files", [{"a.txt": b"hellO"}, {"b.txt": b"hello"}, {"a.txt": b"hello", "b.txt": b""}])
def test_other_parts_are_another_request(house: House, files: dict[str, bytes]) -> None:
    sent(house)
    answer = sent(house, files)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert count(house) == 1


def test_what_failed_may_be_sent_again(house: House) -> None:
    assert sent(house, manifest={"drm": {"opens": 0}}).status_code == 400
    assert sent(house, manifest={"files": ["b.txt"]}).status_code == 400
    assert sent(house).status_code == 200
    assert count(house) == 1


def test_a_password_is_kept_nowhere(house: House) -> None:
    manifest = {"container_name": "Q3", "password": "correct horse"}
    assert sent(house, manifest=manifest).status_code == 200
    assert sent(house, manifest=manifest).headers["idempotency-replayed"] == "true"
    # Nor could anybody with the catalog try passwords on what a request is recognized by.
    assert sent(house, manifest=manifest | {"password": "battery"}).headers["idempotency-replayed"] == "true"
    with house.library.catalog.reading() as db:
        assert "horse" not in repr(db.execute(text("SELECT * FROM answer")).all())


def test_an_upload_that_is_sent_again_adds_nothing(house: House) -> None:
    data = house.get(f"/containers/{house.encode()}/download").content
    headers = {"Idempotency-Key": "up"}
    first, second = (house.ask("POST", "/containers?name=a", content=data, headers=headers) for _ in range(2))
    assert first.json() == second.json() and count(house) == 2
    assert house.ask("POST", "/containers?name=b", content=data, headers=headers).status_code == 409
    assert house.ask("POST", "/containers?name=a", content=data + b"x", headers=headers).status_code == 409
    assert house.ask("POST", "/containers?name=a&tag=t", content=data, headers=headers).status_code == 409


def test_a_key_is_for_one_path_and_one_api_key(house: House) -> None:
    headers = {"Idempotency-Key": "k1"}
    sent(house)
    assert house.ask("POST", "/pq_keys/rotate", headers=headers).status_code == 200
    other = house.token(BOB, "admin")
    assert "idempotency-replayed" not in house.ask("POST", "/pq_keys/rotate", other, headers=headers).headers


def test_an_older_form_of_the_path_is_the_same_path(house: House) -> None:
    headers = {"Idempotency-Key": "k1", "Authorization": f"Bearer {house.ann}"}
    for path in ("/v1/pq_keys/rotate", "/users/me/pq_keys/rotate", f"{house.url}/pq_keys/rotate"):
        assert house.client.request("POST", path, headers=headers).status_code == 200
    assert len(house.get("/pq_keys").json()) == 3


@pytest.mark.parametrize("name", ["", " ", "a b", "a\x00", "x" * 256, "ü"])
def test_what_is_no_key_is_refused(house: House, name: str) -> None:
    answer = house.ask("POST", "/pq_keys/rotate", headers={"Idempotency-Key": name.encode("latin-1")})
    assert (answer.status_code, "Idempotency-Key" in answer.json()["message"]) == (400, True)


def test_of_many_at_once_one_is_done(house: House) -> None:
    with ThreadPoolExecutor(6) as pool:
        statuses = [answer.status_code for answer in pool.map(lambda _: sent(house), range(6))]
    assert set(statuses) <= {200, 409} and 200 in statuses
    assert count(house) == 1
    assert sent(house).headers["idempotency-replayed"] == "true"
