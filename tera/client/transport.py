"""Requests to a library service: bodies and answers that stream, and what is asked again when it was lost.

The law of this file: the credential goes to the configured address only: no redirection is followed, and no proxy of
the environment is asked. GET, PUT and DELETE are asked again; a POST only under an Idempotency-Key, so that it is
done once. Nothing is in memory but a piece, whatever the size.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

from tera.client.address import Address, check_token
from tera.client.problems import LONGEST, refusal, seconds
from tera.errors import InputUnavailable, ServerUnavailable, TeraError

TRIES: Final = 4
PAUSE: Final = 0.25
"""Seconds before the first repetition; twice as many before the next."""
PATIENCE: Final = 10
"""Seconds that a server may ask to wait before it is asked again."""
PIECE: Final = 256 << 10
DOCUMENT: Final = 32 << 20
"""Bytes of an answer in JSON."""
SLOWEST: Final = 16 << 20
"""Bytes a second that a server takes to put what was sent where it belongs, at least."""

AGAIN: Final = ("GET", "HEAD", "PUT", "DELETE")
OVER: Final = (408, 429, 500, 502, 503, 504)
"""Statuses that pass."""

Pieces = Iterator[bytes | memoryview]


class Body(Protocol):
    """What is sent. `size` is None where it is not known before; `again` says whether it can be sent twice."""

    size: int | None
    again: bool
    type: str

    def pieces(self) -> Pieces:
        """Yield it from its start."""
        ...


class Bytes:
    """A body in memory."""

    again = True

    def __init__(self, data: bytes, type: str = "application/json") -> None:
        self._data = data
        self.size: int | None = len(data)
        self.type = type

    def pieces(self) -> Pieces:
        """See `Body`."""
        yield self._data


class Answer:
    """An answer whose body is still to come. Use it as a context manager."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self._connection = connection
        self._response = response

    def __enter__(self) -> Answer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._response.close()
        self._connection.close()

    def header(self, name: str) -> str | None:
        """Return a header's value."""
        return self._response.headers.get(name)

    def read(self, limit: int) -> bytes:
        """Return the whole body. Raises OSError and HTTPException; ServerUnavailable over `limit` bytes."""
        if self._response.length is None and not self._response.chunked:
            raise http.client.IncompleteRead(b"")  # nobody could tell whether it was cut
        data = self._response.read(limit + 1)
        if len(data) > limit:
            raise ServerUnavailable(f"the library's answer has over {limit:,} bytes")
        if self._response.length:
            raise http.client.IncompleteRead(b"")
        return data

    def read_into(self, out: memoryview) -> int:
        """Return how many bytes came next, 0 only at the end. Raises OSError and HTTPException."""
        return self._response.readinto(out)


