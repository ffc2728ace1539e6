"""Every value has one encoding; every other string of bytes is refused, cheaply."""

from __future__ import annotations

import struct
import threading
import time
import tracemalloc
from contextlib import suppress
from itertools import pairwise
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tera.errors import LimitExceeded, NotCanonical
from tera.wire.canonical import MAX_DEPTH, MAX_NODES, pack, unpack

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from([0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, -1, -32, -33, -128, -129, -(2**31) - 1])
    | st.text(max_size=40)
    | st.binary(max_size=300)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=40,
)


def read(data: bytes) -> Any:
    return unpack(data, what="map", max_len=1 << 20)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(values)
def test_every_value_comes_back(value: Any) -> None:
    if depth(value) > MAX_DEPTH:
        with pytest.raises(ValueError, match="deeper"):
            pack(value)
    else:
        assert read(pack(value)) == value


@settings(max_examples=1000)
@given(st.binary(max_size=60) | values.map(msgpack.packb))
def test_any_bytes_are_the_one_encoding_or_refused(data: bytes) -> None:
    expected = strict(data)
    if expected is REFUSED:
        with pytest.raises(NotCanonical, match="map is not canonical"):
            read(data)
    else:
        value = read(data)
        assert value == expected
        assert pack(value) == data


@given(values, st.data())
def test_a_changed_byte_is_another_value_or_refused(value: Any, data: st.DataObject) -> None:
    if depth(value) > MAX_DEPTH:
        return
    good = bytearray(pack(value))
    at = data.draw(st.integers(0, len(good) - 1))
    good[at] ^= data.draw(st.integers(1, 255))
    try:
        changed = read(bytes(good))
    except NotCanonical:
        return
    assert pack(changed) == good


def test_maps_are_sorted_by_utf8_at_every_depth_and_the_callers_stay_as_they_are() -> None:
    value: Any = {"b": [{"z": 1, "a": 2}], "\U0001f600": 1, "\uffff": 2, "a": {"y": 1, "x": (1, 2)}}
    before = repr(value)
    packed = pack(value)
    assert repr(value) == before
    back = read(packed)
    assert list(back) == sorted(back, key=lambda key: key.encode()) == ["a", "b", "\uffff", "\U0001f600"]
    assert (list(back["b"][0]), list(back["a"]), back["a"]["x"]) == (["a", "z"], ["x", "y"], [1, 2])


NOT_CANONICAL = {
    "nothing": "",
    "trailing byte": "c0c0",
    "duplicate key": "82a16101a16102",
    "keys out of order": "82a16201a16101",
    "bytes as key": "81c4016101",
    "integer as key": "810101",
    "array as key": "819001",
    "nil as key": "81c001",
    "uint8 for 1": "cc01",
    "uint16 for 255": "cd00ff",
    "uint32 for 65535": "ce0000ffff",
    "uint64 for 1": "cf0000000000000001",
    "int8 for -1": "d0ff",
    "int8 for 1": "d001",
    "int16 for -128": "d1ff80",
    "int64 for a positive number": "d30000000100000000",
    "str8 for one letter": "d90161",
    "str16 for one letter": "da000161",
    "str32 for one letter": "db0000000161",
    "bin16 for one byte": "c5000161",
    "bin32 for one byte": "c60000000161",
    "array16 for nothing": "dc0000",
    "array32 for nothing": "dd00000000",
    "map16 for nothing": "de0000",
    "map32 for nothing": "df00000000",
    "float32": "ca3f800000",
    "float64": "cb3ff0000000000000",
    "NaN": "cb7ff8000000000000",
    "ext8": "c7010061",
    "fixext1": "d40061",
    "timestamp": "d6ff00000000",
    "reserved c1": "c1",
    "str that is not UTF-8": "a1ff",
    "str with a surrogate": "a3eda080",
    "overlong UTF-8": "a2c080",
    "key that is not UTF-8": "81a1ff01",
    "str cut short": "a261",
    "length cut short": "da00",
    "map without its value": "81a161",
    "array without its element": "91",
}


@pytest.mark.parametrize("name", NOT_CANONICAL)
def test_another_spelling_is_refused(name: str) -> None:
    with pytest.raises(NotCanonical):
        read(bytes.fromhex(NOT_CANONICAL[name]))


def test_more_bytes_than_the_limit_are_refused_before_they_are_read() -> None:
    with pytest.raises(LimitExceeded, match="manifest has 5 bytes"):
        unpack(b"\xff\xff\xff\xff\xff", what="manifest", max_len=4)
    assert unpack(b"\xc4\x02ab", what="manifest", max_len=4) == b"ab"


def test_a_ninth_level_is_refused() -> None:
    deepest = b"\x91" * 7 + b"\x90"
    assert read(deepest) == [[[[[[[[]]]]]]]]
    with pytest.raises(NotCanonical, match="deeper than 8"):
        read(b"\x91" + deepest)
    with pytest.raises(ValueError, match="deeper than 8"):
        pack([read(deepest)])
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="deeper"):
        pack(loop)


