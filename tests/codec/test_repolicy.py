"""Changing a policy: only an authentic one is followed by another, by its owner, and once."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tera.codec.config import Config
from tera.codec.inspect import digest
from tera.codec.overwrite import POLICY
from tera.codec.repolicy import update_policy
from tera.codec.rewrap import rewrap
from tera.errors import TeraError
from tera.format import limits
from tera.format.signatures import signer_name
from tera.policy.envelope import pack_policy, sign_envelope
from tera.policy.marks import Mark, MarkKey
from tera.state.reader import MemoryReaderState
from tests.codec.repolicies import (
    DAY,
    DENIED,
    DEPUTY,
    FROZEN,
    NOW,
    OWNER,
    STRANGER,
    config,
    policy_of,
    read,
    sealed,
    update,
    with_policy,
)
from tests.codec.rewraps import refused
from tests.codec.sealed import FILES, KEK, OTHER_KEK, SIGNER, front_of, seal

LONG = [["recipients", [f"somebody-{number:04}@example.org" for number in range(700)]]]
"""Rules that do not fit into the room that a first version leaves."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "c.tera"
    found.write_bytes(sealed())
    return found


# --- what changes and what does not -----------------------------------------------------------------


@pytest.mark.parametrize("in_place", [False, True])
def test_only_the_policy_changes(file: Path, in_place: bool) -> None:
    before, name = file.read_bytes(), digest(file)
    copy = file.with_name("copy")
    where: dict[str, Any] = {} if in_place else {"output": copy}
    found = update(file, rules=None, **where)
    after = file if in_place else copy
    old, new = front_of(before), front_of(after.read_bytes())
    assert (new.core, new.bind, new.access_body) == (old.core, old.bind, old.access_body)
    assert after.read_bytes()[new.length :] == before[old.length :]
    assert digest(after) == name
    assert read(after) == dict(FILES)
    assert (found.in_place, found.size) == (in_place, after.stat().st_size)
    assert found.prefix == new.prefix
    assert sorted(file.parent.iterdir()) == ([file] if in_place else [file, copy])
    if not in_place:
        assert file.read_bytes() == before


def test_each_version_continues_the_one_before(file: Path) -> None:
    first = policy_of(file)
    for version in range(2, 5):
        before = policy_of(file)
        update(file, [OWNER, DEPUTY][version % 2], now=NOW + version, rules=[["opens", version]])
        after = policy_of(file)
        assert (after.envelope.version, after.envelope.previous) == (version, before.hash)
        assert (after.envelope.issued, after.envelope.expires) == (NOW + version, NOW + version + 90 * DAY)
        assert (after.envelope.policy_id, after.envelope.container_id) == (
            first.envelope.policy_id,
            first.envelope.container_id,
        )


def test_rules_that_are_kept_hold_for_longer(file: Path) -> None:
    update(file, now=NOW + 80 * DAY, valid_for=DAY)
    found = policy_of(file).envelope
    assert found.rules == policy_of(sealed()).envelope.rules
    assert found.expires == NOW + 81 * DAY


def test_a_frozen_container_is_opened_by_nobody_until_there_is_another_version(file: Path) -> None:
    update(file, rules=None)
    state = MemoryReaderState()
    assert read(file, state=state) == dict(FILES)
    update(file, rules=FROZEN)
    refused("rule_denied", lambda: read(file, state=state))
    update(file, rules=None)
    assert read(file, state=state) == dict(FILES)


def test_a_policy_that_has_expired_is_renewed_by_its_owner(file: Path) -> None:
    late = NOW + 91 * DAY
    refused("policy_expired", lambda: read(file, late))
    update(file, now=late, rules=None)
    assert read(file, late + 1) == dict(FILES)


def test_a_clock_that_is_a_little_behind_makes_no_older_version(file: Path) -> None:
    update(file, now=NOW + 200)
    update(file, now=NOW)
    assert policy_of(file).envelope.issued == NOW + 200
    refused("clock_behind", lambda: update(file, now=NOW - 101))


