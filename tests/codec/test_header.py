"""What a caller wants in the header: made canonical here, and refused here when no container can hold it."""

from __future__ import annotations

from typing import Any

import pytest

from tera.codec.header import build, sorted_tags, uuid7
from tera.crypto.random import system
from tera.errors import TeraError
from tera.format.core import NO_PADDING, PADME, NoRules, SealedRules, StaticRules, parse_core
from tera.format.records import Manifest, parse_manifest
from tera.format.rules import Rule


def made(**options: Any) -> tuple[Any, Any]:
    """Return CORE and MANIFEST, parsed again from what was packed."""
    given: dict[str, Any] = {
        "id": bytes(16),
        "created": 0,
        "rules": None,
        "sealed_rules": False,
        "dynamic": None,
        "authorities": (),
        "public_tags": (),
        "tags": (),
        "manifest": b"",
        "signers": (),
        "padding": True,
        "random": system,
    }
    core, packed_core, packed_manifest, _ = build(**{**given, **options})
    again = parse_core(packed_core)
    assert again == core
    return again, parse_manifest(packed_manifest, sealed=isinstance(core.rules, SealedRules))


def refused(code: str, **options: Any) -> None:
    with pytest.raises(TeraError) as caught:
        made(**options)
    assert caught.value.code == code


def test_an_id_is_a_uuid_of_version_7() -> None:
    now = 1_700_000_000_123_456_789
    for fill in (b"\0", b"\xff", b"\xa5"):
        found = uuid7(now, lambda length, fill=fill: fill * length)  # type: ignore[misc]
        assert int.from_bytes(found[:6], "big") == 1_700_000_000_123
        assert found[6] >> 4 == 7
        assert found[8] >> 6 == 0b10
        assert found[9:] == fill * 7
        assert found[6] & 0xF == fill[0] & 0xF
        assert found[8] & 0x3F == fill[0] & 0x3F
    late, early = (uuid7(at, bytes) for at in (now + 1_000_000, now))
    assert early < late


def test_tags_are_sorted_by_bytes_and_once() -> None:
    assert sorted_tags(["b", "a", "b", "é", "z"]) == ("a", "b", "z", "é")
    assert sorted_tags(iter(["x" * 128])) == ("x" * 128,)
    core, manifest = made(public_tags=["p2", "p1"], tags=["t"])
    assert (core.tags, manifest.tags) == (("p1", "p2"), ("t",))


def test_the_order_of_tags_is_that_of_their_bytes_beyond_16_bits_too() -> None:
    tags = ["\U0001f600", "\uffee", "a"]
    assert sorted_tags(tags) == tuple(sorted(tags, key=str.encode))
    assert made(public_tags=tags, tags=tags)


@pytest.mark.parametrize("tag", ["", "x" * 129, "é" * 65, "\ud800"])
def test_a_tag_that_no_container_holds_is_refused(tag: str) -> None:
    refused("bad_input", tags=[tag])
    refused("bad_input", public_tags=["fine", tag])


def test_rules_stand_in_one_place() -> None:
    rules = [("rights", ["view"]), ("device", {"allow": [bytes(32)]})]
    wanted = (Rule("device", {"allow": [bytes(32)]}), Rule("rights", ["view"]))
    core, manifest = made(rules=rules)
    assert (core.rules, manifest.rules) == (StaticRules(wanted), None)
    core, manifest = made(rules=rules, sealed_rules=True)
    assert (core.rules, manifest.rules) == (SealedRules(), wanted)
    for sealed in (False, True):
        assert made(sealed_rules=sealed)[0].rules == NoRules()


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [("a", 1, 2)],
        ["ab", "c"],
        [("a", float("nan"))],
        [("a", 2**64)],
        [("a", -(2**63) - 1)],
        [("a", "\ud800")],
        [("a", {1: 2})],
        [("a", [[[[[[[[1]]]]]]]])],
        [("A", 1)],
        [("", 1)],
        [("a" * 65, 1)],
        [("a", 1), ("a", 1)],
        [("a", "x" * 70_000)],
        [(1, 1)],
        5,
    ],
)
def test_rules_that_no_container_holds_are_refused(rules: Any) -> None:
    refused("bad_input", rules=rules)


def test_sealed_rules_may_be_longer_than_the_public_header() -> None:
    long = [("recipients", [f"a{number:05}@example.org" for number in range(5_000)])]
    refused("bad_input", rules=long)
    assert made(rules=long, sealed_rules=True)[1].rules == (Rule(*long[0]),)


def test_a_manifest_is_kept_as_it_is_up_to_16_mib() -> None:
    for text in (b"", b'{"a": 1}', b"not json \xff\0", bytearray(b"x"), memoryview(b"y")):
        assert made(manifest=text)[1].json == bytes(text)
    room = (16 << 20) - len(Manifest().pack())
    assert len(made(manifest=bytes(room - 4))[1].json) == room - 4
    refused("limit_exceeded", manifest=bytes(room + 1))
    for wrong in ("{}", None, 5, {"a": 1}):
        with pytest.raises(TypeError, match="bytes"):
            made(manifest=wrong)


def test_padding_is_said_in_the_header() -> None:
    assert (made()[0].padding, made(padding=False)[0].padding) == (PADME, NO_PADDING)


@pytest.mark.parametrize(
    "options",
    [
        {"id": bytes(17)},
        {"created": 2**63},
        {"signers": (bytes(31),)},
        {"signers": (b"b" * 32, b"a" * 32)},
        {"signers": (bytes(32), bytes(32))},
        {"signers": tuple(bytes((number,)) * 32 for number in range(5))},
    ],
)
def test_a_header_that_no_reader_takes_is_refused(options: dict[str, Any]) -> None:
    refused("bad_input", **options)


def test_rules_that_have_ended_already_are_refused() -> None:
    refused("bad_input", rules=[("time", {"end": 1_000})], created=1_000)
    made(rules=[("time", {"end": 1_001})], created=1_000)
