"""Older forms of the paths, brought to the one form before routing.

    /api/v1/...  /v1/...          the same without it
    /users/{user_id}/...          /orgs/-/...        of the key's own organisation
    /containers/...               /orgs/-/containers/...

The law of this file: one rewrite, by the first parts of a path only; no route is written twice.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

_PREFIXES: Final = ("/api/v1", "/v1")
_BARE: Final = ("containers", "container_by_digest", "pq_keys")


def one_form(path: str) -> str:
    """Return the path in the form that routes have."""
    for prefix in _PREFIXES:
        if path.startswith(f"{prefix}/"):
            path = path[len(prefix) :]
            break
    first, _, rest = path[1:].partition("/")
    if first == "users" and "/" in rest:
        return "/orgs/-/" + rest.partition("/")[2]
    if first in _BARE:
        return f"/orgs/-{path}"
    return path


class OlderPaths:
    """See the module."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["path"] = one_form(scope["path"])  # in place: what routing finds is for those outside too
        await self._app(scope, receive, send)
