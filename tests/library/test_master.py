"""The master key: from one place only, never shown, never left in the environment, made once where there is none."""

from __future__ import annotations

import base64
import os
import threading
from pathlib import Path

import pytest

from tera.errors import BadInput, BadKey, KeysUnavailable, TeraError
from tera.library.master import Master, find_master, make_master, read_master
from tests.service.processes import descriptor_of

KEY = bytes(range(32))
TEXT = KEY.hex()


def named(tmp_path: Path, text: str = TEXT, mode: int = 0o600) -> str:
    path = tmp_path / "elsewhere"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_each_place_gives_the_key_and_nothing_is_made(tmp_path: Path) -> None:
    data, path = tmp_path / "data", named(tmp_path, f"{TEXT}\n")
    for env in ({"TERA_MASTER_KEY": TEXT}, {"TERA_MASTER_KEY_FILE": path}):
        assert find_master(data, environ={**env}) == Master(KEY)
    assert find_master(data, environ={"TERA_MASTER_KEY_FD": str(descriptor_of(TEXT.encode()))}) == Master(KEY)
    assert find_master(data, file=path, environ={"TERA_MASTER_KEY_FILE": "/nowhere"}) == Master(KEY)
    assert find_master(data, fd=descriptor_of(TEXT.encode()), environ={}) == Master(KEY)
    assert not data.exists()


def test_base64_is_as_good_as_digits(tmp_path: Path) -> None:
    text = base64.b64encode(KEY).decode()
    assert find_master(tmp_path, environ={"TERA_MASTER_KEY": text}) == Master(KEY)
    assert find_master(tmp_path, file=named(tmp_path, f"{text}\n"), environ={}) == Master(KEY)
    for other in (text[:-1], f"{text[:-2]}==", f"{text}AAAA", text.replace("A", "-"), f"{text[:20]} {text[20:-1]}"):
        with pytest.raises(BadKey):
            find_master(tmp_path, environ={"TERA_MASTER_KEY": other})


def test_it_is_not_left_for_children(tmp_path: Path) -> None:
    fd = descriptor_of(TEXT.encode())
    for env in ({"TERA_MASTER_KEY": TEXT}, {"TERA_MASTER_KEY_FD": str(fd)}):
        find_master(tmp_path, environ=env)
        assert env == {}
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)


@pytest.mark.parametrize(
    "env",
    [
        {"TERA_MASTER_KEY": TEXT, "TERA_MASTER_KEY_FILE": "x"},
        {"TERA_MASTER_KEY_FILE": "x", "TERA_MASTER_KEY_FD": "0"},
        {"TERA_MASTER_KEY_FD": "-1"},
        {"TERA_MASTER_KEY_FD": "x"},
    ],
)
def test_two_places_and_places_that_are_none_are_refused(tmp_path: Path, env: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        find_master(tmp_path, make=True, environ=env)


@pytest.mark.parametrize("text", ["", TEXT[:-1], TEXT + "00", "zz" * 32, "ü" * 64, TEXT + "\n" + TEXT])
def test_what_is_no_key_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    for env in ({"TERA_MASTER_KEY": text}, {"TERA_MASTER_KEY_FILE": named(tmp_path, text)}):
        with pytest.raises(BadKey) as caught:
            find_master(tmp_path, environ=env)
        assert not text or text[:20] not in str(caught.value)
    assert repr(read_master(TEXT.encode(), "x")) == repr(KEY)
    assert TEXT not in repr(Master(KEY)) and str(KEY) not in repr(Master(KEY))


def test_a_file_that_others_can_write_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadKey, match="write"):
        find_master(tmp_path, file=named(tmp_path, mode=0o660), environ={})
    for gone in (str(tmp_path / "nowhere"), str(tmp_path)):
        with pytest.raises(KeysUnavailable):
            find_master(tmp_path, file=gone, environ={})


def test_without_a_place_it_is_made_once_beside_the_data_and_only_when_asked(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with pytest.raises(BadInput, match="no master key"):
        find_master(data, environ={})
    assert not data.exists()
    made = find_master(data, make=True, environ={})
    assert made.beside
    assert (data / "master.key").stat().st_mode & 0o777 == 0o600
    assert find_master(data, environ={}) == find_master(data, make=True, environ={}) == made
    other = find_master(tmp_path / "other", make=True, environ={})
    assert other.key != made.key


def test_of_two_that_make_it_at_once_one_wins(tmp_path: Path) -> None:
    found: list[bytes] = []

    def make() -> None:
        found.append(make_master(tmp_path / "master.key"))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(set(found)) == 1
    assert os.listdir(tmp_path) == ["master.key"]


def test_a_folder_that_cannot_be_written_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(TeraError):
        find_master(tmp_path / "file", make=True, environ={})
