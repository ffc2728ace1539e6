"""Lists of a library service, page by page, in constant memory.

The law of this file: of the address of the next page, its cursor is taken and nothing else: where to ask, and with
which filters, is known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from tera.client.stored import parse_rows
from tera.client.transport import Transport

PAGE: Final = 500


def every(line: Transport, path: Sequence[str], query: Sequence[tuple[str, str]] = ()) -> Iterator[dict[str, Any]]:
    """Yield the rows of a list, the next page when it is needed. Raises what the service refuses."""
    cursor: str | None = None
    while True:
        asked = [*query, ("limit", str(PAGE)), *([("cursor", cursor)] if cursor is not None else [])]
        value, answer = line.document("GET", path, query=asked)
        yield from parse_rows(value)
        following = next_cursor(answer.header("Link"))
        if following is None or following == cursor:
            return
        cursor = following


def next_cursor(link: str | None) -> str | None:
    """Return the cursor of a Link header's next page; None where there is none."""
    for part in (link or "").split(","):
        address, _, relation = part.partition(">")
        if 'rel="next"' in relation and address.strip().startswith("<"):
            try:
                found = parse_qsl(urlsplit(address.strip()[1:]).query)
            except ValueError:
                return None
            return dict(found).get("cursor")
    return None
