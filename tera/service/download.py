"""The route of a container's stored bytes.

The law of this file: route, check, one use case, shape. What it sends is ciphertext; the tag is the digest of its
bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tera.library import download as use
from tera.service.ranges import Part, part_of, without_bytes
from tera.service.stream import PIECE, sending
from tera.service.who import Who, library_of
from tera.storage.port import OpenBlob

router = APIRouter(prefix="/orgs/{org_id}")

MEDIA_TYPE = "application/vnd.tera"


@router.head("/containers/{container_id}/download", include_in_schema=False)
@router.get("/containers/{container_id}/download", response_class=Response)
async def download(request: Request, who: Who, container_id: str) -> Response:
    """The stored bytes of a container, with ranges."""
    library = library_of(request)
    row = await run_in_threadpool(use.find_stored, library, who, container_id)
    part = part_of(request, row.size, f'"sha256:{row.sha256}"')
    headers = {
        "Cache-Control": "private, no-cache",  # it may be blocked by then
        "Content-Disposition": f'attachment; filename="{row.id}.tera"',
        "X-Content-Type-Options": "nosniff",
    }
    if (answer := without_bytes(request, part, headers)) is not None:
        return answer
    blob = await run_in_threadpool(use.open_stored, library, who, row)
    return sending(part, _pieces(blob, part), blob.close, headers=headers, media_type=MEDIA_TYPE)


def _pieces(blob: OpenBlob, part: Part) -> Iterator[bytes]:
    for start in range(part.start, part.stop, PIECE):
        yield blob.read_at(start, min(PIECE, part.stop - start))
