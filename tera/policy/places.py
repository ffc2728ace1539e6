"""Places on earth: `continent/country/subdivision/city`, and whether somebody is there.

The law of this file: it compares codes and folded city names, and needs no table of the world; what a name
means is `countries.py`'s. A part that the viewer's place does not tell is neither equal nor different: an
allow list does not take it for equal, a block list does not take it for different.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tera.errors import BadInput

CONTINENTS: Final = {
    "AF": "Africa",
    "AN": "Antarctica",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "OC": "Oceania",
    "SA": "South America",
}
"""The seven, by the codes of GeoNames, which are those of the usual databases of addresses."""

CITY_BYTES: Final = 128
_COUNTRY: Final = re.compile("[A-Z]{2}")
_SUBDIVISION: Final = re.compile("[A-Z0-9]{1,3}")


def fold_city(text: str) -> str:
    """Return a city's name in the form in which names are compared: case-folded, NFC, single spaces."""
    text = " ".join(text.split())
    for _ in range(2):  # one round is a fixed point for all but a few Greek letters with two marks
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())
    return text


@dataclass(frozen=True, slots=True)
class Place:
    """Where a viewer is, as far as is known. `subdivisions` may name several levels: England and London."""

    continent: str | None = None
    country: str | None = None
    subdivisions: tuple[str, ...] = ()
    city: str | None = None

    def __post_init__(self) -> None:
        """Bring codes and names to the form of rules; a country's own prefix (DE-BY) is dropped."""
        set_field = object.__setattr__
        set_field(self, "continent", self.continent.upper() if self.continent else None)
        set_field(self, "country", self.country.upper() if self.country else None)
        parts = (part.upper().rpartition("-")[2] for part in self.subdivisions)
        set_field(self, "subdivisions", tuple(part for part in parts if part))
        set_field(self, "city", fold_city(self.city) or None if self.city else None)


@dataclass(frozen=True, slots=True)
class Region:
    """One element of a `geo` rule: all parts that are not empty must fit."""

    continent: str = ""
    country: str = ""
    subdivision: str = ""
    city: str = ""

    def pack(self) -> str:
        return f"{self.continent}/{self.country}/{self.subdivision}/{self.city}"

    def fits(self, place: Place, *, unknown: bool) -> bool:
        """Return whether the place lies in the region, where a part that is not known counts as `unknown`."""
        if self.country and (self.country != place.country if place.country else not unknown):
            return False
        if self.continent and (self.continent != place.continent if place.continent else not unknown):
            return False
        if self.subdivision and (self.subdivision not in place.subdivisions if place.subdivisions else not unknown):
            return False
        return not self.city or (self.city == place.city if place.city else unknown)

    def covers(self, other: Region) -> bool:
        """Return whether whoever is in `other` is here too."""
        return (
            self.continent in ("", other.continent)
            and self.country in ("", other.country)
            and self.subdivision in ("", other.subdivision)
            and self.city in ("", other.city)
        )


def read_canonical(text: str) -> Region:
    """Return the region whose one text this is. Raises BadInput."""
    parts = text.split("/")
    if len(parts) != 4 or not any(parts):
        raise BadInput("a place is not of the form continent/country/subdivision/city")
    continent, country, subdivision, city = parts
    if continent and continent not in CONTINENTS:
        raise BadInput("a place's continent is none of " + ", ".join(CONTINENTS))
    if country and not _COUNTRY.fullmatch(country):
        raise BadInput("a place's country is not two capital letters")
    if continent and country:
        raise BadInput("a place has a continent beside its country, which tells it already")
    if subdivision and not (country and _SUBDIVISION.fullmatch(subdivision)):
        raise BadInput("a place's subdivision is not one to three capital letters and digits below a country")
    if city:
        check_city(city)
        if fold_city(city) != city:
            raise BadInput("a place's city is not case-folded in NFC")
    return Region(continent, country, subdivision, city)


def check_city(city: str) -> None:
    """Refuse a name that no city has. Raises BadInput."""
    if "/" in city or not city.isprintable() or len(city.encode()) > CITY_BYTES:
        raise BadInput(f"a city is not a printable name of at most {CITY_BYTES} bytes without /")


class Regions:
    """The places of an allow or block list, ready to be asked; those of one country are found at once."""

    __slots__ = ("_all", "_anywhere", "_in")

    def __init__(self, regions: Iterable[Region]) -> None:
        self._all = tuple(regions)
        self._anywhere = tuple(one for one in self._all if not one.country)
        found: dict[str, list[Region]] = {}
        for one in self._all:
            if one.country:
                found.setdefault(one.country, []).append(one)
        self._in = {country: tuple(those) for country, those in found.items()}

    def hold(self, place: Place, *, unknown: bool) -> bool:
        """Return whether a region fits; `unknown` as in `Region.fits`."""
        if place.country is None:
            return any(one.fits(place, unknown=unknown) for one in self._all)
        for one in self._in.get(place.country, ()):
            if one.fits(place, unknown=unknown):
                return True
        return any(one.fits(place, unknown=unknown) for one in self._anywhere)
