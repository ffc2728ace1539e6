"""Opens at once and opens that something comes between: one wins, and what was decided is what was counted."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tera.audit.events import Event, parse_event
from tera.audit.log import Query
from tera.catalog.authority import OrgTables
from tera.catalog.containers import Row
from tera.catalog.log import OrgLog
from tera.codec.encoder import encode
from tera.errors import Blocked, NoSuchEntry, NoSuchThing, RuleDenied, StoreUnavailable, TeraError
from tera.library import block, identity, rules, seal
from tera.library.decision import Wish
from tera.library.keystore import FileKeyStore
from tera.library.library import Library, Principal
from tera.library.open import PIECE, begin
from tera.storage.folder import FolderStore
from tera.storage.port import OpenBlob, Store
from tests.catalog.databases import KINDS, catalog_of
from tests.library.places import Clock

ANN, BOB = "ann@example.org", "bob@example.org"
FILE = Wish(path="a")


class House:
    """An organisation: Ann is its first key's address; Bob has a key that decodes."""

    def __init__(self, library: Library) -> None:
        self.library = library
        org, made = identity.create_org(library, "Acme", ANN)
        self.ann = Principal(made.key, org)
        key = identity.create_key(library, self.ann, name="k", owner=BOB, scopes=frozenset({"decode"}))
        self.bob = Principal(key.key, org)

    def sealed(self, drm: str = '{"downloadable": true}', content: bytes = b"content") -> Row:
        manifest = f'{{"files": ["a"], "drm": {drm}}}'.encode()
        return seal.encode(self.library, self.ann, manifest, [seal.Part("a", None, [content])]).row

    def events(self) -> list[Event]:
        with self.library.catalog.reading() as db:
            found = OrgLog(db, self.ann.org.id).find(Query(kinds=("open", "read", "denied")))
        return [parse_event(one.data) for one in found]

    def counted(self, row: Row) -> int:
        with self.library.catalog.reading() as db:
            return OrgTables(db, row.org_id).opens(row.bind, BOB).count

    def taken(self, who: Principal, row: Row, wish: Wish = FILE) -> bytes:
        with begin(self.library, who, row.id, wish) as opening:
            opening.enter(counts=True)
            assert opening.entry is not None
            return b"".join(opening.pieces(0, opening.entry.size))


