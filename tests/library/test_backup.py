"""Backups: whole, without the master key, taken while the service runs; a library made of one is the same, and set back
until that is accepted."""

from __future__ import annotations

import json
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from tera.audit.events import parse_event
from tera.audit.log import Query
from tera.catalog import containers
from tera.catalog.log import OrgLog
from tera.errors import BadInput, Conflict, InputUnavailable, KeysUnavailable, TeraError
from tera.library import backup, block, due, find, rollback
from tera.library.check import verify
from tera.library.library import Library, Principal
from tests.library.installed import KINDS, MASTER, Installed, files, installed

NOISE = random.Random(1).randbytes(3_000_000)
TO = [(one, other) for one in KINDS for other in KINDS]


def filled(made: Installed) -> Principal:
    who = made.principal()
    for name, content in (("one", b"1"), ("two", NOISE), ("three", b"3")):
        made.add(who, name, content)
    rows = list(find.every(made.library, who, containers.Filter()))
    block.block(made.library, who, rows[0].id, "why")
    block.delete(made.library, who, rows[2].id)
    due.run(made.library)
    return who


def known(library: Library, who: Principal) -> Any:
    """All that somebody can see of a library."""
    rows = list(find.every(library, who, containers.Filter()))
    contents = []
    for row in rows:
        source = library.store.open(row.blob)
        contents.append(source.read_at(0, source.size))
        source.close()
    with library.catalog.reading() as db:
        log = OrgLog(db, who.org.id)
        return [find.described(row) for row in rows], contents, log.root(), log.last_checkpoint()


