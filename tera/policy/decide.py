"""The decision: may this container be opened, here and now, by this caller?

The law of this file: a rule that is not known is a refusal, never a shrug. This version knows none, so
every container that has a rule is refused; the vocabulary and its evaluation come behind this function.
"""

from __future__ import annotations

from collections.abc import Sequence

from tera.errors import UnsupportedRule
from tera.format.core import DynamicRules, NoRules, RulesPlace, SealedRules, StaticRules
from tera.format.rules import Rule


def decide(rules: Sequence[Rule]) -> None:
    """Return when every rule allows. Raises UnsupportedRule for a rule that is not known."""
    for rule in rules:
        raise UnsupportedRule(
            f"the container has the rule {rule.name!r}, which this version cannot evaluate",
            hint="`tera inspect` shows the rules; a version that knows them can open it",
        )


def decide_public(place: RulesPlace) -> None:
    """Decide what can be decided before a key is used: static and dynamic rules.

    Sealed rules are decided as soon as the manifest has been read. Raises UnsupportedRule.
    """
    match place:
        case NoRules() | SealedRules():
            return
        case StaticRules():
            decide(place.rules)
        case DynamicRules():
            raise UnsupportedRule("the container's rules can change, which this version cannot evaluate")
