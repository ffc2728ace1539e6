"""Rules that each make sense and together let nobody in, or say two things.

The law of this file: it judges values in their one form, when they are written, and names the fields. What it
takes for a contradiction is one; it does not find all (several masks with gaps that cover a range, say).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tera.errors import BadInput
from tera.format import limits
from tera.policy import addresses, places


def check(rules: Mapping[str, Any], where: Mapping[str, str]) -> None:
    """Refuse rules that contradict themselves; `where` has the field of each. Raises BadInput."""
    _check_values(rules, where)
    for glob, name, value in rules.get("entry", ()):
        here = f"{where['entry']}.{glob}.{name}"
        _check_values({name: value}, {name: here})
        if name in rules:
            _check_narrower(name, rules[name], value, here, where[name])


def _check_values(rules: Mapping[str, Any], where: Mapping[str, str]) -> None:
    if blocked := _allowed_and_blocked(rules.get("ip", {}), addresses.read, addresses.AddressList):
        raise BadInput(f"{where['ip']} lets nobody in: it blocks all that it allows, {blocked} among them")
    if blocked := _allowed_and_blocked(rules.get("geo", {}), places.read_canonical, _Regions):
        raise BadInput(f"{where['geo']} lets nobody in: it blocks all that it allows, {blocked} among them")
    rights = rules.get("rights")
    if rights is not None and "downloadable" in rules:
        if rules["downloadable"] and "extract" not in rights:
            raise BadInput(f"{where['downloadable']} is true, but {where['rights']} does not grant extract")
        if not rules["downloadable"] and rights != ["view"]:
            raise BadInput(
                f"{where['downloadable']} is false, but {where['rights']} grants more than view, or not that"
            )


def _allowed_and_blocked(value: Mapping[str, list[str]], read: Any, collect: Any) -> str | None:
    """Return an element of the allow list if the block list covers every one of it."""
    if "allow" not in value or "block" not in value:
        return None
    blocked = collect(map(read, value["block"]))
    return value["allow"][0] if all(blocked.covers(read(text)) for text in value["allow"]) else None


class _Regions(list[places.Region]):
    def covers(self, other: places.Region) -> bool:
        return any(one.covers(other) for one in self)


def _check_narrower(name: str, outer: Any, inner: Any, here: str, there: str) -> None:
    """A file's rule binds beside the container's: what only one of them allows, nobody gets."""
    if name == "time":
        start = max(outer.get("start", 0), inner.get("start", 0))
        if start >= min(outer.get("end", limits.TIME_MAX + 1), inner.get("end", limits.TIME_MAX + 1)):
            raise BadInput(f"{here} and {there} have no moment in common")
    if name == "rights" and set(outer).isdisjoint(inner):
        raise BadInput(f"{here} and {there} have no right in common")
    if name == "device" and set(outer["allow"]).isdisjoint(inner["allow"]):
        raise BadInput(f"{here} and {there} have no device in common")
    if name == "downloadable" and inner and not outer:
        raise BadInput(f"{here} is true, but {there} is false: a file's rules can only be narrower")
