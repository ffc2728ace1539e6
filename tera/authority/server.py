"""One small process that answers for an authority on this machine, over HTTP.

The law of this file: it is a skin: a body in, one call, its bytes or its error out; all bodies and times are
bounded, and it listens on the loopback only. Whom a bearer token belongs to is its caller's to say.

    POST /v1/release     a signed request      200, the signed answer: a denial too
    POST /v1/policy      a container's front   200, {"version": the one that counts}
    POST /v1/report      a signed report       200, {"recorded": how many events of the device}
    GET  /v1/checkpoint                        200, the signed note
    all errors           {"code", "message"}   400 malformed, 401 unauthentic, 403 denied, 404, 413, 503 unavailable
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tera.authority.authority import Authority, Caller
from tera.errors import Denied, LimitExceeded, Malformed, NotFound, TeraError, Unauthentic
from tera.release.request import LONGEST

TIMEOUT: Final = 30.0
"""Seconds for which a caller may be silent."""
CALLERS: Final = 64
"""Requests that are worked on at once; more have to wait."""

_STATUS: Final[tuple[tuple[type[TeraError], int], ...]] = (
    (LimitExceeded, 413),
    (Malformed, 400),
    (Unauthentic, 401),
    (Denied, 403),
    (NotFound, 404),
)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128


def make_server(
    authority: Authority,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    viewer_of: Callable[[str], str | None] | None = None,
) -> ThreadingHTTPServer:
    """Return a server that is bound and does not yet serve; port 0 takes a free one.

    `viewer_of` says whose a bearer token is. Raises OSError when the port is taken.
    """
    places = threading.BoundedSemaphore(CALLERS)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = TIMEOUT
        server_version = "tera"
        sys_version = ""

        def do_POST(self) -> None:
            with places:
                self._answer(self._post)

        def do_GET(self) -> None:
            with places:
                self._answer(self._get)

        def _post(self) -> tuple[int, str, bytes]:
            body = self._body()
            match self.path:
                case "/v1/release":
                    return 200, "application/octet-stream", authority.release(body, self._caller())
                case "/v1/policy":
                    return _as_json(200, {"version": authority.update(body)})
                case "/v1/report":
                    return _as_json(200, {"recorded": authority.report(body)})
            return _as_json(404, {"code": "not_found", "message": "there is nothing here"})

        def _get(self) -> tuple[int, str, bytes]:
            if self.path == "/v1/checkpoint":
                return 200, "text/plain; charset=utf-8", authority.checkpoint()
            return _as_json(404, {"code": "not_found", "message": "there is nothing here"})

        def _body(self) -> bytes:
            try:
                length = int(self.headers.get("Content-Length", ""))
            except ValueError:
                length = -1
            if not 0 <= length <= LONGEST:
                self.close_connection = True
                raise LimitExceeded(f"a body has 0 to {LONGEST:,} bytes, and says how many")
            return self.rfile.read(length)

        def _caller(self) -> Caller:
            kind, _, token = self.headers.get("Authorization", "").partition(" ")
            viewer = viewer_of(token) if viewer_of and kind == "Bearer" and token else None
            return Caller(viewer=viewer, ip=self.client_address[0])

        def _answer(self, work: Callable[[], tuple[int, str, bytes]]) -> None:
            try:
                status, kind, body = work()
            except TeraError as error:
                status = next((status for family, status in _STATUS if isinstance(error, family)), 503)
                status, kind, body = _as_json(status, {"code": error.code, "message": str(error)})
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: what is decided is in the audit log, and nothing else is worth a line."""

    return _Server((host, port), Handler)


def _as_json(status: int, value: dict[str, Any]) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps(value).encode()
