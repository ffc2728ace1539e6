"""What an authority answers: step 11 of spec/release.md, and the signed answer, be it a share or a denial.

The law of this file: a share is opened only where the rules allow it, and it leaves sealed to the key of this one
request. Whatever is wrong with stanza or key is one code.
"""

from __future__ import annotations

from dataclasses import dataclass

from tera.authority.decide import Outcome
from tera.authority.ports import Keys
from tera.errors import BadStanza, RuleDenied, ShareRefused, TeraError
from tera.format import limits
from tera.format.signatures import signer_name
from tera.release.answer import CODES, Answer, seal_share, sign_answer
from tera.release.request import Request


@dataclass(frozen=True, slots=True)
class Reply:
    """A signed answer, and the error that it says, or None. `share` is the sealed share, or why there is none."""

    outcome: Outcome
    share: bytes | ShareRefused | None
    answer: Answer | None
    message: bytes
    error: TeraError | None

    def recounted(self, outcome: Outcome, request: Request, keys: Keys) -> Reply | None:
        """Return what is to be answered to a later outcome; signed again only if it says something else.

        None if the outcome needs a share that was not opened.
        """
        if outcome.error is None and outcome.basis.kept is None and self.share is None:
            return None
        return _reply(outcome, request, keys, self.share, self)


def make_reply(outcome: Outcome, request: Request, keys: Keys) -> Reply:
    """Open the share if the outcome allows it, and sign what is answered."""
    share: bytes | ShareRefused | None = None
    if outcome.error is None and outcome.basis.kept is None:
        try:
            share = seal_share(keys.open(request.stanza, request.bind), request)
        except BadStanza as error:
            share = ShareRefused(str(error))
    return _reply(outcome, request, keys, share, None)


def _reply(
    outcome: Outcome, request: Request, keys: Keys, share: bytes | ShareRefused | None, before: Reply | None
) -> Reply:
    error = outcome.error or (share if isinstance(share, ShareRefused) else None)
    if error is None and outcome.basis.kept is not None:
        return Reply(outcome, None, None, outcome.basis.kept.answer, None)
    authority = signer_name(keys.signing.public)
    if error is None:
        assert isinstance(share, bytes)
        answer = _release(outcome, request, authority, share)
    elif error.code in CODES:
        answer = _denial(outcome, request, authority, error)
    else:  # nobody's answer: an error of the transport
        return Reply(outcome, None, None, b"", error)
    message = before.message if before and before.answer == answer else sign_answer(answer, keys.signing)
    return Reply(outcome, share, answer, message, error)


def _release(outcome: Outcome, request: Request, authority: bytes, ct: bytes) -> Answer:
    decision = outcome.decision
    assert decision is not None
    lease = decision.lease_until if request.lease else None
    return Answer(
        authority=authority,
        bind=request.bind,
        request=request.hash,
        issued=outcome.now,
        ct=ct,
        lease=None if lease is None else min(lease, limits.TIME_MAX),
        left=outcome.left,
        until=None if decision.until is None else min(decision.until, limits.TIME_MAX),
        obligations={one.id: one.args for one in decision.obligations},
        version=_version(outcome),
    )


def _denial(outcome: Outcome, request: Request, authority: bytes, error: TeraError) -> Answer:
    return Answer(
        authority=authority,
        bind=request.bind,
        request=request.hash,
        issued=outcome.now,
        code=error.code,
        rule=error.rule if isinstance(error, RuleDenied) else None,
        version=_version(outcome),
    )


def _version(outcome: Outcome) -> int | None:
    return None if outcome.policy is None else outcome.policy.envelope.version
