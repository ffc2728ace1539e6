"""Who opens: the address that a key stands for, and where it is, as far as that is known.

The law of this file: a viewer key proves the one address that the organisation enrolled it for; a delegating key
those that its organisation listed. Of a delegated viewer nothing is known but its address, unless the key may say
where it is; and then that is on record as said. The owner is an address, never somebody who acts for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tera.catalog import viewers
from tera.catalog.containers import Row
from tera.errors import BadInput, Forbidden
from tera.library.library import Library, Principal
from tera.policy.addresses import Address, read_address
from tera.policy.people import read_viewer
from tera.policy.places import Place


@dataclass(frozen=True, slots=True)
class Said:
    """What a delegating key says of where its viewer is: a network address, and the place that a table has for it."""

    ip: str
    place: Place = field(default_factory=Place)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who opens. `key` is the API key's id; `by` the address of the key that acts for it, if one does."""

    address: str
    key: str | None
    ip: Address | None = None
    place: Place = field(default_factory=Place)
    by: str | None = None
    asserted: bool = False

    def owns(self, row: Row) -> bool:
        """Say whether this is the container's owner, in person."""
        return self.by is None and self.address == row.owner

    @property
    def trace(self) -> dict[str, Any]:
        """What an event says of it besides its address: the key, the address on the network, the country."""
        geo = {"continent": self.place.continent, "country": self.place.country}
        known = {
            "asserted": self.asserted or None,
            "by": self.by,
            "geo": {name: value for name, value in geo.items() if value} or None,
            "ip": None if self.ip is None else str(self.ip),
            "key": self.key,
        }
        return {name: value for name, value in known.items() if value is not None}


def asker(library: Library, principal: Principal, viewer: str | None = None, said: Said | None = None) -> Asker:
    """Return who opens: the key's own address, or `viewer`, whom it acts for.

    Raises Forbidden for a key without the scope `decode` that is not enrolled for its address, for a viewer that it
    does not act for, and for what it may not say; BadInput for what is no address.
    """
    key = principal.key
    may_decode = bool(key.scopes & {"admin", "decode"})
    if not may_decode:
        _need_enrolled(library, principal)
    named = None if viewer is None else read_viewer(viewer)
    if named is None or (named == key.owner and named not in key.acts_for):
        if said is not None:
            raise Forbidden("the key says where somebody is, and acts for nobody")
        return Asker(key.owner, key.id, known_address(principal.ip), principal.place)
    if not may_decode or named not in key.acts_for:
        raise Forbidden("the key does not act for this viewer")
    if said is None:
        return Asker(named, key.id, by=key.owner)
    if not key.may_assert:
        raise Forbidden("the key may not say where its viewer is")
    return Asker(named, key.id, read_address(said.ip), said.place, by=key.owner, asserted=True)


def known_address(text: str | None) -> Address | None:
    """Return an address on the network; None for what is none, such as a socket's path."""
    try:
        return None if text is None else read_address(text)
    except BadInput:
        return None


def _need_enrolled(library: Library, principal: Principal) -> None:
    principal.need("open")
    with library.catalog.reading() as db:
        found = viewers.get(db, principal.org.id, principal.key.owner)
    if found is None or found.key_id != principal.key.id:
        raise Forbidden("the key is not enrolled for its address")
