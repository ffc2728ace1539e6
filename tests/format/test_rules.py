"""Rules have one form: pairs, sorted by name, each name once, never none of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import BadCore, BadManifest, Malformed
from tera.format.rules import Rule, parse_rules, rules_value
from tests.format.hostile import refused, value_near

LETTERS = "abcdefghijklmnopqrstuvwxyz"
names = st.builds(
    lambda first, rest: first + rest, st.sampled_from(LETTERS), st.text(LETTERS + "0123456789_", max_size=63)
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=4) | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(names, values, min_size=1, max_size=5))
def test_rules_come_back(rules: dict[str, Any]) -> None:
    packed = [[name, rules[name]] for name in sorted(rules)]
    found = parse_rules(packed, BadCore)
    assert found == tuple(Rule(name, rules[name]) for name in sorted(rules))
    assert rules_value(found) == packed


@given(st.data())
def test_what_is_taken_serialises_to_the_same_value(data: st.DataObject) -> None:
    near = data.draw(value_near([["a", 1], ["geo", {"allow": ["DE"]}], ["opens", 3]]))
    try:
        found = parse_rules(near, BadCore)
    except Malformed as error:
        assert error.code == "bad_core"
    else:
        assert rules_value(found) == near


WRONG: dict[str, Any] = {
    "no array": {"opens": 1},
    "nil": None,
    "none of them": [],
    "twice the same": [["a", 1], ["a", 1]],
    "twice the same with other values": [["a", 1], ["a", 2]],
    "out of order": [["b", 1], ["a", 1]],
    "a name alone": ["a"],
    "one element": [["a"]],
    "three elements": [["a", 1, 2]],
    "a map": [{"a": 1}],
    "a name that is bin": [[b"a", 1]],
    "a name that is nil": [[None, 1]],
    "an empty name": [["", 1]],
    "a name of 65 bytes": [["a" * 65, 1]],
    "an upper-case letter": [["Opens", 1]],
    "an upper-case letter inside": [["oPens", 1]],
    "a digit first": [["1a", 1]],
    "an underscore first": [["_a", 1]],
    "a hyphen": [["a-b", 1]],
    "a space": [["a b", 1]],
    "a line end": [["a\n", 1]],
    "a letter that is not ASCII": [["é", 1]],
    "a digit that is not ASCII": [["a١", 1]],
}


@pytest.mark.parametrize("name", WRONG)
def test_another_form_is_refused_with_the_error_of_its_place(name: str) -> None:
    refused("bad_core", parse_rules, WRONG[name], BadCore)
    refused("bad_manifest", parse_rules, WRONG[name], BadManifest)


def test_rule_257_is_refused() -> None:
    most = [[f"r{number:03}", None] for number in range(256)]
    assert len(parse_rules(most, BadCore)) == 256
    refused("bad_core", parse_rules, [*most, ["s", None]], BadCore)


def test_a_name_has_up_to_64_bytes_of_its_alphabet() -> None:
    for name in ("a", "z9_", "a" * 64, "a" + "_" * 63):
        assert parse_rules([[name, None]], BadCore) == (Rule(name, None),)
    for code in range(256):
        name = "a" + chr(code)
        if chr(code) in LETTERS + "0123456789_":
            parse_rules([[name, None]], BadCore)
        else:
            refused("bad_core", parse_rules, [[name, None]], BadCore)
