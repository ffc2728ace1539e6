"""Routes of key release: a signed request in, a signed answer out.

The law of this file: route, check, one use case, shape. Who has no API key is known by the enrolled key under the
request, or not at all.

    /containers/{id}/release   for one container: what is refused here is a problem, what the authority denies an answer
    /containers/{id}/lease     the same, for requests that ask for a lease
    /release, /v1/release      for the container that the request shows, as spec/release.md says: `…/orgs/{org_id}` is
                               the address of the organisation's authority in a reader's configuration
    /v1/report                 what a device reports
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tera.errors import BadCredentials
from tera.library import release as use
from tera.library.asker import Said, asker
from tera.library.library import Principal
from tera.library.release import Sender
from tera.release.request import LONGEST
from tera.service.documents import read_body
from tera.service.who import OWN, Who, client_address, library_of, principal

router = APIRouter(prefix="/orgs/{org_id}")

TYPE: Final = "application/octet-stream"


async def _known(request: Request) -> Principal | None:
    """Return who asks; None for a request without any credentials. Raises as `principal`."""
    return await principal(request) if "authorization" in request.headers else None


MaybeWho = Annotated[Principal | None, Depends(_known)]
Address = Annotated[str | None, Header(alias="Tera-Viewer-Address", description="the viewer's network address")]


@router.post("/containers/{container_id}/release", response_class=Response)
async def release(
    request: Request, who: MaybeWho, container_id: str, viewer: str | None = None, address: Address = None
) -> Response:
    """The share of a container's key, or a signed denial."""
    library = library_of(request)

    def work(sender: Sender, message: bytes) -> bytes:
        return use.release_of(library, sender, container_id, message)

    return await _answer(request, who, viewer, address, work)


@router.post("/containers/{container_id}/lease", response_class=Response)
async def lease(
    request: Request, who: MaybeWho, container_id: str, viewer: str | None = None, address: Address = None
) -> Response:
    """The same, with a lease for the device that asks."""
    library = library_of(request)

    def work(sender: Sender, message: bytes) -> bytes:
        return use.release_of(library, sender, container_id, message, lease=True)

    return await _answer(request, who, viewer, address, work)


@router.post("/v1/release", response_class=Response, include_in_schema=False)
@router.post("/release", response_class=Response)
async def release_by_bind(
    request: Request, who: MaybeWho, viewer: str | None = None, address: Address = None
) -> Response:
    """The share of the key of the container that the request shows, or a signed denial."""
    library = library_of(request)
    return await _answer(request, who, viewer, address, lambda sender, message: use.release(library, sender, message))


@router.post("/v1/report")
async def report(request: Request, who: Who) -> dict[str, int]:
    """What a device has opened within leases: how many of its events are on record now."""
    message, library = await read_body(request, LONGEST), library_of(request)

    def work() -> int:
        return use.report(library, use.sent_by(who.org.id, asker(library, who)), message)

    return {"recorded": await run_in_threadpool(work)}


async def _answer(
    request: Request,
    who: Principal | None,
    viewer: str | None,
    address: str | None,
    work: Callable[[Sender, bytes], bytes],
) -> Response:
    message = await read_body(request, LONGEST)

    def do() -> bytes:
        return work(_sender(request, who, viewer, address, message), message)

    try:
        return Response(await run_in_threadpool(do), media_type=TYPE, headers={"Cache-Control": "no-store"})
    except BadCredentials:
        await run_in_threadpool(request.app.state.tries.failed, client_address(request))
        raise


def _sender(request: Request, who: Principal | None, viewer: str | None, address: str | None, message: bytes) -> Sender:
    library, geo = library_of(request), request.app.state.geo
    if who is not None:
        said = None if address is None else Said(address, geo.place(address))
        return use.sent_by(who.org.id, asker(library, who, viewer, said))
    org_id, ip = request.path_params["org_id"], client_address(request)
    request.app.state.tries.check(ip)
    if org_id == OWN or viewer is not None or address is not None:
        raise BadCredentials("an API key is needed")
    return use.signed_by(library, org_id, message, ip, geo.place(ip))
