"""The decision: do these rules allow this, for this caller, at this time?

The law of this file: every rule must allow; the first that does not, in the order of names, those of single
files last, is named. No clock, no file, no count is asked: they are arguments. Decoder, authority and service
call this one function, so the reason that a caller hears, the log's and the exit code's are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from tera.errors import RuleDenied
from tera.policy.checks import Obligation
from tera.policy.context import Context
from tera.policy.vocabulary import KINDS, Rules


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided. `denied_by` is a rule's name, or `entry.` and its name for a rule of single files.

    `obligations` are all that bind the caller, whether it declared them or not. Only where it is allowed:
    `remaining` are the opens of this viewer that are left after this one, `until` is the time from which the
    rules would deny it, `lease_until` the time at which a lease that is given now ends; None is no bound, no lease.
    """

    allowed: bool
    denied_by: str | None = None
    obligations: tuple[Obligation, ...] = ()
    remaining: int | None = None
    until: int | None = None
    lease_until: int | None = None

    @property
    def reason(self) -> str | None:
        """One line for people, without any value of the rule."""
        return None if self.denied_by is None else KINDS[self.denied_by.removeprefix("entry.")].reason


def decide(rules: Rules, context: Context, now: int) -> Decision:
    """Decide. `now` is in seconds since 1970-01-01 UTC. The container's rules and, for an entry, its own, all bind."""
    obligations = rules.obligations
    denied_by = next((name for name, check in rules.checks if not check(context, now)), None)
    if rules.entries and context.path is not None:
        for entry in rules.entries:
            if entry.glob.matches(context.path):
                obligations += entry.obligations
                for name, check in entry.checks if denied_by is None else ():
                    if not check(context, now):
                        denied_by = f"entry.{name}"
                        break
    if denied_by is not None:
        return Decision(False, denied_by, obligations)
    until = rules.end
    if rules.first_open_for is not None:
        over = (now if context.first_open is None else context.first_open) + rules.first_open_for
        until = over if until is None else min(until, over)
    lease = None if rules.offline_for is None else now + rules.offline_for
    return Decision(
        True,
        None,
        obligations,
        None if rules.opens is None or context.opens is None else rules.opens - context.opens - 1,
        until,
        lease if lease is None or until is None else min(lease, until),
    )


def enforce(rules: Rules, context: Context, now: int) -> Decision:
    """Return the decision if it allows. Raises RuleDenied, which names the rule."""
    decision = decide(rules, context, now)
    if not decision.allowed:
        raise RuleDenied(f"the rule {decision.denied_by} denies it: {decision.reason}", rule=decision.denied_by)
    return decision
