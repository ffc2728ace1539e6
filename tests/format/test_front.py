"""The front: the order of its sections and of its faults, and not a byte more than it needs is pulled."""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import BadInput, LimitExceeded
from tera.format.access import Stanza, parse_access
from tera.format.core import Core, DynamicRules, StaticRules
from tera.format.front import Front, build_access, build_prefix, check_policy, parse_front, parse_prefix
from tera.format.rules import Rule
from tera.format.schedule import KeySchedule, core_hash
from tera.format.sections import PREAMBLE
from tera.wire import canonical
from tests.format.hostile import bytes_near, one_encoding, refused

FK, ONE = bytes(range(32)), b"\1" * 32
CORE = Core(bytes(16), 0)
DYNAMIC = Core(bytes(16), 0, DynamicRules(bytes(16), (ONE,), 0))
STANZA = Stanza(0, 17, b"", [b"k", bytes(16)], bytes(80))


def section(type: int, body: bytes) -> bytes:
    return struct.pack(">BBHI", type, 0, 0, len(body)) + body


def core_section(core_map: bytes) -> bytes:
    return section(1, core_map + KeySchedule(FK, core_hash(core_map)).commitment)


def access_section(*stanzas: list[Any], slack: int = 4) -> bytes:
    packed = canonical.pack([1, list(stanzas)])
    return section(3, len(packed).to_bytes(4, "big") + packed + bytes(slack) + bytes(32))


def policy_body(envelope: bytes = b"\x80", signatures: bytes = b"\x90", slack: bytes = b"\0\0\0") -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in (envelope, signatures)) + slack


KEK: list[Any] = [0, 17, b"", [b"k", bytes(16)], bytes(80)]
PLAIN = PREAMBLE + core_section(CORE.pack()) + access_section(KEK)
WITH_POLICY = PREAMBLE + core_section(DYNAMIC.pack()) + section(2, policy_body()) + access_section(KEK)


