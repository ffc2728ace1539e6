"""Who asks: the API key of a request, the organisation in its path, the address that it comes from.

The law of this file: no route works without it. Another organisation's path is not found, rather than forbidden:
nothing of it leaks. The address is the rightmost forwarded one that is no proxy of the configuration, else the
socket's.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from tera.catalog.orgs import ApiKey, Org
from tera.errors import BadCredentials, BadInput, NoSuchThing
from tera.library import identity
from tera.library.library import Library, Principal
from tera.service.tries import Tries

OWN: str = "-"
"""The organisation of the key, where a path of an older form names none."""


def library_of(request: Request) -> Library:
    """Return the library that the application serves."""
    found: Library = request.app.state.library
    return found


async def principal(request: Request) -> Principal:
    """Return who asks. Raises BadCredentials, NoSuchThing for another organisation's path, TooManyTries."""
    library = library_of(request)
    address = client_address(request)
    header = request.headers.get("authorization")
    key, org = await run_in_threadpool(_authenticate, library, request.app.state.tries, address, header)
    named = request.path_params.get("org_id", OWN)
    if named not in (OWN, org.id):
        raise NoSuchThing("there is no such organisation")
    return Principal(key, org, ip=address, place=request.app.state.geo.place(address))


def _authenticate(library: Library, tries: Tries, address: str | None, header: str | None) -> tuple[ApiKey, Org]:
    try:
        return identity.authenticate(library, header, first=lambda db: tries.check_in(db, address))
    except BadCredentials:
        if header is not None:  # who shows nothing has not tried
            tries.failed(address)
        raise


def client_address(request: Request) -> str | None:
    """Return the caller's network address, None where there is none (a Unix socket)."""
    peer = request.client.host if request.client else None
    proxies = request.app.state.proxies
    if peer is None or not proxies or not _is_proxy(peer, proxies):
        return peer
    chain = [part.strip() for value in request.headers.getlist("x-forwarded-for") for part in value.split(",")]
    for hop in reversed(chain):
        if not _is_proxy(hop, proxies):
            return hop if _is_address(hop) else None
    return peer


def _is_proxy(text: str, proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(address in network for network in proxies)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def limit_of(text: str | None) -> int | None:
    """Return a page's `limit`, 1 to 1,000. Raises BadInput."""
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= 1_000:
        raise BadInput("limit is 1 to 1,000")
    return int(text)


Who = Annotated[Principal, Depends(principal)]
"""What a route's handler asks for."""
