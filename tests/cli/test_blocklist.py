"""tera blocklist, and what readers refuse by the lists that their configuration names."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tera.codec.keyfile import load_recipients
from tera.policy.blockfile import HEADER, Kind, blocked_id, build_blocklist
from tests.cli.owners import DAY, HELLO, OTHER, OWNER, cat, fingerprint, own_machine, refused, seal
from tests.cli.runs import Answer, Room, Tera, left_in
from tests.cli.test_start import HEAVY, imported

KEY = ["--sign-key", "owner.txt"]
CONFIG = ["--config", "config.toml"]
LIST = "l.terb"
HEX16, HEX32 = "ab" * 16, "cd" * 32


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose configuration trusts the owner's list."""
    own_machine(tmp_path, monkeypatch)
    configure(tmp_path)


@pytest.fixture
def file(room: Room, tmp_path: Path) -> Path:
    """A signed container whose rules can change."""
    return seal(str(tmp_path / "c.tera"), room.key_pub, signers=[OTHER])


def configure(folder: Path, *more: str, issuer: str = "owner.pub") -> None:
    lines = ["[[blocklists]]", f'file = "{LIST}"', f'issuers = ["{issuer}"]', *more]
    (folder / "config.toml").write_text("\n".join(lines) + "\n")


def create(tera: Tera, *more: str) -> None:
    answer = tera("blocklist", "create", LIST, *KEY, *more)
    assert answer.code == 0, answer.err


def add(tera: Tera, *what: str | Path, **options: Any) -> Answer:
    answer = tera("blocklist", "add", LIST, *what, *KEY, **options)
    assert answer.code == 0, answer.err
    return answer


def shown(tera: Tera, *more: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tera("blocklist", "show", LIST, "--json", *more).out)
    return found


def write_list(*ids: bytes, **options: Any) -> None:
    """Write a list with what it should say, by the library."""

    now = int(time.time())
    made = {"list_id": b"l" * 16, "version": 1, "issued": now, "expires": now + DAY, **options}
    Path(LIST).write_bytes(build_blocklist(ids, OWNER, **made))


# --- making and changing ----------------------------------------------------------------------------


def test_a_container_is_blocked_and_let_go_again(tera: Tera, room: Room, file: Path) -> None:
    create(tera)
    assert cat(tera, room, file, *CONFIG).out == HELLO
    said = add(tera, file).err
    assert "is now version 2" in said
    assert "3 entries" in said
    refused(cat(tera, room, file, *CONFIG), 14, "is blocked by the list l.terb")
    assert tera("blocklist", "remove", LIST, file, *KEY).code == 0
    assert cat(tera, room, file, *CONFIG).out == HELLO
    assert left_in(Path()) >= {LIST}
    assert not [name for name in left_in(Path()) if name.endswith(".partial")]


@pytest.mark.parametrize("kind", ["id", "digest", "signer", "recipient", "policy", "bind", "policy_signer"])
def test_each_thing_that_is_blocked_closes_the_container(tera: Tera, room: Room, file: Path, kind: str) -> None:
    from tests.codec.sealed import front_of

    policy = json.loads(tera("policy", "show", file, "--json").out)
    values = {
        "id": policy["container"],
        "digest": tera("digest", file).text.strip(),
        "signer": "other.pub",
        "policy_signer": fingerprint(OWNER),
        "recipient": room.key_pub,
        "policy": policy["policy"],
        "bind": front_of(file.read_bytes()).bind.hex(),
    }
    create(tera)
    add(tera, f"--{kind.removeprefix('policy_')}", values[kind])
    words = {"policy_signer": "signer", "id": "container", "bind": "container with this key,"}.get(kind, kind)
    answer = cat(tera, room, file, *CONFIG)
    refused(answer, 14, "is blocked by the list l.terb")
    assert words in answer.err
    for verb in (["ls"], ["verify"], ["decode", "-C", "out"], ["rewrap", "-R", room.second_pub, "-o", "copy"]):
        refused(tera(verb[0], file, "-i", room.key, *verb[1:], *CONFIG), 14, "is blocked")
    piped = tera("cat", "-", "hello.txt", "-i", room.key, *CONFIG, stdin=file.read_bytes())
    refused(piped, 14, "is blocked")


def test_another_key_of_the_same_container_still_opens_it(tera: Tera, room: Room, file: Path) -> None:
    create(tera)
    add(tera, "--recipient", room.second_pub)
    assert cat(tera, room, file, *CONFIG).out == HELLO


def test_a_rewrapped_container_stays_blocked(tera: Tera, room: Room, file: Path) -> None:
    create(tera)
    add(tera, file)
    assert tera("rewrap", file, "-i", room.key, "-R", room.second_pub, "-o", "copy").code == 0
    refused(tera("cat", "copy", "hello.txt", "-i", room.second, *CONFIG), 14, "is blocked")


