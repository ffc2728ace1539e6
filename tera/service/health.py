"""Whether it lives, and whether it can work.

The law of this file: what is not ready says which part, in the words of its error, and nothing of where that part is.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from tera.service.who import library_of

router = APIRouter()


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(request: Request) -> dict[str, str]:
    """Catalog and store answer, and the catalog's tables are those that this program knows."""
    library = library_of(request)

    def check() -> None:
        library.catalog.check_version()
        library.store.check()

    await run_in_threadpool(check)
    return {"status": "ready"}
