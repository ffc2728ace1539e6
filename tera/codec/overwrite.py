"""Replacing a section that stands before the payload: in the file itself, or in a copy.

The law of this file: the payload is never touched, and at every moment of a change in place either the old section
is in the file or a durable copy of it lies beside; whose change it is, is in that copy's name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from tera.codec.output import FileOutput, sync_directory, write_all
from tera.codec.source import FileSource
from tera.crypto.hashes import sha256
from tera.errors import BadInput, InputChanged, InterruptedRewrap, OutputUnavailable
from tera.format import limits
from tera.format.sections import HEADER


@dataclass(frozen=True, slots=True)
class Backup:
    """The copy that lies beside a file while one of its sections is overwritten.

    `longest` is the length of the largest one; `change` is what errors call what was interrupted.
    """

    suffix: str
    label: bytes
    section: str
    longest: int
    change: str

    def path(self, name: str) -> str:
        """Return where it lies: beside the file itself, whatever link leads to it."""
        return os.path.realpath(name) + self.suffix

    def check_none(self, name: str) -> None:
        """Raise InterruptedRewrap if there is one, or anything else by its name."""
        if os.path.lexists(self.path(name)):
            raise InterruptedRewrap(f"{name}: an earlier {self.change} was interrupted")

    def pack(self, bind: bytes, offset: int, section: bytes) -> bytes:
        """Return its bytes, for a section (header included) at `offset`."""
        body = self.label + bind + offset.to_bytes(8, "big") + section
        return body + sha256(body)

    def parse(self, data: bytes) -> tuple[bytes, int, bytes] | None:
        """Return H_bind, offset and section; None if it is not whole."""
        start = len(self.label) + 32 + 8
        if len(data) < start + 32 or not data.startswith(self.label) or sha256(data[:-32]) != data[-32:]:
            return None
        bind = data[len(self.label) : len(self.label) + 32]
        return bind, int.from_bytes(data[start - 8 : start], "big"), data[start:-32]


def _backup(suffix: str, label: bytes, section: str, body: int, change: str) -> Backup:
    return Backup(suffix, label, section, len(label) + 32 + 8 + HEADER + body + 32, change)


ACCESS: Final = _backup(".tera-access", b"tera/v1/access-backup\0", "section of recipients", limits.ACCESS, "rewrap")
POLICY: Final = _backup(".tera-policy", b"tera/v1/policy-backup\0", "policy", limits.POLICY, "change of its policy")


def overwrite(name: str, backup: Backup, bind: bytes, offset: int, old: bytes, new: bytes) -> None:
    """Put `new` in the place of `old`, which has the same length and is what was read there.

    Raises InputChanged when something else stands there now; BadInput for a file with several links;
    InterruptedRewrap, OutputUnavailable.
    """
    assert len(old) == len(new)
    path = backup.path(name)
    try:
        fd = os.open(name, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise OutputUnavailable(f"{name}: {error.strerror or error}") from None
    try:
        if os.fstat(fd).st_nlink > 1:
            raise BadInput(f"{name} has several links; they would all change", hint="write a copy instead (-o)")
        _write_backup(name, backup, bind, offset, old)
        if os.pread(fd, len(old), offset) != old:  # another change came before the backup, or another file by this name
            os.unlink(path)
            raise InputChanged(f"{name}: changed while it was read")
        write_all(fd, offset, new)
        os.fsync(fd)
        os.unlink(path)
        sync_directory(os.path.dirname(path))
    except OSError as error:
        raise OutputUnavailable(
            f"{name}: {error.strerror or error}", hint=f"if a {backup.suffix} file lies beside it, `tera recover` it"
        ) from None
    finally:
        os.close(fd)


def _write_backup(name: str, backup: Backup, bind: bytes, offset: int, section: bytes) -> None:
    path = backup.path(name)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise InterruptedRewrap(
            f"{name}: somebody else is changing it, or was interrupted",
            hint="if nothing else is at work on it, `tera recover` restores it",
        ) from None
    try:
        write_all(fd, 0, backup.pack(bind, offset, section))
        os.fsync(fd)
        sync_directory(os.path.dirname(path))
    except BaseException:
        os.unlink(path)  # a full disk: nothing was overwritten, so there is nothing to recover
        raise
    finally:
        os.close(fd)


def copy(source: FileSource, head: bytes, start: int, output: str | os.PathLike[str], *, force: bool) -> int:
    """Write `head` and all of `source` from `start` on to a new file; return its size."""
    out = FileOutput(output, force=force)
    try:
        out.write_at(0, head)
        out.copy_from(source.fileno(), start, source.size - start, len(head))
        out.commit()
    except BaseException:
        out.abort()
        raise
    return len(head) + source.size - start


def check_target(name: str, output: str | os.PathLike[str] | None, *, in_place: bool) -> None:
    """Raise BadInput unless a change goes to one place: the file itself, or a copy that is another file."""
    if in_place == (output is not None):
        raise BadInput("a change goes either to a copy or in place", hint="-o FILE, or --in-place")
    if output is not None and os.path.exists(output) and os.path.samefile(name, output):
        raise BadInput(f"{name} is the output too", hint="--in-place changes the file itself")
