"""Key releases, end to end over HTTP: a signed answer for each of many callers at once, every one on record.

The law of this file: requests are made beforehand, since that is the callers' work; every answer is looked at
afterwards, and so is the log.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from benchmarks.service_client import Connection, crowd
from benchmarks.service_process import OWNER, Server, library_at, serving
from tera.audit.notekeys import log_signers
from tera.audit.verify import verify_log
from tera.authority.keys import HeldKeys
from tera.catalog.log import OrgLog
from tera.library.library import Library
from tera.release.answer import parse_answer
from tests.authority.asking import Made, asking, seal

CLIENTS = 8
REQUESTS = 1_200


def measure(folder: Path, rounds: int, database: str | None = None) -> dict[str, Any]:
    """Return the times of each round, and what one flush of the disk takes, in seconds."""
    found: dict[str, Any] = {"release": [], "flush": flush_seconds(folder)}
    with serving(folder, database) as server:
        library = library_at(folder, database)
        keys = held(library, server)
        with server.connect() as connection:
            container = seal([("opens", 2**32 - 1), ("recipients", [OWNER])], (keys.public,), created=int(time.time()))
            path = f"{server.url}/containers/{upload(connection, server, container)}/release"
        for _ in range(rounds):
            asked = [requests(container, keys, path, REQUESTS // CLIENTS) for _ in range(CLIENTS)]
            times = crowd(server.connect, asked)
            assert all(parse_answer(one, keys.fingerprint).ct is not None for one in times.bodies)
            found["release"].append(times)
        check_log(library, server)
        library.catalog.close()
    return found


def held(library: Library, server: Server) -> HeldKeys:
    """Return the keys of the organisation's authority."""
    keys = library.keys.load(server.org)
    return HeldKeys(keys.signing, [one.key for one in keys.opening])


def upload(connection: Connection, server: Server, container: Made) -> str:
    """Add a container that was sealed here; return its id."""
    answer = connection.ask("POST", f"{server.url}/containers", container.data)
    assert answer.status == 200, answer
    return str(json.loads(answer.body)["container"]["uuid"])


def requests(container: Made, keys: HeldKeys, path: str, count: int) -> list[tuple[str, str, bytes]]:
    now = int(time.time())
    return [("POST", path, asking(container, keys=keys, now=now).message) for _ in range(count)]


def check_log(library: Library, server: Server) -> int:
    """Verify the organisation's log; return how many events it has."""
    origin = f"{library.origin}/{server.org}"
    verifiers = [one.verifier for one in log_signers(origin, held(library, server).signing)]
    with library.catalog.reading() as db:
        log = OrgLog(db, server.org)
        verify_log(log, verifiers, origin)
        return log.size()


def flush_seconds(folder: Path, count: int = 50) -> float:
    """Return the median of what the disk takes for one flush of 4 KiB."""
    found = []
    with (folder / "flushed").open("wb", buffering=0) as file:
        for _ in range(count):
            began = time.perf_counter()
            file.write(bytes(4_096))
            os.fdatasync(file.fileno())
            found.append(time.perf_counter() - began)
    return sorted(found)[count // 2]
