"""Policies that are brought to authorities: who has one, and who was not reached."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tera.authority.authority import Authority
from tera.authority.keys import HeldKeys
from tera.authority.memory import MemoryState
from tera.authority.server import make_server
from tera.codec.recipients import PrivateKey
from tera.crypto.signing import SigningKey
from tests.cli.owners import (
    DEPUTY,
    HELLO,
    IN_PLACE,
    OTHER,
    OWNER,
    cat,
    fingerprint,
    own_machine,
    refused,
    seal,
    write_rules,
)
from tests.cli.runs import Room, Tera
from tests.codec.repolicies import policy_of


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_machine(tmp_path, monkeypatch)


@pytest.fixture
def file(room: Room, tmp_path: Path) -> Path:
    return seal(str(tmp_path / "c.tera"), room.key_pub, owners=[OWNER, DEPUTY])


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    """An authority that answers on this machine, where `config.toml` says, and knows ann by the key `other`."""
    keys = HeldKeys(SigningKey(b"\x31" * 64), [PrivateKey(1, b"\x32" * 32)])
    found = Authority(MemoryState(), keys, origin="authority.example/log")
    found.enrol(bytes.fromhex(fingerprint(OTHER)), "ann@example.org")
    found.enrol(bytes.fromhex(fingerprint(OWNER)), "owner@example.org")
    server = make_server(found)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    (tmp_path / "authority.pub").write_text(keys.public.text)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    (tmp_path / "config.toml").write_text(
        f'viewer_key = "other.txt"\n[[authorities]]\nkey = "authority.pub"\nurl = "{url}"\n'
    )
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def guarded(tera: Tera, room: Room) -> Path:
    Path("hello.txt").write_bytes(HELLO)
    manifest = write_rules("rules.json", opens=9)
    made = ["-R", room.key_pub, "--authority", "authority.pub", "--manifest", manifest, "--dynamic"]
    assert tera("encode", "hello.txt", *made, "--policy-key", "owner.txt", "-o", "c.tera").code == 0
    return Path("c.tera")


def test_a_frozen_container_that_was_pushed_is_closed_to_those_who_hold_an_old_copy(
    tera: Tera, room: Room, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, config = guarded(tera, room), ["--config", "config.toml"]
    shutil.copy(file, "old")
    assert cat(tera, room, "old", *config).out == HELLO
    answer = tera("policy", "freeze", file, *IN_PLACE, "--push", *config)
    assert answer.code == 0, answer.err
    assert answer.err.endswith(f"tera: the authority {authority.fingerprint.hex()[:16]} has version 2\n")
    monkeypatch.setenv("TERA_STATE", "another-machine")
    refused(cat(tera, room, "old", *config), 15, "denies")
    again = tera("policy", "push", file, *config, "--json")
    assert json.loads(again.out) == {
        "file": "c.tera",
        "version": 2,
        "pushed": [{"authority": authority.fingerprint.hex(), "version": 2, "error": None}],
    }


def test_an_authority_that_has_a_newer_version_already_is_told_of(
    tera: Tera, room: Room, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, config = guarded(tera, room), ["--config", "config.toml"]
    shutil.copy(file, "old")
    for _ in range(2):
        assert tera("policy", "update", file, *IN_PLACE, "--push", *config).code == 0
    refused(tera("policy", "push", "old", *config), 15, "it has version 3 of the policy already")
    monkeypatch.setenv("TERA_STATE", "another-machine")
    refused(tera("policy", "freeze", "old", *IN_PLACE, "--push", *config), 15, "has version 3 of the policy already")


def test_an_authority_that_is_not_reached_is_an_error_after_the_change(
    tera: Tera, room: Room, authority: Authority
) -> None:
    file = guarded(tera, room)
    Path("none.toml").write_text("")
    Path("down.toml").write_text('[[authorities]]\nkey = "authority.pub"\nurl = "http://127.0.0.1:1"\n')
    answer = tera("policy", "update", file, *IN_PLACE, "--push", "--config", "none.toml")
    refused(answer, 4, "no authority of the container is configured")
    answer = tera("policy", "update", file, *IN_PLACE, "--push", "--config", "down.toml")
    refused(answer, 4, "127.0.0.1:1")
    assert f"`tera policy push {file}` tries again" in answer.err
    assert policy_of(file).envelope.version == 3
    assert tera("policy", "push", file, "--config", "config.toml").code == 0


def test_what_is_wrong_with_the_configuration_is_said_before_the_change(tera: Tera, file: Path) -> None:
    before = file.read_bytes()
    Path("bad.toml").write_text("authoritys = 1")
    refused(tera("policy", "freeze", file, *IN_PLACE, "--push", "--config", "bad.toml"), 2, "is no setting")
    refused(tera("policy", "freeze", file, *IN_PLACE, "--push", "--config", "absent"), 4, "absent")
    assert file.read_bytes() == before


def test_a_container_without_an_authority_is_pushed_to_nobody(tera: Tera, file: Path) -> None:
    answer = tera("policy", "freeze", file, *IN_PLACE, "--push")
    assert answer.code == 0
    assert "the container names no authority" in answer.err
