"""CORE: one map, nine keys; what anybody may read and what a reader must refuse of it."""

from __future__ import annotations

from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import BadCore, LimitExceeded
from tera.format.core import (
    NO_PADDING,
    PADME,
    Core,
    DynamicRules,
    NoRules,
    SealedRules,
    StaticRules,
    parse_core,
)
from tera.format.rules import Rule
from tests.format.hostile import bytes_near, one_encoding, refused, value_near

ONE, TWO = b"\1" * 32, b"\2" * 32
PLAIN: dict[str, Any] = {
    "id": bytes(16),
    "pad": 1,
    "pol": {"m": "none"},
    "release": [],
    "req": [],
    "sig": [ONE],
    "t": 1_700_000_000,
    "tags": ["a", "b"],
    "x": {"k": [1, {}]},
}
STATIC = {"m": "static", "rules": [["opens", 3]]}
DYNAMIC = {"auth": [ONE], "m": "dynamic", "min": 0, "pid": bytes(16)}
SEALED = {"m": "sealed"}


def spelled(**changes: Any) -> bytes:
    """Spell CORE's map with msgpack alone, keys in order, some of them changed."""
    return ordered({**PLAIN, **changes})


def ordered(value: Any) -> bytes:
    packed: bytes = msgpack.packb(_ordered(value))
    return packed


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


prints = st.sets(st.binary(min_size=32, max_size=32), max_size=4).map(lambda found: tuple(sorted(found)))
places = st.one_of(
    st.just(NoRules()),
    st.just(SealedRules()),
    st.just(StaticRules((Rule("geo", {"a": [True]}), Rule("opens", 3)))),
    st.builds(
        DynamicRules,
        st.binary(min_size=16, max_size=16),
        prints.filter(len),
        st.integers(0, 2**64 - 1),
    ),
)


@st.composite
def cores(draw: st.DrawFn) -> Core:
    rules = draw(places)
    return Core(
        id=draw(st.binary(min_size=16, max_size=16)),
        created=draw(st.integers(0, 253_402_300_799)),
        rules=rules,
        tags=tuple(sorted(draw(st.sets(st.text(min_size=1, max_size=32), max_size=4)))),
        signers=draw(prints),
        authorities=draw(prints) if isinstance(rules, StaticRules | DynamicRules) else (),
        padding=draw(st.sampled_from([NO_PADDING, PADME])),
        extensions=draw(st.dictionaries(st.text(max_size=4), st.integers(0, 300), max_size=3)),
    )


@given(cores())
def test_a_core_comes_back(core: Core) -> None:
    packed = core.pack()
    assert parse_core(packed) == core
    assert parse_core(packed).pack() == packed


def test_the_map_is_spelled_as_the_text_says() -> None:
    for place, pol in (
        (NoRules(), {"m": "none"}),
        (SealedRules(), SEALED),
        (StaticRules((Rule("opens", 3),)), STATIC),
        (DynamicRules(bytes(16), (ONE,), 0), DYNAMIC),
    ):
        core = Core(bytes(16), 1_700_000_000, place, ("a", "b"), (ONE,), extensions={"k": [1, {}]})
        assert core.pack() == spelled(pol=pol)


@given(st.data())
def test_a_map_near_a_core_is_refused_or_the_one_encoding(data: st.DataObject) -> None:
    pol = data.draw(st.sampled_from([PLAIN["pol"], STATIC, DYNAMIC, SEALED]))
    release = data.draw(st.sampled_from([[], [ONE, TWO]]))
    one_encoding(parse_core, Core.pack, ordered(data.draw(value_near({**PLAIN, "pol": pol, "release": release}))))


@given(st.sampled_from([PLAIN["pol"], STATIC, DYNAMIC]).flatmap(lambda pol: bytes_near(spelled(pol=pol))))
def test_bytes_near_a_core_are_refused_or_the_one_encoding(data: bytes) -> None:
    one_encoding(parse_core, Core.pack, data)


WRONG: dict[str, list[Any]] = {
    "id": [b"", bytes(15), bytes(17), "a" * 16, None, 0],
    "pad": [-1, 2, True, False, None, "1", b"\1"],
    "release": [None, {}, [ONE], [ONE[:-1]], [ONE + b"\0"], ["a" * 32], [ONE, ONE], [TWO, ONE]],
    "req": [None, "a", [""], ["a", "a"], ["b", "a"], ["a" * 65], [b"a"], [1]],
    "sig": [None, {}, [ONE[:-1]], [ONE + b"\0"], ["a" * 32], [ONE, ONE], [TWO, ONE]],
    "t": [-1, 253_402_300_800, 2**64 - 1, True, None, "1"],
    "tags": [None, "a", [""], ["a", "a"], ["b", "a"], ["a" * 129], ["é" * 65], [b"a"], [1]],
    "x": [None, [], "", b"", 0],
    "pol": [
        *(None, [], "none", {}, {"m": None}, {"m": ""}, {"m": "None"}, {"m": b"none"}, {"m": "none", "rules": []}),
        *({"m": "sealed", "rules": [["a", 1]]}, {"rules": [["a", 1]]}),
        *({"m": "static"}, {"m": "static", "rules": []}, {"m": "static", "rules": [["a"]]}, {**STATIC, "min": 0}),
        *({key: value for key, value in DYNAMIC.items() if key != gone} for gone in DYNAMIC),
        *({**DYNAMIC, "rules": [["a", 1]]}, {**DYNAMIC, "auth": []}, {**DYNAMIC, "auth": [TWO, ONE]}),
        *({**DYNAMIC, "auth": [bytes((n,)) * 32 for n in range(5)]}, {**DYNAMIC, "auth": [ONE[:31]]}),
        *({**DYNAMIC, "min": -1}, {**DYNAMIC, "min": True}, {**DYNAMIC, "min": None}),
        *({**DYNAMIC, "pid": bytes(15)}, {**DYNAMIC, "pid": bytes(17)}, {**DYNAMIC, "pid": "a" * 16}),
    ],
}


