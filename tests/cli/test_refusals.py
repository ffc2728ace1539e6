"""Every bad input has one line, a hint where there is something to do, its exit code, and leaves nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.runs import FILES, Answer, Room, Tera, left_in


def refused(answer: Answer, code: int, words: str) -> None:
    """Check that a run failed with `code`, saying `words` in one line of error and at most one of hint."""
    lines = [line for line in answer.err.splitlines() if not line.startswith("tera: skipped:")]
    assert answer.code == code, answer.err
    assert lines, "nothing was said"
    assert lines[0].startswith("tera: error: "), answer.err
    assert words in answer.err
    assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("tera: hint: ")), answer.err
    assert "Traceback" not in answer.err
    assert answer.out == b""


# --- keys -----------------------------------------------------------------------------------------


def test_a_key_that_does_not_fit_is_refused(tera: Tera, room: Room, tmp_path: Path) -> None:
    for verb in (["ls"], ["decode", "-C", "d"], ["digest", "--content"], ["verify"]):
        refused(tera(verb[0], room.out_tera, "-i", room.stranger, *verb[1:]), 11, "none of the keys")
    refused(tera("cat", room.out_tera, "hello.txt", "-i", room.stranger), 11, "none of the keys")
    refused(tera("rewrap", room.out_tera, "-i", room.stranger, "-R", room.key_pub, "-o", "x"), 11, "none of the keys")
    assert left_in(tmp_path) == set()


def test_a_wrong_passphrase_is_refused(tera: Tera, room: Room) -> None:
    Path("wrong").write_text("battery staple")
    refused(tera("ls", room.words_tera, "--passphrase-file", "wrong"), 12, "passphrase is wrong")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"one\ntwo\n", "one line"), (b"\xff\n", "UTF-8"), (b"x" * 70_000, "too much for a passphrase")],
)
def test_what_is_no_passphrase_is_refused(tera: Tera, room: Room, content: bytes, words: str) -> None:
    Path("pass").write_bytes(content)
    refused(tera("ls", room.words_tera, "--passphrase-file", "pass"), 2, words)


def test_a_command_without_a_key_is_refused(tera: Tera, room: Room) -> None:
    for verb in ("ls", "decode", "rewrap"):
        more = ["-R", room.key_pub, "-o", "x"] if verb == "rewrap" else []
        refused(tera(verb, room.out_tera, *more), 2, "no key to open with")
    refused(tera("encode", ".", "-o", "x"), 2, "nobody to seal to")


def test_a_key_file_that_is_none_is_refused_with_its_line(tera: Tera, room: Room) -> None:
    Path("bad.txt").write_text("# comment\n\nTERA-SECRET-XWING-1QQQ\n")
    refused(tera("ls", room.out_tera, "-i", "bad.txt"), 2, "bad.txt:3: ")
    refused(tera("ls", room.out_tera, "-i", room.key_pub), 2, "a secret key to open with belongs here")
    refused(tera("encode", ".", "-R", room.key, "-o", "x"), 2, "keygen -y")
    refused(tera("encode", ".", "-R", room.key_pub, "--sign-key", room.key, "-o", "x"), 2, "keygen --sign")
    refused(tera("inspect", room.signed_tera, "--signer", room.key_pub), 2, "a signer's public key belongs here")
    refused(tera("ls", room.out_tera, "-i", room.out_tera), 2, "this is a container")
    refused(tera("ls", room.out_tera, "-i", "/dev/zero"), 2, "too much for a file of keys")
    refused(tera("ls", room.out_tera, "-i", "missing"), 4, "missing: No such file")


def test_a_file_where_a_key_belongs_is_refused_with_the_way_to_give_it(tera: Tera, room: Room) -> None:
    refused(tera("encode", ".", "-r", room.key_pub, "-o", "x"), 2, f"-R {room.key_pub}")


def test_a_classical_key_is_refused_and_says_why(tera: Tera, room: Room) -> None:
    age = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    refused(tera("encode", ".", "-r", age, "-o", "x"), 2, "a quantum computer opens")


def test_a_secret_on_the_command_line_is_not_quoted(tera: Tera, room: Room) -> None:
    secret = Path(room.key).read_text().strip()
    answer = tera("encode", ".", "-r", secret, "-o", "x")
    refused(answer, 2, "a recipient's public key belongs here")
    assert secret[-30:] not in answer.err


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33, b"zz" * 32])
def test_what_is_no_key_encryption_key_is_refused(tera: Tera, room: Room, content: bytes) -> None:
    Path("kek").write_bytes(content)
    refused(tera("ls", room.out_tera, "--kek-file", "kek"), 2, "has 32 bytes")


# --- containers -----------------------------------------------------------------------------------


def test_a_foreign_file_is_refused(tera: Tera, room: Room) -> None:
    Path("x").write_bytes(b"PK\3\4" + bytes(100))
    for verb in (
        ["ls", "x", "-i", room.key],
        ["inspect", "x"],
        ["digest", "x"],
        ["verify", "x"],
        ["decode", "x", "-i", room.key],
    ):
        refused(tera(*verb), 10, "not a tera container")
    refused(tera("decode", "-", "-i", room.key, stdin=b"hello"), 10, "not a tera container")
    refused(tera("rewrap", "x", "-i", room.key, "-R", room.key_pub, "--in-place"), 10, "not a tera container")


def test_a_newer_version_is_refused(tera: Tera, room: Room) -> None:
    data = Path(room.out_tera).read_bytes()
    Path("x").write_bytes(data[:8] + b"\2" + data[9:])
    refused(tera("inspect", "x"), 10, "a newer tera may read it")


@pytest.mark.parametrize("keep", [12, 500, 4_500, 1_200_000, -1])
def test_a_truncated_container_is_refused(tera: Tera, room: Room, tmp_path: Path, keep: int) -> None:
    data = Path(room.out_tera).read_bytes()[:keep]
    Path("x").write_bytes(data)
    refused(tera("decode", "x", "-i", room.key, "-C", "d"), 13, "ends")
    refused(tera("decode", "-", "-i", room.key, "-C", "d", stdin=data), 13, "ends")
    assert left_in(tmp_path) <= {"x", "d"}


def test_an_edited_container_is_refused_and_nothing_unverified_is_written(
    tera: Tera, room: Room, tmp_path: Path
) -> None:
    data = bytearray(Path(room.out_tera).read_bytes())
    data[1_500_000] ^= 1
    Path("x").write_bytes(data)
    refused(tera("verify", "x"), 13, "")
    refused(tera("decode", "x", "-i", room.key, "-C", "d"), 13, "block 1")
    assert left_in(tmp_path / "d") <= {"hello.txt"}


def test_bytes_after_the_end_are_refused(tera: Tera, room: Room) -> None:
    data = Path(room.out_tera).read_bytes() + b"\0"
    Path("x").write_bytes(data)
    refused(tera("digest", "x"), 13, "follow")
    refused(tera("decode", "-", "-i", room.key, "--stream", "-C", "d", stdin=data), 13, "follows")


def test_a_missing_signature_is_refused(tera: Tera, room: Room) -> None:
    for verb in (["inspect"], ["verify"], ["ls", "-i", room.key], ["decode", "-i", room.key, "-C", "d"]):
        refused(tera(verb[0], room.out_tera, *verb[1:], "--signer", room.signer_pub), 13, "not signed by")
        refused(tera(verb[0], room.signed_tera, *verb[1:], "--signer", room.other_pub), 13, "not signed by")


def test_a_rule_that_denies_is_named(tera: Tera, room: Room, tmp_path: Path) -> None:
    for path in (room.ruled_tera, room.secret_tera):
        for _ in range(3):
            assert tera("ls", path, "-i", room.key).code == 0
        refused(tera("ls", path, "-i", room.key), 15, "the rule opens")
        refused(tera("decode", path, "-i", room.key, "-C", "d"), 15, "the rule opens")
        refused(tera("decode", "-", "-i", room.key, "-C", "d", "--stream", stdin=Path(path).read_bytes()), 15, "opens")
    assert left_in(tmp_path) <= {"d"}


def test_a_name_that_is_not_there_is_refused_before_anything_is_written(tera: Tera, room: Room, tmp_path: Path) -> None:
    refused(tera("cat", room.out_tera, "hello.txt", "missing", "-i", room.key), 1, "'missing' is not in the container")
    refused(tera("decode", room.out_tera, "hello", "-i", room.key, "-C", "d"), 1, "'hello' is not in the container")
    refused(tera("ls", room.out_tera, "hello.txt/", "x", "-i", room.key), 1, "'x' is not in the container")
    assert left_in(tmp_path) == set()


def test_a_folder_is_not_a_file(tera: Tera, room: Room) -> None:
    Path("folder").mkdir()
    tera("encode", "folder", "-R", room.key_pub, "-o", "x")
    refused(tera("cat", "x", "folder", "-i", room.key), 2, "is a folder")
    refused(tera("ls", "folder", "-i", room.key), 4, "not a regular file")


# --- inputs and outputs ---------------------------------------------------------------------------


def test_an_input_that_is_not_there_is_refused(tera: Tera, room: Room, tmp_path: Path) -> None:
    Path("a").write_text("x")
    refused(tera("encode", "a", "missing", "-R", room.key_pub, "-o", "x"), 4, "missing: No such file")
    refused(tera("ls", "missing", "-i", room.key), 4, "missing: No such file")
    refused(tera("rewrap", "missing", "-i", room.key, "-R", room.key_pub, "--in-place"), 4, "missing: No such file")
    assert left_in(tmp_path) == {"a"}


def test_what_cannot_be_sealed_is_skipped_named_and_in_the_exit_code(tera: Tera, room: Room) -> None:
    Path("in").mkdir()
    Path("in/a").write_text("x")
    os.symlink("/etc/passwd", "in/link")
    os.mkfifo("in/pipe")
    Path(os.fsdecode(b"in/caf\xe9")).write_text("x")
    Path("in/back\\slash").write_text("x")
    answer = tera("encode", "in", "-R", room.key_pub, "-o", "x")
    assert answer.code == 3
    skipped = [line for line in answer.err.splitlines() if line.startswith("tera: skipped: in/")]
    assert len(skipped) == 4, answer.err
    assert tera("ls", "x", "-i", room.key).text == "in/\nin/a\n"
    assert b'"skipped"' in tera("encode", "in", "-R", room.key_pub, "-o", "x", "-f", "--json").out


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_skipped(tera: Tera, room: Room) -> None:
    Path("in").mkdir()
    Path("in/a").write_text("x")
    Path("in/a").chmod(0)
    assert tera("encode", "in", "-R", room.key_pub, "-o", "x").code == 3


def test_an_existing_output_is_kept(tera: Tera, room: Room, tmp_path: Path) -> None:
    Path("a").write_text("x")
    Path("x").write_text("old")
    refused(tera("encode", "a", "-R", room.key_pub, "-o", "x"), 4, "-f overwrites")
    refused(tera("rewrap", room.out_tera, "-i", room.key, "-R", room.key_pub, "-o", "x"), 4, "-f overwrites")
    Path("hello.txt").write_text("old")
    refused(tera("decode", room.out_tera, "-i", room.key), 4, "-f overwrites")
    assert Path("x").read_text() == Path("hello.txt").read_text() == "old"
    assert left_in(tmp_path) <= {"a", "x", "hello.txt", "sub", "sub/deep.txt", "noise.bin"}
    assert tera("encode", "a", "-R", room.key_pub, "-o", "x", "-f").code == 0
    assert tera("decode", room.out_tera, "-i", room.key, "-f").code == 0
    assert Path("hello.txt").read_bytes() == FILES["hello.txt"]


def test_an_input_that_is_the_output_is_refused(tera: Tera, room: Room) -> None:
    Path("a").write_text("x")
    os.link("a", "b")
    for output in ("a", "./a", "b"):
        for force in ([], ["-f"]):
            refused(tera("encode", "a", "-R", room.key_pub, "-o", output, *force), 2, "a is the output too")
    Path("x").write_bytes(Path(room.out_tera).read_bytes())
    refused(tera("rewrap", "x", "-i", room.key, "-R", room.key_pub, "-o", "x", "-f"), 2, "--in-place")
    assert Path("a").read_text() == "x"


def test_an_output_inside_the_folder_is_not_sealed_into_itself(tera: Tera, room: Room) -> None:
    Path("in").mkdir()
    Path("in/a").write_text("x")
    Path("in/out.tera").write_text("old")
    answer = tera("encode", "in", "-R", room.key_pub, "-o", "in/out.tera", "-f")
    assert (answer.code, "in/out.tera: is the output" in answer.err) == (3, True)
    assert tera("ls", "in/out.tera", "-i", room.key).text == "in/\nin/a\n"


def test_two_inputs_of_one_name_are_refused_before_they_are_read(tera: Tera, room: Room) -> None:
    for folder in ("one", "two"):
        Path(folder).mkdir()
        Path(folder, "a").write_text("x")
    refused(tera("encode", "one/a", "two/a", "-R", room.key_pub, "-o", "x"), 2, "two of the inputs would be 'a'")
    refused(tera("encode", "one/a", "-", "--stdin-name", "a", "-R", room.key_pub, "-o", "x"), 2, "two of the inputs")


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", "a\\b", "", "a\nb", "x" * 256, "a/./b", "\u202egpj"])
def test_a_name_that_no_container_can_hold_is_refused(tera: Tera, room: Room, name: str) -> None:
    refused(tera("encode", "-", "--stdin-name", name, "-R", room.key_pub, "-o", "x"), 2, "its name cannot be stored")


def test_an_output_that_cannot_be_is_refused(tera: Tera, room: Room, tmp_path: Path) -> None:
    Path("a").write_text("x")
    refused(tera("encode", "a", "-R", room.key_pub, "-o", "missing/x"), 4, "No such file")
    refused(tera("encode", "a", "-R", room.key_pub, "-o", ".", "-f"), 4, "not a regular file")
    refused(tera("decode", room.out_tera, "-i", room.key, "-C", "a"), 4, "a: ")
    assert left_in(tmp_path) == {"a"}


def test_a_link_in_the_target_is_not_followed(tera: Tera, room: Room, tmp_path: Path) -> None:
    Path("d").mkdir()
    Path("elsewhere").mkdir()
    os.symlink("../elsewhere", "d/sub")
    for force in ([], ["-f"]):
        assert tera("decode", room.out_tera, "-i", room.key, "-C", "d", *force).code == 4
    assert left_in(tmp_path / "elsewhere") == set()


# --- manifests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "m.json: the manifest is not JSON: line 1"),
        ('{"drm": {}}', "m.json: the manifest's drm is empty"),
        ('{"drm": {"open": 1}}', "unknown rule 'open'"),
        ('{"drm": {"time": {"end": 0.5}}}', "m.json: drm.time.end is not a string"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused(tera: Tera, room: Room, tmp_path: Path, text: str, words: str) -> None:
    Path("m.json").write_text(text)
    refused(tera("encode", "-", "--manifest", "m.json", "-R", room.key_pub, "-o", "x"), 2, words)
    assert left_in(tmp_path) == {"m.json"}


def test_rules_go_where_the_command_says(tera: Tera, room: Room) -> None:
    Path("m.json").write_text('{"drm": {"opens": 3}}')
    seal = ["encode", "-", "--manifest", "m.json", "-R", room.key_pub, "-f", "-o", "x"]
    assert tera(*seal).code == 0
    shown = tera("inspect", "x").text
    assert "opens = 3" in shown
    assert "advisory" in shown
    assert tera(*seal, "--sealed-rules").code == 0
    assert "opens" not in tera("inspect", "x").text
    refused(tera("encode", "-", "-R", room.key_pub, "--sealed-rules", "-o", "y"), 2, "there are no rules")


@pytest.mark.parametrize("tag", ["", "x" * 129])
def test_a_tag_that_no_container_can_hold_is_refused(tera: Tera, room: Room, tag: str) -> None:
    refused(tera("encode", "-", "--tag", tag, "-R", room.key_pub, "-o", "x"), 2, "128 bytes")


# --- usage ----------------------------------------------------------------------------------------

USAGE: list[tuple[list[str], str]] = [
    ([], "missing command"),
    (["unknown"], "no verb 'unknown'"),
    (["encoed"], "no verb 'encoed': encode?"),
    (["encode"], "missing argument"),
    (["encode", "a", "--nonsense"], "no such option"),
    (["encode", "a", "-r"], "requires an argument"),
    (["encode", "-", "-", "-R", "k", "-o", "x"], "once only"),
    (["encode", "-", "-R", "-", "-o", "x"], "once only"),
    (["encode", "a", "-R", "k", "--json"], "--json"),
    (["encode", "a", "-p", "--passphrase-file", "f", "-o", "x"], "choose one"),
    (["encode", "a", "--pad", "some", "-o", "x"], "padme"),
    (["decode", "-", "-i", "-"], "once only"),
    (["decode", "x", "a", "-i", "k", "--stream"], "--stream takes everything"),
    (["cat", "x", "a", "b", "--offset", "1"], "of one file"),
    (["cat", "x", "a", "--offset", "-1"], "range"),
    (["rewrap", "x", "-i", "k"], "name all new recipients"),
    (["rewrap", "x", "-i", "k", "-r", "a", "--add", "b", "-o", "y"], "name all new recipients"),
    (["rewrap", "x", "-i", "k", "-r", "a"], "a copy (-o FILE) or in place"),
    (["rewrap", "x", "-i", "k", "-r", "a", "-o", "y", "--in-place"], "a copy (-o FILE) or in place"),
    (["rewrap", "-", "-i", "k", "-r", "a", "-o", "y"], "not on standard input"),
    (["recover", "x", "-i", "k", "-C", "d", "--passphrase", "--passphrase-fd", "3"], "choose one"),
    (["recover", "-"], "not on standard input"),
    (["keygen", "--sign", "--type", "xwing"], "one type"),
    (["keygen", "-y", "k", "--sign"], "without"),
    (["keygen", "--json"], "-o"),
    (["completion", "cmd"], "bash"),
]


@pytest.mark.parametrize(
    ("arguments", "words"), USAGE, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_wrong_command_line_is_refused(tera: Tera, arguments: list[str], words: str) -> None:
    refused(tera(*arguments, stdin=b""), 2, words)
