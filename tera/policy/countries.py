"""Names of countries and their parts, to ISO codes: the one door to `pycountry` and `countryinfo`.

The law of this file: a name that no table knows is an error, with the nearest one that is known, since a
typing error in a block rule would let in whom it means. Only who writes rules needs it: rules hold codes.

`pycountry` is Debian's iso-codes (ISO 3166-1 and -2); it does not know what people call Russia, Turkey or the
United Kingdom, nor on which continent a country is. `countryinfo` does. Both are the extra `names`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

from tera.errors import BadInput, InputUnavailable
from tera.policy.places import CONTINENTS

_OF_REGIONS: Final = {"Africa": "AF", "Asia": "AS", "Europe": "EU", "Oceania": "OC", "Antarctica": "AN"}


def continent_code(name: str) -> str:
    """Return the code of a continent given by code or English name. Raises BadInput."""
    known = {fold(text): code for code, english in CONTINENTS.items() for text in (code, english)}
    return known.get(fold(name)) or _unknown("continent", name, known)


def country_code(name: str) -> str:
    """Return ISO alpha-2 for a code or an English name. Raises BadInput, InputUnavailable (no tables)."""
    known = _countries()
    return known.get(fold(name)) or _unknown("country", name, known)


def subdivision_code(country: str, name: str) -> str:
    """Return what follows the country in ISO 3166-2, for a code or a name. Raises as `country_code`."""
    known = _subdivisions(country)
    found = known.get(fold(name)) or known.get(fold(f"{country}-{name}"))
    return found or _unknown(f"subdivision of {country}", name, known)


def continent_of(country: str) -> str | None:
    """Return the continent on which a country is counted, None where the tables do not say."""
    return _continents().get(country)


def fold(name: str) -> str:
    """Return a name in the form in which it is looked up: case, accents' spelling and spaces do not matter."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().replace("’", "'").split())


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    near = get_close_matches(fold(name), known, 1)
    hint = f"did you mean {near[0]!r}?" if near else "an ISO code is understood, or an English name"
    raise BadInput(f"{name[:64]!r} is no {what} that is known", hint=hint)


@cache
def _countries() -> dict[str, str]:
    pycountry, countryinfo = _tables()
    found: dict[str, str] = {}
    for one in pycountry.countries:
        for field in ("alpha_2", "alpha_3", "name", "official_name", "common_name"):
            if text := getattr(one, field, None):
                found[fold(text)] = one.alpha_2
    codes = set(found.values())
    for name, one in countryinfo.items():
        code = one.get("ISO", {}).get("alpha2")
        for text in (name, one["name"], *one.get("altSpellings", ())):
            if code in codes and len(fold(text)) > 1:  # there is an empty spelling among them
                found.setdefault(fold(text), code)
    return found


@cache
def _subdivisions(country: str) -> dict[str, str]:
    pycountry, _ = _tables()
    found: dict[str, str] = {}
    twice: set[str] = set()
    for one in pycountry.subdivisions.get(country_code=country) or ():
        code = one.code.partition("-")[2]
        found[fold(one.code)] = code
        if found.setdefault(fold(one.name), code) != code:
            twice.add(fold(one.name))  # a city and the district around it
    return {name: code for name, code in found.items() if name not in twice}


@cache
def _continents() -> dict[str, str]:
    _, countryinfo = _tables()
    found: dict[str, str] = {}
    for one in countryinfo.values():
        continent = _OF_REGIONS.get(one.get("region", ""))
        if one.get("region") == "Americas":
            continent = "SA" if one.get("intermediateregion") == "South America" else "NA"
        if continent:
            found[one.get("ISO", {}).get("alpha2", "")] = continent
    return found


def _tables() -> tuple[Any, dict[str, Any]]:
    try:
        import pycountry
        from countryinfo import CountryInfo
    except ImportError as error:
        raise InputUnavailable(
            f"names and codes of countries need the package {error.name}, which is not installed",
            hint="pip install 'tera-container[names]'",
        ) from None
    return pycountry, dict(CountryInfo.all())
