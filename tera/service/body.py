"""Request bodies on their way from the event loop to a thread that works: in batches, bounded, cut off cleanly.

The law of this file: a body is in memory for a few batches only, whatever its size; who stops reading stops the
sender; and a sender that goes away, or sends nothing for long, is an error in the thread, never an end. Uploads have
threads of their own, so that slow ones hold up nobody else.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from starlette.requests import ClientDisconnect, Request

from tera.errors import BadInput, LimitExceeded, TooManyTries

BATCH: Final = 1 << 20
"""Bytes that a thread gets at once: small ones cost a switch each."""
PIECES: Final = 64
"""Pieces, as they came, that a batch has at most: of tiny ones it has fewer bytes. Joining them would cost a copy."""
AHEAD: Final = 2
UPLOADS: Final = 64
"""Uploads at once, in one process."""
IDLE: Final = 60.0
"""Seconds without a byte after which a sender is gone."""

T = TypeVar("T")


class Body:
    """A body, as an iterator of bytes for one thread; given by the event loop that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._there = threading.Condition()
        self._batches: deque[list[bytes] | BaseException | None] = deque()
        self._room = asyncio.Event()
        self._over = False

    def __iter__(self) -> Iterator[bytes]:
        while True:
            with self._there:
                while not self._batches:
                    self._there.wait()
                batch = self._batches[0]
                if isinstance(batch, list):  # an end stays, for who asks again
                    self._batches.popleft()
            self._make_room()
            if isinstance(batch, BaseException):
                raise batch
            if batch is None:
                return
            yield from batch

    async def give(self, batch: list[bytes] | None) -> None:
        """Hand over a batch, None for the end, when there is room."""
        while len(self._batches) >= AHEAD and not self._over:
            self._room.clear()
            if len(self._batches) >= AHEAD:
                await self._room.wait()
        self._put(batch)

    def fail(self, error: BaseException) -> None:
        """Let the thread have this error in place of what it has not taken yet."""
        with self._there:
            self._batches.clear()
        self._put(error)

    def _put(self, batch: list[bytes] | BaseException | None) -> None:
        with self._there:
            if not self._over:
                self._batches.append(batch)
                self._over = not isinstance(batch, list)
                self._there.notify_all()

    def _make_room(self) -> None:
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            self._loop.call_soon_threadsafe(self._room.set)


class Uploads:
    """Threads for uploads: at most `most` at once."""

    def __init__(self, most: int = UPLOADS, *, idle: float = IDLE) -> None:
        self.most = most
        self.idle = idle
        self.active = 0
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(most, "upload")

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run `work` in a thread. Raises TooManyTries when all are taken."""
        if self.active >= self.most:
            raise TooManyTries(f"{self.most} uploads are under way", after=5)
        with self._lock:
            self.active += 1

        def run() -> T:
            try:
                return work()
            finally:  # and not when nobody waits any more: the thread may work on
                with self._lock:
                    self.active -= 1

        return asyncio.get_running_loop().run_in_executor(self._threads, run)


async def with_body(request: Request, work: Callable[[Iterator[bytes]], T], *, longest: int) -> T:
    """Run `work` in a thread with the body, of at most `longest` bytes; return what it returns.

    What is left of the body when the work is over is the server's to drop. When the request is cancelled, the thread
    gets an error at its next batch.
    """
    stated = request.headers.get("content-length", "0")
    if not stated.isascii() or not stated.isdigit():
        raise BadInput("Content-Length is not a number")
    if int(stated[:20]) > longest:
        raise LimitExceeded(f"a body has at most {longest:,} bytes here")
    uploads: Uploads = request.app.state.uploads
    body = Body()
    working = uploads.start(lambda: work(iter(body)))
    feeding = asyncio.create_task(_feed(request, body, longest, uploads.idle))
    try:
        return await working
    finally:
        feeding.cancel()
        body.fail(BadInput("the upload was given up: the service is ending"))


async def _feed(request: Request, body: Body, longest: int, idle: float) -> None:
    pending: list[bytes] = []
    held, size, loop = 0, 0, asyncio.get_running_loop()
    try:
        async with asyncio.timeout(idle) as patience:
            async for piece in request.stream():
                size += len(piece)
                if size > longest:
                    raise LimitExceeded(f"a body has at most {longest:,} bytes here")
                pending.append(piece)
                held += len(piece)
                if held >= BATCH or len(pending) >= PIECES:
                    patience.reschedule(None)  # it is the thread that is waited for
                    await body.give(pending)
                    pending, held = [], 0
                patience.reschedule(loop.time() + idle)
        await body.give(pending)
        await body.give(None)
    except TimeoutError:
        body.fail(BadInput(f"nothing of the body came for {idle:g} seconds"))
    except ClientDisconnect:
        body.fail(BadInput("the body was cut off"))
    except LimitExceeded as error:
        body.fail(error)
    except asyncio.CancelledError:
        raise
    except Exception:  # whatever the server's protocol raises: the thread must not wait for ever
        body.fail(BadInput("the body cannot be read"))
