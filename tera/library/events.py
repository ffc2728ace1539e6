"""The organisation's one log, written and read: what happened, to which container, by whom, from where.

The law of this file: every list is a question to the log, oldest first, by number; it says what the log says, and
what was erased is not there. What an event is about is found by H_bind, since a container's id is only a name that
somebody chose; events of the catalog name their row besides, and those of another copy are left out.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from tera.audit.events import Event, parse_event
from tera.audit.log import Entry, Query
from tera.catalog import tally
from tera.catalog.containers import Row
from tera.catalog.engine import Connection
from tera.catalog.log import OrgLog
from tera.errors import BadInput
from tera.library.drm import moment, plain
from tera.library.library import Library, Principal

PAGE: Final = 1_000

DENIED: Final = ("denied", "deny")
OPENED: Final = ("lease", "open", "release", "reported")
ATTEMPTS: Final = (*OPENED, *DENIED)
"""What is an attempt to open. What is read within a session, or of a manifest, is `read`."""
ACCESS: Final = ("read", *ATTEMPTS)

EXPIRED: Final = frozenset({"first_open_for", "lease_expired", "policy_expired", "time"})
"""Rules and reasons that deny because a time is over."""

VIEWS: Final[dict[str, tuple[str, ...]]] = {
    "access": ("read", *OPENED),
    "block": ("block", "unblock"),
    "create": ("create",),
    "expire": DENIED,
    "fail": DENIED,
}
"""The published views of a container's events, by kinds."""


@dataclass(frozen=True, slots=True)
class Found:
    """An event and its number."""

    index: int
    event: Event


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are meant; `since <= time < until`, in milliseconds. `rules`: those that one of them decided."""

    kinds: tuple[str, ...] = ()
    row: Row | None = None
    viewer: str | None = None
    since: int | None = None
    until: int | None = None
    rules: frozenset[str] | None = None

    @property
    def query(self) -> Query:
        """The part that the log answers by itself."""
        bind = None if self.row is None else self.row.bind
        return Query(kinds=self.kinds, bind=bind, viewer=self.viewer, since=self.since, until=self.until)

    def takes(self, event: Event) -> bool:
        """Say whether an event that the log has found is meant."""
        if self.rules is not None and event.rule not in self.rules:
            return False
        return self.row is None or event.extra.get("uuid", self.row.id) == self.row.id


def record(
    library: Library,
    db: Connection,
    principal: Principal,
    kind: str,
    *,
    row: Row | None = None,
    subject: bytes | None = None,
    extra: dict[str, Any] | None = None,
) -> None:
    """Append an event, with who did it, by which key and from where."""
    known = {"ip": principal.ip, "key": principal.key.id, "uuid": None if row is None else row.id}
    event = library.event(
        kind,
        container=None if row is None else row.core_id,
        bind=None if row is None else row.bind,
        subject=subject,
        viewer=principal.address,
        extra={name: value for name, value in known.items() if value is not None} | (extra or {}),
    )
    OrgLog(db, principal.org.id, library.random).append(event.pack())


def view(name: str, wanted: Wanted) -> Wanted:
    """Return what is wanted, within one of the published views. Raises BadInput for another name."""
    if name not in VIEWS:
        raise BadInput(f"events are listed by {', '.join(sorted(VIEWS))}")
    return replace(wanted, kinds=VIEWS[name], rules=EXPIRED if name == "expire" else wanted.rules)


def page(library: Library, principal: Principal, wanted: Wanted, *, after: int = -1, limit: int = PAGE) -> list[Found]:
    """Return the next events that are meant behind the one with the number `after`. Raises Forbidden."""
    principal.need("read")
    found: list[Found] = []
    with library.catalog.reading() as db:
        log = OrgLog(db, principal.org.id)
        size = limit if wanted.rules is None else PAGE
        while len(found) < limit:
            entries = log.find(wanted.query, start=after + 1, limit=size)
            for entry in entries:
                event = parsed(entry)
                if wanted.takes(event):
                    found.append(Found(entry.index, event))
            if len(entries) < size:
                break
            after = entries[-1].index
    return found[:limit]


def every(library: Library, principal: Principal, wanted: Wanted) -> Iterator[Found]:
    """Yield all of them, page by page. Raises Forbidden."""
    after = -1
    while found := page(library, principal, wanted, after=after):
        yield from found
        after = found[-1].index


def attempts(
    library: Library, principal: Principal, row: Row, *, after: str | None = None, limit: int = PAGE
) -> list[tuple[str, int]]:
    """Return who tried to open a container and how often, behind the address `after`. Raises Forbidden.

    Who is not known has the address "". Copies of one container share their attempts.
    """
    principal.need("read")
    with library.catalog.reading() as db:
        found = tally.viewers(db, principal.org.id, ATTEMPTS, row.bind, after=after, limit=limit)
    return [(one.name, one.count) for one in found]


def stats(library: Library, principal: Principal) -> dict[str, Any]:
    """Return what there is of everything. Raises Forbidden."""
    principal.need("read")
    with library.catalog.reading() as db:
        statuses = {one.name: one.count for one in tally.statuses(db, principal.org.id)}
        kinds = {one.name: one.count for one in tally.kinds(db, principal.org.id)}
    return {
        "org_id": principal.org.id,
        "containers": sum(statuses.values()),
        "containers_active": statuses.get("ACTIVE", 0),
        "containers_blocked": statuses.get("BLOCKED", 0),
        "size": principal.org.used_bytes,
        "quota_bytes": principal.org.quota_bytes,
        "quota_containers": principal.org.quota_containers,
        "opens": sum(kinds.get(kind, 0) for kind in OPENED),
        "denied": sum(kinds.get(kind, 0) for kind in DENIED),
        "events": sum(kinds.values()),
        "events_by_kind": kinds,
    }


def parsed(entry: Entry) -> Event:
    """Return the event of an entry of the log."""
    return parse_event(entry.data)


# --- what is shown ----------------------------------------------------------------------------------------


def described(found: Found) -> dict[str, Any]:
    """Return an event as the API shows it; what only its kind has is under `details`."""
    event = found.event
    extra = {name: plain(value) for name, value in event.extra.items() if name not in ("ip", "uuid")}
    return {
        "index": found.index,
        "timestamp": timestamp(event),
        "event": event.kind,
        "container_id": container_of(event),
        "viewer_email": event.viewer,
        "ip": event.extra.get("ip"),
        "rule": event.rule,
        "details": extra | ({} if event.subject is None else {"subject": event.subject.hex()}),
    }


def attempt(found: Found) -> dict[str, Any]:
    """Return an attempt to open as the API shows it."""
    event = found.event
    return {
        "index": found.index,
        "timestamp": timestamp(event),
        "container_id": container_of(event),
        "viewer_email": event.viewer,
        "ip": event.extra.get("ip"),
        "geo": plain(event.extra.get("geo")),
        "action": event.extra.get("act"),
        "outcome": "denied" if event.kind in DENIED else "opened",
        "rule": event.rule,
    }


def timestamp(event: Event) -> str:
    """Return an event's time as RFC 3339 writes it, to the millisecond."""
    return f"{moment(event.time // 1_000)[:-1]}.{event.time % 1_000:03}Z"


def container_of(event: Event) -> str | None:
    """Return the id under which the library knows the container of an event, or else what the container says."""
    named = event.extra.get("uuid")
    if named is not None:
        return str(named)
    return None if event.container is None else str(uuid.UUID(bytes=event.container))