def test_a_copy_makes_the_room_that_the_file_has_not(file: Path) -> None:
    before = file.read_bytes()
    error = refused("limit_exceeded", lambda: update(file, rules=LONG))
    assert "-o" in str(error.hint)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
    copy = file.with_name("copy")
    update(file, rules=LONG, output=copy)
    assert front_of(copy.read_bytes()).length % 4_096 == 0
    assert policy_of(copy).envelope.version == 2
    update(copy, rules=None)
    assert read(copy) == dict(FILES)


def test_a_copy_with_room_enough_moves_nothing(file: Path) -> None:
    copy = file.with_name("copy")
    update(file, rules=FROZEN, output=copy)
    assert front_of(copy.read_bytes()).length == front_of(file.read_bytes()).length


# --- who may, and from what -------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [[], [STRANGER], [OWNER, STRANGER], [SIGNER]])
def test_a_key_that_the_container_does_not_name_changes_nothing(file: Path, keys: list[Any]) -> None:
    file.write_bytes(sealed(signers=[SIGNER]))
    before = file.read_bytes()
    refused("bad_input", lambda: update_policy(file, keys, in_place=True, config=config()))
    assert file.read_bytes() == before


def test_a_policy_that_is_not_authentic_is_followed_by_none(file: Path) -> None:
    data = file.read_bytes()
    front, signed = front_of(data), policy_of(data)
    assert front.policy is not None
    other = policy_of(sealed())
    stripped = type(signed)(signed.envelope, signed.packed, ())
    cases = {
        "policy_unsigned": pack_policy(stripped, len(front.policy)),
        "policy_signer": pack_policy(sign_envelope(signed.envelope, [STRANGER])),
        "policy_signature": pack_policy(type(signed)(signed.envelope, other.packed, signed.signatures)),
        "policy_swapped": pack_policy(other, len(front.policy)),
        "bad_policy": bytes(4) + front.policy[4:],
    }
    for code, body in cases.items():
        file.write_bytes(with_policy(data, body))
        with pytest.raises(TeraError) as caught:
            update(file)
        assert caught.value.code in (code, "not_canonical"), code
        assert file.read_bytes() == with_policy(data, body)
        assert list(file.parent.iterdir()) == [file]


def test_rules_that_no_reader_would_take_are_refused(file: Path) -> None:
    before = file.read_bytes()
    bad: list[Any] = [
        [],
        [["nonsense", 1]],
        [["opens", -1]],
        [["opens", 1], ["opens", 2]],
        [["require_signature", True]],
    ]
    for rules in bad:
        refused("bad_input", partial(update, file, rules=rules))
    refused("bad_input", lambda: update(file, valid_for=0))
    refused("bad_input", lambda: update(file, valid_for=limits.TIME_MAX))
    assert file.read_bytes() == before


def test_a_signed_container_may_ask_for_its_signature(file: Path) -> None:
    file.write_bytes(sealed(signers=[SIGNER]))
    update(file, rules=[["require_signature", True]])
    refused("rule_denied", lambda: read(file))


@pytest.mark.parametrize("options", [{}, {"rules": DENIED}, {"rules": DENIED, "sealed_rules": True}])
def test_rules_that_cannot_change_are_not_changed(file: Path, options: dict[str, Any]) -> None:
    file.write_bytes(seal(**options))
    refused("bad_input", lambda: update(file))


def test_a_truncated_container_gets_no_new_policy(file: Path) -> None:
    data = file.read_bytes()[:-1]
    file.write_bytes(data)
    refused("truncated", lambda: update(file))
    refused("truncated", lambda: update(file, output=file.with_name("copy")))
    assert (file.read_bytes(), list(file.parent.iterdir())) == (data, [file])


# --- one after the other ----------------------------------------------------------------------------


def meanwhile(file: Path, event: Callable[[], object]) -> str:
    """Freeze the file while `event` comes between reading and writing; return the refusal's code."""

    def clock() -> float:  # asked when the old version has been read
        event()
        return NOW + 10

    with pytest.raises(TeraError) as caught:
        update_policy(file, [OWNER], rules=FROZEN, in_place=True, config=Config(clock=clock))
    return caught.value.code


