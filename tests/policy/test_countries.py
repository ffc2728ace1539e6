"""Names of countries: what people call them is understood, what nobody calls a country is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

pytest.importorskip("pycountry", reason="needs pycountry")
pytest.importorskip("countryinfo", reason="needs countryinfo")

from tera.errors import BadInput, InputUnavailable
from tera.policy import countries
from tera.policy.countries import continent_code, continent_of, country_code, subdivision_code
from tera.policy.places import CONTINENTS, read_canonical


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *(("DE", "DE"), ("de", "DE"), ("DEU", "DE"), ("Germany", "DE"), (" germany ", "DE")),
        *(("Federal Republic of Germany", "DE"), ("Russia", "RU"), ("Russian Federation", "RU"), ("UK", "GB")),
        *(("United Kingdom", "GB"), ("USA", "US"), ("United States", "US"), ("Turkey", "TR"), ("Türkiye", "TR")),
        *(("Vietnam", "VN"), ("South Korea", "KR"), ("North Korea", "KP"), ("Iran", "IR"), ("Ivory Coast", "CI")),
        *(("Côte d’Ivoire", "CI"), ("Czech Republic", "CZ"), ("Czechia", "CZ"), ("Taiwan", "TW"), ("Syria", "SY")),
        *(("Democratic Republic of the Congo", "CD"), ("Republic of the Congo", "CG"), ("China", "CN")),
    ],
)
def test_a_code_or_a_name_gives_the_code(name: str, code: str) -> None:
    assert country_code(name) == code


@pytest.mark.parametrize(
    "name", ["", "Germny", "XX", "Atlantis", "Serbia and Montenegro", "AN", "🇩🇪", "276", "Scotland"]
)
def test_what_is_no_country_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="is no country that is known"):
        country_code(name)


def test_a_typing_error_is_answered_with_what_is_near() -> None:
    with pytest.raises(BadInput) as caught:
        country_code("Germny")
    assert "'germany'" in (caught.value.hint or "")


def test_every_country_that_a_name_can_give_can_stand_in_a_rule() -> None:
    codes = set(countries._countries().values())
    assert len(codes) == 249
    for code in codes:
        assert read_canonical(f"/{code}//").country == country_code(code) == code
        for subdivision in set(countries._subdivisions(code).values()):
            assert read_canonical(f"/{code}/{subdivision}/").subdivision == subdivision


def test_continents_by_code_and_name() -> None:
    assert (
        {continent_code(name) for name in CONTINENTS.values()} == set(CONTINENTS) == {*map(continent_code, CONTINENTS)}
    )
    assert continent_code("europe") == "EU"
    for name in ("", "Eurasia", "America", "XX"):
        with pytest.raises(BadInput, match="is no continent"):
            continent_code(name)


def test_the_continent_of_a_country() -> None:
    known = {"DE": "EU", "RU": "EU", "US": "NA", "MX": "NA", "CU": "NA", "BR": "SA", "JP": "AS", "NG": "AF", "AU": "OC"}
    assert {code: continent_of(code) for code in known} == known
    assert continent_of("AQ") in ("AN", None)
    assert continent_of("XX") is None


@pytest.mark.parametrize(
    ("country", "name", "code"),
    [
        ("DE", "BY", "BY"),
        ("DE", "DE-BY", "BY"),
        ("DE", "Bayern", "BY"),
        ("US", "California", "CA"),
        ("GB", "England", "ENG"),
    ],
)
def test_a_subdivision_by_code_or_name(country: str, name: str, code: str) -> None:
    assert subdivision_code(country, name) == code


@pytest.mark.parametrize(
    ("country", "name"), [("DE", "CA"), ("DE", "US-CA"), ("DE", "Bavariaa"), ("US", "BY"), ("VA", "X")]
)
def test_a_subdivision_of_another_country_is_refused(country: str, name: str) -> None:
    with pytest.raises(BadInput, match=f"no subdivision of {country}"):
        subdivision_code(country, name)


@pytest.mark.parametrize("package", ["pycountry", "countryinfo"])
def test_without_the_tables_a_country_is_refused_with_the_way_to_get_them(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for cached in (countries._countries, countries._subdivisions, countries._continents):
        cached.cache_clear()
    calls: list[Callable[[], object]] = [
        lambda: country_code("DE"),
        lambda: subdivision_code("DE", "BY"),
        lambda: continent_of("DE"),
    ]
    for call in calls:
        with pytest.raises(InputUnavailable, match=f"need the package {package}") as caught:
            call()
        assert "tera-container[names]" in (caught.value.hint or "")
    assert continent_code("Europe") == "EU"
