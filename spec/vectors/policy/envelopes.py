"""Vectors of the envelope in POLICY: its structure, who signed it, whose it is, how old it is.

The law of this file: bytes are put together here from the text of policy.md, not by `tera.policy`; a code is
stated by the scenario.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spec.vectors.fixed import ID, NAMES, SIGNERS, fixed_bytes
from spec.vectors.policy.form import ENVELOPE, SUCCESS, Vector
from spec.vectors.policy.kept import KEPT
from tera.wire import canonical

NOW: Final = 1_800_000_000
PID: Final = fixed_bytes("policy", 16)
OTHER_PID: Final = fixed_bytes("other policy", 16)
OTHER_ID: Final = fixed_bytes("other container", 16)
RULES: Final = [["opens", 3], ["time", {"end": 1_900_000_000}]]
BEFORE: Final = fixed_bytes("version 2", 32)
LABEL: Final = b"tera/v1/policy\0"
DROP: Final = object()
Made = Iterator[tuple[str, Vector]]


def envelope(**changes: Any) -> bytes:
    """Return a good envelope of version 3 with some values changed or dropped."""
    value = {
        **{"cid": ID, "iat": NOW - 1_000, "nxt": NOW + 1_000, "pid": PID, "prev": BEFORE},
        **{"rules": RULES, "v": 1, "ver": 3},
        **changes,
    }
    return canonical.pack({key: item for key, item in value.items() if item is not DROP})


def policy_hash(packed: bytes) -> bytes:
    """Return what `prev` of the next version is."""
    return hashlib.sha256(LABEL + packed).digest()


def signature(packed: bytes, signer: int = 0) -> list[Any]:
    """Return a signature of an envelope."""
    key = SIGNERS[signer]
    return [NAMES[signer], 1, key.public, KEPT.sign(key, LABEL + packed)]


def u32(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


@dataclass
class Case:
    """Who reads: CORE, the clock, and what is remembered."""

    name: str
    comment: str
    result: str = SUCCESS
    auth: Sequence[int] = (0,)
    floor: int = 2
    now: int = NOW
    id: bytes = ID
    pid: bytes = PID
    marks: Sequence[tuple[int, int, bytes]] = ()
    marked: Sequence[int] = (0,)

    def vector(self, packed: bytes, signatures: Any = None, slack: bytes = bytes(64)) -> tuple[str, Vector]:
        """Return the vector of an envelope that is signed by the first signer unless given."""
        listed = [signature(packed)] if signatures is None else signatures
        return self.of(u32(packed) + u32(canonical.pack(listed)) + slack, packed)

    def of(self, body: bytes, packed: bytes) -> tuple[str, Vector]:
        """Return the vector of a body."""
        lines = [("section", "Dynamic policy"), ("comment", self.comment), ("result", self.result)]
        lines += [("now", str(self.now)), ("id", self.id.hex()), ("pid", self.pid.hex()), ("min", str(self.floor))]
        lines += [("auth", NAMES[signer].hex()) for signer in self.auth]
        lines += [("mark", self._mark(signer, version, seen)) for signer, version, seen in self.marks]
        if self.result == SUCCESS:
            value: Any = canonical.unpack(packed, what="envelope", max_len=1 << 20)
            new = value["ver"], policy_hash(packed)
            lines += [("new-mark", self._mark(signer, *new)) for signer in self.marked]
            lines.append(("rules", canonical.pack(value["rules"]).hex()))
        return f"envelope_{self.name}", Vector(ENVELOPE, tuple(lines), body)

    def _mark(self, signer: int, version: int, seen: bytes) -> str:
        return f"{NAMES[signer].hex()} {self.pid.hex()} {version} {seen.hex()}"


def good() -> Made:
    """What is taken."""
    packed = envelope()
    yield Case("one_signer", "Version 3 of a policy of one container.").vector(packed)
    yield Case("no_slack", "There may be no slack.").vector(packed, slack=b"")
    yield Case("no_rules", "nil is no rules.").vector(envelope(rules=None))
    yield Case("nobody", "opens 0 is what freeze writes.").vector(envelope(rules=[["opens", 0]]))
    yield Case("shared", "cid is nil: it holds for every container with this pid.").vector(envelope(cid=None))
    first = envelope(ver=1, prev=bytes(32))
    yield Case("version_1", "Version 1 has zeros before it.", floor=0).vector(first)
    last = envelope(ver=2**63 - 1)
    yield Case("version_last", "The largest version, the largest floor.", floor=2**63 - 1).vector(last)
    yield Case("at_floor", "The floor itself is allowed.", floor=3).vector(packed)
    both = [signature(packed, 0), signature(packed, 1)]
    yield Case("two_signers", "Both are named; both get marks.", auth=(0, 1), marked=(0, 1)).vector(packed, both)
    yield Case("one_of_two_named", "One of those that CORE names is enough.", auth=(0, 1)).vector(packed)
    yield Case("foreign_signature_too", "A signer that CORE does not name may sign as well.").vector(packed, both)
    seen = [(0, 3, policy_hash(packed))]
    yield Case("seen_before", "The mark is this very envelope: nothing new.", marks=seen, marked=()).vector(packed)
    yield Case("continues_mark", "prev is the mark's hash.", marks=[(0, 2, BEFORE)]).vector(packed)
    skipped = [(0, 1, fixed_bytes("version 1", 32))]
    yield Case("skips_version", "Between the mark and this is one not seen.", marks=skipped).vector(packed)
    others = [(1, 9, BEFORE), (2, 3, BEFORE)]
    yield Case("marks_of_others", "Marks of signers that CORE does not name do not count.", marks=others).vector(packed)
    comment = "Both signed; the mark of one of them is older, the other's is this."
    halves = [(0, 3, policy_hash(packed)), (1, 2, BEFORE)]
    yield Case("one_new_mark", comment, auth=(0, 1), marks=halves, marked=(1,)).vector(packed, both)
    yield Case("last_second", "The last second in which it holds.", now=NOW + 999).vector(packed)
    yield Case("clock_300_behind", "Clocks may differ by 300 seconds.", now=NOW - 1_300).vector(packed)


def structure() -> Made:
    """What is no envelope."""
    wrong: dict[str, list[tuple[str, Any]]] = {
        "cid": [("short", ID[:15]), ("long", ID + b"\0"), ("str", "a" * 16), ("empty", b""), ("missing", DROP)],
        "iat": [("negative", -1), ("year_10000", 253_402_300_800), ("boolean", True), ("missing", DROP)],
        "nxt": [("equals_iat", NOW - 1_000), ("before_iat", 5), ("year_10000", 253_402_300_800), ("nil", None),
                ("missing", DROP)],
        "pid": [("short", PID[:15]), ("long", PID + b"\0"), ("nil", None), ("missing", DROP)],
        "prev": [("short", BEFORE[:31]), ("nil", None), ("zeros", bytes(32)), ("missing", DROP)],
        "rules": [("empty", []), ("unsorted", RULES[::-1]), ("twice", [RULES[0], RULES[0]]), ("map", {"opens": 3}),
                  ("name", [["Opens", 3]]), ("257", [[f"r{at:03}", 0] for at in range(257)]), ("missing", DROP)],
        "v": [("0", 0), ("2", 2), ("boolean", True), ("missing", DROP)],
        "ver": [("0", 0), ("too_large", 2**63), ("boolean", True), ("str", "3"), ("missing", DROP)],
    }  # fmt: skip
    for key, values in wrong.items():
        for name, value in values:
            comment = f"{key} is {name.replace('_', ' ')}."
            yield Case(f"{key}_{name}", comment, "bad_policy").vector(envelope(**{key: value}))
    comment = "Version 1 has zeros before it."
    yield Case("version_1_with_prev", comment, "bad_policy", floor=0).vector(envelope(ver=1))
    yield Case("unknown_key", "A key too many.", "bad_policy").vector(envelope(x=0))
    packed = envelope()
    longer = packed.replace(b"\xa3ver\x03", b"\xa3ver\xcc\x03")
    yield Case("not_canonical", "3 has a shorter form.", "not_canonical").vector(longer)
    yield Case("array", "An envelope is a map.", "bad_policy").vector(canonical.pack([packed]))
    yield Case("slack", "Slack is zeros.", "bad_policy").vector(packed, slack=bytes(63) + b"\1")
    listed = canonical.pack([signature(packed)])
    cut = u32(packed) + u32(listed)[:-1]
    yield Case("cut", "The signatures do not fit.", "bad_policy").of(cut, packed)
    yield Case("one_part", "There are two lengths.", "bad_policy").of(u32(packed), packed)


def signing() -> Made:
    """Who signed."""
    packed = envelope()
    one, two = signature(packed, 0), signature(packed, 1)
    yield Case("stripped", "The signatures were removed.", "policy_unsigned").vector(packed, [])
    yield Case("wrong_authority", "Signed by somebody whom CORE does not name.", "policy_signer").vector(packed, [two])
    for name, half, at in (("mldsa", "ML-DSA", 0), ("ed25519", "Ed25519", -1)):
        changed = bytearray(one[3])
        changed[at] ^= 1
        comment = f"One bit of the {half} half differs."
        yield Case(f"signature_{name}", comment, "policy_signature").vector(packed, [[*one[:3], bytes(changed)]])
    foreign = [one, [*two[:3], bytes(3_373)]]
    comment = "A signature of a signer that CORE does not name verifies too."
    yield Case("foreign_signature_wrong", comment, "policy_signature").vector(packed, foreign)
    for key, value in {
        **{"cid": None, "iat": NOW - 1_001, "nxt": NOW + 1_001, "prev": fixed_bytes("no version", 32)},
        **{"rules": None, "ver": 4},
    }.items():
        comment = f"{key} was changed after signing."
        yield Case(f"signed_other_{key}", comment, "policy_signature").vector(envelope(**{key: value}), [one])
    signer = SIGNERS[0]
    for name, label in {"trailer": b"tera/v1/sig\0", "blocklist": b"tera/v1/blocklist\0", "no": b""}.items():
        listed = [[NAMES[0], 1, signer.public, KEPT.sign(signer, label + packed)]]
        comment = f"The label is that of {name} signature." if name == "no" else f"The label is the {name}'s."
        yield Case(f"label_{name}", comment, "policy_signature").vector(packed, listed)
    form: dict[str, tuple[str, Any]] = {
        "unsorted": ("They are sorted.", [two, one]),
        "twice": ("Each signer once.", [one, one]),
        "algorithm": ("There is algorithm 1.", [[one[0], 2, *one[2:]]]),
        "fingerprint": ("The fingerprint is not the key's.", [[NAMES[1], *one[1:]]]),
        "short": ("A signature has 3,373 bytes.", [[*one[:3], one[3][:-1]]]),
        "of_three": ("A signature has four parts.", [one[:3]]),
    }
    for name, (comment, listed) in form.items():
        yield Case(f"signatures_{name}", comment, "bad_policy").vector(packed, listed)
    yield Case("signatures_map", "They are an array.", "bad_policy").vector(packed, {})
    yield Case("no_key", "The key is 1,984 zeros.", "policy_signature").vector(*_zero_key(packed))


def _zero_key(packed: bytes) -> tuple[bytes, Any]:
    """A named signer next to one whose key is no point of the curve."""
    public = bytes(1_952) + b"\xff" * 32
    name = hashlib.sha256(b"tera/v1/fpr\0\x01\x01" + public).digest()
    return packed, sorted([signature(packed), [name, 1, public, bytes(3_373)]])


def binding() -> Made:
    """Whose it is, and how old."""
    packed = envelope()
    yield Case("other_policy", "Of another policy by the same signer.", "policy_swapped").vector(
        envelope(pid=OTHER_PID)
    )
    yield Case("other_container", "Of another container.", "policy_swapped").vector(envelope(cid=OTHER_ID))
    yield Case("in_other_container", "Moved here.", "policy_swapped", id=OTHER_ID, auth=(0, 1)).vector(packed)
    yield Case("below_floor", "CORE asks for 4.", "policy_rollback", floor=4).vector(packed)
    comment = "Version 4 has been seen."
    yield Case("below_mark", comment, "policy_rollback", marks=[(0, 4, BEFORE)]).vector(packed)
    other = [(0, 3, fixed_bytes("another version 3", 32))]
    yield Case("same_version", "Another version 3 has been seen.", "policy_rollback", marks=other).vector(packed)
    other = [(0, 2, fixed_bytes("another version 2", 32))]
    yield Case("other_history", "Another version 2 has been seen.", "policy_rollback", marks=other).vector(packed)
    comment = "Version 4, by the other signer whom CORE names, has been seen."
    turns = [(0, 2, BEFORE), (1, 4, BEFORE)]
    yield Case("signers_take_turns", comment, "policy_rollback", auth=(0, 1), marks=turns).vector(packed)
    for name, late in {"expired": 1_000, "expired_long_ago": 10**8}.items():
        yield Case(name, "nxt is not after the time.", "policy_expired", now=NOW + late).vector(packed)
    yield Case("clock_301_behind", "Issued in the future.", "clock_behind", now=NOW - 1_301).vector(packed)
    both = envelope(pid=OTHER_PID)
    yield Case("order_signer", "Two faults: the signer.", "policy_signer", floor=9).vector(both, [signature(both, 1)])
    yield Case("order_swapped", "Two faults: the pid.", "policy_swapped", floor=9).vector(both)
    yield Case("order_rollback", "Two faults: the version.", "policy_rollback", floor=9, now=NOW * 2).vector(packed)


PARTS: tuple[Callable[[], Made], ...] = (good, structure, signing, binding)
