"""A request for an authority's share. Spec: spec/release.md, "Request".

The law of this file: a request names everything that is decided on, in bytes that the authority hashes itself;
so what it evaluates and what it opens are one container. Every field is checked here, once, for both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from tera.crypto import kem
from tera.crypto.random import Random
from tera.crypto.signing import SigningKey
from tera.errors import BadInput, BadKey, BadRequest, Malformed, RequestSignature, WrongAuthority
from tera.format import access, limits, schema
from tera.format.access import Stanza
from tera.format.core import Core, DynamicRules, StaticRules
from tera.format.front import Prefix, parse_prefix
from tera.format.signatures import signer_name
from tera.format.trailer import Signature
from tera.policy import checks
from tera.policy.context import ACTIONS, Action
from tera.policy.envelope import parse_policy
from tera.policy.people import read_viewer
from tera.release.framing import Form
from tera.wire import canonical

LONGEST: Final = 512 << 10
FORM: Final = Form("a release request", b"tera/v1 release-request\0", LONGEST, BadRequest)
NONCE: Final = 16
SKEW: Final = 300
"""How many seconds the caller's clock and the authority's may differ."""

_KEYS: Final = ("act", "aud", "dev", "front", "iat", "kem", "lease", "nonce", "obl", "sid", "stanza", "v", "viewer")
_AUTHORITY: Final = (access.AUTHORITY_XWING, access.AUTHORITY_MLKEM1024_P384)
_OBLIGATION: Final = 64
_VIEWER: Final = 320


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, as in the table of the text. `prefix` is `front`, parsed; `hash` names the request."""

    action: Action
    authority: bytes
    device: bytes | None
    prefix: Prefix = field(repr=False)
    issued: int
    public: bytes = field(repr=False)
    lease: bool
    nonce: bytes = field(repr=False)
    obligations: tuple[str, ...]
    session: bytes | None
    stanza: Stanza = field(repr=False)
    viewer: str | None
    packed: bytes = field(repr=False)
    signatures: tuple[Signature, ...] = field(repr=False)

    @property
    def hash(self) -> bytes:
        """H(request), 32 bytes: what the answer, the count and the event are bound to."""
        return FORM.hash(self.packed)

    @property
    def core(self) -> Core:
        return self.prefix.core

    @property
    def bind(self) -> bytes:
        """H_bind, computed from what was sent."""
        return self.prefix.bind

    @property
    def signers(self) -> tuple[bytes, ...]:
        """The fingerprints of the keys that signed."""
        return tuple(one.signer for one in self.signatures)

    def check(self, authority: bytes) -> None:
        """Check that it is for `authority`, and every signature. Raises WrongAuthority or RequestSignature."""
        if self.authority != authority or authority not in self.core.authorities:
            raise WrongAuthority("the request is for another authority, or the container does not name this one")
        FORM.verify(self.packed, self.signatures, RequestSignature)
        if self.device is not None and self.device not in self.signers:
            raise RequestSignature("the device that the request names has not signed it")


def build_request(
    *,
    prefix: bytes,
    stanza: Stanza,
    action: Action,
    public: bytes,
    now: int,
    random: Random,
    viewer: str | None = None,
    obligations: Sequence[str] = (),
    session: bytes | None = None,
    lease: bool = False,
    viewer_key: SigningKey | None = None,
    device_key: SigningKey | None = None,
) -> bytes:
    """Return a signed request for the share in `stanza` of the container that begins with `prefix`.

    `public` is an X-Wing key made for it. Raises BadInput for what no authority would take.
    """
    if stanza.type not in _AUTHORITY:
        raise BadInput("the stanza is not an authority's")
    packed = canonical.pack(
        {
            "act": action,
            "aud": stanza.params[0],
            "dev": None if device_key is None else signer_name(device_key.public),
            "front": prefix,
            "iat": now,
            "kem": public,
            "lease": lease,
            "nonce": random(NONCE),
            "obl": sorted(set(obligations)),
            "sid": session,
            "stanza": [stanza.type, stanza.params, stanza.ct],
            "v": 1,
            "viewer": viewer,
        }
    )
    keys = {key.public: key for key in (viewer_key, device_key) if key is not None}
    message = FORM.join(packed, list(keys.values()))
    try:
        parse_request(message)
    except Malformed as error:
        raise BadInput(f"no authority would take this request: {error}") from None
    return message


