"""The authority: a request in, a signed answer out, and everything that was decided on record before it leaves.

The law of this file: it is the one place where an authority writes. What takes long (signatures, the share) is done
before the write lock is taken; what it rests on is compared under it. Where only counts have changed, step 10 is
done again there; where more has, everything. So an answer is never of a count that was not its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from tera.audit.events import Event
from tera.audit.log import CHECKPOINT_EVERY, Query, issue_checkpoint
from tera.audit.notekeys import Verifier, log_signers
from tera.authority import enrolment
from tera.authority.caller import UNKNOWN, Caller
from tera.authority.decide import Basis, Terms, decide
from tera.authority.policies import choose, held_for
from tera.authority.ports import Kept, Keys, State, Transaction
from tera.authority.reply import Reply, make_reply
from tera.codec.config import BlockListSource
from tera.errors import BadInput, BadRequest, PolicyRollback, RuleDenied, UnknownViewer, WrongAuthority
from tera.format.core import DynamicRules
from tera.format.signatures import signer_name
from tera.policy.envelope import SignedEnvelope, parse_policy
from tera.release.answer import CODES
from tera.release.report import parse_report
from tera.release.request import SKEW, Request, parse_front, parse_request

__all__ = ["Authority", "Caller"]

KEEP: Final = 86_400
"""Seconds for which an answer can be had again."""

SESSION: Final = 3_600
"""Seconds for which a session can be gone on with."""


class Authority:
    """Decides on releases. `origin` names its log; `signers` are fingerprints that `require_signature` relies on.

    `session` and `keep` are in seconds; answers are kept for 10 minutes at least, since a request can be repeated
    for as long, and for as long as sessions last. `clock` returns seconds since 1970 UTC. An object may be used by
    many threads; many processes may share a state.
    """

    def __init__(
        self,
        state: State,
        keys: Keys,
        *,
        origin: str,
        blocklists: Sequence[BlockListSource] = (),
        signers: frozenset[bytes] = frozenset(),
        session: int = SESSION,
        keep: int = KEEP,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.origin = origin
        self.fingerprint = signer_name(keys.signing.public)
        self._state = state
        self._keys = keys
        self._log_signers = log_signers(origin, keys.signing)
        self._terms = Terms(tuple(blocklists), signers, session)
        self._keep = max(keep, session, 2 * SKEW)
        self._clock = clock

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """The public keys with which checkpoints of the log are verified."""
        return tuple(one.verifier for one in self._log_signers)

    # --- release ------------------------------------------------------------------------------------

    def release(self, message: bytes, caller: Caller = UNKNOWN) -> bytes:
        """Return the signed answer, maybe a denial, to a request; it is on record when this returns.

        Raises LimitExceeded, NotCanonical, BadRequest and the codes of a container's front for its form;
        WrongAuthority, RequestSignature, UnknownViewer; AuthorityUnavailable for a block list that cannot be read;
        StateUnavailable, LogUnavailable.
        """
        return self.answer(parse_request(message), caller)

    def answer(self, request: Request, caller: Caller = UNKNOWN) -> bytes:
        """Return the same for a request that has been parsed."""
        own = None if request.prefix.policy is None else parse_policy(request.prefix.policy)
        request.check(self.fingerprint)
        reply = None
        while reply is None:
            reply = self._attempt(request, own, caller)
        if reply.error is not None and reply.error.code not in CODES:
            raise reply.error
        return reply.message

    def _attempt(self, request: Request, own: SignedEnvelope | None, caller: Caller) -> Reply | None:
        """Decide and record; None when what it was decided on changed before it could be written."""
        with self._state.reading() as view:
            basis = Basis.read(view, request, caller)
            now = int(self._clock())  # after the basis: what was recorded before is not in the future
            outcome = decide(view, request, own, caller, basis, self._terms, now)
        found: Reply | None = make_reply(outcome, request, self._keys)
        with self._state.transaction() as writing:
            current = Basis.read(writing, request, caller)
            if current != basis:
                again = outcome.recounted(current)
                found = None if again is None or found is None else found.recounted(again, request, self._keys)
            if found is not None:
                self._write(writing, request, found)
        return found

    def _write(self, writing: Transaction, request: Request, reply: Reply) -> None:
        """Step 12."""
        outcome, error = reply.outcome, reply.error
        basis, now = outcome.basis, outcome.now
        extra: dict[str, Any] = {"act": request.action}
        if request.device is not None:
            extra["dev"] = request.device
        if error is None and basis.kept is not None:
            extra["again"] = True
        elif error is None:
            session = request.hash
            if basis.counts:
                writing.count(request.bind, basis.viewer, now)
            elif request.session is not None:
                session = extra["sid"] = request.session
            writing.forget(now - self._keep)
            kept = Kept(basis.viewer, request.bind, session, basis.before.count, now, reply.message)
            writing.keep(request.hash, kept)
            answer = reply.answer
            leased = request.device if answer is not None and answer.lease is not None else None
            if leased is not None and writing.reported(leased) is None:
                writing.set_reported(leased, 0)
        if outcome.policy is not None:
            extra["ver"] = outcome.policy.envelope.version
            outcome.policy.keep(writing)
        for key, mark in outcome.marks.items():
            writing.raise_mark(key, mark)
        self._record(
            writing,
            "release" if error is None else "denied",
            container=request.core.id,
            bind=request.bind,
            viewer=basis.viewer,
            rule=None if error is None else error.rule if isinstance(error, RuleDenied) else error.code,
            request=request.hash,
            extra=extra,
        )

    # --- the owner's ----------------------------------------------------------------------------------

    def update(self, front: bytes, caller: Caller = UNKNOWN) -> int:
        """Take the policy in a container's first bytes, up to ACCESS, if it is newer; return the version that counts.

        Its signer vouches for it; who brings one that is new here has to be known, or to be its signer. Raises what
        a request's front does, WrongAuthority, UnknownViewer, and what `verify_policy` does; PolicyRollback for
        another one with the version that is held.
        """
        prefix = parse_front(front)
        core = prefix.core
        if self.fingerprint not in core.authorities:
            raise WrongAuthority("the container does not name this authority")
        if prefix.policy is None or not isinstance(core.rules, DynamicRules):
            raise BadRequest("the container's rules cannot change")
        own = parse_policy(prefix.policy)
        while True:
            with self._state.reading() as view:
                held = held_for(view, core)
                policy = choose(view, core, own, held, int(self._clock()))
                known = caller.viewer is not None or any(held) or any(map(view.viewer, policy.signers))
            if not known:
                raise UnknownViewer("nobody vouches for who brings this policy, which is new here")
            if own.envelope.version == policy.envelope.version and own.envelope != policy.envelope:
                raise PolicyRollback(f"the authority holds another version {own.envelope.version:,} of this policy")
            if not policy.marks and not policy.news:
                return policy.envelope.version
            with self._state.transaction() as writing:
                if held_for(writing, core) == held:
                    policy.keep(writing)
                    version = policy.envelope.version
                    self._record(writing, "policy", subject=core.rules.policy_id, extra={"ver": version})
                    return version

    def enrol(self, fingerprint: bytes, viewer: str) -> None:
        """Say whose a signing key is. Raises BadInput for what is no address, or no fingerprint of 32 bytes."""
        if len(fingerprint) != 32:
            raise BadInput(f"a key's fingerprint has 32 bytes, not {len(fingerprint)}")
        enrolment.enrol(self._state, fingerprint, viewer, self._now())

    def withdraw(self, fingerprint: bytes) -> None:
        """Forget whose a signing key is. Raises UnknownViewer for one that is not enrolled."""
        enrolment.withdraw(self._state, fingerprint, self._now())

    def report(self, message: bytes) -> int:
        """Record what a device reports, each event once; return how many of its events are on record.

        Raises what `parse_report` does; BadRequest for a gap.
        """
        report = parse_report(message, self.fingerprint)
        with self._state.transaction() as writing:
            have = writing.reported(report.device)
            if have is None:
                raise UnknownViewer("the device has never had a lease of this authority")
            if report.first > have:
                raise BadRequest(f"the report begins with event {report.first:,}, {have:,} are on record")
            fresh = report.events[have - report.first :]
            for event in fresh:
                self._record(
                    writing,
                    "reported",
                    container=event.container,
                    bind=event.bind,
                    subject=report.device,
                    viewer=event.viewer,
                    request=event.request,
                    extra={**event.extra, "t": event.time},
                )
            if fresh:
                writing.set_reported(report.device, have + len(fresh))
        return have + len(fresh)

    # --- the log ----------------------------------------------------------------------------------------

    def checkpoint(self, *, every: int = CHECKPOINT_EVERY) -> bytes:
        """Return the newest signed checkpoint of the log; a new one if it has grown and `every` ms have passed."""
        with self._state.transaction() as writing:
            return self._sign_log(writing, every)

    def events(self, query: Query, *, limit: int = 1_000) -> list[tuple[int, bytes]]:
        """Return the newest events that are meant, with their numbers, oldest first."""
        with self._state.reading() as view:
            found = view.log.find(query, limit=limit, newest=True)
        return [(one.index, one.data) for one in reversed(found)]

    def _record(self, writing: Transaction, kind: str, **fields: Any) -> None:
        """Append an event at this time; once a second the log is signed with it."""
        writing.record(Event(time=self._now(), kind=kind, **fields))
        self._sign_log(writing, CHECKPOINT_EVERY)

    def _sign_log(self, writing: Transaction, every: int) -> bytes:
        return issue_checkpoint(writing.log, self.origin, self._log_signers, self._now(), every=every)

    def _now(self) -> int:
        """Return the time in milliseconds."""
        return int(self._clock() * 1_000)
