"""Answers to one request, and what is none: their frame, every field, who signed, to what; and what denials say."""

from __future__ import annotations

from typing import Any, Final

from spec.vectors.example import sha256
from spec.vectors.release.maker import (
    ANSWER,
    AUD,
    AUTHORITY,
    DEVICE,
    DROP,
    LAST,
    LONGEST,
    NOW,
    OTHER_SEED,
    REQUEST,
    SEED,
    SHARE,
    STRANGER,
    Container,
    Maker,
    Text,
    changed,
    container,
    fingerprint,
    flip,
    framed,
    share_info,
)
from tera.crypto.kem import XWING
from tera.wire import canonical

SAME: Final = (
    *("blocked", "unsupported_rule", "policy_unsigned", "policy_signer", "policy_signature", "policy_swapped"),
    *("policy_rollback", "policy_expired", "clock_behind", "stale_request", "unknown_session", "share_refused"),
)
LISTS: Final = (
    *("blocklist_rollback", "stale_blocklist", "missing_blocklist", "blocklist_signature", "blocklist_digest"),
    *("blocklist_issuer", "bad_blocklist"),
)
TIMES: Final = (-1, LAST + 1, True, "0", DROP)
HASHES: Final = (bytes(31), bytes(33), "a" * 32, None, DROP)
WRONG: Final[dict[str, tuple[Any, ...]]] = {
    "aud": HASHES,
    "bind": HASHES,
    "code": ("other", "", "lease_expired", "bad_request", b"blocked", 5, True, [], {}, ["blocked"], DROP),
    "ct": (bytes(1_167), bytes(1_169), "a" * 1_168, None, DROP),
    "iat": (*TIMES, None),
    "lease": TIMES,
    "left": (-1, 2**32, True, "0", DROP),
    "obl": (
        *([], None, "a", {"A": {}}, {"1a": {}}, {"": {}}, {"a" * 65: {}}, {"a": 1}, {"a": []}, {"a": {"B": 1}}),
        *({"a": {"b": None}}, {"a": {"b": b"c"}}, {"a": {"b": ["c"]}}, {"a": {"b": "c" * 1_025}}, DROP),
        *({"a": {f"b{at:02}": 1 for at in range(17)}}, {f"a{at:02}": {} for at in range(17)}),
    ),
    "req": HASHES,
    "rule": ("opens", "", 5, [], DROP),
    "until": TIMES,
    "v": (0, 2, True, "1", None, DROP),
    "ver": (0, -1, 2**63, True, "1", DROP),
}
LIMITS: Final[dict[str, tuple[Any, ...]]] = {
    "iat": (0, LAST),
    "lease": (0, LAST),
    "left": (0, 2**32 - 1),
    "obl": (
        {"a" * 64: {"b" * 64: "c" * 1_024, "c": True, "d": -(2**63), "e": 2**64 - 1, "f": ""}},
        {f"{'a' * 62}{at:02}": {f"{'b' * 62}{of:02}": "\0" * 1_024 for of in range(16)} for at in range(16)},
    ),
    "until": (0, LAST),
    "ver": (1, 2**63 - 1),
}
DENIED: Final[dict[str, Any]] = {"ct": None, "lease": None, "left": None, "obl": {}, "until": None}


class Answers:
    """The cases; all are answers to one request, whose key has the seed SEED."""

    def __init__(self, make: Maker) -> None:
        self.make = make
        self.cases: list[Text] = []
        self.of: Container = container()
        body = canonical.pack(make.request_map(self.of, dev=fingerprint(DEVICE), lease=True))
        self.request = make.message(REQUEST, body, [DEVICE])
        self.hash = sha256(REQUEST + body)
        self.ct = make.seal(XWING, SEED, SHARE, share_info(self.of.bind, self.hash))
        self.good: Text = {
            **{"aud": AUD, "bind": self.of.bind, "code": None, "ct": self.ct, "iat": NOW + 1, "lease": NOW + 3_601},
            **{"left": 2, "obl": {"watermark": {"text": "ann"}}, "req": self.hash, "rule": None, "until": NOW + 9_000},
            **{"v": 1, "ver": 7},
        }

    def body(self, **changes: Any) -> bytes:
        return canonical.pack(changed(self.good, changes))

    def signed(self, **changes: Any) -> bytes:
        return self.make.message(ANSWER, self.body(**changes), [AUTHORITY])

    def denial(self, code: Any, **changes: Any) -> bytes:
        return self.signed(**{**DENIED, "code": code, **changes})

    def add(self, name: str, expect: str, message: bytes, **more: Any) -> None:
        case: Text = {"name": name, "expect": expect, "message": self.make.pieces(message)}
        if expect == "success":
            case["share"] = SHARE.hex()
        self.cases.append(case | more)


def answers(make: Maker) -> Text:
    made = Answers(make)
    info = share_info(made.of.bind, made.hash)
    _good(made)
    _frame(made)
    _fields(made)
    _denials(made)
    _bindings(made)
    return {
        **{"request": make.pieces(made.request), "seed": SEED.hex(), "H_bind": made.of.bind.hex()},
        **{"H(request)": made.hash.hex(), "info": info.hex(), "cases": made.cases},
    }


def _good(made: Answers) -> None:
    made.add("everything", "success", made.signed())
    little = made.signed(lease=None, left=None, obl={}, until=None, ver=None)
    made.add("little", "success", little)
    for key, values in LIMITS.items():
        for at, value in enumerate(values):
            made.add(f"limit of {key} {at}", "success", made.signed(**{key: value}))


