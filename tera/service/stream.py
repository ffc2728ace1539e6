"""Bytes on their way from a thread that reads to the event loop that sends: one piece ahead, never more.

The law of this file: at most two pieces are in memory; what is read from is closed when nobody reads any more,
however it ended, and never while a thread still does.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tera.service.ranges import Part

PIECE = 1 << 20
"""Bytes that are read at once."""


class Reading:
    """Pieces, one at a time, and what closes their source; from any thread."""

    def __init__(self, pieces: Iterator[bytes], close: Callable[[], None]) -> None:
        self._pieces = pieces
        self._close = close
        self._lock = threading.Lock()
        self._over = False

    def next(self) -> bytes | None:
        """Return the next piece; None at the end, and once it is closed."""
        with self._lock:
            return None if self._over else next(self._pieces, None)

    def close(self) -> None:
        """Close, when the piece that is being read is there."""
        with self._lock:
            if not self._over:
                self._over = True
                self._close()


class Sending(StreamingResponse):
    """A response of what is read; its source is closed also when nothing of it was ever sent."""

    def __init__(self, reading: Reading, part: Part, headers: dict[str, str], media_type: str) -> None:
        self._reading = reading
        super().__init__(_ahead(reading), part.status, headers=headers | part.headers, media_type=media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            asyncio.get_running_loop().run_in_executor(None, self._reading.close)  # it waits for the piece


def sending(
    part: Part, pieces: Iterator[bytes], close: Callable[[], None], *, headers: dict[str, str], media_type: str
) -> Sending:
    """Return a response of these pieces, which make up `part`; `close` is called when it is over."""
    return Sending(Reading(pieces, close), part, headers, media_type)


async def _ahead(reading: Reading) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    coming = loop.run_in_executor(None, reading.next)
    while (piece := await coming) is not None:
        coming = loop.run_in_executor(None, reading.next)
        yield piece
