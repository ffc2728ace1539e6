"""Recovering: a rewrap that was interrupted, and what is left of a damaged container.

The law of this file: it runs on request only. A restored section is one that fits the container; a
salvaged file is one whose content verified, and what did not verify is never written: a file with holes
is named `*.partial`, the holes are zeros, and all of them are reported.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from tera.codec.output import sync_directory, write_all
from tera.codec.reader import Container
from tera.codec.recipients import Identity
from tera.codec.rewrap import SUFFIX, parse_backup
from tera.codec.source import open_path, read_prefix
from tera.codec.target import TargetFolder
from tera.crypto.hashes import B3
from tera.errors import (
    BadInput,
    Malformed,
    OutputUnavailable,
    TeraError,
    Unauthentic,
)
from tera.format import sections as s
from tera.format.records import FRAME_RAW, EntryHead, frame_count


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
) -> Recovered:
    """Put back the recipients' section of an interrupted rewrap; with `target`, salvage what verifies.

    Salvaging needs identities, an intact header, trailer and index, and skips what is damaged in between.
    Raises TeraError when nothing can be done.
    """
    name = os.fspath(path)
    restored = _restore(name)
    if target is None:
        if not restored:
            raise BadInput(f"{name}: there is no interrupted rewrap to recover from", hint="-C DIR salvages files")
        return Recovered(True)
    source = open_path(name)
    try:
        with Container(source, identities) as container:
            return _salvage(container, target, restored)
    finally:
        source.close()


def _restore(name: str) -> bool:
    backup = name + SUFFIX
    try:
        with open(backup, "rb") as file:
            data = file.read(8 << 20)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise OutputUnavailable(f"{backup}: {error.strerror or error}") from None
    found = parse_backup(data)
    if found is not None:
        bind, offset, section = found
        _check_fits(name, bind, offset, section)
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
        sync_directory(os.path.dirname(name) or ".")
    except OSError as error:
        raise OutputUnavailable(f"{name}: {error.strerror or error}") from None
    return True


def _check_fits(name: str, bind: bytes, offset: int, section: bytes) -> None:
    """The section's body may be half written, so what stands before it is compared, and its header: in place,
    its length never changes, and what is longer would overwrite the payload."""
    source = open_path(name)
    try:
        found = read_prefix(source)
        head = s.pack_header(s.ACCESS, max(0, len(section) - s.HEADER))
        same = found == (bind, offset) and section[: s.HEADER] == head == source.read_at(offset, s.HEADER)
        if not same or source.size < offset + len(section):
            raise BadInput(f"{name}{SUFFIX} belongs to another container", hint="move it away")
    finally:
        source.close()


def _salvage(container: Container, target: str | os.PathLike[str], restored: bool) -> Recovered:
    salvaged: list[str] = []
    partial: list[str] = []
    damage: list[Damage] = []
    folder = TargetFolder(target, force=False)
    complete = False
    try:
        folder.prepare(
            [*container.paths, *(entry.path + ".partial" for entry in container.entries if not entry.is_dir)],
            rename=False,
        )
        for entry in container.entries:
            head = EntryHead(entry.path, entry.type, entry.mode, entry.mtime)
            if entry.is_dir:
                folder.add_folder(head)
                continue
            try:
                holes = _salvage_file(container, entry.path, folder, head)
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


def _salvage_file(container: Container, path: str, folder: TargetFolder, head: EntryHead) -> list[Damage]:
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
        file.finish(suffix=".partial" if holes else "")
    except BaseException:
        file.discard()
        raise
    return holes
