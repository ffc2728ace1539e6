"""An authority's answer: the share or a denial, signed; the caller's receipt. Spec: spec/release.md, "Answer".

The law of this file: an answer is believed when the authority that was asked has signed it, and it names this
container and this request. A denial says which rule or code decided, and nothing about keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from tera.crypto import kem
from tera.crypto.signing import SigningKey
from tera.errors import (
    AnswerSignature,
    AnswerSwapped,
    AuthorityUnavailable,
    BadAnswer,
    BadInput,
    BadStanza,
    Blocked,
    ClockBehind,
    PolicyExpired,
    PolicyRollback,
    PolicySignature,
    PolicySigner,
    PolicySwapped,
    PolicyUnsigned,
    RuleDenied,
    ShareRefused,
    StaleRequest,
    TeraError,
    UnknownSession,
    UnsupportedRule,
)
from tera.format import limits, schema
from tera.policy import checks
from tera.policy.vocabulary import KINDS
from tera.release.framing import Form
from tera.release.request import Request
from tera.wire import canonical

LONGEST: Final = 512 << 10
"""The obligations of one rule alone may take 280 KiB."""
FORM: Final = Form("a release answer", b"tera/v1 release-answer\0", LONGEST, BadAnswer)

_KEYS: Final = ("aud", "bind", "code", "ct", "iat", "lease", "left", "obl", "req", "rule", "until", "v", "ver")
_VERSION_MAX: Final = 2**63 - 1
_TEXT: Final = 64

_DENIALS: Final[Mapping[str, type[TeraError]]] = MappingProxyType(
    {
        one.code: one
        for one in (
            Blocked,
            ClockBehind,
            PolicyExpired,
            PolicyRollback,
            PolicySignature,
            PolicySigner,
            PolicySwapped,
            PolicyUnsigned,
            RuleDenied,
            ShareRefused,
            StaleRequest,
            UnknownSession,
            UnsupportedRule,
        )
    }
)
_LISTS: Final = frozenset(
    {
        "bad_blocklist",
        "blocklist_digest",
        "blocklist_issuer",
        "blocklist_rollback",
        "blocklist_signature",
        "missing_blocklist",
        "stale_blocklist",
    }
)
CODES: Final = frozenset(_DENIALS) | _LISTS
"""Every code that a denial may have."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, as in the table of the text; `ct` is None in a denial, and then `code` is not."""

    authority: bytes
    bind: bytes
    request: bytes
    issued: int
    code: str | None = None
    rule: str | None = None
    ct: bytes | None = field(default=None, repr=False)
    lease: int | None = None
    left: int | None = None
    until: int | None = None
    obligations: Mapping[str, Any] = field(default_factory=dict)
    version: int | None = None

    def pack(self) -> bytes:
        """Return the answer's map. Raises BadAnswer for what no caller would take."""
        packed = canonical.pack(
            {
                "aud": self.authority,
                "bind": self.bind,
                "code": self.code,
                "ct": self.ct,
                "iat": self.issued,
                "lease": self.lease,
                "left": self.left,
                "obl": {name: dict(args) for name, args in self.obligations.items()},
                "req": self.request,
                "rule": self.rule,
                "until": self.until,
                "v": 1,
                "ver": self.version,
            }
        )
        _parse_map(canonical.unpack(packed, what=FORM.what, max_len=LONGEST))
        return packed

    def raise_denial(self) -> None:
        """Raise what a denial says, in the words of its rule; return for a release."""
        if self.code is None:
            return
        who = f"the authority {self.authority.hex()[:16]}"
        if self.code == RuleDenied.code:
            reason = KINDS[self.rule].reason if self.rule in KINDS else "for a reason that is not known here"
            raise RuleDenied(f"{who} denies it by the rule {self.rule}: {reason}", rule=self.rule)
        if self.code in _LISTS:
            raise AuthorityUnavailable(
                f"{who} cannot decide: {self.code}", hint="its owner has to put its block lists in order"
            )
        raise _DENIALS[self.code](f"{who} denies it: {_WORDS[self.code]}", hint=_HINTS.get(self.code))


_WORDS: Final = {
    "blocked": "it is blocked",
    "clock_behind": "something was issued after the time of its clock",
    "policy_expired": "the policy has expired",
    "policy_rollback": "the policy is older than it may be",
    "policy_signature": "a signature of the policy does not verify",
    "policy_signer": "the policy is not signed by anybody whom the container names",
    "policy_swapped": "it is the policy of another container, or another policy",
    "policy_unsigned": "the policy is not signed",
    "share_refused": "its share does not open",
    "stale_request": "the clock here and its clock differ by more than 5 minutes",
    "unknown_session": "there is no such session, or it is over",
    "unsupported_rule": "it does not know one of the rules",
}
_HINTS: Final = {"clock_behind": "its owner has to set its clock; or who issued it, theirs"}


