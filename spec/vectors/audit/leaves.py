"""Events, and maps that are none."""

from __future__ import annotations

from typing import Any, Final

from spec.vectors.audit.maker import Case, Maker, Text
from tera.wire import canonical

FULL: Final[dict[str, canonical.Packable]] = {
    **{"bind": b"\1" * 32, "id": b"\2" * 16, "kind": "release", "req": b"\3" * 32, "rule": "opens", "sub": b"\4"},
    **{"t": 1_700_000_000_000, "v": 1, "viewer": "ann@a.example", "x": {"left": 1}},
}
SMALL: Final[dict[str, canonical.Packable]] = {"kind": "block", "t": 0, "v": 1}
WRONG: Final[dict[str, tuple[Any, ...]]] = {
    "bind": (b"\1" * 31, "x" * 32, None),
    "id": (b"\2" * 17, None),
    "kind": ("", "Block", "1st", "a-b", "a" * 33, b"block"),
    "req": (b"\3" * 33, None),
    "rule": ("", "Opens", "a" * 65, None),
    "sub": (b"", bytes(65), "text", None),
    "t": (-1, 253_402_300_800_000, True, "0"),
    "v": (0, 2, True),
    "viewer": ("", "a" * 321, "a\nb", "a\u202eb", "a\x7fb", b"a", None),
    "x": ({}, [], None, {"a": bytes(4_091)}),
}
LIMITS: Final[dict[str, tuple[Any, ...]]] = {
    "kind": ("a" * 32,),
    "rule": ("a" * 64,),
    "sub": (bytes(64),),
    "t": (253_402_300_799_999,),
    "viewer": ("a" * 320, "a\\b"),
    "x": ({"a": bytes(4_090)},),
}


def events(_: Maker) -> Text:
    cases: list[Case] = []

    def add(name: str, data: bytes, expect: str) -> None:
        cases.append({"name": name, "event": data.hex(), "expect": expect})

    add("everything", canonical.pack(FULL), "success")
    add("little", canonical.pack(SMALL), "success")
    add("a kind of its own", canonical.pack(SMALL | {"kind": "x_1"}), "success")
    for key, values in LIMITS.items():
        for at, value in enumerate(values):
            add(f"limit of {key} {at}", canonical.pack(SMALL | {key: value}), "success")
    for key, values in WRONG.items():
        for at, value in enumerate(values):
            add(f"wrong {key} {at}", canonical.pack(SMALL | {key: value}), "bad_event")
    for key in SMALL:
        add(
            f"without {key}", canonical.pack({name: value for name, value in SMALL.items() if name != key}), "bad_event"
        )
    add("an unknown key", canonical.pack(SMALL | {"why": 1}), "bad_event")
    add("an array", canonical.pack([1]), "bad_event")
    add("too long", canonical.pack(FULL | {"x": {"a": bytes(8_192)}}), "bad_event")
    packed = canonical.pack(SMALL)
    add("a byte after it", packed + b"\0", "not_canonical")
    add("cut", packed[:-1], "not_canonical")
    add("a longer integer", packed.replace(b"\xa1t\0", b"\xa1t\xcc\0"), "not_canonical")
    add("keys in another order", b"\x83" + packed[-3:] + packed[1:-3], "not_canonical")
    add("nothing", b"", "not_canonical")
    return {"cases": cases}
