"""Authorities, containers and callers for tests: each made once, in memory, with keys that are always the same."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tera.audit.events import Event, parse_event
from tera.audit.log import Query
from tera.authority.authority import Authority, Caller
from tera.authority.keys import HeldKeys
from tera.authority.ports import State
from tera.codec.authorities import AuthorityKey
from tera.codec.encoder import encode
from tera.codec.header import Dynamic
from tera.codec.recipients import KeyEncryptionKey, PrivateKey
from tera.crypto import kem
from tera.crypto.random import system
from tera.crypto.signing import SigningKey
from tera.format import access, sections
from tera.format.access import Stanza
from tera.format.front import Front, parse_front
from tera.format.rules import Rule
from tera.format.signatures import signer_name
from tera.policy.envelope import SignedEnvelope, next_envelope, pack_policy, parse_policy, sign_envelope
from tera.release.answer import Answer, check_answer, open_answer
from tera.release.request import FORM, Request, build_request, parse_request
from tera.wire import canonical

ORIGIN = "authority.example/log"
NOW = 1_900_000_000
ANN, BOB = "ann@a.example", "bob@b.example"
BY_ANN, BY_BOB = Caller(ANN), Caller(BOB)


def signing(number: int) -> SigningKey:
    return SigningKey(bytes((number,)) * 64)


ANN_KEY, BOB_KEY, DEVICE_KEY, OTHER_DEVICE = (signing(number) for number in range(1, 5))
OWNER, CO_OWNER, STRANGER = (signing(number) for number in range(5, 8))
KEYS = HeldKeys(signing(8), [PrivateKey(1, bytes(32))])
SECOND = HeldKeys(signing(9), [PrivateKey(2, b"\2" * 32)])
KEK = KeyEncryptionKey(bytes(32), b"k")
POLICY = b"p" * 16


class Clock:
    """A clock that stands still until a test sets it."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def authority_on(state: State, clock: Clock | None = None, keys: HeldKeys = KEYS, **options: Any) -> Authority:
    return Authority(state, keys, origin=ORIGIN, clock=clock or Clock(), **options)


# --- containers ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """A sealed container, its front, and the stanza that an authority opens."""

    data: bytes
    front: Front

    @property
    def prefix(self) -> bytes:
        return self.front.prefix

    @property
    def bind(self) -> bytes:
        return self.front.bind

    @property
    def id(self) -> bytes:
        return self.front.core.id

    @property
    def policy(self) -> SignedEnvelope:
        assert self.front.policy is not None
        return parse_policy(self.front.policy)

    def stanza(self, keys: HeldKeys = KEYS) -> Stanza:
        found = [one for one in self.front.stanzas if one.type in access.AUTHORITY]
        return next(one for one in found if one.params[0] == keys.fingerprint)


def made(data: bytes) -> Made:
    return Made(data, parse_front(io.BytesIO(data).read))


def seal(
    rules: Sequence[tuple[str, Any]] = (("opens", 3),),
    authorities: Sequence[AuthorityKey] = (KEYS.public,),
    **more: Any,
) -> Made:
    out = io.BytesIO()
    more = {"recipients": [KEK], "created": NOW, "rules": rules, **more}
    encode([("a.txt", b"content")], out, authorities=authorities, **more)
    return made(out.getvalue())


@cache
def sealed(name: str) -> Made:
    """Return a container that many tests share."""
    rules: dict[str, list[tuple[str, Any]]] = {
        "three": [("opens", 3)],
        "once": [("opens", 1)],
        "brief": [("first_open_for", 600)],
        "unlimited": [("rights", ["extract", "view"])],
        "offline": [("offline_for", 3_600), ("opens", 3)],
    }
    return seal(rules[name])


def dynamic(
    rules: Sequence[tuple[str, Any]] = (("opens", 3),), signers: Sequence[SigningKey] = (OWNER,), **more: Any
) -> Made:
    return seal(rules, dynamic=Dynamic(signers, 90 * 86_400, more.pop("policy_id", POLICY)), **more)


def version_after(
    before: SignedEnvelope, *rules: tuple[str, Any], by: Sequence[SigningKey] = (OWNER,), now: int = NOW, last: int = 90
) -> SignedEnvelope:
    """Return the next version of a policy, valid for `last` days."""
    found = tuple(Rule(*one) for one in rules) or None
    return sign_envelope(next_envelope(before, found, now=now, expires=now + last * 86_400), by)


def with_policy(container: Made, signed: SignedEnvelope | None) -> bytes:
    """Return a container's bytes before ACCESS with another policy; None is a body with an empty map."""
    core_end = len(sections.PREAMBLE) + sections.HEADER
    core_end += sections.parse_header(container.prefix[len(sections.PREAMBLE) : core_end], sections.CORE).length
    body = b"\0\0\0\1\x80\0\0\0\1\x90" if signed is None else pack_policy(signed)
    return container.prefix[:core_end] + sections.pack_header(sections.POLICY, len(body)) + body


# --- asking -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A request, as it is sent, and the secret half of its key."""

    message: bytes
    key: kem.PrivateKey

    @property
    def request(self) -> Request:
        return parse_request(self.message)

    @property
    def hash(self) -> bytes:
        return self.request.hash

    def share(self, reply: bytes) -> bytes:
        """Return the share in an answer. Raises what a caller would."""
        return open_answer(reply, self.request, self.key)[1]


def asking(container: Made, *, keys: HeldKeys = KEYS, **options: Any) -> Asked:
    key = kem.XWING.private_key(system(32))
    options = {"action": "view", "now": NOW, "prefix": container.prefix, "stanza": container.stanza(keys), **options}
    return Asked(build_request(public=key.public, random=system, **options), key)


def fields_of(message: bytes) -> dict[str, Any]:
    """Return the map of a request, to be changed."""
    return dict(FORM.split(message)[1])


def crafted(fields: dict[str, Any], *keys: SigningKey) -> bytes:
    """Return a request of these fields, whatever they are, signed by these keys."""
    return FORM.join(canonical.pack(fields), keys)


def ask(authority: Authority, container: Made, caller: Caller = BY_ANN, **options: Any) -> Answer:
    """Ask once, and return the authentic answer, be it a denial."""
    asked = asking(container, keys=options.pop("keys", KEYS), **options)
    return check_answer(authority.release(asked.message, caller), asked.request)


def said(authority: Authority, asked: Asked, caller: Caller = BY_ANN) -> Answer:
    """Send a request, and return the authentic answer, be it a denial."""
    return check_answer(authority.release(asked.message, caller), asked.request)


def events(authority: Authority) -> list[Event]:
    """Return the authority's log."""
    return [parse_event(data) for _, data in authority.events(Query())]


def outcomes(authority: Authority) -> list[tuple[str, str | None]]:
    """Return what the log says of requests: kind, and what decided."""
    return [(one.kind, one.rule) for one in events(authority) if one.kind in ("release", "denied")]


def name(key: SigningKey) -> bytes:
    return signer_name(key.public)


def lease_open(at: int, **changes: Any) -> bytes:
    """Return an event that a device reports."""
    found = {"container": sealed("offline").id, "bind": sealed("offline").bind, "viewer": ANN, "extra": {"act": "view"}}
    return Event(at, "lease_open", **(found | changes)).pack()
