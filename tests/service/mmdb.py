"""Writes small databases of MaxMind's format: a tree of bits over data, then metadata (its specification, 2.0)."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

_MARK = b"\xab\xcd\xefMaxMind.com"
_MAP, _UTF8, _UINT16, _UINT32, _UINT64, _ARRAY = 7, 2, 5, 6, 9, 11


def database(records: Mapping[str, Any]) -> bytes:
    """Return a database of IPv4 networks and their records; no network is inside another."""
    data, tree = bytearray(), [[None, None]]
    for network, record in records.items():
        at, net = len(data), ip_network(network)
        data += _pack(record)
        node = 0
        bits = [int(net.network_address) >> (31 - bit) & 1 for bit in range(net.prefixlen)]
        for bit in bits[:-1]:
            if tree[node][bit] is None:
                tree.append([None, None])
                tree[node][bit] = ("node", len(tree) - 1)  # type: ignore[call-overload]
            node = tree[node][bit][1]  # type: ignore[index]
        tree[node][bits[-1]] = ("data", at)  # type: ignore[call-overload]
    count = len(tree)
    nodes = b"".join(_number(side, count).to_bytes(3, "big") for node in tree for side in node)
    metadata = {
        "binary_format_major_version": (_UINT16, 2),
        "binary_format_minor_version": (_UINT16, 0),
        "build_epoch": (_UINT64, 1_700_000_000),
        "database_type": "Test-City",
        "description": {"en": "a test"},
        "ip_version": (_UINT16, 4),
        "languages": ["en"],
        "node_count": (_UINT32, count),
        "record_size": (_UINT16, 24),
    }
    return nodes + bytes(16) + bytes(data) + _MARK + _pack(metadata)


def _number(side: Any, count: int) -> int:
    if side is None:
        return count
    return int(side[1]) if side[0] == "node" else count + 16 + int(side[1])


def _pack(value: Any) -> bytes:
    if isinstance(value, str):
        text = value.encode()
        return _control(_UTF8, len(text)) + text
    if isinstance(value, tuple):
        kind, number = value
        body = number.to_bytes((number.bit_length() + 7) // 8, "big")
        return _control(kind, len(body)) + bytes(body)
    if isinstance(value, list):
        return _control(_ARRAY, len(value)) + b"".join(map(_pack, value))
    return _control(_MAP, len(value)) + b"".join(_pack(key) + _pack(inner) for key, inner in value.items())


def _control(kind: int, size: int) -> bytes:
    extended = b"" if kind < 8 else bytes((kind - 7,))
    first = (kind if kind < 8 else 0) << 5
    if size < 29:
        return bytes((first | size,)) + extended
    assert size < 285
    return bytes((first | 29,)) + extended + bytes((size - 29,))
