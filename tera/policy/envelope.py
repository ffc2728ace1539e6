"""Dynamic rules: the signed envelope in POLICY, which can be replaced while the container stays the same.

The law of this file: every byte of POLICY's body is made and understood here, and an envelope is used only as
a `VerifiedEnvelope`. Rollback, freezing, another's signature, a stripped signature and another container's
policy are each refused by their own name.

    body      u32(len) || envelope || u32(len) || signatures || zeros
    envelope  canonical map {cid, iat, nxt, pid, prev, rules, v, ver}
    signed    "tera/v1/policy\\0" || envelope
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tera.crypto.hashes import sha256
from tera.crypto.signing import SigningKey
from tera.errors import (
    BadInput,
    BadPolicy,
    ClockBehind,
    LimitExceeded,
    Malformed,
    PolicyExpired,
    PolicyRollback,
    PolicySignature,
    PolicySigner,
    PolicySwapped,
    PolicyUnsigned,
)
from tera.format import limits, schema, signatures
from tera.format.core import Core, DynamicRules
from tera.format.front import check_policy
from tera.format.rules import Rule, parse_rules, rules_value
from tera.format.trailer import Signature
from tera.policy.marks import VERSION_MAX, Mark, MarkKey, Marks, check_issued, check_mark
from tera.wire import canonical

FORM: Final = 1
FIRST: Final = bytes(32)
"""What `previous` is in version 1."""
FROZEN: Final = (Rule("opens", 0),)
"""The rules of a container that nobody may open; a policy without any rule is `None` instead."""
SLACK: Final = 2_048
PAGE: Final = 4_096

_LABEL: Final = b"tera/v1/policy\0"
_KEYS: Final = ("cid", "iat", "nxt", "pid", "prev", "rules", "v", "ver")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a policy says. `rules` is None when there are none; it is never empty.

    `policy_id` has 16 bytes; `container_id` too, or is None for a policy that several containers share.
    `issued` and `expires` are in seconds since 1970 UTC; `previous` is the hash of the version before.
    """

    policy_id: bytes
    version: int
    issued: int
    expires: int
    previous: bytes
    container_id: bytes | None
    rules: tuple[Rule, ...] | None

    def pack(self) -> bytes:
        """Return the envelope's map. Raises BadPolicy for what no reader would take."""
        packed = canonical.pack(
            {
                "cid": self.container_id,
                "iat": self.issued,
                "nxt": self.expires,
                "pid": self.policy_id,
                "prev": self.previous,
                "rules": None if self.rules is None else rules_value(self.rules),
                "v": FORM,
                "ver": self.version,
            }
        )
        _parse_envelope(packed)
        return packed


@dataclass(frozen=True, slots=True)
class SignedEnvelope:
    """An envelope with its bytes as received or made, and its signatures, not verified."""

    envelope: Envelope
    packed: bytes
    signatures: tuple[Signature, ...]

    @property
    def message(self) -> bytes:
        """What its signers sign."""
        return _LABEL + self.packed

    @property
    def hash(self) -> bytes:
        """What the next version's `previous` is, and what a mark remembers (32 bytes)."""
        return sha256(self.message)


@dataclass(frozen=True, slots=True)
class VerifiedEnvelope:
    """An envelope that holds for a container now.

    `signers` are those of CORE that signed. `marks` are new; the caller writes them, and only now.
    """

    envelope: Envelope
    hash: bytes
    signers: tuple[bytes, ...]
    marks: dict[MarkKey, Mark]


# --- reading ------------------------------------------------------------------------------------------


def parse_policy(body: bytes) -> SignedEnvelope:
    """Parse POLICY's body without verifying it. Raises NotCanonical or BadPolicy."""
    check_policy(body)
    parts, at = [], 0
    for _ in range(2):
        end = at + 4 + int.from_bytes(body[at : at + 4], "big")
        parts.append(body[at + 4 : end])
        at = end
    envelope = _parse_envelope(parts[0])
    signed_by = signatures.parse_signatures(parts[1], BadPolicy, "POLICY's signatures", limits.POLICY)
    return SignedEnvelope(envelope, parts[0], signed_by)


def verify_policy(signed: SignedEnvelope, core: Core, now: int, marks: Marks) -> VerifiedEnvelope:
    """Return the envelope if it holds for the container with this CORE, at `now`, after what `marks` remember.

    1. There is a signature (PolicyUnsigned).
    2. One of them is by a signer that CORE names (PolicySigner).
    3. Every signature verifies (PolicySignature).
    4. It is CORE's policy, and this container's if it names one (PolicySwapped).
    5. Its version is not below CORE's floor, and fits the mark of every signer that CORE names (PolicyRollback).
    6. It was not issued in the future (ClockBehind), and has not expired (PolicyExpired).

    Raises ValueError for a CORE whose rules are not dynamic.
    """
    envelope = signed.envelope
    signers = check_authentic(signed, core)
    check_history(signed, core, marks)
    check_issued(now, envelope.issued, "the policy")
    if now >= envelope.expires:
        raise PolicyExpired(f"the policy expired {now - envelope.expires:,} seconds ago")
    new = Mark(envelope.version, signed.hash)
    keys = (MarkKey("policy", signer, envelope.policy_id) for signer in signers)
    return VerifiedEnvelope(envelope, signed.hash, signers, {key: new for key in keys if marks.get(key) != new})