@pytest.fixture(params=KINDS)
def house(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[House]:
    with catalog_of(request.param, tmp_path) as catalog:
        store, keys = FolderStore(tmp_path / "blobs"), FileKeyStore(tmp_path / "keys", bytes(32))
        library = Library(catalog, store, keys, clock=clock)
        yield House(library)
        library.pool.close()


def at_once(count: int, work: Callable[[], object]) -> list[str]:
    """Run it in threads, and return what became of each: "" or the code of its error."""
    found: list[str] = []
    gate = threading.Barrier(count)

    def run() -> None:
        gate.wait()
        try:
            work()
            found.append("")
        except TeraError as error:
            found.append(error.code)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


def test_of_64_last_opens_at_once_one_wins(house: House) -> None:
    row = house.sealed(f'{{"recipients": ["{BOB}"], "opens": 1}}')
    house.library = replace(house.library, session=0)  # each is an open of its own
    assert at_once(64, lambda: house.taken(house.bob, row)) == [""] + ["rule_denied"] * 63
    assert house.counted(row) == 1
    assert sorted(event.kind for event in house.events()) == ["denied"] * 63 + ["open"]


def test_64_at_once_are_one_session(house: House) -> None:
    row = house.sealed(f'{{"recipients": ["{BOB}"], "opens": 1}}')
    assert at_once(64, lambda: house.taken(house.bob, row)) == [""] * 64
    assert house.counted(row) == 1
    assert [event.kind for event in house.events()].count("open") == 1


@pytest.fixture
def here(library: Library) -> House:
    return House(library)


def test_what_comes_between_the_decision_and_the_first_byte_is_seen(here: House) -> None:
    def blocked(row: Row) -> None:
        block.block(here.library, here.ann, row.id)

    def deleted(row: Row) -> None:
        block.delete(here.library, here.ann, row.id)

    def narrowed(row: Row) -> None:
        rules.remove(here.library, here.ann, row.id)

    def opened(row: Row) -> None:
        with here.library.catalog.writing(row.org_id) as db:
            OrgTables(db, row.org_id).count(row.bind, BOB, here.library.now())

    cases: list[tuple[Callable[[Row], None], type[TeraError], str]] = [
        (blocked, Blocked, "blocked"),
        (deleted, NoSuchThing, "recipients"),
        (narrowed, NoSuchThing, "recipients"),
        (opened, RuleDenied, "opens"),
    ]
    for change, error, rule in cases:
        row = here.sealed(f'{{"recipients": ["{BOB}"], "opens": 1}}')
        before = here.counted(row)
        with begin(here.library, here.bob, row.id, FILE) as opening:
            change(row)
            with pytest.raises(error):
                opening.enter(counts=True)
        event = here.events()[-1]
        assert (event.kind, event.rule, event.viewer) == ("denied", rule, BOB)
        assert here.counted(row) == before + (change is opened)


def test_pieces_are_never_more_than_a_mebibyte(here: House) -> None:
    content = bytes(range(256)) * 12_000
    row = here.sealed(content=content)
    with begin(here.library, here.ann, row.id, FILE) as opening:
        for start, stop in ((0, len(content)), (1, len(content)), (PIECE - 1, PIECE + 1), (5, 5)):
            pieces = list(opening.pieces(start, stop))
            assert b"".join(pieces) == content[start:stop]
            assert max(map(len, pieces), default=0) <= PIECE


# --- containers that were sealed elsewhere ------------------------------------------------------------


def uploaded(house: House, **options: Any) -> Row:
    out = io.BytesIO()
    keys = house.library.keys.load(house.ann.org.id)
    encode([("a", b"content")], out, recipients=[keys.newest.key.public], **options)
    return seal.upload(house.library, house.ann, [out.getvalue()], name=None)


def test_rules_that_stand_sealed_inside_bind_too(here: House) -> None:
    row = uploaded(here, rules=[("rights", ["view"])], sealed_rules=True)
    with pytest.raises(RuleDenied, match="rights"):
        here.taken(here.ann, row)
    with pytest.raises(RuleDenied, match="rights"):  # the open container that is at hand changes nothing
        here.taken(here.ann, row)
    assert here.taken(here.ann, row, Wish("view", "a")) == b"content"
    with pytest.raises(NoSuchThing):  # in rules that cannot be read nobody is named
        here.taken(here.bob, row, Wish("view", "a"))
    assert [event.rule for event in here.events()] == ["rights", "rights", None, "recipients"]


def test_without_rules_only_the_owner_opens(here: House) -> None:
    row = uploaded(here)
    assert here.taken(here.ann, row) == b"content"
    with pytest.raises(NoSuchThing):
        here.taken(here.bob, row)


# --- the world fails ----------------------------------------------------------------------------------


class Watched:
    """A store that counts what is open, and fails on demand."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.open_blobs = 0
        self.broken = False

    def open(self, key: str) -> OpenBlob:
        return _WatchedBlob(self, self._inner.open(key))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _WatchedBlob:
    def __init__(self, store: Watched, inner: OpenBlob) -> None:
        self._store = store
        self._inner = inner
        store.open_blobs += 1

    @property
    def size(self) -> int:
        return self._inner.size

    def read_at(self, offset: int, length: int) -> bytes:
        if self._store.broken:
            raise StoreUnavailable("the store fails")
        return self._inner.read_at(offset, length)

    def read_into(self, offset: int, out: memoryview) -> int:
        data = self.read_at(offset, len(out))
        out[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._store.open_blobs -= 1
        self._inner.close()


def test_nothing_is_counted_or_left_open_when_the_store_fails(here: House) -> None:
    row = here.sealed(f'{{"recipients": ["{BOB}"], "opens": 1}}')
    store = Watched(here.library.store)
    here.library = replace(here.library, store=cast(Store, store))
    store.broken = True
    with pytest.raises(StoreUnavailable):
        here.taken(here.bob, row)
    assert (store.open_blobs, here.counted(row), here.events()) == (0, 0, [])
    store.broken = False
    with pytest.raises(NoSuchEntry):
        here.taken(here.bob, row, Wish(path="b"))
    assert here.taken(here.bob, row) == b"content"
    here.library.pool.close()
    assert store.open_blobs == 0
