"""The signed head of an organisation's log, what proves an event or a longer log, and what is erased after its time.

The law of this file: whoever keeps a checkpoint and the log's public keys needs to believe nothing that is said
here. Proofs are of the one form of `tera.audit.proof`; the leaf is a salt and the event.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final

from tera.audit import note
from tera.audit.checkpoint import Checkpoint, parse_text
from tera.audit.log import CHECKPOINT_EVERY
from tera.audit.proof import LogProof, prove
from tera.catalog.containers import Row
from tera.catalog.log import OrgLog
from tera.errors import BadInput, NoSuchEvent
from tera.library import events
from tera.library.events import ATTEMPTS, Wanted, record
from tera.library.library import Library, Principal

LARGEST: Final = 2**63 - 1
COPIES: Final = 100
"""Of the newest attempts, how many are looked at for one that is on no other copy of the container."""


@dataclass(frozen=True, slots=True)
class Head:
    """A signed checkpoint, and the public keys that it verifies with."""

    note: bytes
    keys: tuple[str, ...]

    @property
    def checkpoint(self) -> Checkpoint:
        """What it says."""
        return parse_text(note.parse(self.note).text)


def head(library: Library, principal: Principal, *, every: int = CHECKPOINT_EVERY) -> Head:
    """Return the newest checkpoint; a new one if the log has grown and `every` ms have passed. Raises Forbidden."""
    principal.need("read")
    authority = library.authority(principal.org.id)
    return Head(authority.checkpoint(every=every), tuple(str(one) for one in authority.verifiers))


def consistency(library: Library, principal: Principal, old: int) -> tuple[Head, list[bytes]]:
    """Return the newest checkpoint, and the proof that the log begins with its first `old` events.

    Raises Forbidden, and BadInput for more events than the checkpoint speaks of.
    """
    newest = head(library, principal)
    size = newest.checkpoint.size
    if not 0 <= old <= size:
        raise BadInput(f"from is not a number of events up to {size:,}")
    with library.catalog.reading() as db:
        return newest, OrgLog(db, principal.org.id).consistency(old, size)


def prove_attempt(library: Library, principal: Principal, row: Row, index: int | None) -> tuple[Head, LogProof]:
    """Return the proof that an attempt to open this container is in the log; the newest one if `index` is None.

    Raises Forbidden, and NoSuchEvent for what is no attempt on this container, or was erased.
    """
    principal.need("read")
    with library.catalog.reading() as db:
        index = _index(OrgLog(db, principal.org.id), row, index)
    newest = head(library, principal)
    if index >= newest.checkpoint.size:
        newest = head(library, principal, every=0)
    with library.catalog.reading() as db:
        return newest, prove(OrgLog(db, principal.org.id), index, newest.note)


def erase(library: Library, principal: Principal, before: int) -> int:
    """Erase what the events before `before` (milliseconds) say, and their salts; return how many they were.

    Their hashes stay, and with them every checkpoint and every proof of another event. Raises Forbidden.
    """
    principal.need("admin")
    head(library, principal, every=0)  # what is erased has been vouched for
    with library.catalog.writing(principal.org.id) as db:
        count = OrgLog(db, principal.org.id, library.random).erase(before)
        if count:
            record(library, db, principal, "erase", extra={"before": before, "count": count})
    return count


def described(newest: Head) -> dict[str, Any]:
    """Return a checkpoint as the API shows it."""
    found = newest.checkpoint
    return {
        "origin": found.origin,
        "size": found.size,
        "root": encoded(found.root),
        "checkpoint": newest.note.decode(),
        "keys": list(newest.keys),
    }


def encoded(data: bytes) -> str:
    """Return bytes as the log's texts write them."""
    return base64.b64encode(data).decode()


def _index(log: OrgLog, row: Row, index: int | None) -> int:
    wanted = Wanted(kinds=ATTEMPTS, row=row)
    if index is None:
        entries = log.find(wanted.query, limit=COPIES, newest=True)
    else:
        entries = log.find(wanted.query, start=min(index, LARGEST), limit=1)
    for entry in entries:
        if index in (None, entry.index) and wanted.takes(events.parsed(entry)):
            return entry.index
    raise NoSuchEvent("the log has no such attempt on this container")