def parse_request(message: bytes) -> Request:
    """Parse a request without verifying its signatures.

    Raises LimitExceeded, NotCanonical, BadRequest; and when nothing else is wrong, what `parse_front` does.
    """
    packed, value, signed = FORM.split(message)
    found = schema.exact_map(value, _KEYS, BadRequest, FORM.what)
    schema.integer(found["v"], 1, 1, BadRequest, "v")
    device = None if found["dev"] is None else schema.binary(found["dev"], 32, 32, BadRequest, "dev")
    if found["act"] not in ACTIONS:
        raise BadRequest("act is no action")
    if type(found["lease"]) is not bool or (found["lease"] and device is None):
        raise BadRequest("lease is not a boolean, or is true without a device")
    authority = schema.binary(found["aud"], 32, 32, BadRequest, "aud")
    front = schema.binary(found["front"], 0, LONGEST, BadRequest, "front")
    return Request(
        action=found["act"],
        authority=authority,
        device=device,
        issued=schema.integer(found["iat"], 0, limits.TIME_MAX, BadRequest, "iat"),
        public=_parse_public(found["kem"]),
        lease=found["lease"],
        nonce=schema.binary(found["nonce"], NONCE, NONCE, BadRequest, "nonce"),
        obligations=_parse_obligations(found["obl"]),
        session=None if found["sid"] is None else schema.binary(found["sid"], 32, 32, BadRequest, "sid"),
        stanza=_parse_stanza(found["stanza"], authority),
        viewer=_parse_viewer(found["viewer"]),
        prefix=parse_front(front),  # the last: its codes are those of a container
        packed=packed,
        signatures=signed,
    )


def parse_front(data: bytes) -> Prefix:
    """Parse a container's bytes before ACCESS, and the policy in it, without verifying it.

    Raises what a container's front and a policy's envelope are refused with; then BadRequest.
    """
    pull = partial(_take, memoryview(data), [0])
    prefix = parse_prefix(pull)
    if len(prefix.bytes) != len(data):
        raise BadRequest("something follows what stands before ACCESS")
    if not isinstance(prefix.core.rules, StaticRules | DynamicRules):
        raise BadRequest("the container has no rules that an authority can read")
    if prefix.policy is not None:
        parse_policy(prefix.policy)
    return prefix


def _take(data: memoryview, at: list[int], length: int) -> bytes:
    piece = bytes(data[at[0] : at[0] + length])
    at[0] += len(piece)
    return piece


def _parse_public(value: Any) -> bytes:
    public = schema.binary(value, kem.XWING.public_length, kem.XWING.public_length, BadRequest, "kem")
    try:
        kem.XWING.check_public(public)
    except BadKey:
        raise BadRequest("kem is not an X-Wing public key") from None
    return public


def _parse_obligations(value: Any) -> tuple[str, ...]:
    found = schema.texts(value, checks.OBLIGATIONS, _OBLIGATION, BadRequest, "obl")
    try:
        checks.obligations({name: {} for name in found})
    except BadInput as error:
        raise BadRequest(f"obl: {error}") from None
    return found


def _parse_stanza(value: Any, authority: bytes) -> Stanza:
    type_, params, ct = schema.array(value, 3, BadRequest, "stanza", low=3)
    if type_ not in _AUTHORITY:
        raise BadRequest("the stanza is not an authority's")
    named, key_id = schema.array(params, 2, BadRequest, "the stanza's params", low=2)
    if schema.binary(named, 32, 32, BadRequest, "the stanza's authority") != authority:
        raise BadRequest("the stanza is another authority's than aud")
    schema.binary(key_id, 1, limits.KEY_ID, BadRequest, "the stanza's key id")
    length = access.ENC_LENGTH[type_] + access.SHARE + 16
    schema.binary(ct, length, length, BadRequest, "the stanza's ct")
    return Stanza(0, type_, b"", params, ct)


def _parse_viewer(value: Any) -> str | None:
    if value is None:
        return None
    text = schema.text(value, _VIEWER, BadRequest, "viewer")
    try:
        if text.isascii() and read_viewer(text) == text:
            return text
    except BadInput:
        pass
    raise BadRequest("viewer is not an address in its one form")
