"""tera rewrap: every kind of recipient, said before and after; a crash is reported by every verb and undone by one."""

from __future__ import annotations

import json
import os
import resource
import shutil
from pathlib import Path

import pytest

from tests.cli.runs import Answer, Room, Tera, left_in
from tests.codec.rewraps import backup_of


@pytest.fixture
def file(room: Room, tmp_path: Path) -> Path:
    found = tmp_path / "x"
    shutil.copy(room.out_tera, found)
    return found


def recipients(tera: Tera, file: Path | str) -> list[list[str]]:
    found: list[list[str]] = json.loads(tera("inspect", file, "--json").out)["recipients"]
    return found


def opens(tera: Tera, file: Path | str, *key: str) -> bool:
    return tera("ls", file, *key).code == 0


def refused(answer: Answer, code: int, words: str) -> None:
    assert answer.code == code, answer.err
    assert words in answer.err
    assert answer.err.startswith("tera: error: ")


@pytest.mark.parametrize("in_place", [False, True])
def test_every_kind_of_recipient_is_added_and_replaces(tera: Tera, room: Room, file: Path, in_place: bool) -> None:
    kek = ["--kek-file", room.kek_bin, "--kek-id", "cloud"]
    second = Path(room.second_pub).read_text().strip()
    cases = [
        (["--add", second], ["-i", room.second], "xwing"),
        (["--add-file", room.second_pub], ["-i", room.second], "xwing"),
        (["--add-kek-file", room.kek_bin, "--add-kek-id", "cloud"], kek, "kek"),
        (["-r", second], ["-i", room.second], "xwing"),
        (["-R", room.second_pub], ["-i", room.second], "xwing"),
        (["--new-kek-file", room.kek_bin, "--new-kek-id", "cloud"], kek, "kek"),
    ]
    digest = tera("digest", file).text
    for number, (change, key, kind) in enumerate(cases):
        shutil.copy(room.out_tera, file)
        to = file if in_place else Path(f"copy-{number}")
        where = ["--in-place"] if in_place else ["-o", str(to)]
        answer = tera("rewrap", file, "-i", room.key, *change, *where)
        assert answer.code == 0, answer.err
        added = change[0].startswith("--add")
        assert recipients(tera, to) == ([["xwing"], [kind]] if added else [[kind]])
        assert opens(tera, to, *key)
        assert opens(tera, to, "-i", room.key) == added
        assert ("keeps what they have already" in answer.err) != added
        assert tera("digest", to).text == digest
    assert not opens(tera, file, *kek[:2]) or not in_place  # the name counts too


def test_a_passphrase_is_added_and_replaces(tera: Tera, room: Room, file: Path) -> None:
    assert tera("rewrap", file, "-i", room.key, "--add-passphrase-file", room.pass_txt, "--in-place").code == 0
    assert recipients(tera, file) == [["xwing"], ["argon2id"]]
    assert tera("rewrap", file, "-i", room.key, "--new-passphrase-file", room.pass_txt, "-o", "y").code == 0
    assert recipients(tera, "y") == [["argon2id"]]
    assert opens(tera, "y", "--passphrase-file", room.pass_txt)
    assert not opens(tera, "y", "-i", room.key)


def test_several_at_once_open_alone_or_together(tera: Tera, room: Room, file: Path) -> None:
    more = ["--add-file", room.second_pub, "--add-kek-file", room.kek_bin]
    assert tera("rewrap", file, "-i", room.key, *more, "-o", "alone").code == 0
    assert recipients(tera, "alone") == [["xwing"], ["xwing"], ["kek"]]
    assert tera("rewrap", file, "-i", room.key, *more, "--all-of", "-o", "together").code == 0
    assert recipients(tera, "together") == [["xwing"], ["xwing", "kek"]]
    assert not opens(tera, "together", "-i", room.second)
    assert opens(tera, "together", "-i", room.second, "--kek-file", room.kek_bin)
    assert tera("rewrap", file, "-i", room.key, "-R", room.second_pub, "--anonymous", "-o", "hidden").code == 0
    assert opens(tera, "hidden", "-i", room.second)


