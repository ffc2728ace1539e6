"""Rules from a manifest: every one of them is found, in each dialect, or the manifest is refused when sealing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pycountry", reason="needs pycountry")
pytest.importorskip("countryinfo", reason="needs countryinfo")

from tera.errors import BadInput
from tera.format import rules as shape
from tera.format.core import Core, StaticRules, parse_core
from tera.policy.manifest import read_manifest, rules_from_manifest
from tera.policy.vocabulary import NAMES, parse_rules

EXAMPLES: dict[str, Any] = {
    "device": {"allow": ["00" * 32]},
    "downloadable": False,
    "entry": {"*.pdf": {"device": {"allow": ["00" * 32]}, "rights": ["view"]}},
    "first_open_for": 3600,
    "geo": {"allow": [{"country": "DE"}], "block": [{"continent": "Africa"}, {"country": "AT", "city": "Wien"}]},
    "ip": {"allow": ["10.0.0.0/8", "::1"], "block": ["192.*.1.*"]},
    "mac": ["00:1A:2B:3C:4D:5E"],
    "obligations": [{"id": "watermark", "args": {"text": "for {viewer}"}}],
    "offline_for": 60,
    "opens": 3,
    "recipients": ["a@b.c", "*@b.c"],
    "require_fresh_blocklist": True,
    "require_signature": True,
    "rights": ["view"],
    "time": {"start": "2030-01-01T00:00:00Z", "end": "2031-01-01T00:00:00Z"},
}
VALUES: dict[str, Any] = {
    "device": {"allow": [bytes(32)]},
    "downloadable": False,
    "entry": [["*.pdf", "device", {"allow": [bytes(32)]}], ["*.pdf", "rights", ["view"]]],
    "first_open_for": 3600,
    "geo": {"allow": ["/DE//"], "block": ["/AT//wien", "AF///"]},
    "ip": {"allow": ["10.0.0.0/8", "::1"], "block": ["192.0.1.0/255.0.255.0"]},
    "mac": {"allow": ["00:1a:2b:3c:4d:5e"]},
    "obligations": {"watermark": {"text": "for {viewer}"}},
    "offline_for": 60,
    "opens": 3,
    "recipients": ["*@b.c", "a@b.c"],
    "require_fresh_blocklist": True,
    "require_signature": True,
    "rights": ["view"],
    "time": {"end": 1924992000, "start": 1893456000},
}
PLACES: list[tuple[str, ...]] = [("container", "drm"), ("drm",), ("rules",), ("container",), ()]


def manifest(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def nested(place: tuple[str, ...], value: Any) -> Any:
    for name in reversed(place):
        value = {"title": 1.5, name: value}
    return value


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_every_rule_of_the_vocabulary_is_found_wherever_rules_may_stand(place: tuple[str, ...]) -> None:
    assert set(EXAMPLES) == set(VALUES) == set(NAMES)
    found = rules_from_manifest(manifest(nested(place, EXAMPLES)))
    assert found == [[name, VALUES[name]] for name in sorted(VALUES)]
    core = Core(bytes(16), 0, StaticRules(shape.parse_rules(found, BadInput)))
    assert parse_core(core.pack()) == core
    parse_rules(shape.parse_rules(found, BadInput))


def test_a_manifest_of_the_flat_dialect() -> None:
    text = {
        "container_name": "Q2_Production_DB_Backup",
        "org_id": "your-org-id",
        "dynamic": False,
        "downloadable": False,
        "recipients": ["lead.admin@client.com", "sec.engineer@auditfirm.io"],
        "time": {"start": "2025-05-07T00:00:00Z", "end": "2025-06-01T23:59:59Z"},
        "ip": {"allow": ["198.51.100.10"]},
        "geo": {"block": [{"country": "RU"}, {"country": "CN"}]},
        "files": ["prod_backup.sql"],
    }
    assert rules_from_manifest(manifest(text)) == [
        ["downloadable", False],
        ["geo", {"block": ["/CN//", "/RU//"]}],
        ["ip", {"allow": ["198.51.100.10"]}],
        ["recipients", ["lead.admin@client.com", "sec.engineer@auditfirm.io"]],
        ["time", {"start": 1746576000, "end": 1748822399}],
    ]


def test_a_manifest_of_the_nested_dialect() -> None:
    text = {
        "container": {
            "recipients": ["a@b.c"],
            "downloadable": True,
            "password": "correct horse",
            "drm": {"dynamic": True, "opens": 5, "geo": {"allow": [{"country": "Germany", "continent": "Europe"}]}},
        },
        "files": {"a.docx": {"type": "x/y", "hidden": True, "view_instead": "a.pdf"}, "a.pdf": {"pages": 3}},
    }
    found = read_manifest(manifest(text))
    assert found.rules == [
        ["downloadable", True],
        ["geo", {"allow": ["/DE//"]}],
        ["opens", 5],
        ["recipients", ["a@b.c"]],
    ]
    assert found.password == "correct horse"
    assert found.dynamic is True
    assert found.text == manifest(text).replace(b'"correct horse"', b"null")
    assert "horse" not in repr(found)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        1,
        "x",
        None,
        {"title": "x"},
        {"container": {}},
        {"container": [{"drm": 1}]},
        {"container": {"password": None}},
    ],
)
def test_a_manifest_without_rules_has_none_and_is_kept_as_it_is(value: Any) -> None:
    found = read_manifest(manifest(value))
    assert (found.rules, found.password, found.dynamic, found.text) == (None, None, None, manifest(value))


@pytest.mark.parametrize("place", [(), ("container",)])
def test_the_password_is_told_and_does_not_stay_in_the_text(place: tuple[str, ...]) -> None:
    text = b'{ "n": 1.0,' + manifest(nested(place, {"password": "geheim\n", "x": [1e5]}))[1:]
    found = read_manifest(text)
    assert found.password == "geheim\n"
    assert b"geheim" not in found.text
    assert found.text == text.replace(b'"geheim\\n"', b"null")
    assert read_manifest(found.text).password is None
    assert rules_from_manifest(found.text) is None


@pytest.mark.parametrize("text", ['{"password": ""}', '{"password": 1}', '{"container": {"password": ["x"]}}'])
def test_a_password_that_is_none_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadInput, match="password is not a string"):
        read_manifest(text.encode())


@pytest.mark.parametrize("value", [{"password": "geheim"}, {"dynamic": True}, {"drm": {"dynamic": True, "opens": 1}}])
def test_what_a_caller_of_the_rules_alone_would_lose_is_refused(value: Any) -> None:
    with pytest.raises(BadInput) as caught:
        rules_from_manifest(manifest(value))
    assert "geheim" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("value", [{}, {"recipients": []}, {"container": {"recipients": []}}, "x"])
def test_with_an_owner_nobody_else_is_meant_by_no_recipients(value: Any) -> None:
    assert rules_from_manifest(manifest(value), owner="Me@Home.example") == [["recipients", ["me@home.example"]]]


def test_an_owner_is_not_added_to_recipients_and_has_to_be_an_address() -> None:
    assert rules_from_manifest(manifest({"recipients": ["a@b.c"]}), owner="me@b.c") == [["recipients", ["a@b.c"]]]
    for owner in ("me", "*@*", ""):
        with pytest.raises(BadInput):
            rules_from_manifest(b"{}", owner=owner)


def test_a_rule_that_asks_for_nothing_is_none() -> None:
    assert rules_from_manifest(manifest({"drm": {"require_signature": False}})) is None
    assert rules_from_manifest(manifest({"drm": {"opens": 1, "require_fresh_blocklist": False}})) == [["opens", 1]]


def test_rules_of_files_stand_in_entry_with_those_of_patterns() -> None:
    value = {
        "drm": {"entry": {"**": {"rights": ["view"]}, "a": {"downloadable": False}}},
        "files": {"a": {"recipients": ["B@C.D"]}},
    }
    assert rules_from_manifest(manifest(value)) == [
        ["entry", [["**", "rights", ["view"]], ["a", "downloadable", False], ["a", "recipients", ["b@c.d"]]]]
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"drm": {"open": 1}}, "drm has the unknown rule 'open'"),
        ({"drm": {"x" * 200: 1}}, "unknown rule 'x{64}'"),
        ({"drm": {"password": "x"}}, "unknown rule 'password'"),
        ({"drm": {}}, "drm is empty"),
        ({"drm": None}, "drm is not an object"),
        ({"rules": []}, "rules is not an object"),
        ({"container": {"drm": "none"}}, "container.drm is not an object"),
        ({"drm": {"opens": 1}, "rules": {"opens": 2}}, r"opens twice, in drm\.opens and in rules\.opens"),
        ({"opens": 1, "container": {"opens": 1}}, r"opens twice, in container\.opens and in opens"),
        ({"password": "x", "container": {"password": "x"}}, "password twice"),
        ({"container": {"recipeints": ["a@b.c"]}}, r"container\.recipeints looks like a rule"),
        ({"recipient": ["a@b.c"]}, "recipient looks like a rule"),
        ({"dynamic": 1}, "dynamic is not true or false"),
        ({"opens": "3"}, "opens is not a number of opens"),
        ({"rights": "© 2030"}, "rights is not a list"),
        ({"entry": None}, "entry is not an object of patterns"),
        ({"drm": {"recipients": []}}, r"drm\.recipients is empty"),
        ({"drm": {"time": {"end": 1.5}}}, r"drm\.time\.end is not a string"),
        ({"drm": {"ip": {"allow": [[[[[[[["10.0.0.1"]]]]]]]]}}}, "nested too deeply"),
        ({"drm": {"entry": {"*": {"opens": 1}}}}, "no rule for single files"),
        (
            {"drm": {"entry": {"a": {"rights": ["view"]}}}, "files": {"a": {"rights": ["print"]}}},
            r"files\.a\.rights twice",
        ),
        ({"drm": {"ip": {"allow": ["10.0.0.1"], "block": ["10.*.*.*"]}}}, r"drm\.ip lets nobody in"),
        ({"downloadable": True, "drm": {"rights": ["view"]}}, r"downloadable is true, but drm\.rights"),
    ],
)
def test_what_is_not_understood_is_refused_by_field(value: Any, words: str) -> None:
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
        b'{"opens": 1, "opens": 2}',
        b'{"password": "a", "password": "b"}',
        b'{"files": {"a": {"rights": ["view"]}}, "files": {}}',
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
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["a@b.c", "10.0.0.1", "view"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "x", "allow"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from(PLACES), st.dictionaries(st.sampled_from(NAMES), st.none(), max_size=3))
def test_rules_that_are_taken_can_be_sealed_and_are_in_their_one_form(
    value: Any, place: tuple[str, ...], good: dict[str, None]
) -> None:
    if isinstance(value, dict):
        value = value | {name: EXAMPLES[name] for name in good}
    try:
        found = rules_from_manifest(json.dumps(nested(place, value)).encode())
    except BadInput:
        return
    if found is not None:
        rules = shape.parse_rules(found, BadInput)
        parse_rules(rules)
        Core(bytes(16), 0, StaticRules(rules)).pack()