@pytest.mark.parametrize(("one", "other"), TO)
def test_a_restored_library_is_the_one_that_was_backed_up(one: str, other: str, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    with installed(one, tmp_path / "a") as first, installed(other, tmp_path / "b") as second:
        who = filled(first)
        done = backup.write(first.library, first.keys, folder)
        assert (done.keys, done.blobs, done.missing) == (1, 2, ())
        restored = backup.restore(second.library, second.keys, folder)
        assert (restored.rows, restored.keys, restored.blobs) == (done.rows, 1, 2)
        assert known(second.library, who) == known(first.library, who)
        rollback.accept(second.library)
        assert [found.wrong for found in verify(second.library)] == [None] * 4
        second.add(who, "four")  # numbers go on behind the last one
        assert [row.name for row in find.every(second.library, who, containers.Filter())] == ["one", "two", "four"]


def test_the_master_key_and_every_secret_are_left_out(tmp_path: Path) -> None:
    with installed("embedded", tmp_path / "a") as made:
        who = filled(made)
        seeds = made.keys.load(who.org.id).signing.seed, made.keys.load(who.org.id).newest.key.seed
        folder = tmp_path / "backup"
        backup.write(made.library, made.keys, folder)
        assert {name for name in files(folder) if not name.startswith("blobs")} == {
            "rows.jsonl",
            f"keys/{who.org.id}.json",
        }
        for path in folder.rglob("*"):
            assert not path.is_file() or path.stat().st_mode & 0o077 == 0
            data = path.read_bytes() if path.is_file() else b""
            for secret in (MASTER, *seeds):
                assert secret[:32] not in data
                assert secret[:32].hex().encode() not in data


def test_a_second_backup_copies_only_what_is_new(tmp_path: Path) -> None:
    with installed("embedded", tmp_path / "a") as made, installed("embedded", tmp_path / "b") as other:
        who = filled(made)
        folder = tmp_path / "backup"
        first = backup.write(made.library, made.keys, folder)
        new = made.add(who, "new", b"x")
        second = backup.write(made.library, made.keys, folder)
        assert first.bytes > 3_000_000
        assert second.bytes == new.size
        damaged = folder / "blobs" / new.blob
        damaged.write_bytes(b"cut off")
        assert backup.write(made.library, made.keys, folder).bytes == new.size, "and what is damaged"
        backup.restore(other.library, other.keys, folder)
        assert known(other.library, who) == known(made.library, who)


def test_a_backup_beside_writers_is_of_one_moment(tmp_path: Path) -> None:
    with installed("embedded", tmp_path / "a") as made, installed("embedded", tmp_path / "b") as other:
        who = filled(made)
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                row = made.add(who, "busy", b"x")
                block.delete(made.library, who, row.id)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(3):
                backup.write(made.library, made.keys, tmp_path / "backup")
        finally:
            stop.set()
            writer.join()
        backup.restore(other.library, other.keys, tmp_path / "backup")
        rollback.accept(other.library)
        due.run(other.library)
        found = [one for one in verify(other.library) if one.wrong is not None]
        assert all(one.wrong == "its blob is missing" for one in found)  # deleted between the rows and the blobs
        assert len(found) <= 1


# --- set back --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_restored_library_uses_no_key_until_that_is_accepted_on_record(kind: str, tmp_path: Path) -> None:
    with installed("embedded", tmp_path / "a") as made, installed(kind, tmp_path / "b") as other:
        who = filled(made)
        backup.write(made.library, made.keys, tmp_path / "backup")
        backup.restore(other.library, other.keys, tmp_path / "backup")
        for use in (
            lambda: other.library.keys.load(who.org.id),
            lambda: other.library.keys.rotate(who.org.id, 1),
            lambda: other.library.authority(who.org.id),
            lambda: other.add(who),
            lambda: other.principal("new@example.org"),
        ):
            with pytest.raises(KeysUnavailable, match="restored"):
                use()
        assert "signed logs" not in due.run(other.library).errors  # nothing has grown, and nothing is signed
        assert rollback.accept(other.library) == [who.org.id]
        assert rollback.accept(other.library) == []
        with other.library.catalog.reading() as db:
            (entry,) = OrgLog(db, who.org.id).find(Query(kinds=("restore",)))
        event = parse_event(entry.data)
        assert event.extra["backup"] <= event.time // 1_000
        other.add(who)
        due.run(other.library)
        assert [one.wrong for one in verify(other.library)] == [None] * 5
        assert rollback.accept(made.library) == [], "where nothing was restored there is nothing to accept"


# --- what is refused ---------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Principal]:
    with installed("embedded", tmp_path / "a") as made:
        who = filled(made)
        backup.write(made.library, made.keys, tmp_path / "backup")
    return tmp_path / "backup", who


def refused(folder: Path, where: Path, error: type[TeraError], master: bytes = MASTER) -> None:
    """Restore into a new library, which fails and leaves it empty; and once more, whole, where it is mended."""
    with installed("embedded", where, master) as other:
        with pytest.raises(error):
            backup.restore(other.library, other.keys, folder)
        with other.library.catalog.reading() as db:
            from tera.catalog import orgs

            assert orgs.all_orgs(db) == []


def test_a_library_in_use_is_not_written_over(saved: tuple[Path, Principal], tmp_path: Path) -> None:
    with installed("embedded", tmp_path / "b") as other:
        who = other.principal()
        row = other.add(who)
        with pytest.raises(Conflict):
            backup.restore(other.library, other.keys, saved[0])
        assert find.get(other.library, who, row.id) == row


def test_another_master_key_is_refused(saved: tuple[Path, Principal], tmp_path: Path) -> None:
    refused(saved[0], tmp_path / "b", KeysUnavailable, master=bytes(32))


@pytest.mark.parametrize(
    "cut", ["end", "half", "empty", "gone", "version", "form", "table", "column", "rubbish", "more"]
)
def test_a_backup_that_is_not_whole_is_refused(saved: tuple[Path, Principal], tmp_path: Path, cut: str) -> None:
    path = saved[0] / "rows.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    head = json.loads(lines[0])
    match cut:
        case "end":
            lines = lines[:-1]
        case "half":
            lines[-2] = lines[-2][:20]
        case "empty":
            lines = []
        case "version":
            lines[0] = json.dumps({**head, "version": "9999"}) + "\n"
        case "form":
            lines[0] = "{}\n"
        case "table":
            lines[1] = '{"sqlite_master": {}}\n'
        case "column":
            name, values = next(iter(json.loads(lines[1]).items()))
            lines[1] = json.dumps({name: {**values, "more": 1}}) + "\n"
        case "rubbish":
            lines[1] = "[]\n"
        case "more":
            lines.append(lines[1])
    path.write_text("".join(lines))
    if cut == "gone":
        path.unlink()
    refused(saved[0], tmp_path / "b", InputUnavailable if cut == "gone" else BadInput)


def test_a_restore_that_was_cut_off_is_done_again(saved: tuple[Path, Principal], tmp_path: Path) -> None:
    folder, who = saved
    blobs = sorted((folder / "blobs").rglob("*-*-*-*-*"))
    blob = next(path for path in blobs if path.is_file())
    with installed("embedded", tmp_path / "b") as other:
        blob.chmod(0)
        if blob.stat().st_uid == 0:  # for whom nothing is unreadable
            blob.rename(blob.with_name("away"))
            blob.mkdir()
        with pytest.raises(TeraError):
            backup.restore(other.library, other.keys, folder)
        if blob.is_dir():
            blob.rmdir()
            blob.with_name("away").rename(blob)
        blob.chmod(0o600)
        backup.restore(other.library, other.keys, folder)
        rollback.accept(other.library)
        assert [one.wrong for one in verify(other.library)] == [None] * 4
        assert len(list(find.every(other.library, who, containers.Filter()))) == 2
