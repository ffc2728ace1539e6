"""Putting back what a change in place, that was interrupted, has overwritten.

The law of this file: what is put back is a section that fits the container, and it never takes the place of a newer
policy that is whole: somebody may have seen that one, and would take the old one for a rollback.
"""

from __future__ import annotations

import os
import stat
from contextlib import closing
from typing import Final, Literal

from tera.codec.output import sync_directory, write_all
from tera.codec.overwrite import ACCESS, POLICY, Backup
from tera.codec.repolicy import is_newer
from tera.codec.source import FileSource, open_path, read_prefix
from tera.errors import BadInput, Malformed, OutputUnavailable, Unauthentic
from tera.format import sections as s

_FOREIGN: Final = "no change of the container left it there: move it away"


def restore_access(name: str) -> bool:
    """Put back the recipients that a rewrap has overwritten; False if none was interrupted. Raises BadInput."""
    data = _read_backup(name, ACCESS)
    if data is None:
        return False
    found = ACCESS.parse(data)
    if found is not None:
        _check_access(name, *found)
    _finish(name, ACCESS, found)
    return True


def restore_policy(name: str) -> Literal["restored", "kept"] | None:
    """Put back the policy that a change has overwritten, unless the new one is whole; None if none was interrupted.

    Raises BadInput.
    """
    data = _read_backup(name, POLICY)
    if data is None:
        return None
    found = POLICY.parse(data)
    if found is not None:
        with closing(open_path(name)) as source:
            _check_policy(name, source, *found)
            if is_newer(source, found[2][s.HEADER :]):
                found = None
    _finish(name, POLICY, found)
    return "kept" if found is None else "restored"


def _finish(name: str, backup: Backup, found: tuple[bytes, int, bytes] | None) -> None:
    """Write the old section, if there is one, and remove the backup.

    A backup that is not whole was interrupted before the container was touched.
    """
    path = backup.path(name)
    try:
        if found is not None:
            _, offset, section = found
            fd = os.open(name, os.O_RDWR | os.O_CLOEXEC)
            try:
                write_all(fd, offset, section)
                os.fsync(fd)
            finally:
                os.close(fd)
        os.unlink(path)
        sync_directory(os.path.dirname(path))
    except OSError as error:
        raise OutputUnavailable(f"{name}: {error.strerror or error}") from None


def _read_backup(name: str, backup: Backup) -> bytes | None:
    """Return what lies there, None if nothing does. No change leaves a link, a pipe, or more than a section: what
    somebody else put there is neither followed, waited for, nor removed. Raises BadInput."""
    path = backup.path(name)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if not os.path.islink(path):
            raise OutputUnavailable(f"{path}: {error.strerror or error}") from None
        raise BadInput(f"{path} is a symbolic link", hint=_FOREIGN) from None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise BadInput(f"{path} is not a regular file", hint=_FOREIGN)
        with open(fd, "rb", closefd=False) as file:
            data = file.read(backup.longest + 1)
    except OSError as error:
        raise OutputUnavailable(f"{path}: {error.strerror or error}") from None
    finally:
        os.close(fd)
    if len(data) > backup.longest:
        raise BadInput(f"{path} is larger than any {backup.section}", hint=_FOREIGN)
    return data


def _check_access(name: str, bind: bytes, offset: int, section: bytes) -> None:
    """The section's body may be half written, so what stands before it is compared, and its header: in place,
    its length never changes, and what is longer would overwrite the payload."""
    with closing(open_path(name)) as source:
        fits = read_prefix(source) == (bind, offset) and _has_header(source, s.ACCESS, offset, section)
    if not fits:
        raise BadInput(f"{ACCESS.path(name)} belongs to another container", hint=_FOREIGN)


def _check_policy(name: str, source: FileSource, bind: bytes, offset: int, section: bytes) -> None:
    """Here the body is what H_bind and the next section cannot be found behind: they are read as they will be."""
    try:
        end = offset + len(section)
        fits = read_prefix(_Patched(source, offset, section)) == (bind, end)
    except (Malformed, Unauthentic):
        fits = False
    if not fits or not _has_header(source, s.POLICY, offset, section):
        raise BadInput(f"{POLICY.path(name)} belongs to another container", hint=_FOREIGN)


def _has_header(source: FileSource, type: int, offset: int, section: bytes) -> bool:
    head = s.pack_header(type, max(0, len(section) - s.HEADER))
    same = section[: s.HEADER] == head == source.read_at(offset, s.HEADER)
    return same and source.size >= offset + len(section)


class _Patched:
    """A file in which other bytes stand at one place."""

    def __init__(self, source: FileSource, start: int, patch: bytes) -> None:
        self._source = source
        self._start = start
        self._patch = patch

    @property
    def size(self) -> int:
        return self._source.size

    def read_at(self, offset: int, length: int) -> bytes:
        data = bytearray(self._source.read_at(offset, length))
        first, last = max(offset, self._start), min(offset + len(data), self._start + len(self._patch))
        if first < last:
            data[first - offset : last - offset] = self._patch[first - self._start : last - self._start]
        return bytes(data)

    def read_into(self, offset: int, out: memoryview) -> int:
        data = self.read_at(offset, len(out))
        out[: len(data)] = data
        return len(data)
