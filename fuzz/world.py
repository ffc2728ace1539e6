"""A small world for the targets: an author, an owner of rules, an issuer of block lists, an authority, a caller.

The law of this file: everybody's key is fixed, and what they make in earnest is made by tera's own writers. What a
target then does to it, it does without their keys.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Final, TypeVar

from fuzz.samples import KEK, TEXT, fixed_random
from tera.audit.events import Event
from tera.authority.authority import Authority
from tera.authority.keys import HeldKeys
from tera.authority.memory import MemoryState
from tera.codec.encoder import Encoder
from tera.codec.header import Dynamic
from tera.codec.inspect import digest
from tera.codec.recipients import PrivateKey
from tera.codec.source import ObjectSource, read_front
from tera.crypto.signing import SigningKey
from tera.format import access
from tera.format import sections as s
from tera.format.core import Core
from tera.format.front import Front
from tera.format.rules import Rule
from tera.format.signatures import signer_name
from tera.policy.blockfile import Kind, blocked_id, build_blocklist
from tera.policy.blocklist import BlockList
from tera.policy.envelope import (
    SignedEnvelope,
    next_envelope,
    pack_policy,
    parse_policy,
    sign_envelope,
)
from tera.policy.marks import Mark, MarkKey, Marks

T = TypeVar("T")
NOW: Final = 1_000_000
CHOICES: Final = 24
FILES: Final = {"a": TEXT * 3, "b/x": b"x"}
CONTAINER, POLICY, LIST = bytes(16), b"\1" * 16, b"\2" * 16

AUTHOR, OWNER, ISSUER, VIEWER, DEVICE, STRANGER = (SigningKey(bytes((number,)) * 64) for number in range(1, 7))
AUTHORITY: Final = HeldKeys(SigningKey(bytes((7,)) * 64), [PrivateKey(access.XWING, bytes(32))])
ME: Final = "a@b.c"
MAC: Final = "00:00:00:00:00:01"

RULES: Final[tuple[tuple[str, Any], ...]] = (
    ("time", {"end": NOW}),
    ("time", {"end": NOW + 1, "start": NOW}),
    ("time", {"start": NOW + 1}),
    ("recipients", [ME]),
    ("recipients", ["*@b.c", "z@y.x"]),
    ("recipients", ["z@y.x"]),
    ("opens", 0),
    ("opens", 1),
    ("opens", 2),
    ("first_open_for", 5),
    ("ip", {"allow": ["10.0.0.0/8"]}),
    ("ip", {"block": ["10.0.0.1"]}),
    ("geo", {"allow": ["/DE//"]}),
    ("geo", {"block": ["EU///"]}),
    ("device", {"allow": [signer_name(DEVICE.public)]}),
    ("device", {"allow": [bytes(32)]}),
    ("mac", {"allow": [MAC]}),
    ("obligations", {"watermark": {"text": "x"}}),
    ("require_signature", True),
    ("require_fresh_blocklist", True),
    ("require_fresh_blocklist", 10),
    ("rights", ["view"]),
    ("rights", ["extract", "view"]),
    ("downloadable", False),
    ("offline_for", 60),
    ("entry", [["a", "rights", ["print"]]]),
    ("entry", [["b/**", "time", {"end": NOW}]]),
)


class Draw:
    """Choices that the first 24 bytes of fuzz input make, one each; the first of the pool when it has ended."""

    def __init__(self, data: bytes) -> None:
        self._data, self.rest = data[:CHOICES], data[CHOICES:]
        self._at = 0

    def pick(self, pool: Sequence[T]) -> T:
        """Return one of `pool`."""
        byte = self._data[self._at] if self._at < len(self._data) else 0
        self._at += 1
        return pool[byte % len(pool)]


@dataclass(frozen=True)
class Sealed:
    """A container that its author made; `policy` is the envelope in force, `older` the permissive one before it."""

    data: bytes
    front: Front
    digest: bytes
    policy: SignedEnvelope | None
    older: SignedEnvelope | None

    @property
    def core(self) -> Core:
        return self.front.core

    @cached_property
    def forged(self) -> tuple[bytes, ...]:
        """POLICY sections that let everybody in, and that the owner has not made as the next for this container.

        The last two are the version before, and it with the signature of the one in force; the others go on from
        the one in force: signed by nobody, by a stranger, with its signature; by the owner for something else.
        """
        if self.policy is None or self.older is None:
            return ()
        later = next_envelope(self.policy, None, now=NOW, expires=NOW + 9)
        found = [
            SignedEnvelope(later, later.pack(), ()),
            sign_envelope(later, [STRANGER]),
            SignedEnvelope(later, later.pack(), self.policy.signatures),
            sign_envelope(replace(later, container_id=bytes(15) + b"\1"), [OWNER]),
            sign_envelope(replace(later, policy_id=LIST), [OWNER]),
            self.older,
            replace(self.older, signatures=self.policy.signatures),
        ]
        return tuple(map(policy_section, found))

    def names(self) -> dict[Kind, bytes]:
        """Return what a block list can name it by."""
        found = {Kind.CONTAINER: self.core.id, Kind.DIGEST: self.digest, Kind.BIND: self.front.bind}
        found[Kind.SIGNER] = signer_name(AUTHOR.public)
        return found if self.policy is None else found | {Kind.POLICY: POLICY}


def rules_of(numbers: Sequence[int]) -> list[list[Any]] | None:
    """Return the rules with these numbers; of two with one name, the later."""
    found = {RULES[number][0]: RULES[number][1] for number in numbers}
    return [[name, found[name]] for name in sorted(found)] or None


@lru_cache(512)
def sealed(numbers: tuple[int, ...], place: str, authority: bool, label: str = "world") -> Sealed:
    """Return a container with these rules at their `place`: static, sealed or dynamic."""
    rules, out = rules_of(numbers), io.BytesIO()
    dynamic = Dynamic([OWNER], policy_id=POLICY) if place == "dynamic" else None
    with Encoder(
        out,
        recipients=[KEK],
        rules=None if dynamic else rules,
        sealed_rules=place == "sealed",
        dynamic=dynamic,
        authorities=[AUTHORITY.public] if authority else [],
        signers=[AUTHOR],
        id=CONTAINER,
        created=NOW - 9,  # rules that have ended already cannot be sealed
        random=fixed_random(label),
        workers=1,
    ) as encoder:
        for path, content in FILES.items():
            encoder.add_content(path, content, mtime=0)
    data = out.getvalue()
    older = newer = None
    front = read_front(ObjectSource(io.BytesIO(data)))
    if front.policy is not None:
        older = parse_policy(front.policy)
        made = None if rules is None else tuple(Rule(name, value) for name, value in rules)
        newer = sign_envelope(next_envelope(older, made, now=NOW, expires=NOW + 9), [OWNER])
        body = pack_policy(newer, len(front.policy))
        at = len(front.prefix) - len(body)
        data = data[:at] + body + data[at + len(body) :]
        front = read_front(ObjectSource(io.BytesIO(data)))
    name = bytes.fromhex(digest(io.BytesIO(data)).removeprefix("tera:"))
    return Sealed(data, front, name, newer, older)


def split(data: bytes) -> list[bytes]:
    """Return the preamble and the sections of a container."""
    found, at = [data[: len(s.PREAMBLE)]], len(s.PREAMBLE)
    while at < len(data):
        end = at + s.HEADER + int.from_bytes(data[at + 4 : at + s.HEADER], "big")
        found.append(data[at:end])
        at = end
    return found


def policy_section(signed: SignedEnvelope) -> bytes:
    """Return a POLICY section, whatever is in it."""
    body = pack_policy(signed)
    return s.pack_header(s.POLICY, len(body)) + body


# --- block lists ------------------------------------------------------------------------------------


@lru_cache(64)
def blocklist(blocked: bytes | None, version: int = 2, key: SigningKey = ISSUER) -> bytes:
    """Return a list of two pages, with one id in it that counts."""
    ids = [blocked_id(Kind.SIGNER, at.to_bytes(32, "big")) for at in range(200)]
    return build_blocklist(
        [*ids, *([] if blocked is None else [blocked])],
        key,
        list_id=LIST,
        version=version,
        issued=NOW - 7 + version,
        expires=NOW + 60,
    )


class ListBytes:
    """A `BlockListSource` in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @contextmanager
    def open(self, now: int, marks: Marks) -> Iterator[BlockList]:
        """See `BlockListSource`."""

        def read_at(offset: int, length: int) -> bytes:
            return self.data[offset : offset + length]

        trusted = [signer_name(ISSUER.public)]
        yield BlockList.open(read_at, len(self.data), trusted=trusted, now=now, marks=marks)


