"""Routes of API keys, and of who asks.

The law of this file: a secret is in one answer, the first, and in no other.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tera.library import api_keys as keys
from tera.library import identity
from tera.library.once import Done, once
from tera.service.documents import read_body, read_object
from tera.service.idempotency import Once, answer, fingerprint
from tera.service.who import Who, library_of

router = APIRouter(prefix="/orgs/{org_id}")


@router.get("/api_keys")
async def api_keys(request: Request, who: Who) -> list[dict[str, Any]]:
    """The organisation's API keys, without their secrets."""
    return await run_in_threadpool(keys.listed, library_of(request), who)


@router.post("/api_keys")
async def create(request: Request, who: Who, scope: Once) -> Response:
    """Make a key: `name`, `scopes`, and `owner`, `acts_for`, `may_assert`, `expires_at`. Its secret is shown once."""
    asked = read_object(await read_body(request))
    library = library_of(request)

    def do() -> tuple[Any, bytes]:
        return keys.described_new(keys.create(library, who, asked)), fingerprint(asked)

    def work() -> Done:
        return once(library, who, scope, do=do, read=lambda: fingerprint(asked), keep=keys.without_secret)

    return answer(await run_in_threadpool(work))


@router.delete("/api_keys/{key_id}", status_code=204)
async def revoke(request: Request, who: Who, key_id: str) -> None:
    """End a key, now."""
    await run_in_threadpool(identity.revoke_key, library_of(request), who, key_id)


@router.get("/me")
async def me(who: Who) -> dict[str, Any]:
    """Whose key this is, what it may do, and what its organisation uses."""
    return keys.me(who)


@router.get("/drm_context")
async def drm_context(request: Request, who: Who) -> dict[str, Any]:
    """What rules would be decided on, were the caller to open something now."""
    return keys.drm_context(library_of(request), who)