def release_info(bind: bytes, request: bytes) -> bytes:
    """Return the HPKE info of a released share; `request` is H(request)."""
    return b"tera/v1 release\0" + bind + request


def seal_share(share: bytes, request: Request) -> bytes:
    """Return the share, sealed to the request's key and to nothing else."""
    return kem.XWING.seal(request.public, share, release_info(request.bind, request.hash))


def sign_answer(answer: Answer, key: SigningKey) -> bytes:
    """Return the signed answer. Raises BadAnswer for what no caller would take."""
    return FORM.join(answer.pack(), [key])


def parse_answer(message: bytes, authority: bytes) -> Answer:
    """Return an answer that `authority` has signed. Raises LimitExceeded, NotCanonical, BadAnswer, AnswerSignature."""
    packed, value, signed = FORM.split(message)
    found = _parse_map(value)
    if len(signed) != 1:
        raise BadAnswer("an answer has one signature")
    if signed[0].signer != authority:
        raise AnswerSignature("the answer is not signed by the authority that was asked")
    FORM.verify(packed, signed, AnswerSignature)
    return found


def open_answer(message: bytes, request: Request, key: kem.PrivateKey) -> tuple[Answer, bytes]:
    """Return the answer to `request`, and the share; `key` is the secret half of the request's.

    Raises what `parse_answer` does, AnswerSwapped, the error that a denial names, and ShareRefused.
    """
    answer = check_answer(message, request)
    answer.raise_denial()
    assert answer.ct is not None  # `_parse_map` has seen to it
    try:
        return answer, key.open(answer.ct, release_info(request.bind, request.hash))
    except BadStanza:
        raise ShareRefused("the share in the authority's answer does not open") from None


def check_answer(message: bytes, request: Request) -> Answer:
    """Return the authentic answer to `request`, denial or not. Raises what `parse_answer` does, and AnswerSwapped."""
    answer = parse_answer(message, request.authority)
    if (answer.authority, answer.bind, answer.request) != (request.authority, request.bind, request.hash):
        raise AnswerSwapped("the authority's answer is to another request")
    return answer


def _parse_map(value: Any) -> Answer:
    found = schema.exact_map(value, _KEYS, BadAnswer, FORM.what)
    schema.integer(found["v"], 1, 1, BadAnswer, "v")
    answer = Answer(
        authority=schema.binary(found["aud"], 32, 32, BadAnswer, "aud"),
        bind=schema.binary(found["bind"], 32, 32, BadAnswer, "bind"),
        request=schema.binary(found["req"], 32, 32, BadAnswer, "req"),
        issued=schema.integer(found["iat"], 0, limits.TIME_MAX, BadAnswer, "iat"),
        code=_optional_text(found["code"], "code"),
        rule=_optional_text(found["rule"], "rule"),
        ct=found["ct"],
        lease=_optional(found["lease"], limits.TIME_MAX, "lease"),
        left=_optional(found["left"], checks.COUNT_MAX, "left"),
        until=_optional(found["until"], limits.TIME_MAX, "until"),
        obligations=_parse_obligations(found["obl"]),
        version=_optional(found["ver"], _VERSION_MAX, "ver", low=1),
    )
    if answer.code is None:
        schema.binary(answer.ct, kem.XWING.ct_length, kem.XWING.ct_length, BadAnswer, "ct")
        if answer.rule is not None:
            raise BadAnswer("a release names a rule that denied")
        return answer
    if answer.code not in CODES:
        raise BadAnswer("a denial has a code that is none")
    if any(one is not None for one in (answer.ct, answer.lease, answer.left, answer.until)) or answer.obligations:
        raise BadAnswer("a denial holds what only a release does")
    if (answer.code == RuleDenied.code) != (answer.rule is not None):
        raise BadAnswer("a denial by a rule does not name it, or another one does")
    if answer.rule is not None and answer.rule not in KINDS:
        raise BadAnswer("a denial names a rule that is none")
    return answer


def _optional(value: Any, high: int, what: str, low: int = 0) -> int | None:
    return None if value is None else schema.integer(value, low, high, BadAnswer, what)


def _optional_text(value: Any, what: str) -> str | None:
    return None if value is None else schema.text(value, _TEXT, BadAnswer, what)


def _parse_obligations(value: Any) -> dict[str, Any]:
    try:
        return {one.id: one.args for one in checks.obligations(value)}
    except BadInput as error:
        raise BadAnswer(f"obl: {error}") from None
