"""Rows of organisations and keys: as they were written, counts that only add, secrets as hashes only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tera.catalog import orgs
from tera.catalog.engine import Catalog
from tera.catalog.orgs import ApiKey, Org
from tera.errors import CatalogUnavailable


@pytest.fixture
def made(catalog: Catalog, org: str) -> Org:
    found = Org(org, "Acme", "ann@a.example", 100, quota_bytes=10)
    with catalog.writing(org) as db:
        orgs.add_org(db, found)
    return found


def key(org: str, number: int = 1, **more: object) -> ApiKey:
    scopes = frozenset({"read", "write"})
    return replace(ApiKey(f"{org[-12:]}{number}", org, "key", "ann@a.example", scopes, "bob@b.example", number), **more)  # type: ignore[arg-type]


def test_an_organisation_comes_back_as_it_was(catalog: Catalog, made: Org) -> None:
    with catalog.writing(made.id) as db:
        orgs.change_org(db, made.id, disabled_at=7, quota_containers=3)
        orgs.use(db, made.id, size=2**40, containers=2)
        orgs.use(db, made.id, size=-1, containers=-1)
    expected = replace(made, disabled_at=7, quota_containers=3, used_bytes=2**40 - 1, used_containers=1)
    with catalog.reading() as db:
        assert orgs.get_org(db, made.id) == expected
        assert expected in orgs.all_orgs(db)
        assert orgs.get_org(db, f"{made.id}-2") is None


def test_an_id_is_one_organisations(catalog: Catalog, made: Org) -> None:
    with pytest.raises(CatalogUnavailable), catalog.writing(made.id) as db:
        orgs.add_org(db, made)


def test_a_key_comes_back_as_it_was_with_the_hash_of_its_secret(catalog: Catalog, made: Org) -> None:
    plain = key(made.id)
    rich = key(made.id, 2, acts_for=frozenset({"a@x", "b@x"}), may_assert=True, expires_at=5)
    with catalog.writing(made.id) as db:
        orgs.add_key(db, rich, b"2" * 32)
        orgs.add_key(db, plain, b"1" * 32)
        orgs.change_key(db, plain.id, revoked_at=9, last_used_at=8)
    with catalog.reading() as db:
        assert orgs.get_key(db, plain.id) == (replace(plain, revoked_at=9, last_used_at=8), b"1" * 32)
        assert orgs.get_key(db, rich.id) == (rich, b"2" * 32)
        assert [one.id for one in orgs.keys_of_org(db, made.id)] == [plain.id, rich.id]
        assert orgs.get_key(db, "nobody") is None
        assert orgs.keys_of_org(db, f"{made.id}-2") == []
