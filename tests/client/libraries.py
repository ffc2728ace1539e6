"""A library service on this machine, as a process would serve it: for tests of what calls it.

There is one server in a process, since starting and stopping one takes longer than most tests; each test puts its own
application behind it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import uvicorn


class _Front:
    """An application that is another one, or none."""

    def __init__(self) -> None:
        self.app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@cache
def _started() -> tuple[_Front, str]:
    front = _Front()
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(front, log_level="critical", access_log=False, ws="none", lifespan="off")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    while not server.started:
        time.sleep(0.005)
    return front, f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an application; give its address."""
    front, url = _started()
    front.app = app
    try:
        yield url
    finally:
        front.app = None
