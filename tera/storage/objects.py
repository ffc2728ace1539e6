"""A store in an object store: S3, GCS or Azure, through obstore.

The law of this file: it is the one door to obstore. A blob is put with "create only", in parts, by one thread; so it
is there whole or not at all, and what is there is never replaced. Credentials are those of the URL's configuration,
never what lies around in the environment.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import obstore
from obstore.exceptions import AlreadyExistsError, NotFoundError
from obstore.store import from_url

from tera.codec.output import Output
from tera.errors import BadInput, NoSuchBlob, OutputExists, StoreUnavailable
from tera.storage.port import Blob, OpenBlob, Store, check_key

PART: Final = 8 << 20
"""Bytes of a part; an S3 object has at most 10,000 of them, so 78 GiB."""
READ: Final = 8 << 20
RETRY: Final[dict[str, Any]] = {"max_retries": 4, "retry_timeout": timedelta(seconds=20)}
"""The library's own default hides a full or missing store for three minutes."""


class ObjectStore(Store):
    """Blobs as objects below `url` (`s3://bucket/prefix`). `options` are the store's own, credentials among them.

    Raises BadInput for an address that is none.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        try:
            self._store = from_url(url, retry_config=RETRY, **dict(options or {}))  # type: ignore[call-overload]
        except Exception as error:  # of many kinds, by store
            raise BadInput(f"the address of the object store: {_words(error)}") from None

    def create(self, key: str) -> Output:
        check_key(key)
        return _ObjectOutput(self._store, key)

    def open(self, key: str) -> OpenBlob:
        check_key(key)
        try:
            size = obstore.head(self._store, key)["size"]
        except (NotFoundError, FileNotFoundError):
            raise NoSuchBlob(f"{key} is not in the store") from None
        except Exception as error:
            raise _unavailable(key, error) from None
        return _Object(self._store, key, size)

    def delete(self, key: str) -> None:
        check_key(key)
        try:
            obstore.delete(self._store, key)
        except (NotFoundError, FileNotFoundError):
            pass
        except Exception as error:
            raise _unavailable(key, error) from None

    def blobs(self, prefix: str = "", after: str = "") -> Iterator[Blob]:
        folder = prefix.rpartition("/")[0]
        try:
            found = obstore.list(self._store, folder or None, offset=after or None)
            for batch in found:
                for one in batch:
                    if one["path"].startswith(prefix) and one["path"] > after:
                        yield Blob(one["path"], one["size"], int(one["last_modified"].timestamp()))
        except Exception as error:
            raise _unavailable("the list of blobs", error) from None

    def check(self) -> None:
        try:
            next(iter(obstore.list(self._store, chunk_size=1)), None)
        except Exception as error:
            raise _unavailable("the store", error) from None


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
            try:
                piece = bytes(obstore.get_range(self._store, self._key, start=offset, length=step))
            except (NotFoundError, FileNotFoundError):
                raise NoSuchBlob(f"{self._key} is not in the store any more") from None
            except Exception as error:
                raise _unavailable(self._key, error) from None
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
    """Hands what is written, in order, to a thread that puts it; at most a few parts are in memory."""

    ordered = True

    def __init__(self, store: Any, key: str) -> None:
        self._key = key
        self._at = 0
        self._pieces: queue.Queue[bytes | None] = queue.Queue(maxsize=4)
        self._error: Exception | None = None
        self._aborted = False
        self._thread = threading.Thread(target=self._put, args=(store,), name=f"put {key}", daemon=True)
        self._thread.start()

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        if offset != self._at:
            raise ValueError("an ordered output is written in order")
        self._at += len(data)
        self._give(bytes(data))

    def commit(self) -> None:
        self._give(None)
        self._thread.join()
        if isinstance(self._error, AlreadyExistsError | FileExistsError):
            raise OutputExists(f"{self._key} exists")
        if self._error is not None:
            raise _unavailable(self._key, self._error)

    def abort(self) -> None:
        self._aborted = True
        if self._thread.is_alive():
            self._give(None)
            self._thread.join()

    def _give(self, piece: bytes | None) -> None:
        while self._thread.is_alive():
            try:
                self._pieces.put(piece, timeout=0.2)
                return
            except queue.Full:
                continue
        if piece is not None:
            self.commit_error()

    def commit_error(self) -> None:
        """Raise why putting has ended before the blob did."""
        if isinstance(self._error, AlreadyExistsError | FileExistsError):
            raise OutputExists(f"{self._key} exists")
        raise _unavailable(self._key, self._error or RuntimeError("putting ended early"))

    def _parts(self) -> Iterator[bytes]:
        while (piece := self._pieces.get()) is not None:
            yield piece
        if self._aborted:
            raise _Aborted

    def _put(self, store: Any) -> None:
        try:
            obstore.put(store, self._key, self._parts(), mode="create", chunk_size=PART, max_concurrency=2)
        except Exception as error:
            self._error = error


class _Aborted(Exception):
    """The blob is not wanted any more."""


def _unavailable(what: str, error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"{what}: the object store does not answer: {_words(error)}")


def _words(error: Exception) -> str:
    """Return the first line of a library's error; it may quote headers and bodies in the others."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
