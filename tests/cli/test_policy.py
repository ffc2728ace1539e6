"""tera policy: what changes, what is refused and by which name, and who is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.owners import (
    DAY,
    DEPUTY,
    HELLO,
    IN_PLACE,
    OWNER,
    cat,
    own_machine,
    refused,
    seal,
    shown,
    write_rules,
)
from tests.cli.runs import Room, Tera, left_in
from tests.codec.repolicies import backup_of, policy_of, policy_section


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_machine(tmp_path, monkeypatch)


@pytest.fixture
def file(room: Room, tmp_path: Path) -> Path:
    return seal(str(tmp_path / "c.tera"), room.key_pub, owners=[OWNER, DEPUTY])


# --- the whole way ----------------------------------------------------------------------------------


def test_a_container_is_frozen_and_opened_again(tera: Tera, room: Room) -> None:
    Path("hello.txt").write_bytes(HELLO)
    rules = write_rules("rules.json", opens=2)
    made = ["-R", room.key_pub, "--manifest", rules, "--dynamic", "--policy-key", "owner.txt", "-o", "c.tera"]
    assert tera("encode", "hello.txt", *made).code == 0
    digest = tera("digest", "c.tera").text
    assert cat(tera, room, "c.tera").out == HELLO
    frozen = tera("policy", "freeze", "c.tera", *IN_PLACE)
    assert (frozen.code, frozen.out) == (0, b"")
    assert "is now version 2" in frozen.err
    assert "nobody may open it" in frozen.err
    refused(cat(tera, room, "c.tera"), 15, "the rule opens denies it")
    assert shown(tera, "c.tera")["frozen"]
    assert tera("policy", "update", "c.tera", *IN_PLACE, "--manifest", rules).code == 0
    assert cat(tera, room, "c.tera").out == HELLO
    refused(cat(tera, room, "c.tera"), 15, "the rule opens denies it")  # what was counted before still counts
    assert tera("policy", "update", "c.tera", *IN_PLACE, "--no-rules").code == 0
    assert cat(tera, room, "c.tera").out == HELLO
    assert tera("digest", "c.tera").text == digest
    assert shown(tera, "c.tera")["version"] == 4


def test_rules_are_kept_without_a_manifest_and_hold_for_longer(tera: Tera, room: Room) -> None:
    file = seal("c.tera", room.key_pub, age=100 * DAY)
    refused(cat(tera, room, file), 15, "the policy expired")
    before = policy_of(file).envelope
    answer = tera("policy", "update", file, *IN_PLACE, "--days", "7", "--json")
    said, after = json.loads(answer.out), policy_of(file).envelope
    assert after.rules == before.rules
    assert after.expires - after.issued == 7 * DAY
    assert said == {
        "file": str(file),
        "version": 2,
        "issued": after.issued,
        "expires": after.expires,
        "rules": [["downloadable", True]],
        "size": file.stat().st_size,
        "pushed": [],
    }
    assert cat(tera, room, file).out == HELLO
    assert tera("policy", "update", file, *IN_PLACE, "--keep", "-q").err == ""
    assert policy_of(file).envelope.rules == before.rules


def test_a_copy_leaves_the_file_as_it_was(tera: Tera, room: Room, file: Path) -> None:
    before = file.read_bytes()
    assert tera("policy", "freeze", file, "--policy-key", "owner.txt", "-o", "copy").code == 0
    assert file.read_bytes() == before
    refused(cat(tera, room, "copy"), 15, "denies it")
    refused(tera("policy", "freeze", file, "--policy-key", "deputy.txt", "-o", "copy", "--lost"), 4, "copy exists")
    assert tera("policy", "freeze", file, "--policy-key", "deputy.txt", "-o", "copy", "-f", "--lost").code == 0
    assert policy_of(Path("copy")).envelope.version == 4


def test_rules_that_do_not_fit_go_to_a_copy(tera: Tera, room: Room, file: Path) -> None:
    before = file.read_bytes()
    write_rules("long.json", recipients=[f"somebody-{number:04}@example.org" for number in range(700)])
    answer = tera("policy", "update", file, *IN_PLACE, "--manifest", "long.json")
    refused(answer, 13, "does not fit")
    assert "-o" in answer.err
    assert file.read_bytes() == before
    assert (
        tera("policy", "update", file, "--policy-key", "owner.txt", "--manifest", "long.json", "-o", "copy").code == 0
    )
    assert cat(tera, room, "copy", "--viewer", "somebody-0007@example.org").out == HELLO
    refused(cat(tera, room, "copy", "--viewer", "nobody@example.org"), 15, "the rule recipients denies it")


# --- what is refused to an owner --------------------------------------------------------------------


def test_what_is_asked_for_wrongly_changes_nothing(tera: Tera, room: Room, file: Path) -> None:
    before, left = file.read_bytes(), left_in(file.parent)
    key, update = ["--policy-key", "owner.txt"], ["policy", "update", file]
    empty, locked = Path("empty.json"), Path("locked.json")
    empty.write_text('{"title": "x"}')
    locked.write_text('{"opens": 3, "password": "x"}')
    Path("bad.json").write_text('{"drm": {"nonsense": 1}}')
    left |= {"empty.json", "locked.json", "bad.json"}
    for more, words in (
        ([*key], "to a copy (-o FILE) or in place"),
        ([*key, "--in-place", "-o", "x"], "to a copy (-o FILE) or in place"),
        (["--in-place"], "--policy-key"),
        ([*key, "--in-place", "--keep", "--no-rules"], "name the new rules"),
        ([*key, "--in-place", "--manifest", "empty.json"], "--no-rules lifts all rules"),
        ([*key, "--in-place", "--manifest", "locked.json"], "a password cannot change"),
        ([*key, "--in-place", "--manifest", "bad.json"], "bad.json: drm has the unknown rule"),
        ([*key, "--in-place", "--days", "0"], "0 is not in the range"),
        ([*key, "-o", file, "-f"], "is the output too"),
        (["--policy-key", room.signer, "--in-place"], "may not change this policy"),
        (["--policy-key", room.key, "--in-place"], "keygen --sign"),
        (["--policy-key", "-", "--manifest", "-", "--in-place"], "once only"),
    ):
        refused(tera(*update, *more), 2, words)
    refused(tera("policy", "update", "-", *IN_PLACE), 2, "not on standard input")
    refused(tera("policy", "update", "absent", *IN_PLACE), 4, "absent: No such file")
    refused(tera("policy", "update", room.ruled_tera, *IN_PLACE), 2, "its rules cannot change")
    refused(tera("policy", "show", room.ruled_tera), 2, "its rules cannot change")
    refused(tera("policy", "show", room.key), 10, "not a tera container")
    refused(tera("policy", "thaw", file), 2, "no such command 'thaw'")
    assert file.read_bytes() == before
    assert left_in(file.parent) == left


def test_an_old_copy_is_not_changed_where_the_newest_was_made(tera: Tera, room: Room, file: Path) -> None:
    shutil.copy(file, "old")
    assert tera("policy", "update", file, *IN_PLACE, "--no-rules").code == 0
    answer = tera("policy", "freeze", "old", *IN_PLACE)
    refused(answer, 15, "version 2 has been seen")
    assert "--lost" in answer.err
    assert tera("policy", "freeze", "old", *IN_PLACE, "--lost").code == 0
    assert shown(tera, "old")["version"] == 4
    assert shown(tera, "old")["holds"]


def test_what_cannot_be_remembered_is_said_and_undoes_nothing(
    tera: Tera, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERA_STATE", str(file))
    answer = tera("policy", "freeze", file, *IN_PLACE)
    assert answer.code == 0
    assert answer.err.startswith("tera: warning: an older copy of it will not be noticed here")
    assert policy_of(file).envelope.version == 2


# --- what was interrupted ---------------------------------------------------------------------------


def test_an_interrupted_change_is_reported_by_every_verb_and_undone_by_one(tera: Tera, room: Room, file: Path) -> None:
    before = file.read_bytes()
    start = policy_section(before)[0]
    beside = Path(f"{file}.tera-policy")
    beside.write_bytes(backup_of(before))
    file.write_bytes(before[: start + 200] + bytes(100) + before[start + 300 :])
    warning = f"tera: warning: {file}: a change of its policy was interrupted: `tera recover {file}` restores it\n"
    for verb in (["ls", "-i", room.key], ["inspect"], ["policy", "show"], ["digest"]):
        at = 2 if verb[0] == "policy" else 1
        answer = tera(*verb[:at], file, *verb[at:])
        assert (answer.code == 13) == (verb[0] in ("ls", "policy")), verb  # the others look at its framing only
        assert answer.err.startswith(warning), verb
    refused(tera("policy", "freeze", file, *IN_PLACE), 4, "an earlier change of its policy was interrupted")
    answer = tera("recover", file)
    assert (answer.code, answer.err) == (0, f"tera: restored the policy of {file}\n")
    assert file.read_bytes() == before
    beside.write_bytes(b"")
    answer = tera("recover", file)
    assert (answer.code, answer.err) == (0, f"tera: the policy of {file} is whole, and stays as it is\n")
    assert not beside.exists()


def test_the_names_of_backups_are_those_of_the_library() -> None:
    from tera.cli.containers import BACKUP, POLICY_BACKUP
    from tera.codec.overwrite import ACCESS, POLICY

    assert (ACCESS.suffix, POLICY.suffix) == (BACKUP, POLICY_BACKUP)
