"""Tags and the name of a container, as the library has them; and who changed the tags.

The law of this file: these are the catalog's, seeded from the manifest or the upload; what was sealed into the
container never changes. A change of tags is on record whole: in as many events as it takes, one after another, since
an event has its bounds.

    {old: [...], new: [...], part, of}        extra values of each of `of` events
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tera.audit.events import MAX_EXTRA
from tera.catalog import containers, tally
from tera.catalog.containers import DELETED, Row
from tera.catalog.engine import Connection
from tera.codec.header import sorted_tags
from tera.errors import BadInput, NoSuchThing
from tera.library import events
from tera.library.events import Found, Wanted, record
from tera.library.find import found
from tera.library.library import Library, Principal

NAME: Final = 1_024
"""Characters of a name."""
_ROOM: Final = MAX_EXTRA - 512
"""Bytes for the tags in one event; the rest is for who, how, and from where."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of tags, as the log has it; `index` is that of its last event."""

    index: int
    last: Found
    old: tuple[str, ...]
    new: tuple[str, ...]


def change(
    library: Library,
    principal: Principal,
    container_id: str,
    *,
    name: str | None = None,
    tags: Iterable[str] | None = None,
) -> Row:
    """Give a container another name, or other tags; what is None stays. Raises Forbidden, NoSuchThing, BadInput."""
    principal.need("write")
    wanted_name = None if name is None else read_name(name)
    wanted_tags = None if tags is None else read_tags(tags)
    row = found(library, principal.org.id, container_id)
    with library.catalog.writing(principal.org.id) as db:
        now = containers.get(db, principal.org.id, row.id)
        if now is None or now.status == DELETED:
            raise NoSuchThing("there is no such container")
        if wanted_name is not None and wanted_name != now.name:
            now = containers.change(db, now, name=wanted_name)
            record(library, db, principal, "rename", row=now)
        if wanted_tags is not None and wanted_tags != now.tags:
            old = now.tags
            now = containers.change(db, now, tags=wanted_tags)
            _record(library, db, principal, now, old)
    return now


def audit(
    library: Library, principal: Principal, row: Row, *, after: int = -1, limit: int = events.PAGE
) -> list[Change]:
    """Return the next changes of a container's tags, behind the event with the number `after`. Raises Forbidden."""
    changes: list[Change] = []
    for parts in _changes(library, principal, row, after):
        changes.append(
            Change(
                parts[-1].index,
                parts[-1],
                tuple(tag for part in parts for tag in part.event.extra["old"]),
                tuple(tag for part in parts for tag in part.event.extra["new"]),
            )
        )
        if len(changes) == limit:
            break
    return changes


def of_org(
    library: Library, principal: Principal, *, after: str | None = None, limit: int = 1_000
) -> list[tuple[str, int]]:
    """Return the tags of the organisation's containers behind `after`, and how many have each. Raises Forbidden."""
    principal.need("read")
    with library.catalog.reading() as db:
        return [(one.name, one.count) for one in tally.tags(db, principal.org.id, after=after, limit=limit)]


def described(change: Change) -> dict[str, Any]:
    """Return a change as the API shows it."""
    event = change.last.event
    return {
        "timestamp": events.timestamp(event),
        "old_tags": list(change.old),
        "new_tags": list(change.new),
        "user": event.viewer,
        "ip": event.extra.get("ip"),
    }


def read_name(name: object) -> str:
    """Return a container's name. Raises BadInput."""
    if not isinstance(name, str) or not 1 <= len(name) <= NAME or not name.isprintable():
        raise BadInput(f"name is not 1 to {NAME:,} printable characters")
    return name


def read_tags(tags: object) -> tuple[str, ...]:
    """Return tags, sorted, each once. Raises BadInput."""
    if isinstance(tags, str) or not isinstance(tags, Iterable):
        raise BadInput("tags is not a list of texts")
    found = list(tags)
    if not all(isinstance(tag, str) and tag.isprintable() for tag in found):
        raise BadInput("tags is not a list of texts of printable characters")
    return sorted_tags(found)


# --- events -------------------------------------------------------------------------------------------------


def _record(library: Library, db: Connection, principal: Principal, row: Row, old: tuple[str, ...]) -> None:
    parts = _split(old, row.tags)
    for number, (before, after) in enumerate(parts):
        extra = {"old": before, "new": after, "part": number, "of": len(parts)}
        record(library, db, principal, "tags", row=row, extra=extra)


def _split(old: tuple[str, ...], new: tuple[str, ...]) -> list[tuple[list[str], list[str]]]:
    """Return both lists in as many pieces as events take."""
    pieces: list[tuple[list[str], list[str]]] = [([], [])]
    room = _ROOM
    for side, tags in enumerate((old, new)):
        for tag in tags:
            size = len(tag.encode()) + 3
            if size > room:
                pieces.append(([], []))
                room = _ROOM
            pieces[-1][side].append(tag)
            room -= size
    return pieces


def _changes(library: Library, principal: Principal, row: Row, after: int) -> Iterator[list[Found]]:
    """Yield the events of each change; of one whose first events were erased, nothing."""
    parts: list[Found] = []
    wanted = Wanted(kinds=("tags",), row=row)
    while page := events.page(library, principal, wanted, after=after):
        for one in page:
            if one.event.extra["part"] != len(parts):
                parts = []
            if one.event.extra["part"] == len(parts):
                parts.append(one)
                if len(parts) == one.event.extra["of"]:
                    yield parts
                    parts = []
        after = page[-1].index
