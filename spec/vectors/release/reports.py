"""Reports of what a device opened within its leases, and what is none."""

from __future__ import annotations

from typing import Any, Final

from spec.vectors.release.maker import (
    AUD,
    AUTHORITY,
    DEVICE,
    DROP,
    LONGEST,
    NOW,
    OTHER_DEVICE,
    REPORT,
    REQUEST,
    STRANGER,
    Maker,
    Text,
    changed,
    container,
    fingerprint,
    flip,
    framed,
)
from tera.wire import canonical

NAMES: Final = (bytes(31), bytes(33), "a" * 32, None, DROP)


def event(**changes: Any) -> bytes:
    """Return an event with other values than usual."""
    value = {
        **{"bind": container().bind, "id": bytes(16), "kind": "lease_open", "req": bytes(32), "t": 1_000 * NOW},
        **{"v": 1, "viewer": "ann@a.example", "x": {"act": "view"}},
    }
    return canonical.pack(changed(value, changes))


EVENTS: Final = [event(), event(t=1_000 * NOW + 7)]
WRONG: Final[dict[str, tuple[Any, ...]]] = {
    "aud": NAMES,
    "dev": NAMES,
    "first": (-1, 2**53 + 1, True, "0", None, DROP),
    "events": ([], None, {}, b"", [None], ["a"], [b""], DROP),
    "v": (0, 2, True, "1", None, DROP),
}
SMALL: Final[Text] = {"kind": "lease_open", "t": 0, "v": 1}
NO_EVENTS: Final[dict[str, bytes]] = {
    "of another kind": event(kind="open"),
    "of no kind": event(kind=DROP),
    "not canonical": event() + b"\0",
    "with an unknown key": event(why=1),
    "with a short bind": event(bind=bytes(31)),
    "with nil": event(viewer=None),
    "with an empty x": event(x={}),
    "with t in x": event(x={"t": 1}),
    "with 4,081 bytes of x": event(x={"a": bytes(4_081 - 6)}),
    "of over 8,192 bytes": event(x={"a": bytes(8_192)}),
    "an array": b"\x90",
}


class Reports:
    """The cases, and a report that is good."""

    def __init__(self, make: Maker) -> None:
        self.make = make
        self.cases: list[Text] = []
        self.good: Text = {"aud": AUD, "dev": fingerprint(DEVICE), "events": EVENTS, "first": 5, "v": 1}

    def body(self, **changes: Any) -> bytes:
        return canonical.pack(changed(self.good, changes))

    def signed(self, **changes: Any) -> bytes:
        return self.make.message(REPORT, self.body(**changes), [DEVICE])

    def add(self, name: str, expect: str, message: bytes, **more: Any) -> None:
        self.cases.append({"name": name, "expect": expect, "message": self.make.pieces(message)} | more)


def reports(make: Maker) -> Text:
    made, device = Reports(make), fingerprint(DEVICE).hex()
    for name, first, events in (
        ("two events", 5, EVENTS),
        ("one event", 0, EVENTS[:1]),
        ("a little event", 2**53, [canonical.pack(SMALL)]),
        ("256 events", 0, [canonical.pack(SMALL)] * 256),
        ("4,080 bytes of x", 0, [event(x={"a": bytes(4_080 - 6)})]),
    ):
        message = made.signed(first=first, events=events)
        made.add(name, "success", message, dev=device, first=first, events=len(events))
    _frame(made)
    for key, values in WRONG.items():
        for at, value in enumerate(values):
            made.add(f"wrong {key} {at}", "bad_request", made.signed(**{key: value}))
    made.add("257 events", "bad_request", made.signed(events=[canonical.pack(SMALL)] * 257))
    for name, data in NO_EVENTS.items():
        made.add(f"an event {name}", "bad_request", made.signed(events=[EVENTS[0], data]))
    _bindings(made)
    return {"authority": AUD.hex(), "cases": made.cases}


def _frame(made: Reports) -> None:
    good, body, make = made.signed(), made.body(), made.make
    for name, message in {
        "nothing": b"",
        "cut": good[:-1],
        "a byte behind it": good + b"\0",
        "524,288 zeros": bytes(LONGEST),
        "an array": make.message(REPORT, canonical.pack([body]), [DEVICE]),
        "an unknown key": made.signed(why=1),
        "signatures in a map": framed(body, b"\x80"),
    }.items():
        made.add(f"frame: {name}", "bad_request", message)
    made.add("frame: 524,289 zeros", "limit_exceeded", bytes(LONGEST + 1))
    longer = body.replace(b"\xa5first\x05", b"\xa5first\xcc\x05")
    made.add("frame: a longer integer", "not_canonical", make.message(REPORT, longer, [DEVICE]))
    made.add("frame: signatures not canonical", "not_canonical", framed(body, b"\xdc\0\0"))


def _bindings(made: Reports) -> None:
    make, body = made.make, made.body()
    one = make.signature(DEVICE, REPORT, body)

    def signed(name: str, listed: list[Any], of: bytes = body) -> None:
        made.add(f"signed: {name}", "request_signature", framed(of, canonical.pack(sorted(listed))))

    made.add("for another authority", "wrong_authority", made.signed(aud=fingerprint(STRANGER)))
    signed("by nobody", [])
    signed("by another device", [make.signature(OTHER_DEVICE, REPORT, body)])
    signed("by the authority", [make.signature(AUTHORITY, REPORT, body)])
    signed("by two", [one, make.signature(OTHER_DEVICE, REPORT, body)])
    signed("one bit of ML-DSA's differs", [[*one[:3], flip(one[3])]])
    signed("one bit of Ed25519's differs", [[*one[:3], flip(one[3], -1)]])
    signed("another report", [one], made.body(first=6))
    signed("as a request", [make.signature(DEVICE, REQUEST, body)])
    wrong = made.body(aud=fingerprint(STRANGER))
    made.add("order: the authority before the signature", "wrong_authority", framed(wrong, canonical.pack([one])))
    made.add("order: the form before the authority", "bad_request", made.signed(aud=fingerprint(STRANGER), v=2))