def test_node_65_537_is_refused() -> None:
    most: list[Any] = [None] * (MAX_NODES - 1)
    assert read(pack(most)) == most
    with pytest.raises(ValueError, match="nodes"):
        pack([*most, None])
    with pytest.raises(NotCanonical, match="nodes"):
        read(msgpack.packb([*most, None]))
    keys: dict[str, Any] = {str(n): None for n in range(MAX_NODES // 2)}
    with pytest.raises(ValueError, match="nodes"):
        pack(keys)
    with pytest.raises(NotCanonical, match="nodes"):
        read(msgpack.packb(dict(sorted(keys.items()))))


BOMBS = {
    "array32 of 2^32 - 1": b"\xdd\xff\xff\xff\xff",
    "map32 of 2^32 - 1": b"\xdf\xff\xff\xff\xff",
    "bin32 of 2^32 - 1": b"\xc6\xff\xff\xff\xff",
    "65,535 elements claimed, 512 levels": (b"\xdd\x00\x00\xff\xff" * 512).ljust(100_000, b"\0"),
    "a million levels": b"\x91" * 1_000_000,
    "a million maps in maps": b"\x81\xa1a" * 300_000,
    "a million empty arrays": b"\xdd\x00\x0f\xff\xf0" + b"\x90" * 0xFFFF0,
    "65,535 empty maps": b"\xdc\xff\xff" + b"\x80" * 65_535,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_neither_memory_nor_time(name: str) -> None:
    bomb = BOMBS[name]
    tracemalloc.start()
    start = time.process_time()
    with suppress(NotCanonical):
        unpack(bomb, what="map", max_len=1 << 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * len(bomb) + MAX_NODES * 90
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "value",
    [1.0, b"x".__class__, bytearray(b"x"), memoryview(b"x"), {1: 2}, {b"a": 1}, {None: 1}, {1}, object()],
)
def test_a_foreign_type_is_the_callers_bug(value: Any) -> None:
    for wrapped in (value, [value], {"a": value}):
        with pytest.raises(TypeError):
            pack(wrapped)


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, "\ud800"])
def test_a_value_outside_the_grammar_is_the_callers_bug(value: Any) -> None:
    for wrapped in (value, [value], {"a": [value]}):
        with pytest.raises(ValueError):
            pack(wrapped)


def test_subclasses_are_refused() -> None:
    class Text(str):
        pass

    refused: list[Any] = [Text("a"), {Text("a"): 1}, type("D", (dict,), {})(), type("I", (int,), {})(1)]
    for value in refused:
        with pytest.raises(TypeError):
            pack(value)


def test_memoryviews_and_bytearrays_are_read() -> None:
    for kind in (bytes, bytearray, memoryview):
        assert unpack(kind(b"\x81\xa1a\x01"), what="map", max_len=9) == {"a": 1}


def test_threads_do_not_mix_their_bytes() -> None:
    wrong: list[int] = []

    def work(number: int) -> None:
        value: Any = {"n": number, "text": str(number) * 50}
        for _ in range(300):
            if read(pack(value)) != value:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- a second reader, written from the grammar alone: it decodes and refuses in one pass ----------

REFUSED = object()


class _Refused(Exception):
    pass


def strict(data: bytes) -> Any:
    try:
        value, at, _ = _strict(data, 0, 0)
    except (_Refused, IndexError, struct.error, UnicodeDecodeError):
        return REFUSED
    return value if at == len(data) else REFUSED


def _strict(data: bytes, at: int, level: int) -> tuple[Any, int, int]:
    first = data[at]
    at += 1
    if first < 0x80:
        return first, at, level
    if first >= 0xE0:
        return first - 256, at, level
    if first in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[first], at, level
    ints = {0xCC: (">B", 128), 0xCD: (">H", 2**8), 0xCE: (">I", 2**16), 0xCF: (">Q", 2**32)}
    negative = {0xD0: (">b", -33), 0xD1: (">h", -129), 0xD2: (">i", -(2**15) - 1), 0xD3: (">q", -(2**31) - 1)}
    if first in ints:
        (number,) = struct.unpack_from(ints[first][0], data, at)
        _need(number >= ints[first][1])
        return number, at + struct.calcsize(ints[first][0]), level
    if first in negative:
        (number,) = struct.unpack_from(negative[first][0], data, at)
        _need(number <= negative[first][1])
        return number, at + struct.calcsize(negative[first][0]), level
    kinds = {0xA0: ("str", 31), 0xB0: ("str", 31), 0x90: ("array", 15), 0x80: ("map", 15)}
    if first & 0xF0 in kinds:
        kind, mask = kinds[first & 0xF0]
        count = first & mask
    else:
        wide = {
            **{0xC4: ("bin", ">B", 0), 0xC5: ("bin", ">H", 2**8), 0xC6: ("bin", ">I", 2**16)},
            **{0xD9: ("str", ">B", 32), 0xDA: ("str", ">H", 2**8), 0xDB: ("str", ">I", 2**16)},
            **{0xDC: ("array", ">H", 16), 0xDD: ("array", ">I", 2**16)},
            **{0xDE: ("map", ">H", 16), 0xDF: ("map", ">I", 2**16)},
        }
        _need(first in wide)
        kind, form, least = wide[first]
        (count,) = struct.unpack_from(form, data, at)
        at += struct.calcsize(form)
        _need(count >= least)
    if kind in ("str", "bin"):
        raw = data[at : at + count]
        _need(len(raw) == count)
        return (raw.decode() if kind == "str" else raw), at + count, level
    _need(level < MAX_DEPTH)
    items: list[Any] = []
    for _ in range(count * (2 if kind == "map" else 1)):
        item, at, _ = _strict(data, at, level + 1)
        items.append(item)
    if kind == "array":
        return items, at, level
    keys = items[::2]
    _need(all(type(key) is str for key in keys))
    _need(all(a.encode() < b.encode() for a, b in pairwise(keys)))
    return dict(zip(keys, items[1::2], strict=True)), at, level


def _need(condition: bool) -> None:
    if not condition:
        raise _Refused
