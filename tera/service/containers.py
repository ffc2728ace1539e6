"""Routes of containers: one, all, by digest; sealed here, uploaded, blocked, deleted.

The law of this file: route, check, one use case, shape.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from tera.catalog.containers import Filter
from tera.library import block, find, seal
from tera.service.body import with_body
from tera.service.forms import boundary_of, read_form
from tera.service.who import Who, library_of

router = APIRouter(prefix="/orgs/{org_id}")


@router.get("/containers")
async def containers(
    request: Request, who: Who, tag: str | None = None, name: str | None = None, status: str | None = None
) -> Response:
    """All containers of the organisation, the oldest first."""
    library = library_of(request)
    wanted = Filter(tag=tag, name_prefix=name, status=status)
    who.need("read")

    def lines() -> Iterator[str]:
        yield "["
        for number, row in enumerate(find.every(library, who, wanted)):
            yield ("," if number else "") + json.dumps(find.described(row))
        yield "]"

    return StreamingResponse(lines(), media_type="application/json")


@router.get("/container_by_digest")
async def container_by_digest(request: Request, who: Who, digest: str) -> dict[str, Any]:
    """The container with this digest."""
    return find.described(await run_in_threadpool(find.by_digest, library_of(request), who, digest))


@router.post("/containers/encode")
async def encode(request: Request, who: Who) -> dict[str, Any]:
    """Seal files under a manifest: multipart/form-data, the manifest first."""
    library, boundary = library_of(request), boundary_of(request.headers.get("content-type"))
    who.need("write")

    def work(body: Iterator[bytes]) -> seal.Made:
        form = read_form(body, boundary)
        return seal.encode(library, who, form.manifest, form.parts)

    made = await with_body(request, work, longest=request.app.state.longest)
    return {"org_id": who.org.id, "container": find.described(made.row), "files": list(made.files)}


@router.get("/containers/{container_id}")
async def container(request: Request, who: Who, container_id: str) -> dict[str, Any]:
    """One container."""
    return find.described(await run_in_threadpool(find.get, library_of(request), who, container_id))


@router.delete("/containers/{container_id}", status_code=204)
async def delete(request: Request, who: Who, container_id: str) -> None:
    """Remove its bytes; its key is never released again."""
    await run_in_threadpool(block.delete, library_of(request), who, container_id)


@router.put("/containers/{container_id}/block")
async def put_block(request: Request, who: Who, container_id: str) -> dict[str, str]:
    """Refuse every open from now on."""
    await run_in_threadpool(block.block, library_of(request), who, container_id)
    return {"message": "Container access blocked successfully"}


@router.delete("/containers/{container_id}/block")
async def delete_block(request: Request, who: Who, container_id: str) -> dict[str, str]:
    """Allow opens again."""
    await run_in_threadpool(block.unblock, library_of(request), who, container_id)
    return {"message": "Container access unblocked successfully"}
