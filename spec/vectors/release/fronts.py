"""Fronts of containers that a request cannot hold: of no container, cut, too long, of rules that nobody can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spec.vectors.example import sha256, u32
from spec.vectors.fixed import fixed_bytes
from spec.vectors.release.maker import (
    DYNAMIC,
    Container,
    container,
    framed,
    policy_body,
)
from tera.wire import canonical


def fronts() -> Iterator[tuple[str, str, bytes]]:
    """Give the name, the code and the bytes of each."""
    good = container()
    front, core, body = good.front, good.core_map, good.core_map + good.commitment
    yield "nothing", "not_tera", b""
    yield "another magic", "not_tera", b"\x88" + front[1:]
    yield "version 2", "unsupported_version", front[:8] + b"\2" + front[9:]
    yield "suite 2", "unsupported_version", front[:11] + b"\2" + front[12:]
    for end in (8, 15, 16, 23, 24, len(front) - 1):
        yield f"cut to {end}" if end < 100 else "cut in KC", "truncated", front[:end]
    yield "a byte behind it", "bad_request", front + b"\0"
    yield "ACCESS behind it", "bad_request", front + bytes((3, 0, 0, 0)) + u32(37) + bytes(37)
    yield "POLICY behind static rules", "bad_request", Container(core, good.commitment, policy_body()).front
    yield "POLICY first", "bad_section", front[:16] + b"\2" + front[17:]
    yield "flags of CORE", "bad_section", front[:17] + b"\1" + front[18:]
    for name, changes in {
        "no rules": {"pol": {"m": "none"}, "release": []},
        "sealed rules": {"pol": {"m": "sealed"}, "release": []},
    }.items():
        yield name, "bad_request", container(changes).front
    wrong: dict[str, dict[str, Any]] = {
        "an empty array of rules": {"pol": {"m": "static", "rules": []}},
        "rules not sorted": {"pol": {"m": "static", "rules": [["opens", 1], ["device", 1]]}},
        "sealed rules and an authority": {"pol": {"m": "sealed"}},
        "no rules and an authority": {"pol": {"m": "none"}},
        "a short id": {"id": bytes(15)},
        "an unknown key of CORE": {"why": 1},
    }
    for name, changes in wrong.items():
        yield name, "bad_core", container(changes).front
    yield "a feature", "unknown_feature", container({"req": ["x"]}).front
    longer = core.replace(b"\xa3pad\x01", b"\xa3pad\xcc\x01")
    assert longer != core and body.endswith(good.commitment)
    yield "CORE not canonical", "not_canonical", Container(longer, good.commitment).front
    yield from _policies()


def _policies() -> Iterator[tuple[str, str, bytes]]:
    def front(policy: bytes | None) -> bytes:
        return container(DYNAMIC, policy).front

    good = policy_body(slack=b"")
    yield "POLICY missing", "truncated", front(None)
    yield "POLICY cut", "truncated", front(good)[:-1]
    yield "ACCESS for POLICY", "bad_section", front(None) + bytes((3, 0, 0, 0)) + u32(37) + bytes(37)
    yield "a byte behind POLICY", "bad_request", front(good) + b"\0"
    yield "slack of POLICY", "bad_policy", front(good + b"\1")
    yield "an envelope that does not fit", "bad_policy", front(u32(99) + bytes(9))
    yield "an array for an envelope", "bad_policy", front(framed(b"\x90", b"\x90"))
    yield "signatures of a policy in a map", "bad_policy", front(framed(good[4:-5], b"\x80"))
    yield "an envelope not canonical", "not_canonical", front(framed(b"\xde\0\0", b"\x90"))
    envelopes: dict[str, dict[str, Any]] = {
        "version 0 of a policy": {"ver": 0},
        "a policy that expires before it is issued": {"nxt": 5},
        "no rules in a policy's array": {"rules": []},
        "an unknown key of a policy": {"why": 1},
    }
    for name, changes in envelopes.items():
        yield name, "bad_policy", front(policy_body(changes))
    public = fixed_bytes("a key", 1_984)
    named = [sha256(b"tera/v1/fpr\0\x01\x01" + public), 1, public, bytes(3_373)]
    yield "a policy's signature of algorithm 2", "bad_policy", front(policy_body(listed=[[named[0], 2, *named[2:]]]))
    yield "a policy signed twice by one", "bad_policy", front(policy_body(listed=[named, named]))
    both = framed(canonical.pack({"v": 1}), b"\x90")
    yield "a byte behind POLICY and its envelope", "bad_request", front(both) + b"\0"
    yield (
        "rules none before a byte behind",
        "bad_request",
        container({"pol": {"m": "none"}, "release": []}).front + b"\0",
    )
