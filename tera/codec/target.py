"""The folder that is extracted to: names are planned before anything is written, and nothing leaves it.

The law of this file: every file is created below the folder by names relative to open directories, no
link is followed, no two entries land in one file, and what exists is kept unless the caller says so.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tera.codec.output import write_all
from tera.errors import OutputExists, OutputUnavailable, UnsafeTarget
from tera.format.records import EntryHead

_OPEN_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CACHED_DIRECTORIES: Final = 64
_DEVICES: Final = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}


@dataclass(frozen=True, slots=True)
class Naming:
    """What a file system does with names: found by `probe`, or given."""

    folds_case: bool = False
    normalises: bool = False
    windows: bool = False

    def key(self, path: str) -> str:
        """Return what two paths have in common if they land in one file."""
        if self.normalises:
            path = unicodedata.normalize("NFC", path)
        if self.folds_case:
            path = path.casefold()
        return path

    def fits(self, part: str) -> bool:
        """Say whether the file system takes a name as it is."""
        if not self.windows:
            return True
        device = part.split(".", maxsplit=1)[0].casefold() in _DEVICES
        return not (device or set(part) & set(':*?"<>|') or part[-1] in ". ")


def probe(folder: str) -> Naming:
    """Find out what the file system under `folder` does with names, by making a file there."""
    stem = f".tera-{secrets.token_hex(4)}"
    folds = _same(folder, stem + "-aB", stem + "-Ab")
    normalises = _same(folder, stem + "-\u00e9", stem + "-e\u0301")
    return Naming(folds_case=folds, normalises=normalises, windows=os.name == "nt")


def _same(folder: str, name: str, twin: str) -> bool:
    path = os.path.join(folder, name)
    try:
        os.close(os.open(path, _CREATE, 0o600))
    except OSError as error:
        raise OutputUnavailable(f"{folder}: {error.strerror or error}") from None
    try:
        return os.path.lexists(os.path.join(folder, twin))
    finally:
        os.unlink(path)


def plan(paths: Iterable[str], naming: Naming, *, rename: bool) -> dict[str, str]:
    """Return another name for each path that needs one; nothing for the others.

    Raises UnsafeTarget when one does and `rename` is off.
    """
    if naming == Naming():
        return {}
    renamed: dict[str, str] = {}
    taken: dict[str, str] = {}
    folders: dict[str, str] = {"": ""}
    for path in sorted(paths):
        parent, source = "", ""
        for part in path.split("/"):
            source = f"{source}/{part}" if source else part
            if source not in folders:
                folders[source] = _free(parent, part, naming, taken, source, rename=rename)
            parent = folders[source]
        if parent != path:
            renamed[path] = parent
    return renamed


def _free(parent: str, part: str, naming: Naming, taken: dict[str, str], source: str, *, rename: bool) -> str:
    def joined(name: str) -> str:
        return f"{parent}/{name}" if parent else name

    name = part
    if not naming.fits(part):
        if not rename:
            raise UnsafeTarget(f"{source!r}: this file system has no such name", hint="--rename gives it another")
        name = "".join("_" if char in ':*?"<>|' else char for char in part).rstrip(". ") or "_"
        name = f"_{name}" if name.split(".")[0].casefold() in _DEVICES else name
    number = 1
    candidate = name
    while naming.key(joined(candidate)) in taken:
        if not rename:
            twin = taken[naming.key(joined(candidate))]
            raise UnsafeTarget(
                f"{source!r} and {twin!r} would be one file here", hint="--rename gives one another name"
            )
        number += 1
        stem, dot, suffix = name.rpartition(".")
        candidate = f"{stem}~{number}.{suffix}" if dot and stem else f"{name}~{number}"
    taken[naming.key(joined(candidate))] = source
    return joined(candidate)


class TargetFolder:
    """A folder to extract to, made if it is missing. Methods are safe from any thread."""

    def __init__(self, path: str | os.PathLike[str], *, force: bool) -> None:
        self.path = os.fspath(path)
        self._force = force
        self._lock = threading.Lock()
        self._open: dict[str, int] = {}
        self._folders: list[tuple[str, EntryHead]] = []
        self._renamed: Mapping[str, str] = {}
        self._umask = _umask()
        try:
            os.makedirs(self.path, exist_ok=True)
            self._root = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            raise OutputUnavailable(f"{self.path}: {getattr(error, 'strerror', None) or error}") from None

    def prepare(self, paths: Iterable[str], *, rename: bool, naming: Naming | None = None) -> None:
        """Plan the names of all that will be written. Raises UnsafeTarget or OutputExists; nothing is written."""
        paths = list(paths)
        self._renamed = plan(paths, naming or probe(self.path), rename=rename)
        if self._force:
            return
        tops = {path: os.path.lexists(os.path.join(self.path, path)) for path in {p.split("/")[0] for p in paths}}
        for path in paths:
            where = self._renamed.get(path, path)
            if tops[path.split("/")[0]] or where != path:
                full = os.path.join(self.path, where)
                if os.path.lexists(full) and not (os.path.isdir(full) and not os.path.islink(full)):
                    raise OutputExists(f"{full} exists")

    def add_folder(self, head: EntryHead) -> None:
        """Make a folder; its mode and time are set at the end."""
        with self._lock, _translated(head.path):
            where = self._renamed.get(head.path, head.path)
            self._directory(where)
            self._folders.append((where, head))

    def write_whole(self, head: EntryHead, data: bytes | memoryview) -> None:
        """Write a file whose content has been verified."""
        if self._force:
            file = self.create(head)
            try:
                file.write_at(0, data)
                file.finish()
            except BaseException:
                file.discard()
                raise
            return
        where = self._renamed.get(head.path, head.path)
        parent, _, name = where.rpartition("/")
        with _translated(head.path), self._parent(parent) as folder:
            fd = os.open(name, _CREATE, 0o600, dir_fd=folder)
            try:
                if data:
                    write_all(fd, 0, data)
                self._stamp(fd, head)
            except BaseException:
                os.unlink(name, dir_fd=folder)
                raise
            finally:
                os.close(fd)

    def create(self, head: EntryHead) -> TargetFile:
        """Start a file under a temporary name."""
        where = self._renamed.get(head.path, head.path)
        parent, _, name = where.rpartition("/")
        temporary = f".{name[:40]}.{secrets.token_hex(4)}.partial"
        with _translated(head.path), self._parent(parent) as folder:
            fd = os.open(temporary, _CREATE, 0o600, dir_fd=folder)
        return TargetFile(self, head, fd, parent, temporary, name)

    def close(self, *, complete: bool) -> None:
        """Set the folders' modes and times, deepest first, if all went well; release everything."""
        try:
            if complete:
                with _translated("a folder"):
                    for where, head in sorted(self._folders, key=lambda pair: pair[0], reverse=True):
                        fd = self._directory(where)
                        self._stamp(fd, head)
        finally:
            for fd in self._open.values():
                os.close(fd)
            self._open.clear()
            os.close(self._root)

    def _stamp(self, fd: int, head: EntryHead) -> None:
        os.fchmod(fd, head.mode & ~self._umask)
        with contextlib.suppress(OverflowError, OSError):  # a time that this file system cannot hold
            os.utime(fd, ns=(head.mtime, head.mtime))

    @contextlib.contextmanager
    def _parent(self, where: str):  # type: ignore[no-untyped-def]
        """A folder's descriptor, ours until the block ends: the cache may close its own meanwhile."""
        with self._lock:
            fd = os.dup(self._directory(where))
        try:
            yield fd
        finally:
            os.close(fd)

    def _directory(self, where: str) -> int:
        """Return a descriptor of a folder below the target, made if missing; the lock is held."""
        if not where:
            return self._root
        found = self._open.get(where)
        if found is not None:
            return found
        parent, _, name = where.rpartition("/")
        above = self._directory(parent)
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o777, dir_fd=above)
        try:
            fd = os.open(name, _OPEN_DIRECTORY, dir_fd=above)
        except OSError as error:
            full = os.path.join(self.path, where)
            raise UnsafeTarget(f"{full}: is in the way: a link, or no folder ({error.strerror})") from None
        if len(self._open) >= _CACHED_DIRECTORIES:
            oldest = next(key for key in self._open if key != parent)
            os.close(self._open.pop(oldest))
        self._open[where] = fd
        return fd


