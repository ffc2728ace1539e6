"""Every vector of rules through tera and through the evaluator that was written from the text alone; and both beside
each other on rules, texts and callers that nobody thought of."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec import reference, reference_rules
from spec.vectors.rules.form import BAD_INPUT, REFUSED, SUCCESS, Case, load, meant, packed, unpacked
from spec.vectors.rules.generate import different, make
from tera.errors import BadCore, BadInput, TeraError
from tera.format.rules import Rule
from tera.format.rules import parse_rules as parse_shape
from tera.policy import evaluate
from tera.policy.context import Context
from tera.policy.manifest import read_manifest
from tera.policy.places import Place
from tera.policy.vocabulary import KINDS, NAMES, Rules, parse_rules
from tera.wire import canonical
from tests.policy import drawn
from tests.policy.test_addresses import texts as address_texts

PARSE, DECIDE, MANIFEST = (load(kind) for kind in ("parse", "decide", "manifest"))
TEXT = (Path(__file__).resolve().parents[2] / "spec" / "policy.md").read_text("utf-8")
CONTEXTS = int(os.environ.get("TERA_CONTEXTS", "10000"))
FOR_EACH = 50


def wrong(cases: list[Case], outcome: Any) -> dict[str, Any]:
    """Return what came instead of what each vector expects, by its name."""
    found = {case["name"]: outcome(case) for case in cases}
    return {case["name"]: found[case["name"]] for case in cases if found[case["name"]] != case["expect"]}


# --- the vectors themselves ---------------------------------------------------------------------------


def test_the_generator_makes_these_vectors() -> None:
    assert different(make()) == []


def test_a_vector_that_is_changed_is_noticed() -> None:
    made = make()
    made["parse"][0] |= {"expect": "other"}
    big = next(case for case in made["parse"] if "zlib" in case)
    big |= packed([["recipients", [f"{at:05}@b" for at in range(16_385)]]])
    made["decide"].pop()
    assert {name.split(" ")[0] for name in different(made)} == {"parse", "decide"}
    assert f"parse {big['name']}" in different(made)


def test_every_rule_is_taken_and_refused_and_allows_and_denies() -> None:
    for rule in NAMES:
        verdicts = Counter(case["expect"] for case in PARSE if case["name"].startswith(f"{rule}_"))
        assert verdicts[SUCCESS] >= 1, rule
        assert verdicts[REFUSED] >= 7, rule
    for rule in KINDS:
        verdicts = Counter(case["expect"]["denied_by"] for case in DECIDE if case["name"].startswith(rule))
        assert verdicts[None] >= 1, rule
        assert verdicts[rule] >= 1 or rule == "offline_for", rule
        assert f"entry.{rule}" in {case["expect"]["denied_by"] for case in DECIDE} or not KINDS[rule].in_entry
    refused = [case for case in MANIFEST if case["expect"]["result"] == BAD_INPUT]
    for rule in NAMES:
        assert any((case["expect"]["field"] or "").startswith(f"drm.{rule}") for case in refused), rule


@pytest.mark.parametrize("case", [case for case in PARSE if "msgpack" in case][::20], ids=lambda case: case["name"])
def test_json_and_msgpack_of_a_vector_are_one_value(case: Case) -> None:
    assert reference.pack(meant(case["rules"])).hex() == case["msgpack"]


# --- parse --------------------------------------------------------------------------------------------


def parsed_by_tera(value: Any) -> str:
    try:
        parse_rules(parse_shape(value, BadCore))
    except TeraError as error:
        return error.code
    return SUCCESS


def parsed_by_reference(value: Any) -> str:
    try:
        reference_rules.parse(value)
    except reference.Refused as error:
        return error.code
    return SUCCESS


def test_rules_are_taken_or_refused_as_the_vectors_say() -> None:
    def by_tera(case: Case) -> str:
        return parsed_by_tera(canonical.unpack(unpacked(case), what="rules", max_len=1 << 20))

    assert wrong(PARSE, by_tera) == {}


def test_the_reference_takes_or_refuses_rules_as_the_vectors_say() -> None:
    assert wrong(PARSE, lambda case: parsed_by_reference(reference.unpack(unpacked(case)))) == {}


# --- decide -------------------------------------------------------------------------------------------


def decided_by_tera(rules: Rules, context: Context, now: int) -> dict[str, Any]:
    found = evaluate.decide(rules, context, now)
    if not found.allowed:
        return {"denied_by": found.denied_by}
    return {
        "denied_by": None,
        "obligations": [[one.id, dict(one.args)] for one in found.obligations],
        "remaining": found.remaining,
        "until": found.until,
        "lease_until": found.lease_until,
    }


def decided_by_reference(rules: list[Any], context: reference_rules.Context, now: int) -> dict[str, Any]:
    found = reference_rules.decide(rules, context, now)
    if found.denied_by is not None:
        return {"denied_by": found.denied_by}
    return found._asdict() | {"obligations": [list(one) for one in found.obligations]}


def context_of_tera(known: dict[str, Any]) -> Context:
    names = {"address": "ip", "hardware": "macs", "obligations": "fulfilled"}
    values = {names.get(name, name): value for name, value in known.items()}
    for name in ("macs", "fulfilled"):
        values[name] = frozenset(values.get(name, ()))
    place = values.get("place", {})
    return Context(**values | {"place": Place(**place | {"subdivisions": tuple(place.get("subdivisions", ()))})})


def context_of_reference(known: dict[str, Any]) -> reference_rules.Context:
    return reference_rules.Context(**known | {"place": reference_rules.Place(**known.get("place", {}))})


def test_rules_decide_as_the_vectors_say() -> None:
    def by_tera(case: Case) -> dict[str, Any]:
        rules = parse_rules(parse_shape(meant(case["rules"]), BadCore))
        return decided_by_tera(rules, context_of_tera(meant(case["context"])), case["now"])

    assert wrong(DECIDE, by_tera) == {}


def test_the_reference_decides_as_the_vectors_say() -> None:
    def by_reference(case: Case) -> dict[str, Any]:
        rules = reference_rules.parse(meant(case["rules"]))
        return decided_by_reference(rules, context_of_reference(meant(case["context"])), case["now"])

    assert wrong(DECIDE, by_reference) == {}


# --- manifests ----------------------------------------------------------------------------------------


def test_manifests_are_read_or_refused_by_field_as_the_vectors_say() -> None:
    pytest.importorskip("pycountry", reason="needs pycountry")
    pytest.importorskip("countryinfo", reason="needs countryinfo")

    def by_tera(case: Case) -> dict[str, Any]:
        expected: dict[str, Any] = case["expect"]
        try:
            found = read_manifest(case["manifest"].encode(), owner=case["owner"])
        except BadInput as error:
            # The message is for people: it names the field, and says more.
            field = expected.get("field")
            named = field is None or re.search(rf"(^|[^\w.]){re.escape(field)}([^\w.]|\.?$)", str(error))
            return {"result": BAD_INPUT, "field": field if named else str(error)}
        return {
            "result": SUCCESS,
            "rules": None if found.rules is None else packed(found.rules)["rules"],
            "text": found.text.decode(),
            "password": found.password,
            "dynamic": found.dynamic,
        }

    assert wrong(MANIFEST, by_tera) == {}


def test_what_a_manifest_becomes_is_taken_by_the_reference() -> None:
    every = [meant(case["expect"]["rules"]) for case in MANIFEST if case["expect"].get("rules")]
    assert len(every) > 50
    assert {parsed_by_reference(rules) for rules in every} == {SUCCESS}


# --- both beside each other ---------------------------------------------------------------------------


def known_of(caller: dict[str, Any]) -> dict[str, Any]:
    """Return a drawn caller in the words of the vectors."""
    names = {"ip": "address", "macs": "hardware", "fulfilled": "obligations"}
    known = {names.get(name, name): value for name, value in caller.items()}
    known["place"] = known["place"] | {"subdivisions": list(known["place"]["subdivisions"])}
    return known | {name: sorted(known[name]) for name in ("hardware", "obligations")}


@settings(max_examples=300)
@given(drawn.rules(), drawn.callers, drawn.MOMENTS)
def test_tera_and_the_reference_decide_alike(found: list[Any], caller: dict[str, Any], now: int) -> None:
    rules = parse_rules([Rule(*pair) for pair in found])
    theirs = decided_by_reference(reference_rules.parse(found), context_of_reference(known_of(caller)), now)
    assert decided_by_tera(rules, drawn.context(caller), now) == theirs


@settings(max_examples=CONTEXTS // FOR_EACH)
@given(drawn.rules(), st.integers(0, 2**64 - 1))
def test_they_agree_on_many_random_contexts(found: list[Any], seed: int) -> None:
    rules, chance = parse_rules([Rule(*pair) for pair in found]), Random(seed)
    for _ in range(FOR_EACH):
        caller, now = drawn.caller_at_random(chance), chance.randint(drawn.NOW - 3, drawn.NOW + 3)
        theirs = decided_by_reference(found, context_of_reference(known_of(caller)), now)
        assert decided_by_tera(rules, drawn.context(caller), now) == theirs, (caller, now)


def mended(text: str, chance: Random) -> str:
    """Return a text with one character less, more or other."""
    at, other = chance.randrange(len(text) + 1), chance.choice("*?\\/.-:@%0f1aABZ ä\u0308ẞ\n")
    return text[:at] + chance.choice(("", other)) + text[at + chance.randrange(2) :]


PLACES = (*drawn.PLACES, "/US/CA/new york", "///πάτρασ", "NA///")
PEOPLE = (*drawn.RECIPIENTS, "a.b-c@x-y.b.c", "o'neil@xn--strae-oqa.de")
WRITTEN = (*drawn.SETS, "::/79", "::ffff:0:0", "::fffe:0:0/::ffff:0:0", "10.0.0.0/255.0.0.0", "::1:0:0:0-::2:0:0:0")


def rules_of(text: str) -> list[list[Any]]:
    """Return rules that each hold the text, as what it may be."""
    return [
        ["geo", {"allow": [text]}],
        ["ip", {"block": [text]}],
        ["mac", {"allow": [text]}],
        ["recipients", [text]],
        ["entry", [[text, "downloadable", False]]],
    ]


@settings(max_examples=400)
@given(st.sampled_from((*PLACES, *PEOPLE, *WRITTEN, *drawn.PATTERNS, *drawn.MACS)) | address_texts(), st.integers(0, 9))
def test_they_take_and_refuse_the_same_texts(text: str, seed: int) -> None:
    chance = Random(f"{text} {seed}")
    for one in (text, *(mended(text, chance) for _ in range(8)), mended(mended(text, chance), chance)):
        for rule in rules_of(one):
            assert parsed_by_tera([rule]) == parsed_by_reference([rule]), rule


@settings(max_examples=300)
@given(address_texts() | st.sampled_from(WRITTEN), address_texts())
def test_they_find_the_same_addresses_in_a_set(text: str, near: str) -> None:
    rules: list[list[Any]] = [["ip", {"allow": [text]}]]
    if parsed_by_tera(rules) != SUCCESS:
        return
    for address in {*re.split("[-/]", text), *re.split("[-/]", near)}:
        if ("." not in address and ":" not in address) or "*" in address:
            continue
        theirs = decided_by_reference(rules, reference_rules.Context(address=address), 0)
        assert decided_by_tera(parse_rules([Rule(*rules[0])]), Context(ip=address), 0) == theirs


@settings(max_examples=300)
@given(st.text(st.sampled_from("ab*?\\/."), min_size=1, max_size=9), st.text(st.sampled_from("ab*?/"), max_size=9))
def test_they_match_the_same_paths(pattern: str, path: str) -> None:
    rules: list[list[Any]] = [["entry", [[pattern, "rights", ["view"]]]]]
    assert parsed_by_tera(rules) == parsed_by_reference(rules)
    if parsed_by_tera(rules) == SUCCESS:
        theirs = decided_by_reference(rules, reference_rules.Context("copy", path=path), 0)
        assert decided_by_tera(parse_rules([Rule(*rules[0])]), Context("copy", path=path), 0) == theirs


FOREIGN: tuple[Any, ...] = (
    None,
    True,
    0,
    1,
    -1,
    2**63,
    "",
    "x",
    b"",
    bytes(32),
    [],
    [[]],
    {},
    {"allow": []},
    {"end": 0},
)


@settings(max_examples=300)
@given(drawn.rules(3), st.integers(0, 2**32))
def test_they_take_and_refuse_the_same_values(found: list[Any], seed: int) -> None:
    edited = reference.unpack(reference.pack(found))
    edit(edited, Random(seed))
    assert parsed_by_tera(edited) == parsed_by_reference(edited)


def edit(value: Any, chance: Random) -> None:
    """Change one thing somewhere below a list or a map."""
    keys = [*value] if isinstance(value, dict) else [*range(len(value))]
    if not keys:
        return
    key = chance.choice(keys)
    if isinstance(value[key], list | dict) and value[key] and chance.random() < 0.75:
        edit(value[key], chance)
    elif isinstance(value, list) and chance.random() < 0.5:
        value.insert(chance.randrange(len(value) + 1), chance.choice((value[key], *FOREIGN)))
    elif isinstance(value, list) and chance.random() < 0.3:
        value.reverse()
    elif chance.random() < 0.3:
        del value[key]
    else:
        value[key] = chance.choice(FOREIGN)


# --- the text's table ---------------------------------------------------------------------------------


def test_the_reference_has_the_rules_of_the_texts_table_and_their_entry_column() -> None:
    section = TEXT.split("\n## Rules\n")[1].split("\n## ")[0]
    rows = [re.split(r" *\| *", line.strip("| ")) for line in section.splitlines() if line.startswith("| `")]
    named = {row[0].strip("`"): row for row in rows}
    assert [*named] == sorted(reference_rules.FORMS) == sorted(NAMES)
    for name, row in named.items():
        inside = len(row) > 4 and row[4] == "yes"
        assert inside == (name in reference_rules.IN_ENTRY)
        assert name == "entry" or (row[3] == "yes", inside) == (KINDS[name].enforceable, KINDS[name].in_entry)
