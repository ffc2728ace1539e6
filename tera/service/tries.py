"""Wrong credentials from one address: ten a minute, then a pause until the minute is over.

The law of this file: failures are in the catalog, so that every process counts the same ones. Of IPv6 a whole /64
counts as one address: whoever has one address of it has all.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Final

from tera.catalog import failures
from tera.catalog.engine import Catalog, Connection
from tera.errors import TooManyTries

MOST: Final = 10
"""Failures in a minute."""
_PREFIX: Final = 64


class Tries:
    """Failures by address; `clock` returns seconds."""

    def __init__(self, catalog: Catalog, clock: Callable[[], float]) -> None:
        self._catalog = catalog
        self._clock = clock

    def check(self, address: str | None) -> None:
        """Return when the address may try. Raises TooManyTries."""
        with self._catalog.reading() as db:
            self.check_in(db, address)

    def check_in(self, db: Connection, address: str | None) -> None:
        """The same, in a transaction that is open."""
        now = int(self._clock())
        if failures.count(db, counted(address), now // 60) >= MOST:
            raise TooManyTries("too many wrong credentials", after=60 - now % 60)

    def failed(self, address: str | None) -> None:
        """Remember a failure."""
        with self._catalog.writing() as db:
            failures.add(db, counted(address), int(self._clock()) // 60)


def counted(address: str | None) -> str:
    """Return what an address is counted as; "" for none, as of a Unix socket."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found), _PREFIX), strict=False))
    return str(found)