def _frame(made: Answers) -> None:
    good, body, make = made.signed(), made.body(), made.make
    for name, message in {
        "nothing": b"",
        "cut": good[:-1],
        "a byte behind it": good + b"\0",
        "524,288 zeros": bytes(LONGEST),
        "an array": make.message(ANSWER, canonical.pack([body]), [AUTHORITY]),
        "an unknown key": made.signed(why=1),
        "no signature": framed(body, b"\x90"),
        "signatures in a map": framed(body, b"\x80"),
        "signed by two": make.message(ANSWER, body, [AUTHORITY, STRANGER]),
        "signed twice": framed(body, canonical.pack([make.signature(AUTHORITY, ANSWER, body)] * 2)),
    }.items():
        made.add(f"frame: {name}", "bad_answer", message)
    made.add("frame: 524,289 zeros", "limit_exceeded", bytes(LONGEST + 1))
    for name, other in {
        "a byte behind the map": body + b"\0",
        "a longer integer": body.replace(b"\xa1v\x01", b"\xa1v\xcc\x01"),
        "keys in another order": b"\x8d" + body[-6:] + body[1:-6],
    }.items():
        made.add(f"frame: {name}", "not_canonical", make.message(ANSWER, other, [AUTHORITY]))
    made.add("frame: signatures not canonical", "not_canonical", framed(body, b"\xdc\0\0"))


def _fields(made: Answers) -> None:
    for key, values in WRONG.items():
        for at, value in enumerate(values):
            made.add(f"wrong {key} {at}", "bad_answer", made.signed(**{key: value}))


def _denials(made: Answers) -> None:
    for code in SAME:
        made.add(f"denied: {code}", code, made.denial(code))
    for code in LISTS:
        made.add(f"denied: {code}", "authority_unavailable", made.denial(code))
    for rule in ("opens", "require_fresh_blocklist", "obligations", "time"):
        made.add(f"denied by {rule}", "rule_denied", made.denial("rule_denied", rule=rule), rule=rule)
    made.add("denied before the policy", "stale_request", made.denial("stale_request", ver=None))
    for key in ("ct", "lease", "left", "until", "obl"):
        name = f"a denial with {key}"
        made.add(name, "bad_answer", made.denial("blocked", **{key: made.good[key]}))
    made.add("a denial with 0 left", "bad_answer", made.denial("blocked", left=0))
    made.add("a release without a ct", "bad_answer", made.signed(ct=None))
    made.add("a denial by a rule that is not named", "bad_answer", made.denial("rule_denied"))
    made.add("a denial by a code that names a rule", "bad_answer", made.denial("blocked", rule="opens"))
    for code in ("other", "authority_unavailable", "lease_expired", "bad_request", "answer_swapped", "no_key"):
        made.add(f"a denial that says {code}", "bad_answer", made.denial(code))
    for at, none in enumerate(("entry", "entry.rights", "Opens", "other", "", b"opens", 5, True, [], {})):
        made.add(f"a denial by no rule {at}", "bad_answer", made.denial("rule_denied", rule=none))


def _bindings(made: Answers) -> None:
    make, body = made.make, made.body()
    one = make.signature(AUTHORITY, ANSWER, body)

    def signed(name: str, listed: list[Any], of: bytes = body) -> None:
        made.add(f"signed: {name}", "answer_signature", framed(of, canonical.pack([listed])))

    signed("by another authority", make.signature(STRANGER, ANSWER, body))
    signed("by the caller's device", make.signature(DEVICE, ANSWER, body))
    signed("one bit of ML-DSA's differs", [*one[:3], flip(one[3])])
    signed("one bit of Ed25519's differs", [*one[:3], flip(one[3], -1)])
    signed("another answer", one, made.body(left=3))
    signed("as a request", make.signature(AUTHORITY, REQUEST, body))
    signed("without a label", make.signature(AUTHORITY, b"", body))
    zeros = bytes(32)
    for key, value in {"aud": fingerprint(STRANGER), "bind": zeros, "req": zeros}.items():
        made.add(f"of another {key}", "answer_swapped", made.signed(**{key: value}))
    made.add("a denial of another request", "answer_swapped", made.denial("blocked", req=zeros))
    other = container({"t": NOW - 999})
    request = sha256(REQUEST + canonical.pack(make.request_map(nonce=bytes(16))))
    for name, ct in {
        "one bit of enc differs": flip(made.ct, 1),
        "one bit of the tag differs": flip(made.ct, -1),
        "sealed to another key": make.seal(XWING, OTHER_SEED, SHARE, share_info(made.of.bind, made.hash)),
        "sealed for another request": make.seal(XWING, SEED, SHARE, share_info(made.of.bind, request)),
        "sealed for another container": make.seal(XWING, SEED, SHARE, share_info(other.bind, made.hash)),
        "sealed as a stanza": make.seal(XWING, SEED, SHARE, b"tera/v1 stanza\0" + made.of.bind + made.hash),
        "the stanza's": make.stanza(made.of)[2],
    }.items():
        made.add(f"ct: {name}", "share_refused", made.signed(ct=ct))
    wrong = framed(made.body(req=zeros), canonical.pack([one]))
    made.add("order: the signature before the binding", "answer_signature", wrong)
    made.add("order: the form before the signature", "bad_answer", framed(made.body(v=2), canonical.pack([one])))
    swapped = made.denial("rule_denied", rule="opens", bind=zeros)
    made.add("order: the binding before the denial", "answer_swapped", swapped)
