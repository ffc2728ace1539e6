"""tera push: what is sealed here arrives sealed, what the library may see is what it was told, tokens stay secret."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

import tera as api
from tests.cli.libraries import Shelf, clock, empty_catalog, library, shelf
from tests.cli.runs import FILES, Room, Tera, left_in

__all__ = ["clock", "empty_catalog", "library", "shelf"]

RULES = '{"drm": {"opens": 2}, "container_name": "secret name", "tags": ["secret tag"]}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "rules.json").write_text(RULES)
    return tmp_path / "in"


def key_of(room: Room) -> list[api.Identity]:
    return list(api.load_identities(Path(room.key).read_bytes(), where="key"))


def test_files_are_sealed_here_and_the_library_holds_the_container(
    tera: Tera, room: Room, shelf: Shelf, folder: Path
) -> None:
    before = left_in(folder)
    answer = tera("push", "in", "-R", room.key_pub, "--name", "Q3", "--tag", "b", "--tag", "a", *shelf.options)
    assert (answer.code, answer.err.startswith("tera: pushed Q3 (")) == (0, True), answer.err
    [stored] = shelf.client.containers()
    assert answer.text == stored.id + "\n"
    assert (stored.name, stored.tags, stored.rules) == ("Q3", ("a", "b"), {})
    with api.open(shelf.client.source(stored), key_of(room)) as container:
        assert {path: container.read(f"in/{path}") for path in FILES} == FILES
        assert container.tags == container.private_tags == ()
    assert left_in(folder) == before


def test_the_library_learns_nothing_that_it_was_not_told(tera: Tera, room: Room, shelf: Shelf, folder: Path) -> None:
    answer = tera("push", "in", "-R", room.key_pub, "--manifest", "rules.json", *shelf.options, "--json")
    found = json.loads(answer.out)
    assert answer.code == 0 and answer.err == ""
    assert found["skipped"] == [] and found["status"] == "ACTIVE"
    [stored] = shelf.client.containers()
    assert (stored.id, stored.digest, stored.size) == (found["id"], found["digest"], found["size"])
    assert stored.rules == {"opens": 2}  # in the header, for anybody
    sealed = io.BytesIO()
    shelf.client.download(stored, sealed)
    for secret in (b"secret name", b"secret tag", b"hello.txt", FILES["noise.bin"][:64]):
        assert secret not in sealed.getvalue() and secret.decode("latin-1") not in str(stored.answer)
    with api.open(sealed, key_of(room), config=api.Config(state=api.MemoryReaderState())) as container:
        assert container.manifest == RULES.encode()


def test_with_open_the_library_can_open_it_too(tera: Tera, room: Room, shelf: Shelf, folder: Path) -> None:
    for more in ((), ("-R", room.key_pub)):
        answer = tera("push", "in/hello.txt", "--org-key", "open", *more, *shelf.options)
        assert answer.code == 0, answer.err
        found = io.BytesIO()
        shelf.client.decode(answer.text.strip(), "hello.txt", found)
        assert found.getvalue() == FILES["hello.txt"]


def test_with_share_nobody_opens_it_without_the_library(tera: Tera, room: Room, shelf: Shelf, folder: Path) -> None:
    options = ("-R", room.key_pub, "--org-key", "share", "--manifest", "rules.json")
    answer = tera("push", "in/hello.txt", *options, *shelf.options)
    assert answer.code == 0, answer.err
    stored = shelf.client.get(answer.text.strip())
    config = api.Config(state=api.MemoryReaderState())
    with pytest.raises(api.Unavailable, match="not configured"):
        api.open(shelf.client.source(stored), key_of(room), config=config)
    authority = shelf.client.sealing_key().authority
    assert authority is not None
    config = api.Config(authorities={authority.fingerprint: shelf.client.releaser(stored)})
    assert api.open(shelf.client.source(stored), key_of(room), config=config).read("hello.txt") == FILES["hello.txt"]


def test_a_container_that_is_sealed_already_is_sent_as_it_is(tera: Tera, room: Room, shelf: Shelf) -> None:
    answer = tera("push", room.out_tera, "--sealed", "--name", "N", *shelf.options)
    assert answer.code == 0, answer.err
    sealed = io.BytesIO()
    shelf.client.download(answer.text.strip(), sealed)
    assert sealed.getvalue() == Path(room.out_tera).read_bytes()


def test_what_is_no_container_is_not_taken_for_one(tera: Tera, shelf: Shelf, folder: Path) -> None:
    answer = tera("push", "in/hello.txt", "--sealed", *shelf.options)
    assert answer.code == 10 and answer.out == b"", answer.err
    assert list(shelf.client.containers()) == []


def test_the_library_seals_where_it_is_told_to(tera: Tera, shelf: Shelf, folder: Path) -> None:
    answer = tera("push", "in", "-", "--server-side", "--manifest", "rules.json", *shelf.options, stdin=b"from a pipe")
    assert answer.code == 0, answer.err
    stored = shelf.client.get(answer.text.strip())
    assert (stored.name, stored.tags) == ("secret name", ("secret tag",))
    listed = shelf.client.listing(stored)["files"]
    assert {one["name"]: one["size"] for one in listed} == {"stdin": 11} | {
        f"in/{name}": len(content) for name, content in FILES.items()
    }


@pytest.mark.parametrize("way", ["--server-side", "-R"])
def test_what_cannot_be_taken_is_named_and_the_code_is_3(
    tera: Tera, room: Room, shelf: Shelf, folder: Path, way: str
) -> None:
    (folder / "link").symlink_to("hello.txt")
    answer = tera("push", "in", way, *([room.key_pub] if way == "-R" else []), *shelf.options)
    assert (answer.code, "tera: skipped: in/link: is a symbolic link" in answer.err) == (3, True)
    assert shelf.client.get(answer.text.strip()).status == "ACTIVE"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in"], "nobody to seal to"),
        (["in", "--org-key", "share", "-R", "KEY"], "no rules to decide on"),
        (["in", "--org-key", "share", "--manifest", "rules.json"], "nobody to seal to"),
        (["in", "--sealed", "--server-side"], "one of them"),
        (["in", "--sealed", "-R", "KEY"], "has no use for a recipient"),
        (["in", "--sealed", "--manifest", "rules.json"], "has no use for --manifest"),
        (["in", "in", "--sealed"], "one container"),
        (["-", "--sealed"], "one container"),
        (["in", "--server-side", "-R", "KEY"], "has no use for a recipient"),
        (["in", "--server-side", "--org-key", "open"], "has no use for --org-key"),
        (["in", "--server-side", "--name", "N"], "has no use for --name"),
        (["in", "in", "--server-side"], "two of the inputs"),
        (["in", "in/../in", "-R", "KEY"], "two of the inputs"),
        (["missing", "-R", "KEY"], "missing: No such file"),
        (["missing", "--sealed"], "missing: No such file"),
        (["in", "-R", "KEY", "--manifest", "broken.json"], "broken.json"),
        (["in", "-R", "KEY", "--manifest", "dynamic.json"], "tera encode"),
        (["-", "-R", "KEY", "--token-file", "-"], "can be given once only"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_sent(
    tera: Tera, room: Room, shelf: Shelf, folder: Path, arguments: list[str], words: str
) -> None:
    (folder.parent / "broken.json").write_text("{")
    (folder.parent / "dynamic.json").write_text('{"drm": {"opens": 1, "dynamic": true}}')
    given = [room.key_pub if one == "KEY" else one for one in arguments]
    options = shelf.options[:2] if "--token-file" in given else shelf.options
    answer = tera("push", *given, *options)
    assert answer.code in (2, 4) and words in answer.err, answer.err
    assert answer.out == b"" and list(shelf.client.containers()) == []


# --- which server, whose token ----------------------------------------------------------------------


def test_the_environment_names_the_server(
    tera: Tera, room: Room, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERA_SERVER", shelf.url)
    monkeypatch.setenv("TERA_TOKEN_FILE", str(shelf.token_file))
    assert tera("push", room.out_tera, "--sealed").code == 0


def test_the_configuration_names_the_server(tera: Tera, room: Room, shelf: Shelf, tmp_path: Path) -> None:
    (shelf.token_file.parent / "c.toml").write_text(f'[server]\nurl = "{shelf.url}"\ntoken_file = "token.txt"\n')
    assert tera("push", room.out_tera, "--sealed", "--config", shelf.token_file.parent / "c.toml").code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("server = 'x'", "server is not a table"),
        ("[server]\nurl = 7", "url is not a text"),
        ("[server]\ntoken = 's3cret'", "'token' is no setting"),
        ("[[server]]\nurl = 'x'", "server is not a table"),
        ("[server]\nurl = 'https://u:s3cret@x'\ntoken_file = 'token.txt'", "this is not the address of a library"),
        ("[server]\nurl = 'https://x'\ntoken_file = 'missing.txt'", "missing.txt: No such file"),
        ("", "no library: name one"),
        ("[server]\nurl = 'https://x.example'", "no token for this server"),
    ],
)
def test_a_configuration_that_names_none_is_refused(
    tera: Tera, room: Room, shelf: Shelf, text: str, words: str
) -> None:
    path = shelf.token_file.parent / "c.toml"
    path.write_text(text)
    answer = tera("push", room.out_tera, "--sealed", "--config", path)
    assert (answer.code in (2, 4), words in answer.err, "s3cret" in answer.err) == (True, True, False), answer.err


@pytest.mark.parametrize("place", ["environment", "configuration"])
def test_a_token_goes_to_no_other_server_than_its_own(
    tera: Tera, room: Room, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    path = shelf.token_file.parent / "c.toml"
    path.write_text("")
    if place == "environment":
        monkeypatch.setenv("TERA_SERVER", "https://other.example")
        monkeypatch.setenv("TERA_TOKEN_FILE", str(shelf.token_file))
    else:
        path.write_text('[server]\nurl = "https://other.example"\ntoken_file = "token.txt"\n')
    answer = tera("push", room.out_tera, "--sealed", "--server", shelf.url, "--config", path)
    assert (answer.code, "those at hand are for another one" in answer.err) == (2, True)
    assert list(shelf.client.containers()) == []


@pytest.mark.parametrize("token", ["tera_" + "0" * 20 + "_s3cret", "s3cret s3cret", ""])
def test_a_wrong_token_is_refused_and_not_shown(tera: Tera, room: Room, shelf: Shelf, token: str) -> None:
    shelf.token_file.write_text(token)
    answer = tera("push", room.out_tera, "--sealed", *shelf.options)
    assert answer.code in (2, 13) and "s3cret" not in answer.err and "token" in answer.err


def test_a_server_that_is_not_there_is_io(
    tera: Tera, room: Room, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tera.client.transport.PAUSE", 0.0)
    answer = tera("push", room.out_tera, "--sealed", "--server", "http://127.0.0.1:1", *shelf.options[2:])
    assert (answer.code, "127.0.0.1:1 gives no answer" in answer.err) == (4, True)
