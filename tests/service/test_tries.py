"""Ten wrong keys a minute from one address, counted by every process, and nobody else is kept waiting."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tera.service.app import make_app
from tera.service.tries import MOST, counted
from tests.library.places import NOW, Clock
from tests.service.houses import House

WRONG = "tera_" + "0" * 20 + "_wrong"


def test_after_ten_failures_the_address_waits_for_the_minute_to_end(house: House, clock: Clock) -> None:
    clock.now = NOW - NOW % 60 + 15
    for _ in range(MOST):
        assert house.get("/me", WRONG).status_code == 401
    for token in (WRONG, house.ann):
        answer = house.get("/me", token)
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (
            429,
            "too_many_tries",
            "45",
        )
    clock.now += 45
    assert house.get("/me").status_code == 200


def test_other_processes_count_the_same_failures_and_other_addresses_have_their_own(house: House) -> None:
    for _ in range(MOST):
        house.get("/me", WRONG)
    again = make_app(house.library)

    async def ask(address: str) -> int:
        transport = httpx.ASGITransport(again, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://tera.test") as client:
            headers = {"Authorization": f"Bearer {house.ann}"}
            return (await client.get(f"{house.url}/me", headers=headers)).status_code

    assert asyncio.run(ask("203.0.113.7")) == 429
    assert asyncio.run(ask("203.0.113.8")) == 200


def test_who_shows_no_key_has_not_tried(house: House) -> None:
    for _ in range(MOST + 1):
        assert house.client.request("GET", f"{house.url}/me").status_code == 401
    assert house.get("/me").status_code == 200


def test_right_keys_are_no_failures(house: House) -> None:
    for _ in range(MOST + 1):
        assert house.get("/me").status_code == 200


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, ""),
        ("/run/socket", ""),
    ],
)
def test_of_ipv6_a_network_counts_as_one(address: str | None, expected: str) -> None:
    assert counted(address) == expected
