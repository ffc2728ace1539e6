"""The application: routes, errors, request ids, and the older forms of paths.

The law of this file: it puts the parts together and knows none of their insides.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from tera import __version__
from tera.errors import TeraError
from tera.library.library import Library
from tera.service import api_keys, containers, decode, download, drm, events, health, log, pq, release, tags, viewers
from tera.service.body import Uploads
from tera.service.crosssite import SameSite
from tera.service.geo import NOWHERE, Locator
from tera.service.ids import RequestIds
from tera.service.logs import RequestLog
from tera.service.methods import allowed
from tera.service.metrics import Measured, Metrics
from tera.service.openapi import install
from tera.service.paths import OlderPaths
from tera.service.problems import problem, shown
from tera.service.tries import Tries

UPLOAD: Final = 1 << 40
"""Bytes of an upload, unless the operator says less."""

_CODES: Final = {404: "not_found", 405: "method_not_allowed"}


def make_app(
    library: Library,
    *,
    proxies: Sequence[str] = (),
    longest: int = UPLOAD,
    geo: Locator = NOWHERE,
) -> FastAPI:
    """Return the application for a library. `proxies` are the networks whose forwarding headers count.

    `longest` bounds an upload, in bytes; `geo` knows where addresses are.
    """
    app = FastAPI(title="tera", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False)
    install(app)
    app.state.library = library
    app.state.longest = longest
    app.state.uploads = Uploads()
    app.state.metrics = Metrics(app.state.uploads)
    app.state.geo = geo
    app.state.proxies = tuple(ipaddress.ip_network(one) for one in proxies)
    app.state.tries = Tries(library.catalog, library.clock)
    app.include_router(health.router)
    app.include_router(containers.router)
    app.include_router(drm.router)
    app.include_router(tags.router)
    app.include_router(events.router)
    app.include_router(log.router)
    app.include_router(pq.router)
    app.include_router(api_keys.router)
    app.include_router(decode.router)
    app.include_router(download.router)
    app.include_router(release.router)
    app.include_router(viewers.router)
    app.add_middleware(OlderPaths)
    app.add_middleware(SameSite)
    app.add_middleware(Measured, metrics=app.state.metrics)
    app.add_middleware(RequestLog)
    app.add_middleware(RequestIds)

    @app.exception_handler(TeraError)
    async def refused(request: Request, error: TeraError) -> JSONResponse:
        return problem(error, request_id=request.state.id)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0] if error.errors() else {}
        where = ".".join(str(part) for part in first.get("loc", ())[1:])
        return shown(400, "bad_input", f"{where}: {first.get('msg', 'not valid')}", request_id=request.state.id)

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> JSONResponse:
        code = _CODES.get(error.status_code, "error")
        headers: dict[str, Any] = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = allowed(app.routes, request.scope)
        return shown(error.status_code, code, str(error.detail), headers=headers, request_id=request.state.id)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        """What is nobody's fault but ours: nothing of it is told but where it is logged."""
        known = getattr(request.state, "id", "")
        headers = {"X-Request-Id": known} if known else {}
        return shown(500, "internal", "the service failed", headers=headers, request_id=known)

    return app
