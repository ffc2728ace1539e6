"""`tera serve` is killed at any moment of an encode, a block, a change of rules, a delete: each is there whole, or not
at all; what was answered is there; no half blob is visible, and the log verifies.

SIGKILL leaves what the process wrote to the page cache; that a commit is on the disk is `synchronous = FULL`, which
`tests/catalog` shows to be on. TERA_KILLS says how often (`make strangers`: hundreds).
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tera.catalog import containers
from tera.library.check import verify
from tera.library.events import Wanted, every
from tera.library.identity import authenticate
from tera.library.installation import Installation
from tera.library.library import Library, Principal
from tera.service.app import make_app
from tests.service.houses import Client
from tests.service.processes import Service, first_key, serving

KILLS = int(os.environ.get("TERA_KILLS", "4"))
SEED = int(os.environ.get("TERA_KILLS_SEED", "1"))
KEY = "ab" * 32
ENV = {"TERA_MASTER_KEY": KEY}
PHASE = 0.4
"""Seconds within which the process dies, from the first answer on."""


@dataclass
class Known:
    """What a client knows of one container: what was answered last, and what was asked and not answered."""

    content: bytes
    id: str = ""
    said: dict[str, Any] = field(default_factory=lambda: {"status": "ACTIVE", "opens": 9, "there": True})
    asked: dict[str, Any] = field(default_factory=dict)
    left: bool = False
    """Whether it was killed while it deleted this: gc finds the bytes, if they are there."""

    def may_be(self, what: str) -> set[Any]:
        return {self.said[what]} | ({self.asked[what]} if what in self.asked else set())


class Worker(threading.Thread):
    """Asks one thing after another, about containers of its own, until nobody answers."""

    def __init__(self, service: Service, org: str, token: str, seed: str) -> None:
        super().__init__(daemon=True)
        self._service, self._base, self._token = service, f"/orgs/{org}/containers", token
        self._random = random.Random(seed)
        self.known: list[Known] = []
        self.began = threading.Event()

    def run(self) -> None:
        try:
            while True:
                self._step()
        except (OSError, http.client.HTTPException):
            return  # it was killed

    def _step(self) -> None:
        there = [one for one in self.known if one.id and one.said["there"]]
        if not there or self._random.random() < 0.3:
            self._encode()
            return
        one = self._random.choice(there)
        kind = self._random.choice(["block", "unblock", "rules", "delete"])
        if kind == "rules":
            opens = self._random.randrange(1, 1_000)
            self._change(one, "PATCH", "/drm", {"opens": opens}, json.dumps({"opens": opens}).encode())
        elif kind == "delete":
            self._change(one, "DELETE", "", {"there": False})
        elif kind == "block":
            self._change(one, "PUT", "/block", {"status": "BLOCKED"})
        else:
            self._change(one, "DELETE", "/block", {"status": "ACTIVE"})

    def _encode(self) -> None:
        one = Known(self._random.randbytes(self._random.choice([10, 10, 300_000, 2_500_000])))
        self.known.append(one)
        name = f"{id(one):x}"
        manifest = {"container_name": name, "drm": {"opens": 9}, "dynamic": True}
        head = f"--b\r\nContent-Disposition: form-data; name=manifest\r\n\r\n{json.dumps(manifest)}\r\n"
        head += '--b\r\nContent-Disposition: form-data; name=files; filename="a.bin"\r\n\r\n'
        status, body = self._service.ask(
            "POST",
            f"{self._base}/encode",
            self._token,
            head.encode() + one.content + b"\r\n--b--\r\n",
            **{"Content-Type": "multipart/form-data; boundary=b"},
        )
        assert status == 200, body
        self.began.set()
        one.id = json.loads(body)["container"]["uuid"]

    def _change(self, one: Known, method: str, path: str, asked: dict[str, Any], body: bytes | None = None) -> None:
        one.asked = asked
        status, answer = self._service.ask(method, f"{self._base}/{one.id}{path}", self._token, body)
        assert status in (200, 204), answer
        one.said |= asked
        one.asked = {}


def check(library: Library, principal: Principal, token: str, known: list[Known]) -> None:
    """Compare everything that is there with what was answered and asked. A fresh process sees the same files."""
    assert [one for one in verify(library) if one.wrong is not None] == []
    with library.catalog.reading() as db:
        rows = {row.id: row for row in containers.every(db)}
    by_id = {one.id: one for one in known if one.id}
    assert set(by_id) <= set(rows), "what was answered is not there"
    unanswered = [one.content for one in known if not one.id]
    client = Client(make_app(library))
    headers = {"Authorization": f"Bearer {token}"}
    try:
        for row in rows.values():
            one = by_id.get(row.id)
            if one is not None:
                assert (row.status != "DELETED") in one.may_be("there")
            if row.status == "DELETED":
                continue
            if one is not None:
                assert row.status in one.may_be("status")
                assert row.drm["opens"] in one.may_be("opens")
            if row.status == "ACTIVE":
                got = client.request("GET", f"/orgs/{row.org_id}/containers/{row.id}/decode/a.bin", headers=headers)
                assert got.status_code == 200, got.text
                assert got.content == one.content if one is not None else got.content in unanswered
    finally:
        client.close()
    blobs = {one.key: one.size for one in library.store.blobs()}
    for row in rows.values():
        if row.status != "DELETED":
            assert blobs[row.blob] == row.size
        elif not by_id[row.id].left:
            assert row.blob not in blobs, "what was deleted, and answered, is still there"
    kinds: dict[str, list[str]] = {}
    for found in every(library, principal, Wanted(kinds=("create", "delete", "block", "unblock", "drm"))):
        kinds.setdefault(str(found.event.extra["uuid"]), []).append(found.event.kind)
    assert set(kinds) == set(rows), "rows and events are not of the same containers"
    for row in rows.values():
        told = kinds[row.id]
        assert told.count("create") == 1
        assert ("delete" in told) == (row.status == "DELETED")
        assert told.count("drm") == row.version - 1
        if row.status != "DELETED":
            assert (told.count("block") - told.count("unblock") == 1) == (row.status == "BLOCKED")


def test_killed_at_any_moment_every_change_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    data, draw = tmp_path / "data", random.Random(SEED)
    made = first_key(data, env=ENV)
    known: list[Known] = []
    for number in range(KILLS):
        with serving(data, "--no-periodic", env=ENV) as service:
            workers = [Worker(service, made["org_id"], made["token"], f"{SEED} {number} {which}") for which in range(2)]
            for worker in workers:
                worker.start()
            if number % 4:  # else it dies in its first moments
                assert any(worker.began.wait(30) for worker in workers)
            time.sleep(draw.uniform(0, PHASE))
            service.tell(signal.SIGKILL)
            assert service.ended() == -signal.SIGKILL
            for worker in workers:
                worker.join(30)
                assert not worker.is_alive()
                known += worker.known
        for one in known:
            one.left |= "there" in one.asked
        library = Installation(data).library(bytes.fromhex(KEY))
        try:
            key, org = authenticate(library, f"Bearer {made['token']}")
            check(library, Principal(key, org), made["token"], known)
            settle(library, known)
        finally:
            library.catalog.close()
    assert sum(bool(one.id) for one in known) > 0, "nothing was done before it was killed"


def settle(library: Library, known: list[Known]) -> None:
    """What was in doubt is not any more, after a look at what is there."""
    with library.catalog.reading() as db:
        rows = {row.id: row for row in containers.every(db)}
    for one in known:
        if one.id:
            row = rows[one.id]
            one.said = {"there": row.status != "DELETED", "status": row.status, "opens": row.drm.get("opens")}
            one.asked = {}
