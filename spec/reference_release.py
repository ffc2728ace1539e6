"""A plain reader of requests, answers, leases and reports, written from release.md alone.

It shares no code with any other implementation but `reference.py` and `reference_policy.py`. Each function is one
side's view of one message, and takes the checks in the order of the text. Whether a viewer is known, what rules and
counts say, and what is recorded, is not the message's business and not here.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from spec.reference import (
    CORE,
    CT_LENGTH,
    NOT_IN_PATHS,
    POLICY,
    PREAMBLE,
    H,
    Refused,
    attempt,
    be,
    check_policy,
    check_preamble,
    expand,
    extract,
    is_ascending,
    is_bin,
    is_int,
    is_map,
    is_str,
    is_strs,
    need,
    number,
    pack,
    parse_core,
    recipient,
    refuse,
    section,
    unpack,
    verify,
)
from spec.reference_policy import LAST_SECOND, is_envelope, is_signature

Map = dict[str, Any]


# ---- Messages

LABELS = {name: f"tera/v1 release-{name}\0".encode() for name in ("request", "answer", "report")}


@dataclass
class Message:
    """A message whose form is right but for what its body has to hold."""

    kind: str
    body: bytes
    map: Any
    signatures: list[Any]

    @property
    def signers(self) -> list[bytes]:
        return [s[0] for s in self.signatures]

    @property
    def hash(self) -> bytes:
        return H(LABELS[self.kind] + self.body)

    def check_signatures(self, code: str) -> None:
        good = all(verify(s[2], s[3], LABELS[self.kind] + self.body) for s in self.signatures)
        need(good, code, "a signature does not verify")


def read_message(data: bytes, kind: str, code: str) -> Message:
    need(len(data) <= 524_288, "limit_exceeded", "too long")
    parts, rest = [], data
    for _ in range(2):
        end = 4 + number(rest[:4])
        need(len(rest) >= 4 and len(rest) >= end, code, "a length")
        parts.append(rest[4:end])
        rest = rest[end:]
    need(not rest, code, "something follows the signatures")
    body, signatures = map(unpack, parts)
    need(isinstance(signatures, list) and len(signatures) <= 8, code, "not an array of at most 8 signatures")
    need(all(map(is_signature, signatures)), code, "the form of a signature")
    need(is_ascending([s[0] for s in signatures]), code, "the order of the signatures")
    return Message(kind, parts[0], body, signatures)


# ---- Request

LOCAL, LABEL = r"[a-z0-9!#$%&'+/=?^_`{|}~-]+", r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
VIEWER = re.compile(rf"(?=[^@]{{1,64}}@){LOCAL}(\.{LOCAL})*@(?=.{{1,253}}\Z){LABEL}(\.{LABEL})*")
ID = re.compile("[a-z][a-z0-9_]{0,63}")


@dataclass
class Request:
    """A request for this authority: its map, its hash, the hash of the container's binding, who signed."""

    map: Map
    hash: bytes
    h_bind: bytes
    signers: list[bytes]


def is_xwing(key: Any) -> bool:
    def check() -> bool:
        mlkem.MLKEM768PublicKey.from_public_bytes(key[:1184])
        other = x25519.X25519PrivateKey.from_private_bytes(bytes(32))
        return any(other.exchange(x25519.X25519PublicKey.from_public_bytes(key[1184:])))

    return is_bin(key, 1216) and attempt(check) is True


def is_authority_stanza(v: Any, aud: Any) -> bool:
    good = isinstance(v, list) and len(v) == 3 and is_int(v[0], 32, 33)
    good = good and isinstance(v[1], list) and len(v[1]) == 2 and is_bin(v[1][0], 32) and v[1][0] == aud
    return good and is_bin(v[1][1], *range(1, 65)) and is_bin(v[2], CT_LENGTH[v[0]])


def is_id(v: Any) -> bool:
    return isinstance(v, str) and ID.fullmatch(v) is not None


def is_request(r: Any) -> bool:
    return (
        is_map(r, "act aud dev front iat kem lease nonce obl sid stanza v viewer")
        and r["act"] in ("copy", "extract", "print", "rewrap", "view")
        and is_bin(r["aud"], 32)
        and (r["dev"] is None or is_bin(r["dev"], 32))
        and isinstance(r["front"], bytes)
        and is_int(r["iat"], 0, LAST_SECOND)
        and is_xwing(r["kem"])
        and isinstance(r["lease"], bool)
        and not (r["lease"] and r["dev"] is None)
        and is_bin(r["nonce"], 16)
        and is_strs(r["obl"], 16, 64)
        and all(map(is_id, r["obl"]))
        and (r["sid"] is None or is_bin(r["sid"], 32))
        and is_authority_stanza(r["stanza"], r["aud"])
        and is_int(r["v"], 1, 1)
        and (r["viewer"] is None or (isinstance(r["viewer"], str) and VIEWER.fullmatch(r["viewer"]) is not None))
    )


