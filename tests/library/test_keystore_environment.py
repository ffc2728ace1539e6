"""tera.library.keystore_environment: keys that are handed over, read and never changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tera.errors import BadInput, KeysUnavailable
from tera.library.keystore import FileKeyStore, WrappedKeys
from tera.library.keystore_environment import FolderKeys, TextKeys, environment_keys

MASTER = bytes(range(32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the keys of one organisation."""
    FileKeyStore(tmp_path / "keys", MASTER).create("org", 1)
    return tmp_path / "keys"


@pytest.fixture(params=["a text", "a folder"])
def store(request: pytest.FixtureRequest, folder: Path) -> WrappedKeys:
    if request.param == "a folder":
        return environment_keys(MASTER, environ={"TERA_ORG_KEYS_DIR": str(folder)})
    return environment_keys(MASTER, environ={"TERA_ORG_KEYS": texts(folder)})


def texts(folder: Path) -> str:
    return json.dumps({one.stem: json.loads(one.read_bytes()) for one in folder.glob("*.json")})


CHANGES: dict[str, Callable[[WrappedKeys], object]] = {
    "made": lambda store: store.create("new", 1),
    "rotated": lambda store: store.rotate("org", 1),
    "destroyed": lambda store: store.delete("org"),
    "kept under another master key": lambda store: store.rekey("org", bytes(32)),
    "restored": lambda store: store.imported("new", store.exported("org")),
    "written": lambda store: store._write("new", b"{}", before=None),
}


@pytest.mark.parametrize("what", CHANGES)
def test_nothing_is_changed_and_where_it_can_be_is_said(store: WrappedKeys, folder: Path, what: str) -> None:
    before = texts(folder)
    with pytest.raises(KeysUnavailable, match=f"keys cannot be {what} here: .* read-only") as caught:
        CHANGES[what](store)
    assert caught.value.hint is not None and "where the key files are kept" in caught.value.hint
    assert texts(folder) == before and store.orgs() == ["org"]


def test_a_mounted_folder_whose_files_are_links_is_read_and_followed(tmp_path: Path, folder: Path) -> None:
    # As an orchestrator mounts a secret: each file is a link through a folder that is exchanged as a whole.
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "..data").symlink_to(folder)
    (mounted / "org.json").symlink_to("..data/org.json")
    store = environment_keys(MASTER, folder=mounted, environ={})
    assert isinstance(store, FolderKeys) and store.orgs() == ["org"]
    before = store.load("org")
    other = FileKeyStore(tmp_path / "next", MASTER)
    other.imported("org", (folder / "org.json").read_bytes())
    rotated = other.rotate("org", 2)
    (mounted / "coming").symlink_to(tmp_path / "next")
    (mounted / "coming").rename(mounted / "..data")
    found = store.load("org")
    assert found.newest.kid == rotated.newest.kid != before.newest.kid


def test_a_mounted_folder_that_is_read_only_is_enough(folder: Path) -> None:
    store = FolderKeys(folder, MASTER)
    folder.chmod(0o500)
    try:
        assert store.load("org").newest.created_at == 1
        assert [one.name for one in folder.iterdir()] == ["org.json"]
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '"org"', "[" * 100_000])
def test_a_text_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="TERA_ORG_KEYS is not a JSON object"):
        environment_keys(MASTER, environ={"TERA_ORG_KEYS": text})


@pytest.mark.parametrize("text", ['{"org": 7}', '{"org": null}', '{"org": {}}', '{"org": "{}"}', '{"org": []}'])
def test_a_text_of_something_else_is_refused_when_it_is_used(text: str) -> None:
    with pytest.raises(KeysUnavailable, match="damaged"):
        environment_keys(MASTER, environ={"TERA_ORG_KEYS": text}).load("org")


def test_an_organisation_that_was_not_handed_over_is_missed(store: WrappedKeys) -> None:
    with pytest.raises(KeysUnavailable):
        store.load("other")


def test_two_places_none_and_a_folder_that_is_not_there_are_refused(folder: Path) -> None:
    both = {"TERA_ORG_KEYS": "{}", "TERA_ORG_KEYS_DIR": str(folder)}
    with pytest.raises(BadInput, match="one of TERA_ORG_KEYS and TERA_ORG_KEYS_DIR"):
        environment_keys(MASTER, environ=both)
    with pytest.raises(BadInput, match="one of TERA_ORG_KEYS and TERA_ORG_KEYS_DIR"):
        environment_keys(MASTER, environ={})
    with pytest.raises(BadInput, match="one of TERA_ORG_KEYS and TERA_ORG_KEYS_DIR"):
        environment_keys(MASTER, folder=folder, environ={"TERA_ORG_KEYS": "{}"})
    with pytest.raises(BadInput, match="two folders"):
        environment_keys(MASTER, folder=folder, environ={"TERA_ORG_KEYS_DIR": str(folder)})
    with pytest.raises(BadInput, match="no such folder"):
        environment_keys(MASTER, folder=folder / "unmounted", environ={})


def test_the_environment_stays_for_a_child_to_read(folder: Path) -> None:
    environ = {"TERA_ORG_KEYS": texts(folder)}
    assert isinstance(environment_keys(MASTER, environ=environ), TextKeys)
    assert environ == {"TERA_ORG_KEYS": texts(folder)}
