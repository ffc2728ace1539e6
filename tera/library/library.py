"""The library: what every use case stands on, and who is asking.

The law of this file: it holds ports and settings, and decides nothing. Use cases are functions of the modules
beside it, which take a `Library` first and a `Principal` second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tera.audit.events import Event
from tera.authority.authority import Authority
from tera.catalog.authority import OrgState
from tera.catalog.engine import Catalog
from tera.catalog.orgs import ApiKey, Org
from tera.codec.config import BlockListSource
from tera.crypto.random import Random, system
from tera.errors import Forbidden
from tera.library.keystore import KeyStore
from tera.library.pool import Pool
from tera.policy.places import Place
from tera.storage.port import Store

SCOPES: Final = frozenset({"admin", "read", "write", "decode", "open"})
"""What a key may do: `admin` everything; `read` metadata; `write` containers, tags, rules, blocks; `decode` content
through the service; `open` is a viewer's: release and decode for its own address, nothing else."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: an API key of an organisation, from an address and a place as far as the transport knows them."""

    key: ApiKey
    org: Org
    ip: str | None = None
    place: Place = field(default_factory=Place)

    @property
    def address(self) -> str:
        """The address that the key acts as."""
        return self.key.owner

    def need(self, scope: str) -> None:
        """Return when the key has this scope, or `admin`. Raises Forbidden."""
        if not self.key.scopes & {scope, "admin"}:
            raise Forbidden(f"the key lacks the scope {scope}")


@dataclass(frozen=True, slots=True)
class Library:
    """The ports. `clock` returns seconds since 1970 UTC; `origin` is the name of the installation, for its logs."""

    catalog: Catalog
    store: Store
    keys: KeyStore
    origin: str = "tera"
    clock: Callable[[], float] = time.time
    random: Random = system
    session: int = 900
    """Seconds for which decoding the same container for the same viewer is one open."""
    pool: Pool = field(default_factory=Pool, compare=False, repr=False)

    def now(self) -> int:
        """Return the time in seconds."""
        return int(self.clock())

    def event(self, kind: str, **fields: object) -> Event:
        """Return an event of now."""
        return Event(time=int(self.clock() * 1_000), kind=kind, **fields)  # type: ignore[arg-type]

    def authority(self, org_id: str, *, blocklists: tuple[BlockListSource, ...] = ()) -> Authority:
        """Return the organisation's authority, over its rows of the catalog and its keys."""
        keys = self.keys.load(org_id)
        return Authority(
            OrgState(self.catalog, org_id),
            keys.held,
            origin=f"{self.origin}/{org_id}",
            blocklists=blocklists,
            clock=self.clock,
        )
