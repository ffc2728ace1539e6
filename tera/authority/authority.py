"""The authority: a request in, a signed answer out, and everything that was decided on record before it leaves.

The law of this file: the steps are those of spec/release.md, "What the authority does". What takes long
(signatures, the share) is done before the write lock is taken; what it was done on is compared again under it,
and if it has changed, all is done once more. So an answer is never of a count that was not its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from tera.audit.events import Event
from tera.audit.log import Query, issue_checkpoint
from tera.audit.notekeys import Verifier, log_signers
from tera.authority.ports import Kept, Keys, State, Transaction, View
from tera.codec.config import BlockListSource
from tera.errors import (
    BadRequest,
    BadStanza,
    ClockBehind,
    PolicyUnsigned,
    RuleDenied,
    ShareRefused,
    StaleRequest,
    TeraError,
    UnknownSession,
    UnknownViewer,
    WrongAuthority,
)
from tera.format import limits
from tera.format.core import Core, DynamicRules, StaticRules
from tera.format.front import Prefix
from tera.format.signatures import pack_signatures, signer_name
from tera.policy.addresses import Address
from tera.policy.blockfile import Kind
from tera.policy.blocklist import front_names
from tera.policy.context import Context
from tera.policy.envelope import SignedEnvelope, VerifiedEnvelope, parse_policy, verify_policy
from tera.policy.evaluate import Decision, enforce
from tera.policy.marks import Mark, MarkKey
from tera.policy.people import read_viewer
from tera.policy.places import Place
from tera.policy.vocabulary import Rules, parse_rules
from tera.release.answer import CODES, Answer, seal_share, sign_answer
from tera.release.report import parse_report
from tera.release.request import SKEW, Request, parse_front, parse_request
from tera.state.reader import Opens

KEEP: Final = 86_400
"""Seconds for which an answer can be had again."""

SESSION: Final = 3_600
"""Seconds for which a session can be gone on with."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What the transport knows of who calls, and from where; nothing that the caller only says."""

    viewer: str | None = None
    ip: str | Address | None = None
    place: Place = field(default_factory=Place)


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a decision was made on: while it stays the same, the decision holds."""

    kept: Kept | None
    session: Kept | None
    opens: Opens
    envelopes: tuple[bytes | None, ...]
    last_time: int = field(compare=False)  # others may write meanwhile


@dataclass(slots=True)
class _Outcome:
    """What was decided, and what is to be written with it."""

    decision: Decision | None = None
    error: TeraError | None = None
    policy: VerifiedEnvelope | None = None
    policy_body: bytes = b""
    marks: dict[MarkKey, Mark] = field(default_factory=dict)


class Authority:
    """Decides on releases. `origin` names its log; `signers` are fingerprints that `require_signature` relies on.

    `clock` returns seconds since 1970 UTC. An object may be used by many threads; many processes may share a state.
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
        self._blocklists = tuple(blocklists)
        self._relied = signers
        self._session = session
        self._keep = max(keep, 2 * SKEW)
        self._clock = clock

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """The public keys with which checkpoints of the log are verified."""
        return tuple(one.verifier for one in self._log_signers)

    # --- release ------------------------------------------------------------------------------------

    def release(self, message: bytes, caller: Caller = Caller()) -> bytes:
        """Return the signed answer, maybe a denial, to a request; it is on record when this returns.

        Raises LimitExceeded, NotCanonical, BadRequest and the codes of a container's front for its form;
        WrongAuthority, RequestSignature, UnknownViewer; StateUnavailable, LogUnavailable.
        """
        request = parse_request(message)
        request.check(self.fingerprint)
        own = None if request.prefix.policy is None else parse_policy(request.prefix.policy)
        while True:
            reply = self._attempt(request, own, caller)
            if reply is not None:
                return reply

    def _attempt(self, request: Request, own: SignedEnvelope | None, caller: Caller) -> bytes | None:
        """Decide once; None when what it was decided on changed before it could be written."""
        now = int(self._clock())
        with self._state.reading() as view:
            viewer = self._viewer(view, request, caller)
            basis = self._basis(view, request, viewer)
            outcome = self._decide(view, request, own, caller, viewer, basis, now)
        reply = self._reply(request, basis, outcome, now)
        with self._state.transaction() as writing:
            if self._viewer(writing, request, caller) != viewer or self._basis(writing, request, viewer) != basis:
                return None
            self._write(writing, request, viewer, basis, outcome, reply, now)
        return reply

    def _viewer(self, view: View, request: Request, caller: Caller) -> str:
        """Step 4."""
        named = {None if caller.viewer is None else read_viewer(caller.viewer), request.viewer}
        vouched = [view.viewer(signer) for signer in request.signers]
        named.update(vouched)
        named.discard(None)
        if caller.viewer is None and not any(vouched):
            raise UnknownViewer("nobody vouches for the caller: its key is not enrolled with the authority")
        if len(named) > 1:
            raise UnknownViewer("the caller is somebody else than it says, or two people at once")
        found = named.pop()
        assert found is not None
        return found

    def _basis(self, view: View, request: Request, viewer: str) -> _Basis:
        place = request.core.rules
        signers = place.signers if isinstance(place, DynamicRules) else ()
        pid = place.policy_id if isinstance(place, DynamicRules) else b""
        return _Basis(
            kept=view.kept(request.hash),
            session=None if request.session is None else view.kept(request.session),
            opens=view.opens(request.bind, viewer),
            envelopes=tuple(view.envelope(signer, pid) for signer in signers),
            last_time=view.last_time() // 1_000,
        )

    def _decide(
        self,
        view: View,
        request: Request,
        own: SignedEnvelope | None,
        caller: Caller,
        viewer: str,
        basis: _Basis,
        now: int,
    ) -> _Outcome:
        """Steps 5 to 10. What denies is in the outcome; what is no decision is raised."""
        outcome = _Outcome()
        try:
            before = self._before(request, viewer, basis, now)
            rules = self._rules(view, request, own, basis, now, outcome)
            age = self._check_lists(view, request, outcome, now)
            context = Context(
                action=request.action,
                viewer=viewer,
                ip=caller.ip,
                place=caller.place,
                device=request.device,
                device_proven=request.device is not None,
                opens=before.count,
                first_open=before.first,
                signed=not self._relied.isdisjoint(request.core.signers),
                blocklist_age=age,
                fulfilled=frozenset(request.obligations),
            )
            outcome.decision = enforce(rules, context, now)
        except TeraError as error:
            if error.code not in CODES:
                raise
            outcome.error = error
        return outcome

    def _before(self, request: Request, viewer: str, basis: _Basis, now: int) -> Opens:
        """Steps 5, 6 and 7: what had been counted before this open, or before the session that it belongs to."""
        if now + SKEW < basis.last_time:
            raise ClockBehind("the authority's clock is behind what it has recorded")
        if basis.kept is not None:
            if (basis.kept.viewer, basis.kept.bind) != (viewer, request.bind):
                raise UnknownViewer("the request is another viewer's")
            return basis.kept.before
        if abs(now - request.issued) > SKEW:
            raise StaleRequest("the clocks of caller and authority differ by more than 5 minutes")
        if request.session is None:
            return basis.opens
        session = basis.session
        if (
            session is None
            or (session.viewer, session.bind, session.session) != (viewer, request.bind, request.session)
            or now > session.issued + self._session
        ):
            raise UnknownSession("there is no such session")
        return session.before

    def _rules(
        self, view: View, request: Request, own: SignedEnvelope | None, basis: _Basis, now: int, outcome: _Outcome
    ) -> Rules:
        """Step 8."""
        place = request.core.rules
        if isinstance(place, StaticRules):
            return parse_rules(place.rules)
        if own is None:
            raise PolicyUnsigned("there is no policy")
        self._verify_policy(view, request.core, own, basis.envelopes, now, outcome)
        assert outcome.policy is not None
        return parse_rules(outcome.policy.envelope.rules or ())

    @staticmethod
    def _verify_policy(
        view: View,
        core: Core,
        own: SignedEnvelope,
        held: Sequence[bytes | None],
        now: int,
        outcome: _Outcome,
    ) -> None:
        """Of the caller's envelope and those that are held the newest counts; at the same version, what is held."""
        known = [parse_policy(body) for body in held if body is not None]
        newest = max([*known, own], key=lambda one: one.envelope.version)
        outcome.policy = verify_policy(newest, core, now, view)
        listed = pack_signatures(newest.signatures)
        outcome.policy_body = b"".join(len(part).to_bytes(4, "big") + part for part in (newest.packed, listed))
        outcome.marks.update(outcome.policy.marks)

    def _check_lists(self, view: View, request: Request, outcome: _Outcome, now: int) -> int | None:
        """Step 9; returns the age of the oldest list, None if there is none in force."""
        signers = () if outcome.policy is None else outcome.policy.signers
        named = [*front_names(request.core, request.bind, signers), *((Kind.SIGNER, one) for one in request.signers)]
        ages = []
        with ExitStack() as opened:
            for source in self._blocklists:
                found = opened.enter_context(source.open(now, view))
                outcome.marks.update(found.marks)
                found.check(named)
                ages.append(None if found.stale else max(0, now - found.head.issued))
        known = [age for age in ages if age is not None]
        return max(known) if known and len(known) == len(ages) else None

    def _reply(self, request: Request, basis: _Basis, outcome: _Outcome, now: int) -> bytes:
        """Step 11, and the answer."""
        version = None if outcome.policy is None else outcome.policy.envelope.version
        if outcome.error is None:
            if basis.kept is not None:
                return basis.kept.answer
            try:
                share = self._keys.open(request.stanza, request.bind)
            except BadStanza as error:
                outcome.error = ShareRefused(str(error))
            else:
                assert outcome.decision is not None
                decision = outcome.decision
                lease = decision.lease_until if request.lease else None
                answer = Answer(
                    authority=self.fingerprint,
                    bind=request.bind,
                    request=request.hash,
                    issued=now,
                    ct=seal_share(share, request),
                    lease=None if lease is None else min(lease, limits.TIME_MAX),
                    left=decision.remaining,
                    until=None if decision.until is None else min(decision.until, limits.TIME_MAX),
                    obligations={one.id: one.args for one in decision.obligations},
                    version=version,
                )
                return sign_answer(answer, self._keys.signing)
        denial = Answer(
            authority=self.fingerprint,
            bind=request.bind,
            request=request.hash,
            issued=now,
            code=outcome.error.code,
            rule=outcome.error.rule if isinstance(outcome.error, RuleDenied) else None,
            version=version,
        )
        return sign_answer(denial, self._keys.signing)

    def _write(
        self,
        writing: Transaction,
        request: Request,
        viewer: str,
        basis: _Basis,
        outcome: _Outcome,
        reply: bytes,
        now: int,
    ) -> None:
        """Step 12."""
        error = outcome.error
        extra: dict[str, object] = {"act": request.action}
        if request.device is not None:
            extra["dev"] = request.device
        if error is None and basis.kept is None:
            if request.session is None:
                writing.count(request.bind, viewer, now)
            session, before = request.hash, basis.opens
            if request.session is not None and basis.session is not None:
                session, before = request.session, basis.session.before
                extra["sid"] = session
            writing.forget(now - self._keep)
            writing.keep(request.hash, Kept(viewer, request.bind, session, before, now, reply))
        elif error is None:
            extra["again"] = True
        self._keep_policy(writing, request.core, outcome)
        rule = error.rule if isinstance(error, RuleDenied) else None
        writing.record(
            Event(
                time=int(self._clock() * 1_000),
                kind="release" if error is None else "denied",
                container=request.core.id,
                bind=request.bind,
                viewer=viewer,
                rule=rule if error is None or rule is not None else error.code,
                request=request.hash,
                extra=extra,
            ),
        )

    @staticmethod
    def _keep_policy(writing: Transaction, core: Core, outcome: _Outcome) -> None:
        for key, mark in outcome.marks.items():
            writing.raise_mark(key, mark)
        if outcome.policy is not None and isinstance(core.rules, DynamicRules):
            for signer in outcome.policy.signers:
                writing.keep_envelope(signer, core.rules.policy_id, outcome.policy_body)

    # --- the owner's ----------------------------------------------------------------------------------

    def update(self, front: bytes) -> int:
        """Take the policy in a container's first bytes, up to ACCESS, if it is newer; return the version that counts.

        Anybody may bring it: its signer vouches for it. Raises what a request's front does, WrongAuthority and what
        `verify_policy` does.
        """
        prefix: Prefix = parse_front(front)
        core = prefix.core
        if self.fingerprint not in core.authorities:
            raise WrongAuthority("the container does not name this authority")
        if prefix.policy is None or not isinstance(core.rules, DynamicRules):
            raise BadRequest("the container's rules cannot change")
        own, place, now = parse_policy(prefix.policy), core.rules, int(self._clock())
        with self._state.transaction() as writing:
            held = [writing.envelope(signer, place.policy_id) for signer in place.signers]
            outcome = _Outcome()
            self._verify_policy(writing, core, own, held, now, outcome)
            assert outcome.policy is not None
            version = outcome.policy.envelope.version
            if outcome.marks:
                self._keep_policy(writing, core, outcome)
                writing.record(self._event("policy", subject=place.policy_id, extra={"ver": version}))
        return version

    def enrol(self, fingerprint: bytes, viewer: str) -> None:
        """Say whose a signing key is. Raises BadInput for what is no address."""
        address = read_viewer(viewer)
        with self._state.transaction() as writing:
            writing.enrol(fingerprint, address)
            writing.record(self._event("enrol", subject=fingerprint, viewer=address))

    def withdraw(self, fingerprint: bytes) -> None:
        """Forget whose a signing key is. Raises UnknownViewer for one that is not enrolled."""
        with self._state.transaction() as writing:
            address = writing.viewer(fingerprint)
            if address is None:
                raise UnknownViewer("this key is not enrolled")
            writing.enrol(fingerprint, None)
            writing.record(self._event("withdraw", subject=fingerprint, viewer=address))

    def report(self, message: bytes) -> int:
        """Record what a device reports, each event once; return how many of its events are on record.

        Raises what `parse_report` does; BadRequest for a gap.
        """
        report = parse_report(message, self.fingerprint)
        with self._state.transaction() as writing:
            have = writing.reported(report.device)
            if report.first > have:
                raise BadRequest(f"the report begins with event {report.first:,}, {have:,} are on record")
            for event in report.events[have - report.first :]:
                extra = {"t": event.time, **event.extra}
                writing.record(
                    Event(
                        time=int(self._clock() * 1_000),
                        kind="reported",
                        container=event.container,
                        bind=event.bind,
                        subject=report.device,
                        viewer=event.viewer,
                        request=event.request,
                        extra=extra,
                    ),
                )
                have += 1
            writing.set_reported(report.device, have)
        return have

    # --- the log ----------------------------------------------------------------------------------------

    def checkpoint(self, *, every: int = 1_000) -> bytes:
        """Return the newest signed checkpoint of the log; a new one if it has grown and `every` ms have passed."""
        with self._state.transaction() as writing:
            return issue_checkpoint(
                writing.log, self.origin, self._log_signers, int(self._clock() * 1_000), every=every
            )

    def events(self, query: Query, *, limit: int = 1_000) -> list[tuple[int, bytes]]:
        """Return the newest events that are meant, with their numbers, oldest first."""
        with self._state.reading() as view:
            found = view.log.find(query, limit=limit, newest=True)
        return [(one.index, one.data) for one in reversed(found)]

    def _event(
        self,
        kind: str,
        *,
        subject: bytes | None = None,
        viewer: str | None = None,
        extra: dict[str, int] | None = None,
    ) -> Event:
        return Event(time=int(self._clock() * 1_000), kind=kind, subject=subject, viewer=viewer, extra=extra or {})
