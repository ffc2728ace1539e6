"""What an operator does to organisations: on record, and gone for good where that was meant."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

import tera
from tera.audit.events import parse_event, parse_leaf
from tera.audit.log import Query
from tera.catalog import tables
from tera.catalog.log import OrgLog
from tera.errors import (
    BadCredentials,
    BadInput,
    Conflict,
    KeysUnavailable,
    NoSuchThing,
    OutputUnavailable,
    QuotaExceeded,
)
from tera.library import due, identity, operate
from tera.library.library import Principal
from tests.library.installed import KINDS, Installed, files, installed


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installed]:
    with installed(request.param, tmp_path / "data") as found:
        yield found


def kinds(made: Installed, who: Principal) -> list[str]:
    with made.library.catalog.reading() as db:
        return [parse_event(one.data).kind for one in OrgLog(db, who.org.id).find(Query())]


def test_a_disabled_organisation_lets_nobody_in_until_it_is_enabled(made: Installed) -> None:
    org, key = identity.create_org(made.library, "Acme", "ann@example.org")
    header = f"Bearer {key.token}"
    identity.authenticate(made.library, header)
    for _ in range(2):
        assert operate.set_disabled(made.library, org.id, True).disabled_at is not None
        with pytest.raises(BadCredentials):
            identity.authenticate(made.library, header)
    for _ in range(2):
        assert operate.set_disabled(made.library, org.id, False).disabled_at is None
        identity.authenticate(made.library, header)
    assert kinds(made, Principal(key.key, org)) == ["org_create", "org_disable", "org_enable"]
    with pytest.raises(NoSuchThing):
        operate.set_disabled(made.library, "org-nobody", True)


def test_a_quota_bounds_what_comes_and_leaves_what_is_there(made: Installed) -> None:
    who = made.principal()
    made.add(who)
    operate.set_quota(made.library, who.org.id, size=None, count=1)
    with pytest.raises(QuotaExceeded):
        made.add(who)
    found = operate.set_quota(made.library, who.org.id, size=None, count=None)
    assert (found.used_containers, found.quota_containers) == (1, None)
    made.add(who)
    assert kinds(made, who).count("org_quota") == 2
    for size, count in ((-1, None), (None, -1), (2**63, None)):
        with pytest.raises(BadInput):
            operate.set_quota(made.library, who.org.id, size=size, count=count)


def test_an_export_holds_everything_and_no_secret(made: Installed, tmp_path: Path) -> None:
    who = made.principal()
    row = made.add(who, "Q3", b"content")
    due.run(made.library)
    out = tmp_path / "out"
    assert operate.export(made.library, who.org.id, out) == 1
    assert files(out) == {"org.json", "containers.jsonl", "log.jsonl", "checkpoint.txt", f"{row.id}.tera"}
    assert tera.digest(out / f"{row.id}.tera").endswith(row.digest)
    leaves = [json.loads(line)["leaf"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert [parse_leaf(base64.b64decode(one)).kind for one in leaves] == kinds(made, who)
    seed = made.keys.load(who.org.id).signing.seed[:32]
    for name in files(out):
        data = (out / name).read_bytes()
        assert seed not in data and seed.hex().encode() not in data
    with pytest.raises(OutputUnavailable):
        operate.export(made.library, who.org.id, out)


def test_a_deleted_organisation_is_gone_with_all_its_rows_blobs_and_keys(made: Installed) -> None:
    who, other = made.principal(), made.principal("bob@example.org")
    made.add(who)
    kept = made.add(other)
    with pytest.raises(Conflict):
        operate.delete(made.library, who.org.id)
    operate.set_disabled(made.library, who.org.id, True)
    assert operate.delete(made.library, who.org.id) == 1
    with made.library.catalog.reading() as db:
        for table in tables.metadata.sorted_tables:
            if "org_id" in table.columns:
                asked = select(func.count()).select_from(table).where(table.c.org_id == who.org.id)
                assert db.scalar(asked) == 0, table.name
    assert [one.key for one in made.library.store.blobs()] == [kept.blob]
    assert [one.id for one in operate.listed(made.library)] == [other.org.id]
    with pytest.raises(KeysUnavailable):
        made.keys.load(who.org.id)
    made.keys.load(other.org.id)
    with pytest.raises(NoSuchThing):
        operate.delete(made.library, who.org.id)


def test_a_deletion_that_was_cut_off_is_done_again(made: Installed) -> None:
    who = made.principal()
    row = made.add(who)
    operate.set_disabled(made.library, who.org.id, True)
    made.library.store.delete(row.blob)
    made.keys.delete(who.org.id)
    assert operate.delete(made.library, who.org.id) == 1
    assert operate.listed(made.library) == []
