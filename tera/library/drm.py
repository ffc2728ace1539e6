"""Rules as a manifest would say them: what `drm_rules` shows, and what can be written again as it is.

The law of this file: it is the way back from `tera.policy.authoring`, rule by rule: what it returns is read as the
very value that it was made of. Rules that are not known here are shown as they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from tera.errors import UnsupportedRule
from tera.format.rules import Rule
from tera.policy import places
from tera.policy.vocabulary import parse_rules


def shown(rules: Iterable[Rule]) -> dict[str, Any]:
    """Return rules as the JSON object that stands under `drm` in a manifest."""
    found = tuple(rules)
    try:
        parse_rules(found)
    except UnsupportedRule:
        return {rule.name: plain(rule.value) for rule in found}
    return {rule.name: _shown(rule.name, rule.value) for rule in found}


def moment(seconds: int) -> str:
    """Return a time in seconds since 1970 as RFC 3339 writes it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def plain(value: Any) -> Any:
    """Return any value of msgpack as one of JSON: bytes in hexadecimal digits."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def _shown(name: str, value: Any) -> Any:
    return _FORMS[name](value) if name in _FORMS else plain(value)


def _entry(value: list[list[Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for glob, name, inner in value:
        found.setdefault(glob, {})[name] = _shown(name, inner)
    return found


def _geo(value: dict[str, list[str]]) -> dict[str, list[dict[str, str]]]:
    return {name: [_region(text) for text in texts] for name, texts in value.items()}


def _region(text: str) -> dict[str, str]:
    region = places.read_canonical(text)
    parts = ("continent", "country", "subdivision", "city")
    return {name: getattr(region, name) for name in parts if getattr(region, name)}


def _obligations(value: dict[str, dict[str, Any]]) -> list[Any]:
    return [{"id": name, "args": dict(args)} if args else name for name, args in value.items()]


_FORMS: Final[dict[str, Callable[[Any], Any]]] = {
    "entry": _entry,
    "geo": _geo,
    "obligations": _obligations,
    "time": lambda value: {name: moment(seconds) for name, seconds in value.items()},
}
"""Those whose JSON is not simply the value."""
