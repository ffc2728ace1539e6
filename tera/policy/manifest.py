"""Rules as a manifest gives them: JSON in, `[name, value]` pairs in the canonical form out.

The law of this file: it knows which rules there are and what kind of value each has, so that a typing
error fails when sealing and not when somebody wants to open; what the values mean is decided elsewhere.
The manifest's own bytes are never rewritten, only checked to be one JSON text in UTF-8.

Rules stand in `container.drm`, or at the top as `drm` or `rules`:

    {"title": "Q3", "drm": {"time": {"end": "2031-01-01T00:00:00Z"}, "opens": 3}}
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from tera.errors import BadInput
from tera.format import limits
from tera.wire import canonical

_ANY: Final = (bool, int, str, list, dict)
VOCABULARY: Final[dict[str, tuple[type, ...]]] = {
    "device": (dict,),
    "downloadable": (bool,),
    "entry": (dict,),
    "first_open_for": (int,),
    "geo": (dict,),
    "ip": (dict,),
    "obligations": (list,),
    "offline_for": (int,),
    "opens": (int,),
    "recipients": (list,),
    "require_fresh_blocklist": _ANY,
    "require_signature": _ANY,
    "rights": (list,),
    "time": (dict,),
}
"""Every rule that may be sealed, and the kinds of its value."""

_KINDS: Final = {bool: "true or false", int: "an integer", str: "a string", list: "a list", dict: "an object"}
_PLACES: Final = (("container", "drm"), ("drm",), ("rules",))
_DEPTH: Final = canonical.MAX_DEPTH - 4
"""CORE's map, `pol`, the rules and the pair are around a value: so deep may it be itself."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class _Object(dict[str, Any]):
    """A JSON object that remembers a name that came twice: which one counts is nobody's guess."""

    twice: str | None = None


def rules_from_manifest(text: bytes) -> list[list[Any]] | None:
    """Return the rules of a manifest, sorted by name, or None if it has none.

    Raises BadInput: no JSON text in UTF-8; no rule where rules should be; a rule that is not known, or
    whose value is of another kind or holds what no container can.
    """
    manifest = parse_json(text)
    found = [(".".join(path), rules) for path in _PLACES if (rules := _at(manifest, path)) is not _ABSENT]
    if not found:
        return None
    if len(found) > 1:
        raise BadInput(f"the manifest has rules twice, in {found[0][0]} and in {found[1][0]}")
    where, rules = found[0]
    if not isinstance(rules, _Object):
        raise BadInput(f"the manifest's {where} is not an object of rules")
    if not rules:
        raise BadInput(f"the manifest's {where} is empty", hint="leave it out, and there are no rules")
    if len(rules) > limits.RULES:
        raise BadInput(f"the manifest's {where} has over {limits.RULES} rules")
    _check_once(rules, where)
    for name, value in rules.items():
        _check_rule(name, value, where)
    return [[name, _plain(rules[name], f"{where}.{name}", _DEPTH)] for name in sorted(rules)]


def parse_json(text: bytes) -> Any:
    """Return the one value of a JSON text (RFC 8259: UTF-8, no byte order mark, no NaN). Raises BadInput."""
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise BadInput("the manifest is not UTF-8") from None
    except json.JSONDecodeError as error:
        reason = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise BadInput(f"the manifest is not JSON: {reason}") from None
    except (ValueError, RecursionError):
        raise BadInput("the manifest is not JSON that anybody reads: too deep, or a number too long") from None


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    found = _Object(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        found.twice = next(name for at, name in enumerate(names) if name in names[:at])
    return found


def _refuse_constant(name: str) -> Any:
    raise BadInput(f"the manifest is not JSON: {name} is no number there")


_ABSENT: Final = object()


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for at, name in enumerate(path):
        if not isinstance(value, _Object):
            return _ABSENT
        if value.twice in path:
            _check_once(value, ".".join(path[:at]) or "top")
        value = value.get(name, _ABSENT)
    return value


def _check_once(value: _Object, where: str) -> None:
    if value.twice is not None:
        raise BadInput(f"the manifest's {where} has {value.twice[:64]!r} twice")


def _check_rule(name: str, value: object, where: str) -> None:
    if name not in VOCABULARY:
        known = "known: " + ", ".join(VOCABULARY)
        raise BadInput(f"{where} in the manifest has the unknown rule {name[:64]!r}", hint=known)
    kinds = VOCABULARY[name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise BadInput(f"the rule {where}.{name} is not {' or '.join(_KINDS[kind] for kind in kinds)}")
    if name == "recipients" and not value:
        raise BadInput(f"the rule {where}.recipients names nobody", hint="leave it out: then any key holder may open")
    if isinstance(value, int) and value < 0:
        raise BadInput(f"the rule {where}.{name} is negative")
    if name == "entry" and isinstance(value, dict):
        for glob, inner in value.items():
            _check_entry(inner, f"{where}.entry.{glob[:64]}")


def _check_entry(rules: Any, where: str) -> None:
    if not isinstance(rules, _Object) or not rules:
        raise BadInput(f"{where} is not an object of rules")
    for name, value in rules.items():
        if name == "entry":
            raise BadInput(f"{where} has entries of its own")
        _check_rule(name, value, where)


def _plain(value: Any, where: str, depth: int) -> Any:
    """Return `value` without JSON's own types, checked to be what canonical msgpack can hold."""
    if isinstance(value, float):
        raise BadInput(f"the rule {where} holds {value!r}: rules have integers only")
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        raise BadInput(f"the rule {where} holds an integer of over 64 bits")
    if isinstance(value, str):
        _check_text(value, where)
    if not isinstance(value, list | dict):
        return value
    if not depth:
        raise BadInput(f"the rule {where} is nested too deeply")
    if isinstance(value, list):
        return [_plain(item, f"{where}[{at}]", depth - 1) for at, item in enumerate(value)]
    if isinstance(value, _Object):
        _check_once(value, where)
    for name in value:
        _check_text(name, where)
    return {name: _plain(item, f"{where}.{name[:64]}", depth - 1) for name, item in value.items()}


def _check_text(text: str, where: str) -> None:
    if _SURROGATE.search(text):
        raise BadInput(f"the rule {where} holds half a character (an unpaired surrogate)")
