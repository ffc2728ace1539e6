"""Routes of viewers, and of those among them who gave too many wrong passwords.

The law of this file: route, check, one use case, shape. A key that is made here is shown in this one answer.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from tera.errors import BadInput
from tera.library import lock as locks
from tera.library import viewers
from tera.service.documents import read_body, read_object
from tera.service.who import Who, library_of

router = APIRouter(prefix="/orgs/{org_id}")


@router.put("/viewers/{email}")
async def enrol(request: Request, who: Who, email: str) -> JSONResponse:
    """Say what proves an address: `key_id`, `public_key`, or with neither a new key, whose token is shown once."""
    asked = _fields(read_object(await read_body(request)), "key_id", "public_key")
    found = await run_in_threadpool(lambda: viewers.enrol(library_of(request), who, email, **asked))
    shown: dict[str, Any] = viewers.described(found.viewer)
    if found.made is not None:
        made = found.made
        shown |= {"api_key": made.key.id, "api_secret": made.secret, "token": made.token}
    return JSONResponse(shown, headers={"Cache-Control": "no-store"})


@router.get("/viewers/{email}")
async def viewer(request: Request, who: Who, email: str) -> dict[str, Any]:
    """One viewer."""
    return viewers.described(await run_in_threadpool(viewers.get, library_of(request), who, email))


@router.delete("/viewers/{email}", status_code=204)
async def withdraw(request: Request, who: Who, email: str) -> None:
    """Forget a viewer: nothing proves the address any more."""
    await run_in_threadpool(viewers.withdraw, library_of(request), who, email)


@router.post("/containers/{container_id}/lock")
async def lock(request: Request, who: Who, container_id: str) -> dict[str, str]:
    """Lock a `viewer` out of a container that asks for a password."""
    asked = _fields(read_object(await read_body(request)), "viewer")
    if "viewer" not in asked:
        raise BadInput("viewer is missing: whom to lock out")
    await run_in_threadpool(locks.lock, library_of(request), who, container_id, asked["viewer"])
    return {"message": "Viewer locked successfully"}


@router.post("/containers/{container_id}/unlock")
async def unlock(request: Request, who: Who, container_id: str) -> dict[str, str]:
    """Give a `viewer` new tries, or everybody."""
    asked = _fields(read_object(await read_body(request)), "viewer")
    await run_in_threadpool(locks.unlock, library_of(request), who, container_id, asked.get("viewer"))
    return {"message": "Viewer unlocked successfully" if asked else "Viewers unlocked successfully"}


def _fields(asked: dict[str, Any], *names: str) -> dict[str, str]:
    """Return the fields that are there; null is none. Raises BadInput."""
    for name, value in asked.items():
        if name not in names:
            raise BadInput(f"there is no field {name[:64]!r}; known: {', '.join(names)}")
        if not isinstance(value, str | None):
            raise BadInput(f"{name} is not a text")
    return {name: value for name, value in asked.items() if value is not None}
