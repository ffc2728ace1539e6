"""ACCESS: stanzas in groups, each of its one shape; a stanza that a quantum computer opens does not exist."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.format import access
from tera.format.access import Stanza, pack_access, padded_length, parse_access, unsealed_section
from tera.wire import canonical
from tests.format.hostile import bytes_near, one_encoding, refused, value_near

ONE, TWO = b"\1" * 32, b"\2" * 32
SALT = bytes(16)

# The table of the text: params of each type, and the length of its ct.
PARAMS: dict[int, list[Any]] = {
    **{type: [] for type in (1, 2, 3, 4)},
    16: [65_536, 3, 4, SALT],
    17: [b"key", SALT],
    32: [ONE, b"k"],
    33: [ONE, b"k"],
}
CT = {1: 1_120 + 48, 2: 1_665 + 48, 3: 1_088 + 48, 4: 1_568 + 48, 16: 80, 17: 80, 32: 1_120 + 48, 33: 1_665 + 48}


def stanza(type: int, group: int = 0, **changes: Any) -> list[Any]:
    """Return the packed form of a stanza, some of it changed."""
    made = {"group": group, "type": type, "hint": b"", "params": PARAMS.get(type, []), "ct": bytes(CT.get(type, 80))}
    assert changes.keys() <= made.keys()
    return list({**made, **changes}.values())


def kek(group: int = 0, **changes: Any) -> list[Any]:
    return stanza(17, group, **changes)


def body(*stanzas: Any, slack: bytes = b"\0\0", mac: bytes = bytes(32), top: Any = None) -> bytes:
    packed = canonical.pack([1, list(stanzas)] if top is None else top)
    return len(packed).to_bytes(4, "big") + packed + slack + mac


def parse(*stanzas: Any, authorities: tuple[bytes, ...] = (), **options: Any) -> tuple[Stanza, ...]:
    return parse_access(body(*stanzas, **options), authorities)


def refuse(*stanzas: Any, authorities: tuple[bytes, ...] = (), code: str = "bad_access", **options: Any) -> None:
    refused(code, parse_access, body(*stanzas, **options), authorities)


# --- one encoding -----------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from([1, 2, 3, 4, 16, 17]), st.booleans(), st.binary(max_size=4)), min_size=1))
def test_stanzas_come_back(drawn: list[tuple[int, bool, bytes]]) -> None:
    group, made = 0, [stanza(17)]
    for type, joins, hint in drawn:
        together = joins and sum(item[0] == group for item in made) < 8
        group += not together
        if type == 16 and sum(item[1] == 16 for item in made) == 4:
            type = 17
        made.append(stanza(type, group, hint=hint if type <= 4 and len(hint) == 4 else b""))
    found = parse(*made)
    assert [[s.group, s.type, s.hint, s.params, s.ct] for s in found] == made
    assert pack_access(found) == body(*made, slack=b"", mac=b"")
    assert [len(members) for members in access.groups(found)] == [
        sum(item[0] == number for item in made) for number in range(group + 1)
    ]


def whole(data: bytes, authorities: tuple[bytes, ...] = ()) -> tuple[tuple[Stanza, ...], int, bytes]:
    return parse_access(data, authorities), len(data), data[-32:]


def again(found: tuple[tuple[Stanza, ...], int, bytes]) -> bytes:
    stanzas, length, mac = found
    return unsealed_section(pack_access(stanzas), length)[1] + mac


@given(st.data())
def test_a_map_near_a_sections_is_refused_or_the_one_encoding(data: st.DataObject) -> None:
    good = [stanza(1, hint=b"abcd"), stanza(32), stanza(16, 1), stanza(33, 1, params=[ONE, b"k"])]
    top = data.draw(value_near([1, good]))
    one_encoding(lambda found: whole(found, (ONE,)), again, body(top=top))


@given(bytes_near(body(kek(), stanza(16, 1))))
def test_bytes_near_a_sections_are_refused_or_the_one_encoding(data: bytes) -> None:
    one_encoding(whole, again, data)


# --- the section ------------------------------------------------------------------------------------


def test_a_length_that_does_not_fit_is_refused() -> None:
    good = body(kek(), slack=b"")
    packed = len(good) - 36
    assert len(parse_access(good, ())) == 1
    for length in (packed + 1, packed + 32, 2**16, 2**32 - 1):
        refused("bad_access", parse_access, length.to_bytes(4, "big") + good[4:], ())
    for length in (0, 1, packed - 1):
        refused("not_canonical", parse_access, length.to_bytes(4, "big") + good[4:], ())
    for length in range(36):
        refused("bad_access", parse_access, b"\0\0\0\1" + bytes(length - 4 if length > 4 else 0), ())


def test_slack_that_is_not_zero_is_refused_at_every_place() -> None:
    for length in (1, 2, 5):
        parse(kek(), slack=bytes(length))
        for at in range(length):
            refuse(kek(), slack=bytes(at) + b"\1" + bytes(length - at - 1))


def test_the_mac_is_not_judged_here() -> None:
    assert parse(kek(), mac=b"\xff" * 32) == parse(kek())


TOPS: dict[str, Any] = {
    "nil": None,
    "a map": {"a": 1},
    "empty": [],
    "no version": [[stanza(17)]],
    "three elements": [1, [stanza(17)], 0],
    "version 0": [0, [stanza(17)]],
    "version 2": [2, [stanza(17)]],
    "version true": [True, [stanza(17)]],
    "no stanza": [1, []],
    "stanzas in a map": [1, {"a": stanza(17)}],
}


@pytest.mark.parametrize("name", TOPS)
def test_another_frame_around_the_stanzas_is_refused(name: str) -> None:
    refuse(top=TOPS[name])


def test_bytes_that_are_not_canonical_are_refused_before_the_schema() -> None:
    packed = canonical.pack([1, [stanza(5)]]) + b"\0"
    refused("not_canonical", parse_access, len(packed).to_bytes(4, "big") + packed + bytes(32), ())


# --- a stanza ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("type", CT)
def test_a_ct_of_another_length_is_refused(type: int) -> None:
    authorities = (ONE,) if type >= 32 else ()
    beside = [kek()] if type >= 32 else []
    assert parse(*beside, stanza(type), authorities=authorities)[-1].ct == bytes(CT[type])
    for length in {0, CT[type] - 1, CT[type] + 1, 80 if CT[type] != 80 else 1_168}:
        refuse(*beside, stanza(type, ct=bytes(length)), authorities=authorities)
    refuse(*beside, stanza(type, ct="a" * CT[type]), authorities=authorities)


@pytest.mark.parametrize("type", [0, 5, 15, 18, 31, 34, 255, 2**63, -1, None, True, "1", b"\1"])
def test_another_type_is_refused(type: Any) -> None:
    refuse([0, type, b"", [], bytes(80)])
    refuse([0, type, b"", [b"", SALT], bytes(80)])


@pytest.mark.parametrize("type", CT)
def test_a_hint_has_four_bytes_or_none_and_only_hpke_recipients_have_one(type: int) -> None:
    authorities = (ONE,) if type >= 32 else ()
    beside = [kek()] if type >= 32 else []
    for length in range(6):
        if length == 0 or (length == 4 and type <= 4):
            assert parse(*beside, stanza(type, hint=bytes(length)), authorities=authorities)
        else:
            refuse(*beside, stanza(type, hint=bytes(length)), authorities=authorities)
    others: list[Any] = ["", "abcd", None, 0, []]
    for hint in others:
        refuse(*beside, stanza(type, hint=hint), authorities=authorities)


def test_the_kems_part_of_a_ct_is_what_the_text_says() -> None:
    for type in (1, 2, 3, 4):
        (found,) = parse(stanza(type, ct=bytes(CT[type] - 48) + b"\1" * 48))
        assert found.enc == bytes(CT[type] - 48)


BAD_PARAMS: dict[int, list[Any]] = {
    **{type: [[None], [b""], {}, None, b""] for type in (1, 2, 3, 4)},
    16: [
        *([], [65_536, 3, 4], [65_536, 3, 4, SALT, 0], None, {}),
        *([19_455, 3, 4, SALT], [1_048_577, 1, 4, SALT], [True, 3, 4, SALT], [None, 3, 4, SALT], [b"", 3, 4, SALT]),
        *([65_536, 0, 4, SALT], [65_536, 17, 4, SALT], [65_536, True, 4, SALT], [65_536, -1, 4, SALT]),
        *([65_536, 3, 0, SALT], [65_536, 3, 17, SALT], [65_536, 3, False, SALT], [65_536, 3, "4", SALT]),
        *([65_536, 3, 4, SALT[1:]], [65_536, 3, 4, SALT + b"\0"], [65_536, 3, 4, "a" * 16], [65_536, 3, 4, None]),
        *([1_048_576, 5, 1, SALT], [262_145, 16, 1, SALT], [838_861, 5, 1, SALT]),
    ],
    17: [
        [],
        [SALT],
        [b"", SALT, 0],
        [b"k" * 65, SALT],
        ["k", SALT],
        [None, SALT],
        [b"", SALT[1:]],
        [b"", SALT + b"\0"],
    ],
    **{
        type: [
            [],
            [ONE],
            [ONE, b""],
            [ONE, b"k" * 65],
            [ONE, "k"],
            [ONE[1:], b"k"],
            [ONE + b"\0", b"k"],
            [ONE, b"k", 0],
        ]
        for type in (32, 33)
    },
}


@pytest.mark.parametrize("type", BAD_PARAMS)
def test_other_params_are_refused(type: int) -> None:
    for params in BAD_PARAMS[type]:
        refuse(kek(), stanza(type, params=params), authorities=(ONE,) if type >= 32 else ())


def test_params_are_taken_up_to_their_limits() -> None:
    edges: dict[int, list[list[Any]]] = {
        16: [[19_456, 1, 1, SALT], [1_048_576, 4, 16, SALT], [262_144, 16, 16, SALT]],
        17: [[b"", SALT], [b"k" * 64, SALT]],
        32: [[ONE, b"k"], [ONE, b"k" * 64]],
    }
    for type, all_of_them in edges.items():
        for params in all_of_them:
            found = parse(kek(), stanza(type, params=params), authorities=(ONE,) if type == 32 else ())
            assert found[1].params == params


@pytest.mark.parametrize(
    "wrong",
    [None, {}, [], stanza(17)[:4], [*stanza(17), 0], kek(-1), kek(1_024), kek(False), [None, *stanza(17)[1:]], [True]],
)
def test_a_stanza_of_another_shape_is_refused(wrong: Any) -> None:
    refuse(wrong)


# --- groups -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", [[1], [0, 2], [0, 1, 3], [1, 0], [0, 1, 0], [0, 0, 2], [1, 1], [0, 1, 2, 1]])
def test_groups_out_of_order_or_with_a_gap_are_refused(numbers: list[int]) -> None:
    refuse(*map(kek, numbers))


def test_stanza_9_of_a_group_is_refused() -> None:
    assert len(access.groups(parse(*[kek()] * 8, *[kek(1)] * 8))) == 2
    refuse(*[kek()] * 9)
    refuse(kek(), *[kek(1)] * 9)


def test_passphrase_5_is_refused_wherever_it_stands() -> None:
    assert len(parse(*(stanza(16, group) for group in range(4)))) == 4
    refuse(*(stanza(16, group) for group in range(5)))
    refuse(*[stanza(16)] * 5)


def test_stanza_1_025_is_refused() -> None:
    assert len(parse(*map(kek, range(1_024)))) == 1_024
    refuse(*[kek(group // 8) for group in range(1_025)])


# --- authorities ------------------------------------------------------------------------------------


def authority(name: bytes, group: int = 0, type: int = 32) -> list[Any]:
    return stanza(type, group, params=[name, b"k"])


def test_each_group_asks_each_authority_once() -> None:
    for named in ((ONE,), (ONE, TWO)):
        asked = [[authority(name, group) for name in named] for group in (0, 1)]
        assert parse(kek(), *asked[0], kek(1), *asked[1], authorities=named)
        assert parse(*asked[0][::-1], kek(), authorities=named), "in any order"
        refuse(kek(), *asked[0], kek(1), authorities=named)
        refuse(kek(), kek(1), *asked[1], authorities=named)
        refuse(kek(), *asked[0], asked[0][0], authorities=named)
        refuse(kek(), *asked[0], authority(ONE, type=33), authorities=named)
        refuse(kek(), *asked[0][:-1], authorities=named)
        refuse(kek(), *asked[0], authority(b"\3" * 32), authorities=named)
    refuse(kek(), authority(TWO), authorities=(ONE,))
    refuse(kek(), authority(ONE), authority(ONE), authorities=(ONE, TWO))


def test_a_group_of_authorities_alone_is_refused() -> None:
    refuse(authority(ONE), authorities=(ONE,))
    refuse(authority(ONE), authority(TWO), authorities=(ONE, TWO))


def test_an_authority_that_core_does_not_name_is_refused() -> None:
    refuse(kek(), authority(ONE))
    refuse(kek(), authority(ONE, type=33))


# --- writing ----------------------------------------------------------------------------------------


@given(st.integers(16 + 8 + 33, 400_000), st.integers(40, 3_000_000))
def test_the_payload_starts_on_a_page_with_room_for_one_more(start: int, packed: int) -> None:
    length = padded_length(packed, start)
    slack = length - packed - 32
    assert (start + 8 + length) % 4_096 == 0
    assert 1_280 <= slack < 1_280 + 4_096


@given(st.binary(min_size=1, max_size=40), st.integers(0, 50))
def test_a_section_is_header_stanzas_and_zeros(packed: bytes, slack: int) -> None:
    length = len(packed) + slack + 32
    header, body = unsealed_section(packed, length)
    assert header == b"\3\0\0\0" + length.to_bytes(4, "big")
    assert body == packed + bytes(slack)
