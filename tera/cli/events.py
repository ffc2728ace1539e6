"""Events of a log, found and shown: for the people who keep it.

The law of this file: a log is opened to be read only. What it says is shown as it stands, and is a claim until
`tera audit verify` has passed.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tera.cli import show
from tera.cli.outputs import write, write_json
from tera.errors import BadInput

if TYPE_CHECKING:
    from tera.audit.events import Event
    from tera.audit.log import Query
    from tera.state.logdb import SqliteLog

CONTAINER = click.option("--container", metavar="FILE|ID", help="Of this container: a file, its id, or its H_bind.")
VIEWER = click.option("--viewer", metavar="ADDRESS", help="Of this viewer only.")
LIMIT = click.option(
    "--limit", metavar="N", type=click.IntRange(1, 1_000_000), default=1_000, help="The newest N. Default: 1000."
)
DATA = click.option("--data", metavar="DIR", required=True, help="The authority's folder.")


@contextmanager
def log_at(path: str) -> Iterator[tuple[SqliteLog, bool]]:
    """Give the log of an authority's folder or of a database; and whether it is an authority's, not a reader's."""
    from tera.authority.folder import database
    from tera.authority.sqlite import APPLICATION as AUTHORITY
    from tera.state.logfile import open_log
    from tera.state.readerdb import APPLICATION as READER

    with open_log(database(path), (AUTHORITY, READER)) as (found, log):
        yield log, found == AUTHORITY


def query(container: str | None, viewer: str | None, **others: Any) -> Query:
    """Return which events are meant. Raises BadInput, and what reading a container does."""
    from tera.audit.log import Query
    from tera.policy.people import read_viewer

    if container is not None:
        others |= _container(container)
    return Query(viewer=None if viewer is None else read_viewer(viewer), **others)


def found_in(log: SqliteLog, meant: Query, limit: int) -> list[tuple[int, Event]]:
    """Return the newest events that are meant, oldest first. Raises BadLog for what is none."""
    from tera.audit.events import parse_event
    from tera.errors import BadEvent, BadLog, NotCanonical

    found = []
    for one in reversed(log.find(meant, limit=limit, newest=True)):
        try:
            found.append((one.index, parse_event(one.data)))
        except (BadEvent, NotCanonical) as error:
            raise BadLog(f"event {one.index:,} is none: {error}") from None
    return found


def moment_option(text: str | None, name: str) -> int | None:
    """Return a time in milliseconds since 1970 UTC. Raises UsageError for what has no zone."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise click.UsageError(f"{name}: a time with its zone is expected, such as 2031-01-01T00:00:00Z")
    return int(found.timestamp() * 1_000)


def print_table(
    rows: Sequence[dict[str, Any]], titles: Sequence[str], cell: Callable[[Any], str], *, as_json: bool
) -> None:
    """Print rows in columns that fit, or all that is in them as JSON."""
    if as_json:
        write_json(list(rows))
        return
    lines = [list(titles), *([show.safe(cell(row.get(title))) for title in titles] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(titles))]
    for line in lines if rows else ():
        write("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def plain(value: Any) -> str:
    """Return a cell's text; of a long name the first 16 digits, as elsewhere. JSON has them all."""
    match value:
        case None:
            return "-"
        case bytes():
            return value.hex()[:16]
        case dict():
            return show.one_line(value)
    return str(value)


def time_of(event: Event) -> str:
    """Return when it was, in RFC 3339, to the millisecond."""
    seconds = show.moment(event.time // 1_000)
    return f"{seconds.removesuffix('Z')}.{event.time % 1_000:03d}Z" if seconds.endswith("Z") else seconds


def _container(text: str) -> dict[str, bytes]:
    if not os.path.lexists(text):
        if len(text) == 64 and not text.strip("0123456789abcdef"):
            return {"bind": bytes.fromhex(text)}
        try:
            return {"container": uuid.UUID(text).bytes}
        except ValueError:
            raise BadInput(f"{text}: there is no such file, and it is no id of a container") from None
    from tera.codec.source import as_source, read_front

    source, close = as_source(text)
    try:
        return {"bind": read_front(source).bind}
    finally:
        close()