def test_every_way_to_write_a_value_is_taken(tera: Tera, room: Room, file: Path) -> None:
    create(tera, "--id", HEX16)
    recipient = load_recipients(Path(room.key_pub).read_text(), where="")[0].fingerprint.hex()
    policy = json.loads(tera("policy", "show", file, "--json").out)
    same = {
        "--id": [policy["container"], policy["container"].replace("-", "")],
        "--digest": [tera("digest", file).text.strip(), tera("digest", file).text.strip().removeprefix("tera:")],
        "--signer": ["other.pub", fingerprint(OTHER), Path("other.pub").read_text().strip()],
        "--recipient": [room.key_pub, recipient, Path(room.key_pub).read_text().strip()],
    }
    for number, (option, values) in enumerate(same.items(), 2):
        add(tera, option, values[0])
        for value in values:
            answer = add(tera, option, value)
            assert "is on the list already" in answer.err
            assert "stays version" in answer.err
            assert shown(tera, option, value)["contains"][0]["blocked"]
        assert shown(tera)["version"] == number
    assert shown(tera)["id"] == HEX16


def test_many_are_taken_from_a_file_or_a_pipe(tera: Tera) -> None:
    create(tera)
    Path("lines").write_text(f"# reasons are kept here\n\nid {HEX16}\n  digest tera:{HEX32}\nbind {HEX32}  \n")
    said = tera("blocklist", "add", LIST, "--from", "lines", *KEY, "--json")
    found = json.loads(said.out)
    assert (found["count"], found["version"], found["written"]) == (3, 2, True)
    assert found["changed"] == [f"the id {HEX16}", f"the digest tera:{HEX32}", f"the bind {HEX32}"]
    piped = b"".join(b"digest %064x\n" % number for number in range(300))
    again = add(tera, "--from", "-", "--id", HEX16, stdin=piped)
    assert f"the id {HEX16} is on the list already" in again.err
    assert shown(tera)["count"] == 303
    assert tera("blocklist", "remove", LIST, "--from", "-", *KEY, stdin=piped).code == 0
    assert shown(tera)["count"] == 3
    more = add(tera, *(part for number in range(7) for part in ("--id", f"{number:032x}")))
    assert more.err.count("note") == 0
    assert "so are 2 more" in add(tera, *(part for number in range(7) for part in ("--id", f"{number:032x}"))).err


@pytest.mark.parametrize(
    ("line", "words"),
    [("id", "KIND VALUE"), ("name x", "KIND VALUE"), ("id x", "this is no id"), ("signer -", "KIND VALUE")],
)
def test_a_line_that_is_none_is_refused_with_its_number(tera: Tera, line: str, words: str) -> None:
    create(tera)
    Path("lines").write_text(f"id {HEX16}\n{line}\n")
    answer = tera("blocklist", "add", LIST, "--from", "lines", *KEY)
    refused(answer, 2, words)
    assert "lines:2: " in answer.err
    assert shown(tera)["version"] == 1


def test_what_is_asked_for_wrongly_changes_nothing(tera: Tera, room: Room, file: Path) -> None:
    create(tera)
    before = Path(LIST).read_bytes()
    both = [*KEY, "--id", HEX16]
    Path("two.txt").write_text(Path("owner.txt").read_text() + Path("other.txt").read_text())
    for arguments, code, words in (
        (["add", LIST, *KEY], 2, "nothing to add"),
        (["remove", LIST, *KEY], 2, "nothing to remove"),
        (["add", LIST, "--id", HEX16], 2, "--sign-key"),
        (["add", LIST, "--id", HEX16, "--sign-key", "two.txt"], 2, "holds 2 keys"),
        (["add", LIST, "--id", HEX16, "--sign-key", room.key], 2, "keygen --sign"),
        (["add", LIST, "--id", HEX16, "--sign-key", "other.txt"], 13, "only its issuer can change it"),
        (["add", "-", *both], 2, "a block list is a file"),
        (["add", "absent", *both], 4, "absent: No such file"),
        (["add", str(file), *both], 13, "it is not a block list"),
        (["add", LIST, *KEY, "--id", HEX16.upper()], 2, "this is no id"),
        (["add", LIST, *KEY, "--digest", "x"], 2, "tera digest"),
        (["add", LIST, *KEY, "--bind", HEX16], 2, "64 hexadecimal digits"),
        (["add", LIST, *KEY, "--signer", room.key_pub], 2, "a signer's public key belongs here"),
        (["add", LIST, *KEY, "--recipient", "other.pub"], 2, "a recipient's public key belongs here"),
        (["add", LIST, *KEY, room.key], 10, "not a tera container"),
        (["add", LIST, *KEY, "absent.tera"], 4, "absent.tera: No such file"),
        (["add", LIST, *KEY, "--from", "-", "--signer", "-"], 2, "once only"),
        (["remove", LIST, *both], 1, f"the id {HEX16} is not on the list"),
        (["remove", LIST, *KEY, str(file)], 1, "is not on the list"),
        (["create", LIST, *KEY], 4, "tera blocklist add"),
        (["create", "new", *KEY, "--id", "x"], 2, "this is no id"),
        (["create", "new", *KEY, "--days", "0"], 2, "0 is not in the range"),
        (["create", "new"], 2, "--sign-key"),
        (["forget", LIST], 2, "no such command 'forget'"),
    ):
        refused(tera("blocklist", *arguments), code, words)
    assert Path(LIST).read_bytes() == before
    assert not Path("new").exists()


