"""What an authority decides on a request: steps 5 to 10 of spec/release.md, "What the authority does".

The law of this file: nothing is written and nothing secret is touched. What a decision rests on is read into one
value, the basis; while that stays the same, so does the decision. What denies is in the outcome; an error that is
raised here is no decision, and nothing is answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from tera.authority.caller import Caller, known_viewer
from tera.authority.policies import Policy, choose, held_for
from tera.authority.ports import Kept, View
from tera.codec.config import BlockListSource
from tera.errors import (
    AuthorityUnavailable,
    ClockBehind,
    InputUnavailable,
    LimitExceeded,
    PolicyUnsigned,
    StaleRequest,
    TeraError,
    UnknownSession,
    UnknownViewer,
)
from tera.format.core import StaticRules
from tera.policy.blockfile import Kind
from tera.policy.blocklist import BlockList, front_names
from tera.policy.context import Context
from tera.policy.envelope import SignedEnvelope
from tera.policy.evaluate import Decision, enforce
from tera.policy.marks import Mark, MarkKey
from tera.policy.vocabulary import Rules, parse_rules
from tera.release.answer import CODES
from tera.release.request import SKEW, Request
from tera.state.reader import Opens

_READERS: Final = frozenset({"mac"})
"""What no request holds, and readers alone decide."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the authority's owner has chosen: lists, signers to rely on, and how long a session may last."""

    blocklists: tuple[BlockListSource, ...]
    signers: frozenset[bytes]
    session: int


@dataclass(frozen=True, slots=True)
class Basis:
    """What a decision rests on, as it is now: it is read once more when the decision is written.

    `last_time` is in seconds, and may move on meanwhile.
    """

    viewer: str
    kept: Kept | None
    session: Kept | None
    held: tuple[bytes | None, ...]
    opens: Opens
    last_time: int = field(compare=False)

    @classmethod
    def read(cls, view: View, request: Request, caller: Caller) -> Basis:
        """Read it. Raises UnknownViewer: step 4."""
        viewer = known_viewer(view, request, caller)
        return cls(
            viewer=viewer,
            kept=view.kept(request.hash),
            session=None if request.session is None else view.kept(request.session),
            held=held_for(view, request.core),
            opens=view.opens(request.bind, viewer),
            last_time=view.last_time() // 1_000,
        )

    @property
    def before(self) -> Opens:
        """What was counted before this open, or before the session that it belongs to; and the first open."""
        earlier = self.kept or self.session
        return self.opens if earlier is None else Opens(earlier.before, self.opens.first)

    @property
    def counts(self) -> bool:
        """Whether a release is an open of its own: it repeats nothing, and belongs to no session."""
        return self.kept is None and self.session is None


@dataclass(slots=True)
class Outcome:
    """What was decided at `now`, and what is to be written with it. One of `decision` and `error` is not None."""

    basis: Basis
    now: int
    decision: Decision | None = None
    error: TeraError | None = None
    policy: Policy | None = None
    marks: dict[MarkKey, Mark] = field(default_factory=dict)
    _asked: tuple[Rules, Context] | None = None

    def recounted(self, basis: Basis) -> Outcome | None:
        """Return step 10 done again on another basis; None if more than counts has changed."""
        if replace(basis, opens=self.basis.opens) != self.basis:
            return None
        again = replace(self, basis=basis)
        again._decide()
        return again

    def ask(self, rules: Rules, context: Context) -> None:
        """Decide on these rules. Raises what `enforce` does."""
        self._asked = rules, context
        self._decide()

    def _decide(self) -> None:
        if self._asked is not None:
            rules, context = self._asked
            before = self.basis.before
            context = replace(context, opens=before.count, first_open=before.first)
            self.decision, self.error = None, None
            try:
                self.decision = enforce(rules, context, self.now)
            except TeraError as error:
                self.error = error

    @property
    def left(self) -> int | None:
        """The opens of this viewer that are left after this one; None if they are not limited."""
        left = None if self.decision is None else self.decision.remaining
        if left is None or self.basis.counts:
            return left
        later = self.basis.opens.count - self.basis.before.count - 1  # opens since this session began
        return max(0, left - later)


def decide(
    view: View,
    request: Request,
    own: SignedEnvelope | None,
    caller: Caller,
    basis: Basis,
    terms: Terms,
    now: int,
) -> Outcome:
    """Decide; `own` is the policy that the request shows, `now` was read after the basis.

    Raises StateUnavailable, LogUnavailable, and AuthorityUnavailable for a block list that cannot be read.
    """
    outcome = Outcome(basis, now)
    try:
        _check_time_and_session(request, basis, terms, now)
        rules = _rules(view, request, own, basis, now, outcome)
        age = _check_lists(view, request, terms.blocklists, now, outcome)
        context = Context(
            action=request.action,
            viewer=basis.viewer,
            ip=caller.ip,
            place=caller.place,
            device=request.device,
            device_proven=request.device is not None,  # step 3
            signed=not terms.signers.isdisjoint(request.core.signers),
            blocklist_age=age,
            fulfilled=frozenset(request.obligations),
        )
        outcome.ask(rules.without(_READERS), context)
    except TeraError as error:
        if error.code not in CODES and not isinstance(error, UnknownViewer):
            raise
        outcome.error = error
    return outcome


def _check_time_and_session(request: Request, basis: Basis, terms: Terms, now: int) -> None:
    """Steps 5 to 7. A repeated request is neither stale nor without its session: it was not when it was answered."""
    if now + SKEW < basis.last_time:
        raise ClockBehind("the authority's clock is behind what it has recorded")
    if basis.kept is not None and (basis.kept.viewer, basis.kept.bind) != (basis.viewer, request.bind):
        raise UnknownViewer("the request is another viewer's")
    if basis.kept is not None:
        return
    if abs(now - request.issued) > SKEW:
        raise StaleRequest("the clocks of caller and authority differ by more than 5 minutes")
    if request.session is None:
        return
    session = basis.session
    if (
        session is None
        or (session.viewer, session.bind, session.session) != (basis.viewer, request.bind, request.session)
        or now > session.issued + terms.session
    ):
        raise UnknownSession("there is no such session")


def _rules(view: View, request: Request, own: SignedEnvelope | None, basis: Basis, now: int, outcome: Outcome) -> Rules:
    """Step 8."""
    place = request.core.rules
    if isinstance(place, StaticRules):
        return parse_rules(place.rules)
    if own is None:
        raise PolicyUnsigned("there is no policy")
    outcome.policy = choose(view, request.core, own, basis.held, now)
    return parse_rules(outcome.policy.envelope.rules or ())


def _check_lists(
    view: View, request: Request, sources: Sequence[BlockListSource], now: int, outcome: Outcome
) -> int | None:
    """Step 9; return the age of the oldest list, None unless there is one and all are in force."""
    signers = () if outcome.policy is None else outcome.policy.signers
    named = [*front_names(request.core, request.bind, signers), *((Kind.SIGNER, one) for one in request.signers)]
    found: list[BlockList] = []
    with ExitStack() as opened, _lists_in_order():
        for source in sources:
            one = opened.enter_context(source.open(now, view))
            outcome.marks.update(one.marks)
            one.check(named)
            found.append(one)
    if not found or any(one.stale for one in found):
        return None
    return max(0, now - min(one.head.issued for one in found))


@contextmanager
def _lists_in_order() -> Iterator[None]:
    """A list that cannot be read, or is too long, is the authority's fault; no caller is told that its own input is."""
    try:
        yield
    except (InputUnavailable, LimitExceeded) as error:
        raise AuthorityUnavailable(f"the authority's block lists are not in order: {error}") from None
