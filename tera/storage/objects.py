"""A store in an object store: S3, GCS or Azure, through obstore.

The law of this file: it is the one door to obstore. A blob is there whole or not at all, and what is there is not
replaced: up to one part by the server's own "create only", and a longer one by looking before it is completed. Only
of two who write one long blob in the same instant the later one is kept; keys are never given twice. Credentials are
those of the configuration; what lies around in the environment, or at a cloud's metadata address, is never asked.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Final, NoReturn

import obstore
from obstore.exceptions import AlreadyExistsError, NotFoundError
from obstore.store import from_url

from tera.codec.output import Output
from tera.errors import BadInput, LimitExceeded, NoSuchBlob, OutputExists, StoreUnavailable, TeraError
from tera.storage.port import Blob, OpenBlob, Store, check_key

PART: Final = 8 << 20
"""Bytes of a part."""
LONGEST: Final = PART * 10_000
"""Bytes of a blob: an S3 object has at most 10,000 parts."""
READ: Final = 8 << 20
CONCURRENT: Final = 2
"""Parts that are sent at once."""
RETRY: Final[dict[str, Any]] = {"max_retries": 4, "retry_timeout": timedelta(seconds=20)}
"""The library's own default hides a full or missing store for three minutes."""
_AMBIENT: Final = ("AWS_", "AZURE_", "GOOGLE_", "MSI_", "IDENTITY_")
_ENVIRONMENT: Final = threading.Lock()
_EXPLICIT: Final = {
    "s3": ("access_key_id", "aws_access_key_id"),
    "s3a": ("access_key_id", "aws_access_key_id"),
    "gs": ("service_account_key", "service_account_path", "service_account", "google_service_account"),
    "az": ("account_key", "sas_key", "client_secret"),
    "azure": ("account_key", "sas_key", "client_secret"),
}


class ObjectStore(Store):
    """Blobs as objects below `url` (`s3://bucket/prefix`). `options` are the store's own, credentials among them.

    Without credentials requests are not signed. Raises BadInput for an address that is none.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        if not url.isprintable():
            raise BadInput("the address of the object store is not printable")
        given: dict[str, Any] = {"retry_config": RETRY, **(options or {})}
        names = _EXPLICIT.get(url.partition(":")[0], ())
        if names and not any(name in given for name in names):
            given.setdefault("skip_signature", True)
        try:
            with _no_ambient_credentials():
                self._store = from_url(url, **given)
        except Exception as error:  # of many kinds, by store
            raise BadInput(f"the address of the object store: {_words(error)}") from None

    def create(self, key: str) -> Output:
        check_key(key)
        return _ObjectOutput(self._store, key)

    def open(self, key: str) -> OpenBlob:
        check_key(key)
        with _translated(key):
            size = obstore.head(self._store, key)["size"]
        return _Object(self._store, key, size)

    def delete(self, key: str) -> None:
        check_key(key)
        try:
            with _translated(key):
                obstore.delete(self._store, key)
        except NoSuchBlob:
            pass

    def blobs(self, prefix: str = "") -> Iterator[Blob]:
        folder = prefix.rpartition("/")[0]
        with _translated("the list of blobs", whole=True):
            for batch in obstore.list(self._store, folder or None):
                for one in batch:
                    if one["path"].startswith(prefix):
                        yield Blob(one["path"], one["size"], int(one["last_modified"].timestamp()))

    def check(self) -> None:
        with _translated("the store", whole=True):
            next(iter(obstore.list(self._store, chunk_size=1)), None)

    def sweep(self) -> int:
        """Return 0: parts that a killed writer left are seen by nobody here. A rule of the bucket removes them."""
        self.check()
        return 0


class _Object:
    """See `OpenBlob`."""

    def __init__(self, store: Any, key: str, size: int) -> None:
        self._store = store
        self._key = key
        self.size = size

    def read_at(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        pieces = []
        while length:
            step = min(length, READ)
            with _translated(self._key):
                piece = bytes(obstore.get_range(self._store, self._key, start=offset, length=step))
            if not piece:
                break
            pieces.append(piece)
            offset, length = offset + len(piece), length - len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read_into(self, offset: int, out: memoryview) -> int:
        data = self.read_at(offset, len(out))
        out[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Nothing is held."""


