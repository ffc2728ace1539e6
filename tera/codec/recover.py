"""Recovering: a rewrap that was interrupted, and what is left of a damaged container.

The law of this file: it runs on request only. A restored section is one that fits the container; a
salvaged file is one whose content verified, and what did not verify is never written: a file with holes
is named `*.partial`, the holes are zeros, and all of them are reported.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tera.codec.config import PLAIN, Config
from tera.codec.gate import ANYBODY, Gate
from tera.codec.output import sync_directory, write_all
from tera.codec.reader import Container
from tera.codec.recipients import Identity
from tera.codec.rewrap import BACKUP_MAX, backup_path, parse_backup
from tera.codec.source import open_path, read_prefix
from tera.codec.target import TargetFolder
from tera.crypto.hashes import B3
from tera.errors import (
    BadChunk,
    BadIndex,
    BadInput,
    BadLayout,
    BadRoot,
    BadTrailer,
    Malformed,
    OutputUnavailable,
    TeraError,
    TrailerMac,
    TrailingData,
    Truncated,
    Unauthentic,
)
from tera.format import sections as s
from tera.format.records import FRAME_RAW, EntryHead, Manifest, frame_count
from tera.policy.context import Context

_FOREIGN: Final = "no rewrap left it there: move it away"
_AT_THE_END: Final = (Truncated, TrailingData, BadLayout, BadTrailer, TrailerMac, BadRoot, BadIndex, BadChunk)
_STREAM: Final = "its index can not be used; `tera decode --stream` writes the whole files before the damage"


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes `start` to `stop` of a file that could not be verified."""

    path: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was done: `restored`, whether an old recipients' section was put back (or its incomplete copy
    removed); `salvaged`, files written whole; `partial`, files written with holes; `damage`, the holes."""

    restored: bool
    salvaged: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    damage: tuple[Damage, ...] = ()


def recover(
    path: str | os.PathLike[str],
    identities: Sequence[Identity] = (),
    target: str | os.PathLike[str] | None = None,
    *,
    context: Context = ANYBODY,
    config: Config = PLAIN,
) -> Recovered:
    """Put back the recipients' section of an interrupted rewrap; with `target`, salvage what verifies.

    Salvaging needs identities, an intact header, trailer and index, and skips what is damaged in between.
    Raises TeraError when nothing can be done.
    """
    name = os.fspath(path)
    open_path(name).close()  # nothing is done, and no backup removed, for a file that is not there
    restored = _restore(name)
    if target is None:
        if not restored:
            raise BadInput(f"{name}: there is no interrupted rewrap to recover from", hint="-C DIR salvages files")
        return Recovered(True)
    source = open_path(name)
    try:
        gate = Gate(replace(context, action="extract"), config)
        with _Damaged(source, identities, gate=gate) as container:
            return _salvage(container, target, restored)
    except _AT_THE_END as error:
        error.hint = _STREAM
        raise
    finally:
        source.close()


def _restore(name: str) -> bool:
    backup = backup_path(name)
    data = _read_backup(backup)
    if data is None:
        return False
    found = parse_backup(data)
    if found is not None:
        bind, offset, section = found
        _check_fits(name, backup, bind, offset, section)
    try:
        if found is not None:
            fd = os.open(name, os.O_RDWR | os.O_CLOEXEC)
            try:
                write_all(fd, offset, section)
                os.fsync(fd)
            finally:
                os.close(fd)
        # A backup that is not whole was interrupted before the container was touched.
        os.unlink(backup)
        sync_directory(os.path.dirname(backup))
    except OSError as error:
        raise OutputUnavailable(f"{name}: {error.strerror or error}") from None
    return True


def _read_backup(path: str) -> bytes | None:
    """Return what lies there, None if nothing does. No rewrap leaves a link, a pipe, or more than a section: what
    somebody else put there is neither followed, waited for, nor removed. Raises BadInput."""
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
            data = file.read(BACKUP_MAX + 1)
    except OSError as error:
        raise OutputUnavailable(f"{path}: {error.strerror or error}") from None
    finally:
        os.close(fd)
    if len(data) > BACKUP_MAX:
        raise BadInput(f"{path} is larger than any section of recipients", hint=_FOREIGN)
    return data


def _check_fits(name: str, backup: str, bind: bytes, offset: int, section: bytes) -> None:
    """The section's body may be half written, so what stands before it is compared, and its header: in place,
    its length never changes, and what is longer would overwrite the payload."""
    source = open_path(name)
    try:
        found = read_prefix(source)
        head = s.pack_header(s.ACCESS, max(0, len(section) - s.HEADER))
        same = found == (bind, offset) and section[: s.HEADER] == head == source.read_at(offset, s.HEADER)
        if not same or source.size < offset + len(section):
            raise BadInput(f"{backup} belongs to another container", hint=_FOREIGN)
    finally:
        source.close()


class _Damaged(Container):
    """A container whose manifest may be lost with its block. Rules in it could forbid: then it stays closed."""

    def _read_manifest(self) -> Manifest:
        try:
            return super()._read_manifest()
        except (Malformed, Unauthentic):
            if self.sealed_rules:
                raise
            return Manifest()


def _salvage(container: Container, target: str | os.PathLike[str], restored: bool) -> Recovered:
    salvaged: list[str] = []
    partial: list[str] = []
    damage: list[Damage] = []
    taken = set(container.paths)
    suffixes = {entry.path: _suffix(entry.path, taken) for entry in container.entries if not entry.is_dir}
    folder = TargetFolder(target, force=False)
    complete = False
    try:
        folder.prepare([*container.paths, *map("".join, suffixes.items())], rename=False)
        for entry in container.entries:
            head = EntryHead(entry.path, entry.type, entry.mode, entry.mtime)
            if entry.is_dir:
                folder.add_folder(head)
                continue
            try:
                holes = _salvage_file(container, entry.path, folder, head, suffixes[entry.path])
            except TeraError as error:
                if not isinstance(error, Malformed | Unauthentic):
                    raise
                holes = [Damage(entry.path, 0, entry.size)]
            (partial if holes else salvaged).append(entry.path)
            damage += holes
        complete = True
    finally:
        folder.close(complete=complete)
    return Recovered(restored, tuple(salvaged), tuple(partial), tuple(damage))


def _suffix(path: str, taken: set[str]) -> str:
    """Return an ending that tells a file with holes, and gives it no other entry's name."""
    suffix = ".partial"
    while path + suffix in taken:
        suffix = "~" + suffix
    taken.add(path + suffix)
    return suffix


def _salvage_file(container: Container, path: str, folder: TargetFolder, head: EntryHead, suffix: str) -> list[Damage]:
    """Write one file frame by frame, holes as zeros; under its own name only if its digest fits."""
    entry = container.entry(path)
    holes: list[Damage] = []
    hasher = B3()
    file = folder.create(head)
    try:
        for number in range(frame_count(entry.size)):
            start = number * FRAME_RAW
            stop = min(start + FRAME_RAW, entry.size)
            try:
                data = container.frame(entry, number)
            except (Malformed, Unauthentic):
                holes.append(Damage(path, start, stop))
                file.write_at(stop - 1, b"\0")
                continue
            hasher.update(data)
            file.write_at(start, data)
        if not holes and hasher.digest() != entry.b3:
            holes.append(Damage(path, 0, entry.size))
        file.finish(suffix=suffix if holes else "")
    except BaseException:
        file.discard()
        raise
    return holes
