"""Vectors of canonical msgpack, mostly in CORE's `x`, which takes any value."""

from __future__ import annotations

from collections.abc import Callable

from spec.vectors.build import Draft, file
from spec.vectors.cases import Cases

ONE = (file("a.txt", b"one"),)
MARK = b"\xa1k\x7f"  # "k": 127, the only one in the map


def instead(*new: bytes) -> Callable[[bytes], bytes]:
    """Return a hook that puts other bytes where `x` has the key k with the value 127."""

    def change(packed: bytes) -> bytes:
        assert packed.count(MARK) == 1
        return packed.replace(MARK, b"".join(new))

    return change


def in_x(*new: bytes) -> Draft:
    """Return a container whose `x` holds these bytes instead of its one key and value."""
    return Draft(ONE, core={"x": {"k": 127}}, core_map=instead(*new))


def value(new: bytes) -> Draft:
    """Return a container whose `x` holds these bytes as the value of its key."""
    return in_x(b"\xa1k", new)


def encoding(cases: Cases) -> None:
    """Every form but the shortest."""
    head = b"\xa1k"
    with cases.under("Canonical msgpack"):
        every = {
            "bin": b"\0" * 256, "false": False, "int": [-1, -32, -33, -128, -129, -32_768, -32_769, -(2**31), -(2**63)],
            "map": {"": None, "é": {}, "\U0001f511": []}, "str": "s" * 32, "true": True,
            "uint": [0, 127, 128, 255, 256, 65_535, 65_536, 2**32, 2**64 - 1],
        }  # fmt: skip
        cases.good("msgpack_every_type", "All types and the edges of their forms.", Draft(ONE, core={"x": every}))
        deep: object = 1
        for _ in range(6):
            deep = [deep]
        comment = "CORE's map, x and six arrays are 8 deep."
        cases.good("msgpack_8_deep", comment, Draft(ONE, core={"x": {"k": deep}}))
        comment = "CORE's map, x and seven arrays are 9 deep."
        cases.front("msgpack_9_deep", comment, value(b"\x91" * 7 + b"\1"), "not_canonical")
        comment = "An empty array is a level too."
        cases.front("msgpack_9_deep_empty", comment, value(b"\x91" * 6 + b"\x90"), "not_canonical")
        for name, comment, new in (
            ("uint8_small", "127 has a fixint.", b"\xcc\x7f"),
            ("uint16_small", "128 has 2 bytes.", b"\xcd\x00\x80"),
            ("uint32_small", "256 has 3 bytes.", b"\xce\x00\x00\x01\x00"),
            ("uint64_small", "65,536 has 5 bytes.", b"\xcf" + (65_536).to_bytes(8, "big")),
            ("int8_positive", "A non-negative integer is of the uint family.", b"\xd0\x05"),
            ("int16_positive", "A non-negative integer is of the uint family.", b"\xd1\x01\x00"),
            ("int8_small", "-32 has a fixint.", b"\xd0\xe0"),
            ("int64_small", "-1 has a fixint.", b"\xd3" + b"\xff" * 8),
            ("str8_short", "31 bytes have a fixstr.", b"\xd9\x1f" + b"s" * 31),
            ("str16_short", "255 bytes have a str 8.", b"\xda\x00\xff" + b"s" * 255),
            ("str32_short", "1 byte has a fixstr.", b"\xdb\0\0\0\1s"),
            ("bin16_short", "1 byte has a bin 8.", b"\xc5\0\1b"),
            ("bin32_short", "1 byte has a bin 8.", b"\xc6\0\0\0\1b"),
            ("array16_short", "15 elements have a fixarray.", b"\xdc\x00\x0f" + b"\0" * 15),
            ("array32_short", "1 element has a fixarray.", b"\xdd\0\0\0\1\0"),
            ("map16_short", "An empty map has a fixmap.", b"\xde\0\0"),
            ("map32_short", "An empty map has a fixmap.", b"\xdf\0\0\0\0"),
            ("float32", "There are no floats.", b"\xca\0\0\0\0"),
            ("float64", "There are no floats.", b"\xcb" + bytes(8)),
            ("ext", "There are no ext types.", b"\xd4\x01\x00"),
            ("ext8", "There are no ext types.", b"\xc7\x00\x01"),
            ("timestamp", "There are no timestamps.", b"\xd6\xff\0\0\0\0"),
            ("never_used", "0xc1 is nothing.", b"\xc1"),
            ("bad_utf8", "str is valid UTF-8.", b"\xa2\xc3\x28"),
            ("utf8_surrogate", "A surrogate is not UTF-8.", b"\xa3\xed\xa0\x80"),
            ("utf8_overlong", "A longer form is not UTF-8.", b"\xa2\xc0\xaf"),
            ("huge_array", "An array claims more than there is.", b"\xdd\xff\xff\xff\xff"),
            ("huge_str", "A str claims more than there is.", b"\xdb\xff\xff\xff\xff"),
            ("key_integer", "Map keys are str.", b"\x81\x01\x01"),
            ("key_bin", "Map keys are str.", b"\x81\xc4\x01a\x01"),
            ("key_nil", "Map keys are str.", b"\x81\xc0\x01"),
            ("key_twice", "Map keys are strictly ascending.", b"\x82\xa1a\x01\xa1a\x02"),
            ("keys_unsorted", "Map keys are strictly ascending.", b"\x82\xa1b\x01\xa1a\x02"),
            ("keys_by_length", "Ascending by bytes, not by length.", b"\x82\xa1b\x01\xa2aa\x02"),
        ):
            cases.front(f"msgpack_{name}", comment, value(new), "not_canonical")
        comment = "An array in the place of a map's second value."
        cases.front("msgpack_map_cut", comment, Draft(ONE, core_map=lambda packed: packed[:-1]), "not_canonical")
        comment = "Nothing follows the value."
        cases.front("msgpack_trailing", comment, Draft(ONE, core_map=lambda packed: packed + b"\xc0"), "not_canonical")
        empty = Draft(ONE, core_map=lambda packed: b"\xc0\xc0")
        cases.front("msgpack_two_values", "A structure is a single value.", empty, "not_canonical")
        comment = "The whole value is judged before its schema: id is missing, and the last value is a float."
        early = Draft(ONE, core={"x": {"k": 127}, "pad": 7}, core_map=instead(head, b"\xca\0\0\0\0"))
        cases.front("msgpack_before_schema", comment, early, "not_canonical")
        # 65,536 nodes are the outer array, two elements, and what the inner array holds.
        comment = "65,536 nodes are taken; that many stanzas are not."
        full = Draft(ONE, access=lambda value: [1, [None] * (65_536 - 3)])
        cases.front("msgpack_65536_nodes", comment, full, "bad_access")
        comment = "65,537 nodes are too many."
        over = Draft(
            ONE, access_map=lambda packed: b"\x92\x01\xdd" + (65_537 - 3).to_bytes(4, "big") + b"\xc0" * 65_534
        )
        cases.front("msgpack_65537_nodes", comment, over, "not_canonical")


PARTS = (encoding,)
