"""Checks of canonical values against the schemas of the format.

The law of this file: it only answers "is this value of that shape", with the structure's own error;
what the shapes are stands with the structures.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, TypeAlias

from tera.errors import Malformed

Error: TypeAlias = type[Malformed]


def exact_map(value: Any, keys: Iterable[str], error: Error, what: str, optional: Iterable[str] = ()) -> dict[str, Any]:
    """Return `value` if it is a map with all of `keys`, any of `optional`, and no other."""
    if not isinstance(value, dict):
        raise error(f"{what} is not a map")
    need, may = set(keys), set(optional)
    for key in need - value.keys():
        raise error(f"{what} lacks the key {key!r}")
    for key in value.keys() - need - may:
        raise error(f"{what} has the unknown key {key[:40]!r}")
    return value


def integer(value: Any, low: int, high: int, error: Error, what: str) -> int:
    """Return `value` if it is an integer (not a boolean) from `low` to `high`."""
    if type(value) is not int or not low <= value <= high:
        raise error(f"{what} is not an integer from {low:,} to {high:,}")
    return value


def binary(value: Any, low: int, high: int, error: Error, what: str) -> bytes:
    """Return `value` if it is a bin of `low` to `high` bytes."""
    if not isinstance(value, bytes) or not low <= len(value) <= high:
        size = f"{low}" if low == high else f"{low} to {high}"
        raise error(f"{what} is not a bin of {size} bytes")
    return value


def text(value: Any, high: int, error: Error, what: str) -> str:
    """Return `value` if it is a str of 1 to `high` bytes of UTF-8."""
    if not isinstance(value, str) or not 1 <= len(value.encode()) <= high:
        raise error(f"{what} is not a str of 1 to {high} bytes")
    return value


def array(value: Any, high: int, error: Error, what: str, low: int = 0) -> list[Any]:
    """Return `value` if it is an array of `low` to `high` elements."""
    if not isinstance(value, list) or not low <= len(value) <= high:
        raise error(f"{what} is not an array of {low} to {high} elements")
    return value


def ascending(values: list[Any], error: Error, what: str) -> None:
    """Check that `values` (all str or all bytes) are strictly ascending by bytes, so none occurs twice."""
    for before, after in pairwise(values):
        if before >= after:
            raise error(f"{what} is not sorted, or holds a value twice")


def fingerprints(value: Any, high: int, error: Error, what: str, low: int = 0) -> tuple[bytes, ...]:
    """Return `value` if it is a sorted array of bin of 32 bytes."""
    found = [binary(item, 32, 32, error, f"a value of {what}") for item in array(value, high, error, what, low)]
    ascending(found, error, what)
    return tuple(found)


def texts(value: Any, high: int, size: int, error: Error, what: str) -> tuple[str, ...]:
    """Return `value` if it is a sorted array of str of 1 to `size` bytes each."""
    found = [text(item, size, error, f"a value of {what}") for item in array(value, high, error, what)]
    ascending(found, error, what)  # code points and UTF-8 bytes have the same order
    return tuple(found)
