"""Routes of the organisation's log: its signed head, and the proof that it only grew.

The law of this file: route, check, one use case, shape.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from tera.library import proofs
from tera.service.who import Who, library_of

router = APIRouter(prefix="/orgs/{org_id}/log")


@router.get("/checkpoint")
async def checkpoint(request: Request, who: Who) -> dict[str, Any]:
    """The signed head, of a second ago at most, and the keys that it verifies with."""
    return proofs.described(await run_in_threadpool(proofs.head, library_of(request), who))


@router.get("/consistency")
async def consistency(
    request: Request,
    who: Who,
    old: Annotated[int, Query(alias="from", ge=0, description="How many events an older checkpoint speaks of")],
) -> dict[str, Any]:
    """The proof that the log begins with what it was then."""
    head, hashes = await run_in_threadpool(proofs.consistency, library_of(request), who, old)
    return {**proofs.described(head), "from": old, "hashes": [proofs.encoded(one) for one in hashes]}