def read_front(data: bytes) -> tuple[Map, bytes]:
    """CORE, and H_bind."""
    check_preamble(data)
    s = section(data, 16, CORE)
    core_map, kc, policy = s.body[:-32], s.body[-32:], None
    core = parse_core(core_map)
    if core["pol"]["m"] == "dynamic":
        s = section(data, s.end, POLICY)
        policy = s.body
        check_policy(policy)
    need(s.end == len(data), "bad_request", "something follows the front")
    need(core["pol"]["m"] in ("static", "dynamic"), "bad_request", "rules that an authority cannot read")
    if policy is not None:
        end = 4 + number(policy[:4])
        envelope, rest = unpack(policy[4:end]), policy[end:]
        signatures = unpack(rest[4 : 4 + number(rest[:4])])
        good = is_envelope(envelope) and len(signatures) <= 8 and all(map(is_signature, signatures))
        need(good and is_ascending([s[0] for s in signatures]), "bad_policy", "envelope or signatures")
    h_core = H(b"tera/v1/core\0" + PREAMBLE + be(len(core_map), 4) + core_map)
    return core, H(b"tera/v1/bind\0" + h_core + kc)


def parse_request(data: bytes) -> tuple[Message, Map, bytes]:
    """Step 1: the form. The message, CORE, and H_bind."""
    message = read_message(data, "request", "bad_request")
    need(is_request(message.map), "bad_request", "a field of the request")
    return message, *read_front(message.map["front"])


def read_request(data: bytes, authority: bytes) -> Request:
    """Steps 1 to 3 of "What the authority does"."""
    message, core, h_bind = parse_request(data)
    r = message.map
    need(r["aud"] == authority and authority in core["release"], "wrong_authority", "for another authority")
    message.check_signatures("request_signature")
    need(r["dev"] is None or r["dev"] in message.signers, "request_signature", "the device has not signed")
    return Request(r, message.hash, h_bind, message.signers)


def open_stanza(request: Request, seed: bytes) -> bytes:
    """Step 11, with the seed of the KEM key that `key_id` names."""
    kind, params, ct = request.map["stanza"]
    key = recipient(kind - 31, seed)
    info = b"tera/v1 stanza\0" + request.h_bind + be(kind, 2) + H(pack(params))
    return opened(attempt(key.suite.decrypt, ct, key.private, info))


def opened(share: bytes | None) -> bytes:
    if share is None:
        refuse("share_refused", "it does not open")
    return share


# ---- Answer

SAME = """rule_denied unsupported_rule blocked policy_unsigned policy_signer policy_signature policy_swapped
    policy_rollback policy_expired clock_behind stale_request unknown_session share_refused""".split()
LISTS = """blocklist_rollback stale_blocklist missing_blocklist blocklist_signature blocklist_digest blocklist_issuer
    bad_blocklist""".split()
RULES = """device downloadable first_open_for geo ip mac obligations offline_for opens recipients
    require_fresh_blocklist require_signature rights time""".split()


def is_argument(v: Any) -> bool:
    return isinstance(v, bool | int) or is_str(v, 0, 1024)


def is_named(v: Any) -> bool:
    return isinstance(v, dict) and len(v) <= 16 and all(map(is_id, v))


def is_obligations(v: Any) -> bool:
    return is_named(v) and all(is_named(x) and all(map(is_argument, x.values())) for x in v.values())


def is_or_nil(v: Any, low: int, high: int) -> bool:
    return v is None or is_int(v, low, high)


def is_answer(a: Any) -> bool:
    good = (
        is_map(a, "aud bind code ct iat lease left obl req rule until v ver")
        and all(is_bin(a[key], 32) for key in ("aud", "bind", "req"))
        and is_int(a["iat"], 0, LAST_SECOND)
        and is_or_nil(a["lease"], 0, LAST_SECOND)
        and is_or_nil(a["left"], 0, 2**32 - 1)
        and is_or_nil(a["until"], 0, LAST_SECOND)
        and is_or_nil(a["ver"], 1, 2**63 - 1)
        and is_obligations(a["obl"])
        and is_int(a["v"], 1, 1)
    )
    if not good:
        return False
    if a["code"] is None:
        return a["rule"] is None and is_bin(a["ct"], 1168)
    empty = all(a[key] is None for key in ("ct", "lease", "left", "until")) and a["obl"] == {}
    named = a["rule"] in RULES if a["code"] == "rule_denied" else a["rule"] is None
    return empty and named and a["code"] in SAME + LISTS


