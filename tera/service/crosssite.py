"""Requests that another site's page makes a browser send are refused: browsers remember BASIC, and send it along.

The law of this file: a browser says where a request comes from, in headers that no page can set. What carries none
of them comes from no page. Nothing behind this is asked.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from tera.service.problems import shown

_OWN: Final = ("same-origin", "none")
"""A page of this service, or the person at the browser."""


class SameSite:
    """See the module."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_own(Headers(scope=scope)):
            answer = shown(403, "cross_site", "another site's page sent this request")
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_own(headers: Headers) -> bool:
    """Say whether a request comes from no page of another site."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in _OWN
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        return bool(urlsplit(origin).netloc) and urlsplit(origin).netloc == headers.get("host")
    except ValueError:
        return False