class Transport:
    """One server and one credential. `timeout` is in seconds, for each wait. Raises BadInput."""

    def __init__(self, url: str, token: str | None, *, timeout: float) -> None:
        self.address = Address(url, "a library")
        check_token(token, "library")
        self._token = token
        self._timeout = timeout

    def ask(
        self,
        method: str,
        path: Sequence[str],
        *,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        key: str | None = None,
        progress: Callable[[int], None] | None = None,
        gone: bool = False,
    ) -> Answer:
        """Return a good answer (2xx); the parts of `path` are quoted. `key` is an Idempotency-Key.

        With `gone`, 404 is a good answer to what was asked before and whose answer was lost.
        Raises what the service refuses; ServerUnavailable.
        """
        sent = _Sent(progress)
        extra = dict(headers or {}) | ({"Idempotency-Key": key} if key is not None else {})
        target = self._target(path, query)
        again = (method in AGAIN or key is not None) and (body is None or body.again)
        tries, pause, lost, end = 0, PAUSE, False, time.monotonic() + self._timeout
        while True:
            tries += 1
            try:
                answer = self._once(method, target, extra, body, sent)
                if 200 <= answer.status < 300 or (gone and lost and answer.status == 404):
                    return answer
                with answer:
                    after = seconds(answer.header("Retry-After")) or 0
                    data = b"" if method == "HEAD" else _problem(answer)
                error = refusal(answer.status, data, answer.header("Retry-After"), str(self.address))
                if lost and key is not None and answer.status == 409 and time.monotonic() < end:
                    tries -= 1  # what was asked first is still under way
                elif answer.status not in OVER or after > PATIENCE:
                    raise error
                pause = max(pause, float(after))
            except ssl.SSLCertVerificationError as failure:
                raise self.unavailable(reason(failure)) from None
            except (OSError, http.client.HTTPException) as failure:
                error, lost = self.unavailable(reason(failure)), True
            if not again or tries >= TRIES:
                raise error
            time.sleep(pause)
            pause *= 2
            sent.undo()

    def document(self, method: str, path: Sequence[str], **more: Any) -> tuple[Any, Answer]:
        """Return the JSON of an answer, and the answer, which is over. Raises as `ask` does."""
        failure: Exception | None = None
        for _ in range(TRIES if method in AGAIN or more.get("key") else 1):
            with self.ask(method, path, **more) as answer:
                try:
                    data = answer.read(DOCUMENT)
                except (OSError, http.client.HTTPException) as error:
                    failure = error
                    continue
            try:
                return (json.loads(data) if data else None), answer
            except (ValueError, RecursionError):
                raise self.unavailable("its answer is not understood") from None
        assert failure is not None
        raise self.unavailable(reason(failure))

    def unavailable(self, why: str) -> ServerUnavailable:
        """Return the error for an answer that is not there."""
        return ServerUnavailable(f"the library at {self.address} gives no answer: {why}", hint="try again later")

    def _target(self, path: Sequence[str], query: Sequence[tuple[str, str]]) -> str:
        # A part that is one or two dots would lead elsewhere, as quoted as it may be.
        quoted = [quote(part, safe="") if part.strip(".") else quote(part).replace(".", "%2E") for part in path]
        return "/".join([self.address.path, *quoted]) + (f"?{urlencode(query)}" if query else "")

    def _once(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Body | None,
        sent: _Sent,
    ) -> Answer:
        connection = self.address.connection(self._timeout)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            if self._token is not None:
                connection.putheader("Authorization", f"Bearer {self._token}")
            for name, value in {"Accept-Encoding": "identity", "Connection": "close", **headers}.items():
                connection.putheader(name, value)
            if body is None:
                connection.endheaders()
            else:
                connection.putheader("Content-Type", body.type)
                if body.size is None:
                    connection.putheader("Transfer-Encoding", "chunked")
                else:
                    connection.putheader("Content-Length", str(body.size))
                connection.endheaders()
                self._send(connection, body, sent)
            return Answer(connection, connection.getresponse())
        except BaseException:
            connection.close()
            raise

    def _send(self, connection: http.client.HTTPConnection, body: Body, sent: _Sent) -> None:
        """Send a body; stop when the server has answered, or has hung up, before its end: its answer says why."""
        line = connection.sock
        push = partial(_push, line) if not self.address.secret else partial(_push_all, line)
        try:
            for piece in _own(body.pieces()):
                for at in range(0, len(piece), PIECE):
                    part = memoryview(piece)[at : at + PIECE]
                    if body.size is None:
                        push(b"%x\r\n" % len(part))
                    push(part)
                    if body.size is None:
                        push(b"\r\n")
                    sent.add(len(part))
            if body.size is None:
                push(b"0\r\n\r\n")
        except (_Answered, BrokenPipeError, ConnectionResetError):
            return
        line.settimeout(self._timeout + sent.count / SLOWEST)


class _Sent:
    """How much of a body has been sent, in the try that is under way."""

    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self.count = 0
        self._progress = progress

    def add(self, count: int) -> None:
        """Tell of `count` bytes."""
        self.count += count
        if self._progress is not None:
            self._progress(count)

    def undo(self) -> None:
        """Take back what was told: it will be sent once more."""
        if self._progress is not None and self.count:
            self._progress(-self.count)
        self.count = 0


def reason(error: Exception) -> str:
    """Return what happened in our words or the system's, never in those of who answered."""
    match error:
        case TimeoutError():
            return "it takes too long"
        case http.client.IncompleteRead() | http.client.RemoteDisconnected() | ConnectionError():
            return (isinstance(error, ConnectionError) and error.strerror) or "its answer was cut off"
        case OSError():
            return error.strerror or "the connection fails"
    return "what answers there does not speak HTTP"


def _own(pieces: Pieces) -> Pieces:
    """Yield pieces; that they cannot be read is no failure of the connection."""
    while True:
        try:
            piece = next(pieces)
        except StopIteration:
            return
        except OSError as error:
            raise InputUnavailable(f"reading the input: {error.strerror or error}") from None
        yield piece


class _Answered(Exception):
    """The server has said something before it was told everything."""


def _push(line: socket.socket, data: bytes | memoryview) -> None:
    """Send all of it. Raises _Answered, also in the middle: who has answered may not read any more."""
    waiting = select.poll()
    waiting.register(line, select.POLLIN | select.POLLOUT)
    left, patience = memoryview(data), line.gettimeout()
    while left:
        ready = waiting.poll(None if patience is None else patience * 1_000)
        if not ready:
            raise TimeoutError
        if ready[0][1] != select.POLLOUT:
            raise _Answered
        left = left[line.send(left) :]


def _push_all(line: socket.socket, data: bytes | memoryview) -> None:
    """Send all of it under TLS, where what arrives may be a ticket and no answer."""
    line.sendall(data)


def _problem(answer: Answer) -> bytes:
    """Return what an answer that is none says, as far as it can be read: its status says enough."""
    with contextlib.suppress(OSError, http.client.HTTPException, TeraError):
        return answer.read(LONGEST)
    return b""
