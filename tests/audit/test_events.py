"""An event has one encoding, and no value that its schema does not name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.audit.events import MAX_BYTES, MAX_TIME, Event, parse_event
from tera.errors import BadEvent, NotCanonical
from tera.wire import canonical
from tests.audit.flips import flipped

FULL = Event(
    time=1_700_000_000_000,
    kind="release",
    container=bytes(16),
    bind=bytes(32),
    subject=b"\1" * 64,
    viewer="a@b.c",
    rule="opens",
    request=b"\2" * 32,
    extra={"left": 1, "of": [2, {"deep": b"x"}]},
)
SMALL: dict[str, canonical.Packable] = {"kind": "block", "t": 0, "v": 1}


def packed(**changed: Any) -> bytes:
    return canonical.pack({**SMALL, **changed})


def test_the_keys_are_those_of_the_text() -> None:
    assert canonical.unpack(FULL.pack(), what="it", max_len=MAX_BYTES) == {
        **{"bind": bytes(32), "id": bytes(16), "kind": "release", "req": b"\2" * 32, "rule": "opens"},
        **{"sub": b"\1" * 64, "t": 1_700_000_000_000, "v": 1, "viewer": "a@b.c"},
        "x": {"left": 1, "of": [2, {"deep": b"x"}]},
    }
    assert Event(0, "block").pack() == packed()


extras = st.dictionaries(st.text(max_size=5), st.integers(-5, 5) | st.binary(max_size=9) | st.none(), max_size=4)
viewers = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Cf"]), min_size=1, max_size=40)


@given(
    st.builds(
        Event,
        time=st.integers(0, MAX_TIME),
        kind=st.from_regex(r"\A[a-z][a-z0-9_]{0,31}\Z"),
        container=st.none() | st.binary(min_size=16, max_size=16),
        bind=st.none() | st.binary(min_size=32, max_size=32),
        subject=st.none() | st.binary(min_size=1, max_size=64),
        viewer=st.none() | viewers,
        rule=st.none() | st.from_regex(r"\A[a-z][a-z0-9_]{0,63}\Z"),
        request=st.none() | st.binary(min_size=32, max_size=32),
        extra=extras,
    )
)
def test_an_event_comes_back_and_is_the_same_bytes_again(event: Event) -> None:
    data = event.pack()
    assert parse_event(data) == event
    assert parse_event(data).pack() == data


def test_a_flipped_bit_is_refused_or_another_event() -> None:
    data, refused = FULL.pack(), 0
    for wrong in flipped(data):
        try:
            found = parse_event(wrong)
        except (BadEvent, NotCanonical):
            refused += 1
            continue
        assert found != FULL
        assert found.pack() == wrong
    assert refused > 100


@pytest.mark.parametrize(
    "data",
    [
        canonical.pack([1]),
        canonical.pack({"kind": "block", "t": 0}),
        canonical.pack({"kind": "block", "v": 1}),
        canonical.pack({"t": 0, "v": 1}),
        packed(unknown=1),
        packed(v=2),
        packed(v=True),
        packed(t=-1),
        packed(t=MAX_TIME + 1),
        packed(t="0"),
        packed(t=False),
        *(packed(kind=kind) for kind in ("", "Block", "1st", "a-b", "a" * 33, "é", "a\n", b"block", 1, None)),
        *(packed(id=value) for value in (bytes(15), bytes(17), "x" * 16, None)),
        *(packed(bind=value) for value in (bytes(31), bytes(33), None)),
        *(packed(req=value) for value in (bytes(31), bytes(33), None)),
        *(packed(sub=value) for value in (b"", bytes(65), "text", None)),
        *(packed(rule=value) for value in ("", "Opens", "a" * 65, "opens\n", 1, None)),
        *(packed(viewer=value) for value in ("", "a" * 321, "é" * 161, b"a", None)),
        *(packed(viewer=f"a{trick}b") for trick in "\0\n\x1b\x7f\x9b\u061c\u200e\u202e\u2066"),
        packed(x={}),
        packed(x=[]),
        packed(x=None),
        packed(x=1),
        packed(x={"a": bytes(4_093)}),
    ],
)
def test_another_map_is_refused(data: bytes) -> None:
    with pytest.raises(BadEvent):
        parse_event(data)


def test_the_limits_themselves_are_taken() -> None:
    for data in (
        packed(t=MAX_TIME),
        packed(kind="a" * 32),
        packed(rule="a" * 64),
        packed(viewer="é" * 160),
        packed(sub=bytes(64)),
        packed(x={"a": bytes(4_090)}),
        packed(x={"a": [[[[[[1]]]]]]}),
    ):
        assert parse_event(data).pack() == data


def test_what_is_not_canonical_is_refused() -> None:
    good = packed()
    for data in (b"", good + b"\0", good[:-1], packed(x={"a": 1}).replace(b"\xa1a\x01", b"\xa1a\xcc\x01")):
        with pytest.raises(NotCanonical):
            parse_event(data)


def test_over_8_kib_is_refused() -> None:
    with pytest.raises(BadEvent):
        parse_event(bytes(MAX_BYTES + 1))


@pytest.mark.parametrize("extra", [{1: 2}, {"a": 1.5}, {"a": "\ud800"}, {"a": 2**64}, {"a": [[[[[[[1]]]]]]]}])
def test_extra_values_without_a_canonical_form_are_refused(extra: Any) -> None:
    with pytest.raises(BadEvent):
        Event(0, "block", extra=extra)


@pytest.mark.parametrize(
    "changed",
    [{"time": -1}, {"kind": "Block"}, {"container": b""}, {"viewer": "\ud800"}, {"rule": ""}, {"request": b"short"}],
)
def test_an_event_that_could_not_be_read_again_is_not_made(changed: dict[str, Any]) -> None:
    with pytest.raises(BadEvent):
        Event(**{"time": 0, "kind": "block", **changed})
