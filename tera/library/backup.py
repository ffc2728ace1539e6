"""A backup of an installation, and a library made of one again.

The law of this file: rows are copied before blobs, so that every row of a whole backup has its blob, and restored after
them. The keys go along as they are kept, wrapped; the master key does not: without it a backup opens nothing. What is
restored says so until somebody accepts it (`rollback.py`). A backup is whole when its rows have their name.

    rows.jsonl     {"tera_backup": 1, "version", "made_at"}, then {table: row} a line, then {"end": how many}
    keys/          one file an organisation       blobs/    as in the folder of a service
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tera.catalog import copy, orgs, tables
from tera.catalog.containers import DELETED
from tera.codec.output import sync_directory
from tera.errors import BadInput, Conflict, InputUnavailable, NoSuchBlob, OutputExists, OutputUnavailable
from tera.library import rollback
from tera.library.keystore import WrappedKeys, write_private
from tera.library.library import Library
from tera.storage.folder import FolderStore
from tera.storage.port import OpenBlob, Store

ROWS: Final = "rows.jsonl"
_FORM: Final = 1
_PIECE: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Copied:
    """How many rows, keys and blobs there are, how many bytes were copied now, and which blobs were not there."""

    rows: int
    keys: int
    blobs: int
    bytes: int
    missing: tuple[str, ...] = ()


def write(library: Library, keys: WrappedKeys, folder: Path) -> Copied:
    """Write a backup into a folder, or over an older one in it, of which the blobs are not copied again.

    Raises OutputUnavailable, and what the ports do.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = folder / f".{ROWS}.partial"
        count, everyone = _write_rows(library, made)
        (folder / "keys").mkdir(mode=0o700, exist_ok=True)
        for org_id in everyone:
            write_private(folder / "keys" / f"{org_id}.json", keys.exported(org_id), new=False)
        blobs, size, missing = _copy_all(_blobs(made), library.store, FolderStore(folder / "blobs"))
        os.replace(made, folder / ROWS)
        sync_directory(os.fspath(folder))
    except OSError as error:
        raise OutputUnavailable(f"{folder}: {error.strerror or error}") from None
    return Copied(count, len(everyone), blobs, size, missing)


def restore(library: Library, keys: WrappedKeys, folder: Path) -> Copied:
    """Make an empty library what the backup in a folder holds; who is interrupted does it again.

    Raises Conflict for a library that is in use, BadInput for what is no whole backup of this version,
    KeysUnavailable under another master key, InputUnavailable, and what the ports do.
    """
    rows = folder / ROWS
    with library.catalog.reading() as db:
        if not copy.is_empty(db):
            raise Conflict("the library is in use: a backup is restored into an empty one")
    head, count = _check(rows)
    everyone = sorted((folder / "keys").glob("*.json"))
    there = set(keys.orgs())
    for path in everyone:
        text = _read(path)
        if path.stem not in there:
            keys.imported(path.stem, text)
        elif keys.exported(path.stem) != text:
            raise Conflict(f"there are other keys of {path.stem} already")
    blobs, size, missing = _copy_all(_blobs(rows), FolderStore(folder / "blobs"), library.store)
    with library.catalog.writing() as db:
        if not copy.is_empty(db):
            raise Conflict("the library is in use: a backup is restored into an empty one")
        copy.load(db, ((name, values) for name, values in _rows(rows) if not _is_mark(name, values)))
        rollback.mark(db, head["made_at"])
    return Copied(count, len(everyone), blobs, size, missing)


# --- rows ---------------------------------------------------------------------------------------------


def _write_rows(library: Library, path: Path) -> tuple[int, list[str]]:
    """Write all rows of one moment; return how many, and the organisations."""
    count = 0
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as out, library.catalog.reading() as db:
        head = {"tera_backup": _FORM, "version": tables.VERSION, "made_at": library.now()}
        out.write(json.dumps(head) + "\n")
        everyone = [one.id for one in orgs.all_orgs(db)]
        for name, values in copy.dump(db):
            out.write(json.dumps({name: values}) + "\n")
            count += 1
        out.write(json.dumps({"end": count}) + "\n")
        out.flush()
        os.fsync(out.fileno())
    return count, everyone


def _check(path: Path) -> tuple[dict[str, Any], int]:
    """Return the first line, and how many rows there are. Raises BadInput for what does not end as it should."""
    head: dict[str, Any] = {}
    count, end = -1, None
    for line in _lines(path):
        if count < 0:
            head = line
            if head.get("tera_backup") != _FORM or not isinstance(head.get("made_at"), int):
                raise BadInput(f"{path} is no backup that this version can read")
            if head.get("version") != tables.VERSION:
                raise BadInput(
                    f"the backup's tables have version {str(head.get('version'))[:20]}, not {tables.VERSION}",
                    hint="restore it with the version of tera that made it, then `tera admin migrate`",
                )
        elif end is not None:
            raise BadInput(f"{path}: there is something after its end")
        elif "end" in line:
            end = line["end"]
            continue
        count += 1
    if end is None or end != count:
        raise BadInput(f"{path} does not end as a whole backup does")
    return head, count


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(_lines(path)):
        if number and "end" not in line:
            ((name, values),) = line.items()
            if not isinstance(values, dict):
                raise BadInput(f"{path}: line {number + 1} is no row")
            yield name, values


def _is_mark(name: str, values: dict[str, Any]) -> bool:
    """Whether a row says that the library was restored before: it is now restored again."""
    return name == tables.setting.name and values.get("name") == rollback.RESTORED


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines):
                try:
                    found = json.loads(line)
                except ValueError:
                    found = None
                if not isinstance(found, dict) or not found:
                    raise BadInput(f"{path}: line {number + 1} is no row")
                yield found
    except OSError as error:
        raise InputUnavailable(f"{path}: {error.strerror or error}") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputUnavailable(f"{path}: {error.strerror or error}") from None


# --- blobs --------------------------------------------------------------------------------------------


def _blobs(rows: Path) -> Iterator[tuple[str, int]]:
    for name, values in _rows(rows):
        if name == tables.container.name and values.get("status") != DELETED:
            yield str(values["blob"]), int(values["size"])


def _copy_all(wanted: Iterator[tuple[str, int]], source: Store, target: Store) -> tuple[int, int, tuple[str, ...]]:
    count, copied, missing = 0, 0, []
    for key, size in wanted:
        count += 1
        if _has(target, key, size):
            continue
        try:
            blob = source.open(key)
        except NoSuchBlob:  # deleted since the rows were copied; or missing, which is for `verify` to say
            missing.append(key)
            continue
        try:
            copied += _copy(blob, target, key)
        finally:
            blob.close()
    return count, copied, tuple(missing)


def _has(store: Store, key: str, size: int) -> bool:
    """Whether a blob is there; one of another size is what damage has left."""
    try:
        found = store.open(key)
    except NoSuchBlob:
        return False
    found.close()
    if found.size != size:
        store.delete(key)
        return False
    return True


def _copy(blob: OpenBlob, store: Store, key: str) -> int:
    output = store.create(key)
    try:
        for start in range(0, blob.size, _PIECE):
            output.write_at(start, blob.read_at(start, _PIECE))
        with suppress(OutputExists):
            output.commit()
    except BaseException:
        output.abort()
        raise
    return blob.size
