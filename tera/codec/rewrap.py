"""Rewrapping: other recipients for the same payload, in a copy or in place.

The law of this file: the payload is never touched, and at every moment of an in-place change either the
old section is in the file or a durable copy of it lies beside.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

from tera.codec.authorities import AuthorityKey
from tera.codec.config import PLAIN, Config
from tera.codec.gate import ANYBODY, Gate
from tera.codec.grouping import Recipients, as_groups, lock, open_front
from tera.codec.layout import check_payload, check_signatures, check_trailer, find_trailer
from tera.codec.overwrite import ACCESS, check_target, copy, overwrite
from tera.codec.reader import Container
from tera.codec.recipients import Identity
from tera.codec.source import FileSource, open_path, read_front
from tera.crypto.random import Random, system
from tera.errors import BadInput
from tera.format import access
from tera.format.access import Stanza
from tera.format.core import SealedRules
from tera.format.digests import container_digest
from tera.format.front import Front, build_access
from tera.format.schedule import KeySchedule
from tera.policy.context import Context

SUFFIX: Final = ACCESS.suffix
BACKUP_MAX: Final = ACCESS.longest
"""The size of a backup of the largest section."""
backup_path: Final = ACCESS.path
parse_backup: Final = ACCESS.parse


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
    name = os.fspath(path)
    source = open_path(name)
    try:
        check_target(name, output, in_place=in_place)
        ACCESS.check_none(name)
        front = read_front(source)
        with closing(Gate(replace(context, action="rewrap"), config)) as gate:
            if front.core.authorities:
                gate.check_front(front)
                check_payload(*find_trailer(source, front.length))  # before an open is counted, as in `Container`
            keys, file_key, _ = open_front(front, identities, gate)
            _check_trailer(source, front, keys, gate)
            if isinstance(front.core.rules, SealedRules):
                Container(source, identities, gate=gate)  # the rules are inside
            gate.enter()
        stanzas = _stanzas(front, file_key, recipients, add, remove, authorities, random)
        if in_place:
            length = len(front.access_body)
            section = build_access(stanzas, keys, front.access_offset, length, front.core.authorities)
            overwrite(name, ACCESS, front.bind, front.access_offset, front_section(front), section)
            size = source.size
        else:
            assert output is not None
            section = build_access(stanzas, keys, front.access_offset, authorities=front.core.authorities)
            size = copy(source, front.prefix + section, front.length, output, force=force)
    finally:
        source.close()
    names = tuple(tuple(access.NAMES[one.type] for one in members) for members in access.groups(stanzas))
    return Rewrapped(names, in_place, size)


def _check_trailer(source: FileSource, front: Front, keys: KeySchedule, gate: Gate) -> None:
    """Step 5 of reading: a truncated file is not worth a new header, nor is one whose digest is blocked."""
    trailer, payload = find_trailer(source, front.length)
    check_trailer(trailer, keys)
    check_payload(trailer, payload)
    signers = check_signatures(front, trailer, ())
    gate.check_payload(
        container_digest(front.bind, trailer.layout.roots, payload), [one.fingerprint for one in signers]
    )


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


def front_section(front: Front) -> bytes:
    """Return the ACCESS section as it was read."""
    return access.unsealed_section(b"", len(front.access_body))[0] + front.access_body
