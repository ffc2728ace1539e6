"""Recovering: a change in place that was interrupted, and what is left of a damaged container.

The law of this file: it runs on request only. What is put back is `restore.py`'s; a
salvaged file is one whose content verified, and what did not verify is never written: a file with holes
is named `*.partial`, the holes are zeros, and all of them are reported.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from tera.codec.config import PLAIN, Config
from tera.codec.gate import ANYBODY, Gate
from tera.codec.reader import Container
from tera.codec.recipients import Identity
from tera.codec.restore import restore_access, restore_policy
from tera.codec.source import open_path
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
    TeraError,
    TrailerMac,
    TrailingData,
    Truncated,
    Unauthentic,
)
from tera.format.records import FRAME_RAW, EntryHead, Manifest, frame_count
from tera.policy.context import Context

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
    removed); `salvaged`, files written whole; `partial`, files written with holes; `damage`, the holes.

    `policy` is None where no change of it was interrupted; "kept" where what stands there is whole.
    """

    restored: bool
    salvaged: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    damage: tuple[Damage, ...] = ()
    policy: Literal["restored", "kept"] | None = None


def recover(
    path: str | os.PathLike[str],
    identities: Sequence[Identity] = (),
    target: str | os.PathLike[str] | None = None,
    *,
    context: Context = ANYBODY,
    config: Config = PLAIN,
) -> Recovered:
    """Put back what an interrupted change in place has overwritten; with `target`, salvage what verifies.

    Salvaging needs identities, an intact header, trailer and index, and skips what is damaged in between.
    Raises TeraError when nothing can be done.
    """
    name = os.fspath(path)
    open_path(name).close()  # nothing is done, and no backup removed, for a file that is not there
    policy = restore_policy(name)  # first: what is behind it can only be found when it is whole
    restored = restore_access(name)
    if target is None:
        if not restored and policy is None:
            raise BadInput(f"{name}: there is no interrupted rewrap to recover from", hint="-C DIR salvages files")
        return Recovered(restored, policy=policy)
    source = open_path(name)
    try:
        gate = Gate(replace(context, action="extract"), config)
        with _Damaged(source, identities, gate=gate) as container:
            return replace(_salvage(container, target, restored), policy=policy)
    except _AT_THE_END as error:
        error.hint = _STREAM
        raise
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
    container.gate.check_entries(container.paths)
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
