"""Deciding: what the rules allow is what the text says they allow, and a denial names its rule and nothing else."""

from __future__ import annotations

import dataclasses
import os
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tera.errors import RuleDenied
from tera.format.rules import Rule
from tera.policy.checks import Obligation
from tera.policy.context import Context
from tera.policy.evaluate import Decision, decide, enforce
from tera.policy.vocabulary import NAMES, Rules, parse_rules
from tests.policy import drawn, naive

NOW = drawn.NOW
CONTEXTS = int(os.environ.get("TERA_CONTEXTS", "10000"))  # `make contexts` takes a million
FOR_EACH = 50


def rules(**values: Any) -> Rules:
    return parse_rules([Rule(name, values[name]) for name in sorted(values)])


@settings(max_examples=300)
@given(drawn.rules(), drawn.callers, drawn.MOMENTS)
def test_decide_and_a_naive_restatement_of_the_text_agree(found: list[list[Any]], caller: Any, now: int) -> None:
    decision = decide(parse_rules([Rule(*pair) for pair in found]), drawn.context(caller), now)
    assert decision.denied_by == naive.denied_by(found, caller, now)
    assert decision.allowed == (decision.denied_by is None)


@settings(max_examples=CONTEXTS // FOR_EACH)
@given(drawn.rules(), st.integers(0, 2**64 - 1))
def test_they_agree_on_many_random_contexts(found: list[list[Any]], seed: int) -> None:
    whole, chance = parse_rules([Rule(*pair) for pair in found]), Random(seed)
    for _ in range(FOR_EACH):
        caller, now = drawn.caller_at_random(chance), chance.randint(NOW - 3, NOW + 3)
        decision = decide(whole, drawn.context(caller), now)
        assert decision.denied_by == naive.denied_by(found, caller, now), (caller, now)


@settings(max_examples=200)
@given(st.data(), st.sampled_from(sorted(drawn.VALUES)), drawn.callers, drawn.MOMENTS)
def test_each_rule_alone_agrees_too(data: Any, name: str, caller: Any, now: int) -> None:
    value = data.draw(drawn.VALUES[name])
    assert decide(rules(**{name: value}), drawn.context(caller), now).allowed == naive.allows(name, value, caller, now)


def test_the_drawn_rules_are_all_rules_and_both_allow_and_deny() -> None:
    assert {*drawn.VALUES, "entry"} == set(NAMES)
    seen: set[tuple[str, bool]] = set()

    @settings(max_examples=100, database=None)
    @given(st.data(), drawn.callers)
    def look(data: Any, caller: Any) -> None:
        for name, values in drawn.VALUES.items():
            seen.add((name, naive.allows(name, data.draw(values), caller, NOW)))

    look()
    assert {(name, verdict) for name in drawn.VALUES for verdict in (True, False)} - seen == {("offline_for", False)}


def test_no_rules_allow_everything() -> None:
    assert decide(parse_rules([]), Context(), NOW) == Decision(True)


@pytest.mark.parametrize("name", sorted(drawn.VALUES.keys() - {"downloadable", "offline_for", "rights", "time"}))
def test_a_caller_of_whom_nothing_is_known_is_denied(name: str) -> None:
    @settings(max_examples=20, database=None)
    @given(drawn.VALUES[name])
    def look(value: Any) -> None:
        assert decide(rules(**{name: value}), Context(), NOW).denied_by == name

    look()


@given(drawn.rules(), drawn.callers, drawn.MOMENTS)
def test_the_order_of_names_decides_which_rule_is_named(found: list[list[Any]], caller: Any, now: int) -> None:
    decision = decide(parse_rules([Rule(*pair) for pair in found]), drawn.context(caller), now)
    denying = [name for name, value in found if name != "entry" and not naive.allows(name, value, caller, now)]
    if denying:
        assert decision.denied_by == denying[0]


@given(drawn.rules(), drawn.callers, drawn.MOMENTS)
def test_a_rule_of_single_files_never_allows_what_the_container_denies(found: Any, caller: Any, now: int) -> None:
    whole = parse_rules([Rule(*pair) for pair in found])
    alone = drawn.context(caller | {"path": None})
    if not decide(whole, alone, now).allowed:
        assert not decide(whole, drawn.context(caller), now).allowed


def test_a_rule_of_single_files_binds_its_files_only() -> None:
    found = rules(entry=[["a/**", "rights", ["view"]]])
    extract = Context(action="extract")
    assert decide(found, extract, NOW).allowed
    assert decide(found, dataclasses.replace(extract, path="b"), NOW).allowed
    assert decide(found, dataclasses.replace(extract, path="a/b"), NOW).denied_by == "entry.rights"
    assert decide(found, Context(path="a/b"), NOW).allowed


def test_block_wins_over_allow() -> None:
    found = rules(ip={"allow": ["10.0.0.0/8"], "block": ["10.0.0.1"]})
    assert decide(found, Context(ip="10.0.0.2"), NOW).allowed
    assert decide(found, Context(ip="10.0.0.1"), NOW).denied_by == "ip"
    assert decide(found, Context(ip="::ffff:10.0.0.1"), NOW).denied_by == "ip"


def test_a_window_is_half_open() -> None:
    found = rules(time={"start": 5, "end": 7})
    assert [now for now in range(10) if decide(found, Context(), now).allowed] == [5, 6]


def test_a_device_that_has_not_proven_its_key_is_denied() -> None:
    found = rules(device={"allow": [bytes(32)]})
    assert decide(found, Context(device=bytes(32), device_proven=True), NOW).allowed
    assert decide(found, Context(device=bytes(32)), NOW).denied_by == "device"
    assert decide(found, Context(device_proven=True), NOW).denied_by == "device"


def test_what_is_allowed_comes_with_what_is_left_of_it() -> None:
    found = rules(opens=3, time={"end": NOW + 50}, first_open_for=40, offline_for=30)
    first = decide(found, Context(opens=0), NOW)
    assert (first.remaining, first.until, first.lease_until) == (2, NOW + 40, NOW + 30)
    last = decide(found, Context(opens=2, first_open=NOW - 20), NOW)
    assert (last.remaining, last.until, last.lease_until) == (0, NOW + 20, NOW + 20)
    assert decide(found, Context(opens=3, first_open=NOW - 20), NOW).denied_by == "opens"
    assert decide(rules(offline_for=9), Context(), NOW) == Decision(True, lease_until=NOW + 9)


def test_a_clock_before_the_first_open_is_denied() -> None:
    found = rules(first_open_for=40)
    assert decide(found, Context(opens=1, first_open=NOW + 1), NOW).denied_by == "first_open_for"
    assert decide(found, Context(opens=1), NOW).denied_by == "first_open_for"
    assert decide(found, Context(), NOW).denied_by == "first_open_for"


@given(drawn.rules(), drawn.callers, drawn.MOMENTS)
def test_it_is_denied_from_until_on(found: list[list[Any]], caller: Any, now: int) -> None:
    whole, context = parse_rules([Rule(*pair) for pair in found]), drawn.context(caller | {"path": None})
    decision = decide(whole, context, now)
    if not decision.allowed:
        assert (decision.remaining, decision.until, decision.lease_until) == (None, None, None)
    elif decision.until is not None:
        opened = context if context.first_open is not None else dataclasses.replace(context, first_open=now)
        assert decide(whole, opened, decision.until - 1).allowed
        assert not decide(whole, opened, decision.until).allowed
        assert decision.lease_until is None or decision.lease_until <= decision.until


def test_all_obligations_are_told_also_to_those_who_declare_none() -> None:
    found = rules(entry=[["a", "obligations", {"notice": {}}]], obligations={"watermark": {"text": "x"}})
    both = (Obligation("watermark", {"text": "x"}), Obligation("notice", {}))
    assert decide(found, Context(path="a"), NOW) == Decision(False, "obligations", both)
    known = decide(found, Context(path="a", fulfilled=frozenset({"watermark"})), NOW)
    assert known == Decision(False, "entry.obligations", both)
    assert decide(found, Context(path="a", fulfilled=frozenset({"watermark", "notice"})), NOW) == Decision(
        True, None, both
    )
    assert decide(found, Context(fulfilled=frozenset({"watermark"})), NOW).obligations == both[:1]


def test_enforce_names_the_rule_and_no_value() -> None:
    found = rules(recipients=["secret.person@example.org"])
    with pytest.raises(RuleDenied, match="rule recipients denies") as caught:
        enforce(found, Context(viewer="a@b.c"), NOW)
    assert "secret" not in f"{caught.value} {caught.value.hint}"
    assert enforce(found, Context(viewer="Secret.Person@Example.org"), NOW).allowed


@given(drawn.rules(), drawn.callers, drawn.MOMENTS)
def test_enforce_raises_exactly_where_decide_denies_and_every_denial_has_a_reason(
    found: list[list[Any]], caller: Any, now: int
) -> None:
    whole, context = parse_rules([Rule(*pair) for pair in found]), drawn.context(caller)
    decision = decide(whole, context, now)
    if decision.allowed:
        assert decision.reason is None
        assert enforce(whole, context, now) == decision
    else:
        assert decision.reason
        with pytest.raises(RuleDenied, match=f"rule {decision.denied_by} denies"):
            enforce(whole, context, now)
