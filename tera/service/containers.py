"""Routes of containers: one, all, by digest; sealed here, uploaded, renamed, blocked, deleted.

The law of this file: route, check, one use case, shape.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tera.errors import BadInput
from tera.library import block, find, seal
from tera.library import tags as tag_changes
from tera.library.cursors import Place
from tera.library.once import Done, once
from tera.service.body import with_body
from tera.service.documents import read_body, read_object
from tera.service.forms import boundary_of, read_form
from tera.service.idempotency import FormPrint, Once, answer, fingerprint, hashed
from tera.service.lists import Paged, Rows, listed
from tera.service.who import Who, library_of

router = APIRouter(prefix="/orgs/{org_id}")


@router.get("/containers")
async def containers(
    request: Request,
    who: Who,
    paged: Paged,
    tag: str | None = None,
    name: Annotated[str | None, Query(description="How its name begins")] = None,
    status: Annotated[str | None, Query(description="ACTIVE or BLOCKED")] = None,
    start: Annotated[str | None, Query(description="Made then or later")] = None,
    end: Annotated[str | None, Query(description="Made earlier")] = None,
) -> Response:
    """All containers of the organisation, the oldest first."""
    library = library_of(request)
    wanted = find.wanted(tag=tag, name=name, status=status, start=start, end=end)

    def fetch(after: Place | None, limit: int) -> Rows:
        rows = find.page(library, who, wanted, after=int(after or 0), limit=limit)
        return [(row.seq, find.described(row)) for row in rows]

    return await listed(request, who, paged, fetch)


@router.get("/container_by_digest")
async def container_by_digest(request: Request, who: Who, digest: str) -> dict[str, Any]:
    """The container with this digest."""
    return find.described(await run_in_threadpool(find.by_digest, library_of(request), who, digest))


@router.post("/containers/encode")
async def encode(request: Request, who: Who, scope: Once) -> Response:
    """Seal files under a manifest: multipart/form-data, the manifest first."""
    library, boundary = library_of(request), boundary_of(request.headers.get("content-type"))
    who.need("write")

    def work(body: Iterator[bytes]) -> Done:
        form = read_form(body, boundary)
        if scope is None:
            return Done(_made(seal.encode(library, who, form.manifest, form.parts)))
        known = FormPrint(form, who.address)

        def do() -> tuple[Any, bytes]:
            made = seal.encode(library, who, known.form.manifest, known.form.parts)
            return _made(made), known.digest()

        return once(library, who, scope, do=do, read=known.drain)

    return answer(await with_body(request, work, longest=request.app.state.longest))


@router.post("/containers")
async def upload(
    request: Request,
    who: Who,
    scope: Once,
    name: Annotated[str | None, Query(description="Else its own id")] = None,
    tag: Annotated[list[str] | None, Query(description="Once for each")] = None,
    named: Annotated[str | None, Header(alias="Tera-Name", description="The same, percent-encoded")] = None,
    tagged: Annotated[str | None, Header(alias="Tera-Tags", description="The same, separated by commas")] = None,
) -> Response:
    """Add a container that was sealed elsewhere: its bytes are the body. The service never sees its content."""
    library = library_of(request)
    who.need("write")
    called = _decoded(named) if name is None and named is not None else name
    tags = [_decoded(one.strip()) for one in (tagged or "").split(",") if one.strip()] + list(tag or [])
    if (request.headers.get("content-type") or "").partition(";")[0].strip().lower() == "multipart/form-data":
        raise BadInput("the body is a form, not a container", hint="files to be sealed go to /containers/encode")

    def work(body: Iterator[bytes]) -> Done:
        digest = hashlib.sha256()

        def do() -> tuple[Any, bytes]:
            content = body if scope is None else hashed(body, digest)
            row = seal.upload(library, who, content, name=called, tags=tags)
            return {"org_id": who.org.id, "container": find.described(row)}, known()

        def read() -> bytes:
            for _ in hashed(body, digest):
                pass
            return known()

        def known() -> bytes:
            return fingerprint(called, sorted(tags), digest.hexdigest())

        return once(library, who, scope, do=do, read=read)

    return answer(await with_body(request, work, longest=request.app.state.longest))


@router.get("/containers/{container_id}")
async def container(request: Request, who: Who, container_id: str) -> dict[str, Any]:
    """One container."""
    return find.described(await run_in_threadpool(find.get, library_of(request), who, container_id))


@router.patch("/containers/{container_id}")
async def change(request: Request, who: Who, container_id: str) -> dict[str, Any]:
    """Give it another `name`, or other `tags`, in the library; what is sealed stays."""
    asked = read_object(await read_body(request))
    unknown = asked.keys() - {"name", "container_name", "tags"}
    if unknown or not asked:
        raise BadInput("expected an object with name, tags, or both")
    if "name" in asked and "container_name" in asked:
        raise BadInput("name and container_name are the same: one of them")
    name = asked.get("name", asked.get("container_name"))
    library = library_of(request)

    def work() -> dict[str, Any]:
        wanted = None if name is None else tag_changes.read_name(name)
        row = tag_changes.change(library, who, container_id, name=wanted, tags=asked.get("tags"))
        return find.described(row)

    return await run_in_threadpool(work)


@router.delete("/containers/{container_id}", status_code=204)
async def delete(request: Request, who: Who, container_id: str) -> None:
    """Remove its bytes; its key is never released again."""
    await run_in_threadpool(block.delete, library_of(request), who, container_id)


@router.put("/containers/{container_id}/block")
async def put_block(
    request: Request, who: Who, container_id: str, reason: Annotated[str | None, Query()] = None
) -> dict[str, str]:
    """Refuse every open from now on. A `reason` is in the query, or in a JSON body."""
    asked = read_object(await read_body(request))
    given = asked.get("reason", reason)
    if asked.keys() - {"reason"} or not isinstance(given, str | None):
        raise BadInput("expected nothing, or an object with reason, a text")
    await run_in_threadpool(block.block, library_of(request), who, container_id, given)
    return {"message": "Container access blocked successfully"}


@router.delete("/containers/{container_id}/block")
async def delete_block(request: Request, who: Who, container_id: str) -> dict[str, str]:
    """Allow opens again."""
    await run_in_threadpool(block.unblock, library_of(request), who, container_id)
    return {"message": "Container access unblocked successfully"}


def _made(made: seal.Made) -> dict[str, Any]:
    return {"org_id": made.row.org_id, "container": find.described(made.row), "files": list(made.files)}


def _decoded(text: str) -> str:
    """Return what a header says percent-encoded: headers hold ASCII. Raises BadInput."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise BadInput("a header is not percent-encoded UTF-8") from None
