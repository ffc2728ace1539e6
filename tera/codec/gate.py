"""What stands between a key and the content: policy, block lists, rules, authorities, in the order of reading.

The law of this file: each method is a step of spec/container.md, "Reading", and is called before what follows it;
there is no other way to a share that an authority holds. A gate belongs to one opening: in it an open is counted
once and a share is asked for once, however often the front is read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Final

from tera.audit.events import Event
from tera.codec.config import Config
from tera.crypto import kem
from tera.crypto.random import Random, system
from tera.errors import (
    AuthorityUnavailable,
    Denied,
    LeaseExpired,
    PolicyUnsigned,
    RuleDenied,
    StateUnavailable,
    TeraError,
)
from tera.format.access import Stanza
from tera.format.core import Core, DynamicRules, SealedRules, StaticRules
from tera.format.front import Front
from tera.format.rules import Rule
from tera.format.signatures import signer_name
from tera.policy.blockfile import Kind
from tera.policy.blocklist import BlockList, front_names
from tera.policy.context import Action, Context
from tera.policy.envelope import VerifiedEnvelope, parse_policy, verify_policy
from tera.policy.evaluate import Decision, enforce
from tera.policy.marks import Mark, MarkKey
from tera.policy.places import Place
from tera.policy.vocabulary import Rules, parse_rules
from tera.release.answer import Answer, open_answer
from tera.release.lease import keep_lease, open_lease
from tera.release.report import KIND as LEASE_OPEN
from tera.release.request import build_request, parse_request
from tera.state.reader import Opens, ReaderState

ANYBODY: Final = Context()
"""Who views a container, and nothing is known of it."""

_NO_RULES: Final = parse_rules(())


class Gate:
    """Decides for one opening; `signers` are the fingerprints that the caller pinned.

    `rules` are those under which it is opened, `decision` the last one; `receipts` are the authorities' answers.
    """

    def __init__(
        self, context: Context, config: Config, *, signers: Sequence[bytes] = (), random: Random = system
    ) -> None:
        self.rules: tuple[Rule, ...] = ()
        self.decision = Decision(True)
        self.receipts: tuple[Answer, ...] = ()
        self._config = config
        self._random = random
        self._relied = frozenset(signers) | config.signers
        device = None if config.device_key is None else signer_name(config.device_key.public)
        self._context = replace(
            context, device=device, device_proven=device is not None, opens=None, first_open=None, blocklist_age=None
        )
        self._compiled: Rules = _NO_RULES
        self._lists: tuple[BlockList, ...] = ()
        self._core: Core | None = None
        self._bind = b""
        self._opened = ExitStack()
        self._shares: dict[tuple[bytes, bytes], bytes] = {}
        self._leased = False
        self._counted = False

    # --- the steps --------------------------------------------------------------------------------

    def check_front(self, front: Front) -> None:
        """Steps 2 and 3: the policy, the block lists for what is public, the rules that can be read.

        Raises what `verify_policy`, `BlockList.open` and `enforce` do; Blocked; StateUnavailable.
        """
        if self._core is not None and self._bind == front.bind:
            return  # the same front once more: a pipe is read, then its copy
        self._core, self._bind = front.core, front.bind
        with self._recorded():
            place = front.core.rules
            marks: dict[MarkKey, Mark] = {}
            signers: tuple[bytes, ...] = ()
            if isinstance(place, DynamicRules):
                verified = self._policy(front)
                signers, self.rules = verified.signers, verified.envelope.rules or ()
                marks |= verified.marks
            elif isinstance(place, StaticRules):
                self.rules = place.rules
            self._open_lists()
            for one in self._lists:
                marks |= one.marks
                one.check(front_names(front.core, front.bind, signers))
            if marks:
                self._state().raise_marks(marks)
            if not isinstance(place, SealedRules):
                self._decide_first(parse_rules(self.rules))

    def check_key(self, fingerprint: bytes) -> None:
        """Step 4, before a key is used. Raises Blocked."""
        with self._recorded():
            for one in self._lists:
                one.check([(Kind.RECIPIENT, fingerprint)])

    def release(self, front: Front, stanza: Stanza) -> bytes:
        """Step 4, last: return the share of a stanza that an authority holds.

        Raises AuthorityUnavailable, the error that its denial names, and what `open_answer` and `open_lease` do.
        """
        authority = stanza.params[0]
        key = front.bind, authority
        if key not in self._shares:
            with self._recorded():
                answer, share = self._leased_share(front, authority) or self._ask(front, stanza)
                self.receipts += (answer,)
                missing = answer.obligations.keys() - self._context.fulfilled
                if missing:
                    raise RuleDenied(
                        f"the authority obliges to {min(missing)}, which was not declared", rule="obligations"
                    )
                self._shares[key] = share
        return self._shares[key]

    def check_payload(self, digest: bytes, signers: Sequence[bytes]) -> None:
        """Step 5: the block lists for the container's digest (32 bytes), and who signed its trailer. Raises Blocked."""
        named = [(Kind.DIGEST, digest), *((Kind.SIGNER, one) for one in signers)]
        with self._recorded():
            for one in self._lists:
                one.check(named)

    def check_sealed(self, rules: tuple[Rule, ...] | None) -> None:
        """Step 7: the rules that only recipients can read. Raises what `enforce` does."""
        if rules is not None:
            self.rules = rules
            with self._recorded():
                self._decide_first(parse_rules(rules))

    def enter(self) -> None:
        """After step 7, before content: count this open, where it is counted here, and record it.

        Raises RuleDenied when another open was faster; StateUnavailable.
        """
        if self._counted or self._core is None:
            return
        self._counted = True
        self._shares.clear()
        state, now = self._config.state, self._now()
        if state is None or not self.rules:
            return
        if self._counts_here:
            with self._recorded():
                state.count(self._bind, self._context.viewer or "", now, self._count_once)
        else:
            state.record(self._event(LEASE_OPEN if self._leased else "open"))

    def check_action(self, action: Action) -> None:
        """Decide once more, for another action than the one it was opened for. Raises RuleDenied."""
        if action != self._context.action:
            self._context = replace(self._context, action=action)
            with self._recorded():
                self.decision = self._decide(None)

    def check_entry(self, path: str) -> None:
        """Step 8, before a byte of an entry: the rules for it, and those of the container at this time.

        Raises RuleDenied.
        """
        if self._compiled.checks or self._compiled.entries:
            try:
                self._decide(path)
            except RuleDenied as error:
                self._record_denial(error)
                raise RuleDenied(f"{path!r}: {error}", rule=error.rule, hint=error.hint) from None

    def check_entries(self, paths: Iterable[str]) -> None:
        """Step 8 for many entries at once. Raises RuleDenied."""
        self.check_action("extract")
        for path in paths if self._compiled.entries else ():
            if any(one.glob.matches(path) for one in self._compiled.entries):
                self.check_entry(path)

    def close(self) -> None:
        """Close the block lists."""
        self._lists = ()
        self._opened.close()

    # --- how ----------------------------------------------------------------------------------------

    @property
    def _counts_here(self) -> bool:
        assert self._core is not None
        counted = self._compiled.opens is not None or self._compiled.first_open_for is not None
        return counted and not self._core.authorities

    def _now(self) -> int:
        return int(self._config.clock())

    def _state(self) -> ReaderState:
        if self._config.state is None:
            raise StateUnavailable(
                "what this container asks for has to be remembered, and no state is configured",
                hint="give one: tera.Config(state=...)",
            )
        return self._config.state

    def _policy(self, front: Front) -> VerifiedEnvelope:
        if front.policy is None:
            raise PolicyUnsigned("there is no policy")
        return verify_policy(parse_policy(front.policy), front.core, self._now(), self._state())

    def _open_lists(self) -> None:
        now = self._now()
        sources = self._config.blocklists
        self._lists = tuple(self._opened.enter_context(one.open(now, self._state())) for one in sources)
        if self._lists and not any(one.stale for one in self._lists):
            age = max(0, now - min(one.head.issued for one in self._lists))
            self._context = replace(self._context, blocklist_age=age)

    def _decide_first(self, rules: Rules) -> None:
        assert self._core is not None
        self._context = replace(self._context, signed=not self._relied.isdisjoint(self._core.signers))
        if self._config.state is not None and rules.source:
            self._config.state.see(self._now())
        if self._core.authorities:
            rules = rules.without(self._left_to_authorities())
        self._compiled = rules
        if self._counts_here and self._config.state is not None:
            before = self._config.state.opens(self._bind, self._context.viewer or "")
            self._context = replace(self._context, opens=before.count, first_open=before.first)
        self.decision = self._decide(None)

    def _decide(self, path: str | None) -> Decision:
        return enforce(self._compiled, replace(self._context, path=path), self._now())

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
        return frozenset({"opens", "first_open_for"} | {name for name, missing in unknown.items() if missing})

    def _count_once(self, before: Opens) -> Event:
        """Decide again, between the count as it is now and the next one."""
        self._context = replace(self._context, opens=before.count, first_open=before.first)
        self.decision = self._decide(None)
        return self._event("open")

    # --- authorities --------------------------------------------------------------------------------

    def _ask(self, front: Front, stanza: Stanza) -> tuple[Answer, bytes]:
        authority = stanza.params[0]
        config, context = self._config, self._context
        releaser = config.authorities.get(authority)
        if releaser is None:
            raise AuthorityUnavailable(
                f"the authority {authority.hex()[:16]} holds a share of the key, and is not configured",
                hint="name its address in the configuration: [[authorities]] with key and url",
            )
        seed = self._random(kem.XWING.seed_length)
        key = kem.XWING.private_key(seed)
        lease = config.lease and config.device_key is not None and config.state is not None
        message = build_request(
            prefix=front.prefix,
            stanza=stanza,
            action=context.action,
            public=key.public,
            now=self._now(),
            random=self._random,
            viewer=context.viewer,
            obligations=sorted(context.fulfilled),
            lease=lease,
            viewer_key=config.viewer_key,
            device_key=config.device_key,
        )
        reply = releaser.release(message)
        answer, share = open_answer(reply, parse_request(message), key)
        if lease and answer.lease is not None:
            assert config.device_key is not None
            self._state().keep_lease(
                front.bind, authority, keep_lease(message, reply, seed, config.device_key, self._random)
            )
        return answer, share

    def _leased_share(self, front: Front, authority: bytes) -> tuple[Answer, bytes] | None:
        """Return what a lease gives that still holds; None where there is none."""
        state, device = self._config.state, self._config.device_key
        lease = None if state is None or device is None else state.lease(front.bind, authority)
        if lease is None or state is None or device is None:
            return None
        try:
            found = open_lease(lease, device, self._now())
        except LeaseExpired:
            state.drop_lease(front.bind, authority)
            if authority not in self._config.authorities:
                raise
            return None
        self._leased = True
        return found

    # --- the local log ------------------------------------------------------------------------------

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        try:
            yield
        except Denied as error:
            self._record_denial(error)
            raise

    def _record_denial(self, error: Denied) -> None:
        """Record it where that is possible; that it is not makes the denial no weaker."""
        if self._config.state is not None:
            rule = error.rule if isinstance(error, RuleDenied) else None
            with contextlib.suppress(TeraError):
                self._config.state.record(self._event("denied", (rule or error.code).replace(".", "_")))

    def _event(self, kind: str, rule: str | None = None) -> Event:
        assert self._core is not None
        return Event(
            time=int(self._config.clock() * 1_000),
            kind=kind,
            container=self._core.id,
            bind=self._bind,
            viewer=self._context.viewer,
            rule=rule,
            request=self.receipts[0].request if self.receipts else None,
            extra={"act": self._context.action},
        )