class Pulled:
    """A pipe that remembers how much was taken from it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def __call__(self, length: int) -> bytes:
        piece = self.data[self.at : self.at + length]
        self.at += len(piece)
        return piece


def front(data: bytes) -> Front:
    return parse_front(Pulled(data))


def again(found: Front) -> bytes:
    return found.prefix + section(3, found.access_body)


# --- one encoding -----------------------------------------------------------------------------------


@pytest.mark.parametrize("good", [PLAIN, WITH_POLICY])
def test_a_front_is_its_bytes_and_nothing_behind_it_is_pulled(good: bytes) -> None:
    pipe = Pulled(good + b"payload")
    found = parse_front(pipe)
    assert pipe.at == found.length == len(good)
    assert again(found) == good
    assert found.access_offset == len(found.prefix) == good.rindex(b"\3\0\0\0" + good[found.access_offset + 4 :][:4])
    core = DYNAMIC if good is WITH_POLICY else CORE
    assert found.core == core
    assert found.policy == (policy_body() if good is WITH_POLICY else None)
    assert found.stanzas == (STANZA,)
    keys = KeySchedule(FK, core_hash(core.pack()))
    assert (found.h_core, found.commitment, found.bind) == (core_hash(core.pack()), keys.commitment, keys.bind)
    prefix = parse_prefix(Pulled(good))
    assert (prefix.bytes, prefix.core, prefix.bind) == (found.prefix, found.core, found.bind)


@pytest.mark.parametrize("good", [PLAIN, WITH_POLICY])
def test_a_front_cut_anywhere_is_refused(good: bytes) -> None:
    for length in range(len(good)):
        refused("not_tera" if length < 8 else "truncated", front, good[:length])


@given(st.sampled_from([PLAIN, WITH_POLICY]).flatmap(bytes_near))
def test_bytes_near_a_front_are_refused_or_the_one_encoding(data: bytes) -> None:
    # What follows ACCESS is the payload's: it is not looked at.
    one_encoding(front, lambda found: again(found) + data[found.length :], data)


# --- the order of sections and faults ---------------------------------------------------------------


def test_policy_is_there_exactly_when_the_rules_are_dynamic() -> None:
    policy = section(2, policy_body())
    refused("bad_section", front, PREAMBLE + core_section(CORE.pack()) + policy + access_section(KEK))
    refused("bad_section", front, PREAMBLE + core_section(DYNAMIC.pack()) + access_section(KEK))
    refused("bad_section", front, PREAMBLE + core_section(DYNAMIC.pack()) + policy * 2 + access_section(KEK))


def test_sections_in_another_order_are_refused() -> None:
    core, stanzas = core_section(CORE.pack()), access_section(KEK)
    for body in (stanzas, stanzas + core, core + core + stanzas, section(0x10, bytes(56)) + core + stanzas):
        refused("bad_section", front, PREAMBLE + body)


def test_of_two_faults_the_one_nearer_to_the_start_is_reported() -> None:
    bad_core = core_section(canonical.pack({"a": 1}))
    feature = core_section(_with(DYNAMIC, req=["a"]))
    bad_policy = section(2, policy_body(slack=b"\1"))
    bad_access = access_section([0, 5, b"", [], b""])
    good_dynamic = core_section(DYNAMIC.pack())
    for code, parts in {
        "unsupported_version": (b"\2", bad_core),
        "bad_core": (bad_core, bad_access),
        "unknown_feature": (feature, bad_policy, bad_access),
        "bad_policy": (good_dynamic, bad_policy, bad_access),
        "bad_access": (good_dynamic, section(2, policy_body()), bad_access),
        "bad_section": (core_section(CORE.pack()), section(4, bytes(50)), bad_access),
    }.items():
        start = PREAMBLE[:-1] if code == "unsupported_version" else PREAMBLE
        refused(code, front, start + b"".join(parts))


def _with(core: Core, **changes: Any) -> bytes:
    value = canonical.unpack(core.pack(), what="CORE", max_len=1 << 16)
    assert isinstance(value, dict)
    return canonical.pack({**value, **changes})


def test_access_against_release_is_judged_last_of_all() -> None:
    core = Core(bytes(16), 0, StaticRules((Rule("opens", 3),)), authorities=(ONE,))
    start = PREAMBLE + core_section(core.pack())
    refused("bad_access", front, start + access_section(KEK))
    asked = [0, 32, b"", [ONE, b"k"], bytes(1_168)]
    assert len(front(start + access_section(KEK, asked)).stanzas) == 2
    refused("bad_access", front, PREAMBLE + core_section(CORE.pack()) + access_section(KEK, asked))


def test_a_length_that_a_section_cannot_have_is_refused_before_its_body_is_pulled() -> None:
    for type, start, length in (
        (1, PREAMBLE, 65_537),
        (2, PREAMBLE + core_section(DYNAMIC.pack()), 262_145),
        (3, PREAMBLE + core_section(CORE.pack()), 4_194_305),
    ):
        pipe = Pulled(start + struct.pack(">BBHI", type, 0, 0, length) + bytes(100))
        refused("bad_section", parse_front, pipe)
        assert pipe.at == len(start) + 8


# --- POLICY -----------------------------------------------------------------------------------------


def test_a_policy_is_a_map_an_array_and_zeros() -> None:
    for slack in range(9):
        check_policy(policy_body(slack=bytes(slack)))
    check_policy(policy_body(canonical.pack({"a": [1]}), canonical.pack([[b"x"]])))


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("bad_policy", policy_body(b"\x90")),
        ("bad_policy", policy_body(b"\xc0")),
        ("bad_policy", policy_body(signatures=b"\x80")),
        ("bad_policy", policy_body(signatures=b"\xc0")),
        ("bad_policy", policy_body(slack=b"\0\1")),
        ("bad_policy", policy_body(slack=b"\1\0")),
        ("bad_policy", b"\0\0\0\2\x80"),
        ("bad_policy", b"\xff\xff\xff\xff" + bytes(20)),
        ("bad_policy", b"\0\0\0\1\x80\0\0\0\2\x90"),
        ("bad_policy", b"\0\0\0\1\x80\0\0\0"),
        ("bad_policy", b"\0\0\0\1\x80"),
        ("not_canonical", policy_body(b"")),
        ("not_canonical", policy_body(signatures=b"")),
        ("not_canonical", policy_body(b"\x80\x80")),
        ("not_canonical", policy_body(b"\xde\0\0")),
        ("not_canonical", policy_body(signatures=b"\xdc\0\0")),
        ("not_canonical", bytes(8)),
        # The value before its schema, and the envelope before the signatures.
        ("not_canonical", policy_body(b"\x90\x90")),
        ("bad_policy", policy_body(b"\x90", b"\x80\x80")),
        ("not_canonical", policy_body(b"\x80", b"\x90\x90", slack=b"\1")),
    ],
)
def test_a_policy_of_another_form_is_refused(code: str, body: bytes) -> None:
    refused(code, check_policy, body)


@given(bytes_near(policy_body(canonical.pack({"a": b"xyz"}), canonical.pack([b"abc"]))))
def test_a_policy_that_passes_has_one_form(data: bytes) -> None:
    def check(body: bytes) -> bytes:
        check_policy(body)
        return body

    def again(body: bytes) -> bytes:
        first = int.from_bytes(body[:4], "big")
        second = int.from_bytes(body[4 + first : 8 + first], "big")
        rest = body[8 + first + second :]
        values = [
            canonical.unpack(part, what="it", max_len=1 << 20)
            for part in (body[4 : 4 + first], body[8 + first : 8 + first + second])
        ]
        assert isinstance(values[0], dict) and isinstance(values[1], list)
        return policy_body(canonical.pack(values[0]), canonical.pack(values[1]), bytes(len(rest)))

    one_encoding(check, again, data)


# --- MAC and writing --------------------------------------------------------------------------------


def sealed(stanzas: tuple[Stanza, ...] = (STANZA,), length: int | None = None) -> tuple[bytes, KeySchedule]:
    keys = KeySchedule(FK, core_hash(CORE.pack()))
    prefix = build_prefix(keys, CORE.pack())
    return prefix + build_access(stanzas, keys, len(prefix), length), keys


def test_what_is_written_is_read_and_its_mac_is_the_one_of_the_text() -> None:
    data, keys = sealed()
    found = front(data)
    assert again(found) == data
    assert (found.core, found.stanzas) == (CORE, (STANZA,))
    assert found.length % 4_096 == 0
    found.check_access(keys)
    prk = hmac.new(found.h_core, FK, "sha512").digest()
    k_acc = hmac.new(prk, b"tera/v1 access-mac\x01", "sha512").digest()[:32]
    start = found.access_offset
    text = b"tera/v1/access\0" + found.bind + data[start : start + 8] + data[start + 8 : -32]
    assert hmac.new(k_acc, text, hashlib.sha256).digest() == data[-32:]


def test_a_changed_byte_of_access_is_refused_by_its_mac() -> None:
    data, keys = sealed()
    found = front(data)
    for at in (0, 7, 60, 100, len(found.access_body) - 33, len(found.access_body) - 32, len(found.access_body) - 1):
        changed = bytearray(found.access_body)
        changed[at] ^= 1
        refused("access_mac", replace(found, access_body=bytes(changed)).check_access, keys)
    for body in (found.access_body + bytes(32), found.access_body[:-64] + found.access_body[-32:]):
        refused("access_mac", replace(found, access_body=body).check_access, keys)
    refused("access_mac", found.check_access, KeySchedule(bytes(32), found.h_core))


def test_a_section_in_place_has_exactly_its_length() -> None:
    data, _ = sealed()
    least = 4 + len(canonical.pack([1, [KEK]])) + 32
    for length in (least, least + 1, 5_000):
        tight, keys = sealed(length=length)
        found = front(tight)
        assert len(found.access_body) == length
        found.check_access(keys)
    for length in (least - 1, 40, 0, 4_194_305):
        with pytest.raises(LimitExceeded):
            sealed(length=length)
    assert len(front(data).access_body) > least


def test_more_stanzas_than_a_section_holds_are_not_written() -> None:
    wide = [replace(STANZA, group=group, type=2, params=[], ct=bytes(1_713)) for group in range(1_024)]
    assert len(front(sealed(tuple(wide))[0]).stanzas) == 1_024
    with pytest.raises(BadInput):
        sealed(tuple(replace(STANZA, group=group) for group in range(1_025)))


def test_stanzas_that_no_reader_would_take_are_not_written() -> None:
    for wrong in ((), (replace(STANZA, group=1),), (replace(STANZA, type=5),), (replace(STANZA, ct=b""),)):
        with pytest.raises(BadInput):
            sealed(wrong)
    keys = KeySchedule(FK, core_hash(CORE.pack()))
    with pytest.raises(BadInput):
        build_access((STANZA,), keys, 100, authorities=(ONE,))
    asked = Stanza(0, 32, b"", [ONE, b"k"], bytes(1_168))
    made = build_access((STANZA, asked), keys, 100, authorities=(ONE,))
    assert parse_access(made[8:], (ONE,)) == (STANZA, asked)
