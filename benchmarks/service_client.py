"""A client that costs little: HTTP/1.1 over one kept connection, by hand.

The law of this file: the client shares the machine with the server, so it does no more than send and receive. It
reads what this server answers (a stated length, or chunks), and nothing else.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from types import TracebackType
from typing import Any

SIZE = 1 << 20


@dataclass
class Answer:
    """`size` is the body's; `body` is kept where it was asked for. Seconds from the start: first byte, all of it."""

    status: int
    headers: dict[str, str]
    body: bytes
    size: int
    first: float
    seconds: float


class Connection:
    """Asks one thing after the other."""

    def __init__(self, port: int, token: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._token = token
        self._buffer = bytearray(SIZE)

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        pieces: Iterable[bytes | memoryview] = (),
        length: int = 0,
        keep: bool = True,
        **headers: str,
    ) -> Answer:
        """Ask, and read the answer. `pieces`, of `length` bytes in all, follow `body`; `keep` the answer's body."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {self._token}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body) + length}"] if method in ("PUT", "POST", "PATCH") else []
        began = time.perf_counter()
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        for piece in pieces:
            self._socket.sendall(piece)
        return self._answer(began, keep)

    def _answer(self, began: float, keep: bool) -> Answer:
        head = bytearray()
        while (end := head.find(b"\r\n\r\n")) < 0:
            head += self._receive()
        status, _, rest = bytes(head[:end]).decode("latin-1").partition("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest.split("\r\n"))}
        body = bytearray(head[end + 4 :])
        first = time.perf_counter() - began if body else 0.0
        size = len(body)
        if "chunked" in headers.get("transfer-encoding", ""):
            while not body.endswith(b"0\r\n\r\n"):
                body += self._receive()
            size = len(body)
        left = int(headers.get("content-length", size)) - size
        while left:
            got = self._socket.recv_into(self._buffer, min(left, SIZE))
            if not got:
                raise ConnectionError("the server closed the connection")
            first = first or time.perf_counter() - began
            if keep:
                body += self._buffer[:got]
            left, size = left - got, size + got
        seconds = time.perf_counter() - began
        return Answer(int(status.split()[1]), headers, bytes(body) if keep else b"", size, first or seconds, seconds)

    def _receive(self) -> bytes:
        got = self._socket.recv(65_536)
        if not got:
            raise ConnectionError("the server closed the connection")
        return got


@dataclass
class Times:
    """Seconds of requests that were answered as they should be, and how long all of it took."""

    seconds: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    wall: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.wall

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def p99(self) -> float:
        return quantiles(self.seconds, n=100)[98] if len(self.seconds) > 1 else self.seconds[0]


def crowd(connect: Callable[[], Connection], asking: Sequence[Sequence[tuple[Any, ...]]], expected: int = 200) -> Times:
    """Let each of these sequences of requests go over a connection of its own, all at once."""
    times = Times()
    ready = threading.Barrier(len(asking) + 1)
    failures: list[str] = []

    def one(requests: Sequence[tuple[Any, ...]]) -> None:
        with connect() as connection:
            ready.wait()
            for request in requests:
                answer = connection.ask(*request)
                if answer.status != expected:
                    failures.append(f"{request[1]}: {answer.status} {answer.body[:300]!r}")
                    return
                times.seconds.append(answer.seconds)
                times.bodies.append(answer.body)

    threads = [threading.Thread(target=one, args=(requests,)) for requests in asking]
    for thread in threads:
        thread.start()
    ready.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    times.wall = time.perf_counter() - began
    if failures:
        raise RuntimeError(failures[0])
    return times
