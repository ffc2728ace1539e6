"""Rules within rules: what a service may add to rules that cannot change.

The law of this file: who passes the result passes what it was made of. A rule that is not asked for stays; one that
would let in more than the container's own does is refused by its name. Where that cannot be seen, it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from tera.errors import BadInput
from tera.format import limits
from tera.format.rules import Rule
from tera.policy import addresses, people, places

_HINT: Final = "the container's own rules cannot change; the service can only narrow them"


def narrowed(own: Iterable[Rule], asked: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules that hold where `asked` are put before `own`. Raises BadInput, naming the rule."""
    found = {rule.name: rule.value for rule in own}
    for rule in asked:
        if rule.name == "entry":
            found["entry"] = _entries(found.get("entry", []), rule.value)
            continue
        if rule.name in found and not _within(rule.name, found[rule.name], rule.value):
            raise BadInput(f"drm.{rule.name} would let in more than the container's own rule", hint=_HINT)
        found[rule.name] = rule.value
    return tuple(Rule(name, found[name]) for name in sorted(found))


def _entries(own: list[list[Any]], asked: list[list[Any]]) -> list[list[Any]]:
    found = {(glob, name): value for glob, name, value in own}
    for glob, name, value in asked:
        before = found.get((glob, name))
        if before is not None and not _within(name, before, value):
            raise BadInput(f"drm.entry.{glob[:64]}.{name} would let in more than the container's own rule", hint=_HINT)
        found[glob, name] = value
    return [[*pair, found[pair]] for pair in sorted(found)]


def _within(name: str, outer: Any, inner: Any) -> bool:
    """Say whether whoever passes `inner` passes `outer`, as far as that can be seen."""
    return inner == outer or (name in _WITHIN and _WITHIN[name](outer, inner))


def _recipients(outer: list[str], inner: list[str]) -> bool:
    held = people.People(outer)
    # A pattern of a whole domain is no address of it, and is asked for by name.
    return all(one in outer or people.ANYBODY in outer or ("*" not in one and held.hold(one)) for one in inner)


def _time(outer: dict[str, int], inner: dict[str, int]) -> bool:
    last = limits.TIME_MAX + 1
    return inner.get("start", 0) >= outer.get("start", 0) and inner.get("end", last) <= outer.get("end", last)


def _ip(outer: dict[str, list[str]], inner: dict[str, list[str]]) -> bool:
    def holds(one: str, others: list[str]) -> bool:
        return addresses.AddressList(map(addresses.read_canonical, others)).covers(addresses.read_canonical(one))

    return _allow_and_block(outer, inner, holds)


def _geo(outer: dict[str, list[str]], inner: dict[str, list[str]]) -> bool:
    def holds(one: str, others: list[str]) -> bool:
        region = places.read_canonical(one)
        return any(places.read_canonical(other).covers(region) for other in others)

    return _allow_and_block(outer, inner, holds)


def _allow_and_block(
    outer: dict[str, list[str]], inner: dict[str, list[str]], holds: Callable[[str, list[str]], bool]
) -> bool:
    allowed = "allow" not in outer or ("allow" in inner and all(holds(one, outer["allow"]) for one in inner["allow"]))
    return allowed and all(holds(one, inner.get("block", [])) for one in outer.get("block", []))


def _allow(outer: dict[str, list[Any]], inner: dict[str, list[Any]]) -> bool:
    return set(inner["allow"]) <= set(outer["allow"])


def _blocklist(outer: bool | int, inner: bool | int) -> bool:
    return outer is True or (inner is not True and inner <= outer)


def _less(outer: int, inner: int) -> bool:
    return inner <= outer


_WITHIN: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "device": _allow,
    "downloadable": lambda outer, inner: inner is False,
    "first_open_for": _less,
    "geo": _geo,
    "ip": _ip,
    "mac": _allow,
    "obligations": lambda outer, inner: all(inner.get(name) == args for name, args in outer.items()),
    "offline_for": _less,
    "opens": _less,
    "recipients": _recipients,
    "require_fresh_blocklist": _blocklist,
    "rights": lambda outer, inner: set(inner) <= set(outer),
    "time": _time,
}
