"""A decision that knows no rule refuses every container that has one, wherever it stands and whatever it says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import Denied, UnsupportedRule
from tera.format.core import DynamicRules, NoRules, RulesPlace, SealedRules, StaticRules
from tera.format.rules import Rule
from tera.policy.decide import decide, decide_public
from tera.policy.vocabulary import NAMES

values: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers())
rules = st.builds(Rule, st.from_regex("[a-z][a-z0-9_]{0,63}", fullmatch=True), values)


@given(st.lists(rules, min_size=1, max_size=5))
def test_any_rule_is_refused(found: list[Rule]) -> None:
    with pytest.raises(UnsupportedRule) as caught:
        decide(found)
    assert isinstance(caught.value, Denied)
    assert repr(found[0].name) in str(caught.value)
    assert caught.value.hint
    with pytest.raises(UnsupportedRule):
        decide_public(StaticRules(tuple(found)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [None, True, False, 0, {}, []])
def test_a_rule_that_can_be_sealed_is_refused_even_where_it_seems_to_forbid_nothing(name: str, value: Any) -> None:
    with pytest.raises(UnsupportedRule):
        decide([Rule(name, value)])
    with pytest.raises(UnsupportedRule):
        decide((Rule(name, value), Rule("z", None)))


def test_a_container_without_rules_may_be_opened() -> None:
    decide([])
    decide(())
    decide_public(NoRules())


def test_sealed_rules_are_decided_when_they_have_been_read() -> None:
    decide_public(SealedRules())


def test_rules_that_can_change_are_refused_without_a_look_at_them() -> None:
    for place in (DynamicRules(bytes(16), (bytes(32),), 0), DynamicRules(bytes(16), (), 2**64 - 1)):
        with pytest.raises(UnsupportedRule):
            decide_public(place)


def test_every_place_of_rules_is_decided() -> None:
    places: dict[type, RulesPlace] = {
        NoRules: NoRules(),
        SealedRules: SealedRules(),
        StaticRules: StaticRules((Rule("opens", 3),)),
        DynamicRules: DynamicRules(bytes(16), (bytes(32),), 0),
    }
    assert set(places) == set(RulesPlace.__args__)
    refused = set()
    for kind, place in places.items():
        try:
            decide_public(place)
        except UnsupportedRule:
            refused.add(kind)
    assert refused == {StaticRules, DynamicRules}


def test_a_rules_value_is_not_repeated() -> None:
    """It may name people, or be long."""
    for decision in (decide, lambda found: decide_public(StaticRules(tuple(found)))):
        with pytest.raises(UnsupportedRule) as caught:
            decision([Rule("recipients", ["somebody@example.org"])])
        assert "somebody" not in f"{caught.value} {caught.value.hint}"
