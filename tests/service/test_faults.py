"""The catalog or the store is away for a while, or full: 503 with Retry-After in every route, nothing half done,
nothing told of where they are; and then it works again."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx import Response

from tera.library.check import verify
from tera.library.keystore import FileKeyStore
from tera.library.library import Library
from tera.service.operations import OPERATIONS
from tests.library.places import Clock
from tests.service.away import WORDS, AwayCatalog, AwayStore
from tests.service.calls import PATHS, form, good_calls
from tests.service.houses import House
from tests.service.traces import trace

STORE = {"decode_container", "download_container", "encode_container", "is_ready", "upload_container"}
"""Operations that cannot do without the store; of a file, what is open already is read on."""


class Shaky(House):
    """A house on a catalog and a store that may be away."""

    catalog: AwayCatalog
    store: AwayStore


@pytest.fixture
def shaky(tmp_path: Path, empty_catalog: Path) -> Iterator[Shaky]:
    shutil.copy(empty_catalog, tmp_path / "catalog.db")
    catalog, store = AwayCatalog(f"sqlite:///{tmp_path / 'catalog.db'}"), AwayStore(tmp_path / "blobs")
    keys = FileKeyStore(tmp_path / "keys", bytes(32))
    found = Shaky(Library(catalog, store, keys, clock=Clock()))
    found.catalog, found.store = catalog, store
    with found:
        yield found
    catalog.close()


def unavailable(response: Response, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (503, code), response.text
    assert 1 <= int(response.headers["retry-after"]) <= 60
    for word in (*WORDS.split(), "Traceback", "sqlite", "blobs"):
        if len(word) > 4 and word not in ("server", "failed,"):
            assert word not in response.text, "it tells where things are"


def test_without_its_catalog_every_route_is_503_and_then_works_again(shaky: Shaky) -> None:
    for call in good_calls(shaky):
        before = trace(shaky.library)
        shaky.catalog.away = True
        response = call.by(shaky, shaky.ann)
        shaky.catalog.away = False
        if call.id == "is_alive":
            assert response.status_code == 200
        else:
            unavailable(response, "catalog_unavailable")
        assert trace(shaky.library) == before, call.id
        again = call.by(shaky, shaky.ann)
        assert again.status_code == OPERATIONS[PATHS[call.id]].status, (call.id, again.text)


def test_without_its_store_what_needs_it_is_503_and_then_works_again(shaky: Shaky) -> None:
    refused = set()
    for call in good_calls(shaky):
        before = trace(shaky.library)
        shaky.store.away = True
        response = call.by(shaky, shaky.ann)
        shaky.store.away = False
        if response.status_code == 503:
            unavailable(response, "store_unavailable")
            refused.add(call.id)
            if call.id == "delete_container":  # it is on record; gc removes the bytes
                assert call.by(shaky, shaky.ann).status_code == 404
                continue
            assert trace(shaky.library) == before, call.id
            response = call.by(shaky, shaky.ann)
        assert response.status_code == OPERATIONS[PATHS[call.id]].status, (call.id, response.text)
    assert refused >= STORE


@pytest.mark.parametrize("room", [0, 1, 1_000, 20_000, 69_000])
def test_a_full_disk_leaves_nothing_behind(shaky: Shaky, room: int) -> None:
    files = {"a.bin": random.Random(3).randbytes(70_000)}
    container = shaky.encode(files)
    data = shaky.get(f"/containers/{container}/download").content
    before = trace(shaky.library)
    shaky.store.room = room
    for headers in ({}, {"Idempotency-Key": "once"}):
        encode = shaky.ask("POST", "/containers/encode", files=form(*files.items()), headers=headers)
        unavailable(encode, "store_unavailable")
        unavailable(shaky.ask("POST", "/containers", content=data, headers=headers), "store_unavailable")
    assert trace(shaky.library) == before
    assert shaky.get(f"/containers/{container}/decode/a.bin").status_code == 200  # what is there is read
    shaky.store.room = None
    assert shaky.ask("POST", "/containers", content=data).status_code == 200
    assert shaky.ask("POST", "/containers/encode", files=form(*files.items())).status_code == 200


def test_a_commit_whose_answer_is_lost_leaves_everything_whole(shaky: Shaky) -> None:
    """The catalog has committed, and the connection is gone: what is there is whole, whether it was told or not."""
    lost = set()
    for call in good_calls(shaky):
        shaky.catalog.silent = True
        response = call.by(shaky, shaky.ann)
        shaky.catalog.silent = False
        assert response.status_code in (OPERATIONS[PATHS[call.id]].status, 503), response.text
        if response.status_code == 503:
            unavailable(response, "catalog_unavailable")
            lost.add(call.id)
        assert [one for one in verify(shaky.library) if one.wrong is not None] == [], call.id
    assert lost >= {known.id for (method, _), known in OPERATIONS.items() if method in ("DELETE", "PATCH")}
    assert lost >= {"encode_container", "upload_container", "block_container", "replace_drm", "create_api_key"}
    assert len(shaky.get("/containers").json()) == 3  # two were lost on their way back, one was deleted
