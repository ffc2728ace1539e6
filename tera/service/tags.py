"""Routes of tags: a container's, who changed them, and the organisation's.

The law of this file: route, check, one use case, shape.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tera.errors import BadInput
from tera.library import find, tags
from tera.library.cursors import Place
from tera.policy.document import check_plain, parse_json
from tera.service.documents import read_body
from tera.service.lists import Paged, Rows, listed
from tera.service.who import Who, library_of

router = APIRouter(prefix="/orgs/{org_id}")


@router.get("/containers/{container_id}/tags")
async def get_tags(request: Request, who: Who, container_id: str) -> list[str]:
    """A container's tags, as the library has them."""
    return list((await run_in_threadpool(find.get, library_of(request), who, container_id)).tags)


@router.put("/containers/{container_id}/tags")
async def put_tags(request: Request, who: Who, container_id: str) -> list[str]:
    """Put other tags in their place: an array of texts, or an object with `tags`."""
    asked = _tags(await read_body(request))
    library = library_of(request)
    row = await run_in_threadpool(lambda: tags.change(library, who, container_id, tags=tags.read_tags(asked)))
    return list(row.tags)


@router.get("/containers/{container_id}/tags_audit")
async def tags_audit(request: Request, who: Who, container_id: str, paged: Paged) -> Response:
    """Who changed a container's tags, when, from what to what; the oldest change first."""
    library = library_of(request)

    def fetch(after: Place | None, limit: int) -> Rows:
        row = find.get(library, who, container_id)
        changes = tags.audit(library, who, row, after=-1 if after is None else int(after), limit=limit)
        return [(one.index, tags.described(one)) for one in changes]

    return await listed(request, who, paged, fetch)


@router.get("/tags")
async def all_tags(request: Request, who: Who, paged: Paged) -> Response:
    """The tags of the organisation's containers, and how many have each."""
    library = library_of(request)

    def fetch(after: Place | None, limit: int) -> Rows:
        found = tags.of_org(library, who, after=None if after is None else str(after), limit=limit)
        return [(tag, {"tag": tag, "containers": count}) for tag, count in found]

    return await listed(request, who, paged, fetch)


def _tags(body: bytes) -> Any:
    try:
        found = parse_json(body)
        check_plain(found, "tags")
    except BadInput as error:
        raise BadInput(str(error).replace("the manifest", "the body").replace("the rule tags", "tags")) from None
    if isinstance(found, dict):
        if found.keys() != {"tags"}:
            raise BadInput("expected an array of texts, or an object with tags")
        found = found["tags"]
    if not isinstance(found, list):
        raise BadInput("tags is not a list of texts")
    return found
