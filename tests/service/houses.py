"""An organisation behind the application, for tests: its first key is Ann's, who owns what she seals."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from httpx import Response

from tera.audit.events import Event, parse_event
from tera.audit.log import Query
from tera.catalog.log import OrgLog
from tera.library import identity
from tera.library.library import Library, Principal
from tera.service.app import make_app

ANN, BOB, EVE = "ann@example.org", "bob@example.org", "eve@example.net"
ADDRESS = "203.0.113.7"


class Client:
    """Asks an application in this process, from any thread, as if from `ADDRESS`; its loop has a thread."""

    def __init__(self, app: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        transport = httpx.ASGITransport(app, client=(ADDRESS, 50_000))
        self._client = httpx.AsyncClient(transport=transport, base_url="http://tera.test")

    def request(self, method: str, path: str, **more: Any) -> Response:
        return asyncio.run_coroutine_threadsafe(self._client.request(method, path, **more), self._loop).result()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._loop.shutdown_default_executor(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class House:
    """One organisation and a client of its application; `ann` is the token of its first key."""

    def __init__(self, library: Library, *, email: str = ANN, **options: Any) -> None:
        self.library = library
        self.org, made = identity.create_org(library, "Acme", email)
        self.key, self.ann = made.key, made.token
        self.principal = Principal(made.key, self.org)
        self.app = make_app(library, **options)
        self.client = Client(self.app)
        self.room = Path(tempfile.mkdtemp(prefix="tera-house-"))

    def __enter__(self) -> House:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        shutil.rmtree(self.room)

    @property
    def url(self) -> str:
        return f"/orgs/{self.org.id}"

    def token(self, owner: str, *scopes: str, **more: Any) -> str:
        """Make a key that acts as `owner`."""
        return identity.create_key(
            self.library, self.principal, name="key", owner=owner, scopes=frozenset(scopes), **more
        ).token

    def ask(self, method: str, path: str, token: str | None = None, **more: Any) -> Response:
        """Ask for a path below the organisation's, as Ann unless told."""
        headers = {"Authorization": f"Bearer {token or self.ann}", **more.pop("headers", {})}
        return self.client.request(method, self.url + path, headers=headers, **more)

    def get(self, path: str, token: str | None = None, **more: Any) -> Response:
        return self.ask("GET", path, token, **more)

    def encode(
        self,
        files: Mapping[str, bytes] | Sequence[str] = ("a.txt",),
        token: str | None = None,
        **manifest: Any,
    ) -> str:
        """Seal files (by name, or with their names as content) under a manifest; return the container's id."""
        content = files if isinstance(files, Mapping) else {name: name.encode() for name in files}
        text = json.dumps({"container_name": "Q3", "files": list(content), **manifest})
        parts = [("manifest", ("manifest", text, "application/json"))]
        parts += [("files", (name, data, "text/plain")) for name, data in content.items()]  # type: ignore[misc]
        answer = self.ask("POST", "/containers/encode", token, files=parts)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["container"]["uuid"])

    def events(self, *kinds: str) -> list[Event]:
        """Return the events of these kinds, the oldest first."""
        with self.library.catalog.reading() as db:
            found = OrgLog(db, self.org.id).find(Query(kinds=kinds))
        return [parse_event(one.data) for one in found]
