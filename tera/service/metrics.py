"""What is counted and measured, for Prometheus: requests by route, time, uploads under way; on a port of its own.

The law of this file: a label is the template of a route, a method or a status, so their number is bounded and no name,
id or address is in one. Nothing here is global: an application has its own registry.
"""

from __future__ import annotations

import time
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.process_collector import ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tera import __version__
from tera.errors import Unavailable
from tera.service.body import Uploads
from tera.service.logs import GONE, method, template

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600)


class Metrics:
    """The registry of one application."""

    def __init__(self, uploads: Uploads) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("tera_requests", "Requests answered.", labels, registry=self.registry)
        self.seconds = Histogram(
            "tera_request_seconds", "How long they took.", ("route",), buckets=BUCKETS, registry=self.registry
        )
        self.received = Counter("tera_received_bytes", "Bytes of bodies.", registry=self.registry)
        self.sent = Counter("tera_sent_bytes", "Bytes of answers.", registry=self.registry)
        self.active = Gauge("tera_requests_active", "Requests under way.", registry=self.registry)
        under_way = Gauge("tera_uploads_active", "Uploads under way.", registry=self.registry)
        under_way.set_function(lambda: uploads.active)
        Gauge("tera_build", "The version that runs.", ("version",), registry=self.registry).labels(__version__).set(1)
        ProcessCollector(registry=self.registry)

    def serve(self, host: str, port: int) -> tuple[Any, int]:
        """Answer /metrics at this address, in a thread; return the server, to be shut down, and its port.

        Raises Unavailable.
        """
        try:
            server, _ = start_http_server(port, host, registry=self.registry)
        except OSError as error:
            said = f"{host}:{port}: {error.strerror or error}"
            raise Unavailable(said, hint="--metrics-port names another") from None
        return server, int(server.server_port)


class Measured:
    """Counts and times the requests of an application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        metrics, began, status = self._metrics, time.monotonic(), GONE

        async def take() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                metrics.received.inc(len(message.get("body", b"")))
            return message

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                metrics.sent.inc(len(message.get("body", b"")))
            await send(message)

        metrics.active.inc()
        try:
            await self._app(scope, take, answer)
        finally:
            metrics.active.dec()
            route = template(scope)
            metrics.requests.labels(method(scope), route, str(status)).inc()
            metrics.seconds.labels(route).observe(time.monotonic() - began)