def marks_of(sealed: Sealed, listed: bytes | None) -> dict[MarkKey, Mark]:
    """Return what has been seen before: the policy in force, and the newest list."""
    found = {}
    if sealed.policy is not None:
        found[MarkKey("policy", signer_name(OWNER.public), POLICY)] = Mark(2, sealed.policy.hash)
    if listed is not None:
        trusted = [signer_name(ISSUER.public)]
        opened = BlockList.open(
            lambda at, size: listed[at : at + size], len(listed), trusted=trusted, now=NOW, marks={}
        )
        found |= opened.marks
    return found


# --- the authority ----------------------------------------------------------------------------------


def authority_for(sealed: Sealed, listed: bytes | None, opens: int, *, first: int, relied: bool) -> Authority:
    """Return an authority that knows caller, policy and list, and has counted so many opens."""
    state = MemoryState()
    with state.transaction() as writing:
        writing.enrol(signer_name(VIEWER.public), ME)
        for key, mark in marks_of(sealed, listed).items():
            writing.raise_mark(key, mark)
        if sealed.policy is not None:
            writing.keep_envelope(signer_name(OWNER.public), POLICY, pack_policy(sealed.policy))
        for _ in range(opens):
            writing.count(sealed.front.bind, ME, first)
        writing.record(Event(time=NOW * 1_000, kind="key"))
    return Authority(
        state,
        AUTHORITY,
        origin="authority.example/log",
        blocklists=[] if listed is None else [ListBytes(listed)],
        signers=frozenset([signer_name(AUTHOR.public)] if relied else []),
        clock=lambda: NOW,
    )


def share_of(sealed: Sealed) -> bytes:
    """Return the share that the authority holds of a container's key."""
    stanza = next(one for one in sealed.front.stanzas if one.type in access.AUTHORITY)
    return AUTHORITY.open(stanza, sealed.front.bind)
