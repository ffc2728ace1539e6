"""Canonical msgpack: every value has exactly one encoding, and every other encoding is refused.

The law of this file: it is the only one that imports msgpack, and nothing that it returns from
`unpack` could have been spelled in another way. The grammar is msgpack with nil, bool, int, str
(valid UTF-8), bin, array and map; no float, no ext, no timestamp. Map keys are str, strictly
ascending by their UTF-8 bytes (which is the order of their code points, Python's own). Forms are the
shortest. The root container has depth 1; depth is at most 8, and nodes (the root, every array
element, every map key and every map value) are at most 65,536.

Why not `msgpack.unpackb` alone (measured, msgpack 1.2.4): it takes duplicate keys, longer forms,
NaN, ext types and bytes as keys, it allocates every array as long as its header *claims* (a 5-byte
header for each of 512 levels), and its values take up to 79 times their bytes. So `unpack` first
walks the headers, where every claim is paid from the node budget before anything is allocated,
then unpacks, encodes again and compares with the input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgpack  # type: ignore[import-untyped]

from tera.errors import LimitExceeded, NotCanonical

Value: TypeAlias = "bool | int | str | bytes | list[Value] | dict[str, Value] | None"
"""What `unpack` returns."""

Packable: TypeAlias = "bool | int | str | bytes | Sequence[Packable] | Mapping[str, Packable] | None"
"""What `pack` takes; at run time exactly dict, list and tuple, no subclass of anything."""

MAX_DEPTH: Final = 8
MAX_NODES: Final = 65_536

_PLAIN: Final = frozenset({str, bytes, bool, type(None)})
_STR: Final = frozenset({str})
_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**64 - 1


def pack(value: Packable) -> bytes:
    """Return the one encoding of `value`; maps are sorted here, whatever order they come in.

    Raises TypeError or ValueError (a lone surrogate, an integer outside -2^63..2^64-1, too deep, too
    many nodes): what to write is the caller's choice, so this is a bug above, not an input's fault.
    """
    if type(value) not in _PLAIN:
        value = _ordered(value, 1, [MAX_NODES - 1])
    # A Packer is not thread-safe, and a new one costs 0.2 us of the 3: no cache, no lock, no state.
    packed: bytes = msgpack.Packer().pack(value)
    return packed


def unpack(data: bytes | bytearray | memoryview, *, what: str, max_len: int) -> Value:
    """Return the value that `data` is the one encoding of.

    `what` names the structure in errors. Raises LimitExceeded over `max_len` bytes, and NotCanonical
    for everything else. Time is at most that of 65,536 nodes; memory at most about 80 bytes a node
    beyond the length of `data`.
    """
    if len(data) > max_len:
        raise LimitExceeded(f"{what} has {len(data):,} bytes, at most {max_len:,} are read")
    data = bytes(data)
    _scan(data, what)
    try:
        value: Value = msgpack.unpackb(data, raw=False, strict_map_key=True, use_list=True)
        same = pack(value) == data
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
        # From None: the chain would show a library's words, and perhaps the content, to the user.
        raise NotCanonical(f"{what} is not canonical msgpack: {_reason(error)}") from None
    if not same:
        raise NotCanonical(f"{what} is not canonical msgpack: not the shortest form, or keys out of order")
    return value


def _ordered(value: object, depth: int, budget: list[int]) -> Packable:
    """Check `value` and return it with every map in order: itself, uncopied, where it already is."""
    kind = type(value)
    if kind is dict:
        return _ordered_map(value, depth, budget)  # type: ignore[arg-type]
    if kind is list or kind is tuple:
        return _ordered_array(value, depth, budget)  # type: ignore[arg-type]
    if kind is int:
        if not _INT_MIN <= value <= _INT_MAX:  # type: ignore[operator]
            raise ValueError("an integer outside -2^63..2^64-1")
        return value  # type: ignore[return-value]
    if kind in _PLAIN:
        return value  # type: ignore[return-value]
    raise TypeError(f"{kind.__name__} has no canonical encoding")


def _ordered_map(value: dict[str, object], depth: int, budget: list[int]) -> dict[str, Packable]:
    _spend(2 * len(value), depth, budget)
    if not _STR.issuperset(map(type, value)):
        raise TypeError("a map key is not a str")
    keys = list(value)
    ordered = sorted(keys)
    out = value if keys == ordered else {key: value[key] for key in ordered}
    for key, item in value.items():
        if type(item) in _PLAIN or (type(item) is int and _INT_MIN <= item <= _INT_MAX):
            continue  # most of the time is spent here: a call for each of these would double it
        new = _ordered(item, depth + 1, budget)
        if new is not item:
            if out is value:
                out = dict(value)  # the caller's map stays as it is
            out[key] = new
    return out  # type: ignore[return-value]


def _ordered_array(value: Sequence[object], depth: int, budget: list[int]) -> Sequence[Packable]:
    _spend(len(value), depth, budget)
    out: Sequence[object] | list[object] = value
    for at, item in enumerate(value):
        if type(item) in _PLAIN or (type(item) is int and _INT_MIN <= item <= _INT_MAX):
            continue
        new = _ordered(item, depth + 1, budget)
        if new is not item:
            if out is value:
                out = list(value)
            out[at] = new  # type: ignore[index]
    return out  # type: ignore[return-value]


def _spend(count: int, depth: int, budget: list[int]) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    budget[0] -= count
    if budget[0] < 0:
        raise ValueError(f"more than {MAX_NODES:,} nodes")


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "a str is not UTF-8"
    return "a map key is not a str, or a map repeats one"


# --- the walk over the headers -----------------------------------------------------------------

_OTHER: Final = 0


def _widths() -> tuple[int, ...]:
    """The whole length of a scalar by its first byte; `_OTHER` where that byte alone does not say it."""
    table = [_OTHER] * 256
    for first in (*range(0x00, 0x80), *range(0xE0, 0x100), 0xC0, 0xC2, 0xC3):
        table[first] = 1  # small integers, nil, false, true
    for first in range(0xA0, 0xC0):
        table[first] = 1 + (first & 0x1F)  # fixstr
    for power in range(4):
        table[0xCC + power] = table[0xD0 + power] = 1 + 2**power  # uint and int of 8 to 64 bits
    return tuple(table)


_WIDTH: Final = _widths()
_LENGTH_BYTES: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}  # bin and str
_COUNT: Final = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}  # array and map: width, nodes each


def _scan(data: bytes, what: str) -> None:
    """Check depth, nodes, types and the total length without building a value (no recursion)."""
    at, end, left, nodes = 0, len(data), 1, 1
    outer: list[int] = []
    while True:
        while not left:
            if not outer:
                if at != end:
                    raise NotCanonical(f"{what} is not canonical msgpack: bytes after its end")
                return
            left = outer.pop()
        left -= 1
        if at >= end:
            raise NotCanonical(f"{what} is not canonical msgpack: it ends too early")
        first = data[at]
        width = _WIDTH[first]
        if width:
            at += width
        elif first in _LENGTH_BYTES:
            width = _LENGTH_BYTES[first]
            at += 1 + width + int.from_bytes(data[at + 1 : at + 1 + width], "big")
        elif first < 0xA0 or first in _COUNT:
            if first < 0xA0:
                count, width = (first & 0x0F) * (1 if first & 0x10 else 2), 0
            else:
                width, each = _COUNT[first]
                count = each * int.from_bytes(data[at + 1 : at + 1 + width], "big")
            at += 1 + width
            nodes += count
            outer.append(left)
            left = count
            if nodes > MAX_NODES:
                raise NotCanonical(f"{what} is not canonical msgpack: more than {MAX_NODES:,} nodes")
            if len(outer) > MAX_DEPTH:
                raise NotCanonical(f"{what} is not canonical msgpack: nested deeper than {MAX_DEPTH}")
        else:
            raise NotCanonical(f"{what} is not canonical msgpack: float, ext or reserved type 0x{first:02x}")
        if at > end:
            raise NotCanonical(f"{what} is not canonical msgpack: it ends too early")
