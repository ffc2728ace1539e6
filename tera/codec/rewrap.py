"""Rewrapping: other recipients for the same payload, in a copy or in place.

The law of this file: the payload is never touched, and at every moment of an in-place change either the
old section is in the file or a durable copy of it lies beside.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tera.codec.authorities import AuthorityKey
from tera.codec.config import PLAIN, Config
from tera.codec.gate import ANYBODY, Gate
from tera.codec.grouping import Recipients, as_groups, lock, open_front
from tera.codec.layout import find_trailer
from tera.codec.output import FileOutput, sync_directory, write_all
from tera.codec.reader import Container
from tera.codec.recipients import Identity
from tera.codec.source import FileSource, open_path, read_front
from tera.crypto.hashes import sha256
from tera.crypto.random import Random, system
from tera.errors import BadInput, InputChanged, InterruptedRewrap, OutputUnavailable
from tera.format import access, limits
from tera.format.access import Stanza
from tera.format.core import SealedRules
from tera.format.front import Front, build_access
from tera.format.sections import HEADER
from tera.policy.context import Context

SUFFIX: Final = ".tera-access"
_LABEL: Final = b"tera/v1/access-backup\0"
BACKUP_MAX: Final = len(_LABEL) + 32 + 8 + HEADER + limits.ACCESS + 32
"""The size of a backup of the largest section."""


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """The recipients' types by group, now; whether the payload stayed where it was."""

    stanzas: tuple[tuple[str, ...], ...]
    in_place: bool
    size: int


def rewrap(
    path: str | os.PathLike[str],
    identities: Sequence[Identity],
    *,
    recipients: Recipients | None = None,
    add: Recipients = (),
    remove: Sequence[int] = (),
    output: str | os.PathLike[str] | None = None,
    in_place: bool = False,
    force: bool = False,
    authorities: Sequence[AuthorityKey] = (),
    context: Context = ANYBODY,
    config: Config = PLAIN,
    random: Random = system,
) -> Rewrapped:
    """Change who may open a container; payload, digest and signatures stay as they are.

    `recipients` replaces all groups; or else groups are removed by number (as `inspect` lists them) and
    `add` are added. Writes a copy to `output`, or changes the file itself if `in_place` (refused when it has
    several links, or when the section would have to grow). Removing a recipient does not take back what it
    already holds. `authorities` are those that the container names, where shares are made anew. `context` and
    `config` are those of `tera.open`; the action is `rewrap`. Raises TeraError.
    """
    if in_place == (output is not None):
        raise BadInput("a rewrap goes either to a copy or in place", hint="-o FILE, or --in-place")
    name = os.fspath(path)
    source = open_path(name)
    try:
        if os.path.lexists(backup_path(name)):
            raise InterruptedRewrap(f"{name}: an earlier rewrap was interrupted")
        front = read_front(source)
        gate = Gate(replace(context, action="rewrap"), config)
        keys, file_key, _ = open_front(front, identities, gate)
        find_trailer(source, front.length)  # a truncated file is not worth a new header
        if isinstance(front.core.rules, SealedRules):
            Container(source, identities, gate=gate)  # the rules are inside
        gate.enter()
        gate.close()
        stanzas = _stanzas(front, file_key, recipients, add, remove, authorities, random)
        if in_place:
            length = len(front.access_body)
            section = build_access(stanzas, keys, front.access_offset, length, front.core.authorities)
            _replace(name, front, section)
            size = source.size
        else:
            assert output is not None
            if os.path.exists(output) and os.path.samefile(name, output):
                raise BadInput(f"{name} is the output too", hint="--in-place changes the file itself")
            section = build_access(stanzas, keys, front.access_offset, authorities=front.core.authorities)
            size = _copy(source, front, section, output, force=force)
    finally:
        source.close()
    names = tuple(tuple(access.NAMES[one.type] for one in members) for members in access.groups(stanzas))
    return Rewrapped(names, in_place, size)


