"""The process that serves: bound, started, told to stop, and what is due every minute beside it.

The law of this file: it is the one door to uvicorn. On the first signal nothing new is taken, and what is under way
has `grace` seconds to end; on the second it ends now. An upload that does not make it leaves nothing behind.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Final

import uvicorn

from tera.errors import BadInput, Unavailable
from tera.service import logs
from tera.service.metrics import Metrics

PERIOD: Final = 60.0
"""Seconds between two looks at what is due."""
GRACE: Final = 30
KEEP_ALIVE: Final = 30
BACKLOG: Final = 1_024


@dataclass(frozen=True, slots=True)
class Serving:
    """How to serve: port 0 takes a free one; `proxies` are the networks whose forwarding headers count.

    `grace` and `period` are in seconds; `due` is the command that does what is due, None for nobody, and `master` is
    handed to it through a pipe.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls_cert: str | None = None
    tls_key: str | None = None
    proxies: tuple[str, ...] = ()
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    grace: int = GRACE
    period: float = PERIOD
    due: Sequence[str] | None = None
    master: bytes = b""

    def check(self) -> None:
        """Return for what may be served. Raises BadInput."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise BadInput("a certificate for TLS and its key go together")
        for one in self.proxies:
            try:
                ip_network(one)
            except ValueError:
                raise BadInput(f"{one!r} is not a network of proxies, such as 10.0.0.0/8") from None
        if not _is_loopback(self.host) and self.tls_cert is None and not self.proxies:
            raise BadInput(
                f"{self.host} is reached from elsewhere, and nothing encrypts on the way there",
                hint="--tls-cert and --tls-key, or --behind-proxy NETWORK with TLS at the proxy",
            )


def serve(app: Any, serving: Serving, *, ready: Callable[[str, str | None], None]) -> None:
    """Serve until a signal; `ready` is called with the address, and that of the metrics, once it answers there.

    Raises BadInput, and Unavailable for an address that cannot be had.
    """
    serving.check()
    metrics: Metrics = app.state.metrics
    with ExitStack() as held:
        listening = held.enter_context(_bound(serving.host, serving.port))
        measured = None
        if serving.metrics_port is not None:
            measuring, port = metrics.serve(serving.metrics_host, serving.metrics_port)
            held.callback(measuring.server_close)
            held.callback(measuring.shutdown)
            measured = f"http://{_shown(serving.metrics_host)}:{port}/metrics"
        server = _server(app, serving)
        running = threading.Thread(target=_run, args=(server, listening), name="serve")
        told = held.enter_context(_signals())
        running.start()
        try:
            while not server.started and running.is_alive():
                running.join(0.01)
            if server.started:
                scheme = "http" if serving.tls_cert is None else "https"
                ready(f"{scheme}://{_shown(serving.host)}:{listening.getsockname()[1]}", measured)
                _until_told(told, serving, running)
        finally:
            server.should_exit = True
            _end(told, server, running)


def _server(app: Any, serving: Serving) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=serving.grace,
        ssl_certfile=serving.tls_cert,
        ssl_keyfile=serving.tls_key,
        backlog=BACKLOG,
    )
    try:
        config.load()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or "they are none"
        raise BadInput(f"the certificate and its key cannot be used: {why}") from None
    return uvicorn.Server(config)


def _run(server: uvicorn.Server, listening: socket.socket) -> None:
    try:
        server.run(sockets=[listening])
    except Exception as error:
        logs.LOGGER.critical("the server failed", exc_info=error)


def _until_told(told: int, serving: Serving, running: threading.Thread) -> None:
    """Wait for a signal; every `period` do what is due, in a child."""
    child: subprocess.Popen[bytes] | None = None
    wait = serving.period if serving.due else 1.0
    try:
        while running.is_alive() and not select.select([told], [], [], wait)[0]:
            if child is not None and child.poll() is not None:
                if child.returncode:
                    logs.say("what is due was not done", logging.ERROR, status=child.returncode)
                child = None
            if serving.due and child is None:
                child = _begin_due(serving.due, serving.master)
    finally:
        if child is not None:
            child.terminate()
            child.wait()


def _begin_due(command: Sequence[str], master: bytes) -> subprocess.Popen[bytes] | None:
    """Start what is due. The child gets the master key through a pipe: it is in no environment and no argument."""
    reading, writing = os.pipe()
    try:
        os.write(writing, master.hex().encode())
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TERA_MASTER_KEY")}
        return subprocess.Popen(
            command,
            env={**environment, "TERA_MASTER_KEY_FD": str(reading)},
            pass_fds=[reading],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        logs.say("what is due cannot be begun", logging.ERROR, why=type(error).__name__)
        return None
    finally:
        os.close(reading)
        os.close(writing)


def _end(told: int, server: uvicorn.Server, running: threading.Thread) -> None:
    """Wait for the end; a second signal makes it now."""
    with suppress(BlockingIOError):
        os.read(told, 100)
    while running.is_alive():
        if select.select([told], [], [], 0.05)[0]:
            server.force_exit = True
        running.join(0.05)


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        said = getattr(error, "strerror", None) or error
        raise Unavailable(f"{host}:{port}: {said}", hint="--port names another, 0 a free one") from None
    with listening:
        yield listening


@contextmanager
def _signals() -> Iterator[int]:
    """Give a descriptor that can be read when we are told to stop; a signal that is ignored stays so."""
    told, tell_it = os.pipe()
    os.set_blocking(told, False)
    os.set_blocking(tell_it, False)

    def stop(number: int, frame: object) -> None:
        with suppress(BlockingIOError):  # it has been told often enough
            os.write(tell_it, b".")

    before = {}
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, stop)
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(told)
        os.close(tell_it)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False  # a name, which may mean anything


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
