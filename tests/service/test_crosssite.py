"""What another site's page makes a browser send is refused before anything is asked; nobody else is."""

from __future__ import annotations

import pytest

from tests.service.houses import House


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "moon"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://tera.test"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://tera.test.evil.example"},
        {"Origin": "http://tera.test:8080"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://[bad"},
    ],
)
def test_another_sites_request_is_refused(house: House, headers: dict[str, str]) -> None:
    container = house.encode()
    for method, path in (("GET", "/containers"), ("PUT", f"/containers/{container}/block"), ("GET", "/moon")):
        answer = house.ask(method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
        assert answer.headers["x-request-id"]
    assert house.get(f"/containers/{container}").json()["status"] == "ACTIVE"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://tera.test"},
        {"Origin": "http://tera.test"},
        {"Origin": "https://tera.test"},  # a proxy ends the TLS
        {"Sec-Fetch-Mode": "cors"},  # Node's fetch
    ],
)
def test_programs_and_own_pages_are_answered(house: House, headers: dict[str, str]) -> None:
    assert house.get("/containers", headers=headers).status_code == 200
