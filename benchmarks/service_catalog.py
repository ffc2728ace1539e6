"""Finding containers among very many: one, a page, by digest, by tag; over HTTP, one server process.

The law of this file: the rows are put into the catalog's tables directly, since sealing a million containers would
say nothing of finding them; every one of them is as the service would have written it, only its bytes are missing.
"""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from benchmarks.service_client import Times, crowd
from benchmarks.service_process import OWNER, Server, library_at, serving
from tera.catalog.engine import Catalog
from tera.catalog.tables import container, container_tag
from tera.library.cursors import cursor_key, write_cursor

BATCH = 10_000
ASKED = 400
"""Requests of each kind, one after the other."""
CLIENTS = 4
FIRST = 1_700_000_000
"""When the first of them was made."""
TAGS = {"all": 1, "some": 100, "few": 100_000}
"""Tags, and how many containers there are for each one that has it."""


def measure(folder: Path, rows: int, rounds: int, database: str | None = None) -> dict[str, Any]:
    """Return, by kind of request, the times of each round; `one` are many at once."""
    found: dict[str, list[Times]] = {}
    with serving(folder, database) as server:
        library = library_at(folder, database)
        fill(library.catalog, server.org, rows)
        key = cursor_key(library)
        library.catalog.close()
        for number in range(rounds):
            choose = random.Random(number)
            ask = {
                "one": [_one(server, choose.randrange(rows)) for _ in range(ASKED * CLIENTS)],
                "page": [_page(server, key, choose.randrange(rows)) for _ in range(ASKED)],
                "page by time": [_since(server, choose.randrange(rows)) for _ in range(ASKED)],
                "digest": [_digest(server, choose.randrange(rows)) for _ in range(ASKED)],
                **{f"tag {tag}": [("GET", f"{server.url}/containers?tag={tag}&limit=100")] * ASKED for tag in TAGS},
            }
            for kind, requests in ask.items():
                parts = [requests[at::CLIENTS] for at in range(CLIENTS)] if kind == "one" else [requests]
                found.setdefault(kind, []).append(crowd(server.connect, parts))
    return found


def fill(catalog: Catalog, org: str, rows: int) -> None:
    """Add so many containers to an organisation."""
    with catalog.writing(org) as db:
        for start in range(0, rows, BATCH):
            numbers = range(start, min(rows, start + BATCH))
            db.execute(insert(container), [_row(org, number) for number in numbers])
            tags = [
                {"org_id": org, "tag": tag, "seq": number + 1}
                for number in numbers
                for tag, each in TAGS.items()
                if number % each == 0
            ]
            db.execute(insert(container_tag), tags)
    with catalog.engine.connect() as db:  # what a database does by itself in time, when it is left alone
        db.execute(text("ANALYZE"))
        db.commit()


def _row(org: str, number: int) -> dict[str, Any]:
    name = container_id(number)
    tags = sorted(tag for tag, each in TAGS.items() if number % each == 0)
    return {
        "seq": number + 1,
        "id": name,
        "org_id": org,
        "name": f"report {number % 1_000} of {number // 1_000}",
        "owner": OWNER,
        "status": "ACTIVE",
        "reason": None,
        "origin": "encoded",
        "created_at": FIRST + number,
        "core_id": uuid.UUID(name).bytes,
        "bind": _hash("bind", number),
        "digest": _hash("digest", number).hex(),
        "sha256": _hash("sha256", number).hex(),
        "size": 70_000,
        "entries": 1,
        "blob": f"{org}/{name[-2:]}/{name}",
        "manifest": '{"container_name":"report"}',
        "files": json.dumps([{"name": "report.pdf", "type": "application/pdf", "size": 65_536}]),
        "tags": json.dumps(tags),
        "drm": json.dumps({"opens": 3, "recipients": [OWNER]}),
        "rules": b"\x92\x92\xa5opens\x03",
        "dynamic": False,
        "version": 1,
    }


def container_id(number: int) -> str:
    """Return the id of a container; ids are made in the order of time."""
    return str(uuid.UUID(bytes=(FIRST * 1_000 + number).to_bytes(6, "big") + b"\x70\0\x80" + _hash("id", number)[:7]))


def _one(server: Server, number: int) -> tuple[str, str]:
    return "GET", f"{server.url}/containers/{container_id(number)}"


def _digest(server: Server, number: int) -> tuple[str, str]:
    return "GET", f"{server.url}/container_by_digest?digest=tera:{_hash('digest', number).hex()}"


def _page(server: Server, key: bytes, number: int) -> tuple[str, str]:
    """Return a request for the page behind a container, as somebody makes it who has come so far by `Link`."""
    cursor = write_cursor(key, json.dumps([server.org, "containers", []]), number)
    return "GET", f"{server.url}/containers?limit=100&cursor={cursor}"


def _since(server: Server, number: int) -> tuple[str, str]:
    return "GET", f"{server.url}/containers?limit=100&start={FIRST + number}"


def _hash(what: str, number: int) -> bytes:
    return hashlib.sha256(f"{what} {number}".encode()).digest()
