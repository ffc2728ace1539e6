"""An id for every request, in its answer and in what is logged of it.

The law of this file: it passes everything on as it comes; a wrapper that reads and sends by tasks of its own, as the
framework's decorator for middleware does, costs more than the rest of an upload.
"""

from __future__ import annotations

import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class RequestIds:
    """Sets `request.state.id`, and the header X-Request-Id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = uuid.uuid4().hex
        scope.setdefault("state", {})["id"] = name
        header = (b"x-request-id", name.encode())

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        await self._app(scope, receive, with_id)
