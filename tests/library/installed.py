"""Installations for tests: on a SQLite file and a folder, and on the servers that `.ci/servers` starts."""

from __future__ import annotations

import io
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tera.catalog.containers import Row
from tera.catalog.migrate import migrate
from tera.library import identity, seal
from tera.library.installation import Installation
from tera.library.keystore import WrappedKeys
from tera.library.library import Library, Principal
from tests.catalog.databases import empty
from tests.storage.stores import s3

KINDS = ("embedded", "servers")
MASTER = bytes(range(32))
ANN = "ann@example.org"


class Installed:
    """A library, where it is, and an organisation in it once somebody asks for `ann`."""

    def __init__(self, installation: Installation, master: bytes = MASTER) -> None:
        self.installation = installation
        self.library: Library = installation.library(master)
        migrate(self.library.catalog)
        self.keys: WrappedKeys = installation.keys(self.library.catalog, master)

    def principal(self, email: str = ANN) -> Principal:
        """Make an organisation, and return who asks with its first key."""
        org, made = identity.create_org(self.library, "Acme", email)
        return Principal(made.key, org)

    def add(self, who: Principal, name: str = "Q3", content: bytes = b"hello") -> Row:
        """Seal a container."""
        manifest = json.dumps({"container_name": name, "tags": ["a", "b"]}).encode()
        parts = [seal.Part("a.txt", "text/plain", io.BytesIO(content))]
        return seal.encode(self.library, who, manifest, parts).row


@contextmanager
def installed(kind: str, folder: Path, master: bytes = MASTER) -> Iterator[Installed]:
    """Give an empty installation; the test skips by name where a server is not here."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "embedded":
        made = Installed(Installation(folder), master)
        yield made
        made.library.catalog.close()
        return
    url, options = s3()
    with empty("postgresql", folder) as database:
        made = Installed(Installation(folder, database, f"{url}/{uuid.uuid4().hex}", options), master)
        yield made
        made.library.catalog.close()


def age(made: Installed, seconds: int) -> Library:
    """Return the library as it will be then."""
    from dataclasses import replace

    now = made.library.clock
    return replace(made.library, clock=lambda: now() + seconds)


def files(folder: Path) -> set[str]:
    return {os.fspath(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
