"""tera policy show, and what readers refuse: a policy that does not hold is named, and shown all the same."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tera.policy.envelope import SignedEnvelope, pack_policy, sign_envelope
from tests.cli.owners import (
    DAY,
    DEPUTY,
    HELLO,
    IN_PLACE,
    OTHER,
    OWNER,
    cat,
    fingerprint,
    own_machine,
    refused,
    seal,
    shown,
)
from tests.cli.runs import Room, Tera
from tests.codec.repolicies import policy_of, policy_section, with_policy
from tests.codec.sealed import front_of


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_machine(tmp_path, monkeypatch)


@pytest.fixture
def file(room: Room, tmp_path: Path) -> Path:
    return seal(str(tmp_path / "c.tera"), room.key_pub, owners=[OWNER, DEPUTY])


def test_an_old_copy_is_refused_by_who_has_opened_the_newest(tera: Tera, room: Room, file: Path) -> None:
    shutil.copy(file, "old")
    assert cat(tera, room, "old").out == HELLO
    assert tera("policy", "update", file, *IN_PLACE, "--no-rules").code == 0
    assert cat(tera, room, file).out == HELLO
    refused(cat(tera, room, "old"), 15, "the policy has version 1, but version 2 has been seen")
    found = tera("policy", "show", "old", "--json")
    assert (found.code, json.loads(found.out)["error"]["code"]) == (15, "policy_rollback")


def test_a_reader_whose_state_is_lost_refuses_to_open(
    tera: Tera, room: Room, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERA_STATE", str(file))
    refused(cat(tera, room, file), 4, "TERA_STATE names another folder")


def test_a_policy_that_was_held_back_expires(tera: Tera, room: Room) -> None:
    file = seal("c.tera", room.key_pub, age=90 * DAY + 10)
    refused(cat(tera, room, file), 15, "the policy expired")
    found = tera("policy", "show", file)
    assert found.code == 15
    assert "no: policy_expired" in found.text
    assert "downloadable = true" in found.text  # shown all the same
    assert shown(tera, file)["error"]["code"] == "policy_expired"
    assert seal("d.tera", room.key_pub, age=90 * DAY - 100).exists()
    assert cat(tera, room, "d.tera").out == HELLO


def forged(file: Path, other: Path) -> dict[str, tuple[SignedEnvelope, str]]:
    """Return for each attack on a policy what it puts there, and what is said of it."""
    signed = policy_of(file)
    first = signed.signatures[0]
    broken = replace(first, signature=bytes((first.signature[0] ^ 1,)) + first.signature[1:])
    eased = replace(signed.envelope, rules=None)
    return {
        "policy_unsigned": (replace(signed, signatures=()), "the policy is not signed"),
        "policy_signer": (sign_envelope(eased, [OTHER]), "by anybody whom the container names"),
        "policy_signature": (replace(signed, signatures=(broken, *signed.signatures[1:])), "does not verify"),
        "policy_swapped": (policy_of(other), "another"),
    }


@pytest.mark.parametrize("code", ["policy_unsigned", "policy_signer", "policy_signature", "policy_swapped"])
def test_a_policy_that_is_not_the_owners_is_refused_by_its_name(tera: Tera, room: Room, file: Path, code: str) -> None:
    other = seal("other.tera", room.key_pub, owners=[OWNER, DEPUTY], rules=None)
    envelope, words = forged(file, other)[code]
    front = front_of(file.read_bytes())
    assert front.policy is not None
    file.write_bytes(with_policy(file.read_bytes(), pack_policy(envelope, len(front.policy))))
    refused(cat(tera, room, file), 13, words)
    answer = tera("policy", "show", file, "--json")
    found = json.loads(answer.out)
    refused(answer, 13, words)
    assert (found["holds"], found["error"]["code"], found["verified"]) == (False, code, False)
    before = file.read_bytes()
    refused(tera("policy", "update", file, *IN_PLACE), 13, words)
    assert file.read_bytes() == before


def test_signatures_that_were_broken_are_told_from_those_that_verify(tera: Tera, room: Room, file: Path) -> None:
    envelope, _ = forged(file, file)["policy_signature"]
    front = front_of(file.read_bytes())
    assert front.policy is not None
    file.write_bytes(with_policy(file.read_bytes(), pack_policy(envelope, len(front.policy))))
    found = [(one["named"], one["verified"]) for one in shown(tera, file)["signers"]]
    assert found == [(True, False), (True, True)]
    assert "the signature does not verify" in tera("policy", "show", file).text


def test_a_policy_that_cannot_be_read_is_refused(tera: Tera, file: Path) -> None:
    data = file.read_bytes()
    start, section = policy_section(data)
    for place in (9, 13, len(section) - 1):
        file.write_bytes(data[: start + place] + b"\xc1" + data[start + place + 1 :])
        refused(tera("policy", "show", file), 13, "POLICY")


def test_what_a_policy_says_is_shown_without_a_key(tera: Tera, room: Room, file: Path) -> None:
    envelope = policy_of(file).envelope
    found = shown(tera, file)
    assert (found["version"], found["issued"], found["expires"]) == (1, envelope.issued, envelope.expires)
    assert (found["policy"], found["for_this_container_only"]) == (envelope.policy_id.hex(), True)
    assert found["rules"] == [{"name": "downloadable", "value": True, "enforcement": "advisory"}]
    assert (found["frozen"], found["holds"], found["error"], found["verified"]) == (False, True, None, False)
    assert {one["fingerprint"] for one in found["signers"]} == {fingerprint(OWNER), fingerprint(DEPUTY)}
    assert all((one["named"], one["verified"], one["pinned"]) == (True, True, False) for one in found["signers"])
    text = tera("policy", "show", file).text
    assert f"{fingerprint(OWNER)}  (the container names it; the signature verifies; if you trust this key" in text
    assert "(unverified)" in text
    piped = tera("policy", "show", "-", "--json", stdin=file.read_bytes())
    assert json.loads(piped.out) == {**found, "file": "-"}


def test_looking_makes_no_state(tera: Tera, file: Path) -> None:
    assert tera("policy", "show", file).code == 0
    assert not file.parent.with_name(f"{file.parent.name}.state").exists()


def test_a_named_signer_of_policy_or_container_vouches_for_it(tera: Tera, room: Room) -> None:
    file = seal("c.tera", room.key_pub, owners=[OWNER, DEPUTY], signers=[OTHER])
    assert shown(tera, file, "--signer", "owner.pub")["verified"]
    assert shown(tera, file, "--signer", fingerprint(OTHER))["verified"]
    assert "(signed)" in tera("policy", "show", file, "--signer", "owner.pub").text
    refused(tera("policy", "show", file, "--signer", room.signer_pub), 13, "whom you asked for")
    tera("policy", "update", file, *IN_PLACE)
    refused(tera("policy", "show", file, "--signer", "deputy.pub"), 13, "whom you asked for")
    text = tera("policy", "show", file).text
    assert f"may sign    {fingerprint(DEPUTY)}  (the container names it; it has not signed this version)" in text
