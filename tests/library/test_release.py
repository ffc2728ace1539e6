"""Releases within rules that the service has narrowed, asked for at the same moment, on both kinds of database."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from tera.authority.keys import HeldKeys
from tera.catalog.authority import OrgTables
from tera.codec.encoder import encode
from tera.codec.recipients import KeyEncryptionKey
from tera.errors import Blocked
from tera.format.access import Stanza
from tera.library import block, identity, release, rules, seal
from tera.library.asker import asker
from tera.library.keystore import FileKeyStore
from tera.library.library import Library, Principal
from tera.storage.folder import FolderStore
from tests.authority.asking import asking, made
from tests.catalog.databases import KINDS, catalog_of
from tests.library.places import NOW, Clock
from tests.library.test_open import at_once

ANN, BOB = "ann@example.org", "bob@example.org"


class House:
    """An organisation with a container that was sealed at the client; Bob may open it."""

    def __init__(self, library: Library) -> None:
        self.library = library
        org, key = identity.create_org(library, "Acme", ANN)
        self.ann = Principal(key.key, org)
        bob = identity.create_key(library, self.ann, name="k", owner=BOB, scopes=frozenset({"decode"}))
        self.sender = release.sent_by(org.id, asker(library, Principal(bob.key, org)))
        keys = library.keys.load(org.id)
        self.keys = HeldKeys(keys.signing, [one.key for one in keys.opening])
        out = io.BytesIO()
        encode(
            [("a", b"content")],
            out,
            authorities=[self.keys.public],
            recipients=[KeyEncryptionKey(bytes(32), b"k")],
            rules=[("opens", 50), ("recipients", ["*@example.org"])],
            created=NOW,
        )
        self.made = made(out.getvalue())
        self.row = seal.upload(library, self.ann, [out.getvalue()], name=None)

    def asked(self) -> bytes:
        return asking(self.made, keys=self.keys).message

    def counted(self) -> int:
        with self.library.catalog.reading() as db:
            return OrgTables(db, self.row.org_id).opens(self.row.bind, BOB).count


@pytest.fixture(params=KINDS)
def house(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[House]:
    with catalog_of(request.param, tmp_path) as catalog:
        store, keys = FolderStore(tmp_path / "blobs"), FileKeyStore(tmp_path / "keys", bytes(32))
        yield House(Library(catalog, store, keys, clock=clock))


def test_of_many_at_once_narrower_counts_are_kept(house: House) -> None:
    rules.replace(house.library, house.ann, house.row.id, b'{"recipients": ["bob@example.org"], "opens": 1}')
    asked = [house.asked() for _ in range(24)]
    found = at_once(24, lambda: release.release_of(house.library, house.sender, house.row.id, asked.pop()))
    assert found == [""] + ["rule_denied"] * 23
    assert house.counted() == 1


def test_what_is_blocked_after_it_was_decided_is_neither_counted_nor_kept(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, original = house.asked(), HeldKeys.open

    def late(self: HeldKeys, stanza: Stanza, bind: bytes) -> bytes:
        """Somebody blocks the container while its share is opened."""
        block.block(house.library, house.ann, house.row.id)
        return original(self, stanza, bind)

    with monkeypatch.context() as patched, pytest.raises(Blocked):
        patched.setattr(HeldKeys, "open", late)
        release.release_of(house.library, house.sender, house.row.id, message)
    assert house.counted() == 0
    block.unblock(house.library, house.ann, house.row.id)
    release.release_of(house.library, house.sender, house.row.id, message)
    assert house.counted() == 1
