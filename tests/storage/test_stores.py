"""What every store promises: a blob is there whole or not at all, is never replaced, and is read at any place."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tera.codec.output import Output
from tera.errors import BadInput, NoSuchBlob, OutputExists
from tera.storage.port import KEY_BYTES, Store
from tests.cli.runs import environment
from tests.storage.stores import content, s3, store_of, written

NOISE = random.Random(1).randbytes(1 << 20)
KEY = "org-1/ab/blob"


def test_what_was_written_is_read_at_any_place(store: Store) -> None:
    data = written(store, KEY, b"hello, ", b"", b"world")
    found = store.open(KEY)
    assert found.size == len(data)
    for offset, length in ((0, 12), (0, 0), (7, 5), (11, 1), (11, 100), (12, 1), (100, 1), (3, 4)):
        assert found.read_at(offset, length) == data[offset : offset + length]
    out = bytearray(20)
    assert found.read_into(5, memoryview(out)) == 7
    assert bytes(out[:7]) == data[5:]
    found.close()


def test_an_empty_blob_is_one(store: Store) -> None:
    assert written(store, KEY) == content(store, KEY) == b""


def test_a_blob_of_several_parts_is_whole_and_read_by_ranges(store: Store) -> None:
    data = written(store, KEY, *[NOISE] * 17, b"the end")
    found = store.open(KEY)
    assert found.size == len(data) == (17 << 20) + 7
    for offset in (0, (8 << 20) - 5, (16 << 20) - 1, (17 << 20) - 3):
        assert found.read_at(offset, 10) == data[offset : offset + 10]
    assert found.read_at(0, len(data)) == data
    found.close()


def test_a_blob_is_not_there_before_it_is_whole(store: Store) -> None:
    output = store.create(KEY)
    output.write_at(0, NOISE)
    with pytest.raises(NoSuchBlob):
        store.open(KEY)
    assert list(store.blobs()) == []
    output.commit()
    assert content(store, KEY) == NOISE


def test_a_blob_is_never_replaced(store: Store) -> None:
    written(store, KEY, b"first")
    for piece in (b"second", NOISE * 9):
        with pytest.raises(OutputExists):
            written(store, KEY, piece)
        assert content(store, KEY) == b"first"


def test_of_two_that_write_one_key_at_once_one_wins(store: Store) -> None:
    outputs = [store.create(KEY) for _ in range(2)]
    won: list[int] = []

    def finish(number: int, output: Output) -> None:
        try:
            output.write_at(0, bytes((number,)) * 1_000)
            output.commit()
            won.append(number)
        except OutputExists:
            pass

    threads = [threading.Thread(target=finish, args=one) for one in enumerate(outputs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert content(store, KEY) == bytes((won[0],)) * 1_000


@pytest.mark.parametrize("size", [0, 1, 9])
def test_an_aborted_blob_leaves_nothing(store: Store, size: int) -> None:
    output = store.create(KEY)
    for at in range(size):
        output.write_at(at << 20, NOISE)
    output.abort()
    output.abort()
    with pytest.raises(NoSuchBlob):
        store.open(KEY)
    assert list(store.blobs()) == []
    assert store.sweep() == 0
    written(store, KEY, b"again")
    assert content(store, KEY) == b"again"


def test_a_blob_that_was_committed_survives_a_late_abort(store: Store) -> None:
    output = store.create(KEY)
    output.write_at(0, b"kept")
    output.commit()
    output.abort()
    assert content(store, KEY) == b"kept"


def test_a_deleted_blob_is_gone_and_deleting_it_again_is_no_error(store: Store) -> None:
    written(store, KEY, b"x")
    store.delete(KEY)
    store.delete(KEY)
    store.delete("never/was")
    with pytest.raises(NoSuchBlob):
        store.open(KEY)
    written(store, KEY, b"y")
    assert content(store, KEY) == b"y"


KEYS = ["a", "a-b/x", "a.b/x", "a0", "aa", "b/2/y", "b/2/z", "b/2.0", "b/10", "b-1", "b0/x"]


def test_a_listing_has_every_blob_once(store: Store) -> None:
    for key in KEYS:
        written(store, key, key.encode())
    found = sorted(store.blobs(), key=lambda one: one.key)
    assert [one.key for one in found] == sorted(KEYS)
    assert [one.size for one in found] == [len(key) for key in sorted(KEYS)]
    assert all(one.modified > 1_600_000_000 for one in found)
    for prefix in ("a", "a-", "b", "b/", "b/2", "b/2/", "c", "b0/x"):
        assert sorted(one.key for one in store.blobs(prefix)) == [key for key in sorted(KEYS) if key.startswith(prefix)]


def test_a_listing_goes_on_while_blobs_come_and_go(store: Store) -> None:
    for key in KEYS:
        written(store, key, b"x")
    walk = store.blobs()
    first = next(walk).key
    for key in KEYS:
        if key != first:
            store.delete(key)
    written(store, "c", b"x")
    assert first not in {one.key for one in walk}


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "../a", "a/.b", "-a", "_a", "a/-"),
        *("A", "ü", "a b", "a\0", "a\n", "a\\b", "~", "%2e", "a" * 201, "a/" * (KEY_BYTES // 2) + "a"),
    ],
)
def test_a_key_that_is_none_is_refused_everywhere(store: Store, key: str) -> None:
    for use in (store.create, store.open, store.delete):
        with pytest.raises(BadInput):
            use(key)


def test_a_store_that_is_there_says_so(store: Store) -> None:
    store.check()
    assert store.sweep() == 0


WRITE = """
import json, os, sys
from pathlib import Path
from tera.storage.folder import FolderStore
from tera.storage.objects import ObjectStore

kind, where = sys.argv[1:3]
store = FolderStore(where) if kind == "folder" else ObjectStore(where, json.loads(Path(sys.argv[3]).read_text()))
output = store.create("org-1/ab/killed")
for at in range(20):
    output.write_at(at << 20, b"x" * (1 << 20))
print("written", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_killed_writer_leaves_nothing_that_is_seen(kind: str, tmp_path: Path) -> None:
    store = store_of(kind, tmp_path)
    where = [str(tmp_path / "blobs")]
    if kind == "s3":
        import os
        import uuid

        where = [f"{s3()[0]}/{uuid.uuid4().hex}", os.environ["TERA_TEST_S3_CONFIG"]]
        from tera.storage.objects import ObjectStore

        store = ObjectStore(where[0], s3()[1])
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, kind, *where],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        writer.kill()
    with pytest.raises(NoSuchBlob):
        store.open("org-1/ab/killed")
    assert list(store.blobs()) == []
    written(store, "org-1/ab/killed", b"again")