def _stanzas(
    front: Front,
    file_key: bytes,
    recipients: Recipients | None,
    add: Recipients,
    remove: Sequence[int],
    authorities: Sequence[AuthorityKey],
    random: Random,
) -> tuple[Stanza, ...]:
    added = list(add)
    if (recipients is not None or added) and {one.fingerprint for one in authorities} != set(front.core.authorities):
        raise BadInput(
            "new recipients need a share of every authority that the container names, and of no other",
            hint="--authority FILE gives an authority's public text",
        )
    if recipients is not None:
        if added or remove:
            raise BadInput("either all recipients are replaced, or some are added and removed")
        return lock(file_key, front.bind, as_groups(recipients, authorities), random)
    groups = access.groups(front.stanzas)
    for number in remove:
        if not 0 <= number < len(groups):
            raise BadInput(f"there is no group {number} of recipients", hint="`tera inspect` lists them")
    kept = [members for number, members in enumerate(groups) if number not in set(remove)]
    if not added and not remove:
        raise BadInput("there is nothing to change", hint="name recipients with -r, -R or --add, or --remove a group")
    if not added and not kept:
        raise BadInput("a container without a recipient could never be opened")
    renumbered = tuple(
        Stanza(number, one.type, one.hint, one.params, one.ct) for number, members in enumerate(kept) for one in members
    )
    if not added:
        return renumbered
    return renumbered + lock(file_key, front.bind, as_groups(added, authorities), random, len(kept))


def _copy(source: FileSource, front: Front, section: bytes, output: str | os.PathLike[str], *, force: bool) -> int:
    out = FileOutput(output, force=force)
    try:
        head = front.prefix + section
        out.write_at(0, head)
        out.copy_from(source.fileno(), front.length, source.size - front.length, len(head))
        out.commit()
    except BaseException:
        out.abort()
        raise
    return len(head) + source.size - front.length


def _replace(name: str, front: Front, section: bytes) -> None:
    offset = front.access_offset
    old = front_section(front)
    backup = backup_path(name)
    try:
        fd = os.open(name, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise OutputUnavailable(f"{name}: {error.strerror or error}") from None
    try:
        if os.fstat(fd).st_nlink > 1:
            raise BadInput(f"{name} has several links; they would all change", hint="rewrap to a copy (-o)")
        _write_backup(backup, front.bind, offset, old)
        if os.pread(fd, len(old), offset) != old:  # another rewrap came before the backup, or another file by this name
            os.unlink(backup)
            raise InputChanged(f"{name}: changed while it was read")
        write_all(fd, offset, section)
        os.fsync(fd)
        os.unlink(backup)
        sync_directory(os.path.dirname(backup))
    except OSError as error:
        raise OutputUnavailable(
            f"{name}: {error.strerror or error}", hint="if a .tera-access file lies beside it, `tera recover` it"
        ) from None
    finally:
        os.close(fd)


def backup_path(name: str) -> str:
    """Return where the copy of the old section lies: beside the file itself, whatever link leads to it."""
    return os.path.realpath(name) + SUFFIX


def front_section(front: Front) -> bytes:
    """Return the ACCESS section as it was read."""
    return access.unsealed_section(b"", len(front.access_body))[0] + front.access_body


def _write_backup(path: str, bind: bytes, offset: int, section: bytes) -> None:
    body = _LABEL + bind + offset.to_bytes(8, "big") + section
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        write_all(fd, 0, body + sha256(body))
        os.fsync(fd)
        sync_directory(os.path.dirname(path))
    except BaseException:
        os.unlink(path)  # a full disk: nothing was overwritten, so there is nothing to recover
        raise
    finally:
        os.close(fd)


def parse_backup(data: bytes) -> tuple[bytes, int, bytes] | None:
    """Return H_bind, offset and section of a backup; None if it is not whole."""
    start = len(_LABEL) + 32 + 8
    if len(data) < start + 32 or not data.startswith(_LABEL) or sha256(data[:-32]) != data[-32:]:
        return None
    bind = data[len(_LABEL) : len(_LABEL) + 32]
    return bind, int.from_bytes(data[start - 8 : start], "big"), data[start:-32]
