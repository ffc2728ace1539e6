"""Where a network address is, by a database file that the operator configures.

The law of this file: it is the one door to maxminddb. The file is of MaxMind's format, whoever made it; what it does
not say of an address is not known, and nothing is concluded from anything. Names of cities are its English ones.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final, Protocol

import maxminddb

from tera.errors import BadInput, InputUnavailable
from tera.policy.addresses import read_address
from tera.policy.places import CITY_BYTES, CONTINENTS, Place


class Locator(Protocol):
    """Where addresses are."""

    def place(self, address: str | None) -> Place:
        """Return what is known of where an address is; nothing for what is no address."""
        ...


class Nowhere:
    """No address is known."""

    def place(self, address: str | None) -> Place:
        """See `Locator`."""
        return Place()


NOWHERE: Final = Nowhere()


class Reader(Protocol):
    """What a database answers: any record, or None."""

    def get(self, ip_address: str) -> Any:
        """Return the record of an address. Raises ValueError for what is none."""
        ...


class MaxMindFile:
    """Places of a database. Raises InputUnavailable for a file that is none."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> MaxMindFile:
        """Open a database, which stays mapped into memory."""
        name = os.path.basename(path)
        try:
            return cls(maxminddb.open_database(os.fspath(path)))
        except OSError as error:
            raise InputUnavailable(f"{name}: {error.strerror or error}") from None
        except (maxminddb.InvalidDatabaseError, ValueError):
            raise InputUnavailable(f"{name} is not a database of MaxMind's format") from None

    def place(self, address: str | None) -> Place:
        """See `Locator`."""
        if address is None:
            return Place()
        try:
            record = self._reader.get(str(read_address(address)))
        except (BadInput, ValueError, maxminddb.InvalidDatabaseError):
            return Place()
        return Place() if not isinstance(record, Mapping) else place_of(record)


def place_of(record: Mapping[str, Any]) -> Place:
    """Return the place of a record as GeoIP2 City and Country have it; what has another form is not known."""
    continent = _text(_inner(record, "continent").get("code"))
    country = _text(_inner(record, "country").get("iso_code"))
    levels = record.get("subdivisions")
    found = [one.get("iso_code") for one in levels if isinstance(one, Mapping)] if isinstance(levels, list) else []
    city = _text(_inner(_inner(record, "city"), "names").get("en"))
    return Place(
        continent=continent if continent in CONTINENTS else None,
        country=country if country and len(country) == 2 else None,
        subdivisions=tuple(code for code in map(_text, found) if code),
        city=city if city and len(city.encode()) <= CITY_BYTES else None,
    )


def _inner(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = record.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
