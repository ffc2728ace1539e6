"""Block lists at release: what the authority's owner has put on one is not released, by whatever name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tera.authority.authority import Authority
from tera.authority.ports import State
from tera.codec.config import BlockListFile
from tera.codec.header import Dynamic
from tera.errors import AuthorityUnavailable
from tera.policy.blockfile import Kind
from tera.policy.marks import Mark, MarkKey
from tests.authority.asking import (
    ANN_KEY,
    BY_ANN,
    DEVICE_KEY,
    NOW,
    OWNER,
    POLICY,
    STRANGER,
    Clock,
    Made,
    ask,
    asking,
    authority_on,
    dynamic,
    events,
    name,
    outcomes,
    said,
    seal,
    sealed,
    signing,
    version_after,
    with_policy,
)
from tests.authority.lists import ISSUER, block

SEALER = signing(21)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list.terb"


@pytest.fixture
def authority(state: State, clock: Clock, path: Path) -> Authority:
    return authority_on(state, clock, blocklists=[BlockListFile(path, [ISSUER])])


@pytest.fixture(scope="module")
def container() -> Made:
    return dynamic([("rights", ["view"])])


@pytest.fixture(scope="module")
def signed() -> Made:
    return seal([("rights", ["view"])], dynamic=Dynamic([OWNER], 86_400, POLICY), signers=[SEALER])


@pytest.mark.parametrize("what", ["id", "bind", "signer", "policy's signer", "policy", "viewer's key", "device"])
def test_what_is_blocked_is_not_released_not_even_again(
    authority: Authority, path: Path, signed: Made, what: str
) -> None:
    kind, value = {
        "id": (Kind.CONTAINER, signed.id),
        "bind": (Kind.BIND, signed.bind),
        "signer": (Kind.SIGNER, name(SEALER)),
        "policy's signer": (Kind.SIGNER, name(OWNER)),
        "policy": (Kind.POLICY, POLICY),
        "viewer's key": (Kind.SIGNER, name(ANN_KEY)),
        "device": (Kind.SIGNER, name(DEVICE_KEY)),
    }[what]
    block(path, (Kind.CONTAINER, bytes(16)), (Kind.SIGNER, name(STRANGER)))
    asked = asking(signed, viewer_key=ANN_KEY, device_key=DEVICE_KEY)
    assert said(authority, asked).ct
    block(path, (kind, value), version=2)
    assert said(authority, asked).code == "blocked"
    assert ask(authority, signed, viewer_key=ANN_KEY, device_key=DEVICE_KEY).code == "blocked"
    assert outcomes(authority) == [("release", None), ("denied", "blocked"), ("denied", "blocked")]


def test_the_blocks_of_others_do_not_matter(authority: Authority, path: Path) -> None:
    block(path, (Kind.BIND, sealed("three").bind), (Kind.SIGNER, name(ANN_KEY)))
    assert ask(authority, sealed("once")).ct


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("missing", "missing_blocklist"),
        ("stale", "stale_blocklist"),
        ("another issuer's", "blocklist_issuer"),
        ("changed", "blocklist_signature"),
        ("another table", "blocklist_digest"),
        ("cut", "bad_blocklist"),
        ("older", "blocklist_rollback"),
        ("to come", "clock_behind"),
    ],
)
def test_a_list_that_is_not_in_order_denies_and_is_recorded(
    authority: Authority, path: Path, what: str, code: str
) -> None:
    block(path, (Kind.BIND, bytes(32)), version=2)
    assert ask(authority, sealed("three")).ct
    data = path.read_bytes()
    if what == "missing":
        path.unlink()
    elif what == "stale":
        block(path, version=3, expires=NOW)
    elif what == "another issuer's":
        block(path, key=signing(22), version=3)
    elif what == "changed":
        path.write_bytes(data[:20] + bytes((data[20] ^ 1,)) + data[21:])
    elif what == "another table":
        path.write_bytes(data[:-64] + bytes((data[-64] ^ 1,)) + data[-63:])
    elif what == "cut":
        path.write_bytes(data[:-1])
    elif what == "older":
        block(path, version=1)
    else:
        block(path, version=3, issued=NOW + 301)
    answer = ask(authority, sealed("three"))
    assert (answer.code, answer.ct) == (code, None)
    assert outcomes(authority)[-1] == ("denied", code)


def test_a_list_may_be_stale_where_its_owner_says_so(state: State, path: Path, clock: Clock) -> None:
    authority = authority_on(state, clock, blocklists=[BlockListFile(path, [ISSUER], stale="allow")])
    block(path, (Kind.BIND, sealed("once").bind), expires=NOW)
    assert ask(authority, sealed("three")).ct
    assert ask(authority, sealed("once")).code == "blocked"
    assert ask(authority, seal([("require_fresh_blocklist", True)])).rule == "require_fresh_blocklist"


@pytest.mark.parametrize(("age", "allowed"), [(100, True), (101, False)])
def test_a_rule_asks_how_old_the_oldest_list_is(
    state: State, tmp_path: Path, clock: Clock, age: int, allowed: bool
) -> None:
    sources = []
    for at, issued in enumerate((NOW - 10, NOW - age)):
        block(tmp_path / f"{at}", list_id=bytes((at,)) * 16, issued=issued)
        sources.append(BlockListFile(tmp_path / f"{at}", [ISSUER]))
    authority = authority_on(state, clock, blocklists=sources)
    answer = ask(authority, seal([("require_fresh_blocklist", 100)]))
    assert answer.rule == (None if allowed else "require_fresh_blocklist")


def test_a_list_is_remembered_even_if_it_denied(authority: Authority, path: Path, state: State) -> None:
    block(path, (Kind.BIND, sealed("three").bind), version=7)
    assert ask(authority, sealed("three")).code == "blocked"
    with state.reading() as view:
        mark = view.get(MarkKey("blocklist", ISSUER, b"l" * 16))
    assert isinstance(mark, Mark) and mark.version == 7
    block(path, version=6)
    assert ask(authority, sealed("three")).code == "blocklist_rollback"


def test_a_list_that_cannot_be_read_is_the_authoritys_fault_and_releases_nothing(
    authority: Authority, path: Path
) -> None:
    path.mkdir()
    with pytest.raises(AuthorityUnavailable):
        authority.release(asking(sealed("three")).message, BY_ANN)
    path.rmdir()
    block(path)
    data = bytearray(path.read_bytes())
    data[56:64] = (1 << 30).to_bytes(8, "big")
    path.write_bytes(data)
    with pytest.raises(AuthorityUnavailable):
        authority.release(asking(sealed("three")).message, BY_ANN)
    assert events(authority) == []


def test_only_a_policy_that_verified_is_looked_up(authority: Authority, path: Path, container: Made) -> None:
    """What a stranger signed is refused for that, whoever else is blocked."""
    block(path, (Kind.SIGNER, name(STRANGER)))
    shown = version_after(container.policy, ("rights", ["view"]), by=[STRANGER])
    assert ask(authority, container, prefix=with_policy(container, shown)).code == "policy_signer"
