"""Routes of a container's rules: `drm_rules`, and `drm`, the same with whether they can change.

The law of this file: every answer says which version of the rules it is about (`ETag`); a change that names another
(`If-Match`) is refused, one that names none is made.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from tera.catalog.containers import Row
from tera.errors import BadInput
from tera.library import find, rules
from tera.library.rules import Versions
from tera.service.documents import read_body
from tera.service.who import Who, library_of

router = APIRouter(prefix="/orgs/{org_id}/containers/{container_id}")

IfMatch = Annotated[str | None, Header(alias="If-Match", description="The version that is to be changed")]

_TAGS: Final = re.compile(r'\s*(?:W/)?"[^"]*"\s*(?:,\s*(?:W/)?"[^"]*"\s*)*')
_TAG: Final = re.compile(r'(W/)?"([^"]*)"')


@router.get("/drm_rules")
async def drm_rules(request: Request, who: Who, container_id: str) -> JSONResponse:
    """The rules in force."""
    row = await run_in_threadpool(find.get, library_of(request), who, container_id)
    return _answer(row, row.drm)


@router.delete("/drm_rules")
async def delete_drm_rules(request: Request, who: Who, container_id: str, if_match: IfMatch = None) -> JSONResponse:
    """Take the rules away: from now on only the owner opens."""
    versions = versions_of(if_match)
    row = await run_in_threadpool(lambda: rules.remove(library_of(request), who, container_id, versions=versions))
    return _answer(row, {"message": "DRM rules deleted successfully: only the owner can open the container"})


@router.get("/drm")
async def drm(request: Request, who: Who, container_id: str) -> JSONResponse:
    """The rules in force, and whether they can change."""
    row = await run_in_threadpool(find.get, library_of(request), who, container_id)
    return _answer(row, rules.described(row))


@router.put("/drm")
async def put_drm(request: Request, who: Who, container_id: str, if_match: IfMatch = None) -> JSONResponse:
    """Put other rules in their place: the object that a manifest has under `drm`."""
    body, versions = await read_body(request), versions_of(if_match)
    row = await run_in_threadpool(
        lambda: rules.replace(library_of(request), who, container_id, body, versions=versions)
    )
    return _answer(row, rules.described(row))


@router.patch("/drm")
async def patch_drm(request: Request, who: Who, container_id: str, if_match: IfMatch = None) -> JSONResponse:
    """Change the rules by a JSON Merge Patch (RFC 7396)."""
    body, versions = await read_body(request), versions_of(if_match)
    row = await run_in_threadpool(lambda: rules.merge(library_of(request), who, container_id, body, versions=versions))
    return _answer(row, rules.described(row))


def versions_of(header: str | None) -> Versions:
    """Return the versions that an If-Match header names; None for any. Raises BadInput.

    A weak tag is never equal to anything here (RFC 9110, section 13.1.1), and neither is one that was not given.
    """
    if header is None or header.strip() == "*":
        return None
    if not _TAGS.fullmatch(header):
        raise BadInput('If-Match is not *, or ETags in quotes, such as "1"')
    return frozenset(
        int(text) for weak, text in _TAG.findall(header) if not weak and text.isascii() and text[:18].isdigit()
    )


def _answer(row: Row, body: Any) -> JSONResponse:
    return JSONResponse(body, headers={"ETag": f'"{row.version}"'})
