"""Lists over HTTP: complete and streamed, or in pages.

    (nothing)           the whole array, read by keyset while it is sent
    ?limit=             1 to 1,000 rows; `Link: <...>; rel="next"` while there may be more, `Cursor` always: where a
                        client that polls goes on
    ?page=              the same, counted from 1, of `limit` or 100 rows each, down to 10,000 rows

The law of this file: it knows rows by their place, and nothing of what they are. Whatever its length, one page of a
list is in memory. What is wrong with a request is found with its first page, before anything is sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from tera.errors import BadInput
from tera.library.cursors import Place, cursor_key, read_cursor, write_cursor
from tera.library.library import Principal
from tera.service.who import library_of

LONGEST: Final = 1_000
PAGE: Final = 100
DEEPEST: Final = 10_000
"""Rows that pages by number reach."""

Rows: TypeAlias = "list[tuple[Place, dict[str, Any]]]"
Fetch: TypeAlias = Callable[["Place | None", int], Rows]
"""Returns the next rows behind a place (None: from the start), each with its own; fewer than asked for at the end."""


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a list is asked for."""

    limit: int | None
    page: int | None
    cursor: str | None


def paging(
    limit: Annotated[int | None, Query(ge=1, le=LONGEST, description="Rows of a page")] = None,
    page: Annotated[int | None, Query(ge=1, description="Which page, from 1")] = None,
    cursor: Annotated[str | None, Query(max_length=2_048, description="From a Link or Cursor header")] = None,
) -> Paging:
    """Return what the query says of it."""
    return Paging(limit, page, cursor)


Paged = Annotated[Paging, Depends(paging)]
"""What a list's handler asks for."""


async def listed(request: Request, who: Principal, asked: Paging, fetch: Fetch) -> Response:
    """Answer with a list, or the part of it that is asked for. Raises BadInput, and what `fetch` does."""
    if asked.limit is None and asked.page is None and asked.cursor is None:
        first = await run_in_threadpool(fetch, None, LONGEST)
        return StreamingResponse(_everything(first, fetch), media_type="application/json")
    return await run_in_threadpool(_part, request, who, asked, fetch)


def _everything(rows: Rows, fetch: Fetch) -> Iterator[str]:
    lead = "["
    while rows:
        yield lead + ",".join(json.dumps(row) for _, row in rows)
        lead = ","
        rows = fetch(rows[-1][0], LONGEST) if len(rows) >= LONGEST else []
    yield "]" if lead == "," else "[]"


def _part(request: Request, who: Principal, asked: Paging, fetch: Fetch) -> Response:
    size = asked.limit or PAGE
    after: Place | None = None
    key, of = cursor_key(library_of(request)), _list_of(request, who)
    if asked.page is not None:
        if asked.cursor is not None:
            raise BadInput("page and cursor are two ways to say where: one of them")
        skip = (asked.page - 1) * size
        if skip + size > DEEPEST:
            raise BadInput(f"page reaches down to {DEEPEST:,} rows", hint="go on with limit and cursor")
        reached, after = _skip(fetch, skip)
        if not reached:
            return _answer([])
    elif asked.cursor is not None:
        after = read_cursor(key, of, asked.cursor)
    rows = fetch(after, size)
    last = rows[-1][0] if rows else after
    response = _answer([row for _, row in rows])
    if last is not None:
        response.headers["Cursor"] = write_cursor(key, of, last)
    if len(rows) == size and last is not None:
        response.headers["Link"] = f'<{_next(request, size, write_cursor(key, of, last))}>; rel="next"'
    return response


def _skip(fetch: Fetch, count: int) -> tuple[bool, Place | None]:
    """Return whether there may be rows behind the first `count`, and the place of the last of those."""
    after: Place | None = None
    while count:
        rows = fetch(after, min(count, LONGEST))
        if len(rows) < min(count, LONGEST):
            return False, None
        after, count = rows[-1][0], count - len(rows)
    return True, after


def _answer(rows: list[dict[str, Any]]) -> Response:
    return Response(json.dumps(rows), media_type="application/json")


def _list_of(request: Request, who: Principal) -> str:
    """Return what a cursor is good for: the organisation, the path below it, and the filters."""
    path = request.scope["path"].split("/", 3)[-1]
    filters = sorted(item for item in request.query_params.multi_items() if item[0] not in ("limit", "page", "cursor"))
    return json.dumps([who.org.id, path, filters])


def _next(request: Request, size: int, cursor: str) -> str:
    """Return the address of the next page: the path as it was asked for, since an older form may have been."""
    filters = [item for item in request.query_params.multi_items() if item[0] not in ("limit", "page", "cursor")]
    raw = request.scope.get("raw_path") or request.scope["path"].encode()
    path = raw.decode("ascii", "replace").partition("?")[0]
    return f"{path}?{urlencode([*filters, ('limit', str(size)), ('cursor', cursor)])}"
