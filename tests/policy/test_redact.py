"""A value is taken out of a JSON text, and every other byte stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.policy.redact import without_value


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('{"password": "x"}', '{"password": null}'),
        ('{ "a" : 1e5,\n"password"\t:"x\\"}{" , "b":[1.0]}', '{ "a" : 1e5,\n"password"\t:null , "b":[1.0]}'),
        ('{"pass\\u0077ord":"x"}', '{"pass\\u0077ord":null}'),
        ('{"a": {"password": "x"}, "b": ["password", "x", {"password": "x"}]}', None),
        ('[{"password": "x"}]', None),
        ('{"a": "password", "b": "x"}', None),
        ('"password"', None),
        (
            '{"a": [], "b": {}, "password": "x", "c": {"password": "y"}}',
            '{"a": [], "b": {}, "password": null, "c": {"password": "y"}}',
        ),
    ],
)
def test_only_the_value_at_the_path_goes(text: str, left: str | None) -> None:
    assert without_value(text, ["password"]) == (text if left is None else left)


def test_a_path_goes_down() -> None:
    text = '{"password": 1, "c": {"d": {"password": 2}, "password" : "x"}}'
    assert without_value(text, ["c", "password"]) == '{"password": 1, "c": {"d": {"password": 2}, "password" : null}}'


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.just("p"), inner, max_size=3),
    max_leaves=12,
)


@given(
    st.dictionaries(st.text(max_size=3) | st.sampled_from("pq"), values),
    st.text(),
    st.booleans(),
    st.sampled_from((None, 1)),
)
def test_nothing_else_changes(members: dict[str, Any], secret: str, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(members | {"p": f"<{secret}>"}, ensure_ascii=ascii_only, indent=indent)
    left = without_value(text, ["p"])
    assert json.loads(left) == members | {"p": None}
    assert left == text.replace(json.dumps(f"<{secret}>", ensure_ascii=ascii_only), "null", 1) or f"<{secret}>" in str(
        members
    )
