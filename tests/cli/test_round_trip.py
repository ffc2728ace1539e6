"""The work of every verb, from a key to the last byte, in one process."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tests.cli.runs import FILES, Room, Tera, left_in


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    for name, content in {**FILES, "empty": b"", "容器.txt": b"x" * 3_000_000}.items():
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / name).write_bytes(content)
    (docs / "nothing").mkdir()
    return docs


def test_everything_comes_back(tera: Tera, room: Room, docs: Path) -> None:
    sealed = tera(
        "encode", docs, "-", "--stdin-name", "from/pipe", "-R", room.key_pub, "-o", "out.tera", stdin=b"piped"
    )
    assert (sealed.code, sealed.out) == (0, b"")
    assert sealed.err.startswith("tera: sealed 9 entries (")
    opened = tera("decode", "out.tera", "-i", room.key, "-C", "back")
    assert (opened.code, opened.out) == (0, b"")
    assert opened.err.startswith("tera: opened 9 entries (")
    assert tree(Path("back")) == {f"docs/{name}": data for name, data in tree(docs).items()} | {"from/pipe": b"piped"}
    assert Path("back/docs/nothing").is_dir()


def test_quiet_says_nothing(tera: Tera, room: Room, docs: Path) -> None:
    assert tera("encode", docs, "-R", room.key_pub, "-o", "x", "-q").err == ""
    assert tera("decode", "x", "-i", room.key, "-C", "back", "-q").err == ""


def test_a_container_goes_through_pipes(tera: Tera, room: Room) -> None:
    sealed = tera("encode", "-", "-R", room.key_pub, stdin=b"one two")
    assert sealed.out.startswith(b"\x89TERA")
    assert "into standard output" in sealed.err
    for more in ([], ["--stream"]):
        assert tera("decode", "-", "-i", room.key, "-C", "back", "-f", *more, stdin=sealed.out).code == 0
        assert tree(Path("back")) == {"stdin": b"one two"}
    assert tera("cat", "-", "stdin", "-i", room.key, stdin=sealed.out).out == b"one two"
    Path("file").write_bytes(sealed.out)
    assert tera("digest", "file").out == tera("digest", "-", stdin=sealed.out).out


def test_names_pick_files_and_whole_folders(tera: Tera, room: Room) -> None:
    assert tera("decode", room.out_tera, "-i", room.key, "-C", "a", "sub/", "hello.txt").code == 0
    assert left_in(Path("a")) == {"sub", "sub/deep.txt", "hello.txt"}
    assert tera("ls", room.out_tera, "-i", room.key, "sub").text == "sub/deep.txt\n"


def test_a_list_is_of_names_or_has_more(tera: Tera, room: Room) -> None:
    assert tera("ls", room.out_tera, "-i", room.key).text.splitlines() == list(FILES)
    line = tera("ls", "-l", room.out_tera, "-i", room.key, "noise.bin").text.split()
    assert (line[0], line[1], line[-1]) == ("-rw-r--r--", "2304000", "noise.bin")
    found = json.loads(tera("ls", "--json", room.out_tera, "-i", room.key).out)
    assert [entry["path"] for entry in found["entries"]] == list(FILES)
    assert found["entries"][0].keys() == {"path", "type", "mode", "mtime", "size", "b3"}
    assert found["digest"] == tera("digest", room.out_tera).text.strip()


def test_one_file_or_a_range_of_it_is_read(tera: Tera, room: Room) -> None:
    noise = FILES["noise.bin"]
    assert (
        tera("cat", room.out_tera, "hello.txt", "sub/deep.txt", "-i", room.key).out
        == FILES["hello.txt"] + FILES["sub/deep.txt"]
    )
    assert tera("cat", room.out_tera, "noise.bin", "-i", room.key).out == noise
    for offset, length in ((0, 5), (1_048_570, 20), (2_303_990, 100), (5_000_000, 1)):
        part = tera("cat", room.out_tera, "noise.bin", "-i", room.key, "--offset", str(offset), "--length", str(length))
        assert part.out == noise[offset : offset + length]
    assert tera("cat", room.out_tera, "noise.bin", "-i", room.key, "--offset", "2000000").out == noise[2_000_000:]


def test_permissions_times_and_holes_come_back(tera: Tera, room: Room) -> None:
    with open("sparse", "wb") as file:
        file.truncate(5_000_000)
    os.chmod("sparse", 0o640)
    os.utime("sparse", ns=(1, -1_500_000_000))
    assert tera("encode", "sparse", "-R", room.key_pub, "-o", "x").code == 0
    assert tera("decode", "x", "-i", room.key, "-C", "back").code == 0
    found = os.stat("back/sparse")
    assert (stat.S_IMODE(found.st_mode), found.st_mtime_ns, found.st_size) == (0o640, -1_500_000_000, 5_000_000)
    assert Path("back/sparse").read_bytes() == bytes(5_000_000)


def test_a_passphrase_comes_from_a_file_or_a_descriptor(tera: Tera, room: Room) -> None:
    assert tera("ls", room.words_tera, "--passphrase-file", room.pass_txt).text == "hello.txt\n"
    with open(room.pass_txt) as file:
        assert tera("ls", room.words_tera, "--passphrase-fd", str(file.fileno())).text == "hello.txt\n"


def test_all_of_needs_every_one(tera: Tera, room: Room) -> None:
    kek = ["--kek-file", room.kek_bin, "--kek-id", "cloud"]
    Path("a").write_text("x")
    assert tera("encode", "a", "-R", room.key_pub, "-R", room.second_pub, *kek, "--all-of", "-o", "x").code == 0
    assert json.loads(tera("inspect", "x", "--json").out)["recipients"] == [["xwing", "xwing", "kek"]]
    assert tera("ls", "x", "-i", room.key, "-i", room.second).code == 11
    assert tera("ls", "x", "-i", room.key, "-i", room.second, *kek[:2]).code == 11
    assert tera("ls", "x", "-i", room.key, "-i", room.second, *kek).text == "a\n"


def test_a_key_that_is_given_twice_is_sealed_to_once(tera: Tera, room: Room) -> None:
    text = Path(room.key_pub).read_text().strip()
    Path("a").write_text("x")
    tera("encode", "a", "-R", room.key_pub, "-r", text, "-R", room.key_pub, "-o", "x")
    assert json.loads(tera("inspect", "x", "--json").out)["recipients"] == [["xwing"]]


def test_a_rewrap_changes_who_opens_and_nothing_else(tera: Tera, room: Room, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(Path(room.out_tera).read_bytes())
    before = tera("digest", "x").out
    second = Path(room.second_pub).read_text().strip()

    added = tera("rewrap", "x", "-i", room.key, "--add", second, "--in-place")
    assert added.code == 0
    assert "0: xwing; 1: xwing" in added.err
    assert "keeps what they have" not in added.err
    assert tera("ls", "x", "-i", room.second).code == tera("ls", "x", "-i", room.key).code == 0

    removed = tera("rewrap", "x", "-i", room.second, "--remove", "0", "-o", "y")
    assert "keeps what they have already" in removed.err
    assert tera("ls", "y", "-i", room.key).code == 11
    assert tera("ls", "x", "-i", room.key).code == 0

    assert tera("rewrap", "y", "-i", room.second, "-R", room.key_pub, "--in-place").code == 0
    assert tera("ls", "y", "-i", room.second).code == 11
    assert tera("digest", "x").out == tera("digest", "y").out == before
    assert left_in(tmp_path) == {"x", "y"}


def test_an_interrupted_rewrap_is_reported_and_recovered(tera: Tera, room: Room, tmp_path: Path) -> None:
    from tera.cli.containers import BACKUP
    from tera.codec.rewrap import SUFFIX

    assert BACKUP == SUFFIX
    (tmp_path / "x").write_bytes(Path(room.out_tera).read_bytes())
    (tmp_path / f"x{SUFFIX}").write_bytes(b"not whole: the overwriting had not begun")
    listed = tera("ls", "x", "-i", room.key)
    assert (listed.code, listed.err.startswith("tera: warning: x: a rewrap")) == (0, True)
    assert tera("rewrap", "x", "-i", room.key, "-R", room.second_pub, "--in-place").code == 4
    assert tera("recover", "x").code == 0
    assert left_in(tmp_path) == {"x"}
    assert tera("recover", "x").code == 2


def test_a_damaged_container_is_salvaged_and_says_so(tera: Tera, room: Room, tmp_path: Path) -> None:
    data = bytearray(Path(room.out_tera).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "x").write_bytes(data)
    found = tera("recover", "x", "-i", room.key, "-C", "saved")
    assert found.code == 13
    assert "tera: damaged: " in found.err
    saved = tree(tmp_path / "saved")
    assert any(name.endswith(".partial") for name in saved)
    for name, content in saved.items():
        if not name.endswith(".partial"):
            assert content == FILES[name]


def test_json_answers_are_json(tera: Tera, room: Room) -> None:
    Path("a").write_text("x")
    signer = ["--sign-key", room.signer_txt]
    sealed = json.loads(tera("encode", "a", "-R", room.key_pub, *signer, "-o", "x", "--json").out)
    assert sealed["digest"] == tera("digest", "x").text.strip()
    assert "content_digest" not in sealed
    assert json.loads(tera("digest", "x", "--json").out) == {"digest": sealed["digest"]}
    content = json.loads(tera("digest", "x", "--content", "-i", room.key, "--json").out)
    assert len(content["content_digest"]) == 64
    assert json.loads(tera("inspect", "x", "--json").out)["id"] == sealed["id"]
    assert json.loads(tera("verify", "x", "-i", room.key, "--json").out)["entries"] == 1
    assert json.loads(tera("decode", "x", "-i", room.key, "-C", "d", "--json").out)["entries"] == 1
    assert json.loads(tera("rewrap", "x", "-i", room.key, "-R", room.second_pub, "--in-place", "--json").out)[
        "recipients"
    ]


def test_tags_are_private_unless_public(tera: Tera, room: Room) -> None:
    Path("a").write_text("x")
    for more, public, private in (([], [], ["blue", "red"]), (["--public"], ["blue", "red"], [])):
        tera("encode", "a", "-R", room.key_pub, "--tag", "red", "--tag", "blue", *more, "-o", "x", "-f")
        assert json.loads(tera("inspect", "x", "--json").out)["tags"] == public
        assert json.loads(tera("ls", "x", "-i", room.key, "--json").out)["private_tags"] == private


def test_a_manifest_is_kept_byte_for_byte(tera: Tera, room: Room) -> None:
    text = '{ "price": 1.50,\n "x": "ü" }'
    Path("m.json").write_text(text, "utf-8")
    tera("encode", "-", "--manifest", "m.json", "-R", room.key_pub, "-o", "x")
    assert json.loads(tera("ls", "x", "-i", room.key, "--json").out)["manifest"] == text


def test_the_exact_size_shows_only_where_it_is_wanted(tera: Tera, room: Room) -> None:
    Path("a").write_bytes(os.urandom(100_000))
    sizes = {}
    for pad in ("none", "padme"):
        tera("encode", "a", "-R", room.key_pub, "--pad", pad, "-o", "x", "-f")
        sizes[pad] = json.loads(tera("inspect", "x", "--json").out)["payload"]
    assert sizes["none"] < sizes["padme"]


def test_compression_can_be_left_out(tera: Tera, room: Room) -> None:
    Path("a").write_bytes(bytes(100_000))
    sizes = []
    for more in ([], ["--no-compress"]):
        tera("encode", "a", "-R", room.key_pub, *more, "-o", "x", "-f")
        sizes.append(os.path.getsize("x"))
    assert sizes[0] < 20_000 < 100_000 < sizes[1]


def test_an_anonymous_container_opens_and_carries_no_hint(tera: Tera, room: Room) -> None:
    from tera.codec.source import open_path, read_front

    assert tera("encode", "-", "-R", room.key_pub, "--anonymous", "-o", "x").code == 0
    assert tera("ls", "x", "-i", room.stranger, "-i", room.key).text == "stdin\n"
    source = open_path("x")
    assert [stanza.hint for stanza in read_front(source).stanzas] == [b""]
    source.close()
