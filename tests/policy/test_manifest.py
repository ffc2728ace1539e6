"""Rules from a manifest: what is meant comes out in one form, and a typing error is refused when sealing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import BadInput
from tera.format.core import Core, StaticRules, parse_core
from tera.format.rules import parse_rules
from tera.policy.manifest import VOCABULARY, rules_from_manifest

EXAMPLES: dict[str, Any] = {
    "device": {"allow": ["00" * 32]},
    "downloadable": False,
    "entry": {"*.pdf": {"opens": 1, "downloadable": False}},
    "first_open_for": 3600,
    "geo": {"allow": [{"country": "DE"}], "block": [{"continent": "AF", "city": "Köln"}]},
    "ip": {"allow": ["10.0.0.0/8", "::1"], "block": ["192.*.1.*"]},
    "obligations": [{"id": "watermark", "args": {"text": "for {viewer}"}}],
    "offline_for": 60,
    "opens": 0,
    "recipients": ["a@b.c", "*@b.c"],
    "require_fresh_blocklist": True,
    "require_signature": True,
    "rights": ["view", "print"],
    "time": {"start": "2030-01-01T00:00:00Z", "end": "2031-01-01T00:00:00Z"},
}


def manifest(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def test_every_rule_of_the_vocabulary_comes_out_as_no_reader_refuses_it() -> None:
    assert set(EXAMPLES) == set(VOCABULARY)
    found = rules_from_manifest(manifest({"drm": EXAMPLES}))
    assert found == [[name, EXAMPLES[name]] for name in sorted(EXAMPLES)]
    core = Core(bytes(16), 0, StaticRules(parse_rules(found, BadInput)))
    assert parse_core(core.pack()) == core


@pytest.mark.parametrize("place", [("container", "drm"), ("drm",), ("rules",)])
def test_rules_stand_in_one_of_three_places(place: tuple[str, ...]) -> None:
    value: Any = {"time": {"end": "2031-01-01T00:00:00Z"}, "opens": 3}
    for name in reversed(place):
        value = {"title": 1.5, name: value}
    assert rules_from_manifest(manifest(value)) == [["opens", 3], ["time", {"end": "2031-01-01T00:00:00Z"}]]


@pytest.mark.parametrize(
    "value", [{}, [], 1, "x", None, {"title": "x"}, {"container": {}}, {"container": [{"drm": 1}]}]
)
def test_a_manifest_without_rules_has_none(value: Any) -> None:
    assert rules_from_manifest(manifest(value)) is None


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
        rules_from_manifest(text)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"drm": {"open": 1}}, "unknown rule 'open'"),
        ({"drm": {"x" * 200: 1}}, "unknown rule 'x{64}'"),
        ({"drm": {}}, "drm is empty"),
        ({"drm": None}, "drm is not an object"),
        ({"rules": []}, "rules is not an object"),
        ({"container": {"drm": "none"}}, "container.drm is not an object"),
        ({"drm": {"opens": 1}, "rules": {"opens": 2}}, "rules twice, in drm and in rules"),
        ({"drm": {"opens": "3"}}, "drm.opens is not an integer"),
        ({"drm": {"opens": True}}, "drm.opens is not an integer"),
        ({"drm": {"opens": 1.0}}, "drm.opens is not an integer"),
        ({"drm": {"opens": -1}}, "drm.opens is negative"),
        ({"drm": {"downloadable": 1}}, "drm.downloadable is not true or false"),
        ({"drm": {"recipients": "a@b.c"}}, "drm.recipients is not a list"),
        ({"drm": {"recipients": []}}, "names nobody"),
        ({"drm": {"time": {"end": 1.5}}}, r"drm.time.end holds 1.5: rules have integers only"),
        ({"drm": {"geo": {"allow": [{"city": 0.5}]}}}, r"drm.geo.allow\[0\].city holds 0.5"),
        ({"drm": {"opens": 2**64}}, "over 64 bits"),
        ({"drm": {"ip": {"allow": [-(2**63) - 1]}}}, "over 64 bits"),
        ({"drm": {"ip": {"a": {"b": {"c": {"d": []}}}}}}, "nested too deeply"),
        ({"drm": {"entry": {"*": {}}}}, r"entry\.\* is not an object of rules"),
        ({"drm": {"entry": {"*": {"open": 1}}}}, "unknown rule 'open'"),
        ({"drm": {"entry": {"*": {"entry": {}}}}}, "entries of its own"),
    ],
)
def test_a_rule_that_nobody_could_keep_is_refused(value: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        rules_from_manifest(manifest(value))


@pytest.mark.parametrize(
    "text",
    [
        b'{"drm": {"opens": 1}, "drm": {"opens": 2}}',
        b'{"drm": {"opens": 1, "opens": 2}}',
        b'{"drm": {"time": {"end": "a", "end": "b"}}}',
        b'{"container": {"drm": {"opens": 1}}, "container": {}}',
        b'{"container": {"drm": {}, "drm": {"opens": 1}}}',
    ],
)
def test_a_name_that_comes_twice_among_rules_is_refused(text: bytes) -> None:
    with pytest.raises(BadInput, match="twice"):
        rules_from_manifest(text)


def test_a_name_that_comes_twice_elsewhere_is_the_users_own() -> None:
    assert rules_from_manifest(b'{"a": 1, "a": 2, "drm": {"opens": 1}}') == [["opens", 1]]


@pytest.mark.parametrize("text", [b'{"drm": {"time": {"end": "\\ud800"}}}', b'{"drm": {"time": {"\\udfff": 1}}}'])
def test_half_a_character_is_refused(text: bytes) -> None:
    with pytest.raises(BadInput, match="half a character"):
        rules_from_manifest(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*VOCABULARY, "x"]), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_rules_that_are_taken_can_be_sealed(value: Any) -> None:
    try:
        found = rules_from_manifest(json.dumps({"drm": value}).encode())
    except BadInput:
        return
    assert found
    Core(bytes(16), 0, StaticRules(parse_rules(found, BadInput))).pack()
