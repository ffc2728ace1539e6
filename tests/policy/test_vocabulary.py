"""The vocabulary: one form of each value, everything else is refused; and what each rule is worth."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import UnsupportedRule
from tera.format.core import Core, StaticRules, parse_core
from tera.format.rules import Rule, rules_value
from tera.policy.checks import ITEMS, OBLIGATIONS, TEXT_BYTES
from tera.policy.context import ACTIONS
from tera.policy.vocabulary import ENTRY_NAMES, KINDS, NAMES, label, parse_rules
from tera.wire import canonical
from tests.policy import drawn

TEXT = Path(__file__).resolve().parents[2] / "spec" / "policy.md"

BAD: dict[str, list[Any]] = {
    "device": [
        *(None, [], {}, {"allow": []}, {"block": [bytes(32)]}, {"allow": [bytes(31)]}, {"allow": ["0" * 64]}),
        *({"allow": [b"\2" * 32, b"\1" * 32]}, {"allow": [bytes(32), bytes(32)]}, {"allow": [bytes(32)], "mac": []}),
    ],
    "downloadable": [None, 0, 1, "true", [], {}],
    "entry": [
        *(None, {}, [], [[]], [["a", "rights"]], [["a", "rights", ["view"], 0]], {"a": {"rights": ["view"]}}),
        *([["a", "opens", 1]], [["a", "entry", []]], [["a", "unknown", 1]], [["a", 1, 1]], [["a", ["rights"], 1]]),
        *(
            [["", "rights", ["view"]]],
            [["a**", "rights", ["view"]]],
            [[b"a", "rights", ["view"]]],
            [["a", "rights", []]],
        ),
        [["b", "rights", ["view"]], ["a", "rights", ["view"]]],
        [["a", "rights", ["view"]], ["a", "rights", ["print"]]],
        [["a", "rights", ["view"]], ["a", "downloadable", True]],
    ],
    "first_open_for": [None, 0, -1, True, 1.5, "1", 253_402_300_800],
    "geo": [
        *(
            None,
            [],
            {},
            {"allow": []},
            {"block": []},
            {"allow": ["DE"]},
            {"allow": [{"country": "DE"}]},
            {"deny": ["/DE//"]},
        ),
        *({"allow": ["/DE//", "/AT//"]}, {"allow": ["/DE//", "/DE//"]}, {"allow": ["EU/DE//"]}, {"allow": "/DE//"}),
    ],
    "ip": [
        *(None, [], {}, {"allow": []}, {"block": []}, {"allow": ["10.0.0.1/32"]}, {"allow": ["::ffff:10.0.0.1"]}),
        *({"allow": ["10.0.0.2", "10.0.0.1"]}, {"allow": ["10.*.*.*"]}, {"allow": ["10.0.0.1/8"]}, {"allow": [1]}),
        *({"allow": ["10.0.0.0-10.0.0.255"]}, {"block": ["2001:DB8::1"]}, {"allow": ["x" * 2_000]}),
    ],
    "mac": [
        None,
        {},
        {"allow": []},
        ["00:00:00:00:00:01"],
        {"allow": ["000000000001"]},
        {"allow": ["00:00:00:00:00:0A"]},
    ],
    "obligations": [
        *(
            None,
            [],
            {},
            ["watermark"],
            {"A": {}},
            {"": {}},
            {"a": None},
            {"a": []},
            {"a": {"B": 1}},
            {"a": {"b": None}},
        ),
        *({"a": {"b": [1]}}, {"a": {"b": {}}}, {"a": {"b": b"x"}}, {"a": {"b": "x" * (TEXT_BYTES + 1)}}, {"1a": {}}),
        {f"a{at}": {} for at in range(OBLIGATIONS + 1)},
        {"a": {f"a{at}": 1 for at in range(OBLIGATIONS + 1)}},
    ],
    "offline_for": [None, 0, True, "1"],
    "opens": [None, -1, True, "1", 2**32],
    "recipients": [
        *(
            None,
            [],
            {},
            "a@b.c",
            ["A@b.c"],
            ["a@ä.c"],
            ["a"],
            ["a@*"],
            ["b@b.c", "a@b.c"],
            ["a@b.c", "a@b.c"],
            [b"a@b.c"],
        ),
        [f"a{at:05}@b.c" for at in range(ITEMS + 1)],
    ],
    "require_fresh_blocklist": [None, False, 0, -1, "x"],
    "require_signature": [None, False, 1, [bytes(32)]],
    "rights": [None, [], ["steal"], ["view", "print"], ["view", "view"], {"view": True}, "view"],
    "time": [
        *(None, [], {}, {"end": 0}, {"start": 5, "end": 5}, {"start": 6, "end": 5}, {"start": -1}, {"end": "2030"}),
        *({"start": True}, {"end": 253_402_300_800}, {"end": 5, "begin": 1}, {"start": None}),
    ],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_value_in_any_other_form_is_refused_and_named_and_not_repeated(name: str, value: Any) -> None:
    with pytest.raises(UnsupportedRule) as caught:
        parse_rules([Rule(name, value)])
    assert f"the rule {name!r} does not have its one form" in str(caught.value)
    assert "a@" not in str(caught.value)


def test_every_rule_has_refusals() -> None:
    assert set(BAD) == set(NAMES)
    assert all(len(values) > 3 for values in BAD.values())


@pytest.mark.parametrize("name", ["unknown", "recipient", "Opens", "Entry", "password", "dynamic"])
def test_a_rule_that_is_not_known_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedRule, match=f"a rule {name!r}, which is not known"):
        parse_rules([Rule("opens", 1), Rule(name, True)])


@given(drawn.rules(6))
def test_what_is_taken_stands_in_core_and_comes_back_as_it_was(found: list[list[Any]]) -> None:
    core = Core(bytes(16), 0, StaticRules(tuple(Rule(*pair) for pair in found)))
    again = parse_core(core.pack())
    assert isinstance(again.rules, StaticRules)
    parsed = parse_rules(again.rules.rules)
    assert rules_value(parsed.source) == found
    assert parsed == parse_rules([Rule(*pair) for pair in found])
    assert parsed.names == tuple(name for name, _ in found)


FOREIGN: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**63,
    "",
    "x",
    "*",
    "a@b.c",
    b"",
    bytes(32),
    [],
    [[]],
    {},
    {"allow": []},
]


@given(st.data(), drawn.rules(1))
def test_a_value_near_a_good_one_is_refused_or_another_meaning(data: Any, found: list[list[Any]]) -> None:
    """What is taken packs to bytes that no other taken value packs to: there is no second spelling of one value."""
    [[name, value]] = found
    edited = edit(data, copy.deepcopy(value))
    try:
        parse_rules([Rule(name, edited)])
    except UnsupportedRule:
        return
    assert (edited == value) == (canonical.pack(edited) == canonical.pack(value))
    assert canonical.unpack(canonical.pack([[name, edited]]), what="rules", max_len=1 << 20) == [[name, edited]]


def edit(data: Any, value: Any) -> Any:
    """Change one thing at one place."""
    if isinstance(value, list) and value and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(value) - 1))
        how = data.draw(st.sampled_from(("into", "twice", "out", "turn")))
        if how == "into":
            value[at] = edit(data, value[at])
        elif how == "twice":
            value.insert(at, value[at])
        elif how == "out":
            del value[at]
        else:
            value.reverse()
        return value
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(value)))
        value[key] = edit(data, value[key])
        return value
    return data.draw(st.sampled_from(FOREIGN))


# --- what rules are worth ----------------------------------------------------------------------------


def test_the_table_of_the_text_is_that_of_the_code() -> None:
    section = TEXT.read_text("utf-8").split("\n## Rules\n")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")
    ]
    stated = {row[0].strip("`"): (row[3] == "yes", row[4] == "yes") for row in rows}
    entry = stated.pop("entry")
    assert entry == (False, False)
    assert stated == {name: (kind.enforceable, kind.in_entry) for name, kind in KINDS.items()}
    assert {name for name, (_, inside) in stated.items() if inside} == set(ENTRY_NAMES)
    rights = re.search(r"`rights` \| array of (.+?) \|", section)
    assert rights and tuple(re.findall(r"`(\w+)`", rights[1])) == ACTIONS


def test_without_an_authority_every_rule_is_advisory() -> None:
    assert {label(name, False) for name in NAMES} == {"advisory"}


def test_with_an_authority_the_rules_that_it_can_know_are_enforced() -> None:
    enforced = {name for name in NAMES if label(name, True) == "enforced"}
    assert enforced == set(NAMES) - {"downloadable", "entry", "mac", "obligations", "rights"}
    assert label("unknown", True) == "advisory"


def test_rules_for_single_files_are_bounded_together() -> None:
    """Every path is compared with every pattern: 2,000 of 130 bytes took 14 seconds for one byte."""
    fine = [[f"{number:04}", "rights", ["view"]] for number in range(1_024)]
    assert parse_rules([Rule("entry", fine)]).entries
    many = [*fine, ["9999", "rights", ["view"]]]
    long = [[f"{number:03}" + "a/" * 64 + "b", "rights", ["view"]] for number in range(600)]
    for value in (many, long):
        with pytest.raises(UnsupportedRule):
            parse_rules([Rule("entry", value)])