@pytest.mark.parametrize("key", WRONG)
def test_a_value_of_another_type_or_out_of_range_is_refused(key: str) -> None:
    for value in WRONG[key]:
        refused("bad_core", parse_core, spelled(**{key: value}))


def test_a_missing_or_unknown_key_is_refused() -> None:
    assert set(WRONG) == set(PLAIN)
    for key in PLAIN:
        refused("bad_core", parse_core, ordered({k: v for k, v in PLAIN.items() if k != key}))
    for key in ("", "a", "zz", "Id"):
        refused("bad_core", parse_core, ordered({**PLAIN, key: None}))
    others: list[Any] = [None, [], "core", 1]
    for other in others:
        refused("bad_core", parse_core, ordered(other))


def test_every_number_is_taken_up_to_its_limit() -> None:
    def prints(count: int) -> list[bytes]:
        return [bytes((number,)) * 32 for number in range(count)]

    at: dict[str, tuple[Any, Any]] = {
        "release": (prints(4), prints(5)),
        "sig": (prints(4), prints(5)),
        "tags": ([f"{n:02}" for n in range(64)], [f"{n:02}" for n in range(65)]),
        "t": (253_402_300_799, 253_402_300_800),
        # A map of one key of one letter and 16,384 - 5 bytes: 1 + 2 + 3 + the bytes.
        "x": ({"k": bytes(16_384 - 6)}, {"k": bytes(16_384 - 5)}),
    }
    for key, (most, more) in at.items():
        assert parse_core(spelled(pol=STATIC, **{key: most})).pack() == spelled(pol=STATIC, **{key: most})
        refused("bad_core", parse_core, spelled(pol=STATIC, **{key: more}))
    for padding in (0, 1):
        assert parse_core(spelled(pad=padding)).padding == padding
    assert (NO_PADDING, PADME) == (0, 1)
    for tag in ("a" * 128, "é" * 64):
        assert parse_core(spelled(tags=[tag])).tags == (tag,)
    for floor in (0, 2**64 - 1):
        found = parse_core(spelled(pol={**DYNAMIC, "auth": prints(4), "min": floor})).rules
        assert found == DynamicRules(bytes(16), tuple(prints(4)), floor)


def test_a_feature_is_not_known() -> None:
    for features in (["a"], ["a", "b"], ["a" * 64], [f"{n:02}" for n in range(16)]):
        refused("unknown_feature", parse_core, spelled(req=features))
    refused("bad_core", parse_core, spelled(req=[f"{n:02}" for n in range(17)]))


def test_a_feature_excuses_no_fault_of_the_map() -> None:
    refused("bad_core", parse_core, spelled(req=["a"], x=None))
    refused("bad_core", parse_core, spelled(req=["a"], release=[ONE]))


@pytest.mark.parametrize("pol", [{"m": "none"}, SEALED])
def test_an_authority_without_rules_that_it_can_read_is_refused(pol: dict[str, Any]) -> None:
    refused("bad_core", parse_core, spelled(pol=pol, release=[ONE]))


@pytest.mark.parametrize("pol", [STATIC, DYNAMIC])
def test_an_authority_with_rules_that_it_can_read_passes(pol: dict[str, Any]) -> None:
    assert parse_core(spelled(pol=pol, release=[ONE])).authorities == (ONE,)


def test_a_fault_of_the_encoding_comes_before_one_of_the_schema() -> None:
    refused("not_canonical", parse_core, b"")
    refused("not_canonical", parse_core, msgpack.packb({"b": 1, "a": 1}))
    refused("not_canonical", parse_core, spelled(id=None) + b"\0")
    refused("not_canonical", parse_core, spelled(x={"k": 1.5}))


def test_a_map_that_leaves_no_room_for_its_commitment_is_not_written() -> None:
    """CORE's body is the map and 32 bytes, together at most 64 KiB: no reader would take a longer one."""

    def core(size: int) -> Core:
        return Core(bytes(16), 0, StaticRules((Rule("a", bytes(size)),)))

    rest = 65_536 - 32 - (len(core(60_000).pack()) - 60_000)
    assert len(core(rest).pack()) == 65_536 - 32
    with pytest.raises(LimitExceeded):
        core(rest + 1).pack()


def test_a_core_that_no_reader_would_take_is_not_written() -> None:
    for wrong in (
        Core(bytes(15), 0),
        Core(bytes(16), -1),
        Core(bytes(16), 0, padding=2),
        Core(bytes(16), 0, tags=("b", "a")),
        Core(bytes(16), 0, authorities=(ONE,)),
        Core(bytes(16), 0, StaticRules(())),
    ):
        with pytest.raises(BadCore):
            wrong.pack()
    refused("unknown_feature", Core(bytes(16), 0, features=("a",)).pack)
