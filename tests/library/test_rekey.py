"""tera.library.rekey: another master key, in a file or a token, while nobody's keys are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tera.errors import BadInput, KeysUnavailable
from tera.library.keystore import FileKeyStore
from tera.library.master import Master, find_master
from tera.library.rekey import rekey, rekey_into
from tests.library.tokens import memory_kek

ORGS = ("one", "two")


@pytest.fixture
def master(tmp_path: Path) -> Master:
    """The master key beside the data of two organisations."""
    found = find_master(tmp_path, make=True, environ={})
    for org_id in ORGS:
        FileKeyStore(tmp_path / "keys", found.key).create(org_id, 1)
    return found


def test_no_master_key_is_replaced_while_keys_are_missing(tmp_path: Path, master: Master) -> None:
    (tmp_path / "keys").rename(tmp_path / "unmounted")
    keys = FileKeyStore(tmp_path / "keys", master.key)
    for new in (None, str(tmp_path / "elsewhere")):
        with pytest.raises(KeysUnavailable, match="2 organisations are not there: one") as caught:
            rekey(keys, tmp_path, master, new, everyone=ORGS)
        assert caught.value.hint
    with pytest.raises(KeysUnavailable, match="not there"):
        rekey_into(keys, memory_kek(), everyone=ORGS)
    assert find_master(tmp_path, environ={}) == master
    assert {path.name for path in tmp_path.iterdir()} == {"master.key", "unmounted"}


def test_keys_move_into_a_token_and_out_of_it(tmp_path: Path, master: Master) -> None:
    token, coming = memory_kek(), tmp_path / "coming"
    plain = FileKeyStore(tmp_path / "keys", master.key)
    before = [plain.load(org_id).newest.key.seed for org_id in ORGS]
    assert rekey_into(plain, token, everyone=ORGS) == 2
    assert rekey_into(plain, token, everyone=ORGS) == 0
    wrapped = FileKeyStore(tmp_path / "keys", token)
    assert [wrapped.load(org_id).newest.key.seed for org_id in ORGS] == before
    with pytest.raises(KeysUnavailable):
        FileKeyStore(tmp_path / "keys", master.key).load("one")
    with pytest.raises(BadInput, match="not beside the data"):
        rekey(wrapped, tmp_path, None, None, everyone=ORGS)
    assert rekey(wrapped, tmp_path, None, str(coming), everyone=ORGS) == (2, coming)
    again = FileKeyStore(tmp_path / "keys", find_master(tmp_path, file=str(coming), environ={}).key)
    assert [again.load(org_id).newest.key.seed for org_id in ORGS] == before