def check_authentic(signed: SignedEnvelope, core: Core) -> tuple[bytes, ...]:
    """Steps 1 to 4: what no time and no memory changes. Return the signers that CORE names and that signed."""
    place, envelope = _place(core), signed.envelope
    if not signed.signatures:
        raise PolicyUnsigned("the policy is not signed")
    signers = tuple(one.signer for one in signed.signatures if one.signer in place.signers)
    if not signers:
        raise PolicySigner("the policy is not signed by anybody whom the container names")
    for one in signed.signatures:
        check_signature(signed, one)
    if envelope.policy_id != place.policy_id:
        raise PolicySwapped("it is another policy than the one that the container names")
    if envelope.container_id not in (None, core.id):
        raise PolicySwapped("it is the policy of another container")
    return signers


def check_signature(signed: SignedEnvelope, one: Signature) -> None:
    """Return when this one of its signatures verifies. Raises PolicySignature."""
    signatures.verify(one.public, signed.message, one.signature, PolicySignature, "the policy")


def check_history(signed: SignedEnvelope, core: Core, marks: Marks) -> None:
    """Step 5: it is not older than CORE and `marks` allow, and goes on where they end. Raises PolicyRollback."""
    place, version = _place(core), signed.envelope.version
    if version < place.floor:
        raise PolicyRollback(f"the policy has version {version:,}, the container asks for {place.floor:,} or later")
    # Of every signer that CORE names, not only of those that signed: where two take turns, the newest version of
    # one would else not stand in the way of an old one of the other.
    for signer in place.signers:
        mark = marks.get(MarkKey("policy", signer, place.policy_id))
        check_mark(mark, version, signed.hash, PolicyRollback, "the policy")
        if mark is not None and version == mark.version + 1 and signed.envelope.previous != mark.digest:
            raise PolicyRollback(
                f"the policy's version {version:,} does not continue the version {mark.version:,} that has been seen",
                hint="two people changed it at once: its owner settles that with one more version",
            )


def _place(core: Core) -> DynamicRules:
    if not isinstance(core.rules, DynamicRules):
        raise ValueError("the container has no dynamic rules")
    return core.rules


def _parse_envelope(packed: bytes) -> Envelope:
    value: Any = canonical.unpack(packed, what="POLICY", max_len=limits.POLICY)
    found = schema.exact_map(value, _KEYS, BadPolicy, "POLICY")
    schema.integer(found["v"], FORM, FORM, BadPolicy, "v")
    envelope = Envelope(
        policy_id=schema.binary(found["pid"], 16, 16, BadPolicy, "pid"),
        version=schema.integer(found["ver"], 1, VERSION_MAX, BadPolicy, "ver"),
        issued=schema.integer(found["iat"], 0, limits.TIME_MAX, BadPolicy, "iat"),
        expires=schema.integer(found["nxt"], 0, limits.TIME_MAX, BadPolicy, "nxt"),
        previous=schema.binary(found["prev"], 32, 32, BadPolicy, "prev"),
        container_id=None if found["cid"] is None else schema.binary(found["cid"], 16, 16, BadPolicy, "cid"),
        rules=None if found["rules"] is None else parse_rules(found["rules"], BadPolicy),
    )
    if envelope.expires <= envelope.issued:
        raise BadPolicy("nxt is not after iat")
    if (envelope.version == 1) != (envelope.previous == FIRST):
        raise BadPolicy("prev is zeros in version 1, and only there")
    return envelope


# --- writing ------------------------------------------------------------------------------------------


def first_envelope(
    policy_id: bytes, rules: tuple[Rule, ...] | None, *, now: int, expires: int, container_id: bytes | None
) -> Envelope:
    """Return version 1. Raises BadInput for what no reader would take."""
    return _checked(Envelope(policy_id, 1, now, expires, FIRST, container_id, rules))


def next_envelope(
    previous: SignedEnvelope, rules: tuple[Rule, ...] | None, *, now: int, expires: int, lost: int = 0
) -> Envelope:
    """Return the version after `previous`, which the caller has verified.

    With `lost`, the newest version that anybody has seen and that is lost, it goes on from `previous` all the same,
    above them both. Raises ClockBehind when `previous` was issued after `now`, BadInput for what no reader would take.
    """
    before = previous.envelope
    if now < before.issued:
        raise ClockBehind(
            f"the policy was issued {before.issued - now:,} seconds after the time of this machine's clock"
        )
    # By two: what is greater by one than a mark has to continue it.
    version = max(before.version, lost) + 2 if lost else before.version + 1
    return _checked(Envelope(before.policy_id, version, now, expires, previous.hash, before.container_id, rules))


def sign_envelope(envelope: Envelope, keys: Sequence[SigningKey]) -> SignedEnvelope:
    """Sign by 1 to 8 keys, of which CORE names one or more. Raises BadInput or BadPolicy."""
    packed = envelope.pack()
    return SignedEnvelope(envelope, packed, signatures.sign(_LABEL + packed, keys))


def pack_policy(signed: SignedEnvelope, length: int | None = None) -> bytes:
    """Return POLICY's body: of `length` bytes, to replace one in place, else with room for more.

    Raises LimitExceeded when it does not fit.
    """
    listed = signatures.pack_signatures(signed.signatures)
    packed = b"".join(len(part).to_bytes(4, "big") + part for part in (signed.packed, listed))
    if length is None:
        length = min(-(-(len(packed) + SLACK) // PAGE) * PAGE, max(limits.POLICY, len(packed)))
    if len(packed) > length or length > limits.POLICY:
        raise LimitExceeded("the policy does not fit into its section", hint="write the container to a copy (-o)")
    return packed + bytes(length - len(packed))


def _checked(envelope: Envelope) -> Envelope:
    try:
        envelope.pack()
    except (Malformed, TypeError, ValueError) as error:
        raise BadInput(f"no reader would take this policy: {error}") from None
    return envelope
