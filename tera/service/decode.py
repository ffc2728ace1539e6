"""Routes of what is inside: the manifest, and files with ranges.

The law of this file: route, check, one use case, shape. Content is a stranger's: it is never shown in a browser's
page, only saved. A password comes in a header, since addresses end in logs.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tera.errors import BadInput
from tera.library import find
from tera.library.asker import Said
from tera.library.decision import Wish
from tera.library.open import Opening, begin
from tera.policy.context import ACTIONS, Action
from tera.service.ranges import part_of, without_bytes
from tera.service.stream import sending
from tera.service.who import Who, library_of

router = APIRouter(prefix="/orgs/{org_id}")

PASSWORD: Final = 4_096
"""Bytes of a password."""
_MEDIA_TYPE: Final = re.compile(r"[a-zA-Z0-9!#$&^_.+-]{1,127}/[a-zA-Z0-9!#$&^_.+-]{1,127}(?:;[ -~]{1,200})?")
_SAFE: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "sandbox",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom, for what and with which password."""

    viewer: str | None
    said: Said | None
    action: Action
    fulfilled: frozenset[str]
    password: str | None

    def wish(self, path: str | None) -> Wish:
        return Wish(self.action if path is not None else "view", path, self.fulfilled, self.password)


def asked(
    request: Request,
    viewer: Annotated[str | None, Query(description="whom a delegating key acts for")] = None,
    action: Annotated[str, Query(description="view, extract, print or copy")] = "extract",
    fulfils: Annotated[str, Query(description="obligations that are fulfilled, with commas")] = "",
    tera_password: Annotated[str | None, Header(description="the password, in base64")] = None,
    tera_viewer_address: Annotated[str | None, Header(description="the viewer's network address")] = None,
) -> Asked:
    """Read what comes with every request for content. Raises BadInput."""
    if "password" in request.query_params:
        raise BadInput("a password is not sent in an address", hint="Tera-Password: the password in base64")
    if action not in ACTIONS:
        raise BadInput(f"action is one of {', '.join(ACTIONS)}")
    said = None
    if tera_viewer_address is not None:
        said = Said(tera_viewer_address, request.app.state.geo.place(tera_viewer_address))
    fulfilled = frozenset(one for one in fulfils.split(",") if one)
    return Asked(viewer, said, action, fulfilled, _password(tera_password))


How = Annotated[Asked, Depends(asked)]


@router.head("/containers/{container_id}/decode", include_in_schema=False)
@router.get("/containers/{container_id}/decode", response_class=JSONResponse)
async def decode(request: Request, who: Who, container_id: str, how: How) -> Response:
    """The manifest of a container, and its files."""

    def work() -> dict[str, Any]:
        library = library_of(request)
        with begin(library, who, container_id, how.wish(None), viewer=how.viewer, said=how.said) as opening:
            opening.enter(counts=False)
            return _manifest(opening)

    return JSONResponse(await run_in_threadpool(work), headers=_SAFE | {"Content-Disposition": "attachment"})


@router.head("/containers/{container_id}/decode/{file:path}", include_in_schema=False)
@router.get("/containers/{container_id}/decode/{file:path}", response_class=Response)
async def decode_file(request: Request, who: Who, container_id: str, file: str, how: How) -> Response:
    """A file of a container, with ranges."""
    opening = await run_in_threadpool(
        begin, library_of(request), who, container_id, how.wish(file), viewer=how.viewer, said=how.said
    )
    try:
        entry = opening.entry
        assert entry is not None
        part = part_of(request, entry.size, f'"{opening.row.sha256}.{entry.position}"', cached=False)
        headers = _SAFE | {"Content-Disposition": _attachment(entry.path)}
        media_type = _media_type(opening, entry.path)
        answer = without_bytes(request, part, headers | {"Content-Type": media_type})
        if part.status != 416:
            await run_in_threadpool(opening.enter, counts=answer is None)
        if answer is None:
            return sending(
                part, opening.pieces(part.start, part.stop), opening.close, headers=headers, media_type=media_type
            )
    except BaseException:
        opening.close()
        raise
    opening.close()
    return answer


def _manifest(opening: Opening) -> dict[str, Any]:
    """Return the manifest as it was sealed, and what there is; of the container only what names it."""
    shown = find.described(opening.row)
    names = ("id", "uuid", "org_id", "name", "container_name", "created_at", "created_date", "container_digest")
    types = {one["name"]: one.get("type") for one in opening.row.files}
    try:
        text = json.loads(opening.container.manifest or b"null")
    except ValueError:  # sealed elsewhere
        text = None
    return {
        "org_id": opening.row.org_id,
        "container": {name: shown[name] for name in names},
        "manifest": text,
        "files": [
            {"name": entry.path, "type": types.get(entry.path), "size": entry.size}
            for entry in opening.container.entries
            if not entry.is_dir
        ],
        "obligations": {one.id: dict(one.args) for one in opening.decision.obligations},
    }


def _media_type(opening: Opening, path: str) -> str:
    """Return a file's type as its sender stated it, where that has the form of one."""
    stated = next((one.get("type") for one in opening.row.files if one["name"] == path), None)
    return stated if isinstance(stated, str) and _MEDIA_TYPE.fullmatch(stated) else "application/octet-stream"


def _attachment(path: str) -> str:
    """Return Content-Disposition for a file's name: RFC 6266, for old readers in ASCII besides."""
    name = path.rpartition("/")[2]
    plain = re.sub(r'[^ !#-\[\]-~]|["\\]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _password(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        found = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        found = ""
    if not 1 <= len(found.encode()) <= PASSWORD:
        raise BadInput("Tera-Password is not a password in base64")
    return found
