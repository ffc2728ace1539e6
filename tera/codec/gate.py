"""What stands between a key and the content: policy, block lists, rules, authorities, in the order of reading.

The law of this file: each method is a step of spec/container.md, "Reading", and is called before what follows it;
there is no other way to a share that an authority holds. A gate belongs to one opening: in it an open is counted
once and a share is asked for once, however often the front is read. Without rules and block lists nothing is
decided, remembered or even imported.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tera.codec.config import Config
from tera.crypto.random import Random, system
from tera.errors import Denied, InputChanged, PolicyUnsigned, RuleDenied, StateUnavailable, TeraError
from tera.format.core import Core, DynamicRules, SealedRules, StaticRules
from tera.format.rules import Rule
from tera.format.signatures import signer_name
from tera.policy.context import Context
from tera.policy.places import Place

if TYPE_CHECKING:
    from tera.audit.events import Event
    from tera.codec.shares import Shares
    from tera.format.access import Stanza
    from tera.format.front import Front
    from tera.policy.blocklist import BlockList, Named
    from tera.policy.context import Action
    from tera.policy.envelope import VerifiedEnvelope
    from tera.policy.evaluate import Decision
    from tera.policy.marks import Mark, MarkKey
    from tera.policy.vocabulary import Rules
    from tera.release.answer import Answer
    from tera.state.reader import Opens, ReaderState

ANYBODY: Final = Context()
"""Who views a container, and nothing is known of it."""

_COUNTED: Final = frozenset({"opens", "first_open_for"})
_NO_STATE: Final = "give one: tera.Config(state=...)"


class Gate:
    """Decides for one opening; `signers` are the fingerprints that the caller pinned.

    `rules` are those under which it is opened.
    """

    def __init__(
        self, context: Context, config: Config, *, signers: Sequence[bytes] = (), random: Random = system
    ) -> None:
        self.rules: tuple[Rule, ...] = ()
        self._config = config
        self._random = random
        self._relied = frozenset(signers) | config.signers
        self._context = context
        self._age: int | None = None
        self._compiled: Rules | None = None
        self._decision: Decision | None = None
        self._opened = ExitStack()
        self._lists: tuple[BlockList, ...] = ()
        self._clear: set[bytes] = set()
        self._prefix: bytes | None = None
        self._core: Core | None = None
        self._bind = b""
        self._passed = False
        self._shares: Shares | None = None
        self._counted = False

    @property
    def decision(self) -> Decision:
        """The last one that allowed, of the container as a whole."""
        from tera.policy.evaluate import Decision

        return self._decision or Decision(True)

    @property
    def receipts(self) -> tuple[Answer, ...]:
        """The answers of the authorities that released a share."""
        return () if self._shares is None else self._shares.receipts

    # --- the steps --------------------------------------------------------------------------------

    def check_front(self, front: Front) -> None:
        """Steps 2 and 3: the policy, the block lists for what is public, the rules that can be read.

        Raises what `verify_policy`, `BlockList.open` and `enforce` do; Blocked; StateUnavailable; InputChanged.
        """
        if self._prefix not in (None, front.prefix):
            raise InputChanged("the container's header changed while it was opened")
        if self._passed:
            return  # the same front once more: a pipe is read, then its copy
        self._prefix, self._core, self._bind = front.prefix, front.core, front.bind
        with self._recorded():
            policy_signers = self._verify(front)
            if self._lists:
                from tera.policy.blocklist import front_names

                self._look_up(front_names(front.core, front.bind, policy_signers))
            if not isinstance(front.core.rules, SealedRules):
                self._decide_first()
        self._passed = True

    def check_key(self, fingerprint: bytes) -> None:
        """Step 4, before a key is used. Raises Blocked."""
        if self._lists and fingerprint not in self._clear:
            from tera.policy.blockfile import Kind

            with self._recorded():
                self._look_up([(Kind.RECIPIENT, fingerprint)])
            self._clear.add(fingerprint)  # it is asked for each stanza that might be the key's

    def release(self, front: Front, stanza: Stanza) -> bytes:
        """Step 4, last: return the share of a stanza that an authority holds.

        Raises AuthorityUnavailable, the error that its denial names, and what `open_answer` and `open_lease` do.
        """
        if self._shares is None:
            from tera.codec.shares import Shares

            self._shares = Shares(self._config, self._random)
        leases = self._compiled is not None and self._compiled.offline_for is not None
        with self._recorded():
            return self._shares.get(front, stanza, self._context, leases=leases)

    def check_payload(self, digest: bytes, signers: Sequence[bytes]) -> None:
        """Step 5: the block lists for the container's digest (32 bytes), and who signed its trailer. Raises Blocked."""
        if self._lists:
            from tera.policy.blockfile import Kind

            with self._recorded():
                self._look_up([(Kind.DIGEST, digest), *((Kind.SIGNER, one) for one in signers)])

    def check_sealed(self, rules: tuple[Rule, ...] | None) -> None:
        """Step 7: the rules that only recipients can read. Raises what `enforce` does."""
        if rules is not None:
            self.rules = rules
            with self._recorded():
                self._decide_first()

    def enter(self) -> None:
        """After step 7, before content: count this open, where it is counted here, and record it.

        Raises RuleDenied when another open was faster; StateUnavailable.
        """
        if self._counted or self._core is None:
            return
        leased: tuple[Answer, ...] = ()
        if self._shares is not None:
            leased = self._shares.leased
            self._shares.forget()
        state = self._config.state
        if state is not None and self.rules:
            with self._recorded():
                if self._counts_here:
                    state.count(self._bind, self._context.viewer or "", self._now(), self._count_once)
                elif leased:
                    for answer in leased:
                        state.record(self._lease_open(answer))
                else:
                    state.record(self._event("open"))
        self._counted = True

    def check_action(self, action: Action) -> None:
        """Decide once more, for another action than the one it was opened for. Raises RuleDenied."""
        if self._compiled is not None:
            with self._recorded(action):
                self._decision = self._decide(self._compiled, None, action)

    def check_entry(self, path: str, action: Action | None = None) -> None:
        """Step 8, before a byte of an entry: the rules for it, and those of the container at this time.

        `action` is the one it was opened for, unless told. Raises RuleDenied.
        """
        if self._compiled is not None:
            with self._recorded(action):
                try:
                    self._decide(self._compiled, path, action)
                except RuleDenied as error:
                    raise RuleDenied(f"{path!r}: {error}", rule=error.rule, hint=error.hint) from None

    def check_entries(self, paths: Iterable[str], action: Action = "extract") -> None:
        """Step 8 for many entries at once. Raises RuleDenied."""
        self.check_action(action)
        entries = () if self._compiled is None else self._compiled.entries
        for path in paths if entries else ():
            if any(one.glob.matches(path) for one in entries):
                self.check_entry(path, action)

    def close(self) -> None:
        """Close the block lists."""
        self._lists = ()
        self._opened.close()

    # --- policies and block lists -------------------------------------------------------------------

    def _verify(self, front: Front) -> tuple[bytes, ...]:
        """Find the rules, and open the block lists; return who signed the policy.

        What has been verified has been seen, whatever is wrong with the next: its marks are written in any case.
        """
        place = front.core.rules
        marks: dict[MarkKey, Mark] = {}
        signers: tuple[bytes, ...] = ()
        try:
            if isinstance(place, DynamicRules):
                verified = self._policy(front)
                signers, self.rules = verified.signers, verified.envelope.rules or ()
                marks |= verified.marks
            elif isinstance(place, StaticRules):
                self.rules = place.rules
            if self._config.blocklists:
                self._open_lists(marks)
        finally:
            if marks:
                self._state().raise_marks(marks)
        return signers

    def _policy(self, front: Front) -> VerifiedEnvelope:
        from tera.policy.envelope import parse_policy, verify_policy

        if front.policy is None:
            raise PolicyUnsigned("there is no policy")
        return verify_policy(parse_policy(front.policy), front.core, self._now(), _LateMarks(self._state))

    def _open_lists(self, marks: dict[MarkKey, Mark]) -> None:
        self.close()
        now, found = self._now(), []
        for source in self._config.blocklists:
            found.append(self._opened.enter_context(source.open(now, _LateMarks(self._state))))
            marks |= found[-1].marks
        self._lists = tuple(found)
        if self._lists and not any(one.stale for one in self._lists):
            self._age = max(0, now - min(one.head.issued for one in self._lists))

    def _look_up(self, named: Sequence[Named]) -> None:
        for one in self._lists:
            one.check(named)

    # --- rules --------------------------------------------------------------------------------------

    @property
    def _counts_here(self) -> bool:
        rules = self._compiled
        return rules is not None and (rules.opens is not None or rules.first_open_for is not None)

    def _now(self) -> int:
        return int(self._config.clock())

    def _state(self) -> ReaderState:
        if self._config.state is None:
            what = "what this container or a block list asks for has to be remembered, and no state is configured"
            raise StateUnavailable(what, hint=_NO_STATE)
        return self._config.state

    def _decide_first(self) -> None:
        assert self._core is not None
        if not self.rules:
            return
        from tera.policy.vocabulary import parse_rules

        rules = parse_rules(self.rules)
        self._context = self._known()
        state = self._config.state
        if state is not None:
            state.see(self._now())
        if self._core.authorities:
            rules = replace(rules.without(self._left_to_authorities()), opens=None, first_open_for=None)
        self._compiled = rules
        if self._counts_here and state is not None:
            self._count_from(state.opens(self._bind, self._context.viewer or ""))
        try:
            self._decision = self._decide(rules)
        except RuleDenied as error:
            if error.rule in _COUNTED and state is None:
                error.hint = _NO_STATE
            raise

    def _decide(self, rules: Rules, path: str | None = None, action: Action | None = None) -> Decision:
        from tera.policy.evaluate import enforce

        context = replace(self._context, path=path, action=action or self._context.action)
        return enforce(rules, context, self._now())

    def _known(self) -> Context:
        """Return the caller's context with what the gate finds out itself, which no caller can say."""
        assert self._core is not None
        key = self._config.device_key
        return replace(
            self._context,
            device=None if key is None else signer_name(key.public),
            device_proven=key is not None,
            opens=None,
            first_open=None,
            signed=not self._relied.isdisjoint(self._core.signers),
            blocklist_age=self._age,
        )

    def _left_to_authorities(self) -> frozenset[str]:
        """What is counted there, and what this reader does not know. (Spec: release.md, "Who decides what".)"""
        known = self._context
        unknown = {
            "recipients": known.viewer is None,
            "ip": known.ip is None,
            "geo": known.place == Place(),
            "device": known.device is None,
            "require_signature": not self._relied,
            "require_fresh_blocklist": not self._lists,
        }
        return _COUNTED | {name for name, missing in unknown.items() if missing}

    def _count_from(self, before: Opens) -> None:
        self._context = replace(self._context, opens=before.count, first_open=before.first)

    def _count_once(self, before: Opens) -> Event:
        """Decide again, between the count as it is now and the next one."""
        assert self._compiled is not None
        self._count_from(before)
        self._decision = self._decide(self._compiled)
        return self._event("open")

    # --- the local log ------------------------------------------------------------------------------

    @contextmanager
    def _recorded(self, action: Action | None = None) -> Iterator[None]:
        """Record a denial where that is possible; that it is not makes the denial no weaker."""
        try:
            yield
        except Denied as error:
            if self._config.state is not None:
                rule = error.rule if isinstance(error, RuleDenied) else None
                with contextlib.suppress(TeraError):
                    self._config.state.record(self._event("denied", (rule or error.code).replace(".", "_"), action))
            raise

    def _event(self, kind: str, rule: str | None = None, action: Action | None = None) -> Event:
        from tera.audit.events import Event

        assert self._core is not None
        return Event(
            time=int(self._config.clock() * 1_000),
            kind=kind,
            container=self._core.id,
            bind=self._bind,
            viewer=self._context.viewer,
            rule=rule,
            request=self.receipts[0].request if self.receipts else None,
            extra={"act": action or self._context.action},
        )

    def _lease_open(self, answer: Answer) -> Event:
        """Return what is reported to the authority that gave the lease; it is filed under its name."""
        from tera.release.report import KIND

        opened = self._event(KIND)
        extra = {**opened.extra, "dev": self._context.device}
        return replace(opened, subject=answer.authority, request=answer.request, extra=extra)


class _LateMarks:
    """Marks of a state that is looked for when the first one is needed: what is wrong before that is said first."""

    def __init__(self, state: Callable[[], ReaderState]) -> None:
        self._state = state

    def get(self, key: MarkKey, /) -> Mark | None:
        return self._state().get(key)
