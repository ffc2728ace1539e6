"""What the rules in force of a container say to somebody who opens it through the service.

The law of this file: it decides by `tera.policy.evaluate` and nothing else, on the row's rules, the time and who
asks; it reads no row. Whom `recipients` does not name is told that there is nothing, before anything else. Rules
that name nobody name the owner. A block binds everybody; the owner is bound by every rule but those of `EXEMPT`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from tera.catalog.containers import Row
from tera.errors import NoSuchThing, RuleDenied
from tera.format.rules import Rule
from tera.library import block
from tera.library.asker import Asker
from tera.library.rules import rules_of
from tera.policy.context import Action, Context
from tera.policy.evaluate import Decision, enforce
from tera.policy.vocabulary import Rules, parse_rules
from tera.state.reader import Opens

EXEMPT: Final = frozenset({"first_open_for", "geo", "ip", "opens", "recipients", "time"})
"""Recipients, place, time and counts: they bind everybody but the owner."""

RECIPIENTS: Final = "recipients"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: a file by its path, or with None the manifest; `fulfilled` are obligations."""

    action: Action = "extract"
    path: str | None = None
    fulfilled: frozenset[str] = frozenset()
    password: str | None = field(default=None, repr=False)


def judge(row: Row, asker: Asker, wish: Wish, before: Opens, now: int, sealed: Iterable[Rule] = ()) -> Decision:
    """Return the decision if it allows; `sealed` are rules inside the container, which bind besides.

    Raises NoSuchThing for whom nobody named, Blocked, RuleDenied, UnsupportedRule.
    """
    owns = asker.owns(row)
    rules = parse_rules(rules_of(row))
    context = Context(
        action=wish.action,
        viewer=asker.address,
        ip=asker.ip,
        place=asker.place,
        opens=before.count,
        first_open=before.first,
        blocklist_age=0,  # blocks are looked at here and now
        fulfilled=wish.fulfilled,
        path=wish.path,
    )
    if not owns and not _named(rules, context, now):
        raise NoSuchThing("there is no such container")
    block.check(row)
    decision = _enforced(rules, context, now, owns)
    if inner := tuple(sealed):
        _enforced(parse_rules(inner), context, now, owns)
    return decision


def deciding_rule(error: Exception) -> str:
    """Return what an event calls the reason of a refusal."""
    if isinstance(error, NoSuchThing):
        return RECIPIENTS
    if isinstance(error, RuleDenied) and error.rule:
        return error.rule.replace(".", "_")
    return str(getattr(error, "code", "error"))


def _named(rules: Rules, context: Context, now: int) -> bool:
    return any(name == RECIPIENTS and check(context, now) for name, check in rules.checks)


def _enforced(rules: Rules, context: Context, now: int, owns: bool) -> Decision:
    try:
        return enforce(_but(rules) if owns else rules, context, now)
    except RuleDenied as error:
        if error.rule and error.rule.endswith("obligations"):
            ids = sorted({one.id for one in rules.obligations})
            error.hint = f"?fulfils={','.join(ids)} declares that they are fulfilled" if ids else None
        raise


def _but(rules: Rules) -> Rules:
    """Return the rules that bind the owner too."""
    entries = tuple(
        replace(one, checks=tuple(pair for pair in one.checks if pair[0] not in EXEMPT)) for one in rules.entries
    )
    return replace(rules.without(EXEMPT), entries=entries, opens=None, end=None, first_open_for=None)
