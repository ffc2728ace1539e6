"""tera pull: what appears is the container that was asked for, whole, or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.libraries import Shelf, clock, empty_catalog, library, shelf
from tests.cli.runs import Room, Tera, left_in
from tests.client.answering import answering, reply

__all__ = ["clock", "empty_catalog", "library", "shelf"]


@pytest.mark.parametrize("by", ["id", "digest", "digits", "sha256"])
def test_a_container_comes_back_by_each_of_its_names(
    tera: Tera, room: Room, shelf: Shelf, tmp_path: Path, by: str
) -> None:
    stored = shelf.client.upload(room.out_tera)
    digits = stored.digest.removeprefix("tera:")
    name = {"id": stored.id, "digest": stored.digest, "digits": digits, "sha256": f"sha256:{stored.sha256}"}[by]
    answer = tera("pull", name, "-o", "got.tera", *shelf.options)
    assert (answer.code, answer.out) == (0, b""), answer.err
    assert answer.err.startswith("tera: pulled ") and stored.digest in answer.err
    assert (tmp_path / "got.tera").read_bytes() == Path(room.out_tera).read_bytes()


def test_a_pipe_gets_the_same_bytes(tera: Tera, room: Room, shelf: Shelf) -> None:
    stored = shelf.client.upload(room.out_tera)
    for output in ((), ("-o", "-")):
        answer = tera("pull", stored.id, *output, *shelf.options, "-q")
        assert (answer.code, answer.err, answer.out) == (0, "", Path(room.out_tera).read_bytes())


def test_json_says_what_came(tera: Tera, room: Room, shelf: Shelf) -> None:
    stored = shelf.client.upload(room.out_tera, name="N", tags=["t"])
    found = json.loads(tera("pull", stored.id, "-o", "got.tera", *shelf.options, "--json").out)
    assert found == {
        "file": "got.tera",
        "id": stored.id,
        "name": "N",
        "digest": stored.digest,
        "size": stored.size,
        "status": "ACTIVE",
        "tags": ["t"],
    }
    assert tera("pull", stored.id, *shelf.options, "--json").code == 2


def test_what_is_there_is_kept_unless_it_is_forced(tera: Tera, room: Room, shelf: Shelf, tmp_path: Path) -> None:
    stored = shelf.client.upload(room.out_tera)
    (tmp_path / "got.tera").write_bytes(b"old")
    answer = tera("pull", stored.id, "-o", "got.tera", *shelf.options)
    assert (answer.code, "-f overwrites" in answer.err) == (4, True)
    assert (tmp_path / "got.tera").read_bytes() == b"old"
    assert tera("pull", stored.id, "-o", "got.tera", "-f", *shelf.options).code == 0
    assert (tmp_path / "got.tera").read_bytes() == Path(room.out_tera).read_bytes()


def test_what_is_blocked_does_not_come_and_leaves_nothing(tera: Tera, room: Room, shelf: Shelf, tmp_path: Path) -> None:
    stored = shelf.client.upload(room.out_tera)
    shelf.client.block(stored)
    for output in (("-o", "got.tera"), ()):
        answer = tera("pull", stored.id, *output, *shelf.options)
        assert (answer.code, answer.out, "blocked" in answer.err) == (14, b"", True)
    assert not (tmp_path / "got.tera").exists()


@pytest.mark.parametrize(
    ("name", "code"), [("0" * 64, 1), ("00000000-0000-7000-8000-000000000000", 1), ("x", 2), ("tera:" + "0" * 63, 2)]
)
def test_what_is_not_there_is_not_found(tera: Tera, shelf: Shelf, name: str, code: int) -> None:
    answer = tera("pull", name, "-o", "got.tera", *shelf.options)
    assert answer.code == code and answer.err.startswith("tera: error: ")


@pytest.mark.parametrize("output", [("-o", "got.tera"), ()])
def test_another_container_than_was_asked_for_is_refused(
    tera: Tera, room: Room, shelf: Shelf, tmp_path: Path, output: tuple[str, ...]
) -> None:
    stored = shelf.client.upload(room.out_tera)
    described = json.dumps(dict(stored.answer)).encode()
    other = Path(room.signed_tera).read_bytes()
    with answering(reply(described), reply(other, "200 OK", 'ETag: "x"')) as liar:
        answer = tera("pull", stored.digest, *output, "--server", liar.url, *shelf.options[2:])
    assert (answer.code, answer.out, "not the container" in answer.err) == (13, b"", True), answer.err
    assert "got.tera" not in left_in(tmp_path)


def test_another_digest_than_was_asked_for_is_refused(tera: Tera, room: Room, shelf: Shelf, tmp_path: Path) -> None:
    described = json.dumps(dict(shelf.client.upload(room.out_tera).answer)).encode()
    with answering(reply(described)) as liar:
        answer = tera("pull", "tera:" + "0" * 64, "-o", "got.tera", "--server", liar.url, *shelf.options[2:])
    assert (answer.code, "another container" in answer.err) == (4, True)
