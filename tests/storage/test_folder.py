"""A folder as a store: no link leads out of it, nothing half-written stays, a full or missing disk is said to be."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tera.errors import BadInput, NoSuchBlob, OutputExists, StoreUnavailable, TeraError
from tera.storage.folder import MARK, FolderStore
from tests.cli.runs import left_in
from tests.storage.stores import content, written

KEY = "org-1/ab/blob"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def folder(root: Path) -> FolderStore:
    return FolderStore(root)


def test_files_and_folders_are_their_owners_alone(folder: FolderStore, root: Path) -> None:
    written(folder, KEY, b"x")
    assert [path.stat().st_mode & 0o777 for path in (root, root / "org-1", root / KEY)] == [0o700, 0o700, 0o600]
    assert left_in(root) == {MARK, "org-1", "org-1/ab", KEY}


def test_no_link_to_a_folder_is_followed(folder: FolderStore, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "ab").mkdir(parents=True)
    (outside / "ab" / "blob").write_bytes(b"secret")
    (root / "org-1").symlink_to(outside)
    (root / "org-2").mkdir()
    (root / "org-2" / "ab").symlink_to(outside / "ab")
    for key in (KEY, "org-2/ab/blob", "org-2/ab/new"):
        with pytest.raises((NoSuchBlob, StoreUnavailable)):
            folder.open(key)
        with pytest.raises(TeraError):
            written(folder, key, b"x")
        with suppress(StoreUnavailable):  # or it does nothing: what counts is what is left outside
            folder.delete(key)
    assert list(folder.blobs()) == []
    assert left_in(outside) == {"ab", "ab/blob"}
    assert (outside / "ab" / "blob").read_bytes() == b"secret"


def test_no_link_to_a_file_is_followed(folder: FolderStore, root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"secret")
    (root / "blob").symlink_to(tmp_path / "outside")
    (root / "loop").symlink_to("loop")
    for key in ("blob", "loop"):
        with pytest.raises(StoreUnavailable):
            folder.open(key)
        with pytest.raises(OutputExists):
            written(folder, key, b"x")
    assert list(folder.blobs()) == []
    folder.delete("blob")
    assert (tmp_path / "outside").read_bytes() == b"secret"


def test_what_is_no_regular_file_is_refused_without_waiting(folder: FolderStore, root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "dir").mkdir()
    for key in ("pipe", "dir"):
        with pytest.raises(StoreUnavailable):
            folder.open(key)
    assert list(folder.blobs()) == []


def test_a_blob_below_a_blob_is_not_found_and_not_written(folder: FolderStore) -> None:
    written(folder, "a", b"x")
    with pytest.raises(NoSuchBlob):
        folder.open("a/b")
    folder.delete("a/b")
    with pytest.raises(TeraError):
        written(folder, "a/b", b"y")
    assert content(folder, "a") == b"x"


def test_a_folder_that_moves_while_a_blob_is_written_takes_it_along(folder: FolderStore, root: Path) -> None:
    output = folder.create(KEY)
    (root / "org-1").rename(root / "org-2")
    (root / "org-1").symlink_to("/")
    output.write_at(0, b"x")
    output.commit()
    assert content(folder, "org-2/ab/blob") == b"x"


# --- what writers leave -------------------------------------------------------------------------------


def test_without_files_without_a_name_nothing_half_written_stays_either(
    folder: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY)  # a folder cannot be opened for writing
    output = folder.create(KEY)
    output.write_at(0, b"half")
    assert [name for name in os.listdir(root / "org-1/ab") if name.endswith(".partial")]
    assert list(folder.blobs()) == []
    output.abort()
    written(folder, KEY, b"whole")
    with pytest.raises(OutputExists):
        written(folder, KEY, b"other")
    assert left_in(root) == {MARK, "org-1", "org-1/ab", KEY}
    assert content(folder, KEY) == b"whole"


def test_a_sweep_removes_what_was_left_a_day_ago_and_nothing_else(folder: FolderStore, root: Path) -> None:
    written(folder, KEY, b"x")
    for name, age in (("old", 86_500), ("new", 10)):
        path = root / "org-1" / f".{name}.0123.partial"
        path.write_bytes(b"half")
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    os.utime(root / KEY, (0, 0))
    assert folder.sweep() == 1
    assert folder.sweep() == 0
    assert left_in(root) == {MARK, "org-1", "org-1/ab", KEY, "org-1/.new.0123.partial"}


# --- disks --------------------------------------------------------------------------------------------


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size`: the kernel refuses the write, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_to_be_and_leaves_nothing(folder: FolderStore, root: Path) -> None:
    output = folder.create(KEY)
    output.write_at(0, b"x" * 50_000)
    with room_for(100_000), pytest.raises(StoreUnavailable):
        output.write_at(50_000, b"y" * 60_000)
    output.abort()
    assert left_in(root) == {MARK, "org-1", "org-1/ab"}
    written(folder, KEY, b"x" * 110_000)


def test_a_disk_that_is_not_mounted_is_no_empty_store(folder: FolderStore, root: Path, tmp_path: Path) -> None:
    written(folder, KEY, b"x")
    root.rename(tmp_path / "away")
    for mounted in (False, True):
        if mounted:
            root.mkdir()  # the mount point is there, the disk is not
        for use in (folder.open, folder.create, folder.delete):
            with pytest.raises(StoreUnavailable, match="folder is not"):
                use(KEY)
        for ask in (folder.check, folder.sweep, lambda: list(folder.blobs())):
            with pytest.raises(StoreUnavailable, match="folder is not"):
                ask()
    root.rmdir()
    (tmp_path / "away").rename(root)
    assert content(folder, KEY) == b"x"


def test_a_folder_with_other_things_in_it_is_not_taken_for_a_store(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_bytes(b"x")
    with pytest.raises(StoreUnavailable):
        FolderStore(tmp_path)
    with pytest.raises(StoreUnavailable):
        FolderStore(tmp_path / "thesis.txt")


def test_many_files_are_open_at_once_and_none_stays(folder: FolderStore) -> None:
    before = len(os.listdir("/proc/self/fd"))
    outputs = [folder.create(f"org/{at:02x}/blob") for at in range(20)]
    for at, output in enumerate(outputs):
        output.commit() if at % 2 else output.abort()
    for at in range(20):
        try:
            folder.open(f"org/{at:02x}/blob").close()
        except NoSuchBlob:
            assert not at % 2
    with pytest.raises(BadInput):
        folder.open("../x")
    assert len(os.listdir("/proc/self/fd")) == before
