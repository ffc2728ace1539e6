"""Whether it lives, and whether it can work."""

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
    """Catalog and store answer."""
    library = library_of(request)

    def check() -> None:
        with library.catalog.reading():
            library.store.check()

    await run_in_threadpool(check)
    return {"status": "ready"}
