"""What an operator does to organisations: lists, disables, bounds, exports and deletes them.

The law of this file: it asks for no API key, so no route leads here. What changes an organisation is an event of its
log; deleting is for what is disabled already, and ends with its rows: who is interrupted does it again.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from tera.catalog import containers, copy, orgs
from tera.catalog.containers import DELETED
from tera.catalog.log import OrgLog
from tera.catalog.orgs import Org
from tera.codec.output import FileOutput
from tera.errors import BadInput, Conflict, NoSuchBlob, NoSuchThing, OutputUnavailable
from tera.library.find import described
from tera.library.library import Library

_PIECE = 8 << 20


def listed(library: Library) -> list[Org]:
    """Return all organisations."""
    with library.catalog.reading() as db:
        return orgs.all_orgs(db)


def found(library: Library, org_id: str) -> Org:
    """Return an organisation. Raises NoSuchThing."""
    with library.catalog.reading() as db:
        org = orgs.get_org(db, org_id)
    if org is None:
        raise NoSuchThing("there is no such organisation")
    return org


def set_disabled(library: Library, org_id: str, disabled: bool) -> Org:
    """Let nobody of an organisation in any more, or again; once more is no error. Raises NoSuchThing."""
    org = found(library, org_id)
    if (org.disabled_at is not None) != disabled:
        _change(
            library, org, "org_disable" if disabled else "org_enable", disabled_at=library.now() if disabled else None
        )
    return found(library, org_id)


def set_quota(library: Library, org_id: str, *, size: int | None, count: int | None) -> Org:
    """Bound what an organisation may hold, in bytes and containers; None is no bound. Raises NoSuchThing, BadInput."""
    for bound in (size, count):
        if bound is not None and not 0 <= bound < 2**63:
            raise BadInput("a quota is a number of bytes or containers, 0 or more")
    org = found(library, org_id)
    _change(library, org, "org_quota", quota_bytes=size, quota_containers=count)
    return found(library, org_id)


def export(library: Library, org_id: str, folder: Path) -> int:
    """Write everything of an organisation but its secrets into a new folder; return how many containers.

    org.json, containers.jsonl, <id>.tera each, log.jsonl (leaves in base64), checkpoint.txt. Raises NoSuchThing,
    OutputUnavailable.
    """
    org = found(library, org_id)
    try:
        folder.mkdir(mode=0o700, parents=True)
        _write(folder / "org.json", json.dumps(_described(org), indent=1) + "\n")
        count = _export_containers(library, org_id, folder)
        with library.catalog.reading() as db, (folder / "log.jsonl").open("x") as out:
            log = OrgLog(db, org_id)
            for record in log.records():
                leaf = None if record.erased else base64.b64encode(record.leaf).decode()
                out.write(json.dumps({"index": record.index, "leaf": leaf}) + "\n")
            last = log.last_checkpoint()
        if last is not None:
            _write(folder / "checkpoint.txt", last.note.decode())
    except OSError as error:
        raise OutputUnavailable(f"{folder}: {error.strerror or error}") from None
    return count


def delete(library: Library, org_id: str) -> int:
    """Remove an organisation for good: blobs, keys, rows and log; return how many containers there were.

    Raises NoSuchThing, and Conflict for one that is not disabled.
    """
    org = found(library, org_id)
    if org.disabled_at is None:
        raise Conflict("an organisation is disabled before it is deleted", hint="tera admin org disable, then export")
    count = 0
    for blob in _blobs(library, org_id):
        library.store.delete(blob)
        count += 1
    library.keys.delete(org_id)
    with library.catalog.writing(org_id) as db:
        copy.remove_org(db, org_id)
    return count


def _change(library: Library, org: Org, kind: str, **values: Any) -> None:
    with library.catalog.writing(org.id) as db:
        orgs.change_org(db, org.id, **values)
        extra = {name: value for name, value in values.items() if value is not None}
        OrgLog(db, org.id, library.random).append(library.event(kind, extra=extra).pack())


def _blobs(library: Library, org_id: str) -> list[str]:
    with library.catalog.reading() as db:
        rows = _all(db, org_id)
    return [row.blob for row in rows]


def _all(db: Any, org_id: str) -> list[containers.Row]:
    found, after = [], 0
    while rows := containers.page(db, org_id, containers.Filter(), after=after):
        found += rows
        after = rows[-1].seq
    return found


def _export_containers(library: Library, org_id: str, folder: Path) -> int:
    with library.catalog.reading() as db:
        rows = _all(db, org_id)
    with (folder / "containers.jsonl").open("x") as out:
        for row in rows:
            out.write(json.dumps({**described(row), "manifest": row.manifest, "files": row.files}) + "\n")
    for row in rows:
        if row.status != DELETED:
            _export_blob(library, row, folder / f"{row.id}.tera")
    return len(rows)


def _export_blob(library: Library, row: containers.Row, path: Path) -> None:
    try:
        blob = library.store.open(row.blob)
    except NoSuchBlob:
        return  # deleted meanwhile; or missing, which is for `verify` to say
    output = FileOutput(path)
    try:
        for start in range(0, blob.size, _PIECE):
            output.write_at(start, blob.read_at(start, _PIECE))
        output.commit()
    except BaseException:
        output.abort()
        raise
    finally:
        blob.close()


def _described(org: Org) -> dict[str, Any]:
    return {name: getattr(org, name) for name in Org.__dataclass_fields__}


def _write(path: Path, text: str) -> None:
    with path.open("x") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
