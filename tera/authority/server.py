"""One small process that answers for an authority on this machine, over HTTP.

The law of this file: it is a skin: a body in, one call, its bytes or its error out. Whoever connects is a stranger:
a connection is one request, all of it within `TIMEOUT` seconds, of at most as many bytes as a request has, and there
are at most `CALLERS` of them. Whom a bearer token belongs to is its caller's to say. It listens on the loopback only.

    POST /v1/release     a signed request      200, the signed answer: a denial too
    POST /v1/policy      a container's front   200, {"version": the one that counts}
    POST /v1/report      a signed report       200, {"recorded": how many events of the device}
    GET  /v1/checkpoint                        200, the signed note
    all errors           {"code", "message"}   400 malformed, 401 unauthentic, 403 denied, 404, 413, 503 unavailable
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socketserver import TCPServer
from typing import Any, Final, TypeVar

from tera.authority.authority import Authority, Caller
from tera.errors import BadInput, BadRequest, Denied, LimitExceeded, Malformed, NotFound, TeraError, Unauthentic
from tera.release.request import LONGEST

TIMEOUT: Final = 10.0
"""Seconds for a whole request to arrive, and for its answer to leave."""
CALLERS: Final = 64
"""Connections at once; further ones are closed, and may be tried again."""
WORKERS: Final = 8
"""Requests that are worked on at once: one writes, the others verify signatures."""

_TICK: Final = 0.1
_LENGTH: Final = re.compile(r"[0-9]{1,12}")
_STATUS: Final[tuple[tuple[type[TeraError], int], ...]] = (
    (LimitExceeded, 413),
    (Malformed, 400),
    (Unauthentic, 401),
    (Denied, 403),
    (NotFound, 404),
)
_T = TypeVar("_T")
_Reply = tuple[int, str, bytes]


class Server(ThreadingHTTPServer):
    """Bound, and not yet serving: `serve_forever`; `end` from another thread. `patience` is `TIMEOUT`, in seconds.

    Requests are read by a thread each, and worked on by few that stay: a state has a connection for every thread.
    """

    daemon_threads = False
    request_queue_size = CALLERS

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], patience: float) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self._patience = patience
        self._guard = threading.Lock()
        self._deadlines: dict[socket.socket, float] = {}
        self.workers = ThreadPoolExecutor(WORKERS, "authority")
        super().__init__(address, handler)

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self.server_address[:2]
        return f"http://[{host!s}]:{port}" if self.address_family == socket.AF_INET6 else f"http://{host!s}:{port}"

    def server_bind(self) -> None:
        """Bind, and ask no name server who we are, as the parent would."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "tera", self.server_address[1]

    def serve_forever(self, poll_interval: float = _TICK) -> None:
        """Answer until `end`."""
        super().serve_forever(poll_interval)

    def end(self) -> None:
        """Take no more requests; return when those that had arrived are answered."""
        self.shutdown()
        self.socket.close()
        self._hang_up(float("inf"))
        self.server_close()
        self.workers.shutdown()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            full = len(self._deadlines) >= CALLERS
            if not full:
                self._deadlines[request] = time.monotonic() + self._patience
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._deadlines.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called every tick: callers whose time is over get no more of it."""
        self._hang_up(time.monotonic())

    def _hang_up(self, now: float) -> None:
        """Hear no more from late callers: what they have sent so far was all. An answer that is due still leaves."""
        with self._guard:
            for caller in [one for one, deadline in self._deadlines.items() if deadline <= now]:
                with contextlib.suppress(OSError):
                    caller.shutdown(socket.SHUT_RD)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a caller that went away is no failure, and nothing of a request belongs on a terminal."""


def make_server(
    authority: Authority,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    viewer_of: Callable[[str], str | None] | None = None,
    on_fault: Callable[[Exception], None] = lambda error: None,
    patience: float = TIMEOUT,
) -> Server:
    """Return a server that is bound and does not yet serve; port 0 takes a free one.

    `viewer_of` says whose a bearer token is, None for nobody's; `on_fault` is told of what no caller is to blame for.
    Raises BadInput for an address that others can reach, OSError when the port is taken.
    """
    check_host(host)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        default_request_version = "HTTP/1.0"
        timeout = patience
        server_version = "tera"
        sys_version = ""

        def do_POST(self) -> None:
            self._answer(self._post)

        def do_GET(self) -> None:
            self._answer(self._get)

        def _post(self) -> _Reply:
            body = self._body()
            match self.path:
                case "/v1/release":
                    caller = self._caller()
                    return 200, "application/octet-stream", _work(lambda: authority.release(body, caller))
                case "/v1/policy":
                    caller = self._caller()
                    return _as_json(200, {"version": _work(lambda: authority.update(body, caller))})
                case "/v1/report":
                    return _as_json(200, {"recorded": _work(lambda: authority.report(body))})
            raise NotFound("there is nothing here")

        def _get(self) -> _Reply:
            if self.path != "/v1/checkpoint":
                raise NotFound("there is nothing here")
            return 200, "text/plain; charset=utf-8", _work(authority.checkpoint)

        def _body(self) -> bytes:
            """Return all that the caller has to say; a body whose length is not said once, in digits, is none."""
            said = self.headers.get_all("Content-Length", [])
            if len(said) != 1 or not _LENGTH.fullmatch(said[0]) or "Transfer-Encoding" in self.headers:
                raise BadRequest("a request says how many bytes it has: one Content-Length, no Transfer-Encoding")
            length = int(said[0])
            if length > LONGEST:
                raise LimitExceeded(f"a request has {length:,} bytes, at most {LONGEST:,} are read")
            body = self.rfile.read(length)
            if len(body) != length:
                raise BadRequest("the request ends too early")
            return body

        def _caller(self) -> Caller:
            kind, _, token = self.headers.get("Authorization", "").partition(" ")
            viewer = viewer_of(token) if viewer_of and kind.lower() == "bearer" and token else None
            return Caller(viewer=viewer, ip=self.client_address[0])

        def _answer(self, work: Callable[[], _Reply]) -> None:
            try:
                reply = work()
            except TeraError as error:
                status = next((status for family, status in _STATUS if isinstance(error, family)), 503)
                reply = _as_json(status, {"code": error.code, "message": str(error)})
            except OSError:
                raise  # the caller went away
            except Exception as error:
                on_fault(error)
                reply = _as_json(500, {"code": "error", "message": "a fault of the authority"})
            self._send(*reply)

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")  # and it is
            self.end_headers()
            self.wfile.write(body)

        def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
            """What the parser of HTTP refuses is refused as all else is, without a word of the caller's."""
            self._send(*_as_json(int(code), {"code": "bad_request", "message": "this is no request of HTTP/1.1"}))

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: what is decided is in the audit log, and nothing else is worth a line."""

    server = Server((host, port), Handler, patience)

    def _work(call: Callable[[], _T]) -> _T:
        return server.workers.submit(call).result()

    return server


def check_host(host: str) -> None:
    """Return for an address that only this machine reaches. Raises BadInput."""
    try:
        if ip_address(host).is_loopback:
            return
    except ValueError:
        pass
    raise BadInput(
        f"{host!r} is not an address of this machine alone, and the authority speaks no TLS",
        hint="listen on 127.0.0.1 or ::1",
    )


def _as_json(status: int, value: dict[str, Any]) -> _Reply:
    return status, "application/json", json.dumps(value).encode()
