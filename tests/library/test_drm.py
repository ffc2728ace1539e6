"""Rules as a manifest would say them are read as the rules that they were made of."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings

from spec.vectors.rules.form import SUCCESS, load, meant
from tera.format.rules import Rule
from tera.library.drm import moment, shown
from tera.policy.authoring import author
from tera.policy.manifest import read_manifest
from tests.policy import drawn


def as_rules(pairs: list[list[Any]]) -> list[Rule]:
    return [Rule(name, value) for name, value in pairs]


def read_again(name: str, value: Any) -> Any:
    if name != "entry":
        return author(name, value, name)
    triples = [
        (glob, inner, author(inner, one, inner)) for glob, rules in value.items() for inner, one in rules.items()
    ]
    return [list(triple) for triple in sorted(triples, key=lambda triple: triple[:2])]


@settings(max_examples=150, deadline=None)
@given(drawn.rules())
def test_what_is_shown_is_read_as_what_it_was(rules: list[list[Any]]) -> None:
    rules = [[name, value] for name, value in rules if [name, value] != ["opens", 0]]
    found = json.loads(json.dumps(shown(as_rules(rules))))
    assert [[name, read_again(name, found[name])] for name, _ in rules] == rules


def test_what_manifests_became_is_written_as_a_manifest_and_read_again() -> None:
    count = 0
    for case in load("manifest"):
        rules = case["expect"].get("rules")
        if case["expect"]["result"] == SUCCESS and rules:
            packed = meant(rules)
            text = json.dumps({"drm": shown(as_rules(packed))}).encode()
            assert read_manifest(text).rules == packed, case["name"]
            count += 1
    assert count > 50


def test_rules_that_are_not_known_are_shown_as_they_stand() -> None:
    found = shown([Rule("moon", {"phase": [b"\1\2", 3]}), Rule("opens", 2)])
    assert found == {"moon": {"phase": ["0102", 3]}, "opens": 2}


def test_moments_are_written_with_four_digits_of_a_year() -> None:
    assert moment(0) == "1970-01-01T00:00:00Z"
    assert moment(253_402_300_799) == "9999-12-31T23:59:59Z"
