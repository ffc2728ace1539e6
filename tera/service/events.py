"""Routes of what happened: attempts, events, the access log, and counts. All are questions to one log.

The law of this file: route, check, one use case, shape.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tera.errors import BadInput
from tera.library import events, find, proofs
from tera.library.cursors import Place
from tera.library.events import ACCESS, ATTEMPTS, Wanted
from tera.library.moments import read_moment
from tera.service.lists import Paged, Paging, Rows, listed
from tera.service.who import Who, library_of

router = APIRouter(prefix="/orgs/{org_id}")

KINDS: Final = 32


def wanted(
    kind: Annotated[list[str] | None, Query(description="Kinds of events")] = None,
    viewer: Annotated[str | None, Query(description="By whom")] = None,
    start: Annotated[str | None, Query(description="Then or later")] = None,
    end: Annotated[str | None, Query(description="Earlier")] = None,
) -> Wanted:
    """Return which events the query means. Raises BadInput."""
    kinds = tuple(kind or ())
    if len(kinds) > KINDS or any("\0" in text for text in (*kinds, viewer or "")):
        raise BadInput("kind and viewer are names, and there are not so many of them")
    return Wanted(
        kinds=kinds,
        viewer=viewer,
        since=None if start is None else read_moment(start, "start"),
        until=None if end is None else read_moment(end, "end"),
    )


Asked = Annotated[Wanted, Depends(wanted)]


@router.get("/events")
async def all_events(request: Request, who: Who, paged: Paged, asked: Asked) -> Response:
    """What happened in the organisation, the oldest first. Who polls goes on from the header `Cursor`."""
    return await _events(request, who, paged, asked)


@router.get("/access_log")
async def access_log(request: Request, who: Who, paged: Paged, asked: Asked) -> Response:
    """Every attempt to open anything, and everything that was read, the oldest first."""
    meant = Wanted(kinds=ACCESS, viewer=asked.viewer, since=asked.since, until=asked.until)
    return await _events(request, who, paged, meant, as_attempts=True)


@router.get("/container_events/by_{view}")
async def container_events(request: Request, who: Who, paged: Paged, asked: Asked, view: str) -> Response:
    """Events of containers, of one sort: access, block, create, expire, fail."""
    return await _events(request, who, paged, events.view(view, asked))


@router.get("/containers/{container_id}/events")
async def events_of(request: Request, who: Who, container_id: str, paged: Paged, asked: Asked) -> Response:
    """What happened to one container."""
    return await _events(request, who, paged, asked, container_id=container_id)


@router.get("/containers/{container_id}/attempts")
async def attempts(
    request: Request,
    who: Who,
    container_id: str,
    paged: Paged,
    detail: Annotated[bool, Query(description="Each attempt by itself")] = False,
) -> Response:
    """Who tried to open a container, and how often; or each attempt: when, from where, and what was decided."""
    library = library_of(request)
    if detail:
        meant = Wanted(kinds=ATTEMPTS)
        return await _events(request, who, paged, meant, container_id=container_id, as_attempts=True)

    def fetch(after: Place | None, limit: int) -> Rows:
        row = find.get(library, who, container_id)
        found = events.attempts(library, who, row, after=None if after is None else str(after), limit=limit)
        return [(email, {"viewer_email": email or None, "attempt_count": count}) for email, count in found]

    return await listed(request, who, paged, fetch)


@router.get("/containers/{container_id}/attempts/proof")
async def attempt_proof(
    request: Request,
    who: Who,
    container_id: str,
    index: Annotated[int | None, Query(ge=0, description="The attempt's number; else the newest")] = None,
) -> dict[str, Any]:
    """The proof that an attempt is in the organisation's log: its leaf, hashes, and a signed checkpoint."""
    library = library_of(request)

    def work() -> dict[str, Any]:
        row = find.get(library, who, container_id)
        head, proof = proofs.prove_attempt(library, who, row, index)
        return {
            **proofs.described(head),
            "index": proof.index,
            "leaf": proofs.encoded(proof.event),
            "hashes": [proofs.encoded(one) for one in proof.hashes],
            "proof": proof.dump().decode(),
        }

    return await run_in_threadpool(work)


@router.get("/stats")
async def stats(request: Request, who: Who) -> dict[str, Any]:
    """How much there is of everything."""
    return await run_in_threadpool(events.stats, library_of(request), who)


async def _events(
    request: Request,
    who: Who,
    paged: Paging,
    meant: Wanted,
    *,
    container_id: str | None = None,
    as_attempts: bool = False,
) -> Response:
    library = library_of(request)
    shape = events.attempt if as_attempts else events.described

    def fetch(after: Place | None, limit: int) -> Rows:
        row = None if container_id is None else find.get(library, who, container_id)
        which = Wanted(meant.kinds, row, meant.viewer, meant.since, meant.until, meant.rules)
        found = events.page(library, who, which, after=-1 if after is None else int(after), limit=limit)
        return [(one.index, shape(one)) for one in found]

    return await listed(request, who, paged, fetch)