def check_answer(data: bytes, request: bytes) -> tuple[Map, Message, bytes]:
    """Step 3 of "What the caller does", but for a denial: the answer, the request, H_bind."""
    asked, _, h_bind = parse_request(request)
    message = read_message(data, "answer", "bad_answer")
    a, aud = message.map, asked.map["aud"]
    need(is_answer(a) and len(message.signatures) == 1, "bad_answer", "a field, or the number of signatures")
    need(message.signers == [aud], "answer_signature", "not by the authority that was asked")
    message.check_signatures("answer_signature")
    good = (a["aud"], a["bind"], a["req"]) == (aud, h_bind, asked.hash)
    need(good, "answer_swapped", "the answer to another request")
    return a, asked, h_bind


class Denied(Refused):
    """The authority has denied; `rule` is the one that did."""

    def __init__(self, code: str, rule: str | None) -> None:
        super().__init__("authority_unavailable" if code in LISTS else code, "the authority denies")
        self.rule = rule


def deny(a: Map) -> NoReturn:
    raise Denied(a["code"], a["rule"])


def read_answer(data: bytes, request: bytes, seed: bytes) -> tuple[Map, bytes]:
    """Steps 3 and 4: the receipt and the share, with the seed of the request's key."""
    a, asked, h_bind = check_answer(data, request)
    if a["code"] is not None:
        deny(a)
    key = recipient(1, seed)
    info = b"tera/v1 release\0" + h_bind + asked.hash
    return a, opened(attempt(key.suite.decrypt, a["ct"], key.private, info))


# ---- Leases


def read_lease(request: bytes, answer: bytes, salt: bytes, stored: bytes, device: bytes, now: int) -> bytes:
    """The share, at an open within the lease; `device` is the seed of its signing key."""
    a, asked, h_bind = check_answer(answer, request)
    need(now >= a["iat"], "clock_behind", "the clock was set back")
    need(a["lease"] is not None and now < a["lease"], "lease_expired", "the lease has ended")
    need(len(salt) == 16 and len(stored) == 80, "share_refused", "what was stored was changed")
    s = expand(extract(b"tera/v1 device-key", device), b"tera/v1 lease", 32)
    both = expand(extract(salt, s), b"tera/v1 lease\0" + h_bind + asked.hash, 64)
    need(hmac.compare_digest(both[32:], stored[:32]), "share_refused", "another device, or another lease")
    seed = opened(attempt(AESGCM(both[:32]).decrypt, bytes(12), stored[32:], None))
    return read_answer(answer, request, seed)[1]


# ---- Reports

KIND = re.compile("[a-z][a-z0-9_]{0,31}")


def is_event(e: Any) -> bool:
    if not is_map(e, "kind t v", "bind id req rule sub viewer x"):
        return False
    text = e.get("viewer", "-")
    return (
        is_bin(e.get("bind", bytes(32)), 32)
        and is_bin(e.get("id", bytes(16)), 16)
        and isinstance(e["kind"], str)
        and KIND.fullmatch(e["kind"]) is not None
        and is_bin(e.get("req", bytes(32)), 32)
        and is_id(e.get("rule", "a"))
        and is_bin(e.get("sub", bytes(1)), *range(1, 65))
        and is_int(e["t"], 0, 253_402_300_799_999)
        and is_int(e["v"], 1, 1)
        and is_str(text, 1, 320)
        and not NOT_IN_PATHS.search(text.replace("\\", ""))
        and isinstance(e.get("x", {"": 0}), dict)
        and 1 < len(pack(e.get("x", {"": 0}))) <= 4096
    )


def is_reported(data: Any) -> bool:
    if not isinstance(data, bytes) or len(data) > 8192:
        return False
    e = attempt(unpack, data)
    good = is_event(e) and e["kind"] == "lease_open"
    return good and "t" not in e.get("x", {}) and len(pack(e.get("x", {}))) <= 4080


def read_report(data: bytes, authority: bytes) -> Map:
    message = read_message(data, "report", "bad_request")
    r = message.map
    good = is_map(r, "aud dev events first v") and is_bin(r["aud"], 32) and is_bin(r["dev"], 32)
    good = good and isinstance(r["events"], list) and 1 <= len(r["events"]) <= 256
    good = good and all(map(is_reported, r["events"])) and is_int(r["first"], 0, 2**53) and is_int(r["v"], 1, 1)
    need(good, "bad_request", "a field of the report, or an event")
    need(r["aud"] == authority, "wrong_authority", "for another authority")
    need(message.signers == [r["dev"]], "request_signature", "signed by its device, and by nobody else")
    message.check_signatures("request_signature")
    return dict(r)
