"""Is an installation whole? Every blob is read again, every log hashed again, every count added up again.

The law of this file: it changes nothing, and goes on after what it finds; nothing that the catalog says of a blob, a
log or a sum is believed before it was compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from tera.audit.verify import Whole, verify_log
from tera.catalog import blobs, containers, orgs
from tera.catalog.containers import DELETED, Row
from tera.catalog.log import OrgLog
from tera.catalog.orgs import Org
from tera.codec.inspect import digest as recompute
from tera.errors import NoSuchBlob, TeraError
from tera.library.library import Library
from tera.storage.port import OpenBlob

READ: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was looked at: an organisation's log, keys or sums, or a container. `wrong` is None if it fits.

    `unsigned` is how many events of a log no checkpoint vouches for yet.
    """

    kind: str
    name: str
    size: int = 0
    wrong: str | None = None
    unsigned: int = 0


def verify(library: Library, *, content: bool = True) -> Iterator[Checked]:
    """Yield what was looked at, organisation by organisation, then container by container if `content` is wanted.

    Raises what catalog and store do when they do not answer.
    """
    with library.catalog.reading() as db:
        everyone = orgs.all_orgs(db)
    for org in everyone:
        yield _log(library, org)
        yield _sums(library, org)
    if content:
        for row in _rows(library):
            if row.status != DELETED:
                yield _container(library, row)


def _log(library: Library, org: Org) -> Checked:
    try:
        authority = library.authority(org.id)
        with library.catalog.reading() as db:
            log = OrgLog(db, org.id)
            signed = log.last_checkpoint() is not None
            found: Whole = verify_log(log, authority.verifiers, authority.origin, signed=signed)
    except TeraError as error:
        return Checked("log", org.id, wrong=str(error))
    return Checked("log", org.id, found.size, unsigned=found.size - found.signed)


def _sums(library: Library, org: Org) -> Checked:
    with library.catalog.reading() as db:
        now = orgs.get_org(db, org.id)
        size, count = blobs.used(db, org.id)
    wrong = None
    if now is not None and (now.used_bytes, now.used_containers) != (size, count):
        wrong = f"its account says {now.used_containers:,} containers and {now.used_bytes:,} bytes,"
        wrong += f" and there are {count:,} of {size:,}"
    return Checked("sums", org.id, count, wrong)


def _rows(library: Library) -> Iterator[Row]:
    """Yield the rows in pages: reading blobs takes long, and no transaction is held meanwhile."""
    after, page = 0, 200
    while True:
        with library.catalog.reading() as db:
            found = list(islice(containers.every(db, after, page), page))
        yield from found
        if len(found) < page:
            return
        after = found[-1].seq


def _container(library: Library, row: Row) -> Checked:
    try:
        source = library.store.open(row.blob)
    except NoSuchBlob:
        return _missing(library, row)
    try:
        wrong = _content(source, row)
    except TeraError as error:
        wrong = str(error)
    finally:
        source.close()
    return Checked("container", row.id, row.size, wrong)


def _missing(library: Library, row: Row) -> Checked:
    """A blob that is not there is missed, unless its container was deleted meanwhile."""
    with library.catalog.reading() as db:
        now = containers.get(db, row.org_id, row.id)
    gone = now is None or now.status == DELETED
    return Checked("container", row.id, row.size, None if gone else "its blob is missing")


def _content(source: OpenBlob, row: Row) -> str | None:
    if source.size != row.size:
        return f"it has {source.size:,} bytes, not {row.size:,}"
    digest = hashlib.sha256()
    for start in range(0, source.size, READ):
        digest.update(source.read_at(start, READ))
    if digest.hexdigest() != row.sha256:
        return "its bytes are not those that were stored: another SHA-256"
    if recompute(source).rpartition(":")[2] != row.digest:
        return "the catalog has another digest of it"
    return None
