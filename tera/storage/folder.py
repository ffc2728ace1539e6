"""A store in a folder: temporary file, fsync, link, fsync of the folder.

The law of this file: nothing outside the root is read, written or removed, whatever a key says and whatever links
lie below it: every folder on the way is opened from the one above, following no link.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tera.codec.output import FileOutput, sync_directory
from tera.codec.source import FileSource
from tera.errors import NoSuchBlob, StoreUnavailable
from tera.storage.port import Blob, OpenBlob, Store, check_key

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_PARTIAL: Final = ".partial"
_FORGOTTEN: Final = 86_400
"""Seconds after which a temporary file is nobody's any more."""


class FolderStore(Store):
    """Blobs as files below `root`, which is made, mode 0700. Raises StoreUnavailable."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        with _translated("the store"):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def create(self, key: str) -> FileOutput:
        check_key(key)
        folder = self.root.joinpath(*key.split("/")[:-1])
        with _translated(key):
            self._make(folder)
        return FileOutput(self.root / key)

    def open(self, key: str) -> OpenBlob:
        check_key(key)
        *folders, name = key.split("/")
        with _translated(key), self._below(folders) as folder:
            fd = os.open(name, _FLAGS | os.O_NONBLOCK, dir_fd=folder)
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                os.close(fd)
                raise StoreUnavailable(f"{key}: not a regular file: somebody else writes into the store")
        return FileSource(fd, key, owned=True)

    def delete(self, key: str) -> None:
        check_key(key)
        *folders, name = key.split("/")
        with contextlib.suppress(NoSuchBlob), _translated(key), self._below(folders) as folder:
            os.unlink(name, dir_fd=folder)
            os.fsync(folder)

    def blobs(self, prefix: str = "", after: str = "") -> Iterator[Blob]:
        with _translated("the store"):
            yield from self._walk(self.root, "", prefix, after)

    def check(self) -> None:
        with _translated("the store"):
            os.close(os.open(self.root, _FLAGS | os.O_DIRECTORY))

    def sweep(self) -> int:
        """Remove the temporary files that a killed writer left a day ago; return how many."""
        removed = 0
        oldest = time.time() - _FORGOTTEN
        with _translated("the store"):
            for folder, _, names in os.walk(self.root):
                for name in names:
                    path = os.path.join(folder, name)
                    if name.startswith(".") and name.endswith(_PARTIAL) and os.lstat(path).st_mtime < oldest:
                        os.unlink(path)
                        removed += 1
        return removed

    def _make(self, folder: Path) -> None:
        """Make a folder and those above it, each durable in the one above."""
        if folder == self.root or folder.is_dir():
            return
        self._make(folder.parent)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        sync_directory(os.fspath(folder.parent))

    @contextlib.contextmanager
    def _below(self, folders: list[str]) -> Iterator[int]:
        fd = os.open(self.root, _FLAGS | os.O_DIRECTORY)
        try:
            for name in folders:
                inner = os.open(name, _FLAGS | os.O_DIRECTORY, dir_fd=fd)
                os.close(fd)
                fd = inner
            yield fd
        finally:
            os.close(fd)

    def _walk(self, folder: Path, above: str, prefix: str, after: str) -> Iterator[Blob]:
        """Yield in the order of keys: a folder's name counts with its slash, which sorts after '-' and '.'."""
        with os.scandir(folder) as found:
            entries = sorted(
                (f"{above}{one.name}/" if one.is_dir(follow_symlinks=False) else above + one.name, one)
                for one in found
                if not one.name.startswith(".")
            )
        for key, entry in entries:
            if not (key.startswith(prefix) or prefix.startswith(key)):
                continue
            if key.endswith("/"):
                if not after.startswith(key) and key < after:
                    continue
                yield from self._walk(folder / entry.name, key, prefix, after)
            elif key > after and key.startswith(prefix) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    yield Blob(key, status.st_size, int(status.st_mtime))


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NoSuchBlob(f"{what} is not in the store") from None
    except OSError as error:
        raise StoreUnavailable(f"{what}: {error.strerror or error}") from None
