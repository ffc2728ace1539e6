"""A store in a folder: a file without a name, fsync, link, fsync of the folder.

The law of this file: nothing outside the root is read, written or removed, whatever a key says and whatever links
lie below it: every folder on the way is opened from the one above, following no link. A root without the mark that
was put there when it was made is not the store: the disk is not mounted.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tera.codec.output import Output, write_all
from tera.codec.source import FileSource
from tera.errors import NoSuchBlob, OutputExists, StoreUnavailable
from tera.storage.port import Blob, OpenBlob, Store, check_key

MARK: Final = ".tera-store"
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_FOLDER: Final = _FLAGS | os.O_DIRECTORY
_PARTIAL: Final = ".partial"
_FORGOTTEN: Final = 86_400
"""Seconds after which a temporary file is nobody's any more."""


class FolderStore(Store):
    """Blobs as files below `root`, which is made, mode 0700. Raises StoreUnavailable."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        with _translated("the store"):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not any(self.root.iterdir()):
                (self.root / MARK).touch(mode=0o600)
        self.check()

    def create(self, key: str) -> Output:
        check_key(key)
        *folders, name = key.split("/")
        with _translated(key):
            folder = self._make(folders)
            try:
                return _FolderOutput(key, folder, name)
            except BaseException:
                os.close(folder)
                raise

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

    def blobs(self, prefix: str = "") -> Iterator[Blob]:
        self.check()
        with _translated("the store"):
            yield from self._walk(self.root, "", prefix)

    def check(self) -> None:
        with _translated("the store"):
            os.close(self._open_root())

    def sweep(self) -> int:
        removed = 0
        oldest = time.time() - _FORGOTTEN
        self.check()
        with _translated("the store"):
            for _, _, names, folder in os.fwalk(self.root):
                for name in names:
                    if not name.startswith(".") or not name.endswith(_PARTIAL):
                        continue
                    with contextlib.suppress(FileNotFoundError):
                        if os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime < oldest:
                            os.unlink(name, dir_fd=folder)
                            removed += 1
        return removed

    def _open_root(self) -> int:
        """Return a descriptor of the root. Raises StoreUnavailable for one that is not the store."""
        try:
            root = os.open(self.root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        except FileNotFoundError:
            raise StoreUnavailable("the store's folder is not there: is the disk mounted?") from None
        try:
            os.stat(MARK, dir_fd=root, follow_symlinks=False)
        except FileNotFoundError:
            os.close(root)
            raise StoreUnavailable(
                f"the store's folder is not the one that was made: {MARK} is missing", hint="is the disk mounted?"
            ) from None
        return root

    def _make(self, folders: list[str]) -> int:
        """Return a descriptor of the last folder; those that are missing are made, each durable in the one above."""
        fd = self._open_root()
        for name in folders:
            with _closing_if_raised(fd), contextlib.suppress(FileExistsError):
                os.mkdir(name, mode=0o700, dir_fd=fd)
                os.fsync(fd)
            fd = _enter(fd, name)
        return fd

    @contextlib.contextmanager
    def _below(self, folders: list[str]) -> Iterator[int]:
        fd = self._open_root()
        for name in folders:
            fd = _enter(fd, name)
        try:
            yield fd
        finally:
            os.close(fd)

    def _walk(self, folder: Path, above: str, prefix: str) -> Iterator[Blob]:
        with os.scandir(folder) as entries:
            for entry in entries:
                key = above + entry.name
                if entry.name.startswith(".") or not (key.startswith(prefix) or prefix.startswith(key)):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from self._walk(folder / entry.name, f"{key}/", prefix)
                elif key.startswith(prefix) and entry.is_file(follow_symlinks=False):
                    with contextlib.suppress(FileNotFoundError):
                        status = entry.stat(follow_symlinks=False)
                        yield Blob(key, status.st_size, int(status.st_mtime))


class _FolderOutput(Output):
    """A blob that is being written, in a folder that stays open: what happens to the path meanwhile does not matter."""

    ordered = False

    def __init__(self, key: str, folder: int, name: str) -> None:
        self._key = key
        self._folder = folder
        self._name = name
        self._partial: str | None = None
        flags = os.O_RDWR | os.O_CLOEXEC
        try:
            self._fd = os.open(".", flags | os.O_TMPFILE, 0o600, dir_fd=folder)
        except OSError:  # a file system without files without a name
            self._partial = f".{name}.{secrets.token_hex(4)}{_PARTIAL}"
            self._fd = os.open(self._partial, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        with _translated(self._key):
            write_all(self._fd, offset, data)

    def commit(self) -> None:
        try:
            with _translated(self._key):
                os.fsync(self._fd)
                try:
                    self._link()
                except FileExistsError:
                    raise OutputExists(f"{self._key} exists") from None
                os.fsync(self._folder)
        finally:
            self.abort()

    def abort(self) -> None:
        if self._fd < 0:
            return
        os.close(self._fd)
        if self._partial is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._partial, dir_fd=self._folder)
        os.close(self._folder)
        self._fd = self._folder = -1

    def _link(self) -> None:
        """Give the file its name, unless somebody has it."""
        if self._partial is not None:
            os.link(self._partial, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            return
        # linkat through /proc: the other way, by an empty path, needs a privilege
        source = f"/proc/self/fd/{self._fd}"
        os.link(source, self._name, dst_dir_fd=self._folder, follow_symlinks=True)


def _enter(fd: int, name: str) -> int:
    """Return a descriptor of the folder `name` in the folder `fd`, which is closed."""
    try:
        return os.open(name, _FOLDER, dir_fd=fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def _closing_if_raised(fd: int) -> Iterator[None]:
    try:
        yield
    except BaseException:
        os.close(fd)
        raise


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise NoSuchBlob(f"{what} is not in the store") from None
    except OSError as error:
        raise StoreUnavailable(f"{what}: {error.strerror or error}") from None
