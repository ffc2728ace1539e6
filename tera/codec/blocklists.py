"""Block lists in files: made, and changed one version after the other.

The law of this file: a version is made from one that its issuer signed, whole and verified, and replaces the file as
a whole; whoever else would write it meanwhile is refused. A list that has expired is its issuer's to renew; one older
than what this machine has seen is not changed, since its next version would be another one under a known number.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tera.codec.output import FileOutput
from tera.codec.source import FileSource, open_path
from tera.crypto.random import Random, system
from tera.crypto.signing import SigningKey
from tera.errors import (
    BlocklistIssuer,
    BlocklistRollback,
    InputChanged,
    NoSuchEntry,
    OutputExists,
    OutputUnavailable,
)
from tera.format.signatures import signer_name
from tera.policy.blockfile import HEADER, Head, blocked_id, build_blocklist, parse_head
from tera.policy.blocklist import BlockList, Named
from tera.policy.marks import Mark, MarkKey, Marks

DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to block, as errors call it, and all by which it is looked up: a container has several names."""

    label: str
    names: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """The version that the file has now. `changed` are the items that it took in or let go, `same` those of which
    nothing had to be done. `marks` are for the state of whoever wrote it, who writes them."""

    head: Head
    changed: tuple[Item, ...]
    same: tuple[Item, ...]
    marks: dict[MarkKey, Mark]


def create_blocklist(
    path: str | os.PathLike[str],
    key: SigningKey,
    *,
    list_id: bytes | None = None,
    valid_for: int = 30 * DAY,
    clock: Callable[[], float] = time.time,
    random: Random = system,
) -> Written:
    """Write version 1, which blocks nothing. `list_id` (16 bytes) is drawn if it is not given; it holds for
    `valid_for` seconds. Raises OutputExists, BadInput."""
    now = int(clock())
    name = random(16) if list_id is None else list_id
    data = build_blocklist((), key, list_id=name, version=1, issued=now, expires=now + valid_for)
    try:
        _write(os.fspath(path), data, force=False)
    except OutputExists as error:
        error.hint = "a list that is there is changed with `tera blocklist add` and `remove`"
        raise
    return _written(data)


def change_blocklist(
    path: str | os.PathLike[str],
    key: SigningKey,
    *,
    add: Iterable[Item] = (),
    remove: Iterable[Item] = (),
    valid_for: int | None = None,
    renew: bool = False,
    marks: Marks | None = None,
    lost: bool = False,
    clock: Callable[[], float] = time.time,
) -> Written:
    """Write the next version, with `add` and without `remove`; it holds for `valid_for` seconds, or as long as the
    one before did. `marks` say which version has been seen; with `lost`, a newer one is gone, and it goes above it.

    Nothing is written where nothing changes, unless to `renew` it or with `valid_for`. Raises what `BlockList.open`
    does, NoSuchEntry for what is not there to be removed, InputChanged when somebody else writes it too.
    """
    name = os.path.realpath(path)
    with _locked(name) as source:
        found, seen = _open(
            source, os.path.basename(name), key, {} if marks is None else marks, int(clock()), lost=lost
        )
        ids = set(found.ids())
        changed, same = _added(ids, add)
        gone, without = _removed(ids, remove)
        changed, same = changed + gone, same + without
        head = found.head
        if not (changed or renew or valid_for):
            return Written(head, (), tuple(same), {})
        issued = max(int(clock()), head.issued)
        data = build_blocklist(
            ids,
            key,
            list_id=head.list_id,
            version=max(head.version, seen) + 1,
            issued=issued,
            expires=issued + (head.expires - head.issued if valid_for is None else valid_for),
        )
        _write(name, data, force=True)
    return _written(data, changed, same)


def _open(
    source: FileSource, name: str, key: SigningKey, marks: Marks, now: int, *, lost: bool
) -> tuple[BlockList, int]:
    """Return the list as its issuer may change it, and the newest version that was seen and is lost."""
    issuer = signer_name(key.public)

    def opened(known: Marks) -> BlockList:
        return BlockList.open(
            source.read_at, source.size, trusted=[issuer], now=now, marks=known, name=name, stale="allow"
        )

    try:
        return opened(marks), 0
    except BlocklistIssuer as error:
        error.hint = "only its issuer can change it: sign with the key that made it, or make a list of your own"
        raise
    except BlocklistRollback as error:
        if not lost:
            error.hint = "change the newest copy; if that is lost, --lost goes on from this one"
            raise
    found = opened({})
    mark = marks.get(MarkKey("blocklist", issuer, found.head.list_id))
    return found, 0 if mark is None else mark.version


def _added(ids: set[bytes], items: Iterable[Item]) -> tuple[list[Item], list[Item]]:
    changed: list[Item] = []
    same: list[Item] = []
    for item in items:
        wanted = {blocked_id(*one) for one in item.names}
        (same if wanted <= ids else changed).append(item)
        ids |= wanted
    return changed, same


def _removed(ids: set[bytes], items: Iterable[Item]) -> tuple[list[Item], list[Item]]:
    """Remove all, or nothing: what is not there was meant to be something else."""
    changed: list[Item] = []
    missing: list[Item] = []
    gone: set[bytes] = set()
    for item in items:
        there = ids.intersection(blocked_id(*one) for one in item.names)
        (changed if there else missing).append(item)
        gone |= there
    if missing:
        more = f", nor are {len(missing) - 1:,} others" if len(missing) > 1 else ""
        raise NoSuchEntry(
            f"{missing[0].label} is not on the list{more}; nothing was changed",
            hint="`tera blocklist show --contains` tells what is",
        )
    ids -= gone
    return changed, []


@contextmanager
def _locked(name: str) -> Iterator[FileSource]:
    """Give the file while nobody else changes it. Raises InputChanged.

    A lock belongs to a file, not to its name: whoever gets one that has been replaced meanwhile has the old one.
    """
    source = open_path(name)
    try:
        try:
            fcntl.flock(source.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = os.path.samestat(os.fstat(source.fileno()), os.stat(name))
        except (BlockingIOError, FileNotFoundError):
            alone = False
        except OSError as error:
            raise OutputUnavailable(f"{name}: {error.strerror or error}") from None
        if not alone:
            raise InputChanged(f"{name}: somebody else is changing it", hint="try again when they are done")
        yield source
    finally:
        source.close()


def _write(name: str, data: bytes, *, force: bool) -> None:
    out = FileOutput(name, force=force)
    try:
        out.write_at(0, data)
        out.commit()
    except BaseException:
        out.abort()
        raise


def _written(data: bytes, changed: Sequence[Item] = (), same: Sequence[Item] = ()) -> Written:
    head, _ = parse_head(data[:HEADER], len(data))
    mark = {MarkKey("blocklist", head.issuer, head.list_id): Mark(head.version, head.hash)}
    return Written(head, tuple(changed), tuple(same), mark)