def test_a_container_that_was_changed_is_not_blocked_by_a_digest_that_it_only_claims(
    tera: Tera, room: Room, file: Path
) -> None:
    create(tera)
    data = file.read_bytes()
    file.write_bytes(data[:-60_00] + bytes((data[-6_000] ^ 1,)) + data[-5_999:])
    assert tera("digest", file).code == 13
    assert tera("blocklist", "add", LIST, file, *KEY).code == 13
    assert shown(tera)["count"] == 0


def test_a_list_is_renewed_with_the_same_on_it(tera: Tera) -> None:
    create(tera, "--days", "7")
    add(tera, "--id", HEX16)
    found = json.loads(tera("blocklist", "renew", LIST, *KEY, "--json").out)
    assert (found["version"], found["count"], found["expires"] - found["issued"]) == (3, 1, 7 * DAY)
    found = json.loads(tera("blocklist", "renew", LIST, *KEY, "--days", "30", "--json").out)
    assert (found["version"], found["expires"] - found["issued"]) == (4, 30 * DAY)
    assert tera("blocklist", "renew", LIST, *KEY, "-q").err == ""


def test_an_old_copy_of_a_list_is_not_changed_where_the_newest_was_made(tera: Tera) -> None:
    create(tera)
    shutil.copy(LIST, "old")
    add(tera, "--id", HEX16)
    answer = tera("blocklist", "add", "old", *KEY, "--bind", HEX32)
    refused(answer, 15, "version 2 has been seen")
    assert "--lost" in answer.err
    assert tera("blocklist", "add", "old", *KEY, "--bind", HEX32, "--lost").code == 0
    assert json.loads(tera("blocklist", "show", "old", "--json").out)["version"] == 3


# --- what a reader refuses --------------------------------------------------------------------------


def test_a_list_that_is_missing_closes_every_container(tera: Tera, room: Room, file: Path) -> None:
    answer = cat(tera, room, file, *CONFIG)
    refused(answer, 15, "l.terb is not there")
    refused(tera("ls", room.out_tera, "-i", room.key, *CONFIG), 15, "l.terb is not there")


def test_a_list_that_is_stale_closes_every_container_unless_it_may_be(tera: Tera, room: Room, file: Path) -> None:

    now = int(time.time())
    write_list(issued=now - 2 * DAY, expires=now - DAY)
    refused(cat(tera, room, file, *CONFIG), 15, "l.terb expired")
    configure(Path(), 'stale = "allow"')
    assert cat(tera, room, file, *CONFIG).out == HELLO
    write_list(blocked_id(Kind.SIGNER, bytes.fromhex(fingerprint(OTHER))), version=2, issued=now - DAY, expires=now - 9)
    refused(cat(tera, room, file, *CONFIG), 14, "is blocked")
    write_list(issued=now + 1_000, expires=now + DAY, version=3)
    refused(cat(tera, room, file, *CONFIG), 4, "after the time of this machine's clock")


def test_a_list_of_somebody_else_closes_every_container(tera: Tera, room: Room, file: Path) -> None:
    create(tera)
    configure(Path(), issuer="deputy.pub")
    refused(cat(tera, room, file, *CONFIG), 13, "who is not trusted with block lists")


def test_a_list_that_was_rolled_back_closes_every_container(tera: Tera, room: Room, file: Path) -> None:
    write_list()
    old = Path(LIST).read_bytes()
    write_list(version=2)
    assert cat(tera, room, file, *CONFIG).out == HELLO
    Path(LIST).write_bytes(old)
    refused(cat(tera, room, file, *CONFIG), 15, "but version 2 has been seen")
    write_list(bytes(32), version=2)
    refused(cat(tera, room, file, *CONFIG), 15, "another one with that version has been seen")
    write_list(version=3)
    assert cat(tera, room, file, *CONFIG).out == HELLO


