"""Policies that change, and block lists: verified before a rule is decided, remembered when they are verified."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tera.codec.inspect import digest
from tera.codec.recipients import PrivateKey
from tera.errors import StateUnavailable
from tera.format import digests
from tera.format.signatures import signer_name
from tera.policy.blockfile import HEADER, Kind
from tera.policy.marks import MarkKey
from tera.state.reader import MemoryReaderState, ReaderState
from tera.state.readerdb import SqliteReaderState
from tests.codec.gated import (
    ANN,
    BOB,
    CO_OWNER,
    DOORS,
    ISSUER,
    LIST,
    NOW,
    OWNER,
    POLICY,
    STRANGER,
    Listed,
    config,
    dynamic,
    kinds_of,
    policy_of,
    refused,
    ruled,
    unsigned,
    view,
    with_policy,
    written,
)
from tests.codec.sealed import KEK, SIGNER, contents, front_of, opened, seal

FOR_ANN = ("recipients", [ANN])
FROZEN = ("opens", 0)
RIGHTS = ("rights", ["extract", "rewrap", "view"])
POLICY_MARK = MarkKey("policy", signer_name(OWNER.public), POLICY)
LIST_MARK = MarkKey("blocklist", signer_name(ISSUER.public), LIST)


@pytest.fixture(params=["memory", "sqlite"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> ReaderState:
    return MemoryReaderState() if request.param == "memory" else SqliteReaderState(tmp_path / "state" / "reader.db")


def version(state: ReaderState, key: MarkKey) -> int | None:
    found = state.get(key)
    return None if found is None else found.version


def hash_of(state: ReaderState) -> bytes:
    mark = state.get(POLICY_MARK)
    assert mark is not None
    return mark.digest


def body_of(data: bytes) -> bytes:
    body = front_of(data).policy
    assert body is not None
    return body


# --- policies -------------------------------------------------------------------------------------------


def test_the_rules_are_those_of_the_policy_that_lies_in_the_container(state: ReaderState) -> None:
    data = dynamic(FOR_ANN)
    with opened(data, context=view(ANN), config=config(state=state)) as container:
        assert [rule.name for rule in container.rules] == ["recipients"]
    for_bob = with_policy(data, policy_of(data, ("recipients", [BOB]), version=2, previous=hash_of(state)))
    refused("rule_denied", lambda: opened(for_bob, context=view(ANN), config=config(state=state)), rule="recipients")
    opened(for_bob, context=view(BOB), config=config(state=state)).close()
    free = with_policy(data, policy_of(data, version=3, previous=hash_of(state)))
    with opened(free, config=config(state=state)) as container:
        assert container.rules == ()
    frozen = with_policy(data, policy_of(data, FROZEN, version=4, previous=hash_of(state)))
    refused("rule_denied", lambda: opened(frozen, context=view(BOB), config=config(state=state)), rule="opens")


def test_a_rollback_is_refused_also_when_the_rule_of_the_newer_version_denied(state: ReaderState) -> None:
    first = dynamic(FOR_ANN)
    newer = with_policy(first, policy_of(first, FROZEN, version=7))
    refused("rule_denied", lambda: opened(newer, context=view(ANN), config=config(state=state)), rule="opens")
    assert version(state, POLICY_MARK) == 7
    refused("policy_rollback", lambda: opened(first, context=view(ANN), config=config(state=state)))
    assert version(state, POLICY_MARK) == 7
    assert kinds_of(state) == ["denied", "denied"]


def test_a_fork_is_refused(state: ReaderState) -> None:
    data = dynamic(FOR_ANN)
    opened(data, context=view(ANN), config=config(state=state)).close()
    same = with_policy(data, policy_of(data, ("recipients", [BOB])))
    after_another = with_policy(data, policy_of(data, FOR_ANN, version=2, previous=b"\7" * 32))
    for other in (same, after_another):
        refused("policy_rollback", partial(opened, other, context=view(ANN), config=config(state=state)))
    assert version(state, POLICY_MARK) == 1


def flip_signature(body: bytes) -> bytes:
    """Change the last byte of the last signature, before the slack."""
    at = 8 + int.from_bytes(body[:4], "big")
    at += int.from_bytes(body[at - 4 : at], "big") - 1
    return body[:at] + bytes((body[at] ^ 1,)) + body[at + 1 :]


def test_what_is_not_verified_to_the_end_leaves_no_mark(state: ReaderState) -> None:
    data = dynamic(FOR_ANN)
    for code, other in (
        ("policy_unsigned", unsigned(body_of(data))),
        ("policy_signer", policy_of(data, FOR_ANN, by=[STRANGER])),
        ("policy_signature", flip_signature(body_of(data))),
        ("policy_swapped", policy_of(data, FOR_ANN, policy_id=bytes(16))),
        ("policy_swapped", policy_of(data, FOR_ANN, container_id=bytes(16))),
        ("clock_behind", policy_of(data, FOR_ANN, issued=NOW + 301)),
        ("policy_expired", policy_of(data, FOR_ANN, issued=NOW - 10, expires=NOW)),
    ):
        refused(code, partial(opened, with_policy(data, other), context=view(ANN), config=config(state=state)))
        assert version(state, POLICY_MARK) is None


def test_marks_are_of_who_signed_and_bind_all_who_could() -> None:
    state, data = MemoryReaderState(), dynamic(FOR_ANN, signers="[OWNER, CO_OWNER]")
    by_one = with_policy(data, policy_of(data, FOR_ANN, version=5, by=[CO_OWNER]))
    opened(by_one, context=view(ANN), config=config(state=state)).close()
    assert version(state, POLICY_MARK) is None
    assert version(state, MarkKey("policy", signer_name(CO_OWNER.public), POLICY)) == 5
    by_other = with_policy(data, policy_of(data, FOR_ANN, version=4, by=[OWNER]))
    refused("policy_rollback", lambda: opened(by_other, context=view(ANN), config=config(state=state)))


@pytest.mark.parametrize("door", DOORS)
def test_without_a_state_no_policy_is_believed(door: str, tmp_path: Path) -> None:
    data = dynamic(RIGHTS)
    error = refused("state_unavailable", lambda: DOORS[door](data, tmp_path, [KEK], config=config()))
    assert "state" in (error.hint or "")
    assert written(tmp_path) == []
    DOORS[door](data, tmp_path, [KEK], config=config(state=MemoryReaderState()))


def test_what_is_wrong_with_a_policy_is_said_before_that_there_is_no_state() -> None:
    data = dynamic(FOR_ANN)
    refused("policy_unsigned", lambda: opened(with_policy(data, unsigned(body_of(data))), config=config()))


class Forgetful(MemoryReaderState):
    """Cannot write what it is to remember."""

    def raise_marks(self, marks: Any) -> None:
        raise StateUnavailable("the disk is full")


def test_a_mark_that_cannot_be_written_is_a_refusal() -> None:
    refused("state_unavailable", lambda: opened(dynamic(FOR_ANN), context=view(ANN), config=config(state=Forgetful())))
    options = config(state=Forgetful(), blocklists=[Listed()])
    refused("state_unavailable", lambda: opened(seal(), config=options))


# --- block lists ----------------------------------------------------------------------------------------


def digest_of(data: bytes) -> bytes:
    return digests.parse(digest(io.BytesIO(data)))


CHANGING = "{'dynamic': Dynamic([OWNER], 9999, POLICY)}"
KINDS: dict[str, tuple[str, Kind, Any]] = {
    "container": ("{}", Kind.CONTAINER, lambda data: front_of(data).core.id),
    "bind": ("{}", Kind.BIND, lambda data: front_of(data).bind),
    "digest": ("{}", Kind.DIGEST, digest_of),
    "signer": ("{'signers': [SIGNER]}", Kind.SIGNER, lambda data: signer_name(SIGNER.public)),
    "policy": (CHANGING, Kind.POLICY, lambda data: POLICY),
    "owner": (CHANGING, Kind.SIGNER, lambda data: signer_name(OWNER.public)),
}


# Who only rewraps reads no payload, and so does not come to step 5.
BLOCKED = [(name, door) for name in KINDS for door in DOORS if (name, door) != ("digest", "rewrap")]


@pytest.mark.parametrize(("name", "door"), BLOCKED)
def test_what_is_blocked_is_not_opened(name: str, door: str, tmp_path: Path) -> None:
    options, kind, value = KINDS[name]
    data = ruled(RIGHTS, options=options)
    lists = [Listed(), Listed((kind, value(data)), list_id=bytes(16))]
    blocked = config(state=MemoryReaderState(), blocklists=lists)
    error = refused("blocked", lambda: DOORS[door](data, tmp_path, [KEK], config=blocked))
    assert error.exit == 14
    assert (door, name) == ("stream", "digest") or written(tmp_path) == []


def test_a_list_of_others_blocks_nobody(tmp_path: Path) -> None:
    for options, kind, value in KINDS.values():
        data = ruled(RIGHTS, options=options)
        lists = [Listed((kind, bytes(len(value(data)))))]
        opened(data, config=config(state=MemoryReaderState(), blocklists=lists)).close()


class Watched(PrivateKey):
    """Says when it is used, and does something at that moment."""

    def __init__(self, when: Any) -> None:
        super().__init__(1, b"x" * 32)
        self.when = when

    def unwrap(self, stanza: Any, bind: bytes) -> bytes | None:
        self.when()
        return super().unwrap(stanza, bind)


def test_a_blocked_key_is_not_used_and_another_one_is() -> None:
    used: list[int] = []
    key = Watched(lambda: used.append(1))
    data = seal(recipients=[key.public, KEK])
    lists = [Listed((Kind.RECIPIENT, key.public.fingerprint))]
    refused("blocked", lambda: opened(data, key, config=config(state=MemoryReaderState(), blocklists=lists)))
    assert used == []
    opened(data, KEK, config=config(state=MemoryReaderState(), blocklists=lists)).close()
    opened(data, key, config=config(state=MemoryReaderState(), blocklists=[Listed()])).close()
    assert used


def test_the_mark_of_a_list_is_written_also_when_it_blocks(state: ReaderState) -> None:
    """Else the list before, which did not block it, could be put back."""
    data = seal()
    blocks = Listed((Kind.BIND, front_of(data).bind), version=4)
    refused("blocked", lambda: opened(data, config=config(state=state, blocklists=[blocks])))
    assert version(state, LIST_MARK) == 4
    for older in (Listed(version=3), Listed(version=4)):
        refused("blocklist_rollback", partial(opened, data, config=config(state=state, blocklists=[older])))
    opened(data, config=config(state=state, blocklists=[Listed(version=5)])).close()


def test_what_was_verified_is_remembered_whatever_is_wrong_with_the_next(state: ReaderState) -> None:
    lists = [Listed(version=4), Listed(trusted=[], list_id=bytes(16))]
    refused("blocklist_issuer", lambda: opened(dynamic(FOR_ANN), config=config(state=state, blocklists=lists)))
    assert (version(state, POLICY_MARK), version(state, LIST_MARK)) == (1, 4)


def flipped_list() -> Listed:
    made = Listed()
    made.data[HEADER - 1] ^= 1
    return made


def cut_list() -> Listed:
    made = Listed()
    del made.data[-1]
    return made


BROKEN: dict[str, Any] = {
    "blocklist_issuer": lambda: Listed(trusted=[bytes(32)]),
    "blocklist_signature": flipped_list,
    "stale_blocklist": lambda: Listed(expires=NOW),
    "clock_behind": lambda: Listed(issued=NOW + 301, expires=NOW + 999),
    "bad_blocklist": cut_list,
}


@pytest.mark.parametrize("code", BROKEN)
def test_a_list_that_cannot_be_used_opens_nothing_and_leaves_no_mark(code: str) -> None:
    for before in ([], [Listed(list_id=bytes(16))]):
        state = MemoryReaderState()
        options = config(state=state, blocklists=[*before, BROKEN[code]()])
        refused(code, partial(opened, seal(), config=options))
        assert state.get(LIST_MARK) is None


def test_a_list_without_a_state_is_a_refusal() -> None:
    refused("state_unavailable", lambda: opened(seal(), config=config(blocklists=[Listed()])))
    refused("blocklist_issuer", lambda: opened(seal(), config=config(blocklists=[Listed(trusted=[])])))


def test_a_list_that_changes_while_it_is_open_is_refused() -> None:
    listed = Listed(*((Kind.DIGEST, bytes((at,)) * 32) for at in range(200)))

    def change() -> None:
        listed.data[HEADER + 128 :] = bytes(len(listed.data) - HEADER - 128)

    key = Watched(change)
    options = config(state=MemoryReaderState(), blocklists=[listed])
    refused("blocklist_digest", lambda: opened(seal(recipients=[key.public]), key, config=options))


def test_fresh_lists_are_those_that_are_in_force_and_young_enough() -> None:
    fresh, young = ruled(("require_fresh_blocklist", True)), ruled(("require_fresh_blocklist", 100))
    old = Listed(issued=NOW - 101, list_id=bytes(16))
    for lists, codes in (
        ([Listed()], (None, None)),
        ([old], (None, "rule_denied")),
        ([Listed(), old], (None, "rule_denied")),
        ([], ("rule_denied", "rule_denied")),
    ):
        for data, code in zip((fresh, young), codes, strict=True):
            call = partial(opened, data, config=config(state=MemoryReaderState(), blocklists=lists))
            if code is None:
                contents(call())
            else:
                refused(code, call, rule="require_fresh_blocklist")
