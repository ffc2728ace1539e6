"""Mixed load from many clients for a while: nothing fails, memory does not grow, and the log verifies afterwards.

The law of this file: every client has a connection and a stream of random choices of its own, so that a run is the
same again. What is refused is refused for a reason that the mix gives (somebody else has blocked it): everything
else but success is a failure.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.service_client import Answer
from benchmarks.service_process import OWNER, Server, library_at, serving
from benchmarks.service_release import check_log, held, upload
from tests.authority.asking import asking, seal

CLIENTS = 32
KEEPS = 8
"""Containers that a client has at once."""
BOUNDARY = "a3d2c1f8e5b64790"
BLOCKED = 403


@dataclass
class Soaked:
    """How often what was answered with which status; the seconds of each; resident bytes, and when."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    memory: list[tuple[float, int]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    events: int = 0

    @property
    def growth(self) -> float:
        """Return the resident bytes at the end to those after a quarter of the time: what is cached is there then."""
        at = [bytes_ for _, bytes_ in self.memory]
        return max(at[-3:]) / max(at[: max(1, len(at) // 4)])


def measure(folder: Path, seconds: float, database: str | None = None) -> Soaked:
    """Let all clients work for so long, and look at what is left."""
    found = Soaked()
    with serving(folder, database) as server:
        library = library_at(folder, database)
        keys = held(library, server)
        sealed = seal([("opens", 2**32 - 1), ("recipients", [OWNER])], (keys.public,), created=int(time.time()))
        with server.connect() as connection:
            shared = upload(connection, server, sealed)

        def message() -> bytes:
            return asking(sealed, keys=keys, now=int(time.time())).message

        until = time.monotonic() + seconds
        clients = [_Client(server, number, shared, message, found) for number in range(CLIENTS)]
        threads = [threading.Thread(target=client.run, args=(until,)) for client in clients]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(min(5.0, seconds / 20))
            found.memory.append((time.monotonic(), server.resident()))
        found.events = check_log(library, server)
        library.catalog.close()
    return found


class _Client:
    """One of many: it seals, lists, decodes, blocks, tags, asks for releases, and removes its oldest."""

    def __init__(self, server: Server, number: int, shared: str, message: Any, found: Soaked) -> None:
        self._server = server
        self._choose = random.Random(number)
        self._name = f"client-{number}"
        self._own: list[str] = []
        self._shared = shared
        self._message = message
        self._found = found
        self._mix = {
            self._encode: 6,
            self._get: 30,
            self._page: 10,
            self._decode: 20,
            self._range: 10,
            self._block: 4,
            self._tag: 4,
            self._attempts: 4,
            self._release: 12,
        }

    def run(self, until: float) -> None:
        try:
            with self._server.connect() as self._connection:
                self._encode()
                while time.monotonic() < until:
                    self._choose.choices(list(self._mix), list(self._mix.values()))[0]()
        except Exception as error:
            self._found.failures.append(f"{self._name}: {error!r}")

    def _ask(self, what: str, method: str, path: str, body: bytes = b"", *, may: int = 200, **headers: Any) -> Answer:
        answer = self._connection.ask(method, f"{self._server.url}{path}", body, **headers)
        self._found.statuses[what, answer.status] += 1
        self._found.seconds.setdefault(what, []).append(answer.seconds)
        if answer.status not in (200, 204, 206, may):
            self._found.failures.append(f"{what}: {answer.status} {answer.body[:200]!r}")
        return answer

    def _any(self) -> str:
        return f"/containers/{self._choose.choice(self._own)}"

    def _encode(self) -> None:
        size = self._choose.choice((1_000, 100_000, 3_000_000))
        manifest = json.dumps({"container_name": self._name, "tags": [self._name, "soak"], "files": ["a.bin"]})
        body = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="manifest"\r\n\r\n{manifest}\r\n'
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.bin"\r\n\r\n'
        ).encode() + self._choose.randbytes(size)
        body += f"\r\n--{BOUNDARY}--\r\n".encode()
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        answer = self._ask("encode", "POST", "/containers/encode", body, Content_Type=kind)
        self._own.append(json.loads(answer.body)["container"]["uuid"])
        if len(self._own) > KEEPS:
            self._ask("delete", "DELETE", f"/containers/{self._own.pop(0)}")

    def _get(self) -> None:
        self._ask("get", "GET", self._any())

    def _page(self) -> None:
        tag = self._choose.choice((self._name, "soak"))
        self._ask("page", "GET", f"/containers?tag={tag}&limit=100")

    def _decode(self) -> None:
        self._ask("decode", "GET", f"{self._any()}/decode/a.bin")

    def _range(self) -> None:
        self._ask("range", "GET", f"{self._any()}/decode/a.bin", Range="bytes=100-899")

    def _block(self) -> None:
        path = self._any()
        self._ask("block", "PUT", f"{path}/block")
        self._ask("blocked", "GET", f"{path}/decode/a.bin", may=BLOCKED)
        self._ask("unblock", "DELETE", f"{path}/block")

    def _tag(self) -> None:
        tags = [self._name, "soak", str(self._choose.randrange(100))]
        self._ask("tag", "PUT", f"{self._any()}/tags", json.dumps(tags).encode())

    def _attempts(self) -> None:
        self._ask("attempts", "GET", f"{self._any()}/attempts")

    def _release(self) -> None:
        self._ask("release", "POST", f"/containers/{self._shared}/release", self._message())
