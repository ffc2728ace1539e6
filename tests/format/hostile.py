"""Bytes and values near valid ones, and the law that every parser of a structure keeps.

The law of this file: an edit is small, so that most of what stands behind it is reached; and a parser
either refuses with an error of the family that the caller names, or its input is the one encoding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st

from tera.errors import Malformed, TeraError

T = TypeVar("T")

# First bytes of msgpack values, and the edges of a byte.
_BYTES = st.sampled_from(bytes.fromhex("00 01 02 20 7f 80 81 90 91 a0 a1 c0 c1 c2 c3 c4 ca cc cf d3 d9 dc df e0 ff"))
_FOREIGN: list[Any] = [
    *(None, True, False, 0, 1, 2, -1, 2**31, 2**63, 2**64 - 1, -(2**63)),
    *("", "a", "none", "x" * 129, b"", b"\0", bytes(16), bytes(31), bytes(32), bytes(33)),
    *([], [[]], [0, 0], {}, {"m": "none"}, {"a": 1}),
]


@st.composite
def bytes_near(draw: st.DrawFn, good: bytes) -> bytes:
    """Draw `good` with one to three small edits: bytes changed, put in, taken out or cut off."""
    data = good
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        piece = bytes(draw(st.lists(_BYTES | st.integers(0, 255), min_size=1, max_size=4)))
        match draw(st.integers(0, 4)):
            case 0:
                data = data[:at] + piece + data[at + len(piece) :]
            case 1:
                data = data[:at] + piece + data[at:]
            case 2:
                data = data[:at] + data[at + len(piece) :]
            case 3:
                data = data[:at]
            case 4:
                data += piece
    return data


@st.composite
def value_near(draw: st.DrawFn, value: Any) -> Any:
    """Draw `value` with one thing in it replaced, dropped, doubled or added, at any depth."""
    if isinstance(value, dict) and value and draw(st.integers(0, 7)):
        key = draw(st.sampled_from(sorted(value)))
        rest = {name: item for name, item in value.items() if name != key}
        match draw(st.integers(0, 4)):
            case 0:
                return rest
            case 1:
                return {**value, draw(st.text(max_size=3)): draw(st.sampled_from(_FOREIGN))}
        return {**rest, key: draw(value_near(value[key]))}
    if isinstance(value, list) and value and draw(st.integers(0, 7)):
        at = draw(st.integers(0, len(value) - 1))
        match draw(st.integers(0, 5)):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return [*value[:at], value[at], *value[at:]]
            case 2:
                return value[::-1]
        return [*value[:at], draw(value_near(value[at])), *value[at + 1 :]]
    if isinstance(value, bytes) and draw(st.booleans()):
        return draw(st.sampled_from([value[:-1], value + b"\0", bytes(len(value)), b"\xff" * len(value)]))
    if type(value) is int and draw(st.booleans()):
        return max(-(2**63), min(2**64 - 1, value + draw(st.integers(-2, 2))))
    return draw(st.sampled_from(_FOREIGN))


def one_encoding(
    parse: Callable[[bytes], T],
    serialise: Callable[[T], bytes],
    data: bytes,
    family: type[TeraError] = Malformed,
) -> None:
    """Fail unless `data` is refused with an error of `family`, or is what its value serialises to."""
    try:
        value = parse(data)
    except family as error:
        assert type(error) is not family, "a family is no error: its leaf has the code"
        return
    assert serialise(value) == data


def refused(code: str, call: Callable[..., object], *arguments: Any, **options: Any) -> None:
    """Fail unless the call is refused with `code`."""
    with pytest.raises(TeraError) as caught:
        call(*arguments, **options)
    assert caught.value.code == code, str(caught.value)
