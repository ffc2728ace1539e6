"""Patterns of paths: what they match is what the text says, and no pattern takes long."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import BadInput
from tera.policy.globs import Glob, literal
from tests.policy import naive

CASES = {
    "a": (["a"], ["b", "a/a", "aa", "A"]),
    "*": (["a", "aaa", "*"], ["a/b"]),
    "?": (["a", "ä"], ["aa", "a/b"]),
    "*.pdf": (["a.pdf", ".pdf"], ["a.pdfx", "a/b.pdf", "apdf"]),
    "a*b*c": (["abc", "abbc", "axbxc", "abcbc"], ["ab", "abcd"]),
    "**": (["a", "a/b/c"], []),
    "**/x": (["x", "a/x", "a/b/x"], ["xx", "x/a"]),
    "a/**": (["a", "a/b", "a/b/c"], ["b", "ab"]),
    "a/**/x": (["a/x", "a/b/x", "a/x/x", "a/b/c/x"], ["x", "a/b", "a/xy"]),
    "**/b/**/d": (["b/d", "a/b/c/d", "b/b/d/d"], ["d", "b", "d/b"]),
    r"a\*b": (["a*b"], ["axb", "ab"]),
    r"\?": (["?"], ["a"]),
    r"\**": (["*", "*x"], ["x"]),
    "[ab]": (["[ab]"], ["a"]),
    "ä": (["ä"], ["a\u0308", "Ä"]),
}


@pytest.mark.parametrize("pattern", CASES)
def test_a_pattern_matches_what_it_says(pattern: str) -> None:
    yes, no = CASES[pattern]
    found = Glob(pattern)
    assert [path for path in (*yes, *no) if found.matches(path)] == yes
    assert [path for path in (*yes, *no) if naive.matches(pattern, path)] == yes


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "..",
            "a/./b",
            "a\\",
            "a\\b",
            "\\\\",
            "\\**/\\",
            "a**",
            "**a",
            "***",
            "**/**",
            "a/**/**",
        ),
        *("a\0", "a\n", "\u202e", "x" * 256, "?" * 256, "/".join("a" * 65), "\ud800", "b/" * 600 + "a"),
    ],
)
def test_any_other_form_is_refused(pattern: str) -> None:
    with pytest.raises(BadInput):
        Glob(pattern)


def test_a_hostile_pattern_takes_no_time() -> None:
    """As a regular expression each of them would take years."""
    name = "a" * 254 + "b"
    deep = "/".join(["a" * 14] * 63)
    begun = process_time()
    assert not Glob("*a" * 120 + "*c").matches(name)
    assert not Glob("/".join(["**", "*a*a*a*a*a*"] * 31 + ["c"])).matches(deep)
    assert process_time() - begun < 1


parts = st.text(st.sampled_from("ab*?\\"), min_size=1, max_size=4) | st.just("**")
patterns = st.lists(parts, min_size=1, max_size=4).map("/".join)
paths = st.lists(st.text(st.sampled_from("ab*?"), min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)


@given(patterns, st.lists(paths, min_size=1))
def test_matching_agrees_with_a_naive_one(pattern: str, found: list[str]) -> None:
    try:
        glob = Glob(pattern)
    except BadInput:
        return
    for path in found:
        assert glob.matches(path) == naive.matches(pattern, path)


@given(paths, st.lists(paths))
def test_a_literal_matches_its_path_alone(path: str, others: list[str]) -> None:
    found = Glob(literal(path))
    assert [other for other in {path, *others} if found.matches(other)] == [path]
