"""Real processes of `tera serve`, and what is said to them over sockets."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.cli.runs import COMMAND, environment

PATIENCE = 30.0


def admin(data: Path, *arguments: str, env: dict[str, str] | None = None, code: int = 0, **more: Any) -> str:
    """Run `tera admin`; return what it printed, and after it what it said."""
    verb = [*COMMAND, "admin", *arguments, "--data", str(data)]
    done = subprocess.run(
        verb, env=environment(**(env or {})), capture_output=True, text=True, timeout=120, check=False, **more
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def first_key(data: Path, *more: str, env: dict[str, str] | None = None) -> dict[str, str]:
    """Make a library and its first organisation; return what is shown once."""
    said = admin(data, "init", "--org", "Acme", "--email", "ann@example.org", "--json", *more, env=env)
    found: dict[str, str] = json.loads(said[: said.rindex("}") + 1])
    return found


class Service:
    """A process that answers at `url`."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url
        self.said = ""

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    def ask(
        self, method: str, path: str, token: str | None = None, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """Ask once, and return status and body."""
        connection = self.connection()
        try:
            if token is not None:
                headers["Authorization"] = f"Bearer {token}"
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def connection(self) -> http.client.HTTPConnection:
        if self.url.startswith("https"):
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            return http.client.HTTPSConnection(*self.address, timeout=PATIENCE, context=context)
        return http.client.HTTPConnection(*self.address, timeout=PATIENCE)

    def tell(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for the end; return the exit code, and keep what was said."""
        self.said += self.process.communicate(timeout=PATIENCE)[1]
        return self.process.returncode

    def lines(self) -> list[dict[str, Any]]:
        """What it said in JSON, once it has ended."""
        return [json.loads(line) for line in self.said.splitlines() if line.startswith("{")]


@contextmanager
def serving(
    data: Path, *arguments: str, env: dict[str, str] | None = None, pass_fds: Sequence[int] = ()
) -> Iterator[Service]:
    """Give a process that serves `data` on a free port; it is stopped at the end."""
    command = [*COMMAND, "serve", "--data", str(data), "--port", "0", *arguments]
    with subprocess.Popen(
        command,
        env=environment(**(env or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=pass_fds,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip() if select.select([process.stdout], [], [], PATIENCE)[0] else ""
        if not url:
            process.kill()
            raise AssertionError(process.communicate()[1])
        found = Service(process, url)
        try:
            yield found
        finally:
            if process.poll() is None:
                process.terminate()
                found.ended()


def refused(data: Path, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run `tera serve` that does not start; return the exit code and what it said."""
    command = [*COMMAND, "serve", "--data", str(data), "--port", "0", *arguments]
    done = subprocess.run(
        command, env=environment(**(env or {})), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return done.returncode, done.stderr


class Upload:
    """An upload of a container that is sent in pieces of one's choosing."""

    def __init__(self, service: Service, org: str, token: str, size: int) -> None:
        self._socket = socket.create_connection(service.address, timeout=PATIENCE)
        head = f"--b\r\nContent-Disposition: form-data; name=manifest\r\n\r\n{json.dumps({'container_name': 'Q3'})}\r\n"
        head += '--b\r\nContent-Disposition: form-data; name=files; filename="a.bin"\r\n\r\n'
        self._tail = b"\r\n--b--\r\n"
        length = len(head) + size + len(self._tail)
        self._socket.sendall(
            f"POST /orgs/{org}/containers/encode HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n{head}".encode()
        )

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def answer(self) -> tuple[int, bytes]:
        """Return status and body; (0, b"") where the other side has hung up."""
        try:
            response = http.client.HTTPResponse(self._socket)
            response.begin()
            return response.status, response.read()
        except (http.client.HTTPException, OSError):
            return 0, b""

    def end(self) -> tuple[int, bytes]:
        self.send(self._tail)
        return self.answer()

    def close(self) -> None:
        self._socket.close()


def wait_for(what: Any) -> None:
    """Wait until something is so."""
    until = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < until, "it never was"
        time.sleep(0.02)


def descriptor_of(text: bytes) -> int:
    """Return a descriptor from which this can be read."""
    reading, writing = os.pipe()
    os.write(writing, text)
    os.close(writing)
    return reading
