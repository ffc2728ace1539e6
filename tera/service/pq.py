"""Routes of the organisation's public keys.

The law of this file: route, check, one use case, shape. `prv` is null: no secret key leaves the key store.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tera.library import pq
from tera.library.once import Done, once
from tera.service.idempotency import Once, answer, fingerprint
from tera.service.who import Who, library_of

router = APIRouter(prefix="/orgs/{org_id}/pq_keys")


@router.get("")
async def pq_keys(request: Request, who: Who) -> list[dict[str, Any]]:
    """The public keys: those that containers are sealed to, the newest first, and the one that signs."""
    return await run_in_threadpool(pq.listed, library_of(request), who)


@router.post("/rotate")
async def rotate(request: Request, who: Who, scope: Once) -> Response:
    """Make a new key to seal to; the old ones still open."""
    library = library_of(request)

    def do() -> tuple[Any, bytes]:
        return pq.rotate(library, who), fingerprint()

    def work() -> Done:
        return once(library, who, scope, do=do, read=fingerprint)

    return answer(await run_in_threadpool(work))
