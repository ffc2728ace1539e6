"""tera open: a container of a library is opened here; the library is asked for its share, and nobody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tera as api
from tera.client.stored import StoredContainer
from tests.cli.libraries import Shelf, clock, empty_catalog, library, shelf
from tests.cli.runs import FILES, Room, Tera, left_in
from tests.client.answering import answering, reply
from tests.service.houses import ANN, BOB

__all__ = ["clock", "empty_catalog", "library", "shelf"]

RULES: list[list[Any]] = [["opens", 2]]


def ruled(shelf: Shelf, room: Room, folder: Path, rules: list[list[Any]] = RULES) -> StoredContainer:
    """Put a container into the library whose key the library holds a share of."""
    authority = shelf.client.sealing_key().authority
    assert authority is not None
    [key] = api.load_recipients(Path(room.key_pub).read_bytes(), where="key")
    path = folder / "ruled.tera"
    api.encode(list(FILES.items()), path, recipients=[key], authorities=[authority], rules=rules)
    return shelf.client.upload(path)


def test_everything_comes_out(tera: Tera, room: Room, shelf: Shelf, tmp_path: Path) -> None:
    stored = shelf.client.upload(room.out_tera)
    answer = tera("open", stored.id, "-C", "out", "-i", room.key, *shelf.options)
    assert (answer.code, answer.err) == (0, "tera: opened 3 entries (2.20 MiB) into out\n")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in FILES} == FILES
    assert len(shelf.house.events("download")) == 1


def test_a_part_comes_out_and_little_else_is_fetched(tera: Tera, room: Room, shelf: Shelf, tmp_path: Path) -> None:
    stored = shelf.client.upload(room.out_tera)
    answer = tera("open", stored.digest, "sub", "hello.txt", "-C", "out", "-i", room.key, *shelf.options, "--json")
    found = json.loads(answer.out)
    assert (answer.code, found["id"], found["entries"], found["directory"]) == (0, stored.id, 2, "out")
    assert left_in(tmp_path / "out") == {"sub", "sub/deep.txt", "hello.txt"}


def test_the_library_gives_its_share_as_often_as_the_rules_say(
    tera: Tera, room: Room, shelf: Shelf, tmp_path: Path
) -> None:
    stored = ruled(shelf, room, tmp_path)
    for number in range(2):
        answer = tera("open", stored.id, "-C", f"out{number}", "-i", room.key, *shelf.options)
        assert answer.code == 0, answer.err
        assert (tmp_path / f"out{number}" / "hello.txt").read_bytes() == FILES["hello.txt"]
    answer = tera("open", stored.id, "-C", "out2", "-i", room.key, *shelf.options)
    assert (answer.code, "the rule opens" in answer.err) == (15, True)
    assert not (tmp_path / "out2").exists()
    assert list(shelf.client.attempts(stored)) == [{"viewer_email": ANN, "attempt_count": 3}]


def test_whom_the_rules_do_not_name_gets_nothing(tera: Tera, room: Room, shelf: Shelf, tmp_path: Path) -> None:
    stored = ruled(shelf, room, tmp_path, [["recipients", [BOB]]])
    answer = tera("open", stored.id, "-C", "out", "-i", room.key, *shelf.options)
    assert (answer.code, "no such container" in answer.err) == (1, True), answer.err
    shelf.token_file.write_text(shelf.house.token(ANN, "read", "decode", acts_for=frozenset({BOB})))
    answer = tera("open", stored.id, "-C", "out", "-i", room.key, "--viewer", BOB, *shelf.options)
    assert answer.code == 0, answer.err


def test_a_block_closes_it(tera: Tera, room: Room, shelf: Shelf, tmp_path: Path) -> None:
    stored = ruled(shelf, room, tmp_path)
    shelf.client.block(stored)
    for names in ((), ("hello.txt",)):
        answer = tera("open", stored.id, *names, "-C", "out", "-i", room.key, *shelf.options)
        assert (answer.code, (tmp_path / "out").exists()) == (14, False)


def test_a_key_that_does_not_fit_opens_nothing(tera: Tera, room: Room, shelf: Shelf, tmp_path: Path) -> None:
    stored = shelf.client.upload(room.out_tera)
    answer = tera("open", stored.id, "-C", "out", "-i", room.stranger, *shelf.options)
    assert (answer.code, (tmp_path / "out").exists()) == (11, False)
    assert tera("open", stored.id, "-C", "out", *shelf.options).code == 2


def test_a_signature_that_is_asked_for_must_be_there(tera: Tera, room: Room, shelf: Shelf, tmp_path: Path) -> None:
    stored = shelf.client.upload(room.signed_tera)
    for signer, code in ((room.other_pub, 13), (room.signer_pub, 0)):
        assert tera("open", stored.id, "-C", "out", "-i", room.key, "--signer", signer, *shelf.options).code == code


def test_files_that_are_there_are_kept(tera: Tera, room: Room, shelf: Shelf, tmp_path: Path) -> None:
    stored = shelf.client.upload(room.out_tera)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "hello.txt").write_bytes(b"old")
    assert tera("open", stored.id, "-C", "out", "-i", room.key, *shelf.options).code == 4
    assert (tmp_path / "out" / "hello.txt").read_bytes() == b"old"
    assert tera("open", stored.id, "-C", "out", "-i", room.key, "-f", *shelf.options).code == 0
    assert (tmp_path / "out" / "hello.txt").read_bytes() == FILES["hello.txt"]


def test_a_name_that_is_not_in_it_is_not_found(tera: Tera, room: Room, shelf: Shelf, tmp_path: Path) -> None:
    stored = shelf.client.upload(room.out_tera)
    answer = tera("open", stored.id, "nothing", "-C", "out", "-i", room.key, *shelf.options)
    assert (answer.code, "'nothing' is not in the container" in answer.err) == (1, True)


@pytest.mark.parametrize("names", [(), ("hello.txt",)])
def test_another_container_under_the_digest_is_refused(
    tera: Tera, room: Room, shelf: Shelf, tmp_path: Path, names: tuple[str, ...]
) -> None:
    stored = shelf.client.upload(room.out_tera)
    described = json.dumps(dict(stored.answer)).encode()
    other = Path(room.signed_tera).read_bytes()
    with answering(reply(described), reply(other, "200 OK", 'ETag: "x"')) as liar:
        options = ("--server", liar.url, *shelf.options[2:])
        answer = tera("open", stored.digest, *names, "-C", "out", "-i", room.key, *options)
    assert answer.code in (4, 13) and not (tmp_path / "out").exists(), answer.err


def test_a_configured_authority_is_asked_and_not_the_library(
    tera: Tera, room: Room, shelf: Shelf, tmp_path: Path
) -> None:
    stored = ruled(shelf, room, tmp_path)
    authority = shelf.client.sealing_key().authority
    assert authority is not None
    (tmp_path / "authority.pub").write_text(authority.text)
    with answering(reply(b"", "404 Not Found")) as place:
        (tmp_path / "c.toml").write_text(f'[[authorities]]\nkey = "authority.pub"\nurl = "{place.url}"\n')
        answer = tera("open", stored.id, "-C", "out", "-i", room.key, "--config", "c.toml", *shelf.options)
        assert (answer.code, len(place.asked)) == (4, 1)
    assert list(shelf.client.attempts(stored)) == []
