"""Shapes: each check takes its bounds, refuses what is one beyond, and raises the error of the structure."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import BadAccess, BadCore, BadTrailer
from tera.format import schema
from tests.format.hostile import refused

NO_INTEGERS: list[Any] = [None, True, False, "1", b"1", 1.0, [], {}]


def test_a_boolean_is_not_an_integer() -> None:
    for value in NO_INTEGERS:
        refused("bad_core", schema.integer, value, 0, 1, BadCore, "it")


@given(st.integers(-5, 5), st.integers(-3, 3), st.integers(-3, 3))
def test_an_integer_lies_between_its_bounds(value: int, low: int, high: int) -> None:
    if low <= value <= high:
        assert schema.integer(value, low, high, BadCore, "it") == value
    else:
        refused("bad_core", schema.integer, value, low, high, BadCore, "it")


def test_a_bin_is_no_str_and_has_its_length() -> None:
    for size in (2, 3, 4):
        assert schema.binary(bytes(size), 2, 4, BadCore, "it") == bytes(size)
    for value in (bytes(1), bytes(5), b"", "abc", None, 3, [1, 2, 3], bytearray(3)):
        refused("bad_access", schema.binary, value, 2, 4, BadAccess, "it")
    with pytest.raises(BadCore, match="it is not a bin of 2 bytes"):
        schema.binary(b"", 2, 2, BadCore, "it")


def test_a_str_is_measured_in_bytes_and_not_empty() -> None:
    for value in ("a", "abcd", "éé", "\U0001f600"):
        assert schema.text(value, 4, BadCore, "it") == value
    wrong: list[Any] = ["", "abcde", "ééa", "\U0001f600a", b"abcd", None, 1, ["a"]]
    for other in wrong:
        refused("bad_trailer", schema.text, other, 4, BadTrailer, "it")


def test_an_array_has_its_number_of_elements() -> None:
    for length in (1, 2):
        assert schema.array([0] * length, 2, BadCore, "it", low=1) == [0] * length
    assert schema.array([], 2, BadCore, "it") == []
    for value in ([], [0] * 3, (0,), {0: 0}, "ab", None):
        refused("bad_core", schema.array, value, 2, BadCore, "it", low=1)


def test_a_map_has_its_keys_and_no_other() -> None:
    for value in ({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}):
        assert schema.exact_map(value, ("a", "b"), BadCore, "it", ("c",)) == value
    wrong: list[Any] = [{}, {"a": 1}, {"a": 1, "c": 2}, {"a": 1, "b": 2, "d": 3}, [("a", 1), ("b", 2)], None, "ab"]
    for other in wrong:
        refused("bad_core", schema.exact_map, other, ("a", "b"), BadCore, "it", ("c",))
    with pytest.raises(BadCore) as caught:
        schema.exact_map({"x" * 5_000: 1}, (), BadCore, "it")
    assert len(str(caught.value)) < 100, "a key of the file is not repeated at length"


@given(st.lists(st.text(max_size=3), max_size=5))
def test_sorted_is_strictly_ascending_by_bytes(values: list[str]) -> None:
    raw = [value.encode() for value in values]
    wanted = all(before < after for before, after in pairwise(raw))
    for found in (values, raw):
        if wanted:
            schema.ascending(found, BadCore, "it")
        else:
            refused("bad_core", schema.ascending, found, BadCore, "it")


def test_characters_outside_the_first_plane_come_last_as_their_bytes_do() -> None:
    # By UTF-16 units, as some languages compare, the order is the other one.
    assert schema.texts(["\uffff", "\U00010000"], 2, 4, BadCore, "it") == ("\uffff", "\U00010000")
    refused("bad_core", schema.texts, ["\U00010000", "\uffff"], 2, 4, BadCore, "it")


def test_fingerprints_are_sorted_and_have_32_bytes() -> None:
    one, two, three = (bytes((n,)) * 32 for n in (1, 2, 3))
    for found in ([], [one], [one, three]):
        assert schema.fingerprints(found, 2, BadCore, "it") == tuple(found)
    for wrong in ([one, one], [two, one], [one, two, three], [one[:-1]], [one + b"\0"], ["a" * 32], one, None):
        refused("bad_core", schema.fingerprints, wrong, 2, BadCore, "it")
    refused("bad_core", schema.fingerprints, [], 2, BadCore, "it", low=1)


def test_texts_are_sorted_and_have_their_size() -> None:
    assert schema.texts(["a", "b"], 2, 1, BadCore, "it") == ("a", "b")
    for wrong in (["a", "a"], ["b", "a"], ["a", "b", "c"], ["aa"], [""], [b"a"], [1], "ab", None):
        refused("bad_core", schema.texts, wrong, 2, 1, BadCore, "it")
