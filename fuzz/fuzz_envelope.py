"""A policy that is taken is the encoding of what it says, and is refused with the code of the text's plain reader.

No envelope is verified that the owner has not signed. The first byte says who reads: two bits for the floor, two for
the mark, one for the clock; with the top bit the rest is an envelope, which is signed, else POLICY's body as it is.
"""

from __future__ import annotations

from typing import Any

from fuzz import oracle
from fuzz.samples import SIGNER, SIGNER_NAME
from spec import reference_policy
from tera.format.core import Core, DynamicRules
from tera.format.rules import Rule
from tera.format.signatures import pack_signatures, sign
from tera.policy.envelope import FROZEN, first_envelope, pack_policy, parse_policy, verify_policy
from tera.policy.marks import Mark, MarkKey

ID, PID = bytes(16), bytes(16)
SIGN = 0x80


RULES = (Rule("opens", 3), Rule("time", {"end": 5}))
HONEST = tuple(first_envelope(ID, rules, now=900, expires=1_100, container_id=ID) for rules in (RULES, None, FROZEN))
"""What the owner has signed."""


def one_input(data: bytes) -> None:
    who, body = data[0] if data else 0, data[1:]
    floor, seen, now = who & 3, who >> 2 & 3, 1_000 if who & 16 else 2_000
    if who & SIGN:
        listed = pack_signatures(sign(b"tera/v1/policy\0" + body, [SIGNER]))
        body = b"".join(len(part).to_bytes(4, "big") + part for part in (body, listed))
    core = Core(ID, 1, DynamicRules(PID, (SIGNER_NAME,), floor))
    mark = Mark(seen, bytes(32))
    marks = {MarkKey("policy", SIGNER_NAME, PID): mark} if seen else {}
    found = oracle.tera(parse_policy, body)
    verdict: Any = found
    if isinstance(found, oracle.Taken):
        signed = found.value
        assert signed.envelope.pack() == signed.packed
        assert pack_policy(signed, len(body)) == body
        verdict = oracle.tera(verify_policy, signed, core, now, marks)
    plain = {(SIGNER_NAME, PID): (mark.version, mark.digest)} if seen else {}
    reader = reference_policy.Reader(ID, PID, [SIGNER_NAME], floor, now, plain)
    other = oracle.reference(reference_policy.read_envelope, body, reader)
    if isinstance(verdict, oracle.Taken):
        assert isinstance(other, oracle.Taken), (verdict, other)
        assert who & SIGN or any(body.startswith(one.pack(), 4) for one in HONEST), "the owner has not signed this"
    elif verdict.code != "limit_exceeded":  # that is the section's, which is not here
        assert not isinstance(other, oracle.Taken) and other.code == verdict.code, (verdict, other)
