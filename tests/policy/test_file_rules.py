"""Rules for single files: by pattern in `entry`, by name in `files`; what a viewer shows is no rule."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tera.errors import BadInput
from tera.policy.document import parse_json
from tera.policy.file_rules import entry_rules, file_rules


def entries(value: Any) -> list[Any]:
    return list(entry_rules(parse_json(json.dumps(value).encode()), "drm.entry"))


def files(value: Any) -> list[Any]:
    return list(file_rules(parse_json(json.dumps({"files": value}).encode())))


def test_patterns_give_a_rule_each() -> None:
    assert entries({"a/**": {"rights": ["view"], "time": {}}}) == [
        (("a/**", "rights", ["view"]), "drm.entry.a/**.rights"),
        (("a/**", "time", {}), "drm.entry.a/**.time"),
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "drm.entry is not an object of patterns"),
        (None, "drm.entry is not an object of patterns"),
        ("x", "drm.entry is not an object of patterns"),
        ({}, "drm.entry is not an object of patterns"),
        ({"*": {}}, r"drm\.entry\.\* is not an object of rules"),
        ({"*": ["rights"]}, r"drm\.entry\.\* is not an object of rules"),
        ({"*": {"right": ["view"]}}, "'right', which is no rule for single files"),
        *(
            ({"*": {name: 1}}, "no rule for single files")
            for name in ("opens", "entry", "offline_for", "require_signature")
        ),
        ({"a//b": {"rights": ["view"]}}, r"drm\.entry\.a//b: a pattern could match no path"),
        ({"a": {"time": {"end": "\ud800"}}}, "half a character"),
    ],
)
def test_what_is_no_rule_of_files_is_refused(value: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        entries(value)


LOCKTERA = {
    "type": "application/pdf",
    "pages": 3,
    "duration": 1.5,
    "hidden": True,
    "view_instead": "b.pdf",
    "download_instead": "c.pdf",
}


@pytest.mark.parametrize(
    "value", [None, "x", 1, [], {}, ["a.pdf"], [1], {"a.pdf": "x"}, {"a.pdf": LOCKTERA}, [LOCKTERA]]
)
def test_what_a_viewer_shows_is_no_rule(value: Any) -> None:
    assert files(value) == []


def test_other_information_is_the_users_own() -> None:
    assert files({"a": {"size": 3, "sha256": "x", "name": "a", "title": None, "duration": 3}}) == []


@pytest.mark.parametrize("field", LOCKTERA)
def test_information_of_another_kind_is_refused(field: str) -> None:
    for wrong in ([], None, {}) if field != "hidden" else (0, "yes", None):
        with pytest.raises(BadInput, match=rf"files\.a\.{field} is not (a|an|true)"):
            files({"a": {field: wrong}})
    if field in ("pages", "duration"):
        with pytest.raises(BadInput, match=field):
            files({"a": {field: True}})


def test_what_stands_under_a_rules_name_is_a_rule_of_that_file() -> None:
    assert files({"a*.pdf": LOCKTERA | {"downloadable": False}, "b": {"drm": {"rights": ["view"]}}}) == [
        (("a\\*.pdf", "downloadable", False), "files.a*.pdf.downloadable"),
        (("b", "rights", ["view"]), "files.b.drm.rights"),
    ]
    assert files([{"name": "a", "downloadable": False}, {"name": "b"}, "c"]) == [
        (("a", "downloadable", False), "files.a.downloadable")
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": {"downlodable": False}}, "files.a.downlodable looks like a rule"),
        ({"a": {"opens": 3}}, "'opens', which is no rule for single files"),
        ({"a": {"drm": {}}}, "files.a.drm is not an object of rules"),
        ({"a": {"drm": {"x": 1}}}, "files.a.drm has 'x', which is no rule"),
        ([{"downloadable": False}], "files.None has rules and no name"),
        ([{"name": 3, "downloadable": False}], "files.3 has rules and no name"),
        ({"../a": {"downloadable": False}}, "a name that no file of a container has"),
        ({"": {"downloadable": False}}, "a name that no file of a container has"),
    ],
)
def test_a_rule_that_would_bind_no_file_is_refused(value: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        files(value)


@pytest.mark.parametrize(
    "text",
    [
        b'{"files": {"a": {"rights": ["view"]}, "a": {}}}',
        b'{"files": {"a": {"rights": ["view"], "rights": ["print"]}}}',
        b'{"files": {"a": {"drm": {"rights": ["view"]}, "drm": {}}}}',
        b'{"files": {}, "files": {"a": {"rights": ["view"]}}}',
    ],
)
def test_a_name_that_came_twice_is_refused(text: bytes) -> None:
    with pytest.raises(BadInput, match="twice"):
        list(file_rules(parse_json(text)))
