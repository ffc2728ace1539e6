"""The shape of rules: `[name, value]`, sorted, each name once; never empty.

The law of this file: it knows shapes, not meanings; those are `tera.policy`'s. Rules stand in CORE
(static), in the manifest (sealed) or in POLICY (dynamic), always in this form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from tera.errors import Malformed
from tera.format import limits, schema

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `value` is a canonical msgpack value (nil, bool, int, str, bytes, list, dict)."""

    name: str
    value: Any


def parse_rules(value: Any, error: type[Malformed]) -> tuple[Rule, ...]:
    """Check and return rules in their packed form; raises `error`."""
    rules: list[Rule] = []
    for item in schema.array(value, limits.RULES, error, "rules", low=1):
        pair = schema.array(item, 2, error, "a rule", low=2)
        name = schema.text(pair[0], 64, error, "a rule's name")
        if not _NAME.fullmatch(name):
            raise error(f"{name!r} cannot be the name of a rule")
        rules.append(Rule(name, pair[1]))
    schema.ascending([rule.name for rule in rules], error, "rules")
    return tuple(rules)


def rules_value(rules: tuple[Rule, ...]) -> list[list[Any]]:
    """Return what `parse_rules` takes."""
    return [[rule.name, rule.value] for rule in rules]
