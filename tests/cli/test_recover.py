"""tera recover: what was undone, saved and lost is said, and loss is in the exit code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.runs import FILES, Room, Tera, left_in
from tests.codec.rewraps import backup_of
from tests.codec.sealed import front_of


@pytest.fixture
def file(room: Room, tmp_path: Path) -> Path:
    found = tmp_path / "x"
    shutil.copy(room.out_tera, found)
    return found


def spoil(file: Path, *places: int) -> None:
    data = bytearray(file.read_bytes())
    for place in places:
        data[place] ^= 1
    file.write_bytes(data)


def test_an_interrupted_rewrap_is_undone(tera: Tera, room: Room, file: Path) -> None:
    before = file.read_bytes()
    Path(f"{file}.tera-access").write_bytes(backup_of(before))
    spoil(file, front_of(before).length - 1)
    assert tera("ls", file, "-i", room.key).code == 13
    answer = tera("recover", file)
    assert (answer.code, answer.out) == (0, b"")
    assert answer.err == f"tera: restored the recipients of {file}\n"
    assert file.read_bytes() == before
    assert left_in(file.parent) == {"x"}
    again = tera("recover", file)
    assert (again.code, again.err.count("\n")) == (2, 2)
    assert "no interrupted rewrap" in again.err


def test_an_undone_rewrap_is_said_in_json(tera: Tera, file: Path) -> None:
    Path(f"{file}.tera-access").write_bytes(b"")
    answer = tera("recover", file, "--json")
    assert json.loads(answer.out) == {"restored": True, "salvaged": [], "partial": [], "damage": [], "policy": None}


def test_a_backup_of_another_container_is_kept(tera: Tera, room: Room, file: Path) -> None:
    beside = Path(f"{file}.tera-access")
    beside.write_bytes(backup_of(Path(room.signed_tera).read_bytes()))
    answer = tera("recover", file)
    assert answer.code == 2
    assert "belongs to another container" in answer.err
    assert beside.exists()


def test_files_are_saved_and_holes_named(tera: Tera, room: Room, file: Path) -> None:
    data = file.read_bytes()
    spoil(file, front_of(data).length + 1_500_000)
    answer = tera("recover", file, "-i", room.key, "-C", "saved")
    assert answer.code == 13
    lines = answer.err.splitlines()
    assert lines[0] == "tera: saved 2 whole files and 1 with holes in saved"
    assert lines[1].startswith("tera: damaged: noise.bin: bytes ")
    assert lines[2] == "tera: error: 1 file is damaged"
    assert left_in(Path("saved")) == {"hello.txt", "sub", "sub/deep.txt", "noise.bin.partial"}
    assert Path("saved/hello.txt").read_bytes() == FILES["hello.txt"]
    assert Path("saved/noise.bin.partial").stat().st_size == len(FILES["noise.bin"])
    shown = tera("recover", file, "-i", room.key, "-C", "again", "--json")
    assert shown.code == 13
    found = json.loads(shown.out)
    assert (found["partial"], sorted(found["salvaged"])) == (["noise.bin"], ["hello.txt", "sub/deep.txt"])
    assert {hole["path"] for hole in found["damage"]} == {"noise.bin"}


def test_a_container_that_is_whole_is_saved_whole(tera: Tera, room: Room, file: Path) -> None:
    answer = tera("recover", file, "-i", room.key, "-C", "saved")
    assert (answer.code, answer.err) == (0, "tera: saved 3 whole files and 0 with holes in saved\n")
    assert Path("saved/noise.bin").read_bytes() == FILES["noise.bin"]


def test_a_container_without_its_end_is_refused_with_the_way_to_its_files(tera: Tera, room: Room, file: Path) -> None:
    file.write_bytes(file.read_bytes()[:1_900_000])
    answer = tera("recover", file, "-i", room.key, "-C", "saved")
    assert answer.code == 13
    assert "`tera decode --stream`" in answer.err
    assert not Path("saved").exists()
    assert "`tera decode --stream`" in tera("ls", file, "-i", room.key).err
    streamed = tera("decode", "--stream", file, "-i", room.key, "-C", "streamed")
    assert streamed.code == 13
    assert left_in(Path("streamed")) == {"hello.txt"}
    assert Path("streamed/hello.txt").read_bytes() == FILES["hello.txt"]


def test_salvage_needs_a_key_and_a_folder(tera: Tera, room: Room, file: Path) -> None:
    assert "no key" in tera("recover", file, "-C", "saved").err
    assert "name a folder" in tera("recover", file, "-i", room.key).err
    assert tera("recover", file, "-i", room.stranger, "-C", "saved").code == 11
    assert tera("recover", "absent").code == 4
    assert left_in(file.parent) == {"x"}


def test_what_is_there_is_kept(tera: Tera, room: Room, file: Path) -> None:
    Path("saved").mkdir()
    Path("saved/hello.txt").write_text("mine")
    assert tera("recover", file, "-i", room.key, "-C", "saved").code == 4
    assert left_in(Path("saved")) == {"hello.txt"}
    assert Path("saved/hello.txt").read_text() == "mine"
