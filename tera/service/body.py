"""Request bodies on their way from the event loop to a thread that works: in batches, bounded, cut off cleanly.

The law of this file: a body is in memory for a few batches only, whatever its size; who stops reading stops the
sender; and a sender that goes away in the middle is an error in the thread, never an end.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from starlette.requests import ClientDisconnect, Request

from tera.errors import BadInput, LimitExceeded

BATCH: Final = 1 << 20
"""Bytes that a thread gets at once: small ones cost a switch each."""
AHEAD: Final = 4

T = TypeVar("T")


class Body:
    """A body, as an iterator of bytes for one thread."""

    def __init__(self) -> None:
        self._batches: queue.Queue[bytes | BaseException | None] = queue.Queue(maxsize=AHEAD)
        self._over = False

    def __iter__(self) -> Iterator[bytes]:
        while not self._over:
            batch = self._batches.get()
            if isinstance(batch, BaseException):
                self._over = True
                raise batch
            if batch is None:
                self._over = True
                return
            yield batch

    def give(self, batch: bytes | BaseException | None) -> bool:
        """Hand over a batch; say whether there was room."""
        try:
            self._batches.put_nowait(batch)
            return True
        except queue.Full:
            return False


async def with_body(request: Request, work: Callable[[Iterator[bytes]], T], *, longest: int) -> T:
    """Run `work` in a thread with the body, of at most `longest` bytes; return what it returns.

    What is left of the body when the work is over is read and dropped, up to a bound, so that the answer arrives.
    """
    stated = request.headers.get("content-length")
    if stated is not None and int(stated) > longest:
        raise LimitExceeded(f"a body has at most {longest:,} bytes here")
    body = Body()
    loop = asyncio.get_running_loop()
    working = loop.run_in_executor(None, lambda: work(iter(body)))
    feeding = asyncio.create_task(_feed(request, body, working, longest))
    try:
        return await working
    finally:
        feeding.cancel()


async def _feed(request: Request, body: Body, working: asyncio.Future[Any], longest: int) -> None:
    pending, size = bytearray(), 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > longest:
                await _give(body, LimitExceeded(f"a body has at most {longest:,} bytes here"), working)
                return
            pending += piece
            if len(pending) >= BATCH:
                await _give(body, bytes(pending), working)
                pending = bytearray()
        if pending:
            await _give(body, bytes(pending), working)
        await _give(body, None, working)
    except ClientDisconnect:
        await _give(body, BadInput("the body was cut off"), working)
    except asyncio.CancelledError:
        raise
    except Exception:  # whatever the server's protocol raises: the thread must not wait for ever
        await _give(body, BadInput("the body cannot be read"), working)


async def _give(body: Body, batch: bytes | BaseException | None, working: asyncio.Future[Any]) -> None:
    while not working.done() and not body.give(batch):
        await asyncio.sleep(0.001)
