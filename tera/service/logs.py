"""What the service says of itself: one JSON object a line, on standard error.

    {"at": "2026-01-02T03:04:05.678Z", "level": "info", "said": "request", "request": its id, "method", "route",
     "status", "ms"}

The law of this file: no line holds a path, a query, a name, an address of anybody, a header or a secret, at any
level. A request is named by its id and the template of its route. Of an error the kind and the places in the code are
said, never its message: that may quote what somebody sent.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOGGER: Final = logging.getLogger("tera.service")
GONE: Final = 499
"""What is logged for a status where no answer was begun: the caller went away, or the service ended."""
_METHODS: Final = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS".split())
_OTHERS: Final = ("uvicorn", "uvicorn.error", "asyncio")
_QUIET: Final = ("uvicorn.access",)


class JsonLines(logging.Formatter):
    """One object a record: of ours what `fields` holds, of anybody else's the logger's name alone."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, Any] = {"at": at, "level": record.levelname.lower()}
        if record.name.startswith(LOGGER.name):
            line |= {"said": record.getMessage(), **getattr(record, "fields", {})}
        else:
            # What it says may be about a request: its constant text is enough to know what happened.
            line |= {"said": str(record.msg)[:200] if record.args or record.exc_info else "", "by": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = described(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True)


def described(error: BaseException) -> dict[str, Any]:
    """Return what may be said of an error: its kind, where it came from, and the same of what caused it."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{one.filename.rpartition('site-packages/')[2]}:{one.lineno} {one.name}" for one in frames[-12:]]
    found: dict[str, Any] = {"kind": type(error).__name__, "at": places}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and cause is not error:
        found["cause"] = {"kind": type(cause).__name__}
    return found


def configure(stream: TextIO | None = None) -> None:
    """Let everything that this process logs leave as JSON, and the server's own lines of requests not at all."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    LOGGER.setLevel(logging.INFO)
    for name in (*_OTHERS, *_QUIET):
        other = logging.getLogger(name)
        other.handlers.clear()
        other.propagate = name not in _QUIET
        other.disabled = name in _QUIET
        other.setLevel(logging.WARNING)


def say(what: str, level: int = logging.INFO, **fields: object) -> None:
    """Log one line; `fields` are the caller's promise that nothing of a request is in them."""
    LOGGER.log(level, what, extra={"fields": fields})


class RequestLog:
    """Logs one line of each request, when its answer has left."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, known = time.monotonic(), scope.get("state", {}).get("id", "")
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            LOGGER.error("failed", extra={"fields": {"request": known}}, exc_info=error)
            status = status or 500
            raise
        finally:
            say(
                "request",
                request=known,
                method=method(scope),
                route=template(scope),
                status=status or GONE,
                ms=round((time.monotonic() - began) * 1_000, 1),
            )


def method(scope: Scope) -> str:
    """Return the method of a request, "other" for one that nobody has."""
    return str(scope["method"]) if scope["method"] in _METHODS else "other"


def template(scope: Scope) -> str:
    """Return the template of the route that a request has found, "none" for none."""
    return str(getattr(scope.get("route"), "path_format", None) or getattr(scope.get("route"), "path", "none"))
