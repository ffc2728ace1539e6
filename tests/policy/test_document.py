"""A manifest's JSON, where nothing is guessed about what counts."""

from __future__ import annotations

import json
from time import process_time

import pytest

from tera.errors import BadInput
from tera.policy.document import ABSENT, Object, at, check_near, check_plain, parse_json
from tera.policy.vocabulary import NAMES


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "not JSON: line 1"),
        (b"{", "not JSON: line 1"),
        (b"{} {}", "not JSON: line 1, column 4"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"\xff", "not UTF-8"),
        ('{"a": "ü"}'.encode("latin-1"), "not UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"[" * 100_000, "too deep"),
        (b"9" * 5_000, "a number too long"),
    ],
)
def test_what_is_not_json_is_refused(text: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        parse_json(text)


def test_a_name_that_came_twice_is_remembered() -> None:
    assert parse_json(b'{"a": 1, "b": 2, "a": 3, "c": 1, "c": 1}').twice == {"a", "c"}
    assert parse_json(b"{}").twice == frozenset()


def test_a_million_names_of_which_one_came_twice_take_no_time() -> None:
    text = json.dumps({str(number): 1 for number in range(100_000)}).encode().replace(b"{", b'{"7": 2, ')
    begun = process_time()
    assert parse_json(text).twice == {"7"}
    assert process_time() - begun < 3


def test_a_path_leads_to_a_value_or_nowhere() -> None:
    found = parse_json(b'{"a": {"b": 1}, "c": [1]}')
    assert at(found, ("a", "b")) == 1
    assert at(found, ()) is found
    assert [at(found, path) for path in (("x",), ("a", "x"), ("c", "b"), ("a", "b", "c"))] == [ABSENT] * 4


def test_a_path_over_a_name_that_came_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="top has 'a' twice"):
        at(parse_json(b'{"a": 1, "a": {"b": 1}}'), ("a", "b"))
    with pytest.raises(BadInput, match="a has 'b' twice"):
        at(parse_json(b'{"a": {"b": 1, "b": 2}}'), ("a", "b"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"a": [{"b": 1, "b": 2}]}', "twice"),
        (b'["\\ud800"]', "half a character"),
        (b'{"\\udfff": 1}', "half a character"),
        (b"[" * 9 + b"]" * 9, "nested too deeply"),
    ],
)
def test_what_no_rule_holds_is_refused_however_deep(text: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        check_plain(parse_json(text), "drm.x")


@pytest.mark.parametrize(
    "name",
    ["recipeints", "recipient", "recipents", "open", "times", "downloadble", "devices", "Recipients"[1:], "rigths"],
)
def test_a_name_one_slip_away_from_a_rule_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(BadInput, match="looks like a rule, and is none") as caught:
        check_near(name, name, NAMES)
    assert "did you mean" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "name", ["title", "type", "mime", "size", "name", "id", "i", "op", "date", "container_name", "", "x" * 99]
)
def test_other_names_are_the_users_own(name: str) -> None:
    check_near(name, name, NAMES)


def test_every_rule_with_a_letter_too_few_is_seen() -> None:
    seen = 0
    for name in NAMES:
        for place in range(len(name)) if len(name) > 3 else ():
            with pytest.raises(BadInput):
                check_near(name[:place] + name[place + 1 :], "x", NAMES)
            seen += 1
    assert seen > 80


def test_an_object_is_a_dict() -> None:
    assert parse_json(b'{"a": 1}') == {"a": 1} and isinstance(parse_json(b"{}"), Object)
