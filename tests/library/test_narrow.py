"""What a service adds to rules that cannot change lets nobody in whom they keep out."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tera.errors import BadInput
from tera.format.rules import Rule
from tera.library.narrow import narrowed
from tera.policy.evaluate import decide
from tera.policy.vocabulary import parse_rules
from tests.policy import drawn

CALLERS = [drawn.context(drawn.caller_at_random(chance)) for chance in [Random(7)] for _ in range(120)]


def as_rules(pairs: list[list[Any]]) -> list[Rule]:
    return [Rule(name, value) for name, value in pairs]


@settings(max_examples=150, deadline=None)
@given(drawn.rules(), drawn.rules())
def test_who_passes_the_narrowed_rules_passes_the_own_ones(own: list[list[Any]], asked: list[list[Any]]) -> None:
    try:
        found = parse_rules(narrowed(as_rules(own), as_rules(asked)))
    except BadInput:
        return
    before, wanted = parse_rules(as_rules(own)), parse_rules(as_rules(asked))
    for caller in CALLERS:
        if decide(found, caller, drawn.NOW).allowed:
            assert decide(before, caller, drawn.NOW).allowed
            assert decide(wanted, caller, drawn.NOW).allowed


@settings(max_examples=50, deadline=None)
@given(drawn.rules())
def test_the_same_rules_are_within_themselves(own: list[list[Any]]) -> None:
    assert list(narrowed(as_rules(own), as_rules(own))) == as_rules(own)
    assert list(narrowed(as_rules(own), [])) == as_rules(own)


@pytest.mark.parametrize(
    ("name", "outer", "inner"),
    [
        ("recipients", ["*@b.c"], ["a@b.c"]),
        ("recipients", ["*@*"], ["*@b.c"]),
        ("time", {"end": 20}, {"end": 10, "start": 5}),
        ("opens", 3, 2),
        ("first_open_for", 3, 2),
        ("offline_for", 3, 3),
        ("ip", {"allow": ["10.0.0.0/8"]}, {"allow": ["10.1.0.0/16"], "block": ["10.1.2.3"]}),
        ("ip", {"block": ["10.1.2.3"]}, {"block": ["10.0.0.0/8"]}),
        ("geo", {"allow": ["/DE//"]}, {"allow": ["/DE/BY/"]}),
        ("device", {"allow": [b"\1" * 32, b"\2" * 32]}, {"allow": [b"\1" * 32]}),
        ("mac", {"allow": ["00:00:00:00:00:01", "00:00:00:00:00:02"]}, {"allow": ["00:00:00:00:00:02"]}),
        ("downloadable", True, False),
        ("rights", ["print", "view"], ["view"]),
        ("obligations", {"a": {}}, {"a": {}, "b": {}}),
        ("require_fresh_blocklist", True, 10),
        ("entry", [["a", "time", {"end": 20}]], [["a", "time", {"end": 10}], ["b", "downloadable", False]]),
    ],
)
def test_a_narrower_rule_is_taken_and_a_wider_one_refused_by_its_name(name: str, outer: Any, inner: Any) -> None:
    taken = narrowed([Rule(name, outer)], [Rule(name, inner)])
    assert taken == (Rule(name, inner),)
    if inner == outer:
        return
    with pytest.raises(BadInput, match=f"drm.{name}"):
        narrowed([Rule(name, inner)], [Rule(name, outer)])


def test_an_entry_that_is_not_asked_for_stays() -> None:
    own = [["a", "downloadable", False], ["b", "downloadable", False]]
    found = narrowed([Rule("entry", own)], [Rule("entry", [["b", "rights", ["view"]]])])
    assert found == (Rule("entry", [*own, ["b", "rights", ["view"]]]),)


@given(st.sampled_from(["recipients", "opens"]))
def test_a_rule_that_was_not_there_is_added(name: str) -> None:
    value: Any = {"recipients": ["a@b.c"], "opens": 1}[name]
    assert narrowed([Rule("time", {"end": 5})], [Rule(name, value)])[:1] == (Rule(name, value),)
