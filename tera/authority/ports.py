"""What an authority stands on: a state with transactions, and keys.

The law of this file: they are two ports, and all that an authority remembers or can open goes through them. Within
a transaction nothing else writes; what it wrote is durable when it has ended, and gone if anything was raised.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from tera.audit.events import Event
from tera.audit.log import Log
from tera.crypto.signing import SigningKey
from tera.format.access import Stanza
from tera.policy.marks import Mark, MarkKey
from tera.state.reader import Opens


@dataclass(frozen=True, slots=True)
class Kept:
    """A share that was released, as it is remembered: by H(request), so that a lost answer can be had again.

    `session` is the hash of the request that began the session, maybe its own; `before`, how many opens had been
    counted when it began; `issued` is in seconds since 1970 UTC.
    """

    viewer: str
    bind: bytes
    session: bytes
    before: int
    issued: int
    answer: bytes = field(repr=False)


class View(Protocol):
    """What can be read. Every method may raise StateUnavailable or LogUnavailable."""

    @property
    def log(self) -> Log:
        """The audit log; it is appended to through `Transaction.record` only."""
        ...

    def get(self, key: MarkKey, /) -> Mark | None:
        """Return a mark, as `tera.policy.marks.Marks`."""
        ...

    def last_time(self) -> int:
        """Return the latest time of any event, in milliseconds; 0 if there is none."""
        ...

    def opens(self, bind: bytes, viewer: str) -> Opens:
        """Return how often this viewer has opened the container with this H_bind."""
        ...

    def kept(self, request: bytes) -> Kept | None:
        """Return what was released to the request with this hash."""
        ...

    def envelope(self, signer: bytes, policy_id: bytes) -> bytes | None:
        """Return the body of POLICY with the newest envelope by this signer."""
        ...

    def viewer(self, fingerprint: bytes) -> str | None:
        """Return whose key this is."""
        ...

    def reported(self, device: bytes) -> int | None:
        """Return how many events a device has reported; None for one that never had a lease."""
        ...


class Transaction(View, Protocol):
    """What can be read and written, while nobody else writes."""

    def record(self, event: Event) -> None:
        """Append an event to the log."""
        ...

    def count(self, bind: bytes, viewer: str, now: int) -> None:
        """Count one open; `now` is the first open's time if it is the first."""
        ...

    def keep(self, request: bytes, kept: Kept) -> None:
        """Remember a release."""
        ...

    def forget(self, before: int) -> None:
        """Forget releases that were issued before this time, in seconds."""
        ...

    def keep_envelope(self, signer: bytes, policy_id: bytes, body: bytes) -> None:
        """Remember the newest envelope by a signer."""
        ...

    def raise_mark(self, key: MarkKey, mark: Mark) -> None:
        """Write the higher of this mark and the one that is there."""
        ...

    def enrol(self, fingerprint: bytes, viewer: str | None) -> None:
        """Remember whose key this is; None forgets it."""
        ...

    def set_reported(self, device: bytes, count: int) -> None:
        """Remember how many events a device has reported."""
        ...


class State(Protocol):
    """Where an authority remembers."""

    def reading(self) -> AbstractContextManager[View]:
        """Give one state of everything."""
        ...

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Give what can be written; nobody else writes before it has ended."""
        ...


class Keys(Protocol):
    """What an authority signs and opens with. A KMS or an HSM implements it."""

    @property
    def signing(self) -> SigningKey:
        """The key whose fingerprint containers name."""
        ...

    def open(self, stanza: Stanza, bind: bytes) -> bytes:
        """Return the share in a stanza. Raises BadStanza, whatever the reason."""
        ...