def test_of_two_changes_at_once_the_second_fails(file: Path) -> None:
    assert meanwhile(file, lambda: update(file, DEPUTY, rules=None)) == "input_changed"
    assert (policy_of(file).envelope.rules, policy_of(file).envelope.version) == (None, 2)
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_is_replaced_meanwhile_is_not_overwritten(file: Path) -> None:
    other = sealed()

    def replace() -> None:
        file.with_name("new").write_bytes(other)
        file.with_name("new").replace(file)

    assert meanwhile(file, replace) == "input_changed"
    assert (file.read_bytes(), list(file.parent.iterdir())) == (other, [file])


def test_a_change_under_way_stops_another(file: Path) -> None:
    """Its backup is there: it is nobody else's to write over, or to remove."""
    before, beside = file.read_bytes(), Path(POLICY.path(str(file)))
    assert meanwhile(file, lambda: beside.write_bytes(b"theirs")) == "interrupted_rewrap"
    assert (beside.read_bytes(), file.read_bytes()) == (b"theirs", before)


def test_an_old_copy_is_not_taken_for_the_newest_one(file: Path) -> None:
    """What is made from it would be refused by everybody who has seen the newest."""
    old = file.read_bytes()
    state = MemoryReaderState()
    found = update(file, rules=None, state=state)
    state.raise_marks(found.marks)
    update(file, DEPUTY, rules=None, state=state)  # the other one: a mark is of each signer
    file.write_bytes(old)
    error = refused("policy_rollback", lambda: update(file, rules=FROZEN, state=state))
    assert "--lost" in str(error.hint)
    refused("policy_rollback", lambda: update(file, DEPUTY, rules=FROZEN, state=state))
    assert file.read_bytes() == old


def test_marks_are_of_those_who_signed_and_not_written(file: Path) -> None:
    state = MemoryReaderState()
    found = update(file, OWNER, DEPUTY, state=state)
    signed = policy_of(file)
    keys = [MarkKey("policy", signer_name(key.public), signed.envelope.policy_id) for key in (OWNER, DEPUTY)]
    assert found.marks == dict.fromkeys(keys, Mark(2, signed.hash))
    assert [state.get(key) for key in keys] == [None, None]


def test_a_version_that_is_lost_is_passed_over_and_readers_who_have_seen_it_go_on(file: Path) -> None:
    old = file.read_bytes()
    owner, reader = MemoryReaderState(), MemoryReaderState()
    for _ in range(3):
        owner.raise_marks(update(file, rules=None, state=owner).marks)
    assert read(file, state=reader) == dict(FILES)
    file.write_bytes(old)
    refused("policy_rollback", lambda: update(file, rules=None, state=owner))
    owner.raise_marks(update(file, rules=None, state=owner, lost=True).marks)
    assert policy_of(file).envelope.version == 6
    assert read(file, state=reader) == dict(FILES)
    update(file, rules=None, state=owner)
    assert read(file, state=reader) == dict(FILES)


# --- others, and links ------------------------------------------------------------------------------


def test_a_policy_and_recipients_change_one_after_the_other(file: Path) -> None:
    update(file, rules=None)
    rewrap(file, [KEK], add=[OTHER_KEK], in_place=True, config=config(NOW + 20, MemoryReaderState()))
    update(file, rules=None)
    assert read(file) == dict(FILES)
    assert len(front_of(file.read_bytes()).stanzas) == 2


def test_a_file_with_several_links_is_not_changed_in_place(file: Path) -> None:
    os.link(file, file.with_name("other"))
    before = file.read_bytes()
    refused("bad_input", lambda: update(file))
    assert file.read_bytes() == before
    assert not Path(POLICY.path(str(file))).exists()


def test_a_change_goes_to_one_place_and_not_onto_the_file_itself(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    refused("bad_input", lambda: update_policy(file, [OWNER], config=config()))
    refused("bad_input", lambda: update(file, output=file.with_name("x"), in_place=True))
    for output in (file, link):
        refused("bad_input", partial(update, file, output=output, force=True))


def test_a_copy_that_is_there_is_kept_unless_forced(file: Path) -> None:
    copy = file.with_name("copy")
    copy.write_bytes(b"mine")
    refused("output_exists", lambda: update(file, output=copy))
    assert copy.read_bytes() == b"mine"
    update(file, output=copy, force=True)
    assert policy_of(copy).envelope.version == 2
