"""Requests, and messages that are none: their frame, every field, the front, who signed, for whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from spec.vectors.example import sha256
from spec.vectors.release.fronts import fronts
from spec.vectors.release.maker import (
    ANSWER,
    AUD,
    DEVICE,
    DROP,
    DYNAMIC,
    LAST,
    LONGEST,
    OTHER_DEVICE,
    REQUEST,
    STRANGER,
    VIEWER,
    Container,
    Maker,
    Text,
    container,
    fingerprint,
    flip,
    framed,
    policy_body,
)
from tera.wire import canonical

H32: Final = bytes(range(32))
WRONG: Final[dict[str, tuple[Any, ...]]] = {
    "act": ("open", "View", b"view", 1, [], None, DROP),
    "aud": (AUD[:31], AUD + b"\0", "a" * 32, None, DROP),
    "dev": (H32[:31], H32 + b"\0", "a" * 32, b"", False, DROP),
    "front": ("a", [], None, DROP),
    "iat": (-1, LAST + 1, True, "0", None, DROP),
    "lease": (0, 1, "true", None, DROP),
    "nonce": (bytes(15), bytes(17), "a" * 16, None, DROP),
    "obl": (["b", "a"], ["a", "a"], [""], ["A"], ["1a"], ["a-b"], ["a" * 65], [b"a"], [1], {"a": {}}, "a", None, DROP),
    "sid": (H32[:31], H32 + b"\0", "a" * 32, b"", False, DROP),
    "v": (0, 2, True, "1", None, DROP),
    "viewer": (
        *("", "ann", "@a.example", "ann@", "Ann@a.example", "ann@A.example", "*@a.example", "*@*", "ann@a.example\n"),
        *(" ann@a.example", "änn@a.example", "ann@ä.example", "ann@a..example", "ann@-a.example", ".ann@a.example"),
        *("a@b@a.example", "a" * 65 + "@a.example", "ann@" + ".".join(["a" * 63] * 4), b"ann@a.example", 1, DROP),
    ),
}
LIMITS: Final[dict[str, tuple[Any, ...]]] = {
    "act": ("copy", "extract", "print", "rewrap"),
    "iat": (0, LAST),
    "obl": ([], [f"{'a' * 62}{at:02}" for at in range(16)]),
    "sid": (H32,),
    "viewer": (None, "a" * 64 + "@" + ".".join(["a" * 63] * 3 + ["a" * 61]), "a.b!#$%&'+/=?^_`{|}~-c@xn--a.example"),
}


class Requests:
    """The cases, and what most of them start from."""

    def __init__(self, make: Maker) -> None:
        self.make = make
        self.cases: list[Text] = []
        self.good = make.request_map()

    def add(self, name: str, expect: str, message: bytes, of: Container | None = None, **more: Any) -> None:
        case: Text = {"name": name, "expect": expect, "message": self.make.pieces(message)}
        if expect == "success":
            body = message[4 : 4 + int.from_bytes(message[:4], "big")]
            case |= {"H(request)": sha256(REQUEST + body).hex(), "H_bind": (of or container()).bind.hex()}
        self.cases.append(case | more)

    def body(self, **changes: Any) -> bytes:
        return canonical.pack(self.make.request_map(**changes))

    def unsigned(self, **changes: Any) -> bytes:
        return framed(self.body(**changes), b"\x90")


def requests(make: Maker) -> Text:
    made = Requests(make)
    _good(made)
    _frame(made)
    _fields(made)
    for name, expect, front in fronts():
        made.add(f"front: {name}", expect, made.unsigned(front=front))
    _signatures(made)
    _bindings(made)
    _order(made)
    return {"authority": AUD.hex(), "cases": made.cases}


def _good(made: Requests) -> None:
    make, device = made.make, fingerprint(DEVICE)
    body = made.body()
    made.add("signed by nobody", "success", framed(body, b"\x90"))
    made.add("signed by the viewer", "success", make.message(REQUEST, body, [VIEWER]))
    with_device = made.body(dev=device)
    made.add("signed by the device", "success", make.message(REQUEST, with_device, [DEVICE]))
    made.add("signed by both", "success", make.message(REQUEST, with_device, [VIEWER, DEVICE]))
    made.add("signed by a device that it does not name", "success", make.message(REQUEST, body, [DEVICE]))
    leased = make.message(REQUEST, made.body(dev=device, lease=True), [DEVICE])
    made.add("with a lease", "success", leased)
    of = container(DYNAMIC, policy_body())
    made.add("with a policy", "success", made.unsigned(of=of), of)
    of = container()
    made.add("a stanza of type 33", "success", made.unsigned(stanza=make.stanza(of, 33)))
    for key, values in LIMITS.items():
        for at, value in enumerate(values):
            made.add(f"limit of {key} {at}", "success", made.unsigned(**{key: value}))
    for length in (1, 64):
        long = [32, [AUD, b"k" * length], made.good["stanza"][2]]
        made.add(f"a key_id of {length}", "success", made.unsigned(stanza=long))


def _frame(made: Requests) -> None:
    body, make = made.body(), made.make
    good = framed(body, b"\x90")
    for name, message in {
        "nothing": b"",
        "three bytes": good[:3],
        "a length alone": good[:4],
        "cut in the body": good[:-6],
        "cut before the second length": good[:-5],
        "cut in the second length": good[:-2],
        "cut in the signatures": good[:-1],
        "a byte behind it": good + b"\0",
        "a message behind it": good + good,
        "524,288 zeros": bytes(LONGEST),
        "an array": framed(canonical.pack([body]), b"\x90"),
        "nil": framed(b"\xc0", b"\x90"),
        "an unknown key": made.unsigned(why=1),
        "signatures in a map": framed(body, b"\x80"),
        "signatures nil": framed(body, b"\xc0"),
    }.items():
        made.add(f"frame: {name}", "bad_request", message)
    made.add("frame: 524,289 zeros", "limit_exceeded", bytes(LONGEST + 1))
    first, second = b"\xa3act\xa4view", b"\xa3aud\xc4 " + AUD
    for name, other in {
        "a byte behind the map": body + b"\0",
        "a map that is cut": body[:-1],
        "an empty map's bytes": b"",
        "a longer integer": body.replace(b"\xa1v\x01", b"\xa1v\xcc\x01"),
        "a longer string": body.replace(first, b"\xa3act\xd9\x04view"),
        "keys in another order": body.replace(first + second, second + first),
        "a key twice": body.replace(second, first),
        "a float": body.replace(b"\xa1v\x01", b"\xa1v\xca\x3f\x80\0\0"),
        "a key that is no str": body.replace(b"\xa1v\x01", b"\xc4\x01v\x01"),
        "str that is not UTF-8": body.replace(b"\xa4view", b"\xa4vie\xff"),
    }.items():
        assert other != body, name
        made.add(f"frame: {name}", "not_canonical", framed(other, b"\x90"))
    for name, listed in {"no byte": b"", "a longer array": b"\xdc\0\0", "a byte behind": b"\x90\0"}.items():
        made.add(f"frame: signatures of {name}", "not_canonical", framed(body, listed))
    one, two = sorted(make.signature(key, REQUEST, body) for key in (VIEWER, DEVICE))
    many = [bytes((at,)) * 1_984 for at in range(9)]
    named = sorted([sha256(b"tera/v1/fpr\0\x01\x01" + key), 1, key, bytes(3_373)] for key in many)
    forms: dict[str, Any] = {
        "9 of them": named,
        "not sorted": [two, one],
        "one twice": [one, one],
        "algorithm 2": [[one[0], 2, *one[2:]]],
        "algorithm true": [[one[0], True, *one[2:]]],
        "another's fingerprint": [[two[0], *one[1:]]],
        "a short fingerprint": [[one[0][:31], *one[1:]]],
        "a short key": [[one[0], 1, one[2][:-1], one[3]]],
        "a long key": [[one[0], 1, one[2] + b"\0", one[3]]],
        "a short signature": [[*one[:3], one[3][:-1]]],
        "a long signature": [[*one[:3], one[3] + b"\0"]],
        "three values": [one[:3]],
        "five values": [[*one, 0]],
        "no array": [one[0]],
    }
    for name, value in forms.items():
        made.add(f"signatures: {name}", "bad_request", framed(body, canonical.pack(value)))


def _fields(made: Requests) -> None:
    for key, values in WRONG.items():
        for at, value in enumerate(values):
            made.add(f"wrong {key} {at}", "bad_request", made.unsigned(**{key: value}))
    made.add("17 obligations", "bad_request", made.unsigned(obl=[f"a{at:02}" for at in range(17)]))
    made.add("a lease without a device", "bad_request", made.unsigned(lease=True))
    kem = made.good["kem"]
    for name, value in {
        "short": kem[:-1],
        "long": kem + b"\0",
        "a str": "a" * 1_216,
        "nil": None,
        "missing": DROP,
        "with a coefficient of 4,095": b"\xff\xff\xff" + kem[3:],
        "with a coefficient of 3,329": b"\x01\x0d" + kem[2:],
        "with a point of low order": kem[:1_184] + bytes(32),
        "with another point of low order": kem[:1_184] + b"\x01" + bytes(31),
    }.items():
        made.add(f"kem: {name}", "bad_request", made.unsigned(kem=value))
    type, params, ct = made.good["stanza"]
    stanzas: dict[str, Any] = {
        "of two": [type, params],
        "of four": [type, params, ct, 0],
        "a map": {"type": type},
        "of type 1": [1, params, ct],
        "of type 17": [17, params, ct],
        "of type 34": [34, params, ct],
        "of type 33 with the ct of 32": [33, params, ct],
        "of type true": [True, params, ct],
        "of a type in str": ["32", params, ct],
        "without params": [type, [], ct],
        "with one param": [type, params[:1], ct],
        "with three params": [type, [*params, 0], ct],
        "with params in a map": [type, {}, ct],
        "of another authority": [type, [fingerprint(STRANGER), params[1]], ct],
        "of a short authority": [type, [AUD[:31], params[1]], ct],
        "with no key_id": [type, [AUD, b""], ct],
        "with a key_id of 65": [type, [AUD, bytes(65)], ct],
        "with a key_id in str": [type, [AUD, "key"], ct],
        "with a short ct": [type, params, ct[:-1]],
        "with a long ct": [type, params, ct + b"\0"],
        "with a ct in str": [type, params, "a" * 1_168],
        "nil": None,
        "missing": DROP,
    }
    for name, value in stanzas.items():
        made.add(f"stanza: {name}", "bad_request", made.unsigned(stanza=value))


def _signatures(made: Requests) -> None:
    make, body = made.make, made.body()
    one = make.signature(VIEWER, REQUEST, body)

    def add(name: str, body: bytes, listed: Iterable[list[Any]]) -> None:
        made.add(f"signed: {name}", "request_signature", framed(body, canonical.pack(sorted(listed))))

    add("one bit of ML-DSA's differs", body, [[*one[:3], flip(one[3])]])
    add("one bit of Ed25519's differs", body, [[*one[:3], flip(one[3], -1)]])
    add("another request", made.body(nonce=bytes(16)), [one])
    add("as an answer", body, [make.signature(VIEWER, ANSWER, body)])
    add("without a label", body, [make.signature(VIEWER, b"", body)])
    add("one of two does not verify", body, [one, [fingerprint(STRANGER), 1, STRANGER.public, bytes(3_373)]])
    no_key = bytes(1_952) + b"\xff" * 32
    add("a key that is none", body, [[sha256(b"tera/v1/fpr\0\x01\x01" + no_key), 1, no_key, bytes(3_373)]])
    with_device = made.body(dev=fingerprint(DEVICE))
    add("not by the device", with_device, [])
    add("by another device", with_device, [make.signature(OTHER_DEVICE, REQUEST, with_device)])
    add("by the viewer, not the device", with_device, [make.signature(VIEWER, REQUEST, with_device)])


def _bindings(made: Requests) -> None:
    make, other = made.make, fingerprint(STRANGER)
    of = container({"release": [other]})
    for_other = make.request_map(of, aud=other, stanza=make.stanza(of, aud=other))
    made.add("for another authority", "wrong_authority", framed(canonical.pack(for_other), b"\x90"))
    made.add("a container of another authority", "wrong_authority", made.unsigned(of=of, stanza=made.good["stanza"]))
    none = container({"release": []})
    made.add("a container of no authority", "wrong_authority", made.unsigned(of=none, stanza=made.good["stanza"]))
    both = container({"release": sorted([AUD, other])})
    made.add("a container of two authorities", "success", made.unsigned(of=both), both)
    for_second = made.unsigned(of=both, aud=other, stanza=make.stanza(both, aud=other))
    made.add("for the other of two authorities", "wrong_authority", for_second)


def _order(made: Requests) -> None:
    """Two faults: the one that is found first."""
    make, body = made.make, made.body()
    wrong_signature = canonical.pack([[*make.signature(VIEWER, REQUEST, body)[:3], bytes(3_373)]])
    other = container({"release": [fingerprint(STRANGER)]})
    array = canonical.pack([1])
    for name, expect, message in (
        ("too long before cut", "limit_exceeded", b"\xff" * 4 + bytes(LONGEST)),
        ("behind it before canonical", "bad_request", framed(b"", b"\x90") + b"\0"),
        ("canonical before a map", "not_canonical", framed(array, b"")),
        ("canonical before fields", "not_canonical", framed(made.body(v=2), b"")),
        ("signatures' form before the front", "bad_request", framed(made.body(front=b""), b"\x80")),
        ("fields before the front", "bad_request", made.unsigned(front=b"", viewer=1)),
        ("the last field before the front", "bad_request", made.unsigned(front=b"", lease=True)),
        ("the front before the authority", "not_tera", made.unsigned(aud=bytes(32), front=b"", stanza=_named(made))),
        ("the front before signatures", "not_tera", framed(made.body(front=b""), wrong_signature)),
        (
            "the authority before signatures",
            "wrong_authority",
            framed(made.body(of=other, stanza=made.good["stanza"]), wrong_signature),
        ),
    ):
        made.add(f"order: {name}", expect, message)


def _named(made: Requests) -> list[Any]:
    return [32, [bytes(32), b"k"], made.good["stanza"][2]]