class _ObjectOutput(Output):
    """Keeps the first part; what is longer goes, in order, to a thread that puts it part by part.

    The library puts with "create only" what it has whole in memory, and nothing else (measured: 400 MiB took 446): so a
    longer blob is looked for before its first part is sent, and again before its last.
    """

    ordered = True

    def __init__(self, store: Any, key: str) -> None:
        self._store = store
        self._key = key
        self._at = 0
        self._first = bytearray()
        self._pieces: queue.Queue[bytes | None] = queue.Queue(maxsize=4)
        self._error: Exception | None = None
        self._aborted = False
        self._thread: threading.Thread | None = None

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        if offset != self._at:
            raise ValueError("an ordered output is written in order")
        self._at += len(data)
        if self._at > LONGEST:
            raise LimitExceeded(f"a blob in this store has at most {LONGEST:,} bytes")
        if self._at <= PART:
            self._first += data
            return
        if self._thread is None:
            self._refuse_existing()
            self._thread = threading.Thread(target=self._put, name=f"put {self._key}", daemon=True)
            self._thread.start()
        if not self._give(bytes(data)):
            self._raise(self._error or RuntimeError("it takes no more"))

    def commit(self) -> None:
        if self._thread is None:
            try:
                obstore.put(self._store, self._key, bytes(self._first), mode="create", use_multipart=False)
            except Exception as error:
                self._raise(error)
            return
        try:
            self._refuse_existing()
        except BaseException:
            self.abort()
            raise
        self._give(None)
        self._thread.join()
        if self._error is not None:
            self._raise(self._error)

    def abort(self) -> None:
        self._aborted = True
        self._first.clear()
        if self._thread is not None:
            self._give(None)
            self._thread.join()

    def _refuse_existing(self) -> None:
        with suppress(NoSuchBlob), _translated(self._key):
            obstore.head(self._store, self._key)
            raise OutputExists(f"{self._key} exists")

    def _give(self, piece: bytes | None) -> bool:
        """Hand over a piece, None for the end; say whether anybody takes it."""
        while self._thread is not None and self._thread.is_alive():
            try:
                self._pieces.put(piece, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def _raise(self, error: Exception) -> NoReturn:
        if isinstance(error, AlreadyExistsError | FileExistsError):
            raise OutputExists(f"{self._key} exists") from None
        raise _unavailable(self._key, error) from None

    def _parts(self) -> Iterator[bytes]:
        yield bytes(self._first)
        while (piece := self._pieces.get()) is not None:
            if self._aborted:
                break
            yield piece
        if self._aborted:
            raise _Aborted

    def _put(self) -> None:
        try:
            obstore.put(
                self._store, self._key, self._parts(), use_multipart=True, chunk_size=PART, max_concurrency=CONCURRENT
            )
        except Exception as error:
            self._error = error


class _Aborted(Exception):
    """The blob is not wanted any more."""


@contextmanager
def _no_ambient_credentials() -> Iterator[None]:
    """Hide from the library what it would take from the environment. It reads it when a store is made, once."""
    with _ENVIRONMENT:
        hidden = {name: value for name, value in os.environ.items() if name.upper().startswith(_AMBIENT)}
        for name in hidden:
            del os.environ[name]
        try:
            yield
        finally:
            os.environ.update(hidden)


@contextmanager
def _translated(what: str, *, whole: bool = False) -> Iterator[None]:
    """Say what a failure is; where the `whole` store is meant, one that is not found is away."""
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        if whole:
            raise _unavailable(what, error) from None
        raise NoSuchBlob(f"{what} is not in the store") from None
    except (GeneratorExit, TeraError):
        raise
    except Exception as error:  # of many kinds, by store
        raise _unavailable(what, error) from None


def _unavailable(what: str, error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"{what}: the object store does not answer: {_words(error)}")


def _words(error: Exception) -> str:
    """Return the first line of a library's error, without the address in it, which strangers need not know; the other
    lines quote headers and bodies."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0].partition("<")[0]
    return " ".join("..." if "://" in word else word for word in line.split())[:200]
