"""A reader's configuration: block lists in files, and what cannot work is said when it is made."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

from tera.codec.config import PLAIN, BlockListFile, Config
from tera.errors import BadInput, MissingBlocklist
from tera.format.signatures import signer_name
from tera.policy.blockfile import Kind
from tera.state.reader import MemoryReaderState
from tests.codec.gated import DEVICE, ISSUER, NOW, Clock, Listed, config, refused, ruled
from tests.codec.sealed import front_of, opened, seal

TRUSTED = [signer_name(ISSUER.public)]


def listed(
    folder: Path, *blocked: tuple[Kind, bytes], stale: Literal["refuse", "allow"] = "refuse", **more: Any
) -> Any:
    path = folder / "blocked.terb"
    path.write_bytes(Listed(*blocked, **more).data)
    return BlockListFile(path, TRUSTED, stale)


def reading(*lists: Any, clock: Clock | None = None) -> Config:
    return config(clock, state=MemoryReaderState(), blocklists=lists)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_list_in_a_file_blocks_what_it_names(tmp_path: Path) -> None:
    data = seal()
    opened(data, config=reading(listed(tmp_path))).close()
    blocks = listed(tmp_path, (Kind.BIND, front_of(data).bind))
    error = refused("blocked", lambda: opened(data, config=reading(blocks)), match="by the list blocked.terb")
    assert error.exit == 14


def test_every_file_is_closed_whether_it_opens_or_not(tmp_path: Path) -> None:
    data = seal()
    before = descriptors()
    opened(data, config=reading(listed(tmp_path))).close()
    refused("blocked", lambda: opened(data, config=reading(listed(tmp_path, (Kind.BIND, front_of(data).bind)))))
    refused("blocklist_issuer", lambda: opened(data, config=reading(BlockListFile(tmp_path / "blocked.terb", []))))
    assert descriptors() == before


def test_another_list_of_the_same_issuer_does_not_pass_for_the_one_that_is_meant(tmp_path: Path) -> None:
    found = listed(tmp_path)
    with found.open(NOW, {}) as one:
        own = one.head.list_id
    opened(seal(), config=reading(BlockListFile(found.path, TRUSTED, list_id=own))).close()
    other = BlockListFile(found.path, TRUSTED, list_id=bytes(15) + b"x")
    refused("missing_blocklist", lambda: opened(seal(), config=reading(other)), match="another one")


def test_a_list_that_is_not_there_is_missed(tmp_path: Path) -> None:
    missing = BlockListFile(tmp_path / "none.terb", TRUSTED)
    with pytest.raises(MissingBlocklist, match=r"none\.terb is not there") as caught:
        opened(seal(), config=reading(missing))
    assert caught.value.hint == "fetch the block list"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").write_bytes(b"")
    for name, code in (
        ("folder", "input_unavailable"),
        ("fifo", "input_unavailable"),
        ("empty/below", "input_unavailable"),
        ("nul\0", "input_unavailable"),
        ("empty", "bad_blocklist"),
    ):
        refused(code, partial(opened, seal(), config=reading(BlockListFile(tmp_path / name, TRUSTED))))


def test_a_list_that_has_expired_is_refused_or_used_as_it_was_configured(tmp_path: Path) -> None:
    data = seal()
    old: dict[str, Any] = {"expires": NOW}
    refused("stale_blocklist", lambda: opened(data, config=reading(listed(tmp_path, **old))))
    opened(data, config=reading(listed(tmp_path, stale="allow", **old))).close()
    blocks = listed(tmp_path, (Kind.BIND, front_of(data).bind), stale="allow", **old)
    refused("blocked", lambda: opened(data, config=reading(blocks)))


def test_a_list_that_has_expired_is_not_in_force(tmp_path: Path) -> None:
    data = ruled(("require_fresh_blocklist", True))
    opened(data, config=reading(listed(tmp_path))).close()
    old = listed(tmp_path, stale="allow", expires=NOW)
    for lists in ([old], [old, Listed(list_id=bytes(16))]):
        refused("rule_denied", partial(opened, data, config=reading(*lists)), rule="require_fresh_blocklist")


def test_a_file_that_is_replaced_while_it_is_open_goes_on_being_the_one_that_was_verified(tmp_path: Path) -> None:
    state = MemoryReaderState()
    with listed(tmp_path, (Kind.BIND, bytes(32))).open(NOW, state) as found:
        (tmp_path / "new").write_bytes(Listed(version=2).data)
        os.replace(tmp_path / "new", tmp_path / "blocked.terb")
        assert found.contains(Kind.BIND, bytes(32))


def test_a_file_that_is_cut_while_it_is_open_answers_nothing(tmp_path: Path) -> None:
    with listed(tmp_path, (Kind.BIND, bytes(32))).open(NOW, MemoryReaderState()) as found:
        os.truncate(tmp_path / "blocked.terb", 6_000 - 600)
        refused("bad_blocklist", lambda: found.contains(Kind.BIND, bytes(32)), match="shorter")


def test_a_lease_that_nothing_could_keep_is_a_mistake() -> None:
    for options in ({}, {"device_key": DEVICE}, {"state": MemoryReaderState()}):
        with pytest.raises(BadInput, match="a lease is kept in a state, under the key of the device") as caught:
            Config(lease=True, **options)
        assert "device_key" in (caught.value.hint or "")
    Config(lease=True, device_key=DEVICE, state=MemoryReaderState())


def test_who_says_nothing_trusts_nobody() -> None:
    assert (dict(PLAIN.authorities), PLAIN.blocklists, PLAIN.signers, PLAIN.state) == ({}, (), frozenset(), None)
