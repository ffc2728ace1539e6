"""Places of network addresses: what the operator's database says, and nothing that it does not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tera.errors import InputUnavailable
from tera.policy.places import Place
from tera.service.geo import NOWHERE, MaxMindFile, place_of
from tests.service.houses import ADDRESS, BOB, House
from tests.service.mmdb import database

LONDON = {
    "continent": {"code": "EU"},
    "country": {"iso_code": "GB"},
    "subdivisions": [{"iso_code": "ENG"}, {"iso_code": "LND"}],
    "city": {"names": {"en": "London", "de": "London an der Themse"}},
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> MaxMindFile:
    path = tmp_path_factory.mktemp("geo") / "city.mmdb"
    path.write_bytes(database({"203.0.113.0/24": LONDON, "198.51.100.0/25": {"country": {"iso_code": "DE"}}}))
    return MaxMindFile.open(path)


def test_a_place_is_what_the_database_says(table: MaxMindFile) -> None:
    assert table.place("203.0.113.7") == Place("EU", "GB", ("ENG", "LND"), "london")
    assert table.place("::ffff:203.0.113.7") == table.place("203.0.113.7")
    assert table.place("198.51.100.1") == Place(country="DE")  # no continent is concluded from it


@pytest.mark.parametrize("address", [None, "", "198.51.100.200", "192.0.2.1", "2001:db8::1", "fe80::1%eth0", "socket"])
def test_what_it_does_not_say_is_not_known(table: MaxMindFile, address: str | None) -> None:
    assert table.place(address) == Place()
    assert NOWHERE.place(address) == Place()


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"continent": "EU", "country": ["GB"], "subdivisions": {"iso_code": "x"}, "city": "London"},
        {"continent": {"code": "XX"}, "country": {"iso_code": "GBR"}, "subdivisions": ["ENG", {"iso_code": 7}, {}]},
        {"country": {"iso_code": None}, "city": {"names": {"en": 7}}, "subdivisions": None},
        {"country": {"names": {"en": "Germany"}}, "city": {"names": {"de": "München"}}},
        {"city": {"names": {"en": "x" * 200}}},
    ],
)
def test_a_record_of_another_form_says_nothing(record: dict[str, Any]) -> None:
    assert place_of(record) == Place()


@pytest.mark.parametrize("record", [None, "London", 7, [LONDON]])
def test_a_record_that_is_no_map_says_nothing(record: Any) -> None:
    class Fake:
        def get(self, ip_address: str) -> Any:
            return record

    assert MaxMindFile(Fake()).place("203.0.113.7") == Place()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    for name, data in (
        ("empty", b""),
        ("other", b"no database" * 100),
        ("cut", database({"10.0.0.0/8": LONDON})[:-40]),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputUnavailable):
            MaxMindFile.open(tmp_path / name)
    with pytest.raises(InputUnavailable, match="No such file"):
        MaxMindFile.open(tmp_path / "none")


def test_rules_of_place_are_decided_by_it(house: House, table: MaxMindFile) -> None:
    bob = house.token(BOB, "decode")
    here = house.encode(drm={"recipients": [BOB], "geo": {"allow": [{"country": "GB", "city": "London"}]}})
    elsewhere = house.encode(drm={"recipients": [BOB], "geo": {"block": [{"continent": "EU"}]}})
    assert house.get(f"/containers/{here}/decode/a.txt", bob).json()["rule"] == "geo"  # not configured: not known
    house.app.state.geo = table
    assert house.get(f"/containers/{here}/decode/a.txt", bob).status_code == 200
    assert house.get(f"/containers/{elsewhere}/decode/a.txt", bob).json()["rule"] == "geo"
    event = house.events("open")[-1]
    assert (event.extra["ip"], event.extra["geo"]) == (ADDRESS, {"continent": "EU", "country": "GB"})
