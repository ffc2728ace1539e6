"""Errors as RFC 9457 problems: one mapping from the tree of errors to statuses.

The law of this file: every error that a client can cause has its status here, and none says 500. A problem holds the
error's stable `code` and its one line, under `detail` and, for older clients, `message`. Of what does not answer only
the part is named: where it is, and what its driver said, is nobody's business outside.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from starlette.responses import JSONResponse

from tera.errors import (
    BadCredentials,
    CatalogUnavailable,
    Conflict,
    Denied,
    Forbidden,
    KeysUnavailable,
    LimitExceeded,
    LogUnavailable,
    Malformed,
    NotFound,
    OutputExists,
    PreconditionFailed,
    RuleDenied,
    StateUnavailable,
    StoreUnavailable,
    TeraError,
    TooManyTries,
    Unauthentic,
    Unavailable,
    WrongPassphrase,
)

RETRY_AFTER: Final = 5
"""Seconds after which somebody may ask again what is not available now."""

_STATUS: Final[tuple[tuple[type[TeraError], int], ...]] = (
    (BadCredentials, 401),
    (LimitExceeded, 413),
    (Malformed, 400),
    (WrongPassphrase, 403),
    (Unauthentic, 400),
    (PreconditionFailed, 412),
    (TooManyTries, 429),
    (Conflict, 409),
    (Forbidden, 403),
    (Denied, 403),
    (NotFound, 404),
    (OutputExists, 409),
    (Unavailable, 503),
)


_AWAY: Final[dict[type[TeraError], str]] = {
    CatalogUnavailable: "the catalog does not answer",
    KeysUnavailable: "the key store does not answer",
    LogUnavailable: "the log does not answer",
    StateUnavailable: "the catalog does not answer",
    StoreUnavailable: "the store does not answer",
}


def status_of(error: TeraError) -> int:
    """Return the HTTP status of an error."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 503)


def problem(error: TeraError, *, request_id: str = "") -> JSONResponse:
    """Return an error as a response."""
    status = status_of(error)
    extra: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, RuleDenied) and error.rule:
        extra["rule"] = error.rule
    if error.hint:
        extra["hint"] = error.hint
    if isinstance(error, TooManyTries):
        headers["Retry-After"] = str(error.after)
    elif status == 503:
        headers["Retry-After"] = str(RETRY_AFTER)
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="tera", Basic realm="tera"'
    message = _AWAY.get(type(error), str(error))
    return shown(status, error.code, message, headers=headers, request_id=request_id, **extra)


def shown(
    status: int, code: str, message: str, *, headers: dict[str, str] | None = None, request_id: str = "", **extra: Any
) -> JSONResponse:
    """Return a problem of any origin."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": message,
        "message": message,
        **extra,
    }
    if request_id:
        body["request_id"] = request_id
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")
