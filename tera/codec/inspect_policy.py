"""What a container's policy says, whether it would hold now, and why not; without a key.

The law of this file: what is wrong is a part of the answer, after all that can still be read; and nothing is said to
be somebody's word unless their signature was verified.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tera.codec.layout import check_signatures, find_trailer
from tera.codec.repolicy import read_policy
from tera.codec.source import Readable, as_source, read_front
from tera.errors import MissingSignature, TeraError, Unauthentic
from tera.format.rules import Rule
from tera.policy.envelope import FROZEN, SignedEnvelope, check_signature, verify_policy
from tera.policy.marks import Marks
from tera.policy.vocabulary import label, parse_rules


@dataclass(frozen=True, slots=True)
class PolicySigner:
    """Who signed the policy. `named`: CORE lists it; `verified`: the signature verifies; `pinned`: it is trusted."""

    fingerprint: bytes
    named: bool
    verified: bool
    pinned: bool


@dataclass(frozen=True, slots=True)
class PolicyInspection:
    """What a policy says; `error` is why it does not hold now, None if it does.

    `named` are the fingerprints that CORE lists, `rules` is None where there are none, and `verified` says whether a
    pinned signature vouches for it: under the policy itself, or under the CORE that names who signed it.
    """

    id: bytes
    container: bytes
    container_id: bytes | None
    version: int
    issued: int
    expires: int
    previous: bytes
    rules: tuple[Rule, ...] | None
    enforced: bool
    signers: tuple[PolicySigner, ...]
    named: tuple[bytes, ...]
    room: int
    verified: bool
    error: TeraError | None

    @property
    def frozen(self) -> bool:
        """Whether nobody may open it."""
        return self.rules is not None and FROZEN[0] in self.rules

    def to_dict(self) -> dict[str, Any]:
        """Return values that JSON can hold."""
        error = self.error
        return {
            "policy": self.id.hex(),
            "container": str(uuid.UUID(bytes=self.container)),
            "for_this_container_only": self.container_id is not None,
            "version": self.version,
            "issued": self.issued,
            "expires": self.expires,
            "previous": self.previous.hex(),
            "frozen": self.frozen,
            "rules": None
            if self.rules is None
            else [
                {"name": rule.name, "value": rule.value, "enforcement": label(rule.name, self.enforced)}
                for rule in self.rules
            ],
            "signers": [
                {
                    "fingerprint": one.fingerprint.hex(),
                    "named": one.named,
                    "verified": one.verified,
                    "pinned": one.pinned,
                }
                for one in self.signers
            ],
            "named_signers": [one.hex() for one in self.named],
            "room": self.room,
            "verified": self.verified,
            "holds": error is None,
            "error": None if error is None else {"code": error.code, "message": str(error), "hint": error.hint},
        }


def inspect_policy(source: Readable, *, signers: Sequence[bytes] = (), marks: Marks, now: int) -> PolicyInspection:
    """Return what the policy says, at `now`, after what `marks` remember. Each of `signers` must have signed it, or
    the container.

    Raises what is wrong with the container, BadPolicy for a policy that cannot be read, MissingSignature.
    """
    found, close = as_source(source)
    try:
        front = read_front(found)
        signed, place = read_policy(front)
        by_container: set[bytes] = set()
        if signers:
            trailer, _ = find_trailer(found, front.length)
            by_container = {one.fingerprint for one in check_signatures(front, trailer, [])}
    finally:
        close()
    pinned = frozenset(signers)
    listed = tuple(
        PolicySigner(one.signer, one.signer in place.signers, _verifies(signed, number), one.signer in pinned)
        for number, one in enumerate(signed.signatures)
    )
    by_policy = {one.fingerprint for one in listed if one.verified}
    for wanted in signers:
        if wanted not in by_container | by_policy:
            raise MissingSignature(f"neither it nor its policy is signed by {wanted.hex()[:16]}, whom you asked for")
    error: TeraError | None = None
    try:
        verify_policy(signed, front.core, now, marks)
        parse_rules(signed.envelope.rules or ())
    except TeraError as raised:
        error = raised
    envelope = signed.envelope
    assert front.policy is not None
    return PolicyInspection(
        id=envelope.policy_id,
        container=front.core.id,
        container_id=envelope.container_id,
        version=envelope.version,
        issued=envelope.issued,
        expires=envelope.expires,
        previous=envelope.previous,
        rules=envelope.rules,
        enforced=bool(front.core.authorities),
        signers=listed,
        named=place.signers,
        room=len(front.policy) - len(front.policy.rstrip(b"\0")),
        verified=bool(pinned) and not isinstance(error, Unauthentic),
        error=error,
    )


def _verifies(signed: SignedEnvelope, number: int) -> bool:
    try:
        check_signature(signed, signed.signatures[number])
    except Unauthentic:
        return False
    return True
