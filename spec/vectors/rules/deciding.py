"""How a case of deciding is stated.

The law of this file: what is not stated is not known in a context, and not given in a decision.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from spec.vectors.rules.form import Case, shown

NOW: Final = 1_900_000_000
YES: Final[dict[str, Any]] = {}
"""It is allowed, and nothing comes with it."""

Verdict: TypeAlias = "str | dict[str, Any]"
"""The rule that denies, or what is given to whoever is let in."""


def case(name: str, comment: str, rules: dict[str, Any], context: Any, verdict: Verdict, now: int = NOW) -> Case:
    """Return a case. `verdict` may have obligations, remaining, until and lease_until."""
    expected: dict[str, Any] = {"denied_by": verdict}
    if not isinstance(verdict, str):
        expected = {"denied_by": None, "obligations": [], "remaining": None, "until": None, "lease_until": None}
        if unknown := verdict.keys() - expected.keys():
            raise ValueError(f"{name}: a decision has no {unknown}")
        expected |= verdict
    return {
        "name": name,
        "comment": comment,
        "rules": shown([[rule, rules[rule]] for rule in sorted(rules)]),
        "context": shown({"action": "view"} | context),
        "now": now,
        "expect": expected,
    }