class TargetFile:
    """A file that is being written, out of order, under a temporary name."""

    def __init__(self, folder: TargetFolder, head: EntryHead, fd: int, parent: str, temporary: str, name: str) -> None:
        self._folder = folder
        self._head = head
        self._fd = fd
        self._parent = parent
        self._temporary = temporary
        self._name = name

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """Write verified content."""
        with _translated(self._head.path):
            write_all(self._fd, offset, data)

    def finish(self, *, suffix: str = "") -> None:
        """Give the file its name. Raises OutputExists if it is taken and must not be replaced."""
        name = self._name + suffix
        with _translated(self._head.path):
            self._folder._stamp(self._fd, self._head)
            os.close(self._fd)
            self._fd = -1
            with self._folder._parent(self._parent) as folder:
                if self._folder._force:
                    os.replace(self._temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                else:
                    os.link(self._temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
                    os.unlink(self._temporary, dir_fd=folder)

    def discard(self) -> None:
        """Remove what was written; may be called again, and after `finish`."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        with contextlib.suppress(OSError, UnsafeTarget), self._folder._parent(self._parent) as folder:
            os.unlink(self._temporary, dir_fd=folder)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def _translated(path: str):  # type: ignore[no-untyped-def]
    try:
        yield
    except FileExistsError:
        raise OutputExists(f"{path} exists") from None
    except OSError as error:
        raise OutputUnavailable(f"{path}: {error.strerror or error}") from None