def test_what_is_now_is_said_in_words_or_json(tera: Tera, room: Room, file: Path) -> None:
    said = tera("rewrap", file, "-i", room.key, "--add-file", room.second_pub, "--in-place")
    assert (said.out, said.err) == (
        b"",
        "tera: recipients of x are now 0: xwing; 1: xwing\n".replace(" x ", f" {file} "),
    )
    asked = tera("rewrap", file, "-i", room.key, "--remove", "1", "-o", "y", "--json", "--quiet")
    assert json.loads(asked.out) == {"file": "y", "recipients": [["xwing"]], "size": os.path.getsize("y")}
    assert asked.err == ""


def test_a_change_that_can_not_be_made_is_refused_and_changes_nothing(tera: Tera, room: Room, file: Path) -> None:
    before = file.read_bytes()
    Path("y").write_text("mine")
    add = ["--add-file", room.second_pub]
    refused(tera("rewrap", file, "-i", room.stranger, *add, "--in-place"), 11, "none of the keys")
    refused(tera("rewrap", file, "-i", room.key, "--remove", "0", "--in-place"), 2, "without a recipient")
    refused(tera("rewrap", file, "-i", room.key, "--remove", "7", *add, "--in-place"), 2, "no group 7")
    refused(tera("rewrap", file, "-i", room.key, *add, "-o", "y"), 4, "y exists")
    refused(tera("rewrap", file, "-i", room.key, *add, "-o", file, "-f"), 2, "is the output too")
    refused(tera("rewrap", file, "-i", room.key, "-r", room.second_pub, "--in-place"), 2, "-R")
    refused(tera("rewrap", file, "-i", room.key, "--add-kek-file", room.key, "--in-place"), 2, "32 bytes")
    refused(tera("rewrap", "absent", "-i", room.key, *add, "--in-place"), 4, "absent: No such file")
    refused(tera("rewrap", file, "-i", "-", "--add-kek-file", "-", "--in-place"), 2, "once only")
    os.link(file, "other")
    refused(tera("rewrap", file, "-i", room.key, *add, "--in-place"), 2, "several links")
    assert file.read_bytes() == before
    assert Path("y").read_text() == "mine"
    assert left_in(file.parent) == {"x", "y", "other"}


def test_a_full_disk_leaves_the_old_container_and_nothing_beside(spawn: Tera, room: Room, file: Path) -> None:
    before = file.read_bytes()
    answer = spawn(
        "rewrap",
        file,
        "-i",
        room.key,
        "--add-file",
        room.second_pub,
        "--in-place",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000)),
    )
    assert (answer.code, answer.err.count("tera: error: ")) == (4, 1)
    assert "File too large" in answer.err
    assert file.read_bytes() == before
    assert left_in(file.parent) == {"x"}


def test_every_verb_reports_an_interrupted_rewrap_and_none_acts_on_it(tera: Tera, room: Room, file: Path) -> None:
    before = file.read_bytes()
    beside = Path(f"{file}.tera-access")
    beside.write_bytes(backup_of(before))
    Path("link").symlink_to(file)
    warning = f"tera: warning: {file}: a rewrap of it was interrupted: `tera recover {file}` restores it\n"
    key = ["-i", room.key]
    for verb in (
        ["ls", *key],
        ["cat", "hello.txt", *key],
        ["decode", "-C", "d", *key],
        ["inspect"],
        ["verify"],
        ["digest"],
    ):
        answer = tera(verb[0], file, *verb[1:])
        assert answer.code == 0
        assert answer.err.startswith(warning), verb
    assert "was interrupted" in tera("ls", "link", *key).err  # it lies beside the file, not beside the link
    refused(tera("rewrap", file, *key, "--add-file", room.second_pub, "--in-place"), 4, "interrupted")
    assert (file.read_bytes(), beside.read_bytes()) == (before, backup_of(before))
    assert tera("recover", "link").code == 0
    assert tera("ls", file, *key).err == ""
