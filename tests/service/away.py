"""Stores and catalogs that go away and come back, when a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tera.catalog.engine import Catalog, Connection
from tera.codec.output import Output
from tera.errors import CatalogUnavailable, StoreUnavailable
from tera.storage.folder import FolderStore
from tera.storage.port import Blob, OpenBlob

WORDS = "connection to server at 10.1.2.3, port 5432 failed, user tera, /var/lib/tera"
"""What a driver says: nobody outside is told."""


class AwayCatalog(Catalog):
    """A catalog that answers, or does not, or does not say whether it has committed."""

    away = False
    silent = False
    """Whether each commit is done, and its answer lost."""

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        self._look()
        with super().reading() as connection:
            yield connection

    @contextmanager
    def writing(self, org_id: str = "") -> Iterator[Connection]:
        self._look()
        with super().writing(org_id) as connection:
            yield connection
        if self.silent:
            raise CatalogUnavailable(f"the catalog does not answer: {WORDS}")

    def check_version(self) -> None:
        self._look()
        super().check_version()

    def _look(self) -> None:
        if self.away:
            raise CatalogUnavailable(f"the catalog does not answer: {WORDS}")


class AwayStore(FolderStore):
    """A store that answers, or does not; or is full after so many bytes."""

    away = False
    room: int | None = None

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._look()

    def create(self, key: str) -> Output:
        self._look()
        return _Full(super().create(key), self)

    def open(self, key: str) -> OpenBlob:
        self._look()
        return super().open(key)

    def delete(self, key: str) -> None:
        self._look()
        super().delete(key)

    def blobs(self, prefix: str = "") -> Iterator[Blob]:
        self._look()
        yield from super().blobs(prefix)

    def check(self) -> None:
        self._look()
        super().check()

    def _look(self) -> None:
        if self.away:
            raise StoreUnavailable(f"{WORDS}: Input/output error")


class _Full(Output):
    ordered = True

    def __init__(self, output: Output, store: AwayStore) -> None:
        self._output, self._store, self._size = output, store, 0

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        self._store._look()
        self._size += len(data)
        if self._store.room is not None and self._size > self._store.room:
            raise StoreUnavailable(f"{WORDS}: No space left on device")
        self._output.write_at(offset, data)

    def commit(self) -> None:
        self._store._look()
        if self._store.room == 0:
            self.abort()
            raise StoreUnavailable(f"{WORDS}: No space left on device")
        self._output.commit()

    def abort(self) -> None:
        self._output.abort()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)
