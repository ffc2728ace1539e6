"""The envelope in POLICY: one encoding, and no older, foreign, stripped, swapped or expired one passes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec import reference, reference_policy
from tera.crypto.signing import SigningKey
from tera.errors import TeraError
from tera.format import limits
from tera.format.core import Core, DynamicRules, NoRules, StaticRules
from tera.format.rules import Rule
from tera.format.signatures import pack_signatures, signer_name
from tera.policy.envelope import (
    FIRST,
    FROZEN,
    Envelope,
    SignedEnvelope,
    first_envelope,
    next_envelope,
    pack_policy,
    parse_policy,
    sign_envelope,
    verify_policy,
)
from tera.policy.marks import VERSION_MAX, Mark, MarkKey, raised
from tera.wire import canonical
from tests.format.hostile import bytes_near, one_encoding, refused, value_near

NOW = 1_800_000_000
KEYS = sorted((SigningKey(bytes((number,)) * 64) for number in range(3)), key=lambda key: signer_name(key.public))
NAMES = [signer_name(key.public) for key in KEYS]
PID, ID = b"p" * 16, b"c" * 16
RULES = (Rule("opens", 3), Rule("time", {"end": 5}))
CORE = Core(ID, 1, DynamicRules(PID, (NAMES[0],), 0))
FIRST_ONE = first_envelope(PID, RULES, now=NOW - 10, expires=NOW + 10, container_id=ID)
SIGNED = sign_envelope(FIRST_ONE, KEYS[:1])
BODY = pack_policy(SIGNED)
USED = 4 + len(SIGNED.packed) + 4 + len(pack_signatures(SIGNED.signatures))


def core(signers: tuple[int, ...] = (0,), floor: int = 0) -> Core:
    return replace(CORE, rules=DynamicRules(PID, tuple(NAMES[at] for at in signers), floor))


def signed(*signers: int, **changes: Any) -> SignedEnvelope:
    return sign_envelope(replace(FIRST_ONE, **changes), [KEYS[at] for at in signers or (0,)])


def key(signer: int = 0) -> MarkKey:
    return MarkKey("policy", NAMES[signer], PID)


# --- one encoding -------------------------------------------------------------------------------------

values: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=5)
rules = st.dictionaries(st.from_regex("[a-z][a-z0-9_]{0,9}", fullmatch=True), values, min_size=1, max_size=5)
times = st.lists(st.integers(0, limits.TIME_MAX), min_size=2, max_size=2, unique=True).map(sorted)
envelopes = st.builds(
    lambda version, times, previous, container_id, rules: Envelope(
        PID, version, times[0], times[1], FIRST if version == 1 else previous, container_id, rules
    ),
    st.just(1) | st.integers(1, VERSION_MAX),
    times,
    st.binary(min_size=32, max_size=32).filter(any),
    st.none() | st.binary(min_size=16, max_size=16),
    st.none() | rules.map(lambda found: tuple(Rule(name, found[name]) for name in sorted(found))),
)


@given(envelopes, st.integers(0, 3))
def test_a_policy_comes_back(envelope: Envelope, count: int) -> None:
    made = SignedEnvelope(envelope, envelope.pack(), sign_envelope(FIRST_ONE, KEYS).signatures[:count])
    for length in (None, len(pack_policy(made)) + 7):
        body = pack_policy(made, length)
        found = parse_policy(body)
        assert found == made
        assert pack_policy(found, len(body)) == body


@given(st.data())
@settings(max_examples=300)
def test_what_is_near_a_policy_is_refused_or_the_one_encoding(data: st.DataObject) -> None:
    value: Any = canonical.unpack(SIGNED.packed, what="envelope", max_len=1 << 16)
    packed = canonical.pack(data.draw(value_near(value)))
    listed = pack_signatures(SIGNED.signatures)
    changed = b"".join(len(part).to_bytes(4, "big") + part for part in (packed, listed))
    near = data.draw(bytes_near(BODY) | st.just(changed))

    def again(found: SignedEnvelope) -> bytes:
        assert found.envelope.pack() == found.packed
        return pack_policy(found, len(near))

    one_encoding(parse_policy, again, near)
    reader = reference_policy.Reader(ID, PID, [NAMES[0]], 0, NOW)
    verdicts = []
    for call, refusal in (
        (lambda: verify_policy(parse_policy(near), CORE, NOW, {}), TeraError),
        (lambda: reference_policy.read_envelope(near, reader), reference.Refused),
    ):
        try:
            call()
            verdicts.append("taken")
        except refusal as error:
            verdicts.append(error.code)
    assert verdicts[0] == verdicts[1]


def test_every_bit_of_a_policy_but_its_length_counts() -> None:
    places = [*range(300), *range(300, len(BODY), 7)]  # most of the rest is one public key and one signature
    for at in places:
        for bit in (at % 8,) if at >= 300 else range(0, 8, 2):
            changed = BODY[:at] + bytes((BODY[at] ^ 1 << bit,)) + BODY[at + 1 :]
            with pytest.raises(TeraError):
                verify_policy(parse_policy(changed), CORE, NOW, {})
    verify_policy(parse_policy(BODY[:-1]), CORE, NOW, {})  # the number of zeros at the end is free


@pytest.mark.parametrize(
    "changes",
    [
        *({"rules": ()}, {"version": 0}, {"version": VERSION_MAX + 1}, {"version": 2}, {"previous": b"\1" * 32}),
        *({"expires": NOW - 10}, {"expires": limits.TIME_MAX + 1}, {"issued": -1}, {"policy_id": b""}),
        *({"container_id": b""}, {"rules": (RULES[1], RULES[0])}, {"rules": (Rule("x", None),) * 2}),
    ],
)
def test_what_no_reader_takes_is_not_made(changes: dict[str, Any]) -> None:
    refused("bad_policy", replace(FIRST_ONE, **changes).pack)
    refused("bad_policy", signed, **changes)


# --- verifying ----------------------------------------------------------------------------------------


def test_a_policy_of_this_container_holds_and_gives_a_mark() -> None:
    found = verify_policy(SIGNED, CORE, NOW, {})
    assert (found.envelope, found.hash, found.signers) == (FIRST_ONE, SIGNED.hash, (NAMES[0],))
    assert found.marks == {key(): Mark(1, SIGNED.hash)}
    assert verify_policy(SIGNED, CORE, NOW, found.marks).marks == {}


def test_nothing_is_written_by_verifying() -> None:
    class Frozen(dict[MarkKey, Mark]):
        def __setitem__(self, *_: Any) -> None:
            raise AssertionError("the caller writes marks")

    verify_policy(SIGNED, CORE, NOW, Frozen())


def test_a_container_without_dynamic_rules_has_no_policy_to_verify() -> None:
    for place in (NoRules(), StaticRules(RULES)):
        with pytest.raises(ValueError, match="no dynamic rules"):
            verify_policy(SIGNED, replace(CORE, rules=place), NOW, {})


def test_a_stripped_policy_is_refused() -> None:
    refused("policy_unsigned", verify_policy, replace(SIGNED, signatures=()), CORE, NOW, {})


def test_a_policy_by_nobody_whom_core_names_is_refused() -> None:
    refused("policy_signer", verify_policy, signed(1), CORE, NOW, {})
    refused("policy_signer", verify_policy, signed(1, 2), CORE, NOW, {})
    # CORE's own signers and authorities are not its policy signers.
    other = replace(CORE, signers=(NAMES[1],), authorities=(NAMES[1],))
    refused("policy_signer", verify_policy, signed(1), other, NOW, {})


def test_a_signature_of_another_envelope_is_refused() -> None:
    other = signed(rules=None)
    refused("policy_signature", verify_policy, replace(other, signatures=SIGNED.signatures), CORE, NOW, {})
    both = signed(0, 1)
    verify_policy(both, CORE, NOW, {})  # a signer whom CORE does not name may sign too
    foreign = replace(both.signatures[1], signature=bytes(3_373))
    wrong = replace(both, signatures=(both.signatures[0], foreign))
    refused("policy_signature", verify_policy, wrong, CORE, NOW, {})


def test_a_swapped_policy_is_refused() -> None:
    for other in (signed(policy_id=b"q" * 16), signed(container_id=b"d" * 16)):
        refused("policy_swapped", verify_policy, other, CORE, NOW, {})
    refused("policy_swapped", verify_policy, SIGNED, replace(CORE, id=b"d" * 16), NOW, {})
    verify_policy(signed(container_id=None), replace(CORE, id=b"d" * 16), NOW, {})


def test_a_version_below_the_floor_is_refused() -> None:
    verify_policy(SIGNED, core(floor=1), NOW, {})
    refused("policy_rollback", verify_policy, SIGNED, core(floor=2), NOW, {})


def test_a_frozen_policy_is_refused_when_it_expires() -> None:
    verify_policy(SIGNED, CORE, NOW + 9, {})
    for late in (10, 11, 10**9):
        refused("policy_expired", verify_policy, SIGNED, CORE, NOW + late, {})


def test_a_policy_from_the_future_is_refused() -> None:
    verify_policy(SIGNED, CORE, NOW - 310, {})
    refused("clock_behind", verify_policy, SIGNED, CORE, NOW - 311, {})


def test_a_hostile_container_with_the_same_pid_moves_no_mark_of_the_honest_one() -> None:
    evil = sign_envelope(replace(FIRST_ONE, version=VERSION_MAX, previous=b"\1" * 32, container_id=None), [KEYS[2]])
    found = verify_policy(evil, core((2,)), NOW, {})
    assert set(found.marks) == {key(2)}
    verify_policy(SIGNED, CORE, NOW, found.marks)
    # Naming the honest signer as well does not help: that one has not signed.
    found = verify_policy(evil, core((0, 2)), NOW, {})
    assert set(found.marks) == {key(2)}
    verify_policy(SIGNED, CORE, NOW, found.marks)


def test_where_two_signers_take_turns_an_older_version_is_refused() -> None:
    both = core((0, 1))
    marks: dict[MarkKey, Mark] = {}
    history = [SIGNED]
    for turn in range(1, 5):
        envelope = next_envelope(history[-1], RULES, now=NOW, expires=NOW + 10)
        history.append(sign_envelope(envelope, [KEYS[turn % 2]]))
    for one in history:
        marks |= verify_policy(one, both, NOW, marks).marks
    for old in history[:-1]:
        refused("policy_rollback", verify_policy, old, both, NOW, marks)
    assert verify_policy(history[-1], both, NOW, marks).marks == {}


def test_another_history_is_refused_until_it_is_a_version_further() -> None:
    two = [sign_envelope(next_envelope(SIGNED, r, now=NOW, expires=NOW + 9), KEYS[:1]) for r in (None, FROZEN)]
    assert two[0].hash != two[1].hash
    seen = verify_policy(two[0], CORE, NOW, {}).marks
    refused("policy_rollback", verify_policy, two[1], CORE, NOW, seen)
    three = sign_envelope(next_envelope(two[1], None, now=NOW, expires=NOW + 9), KEYS[:1])
    refused("policy_rollback", verify_policy, three, CORE, NOW, seen)
    four = sign_envelope(next_envelope(three, None, now=NOW, expires=NOW + 9), KEYS[:1])
    verify_policy(four, CORE, NOW, seen)


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([NOW, NOW + 10])), max_size=8))
@settings(max_examples=50)
def test_versions_that_are_taken_never_go_down(order: list[tuple[int, int]]) -> None:
    chain = [SIGNED]
    for _ in range(3):
        chain.append(sign_envelope(next_envelope(chain[-1], RULES, now=NOW, expires=NOW + 20), KEYS[:1]))
    marks: dict[MarkKey, Mark] = {}
    highest = 0
    for version, now in order:
        try:
            new = verify_policy(chain[version - 1], CORE, now, marks).marks
        except TeraError as error:
            expected = "policy_rollback" if version < highest else "policy_expired"
            assert error.code == expected
            continue
        assert version >= highest
        highest = version
        marks |= {key: raised(marks.get(key), mark) for key, mark in new.items()}


def test_faults_are_named_in_the_order_of_the_text() -> None:
    """Of any two faults the one with the lower number is reported."""
    faults: list[tuple[str, dict[str, Any]]] = [
        ("policy_signer", {"signers": (1,)}),
        ("policy_swapped", {"policy_id": b"q" * 16}),
        ("policy_rollback", {"floor": 9}),
        ("clock_behind", {"issued": NOW + 5_000, "expires": NOW + 6_000}),
        ("policy_expired", {"expires": NOW - 9}),
    ]
    pairs = [(first, second) for first, second in product(faults, faults) if faults.index(first) < faults.index(second)]
    assert len(pairs) == 10
    for (code, one), (_, two) in pairs:
        both = {**two, **one}
        signers, floor = both.pop("signers", (0,)), both.pop("floor", 0)
        refused(code, verify_policy, signed(*signers, **both), core(floor=floor), NOW, {})
    refused("policy_unsigned", verify_policy, replace(signed(policy_id=b"q" * 16), signatures=()), CORE, NOW, {})


# --- writing ------------------------------------------------------------------------------------------


def test_the_next_version_continues_the_one_before() -> None:
    for shown in (RULES, None, FROZEN):
        made = next_envelope(SIGNED, shown, now=NOW, expires=NOW + 100)
        assert made == Envelope(PID, 2, NOW, NOW + 100, SIGNED.hash, ID, shown)
        marks = verify_policy(SIGNED, CORE, NOW, {}).marks
        assert verify_policy(sign_envelope(made, KEYS[:1]), CORE, NOW, marks).envelope.rules == shown


def test_a_version_above_a_lost_one_is_taken_by_everybody_who_has_seen_it() -> None:
    lost = [sign_envelope(next_envelope(SIGNED, None, now=NOW, expires=NOW + 9), KEYS[:1])]
    lost += [sign_envelope(next_envelope(lost[0], None, now=NOW, expires=NOW + 9), KEYS[:1])]
    made = sign_envelope(next_envelope(SIGNED, FROZEN, now=NOW, expires=NOW + 9, lost=3), KEYS[:1])
    assert (made.envelope.version, made.envelope.previous) == (5, SIGNED.hash)
    for seen in (SIGNED, *lost):
        marks = verify_policy(seen, CORE, NOW, {}).marks
        assert verify_policy(made, CORE, NOW, marks).envelope.rules == FROZEN
    refused("bad_input", next_envelope, SIGNED, None, now=NOW, expires=NOW + 9, lost=VERSION_MAX)


def test_a_next_version_that_no_reader_takes_is_refused() -> None:
    refused("clock_behind", next_envelope, SIGNED, None, now=NOW - 11, expires=NOW)
    for options in ({"now": NOW, "expires": NOW}, {"now": NOW, "expires": limits.TIME_MAX + 1}):
        refused("bad_input", next_envelope, SIGNED, None, **options)
    refused("bad_input", next_envelope, SIGNED, (), now=NOW, expires=NOW + 1)
    last = signed(version=VERSION_MAX, previous=b"\1" * 32)
    refused("bad_input", next_envelope, last, None, now=NOW, expires=NOW + 1)
    refused("bad_input", first_envelope, b"", None, now=NOW, expires=NOW + 1, container_id=None)
    huge = (Rule("x", [0] * 70_000),)
    refused("bad_input", first_envelope, PID, huge, now=NOW, expires=NOW + 1, container_id=None)


def test_signing_by_nobody_is_refused() -> None:
    refused("bad_input", sign_envelope, FIRST_ONE, [])


def test_a_policy_leaves_room_for_the_next_one() -> None:
    assert len(BODY) % 4_096 == 0
    assert 2_048 <= len(BODY) - USED < 2_048 + 4_096
    longer = sign_envelope(next_envelope(SIGNED, RULES, now=NOW, expires=NOW + 100), KEYS[:1])
    assert len(pack_policy(longer, len(BODY))) == len(BODY)


def test_a_policy_that_does_not_fit_is_refused() -> None:
    assert parse_policy(pack_policy(SIGNED, USED)) == SIGNED
    refused("limit_exceeded", pack_policy, SIGNED, USED - 1)
    refused("limit_exceeded", pack_policy, SIGNED, limits.POLICY + 1)
    near = signed(rules=(Rule("x", bytes(limits.POLICY - 6_000)),))
    assert len(pack_policy(near)) == limits.POLICY
    refused("limit_exceeded", pack_policy, signed(rules=(Rule("x", bytes(limits.POLICY - 300)),)))