def test_a_list_that_was_changed_on_its_way_closes_every_container(tera: Tera, room: Room, file: Path) -> None:
    create(tera)
    add(tera, "--id", HEX16)
    data = Path(LIST).read_bytes()
    for at, words in ((39, "a signature of"), (HEADER, "is not the one that its issuer signed")):
        Path(LIST).write_bytes(data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :])
        refused(cat(tera, room, file, *CONFIG), 13, words)
        refused(tera("blocklist", "add", LIST, *KEY, "--id", HEX16), 13, words)
    Path(LIST).write_bytes(data[:-1])
    refused(cat(tera, room, file, *CONFIG), 13, "ends too early")


# --- showing ----------------------------------------------------------------------------------------


def test_what_a_list_says_is_unverified_without_its_issuer(tera: Tera) -> None:
    create(tera, "--id", HEX16)
    add(tera, "--bind", HEX32)
    found = shown(tera)
    assert (found["id"], found["version"], found["count"], found["issuer"]) == (HEX16, 2, 1, fingerprint(OWNER))
    assert (found["verified"], found["holds"], found["error"], found["contains"]) == (False, True, None, [])
    text = tera("blocklist", "show", LIST).text
    assert text.count("unverified") == 6
    assert "name it with --issuer" in text
    for issuer in ("owner.pub", fingerprint(OWNER), Path("owner.pub").read_text().strip()):
        assert shown(tera, "--issuer", issuer)["verified"]
    assert "unverified" not in tera("blocklist", "show", LIST, "--issuer", "owner.pub").text


def test_a_list_that_does_not_hold_is_shown_and_is_the_error(tera: Tera) -> None:

    now = int(time.time())
    create(tera)
    for arguments, code, name in ((["--issuer", "other.pub"], 13, "blocklist_issuer"), ([], 0, None)):
        answer = tera("blocklist", "show", LIST, *arguments, "--json")
        found = json.loads(answer.out)
        assert (answer.code, (found["error"] or {"code": None})["code"]) == (code, name)
        assert (found["verified"], found["count"]) == (False, 0)
    write_list(issued=now - 2 * DAY, expires=now - DAY)
    answer = tera("blocklist", "show", LIST, "--issuer", "owner.pub", "--json", "--id", HEX16)
    found = json.loads(answer.out)
    refused(answer, 15, "expired at")
    assert (found["verified"], found["holds"], found["error"]["code"]) == (True, False, "stale_blocklist")
    assert found["contains"] == [{"what": f"the id {HEX16}", "blocked": False, "by": []}]
    data = bytearray(Path(LIST).read_bytes())
    data[39] ^= 2
    Path(LIST).write_bytes(data)
    answer = tera("blocklist", "show", LIST)
    refused(answer, 13, "does not verify")
    assert "no: blocklist_signature" in answer.text
    refused(tera("blocklist", "show", "owner.pub"), 13, "it is not a block list")
    refused(tera("blocklist", "show", "absent"), 4, "absent: No such file")


def test_a_page_that_was_changed_is_told_though_nothing_on_it_was_asked_for(tera: Tera) -> None:
    write_list(*(number.to_bytes(32, "big") for number in range(1, 300)))
    assert tera("blocklist", "show", LIST).code == 0
    data = Path(LIST).read_bytes()
    Path(LIST).write_bytes(data[:-50] + bytes((data[-50] ^ 1,)) + data[-49:])
    refused(tera("blocklist", "show", LIST), 13, "a page of the block list is not the one that its issuer signed")


def test_what_is_asked_for_is_answered_by_the_exit_code(tera: Tera, room: Room, file: Path) -> None:
    create(tera)
    add(tera, "--signer", "other.pub")
    answer = tera("blocklist", "show", LIST, "--contains", file, "--id", HEX16)
    refused(answer, 14, f"{file} is blocked by the list")
    assert f"contains    no: the id {HEX16}" in answer.text
    assert f"contains    yes: {file}" in answer.text
    assert "(by its signer)" in answer.text
    answer = tera("blocklist", "show", LIST, "--contains", room.out_tera, "--id", HEX16)
    assert (answer.code, answer.text.count("contains    no: ")) == (0, 2)
    policy_owner = tera("blocklist", "show", LIST, "--signer", "owner.pub")
    assert policy_owner.code == 0
    add(tera, "--signer", "owner.pub")
    assert shown(tera, "--contains", file)["contains"][0]["by"] == ["signer", "signer"]
    assert shown(tera, "--contains", file, "--signer", "other.pub")["contains"][0]["what"].startswith("the signer")


# --- the command ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "verbs"),
    [("policy", "show update freeze push"), ("blocklist", "create add remove renew show")],
)
def test_a_group_lists_its_verbs_and_imports_nothing_heavy(tera: Tera, group: str, verbs: str) -> None:
    answer = tera(group, "--help")
    assert answer.code == 0
    for verb in verbs.split():
        assert f"\n  {verb} " in answer.text
        assert tera(group, verb, "--help").code == 0
    assert not HEAVY & imported(group, "--help")
    refused(tera(group), 2, "missing command")
