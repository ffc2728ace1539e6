"""A manifest's JSON text, read so that nothing in it is guessed.

The law of this file: what JSON leaves open is an error where rules are concerned: a name that comes twice, half a
character, a text that is not UTF-8. Elsewhere in a manifest it is the user's own.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from tera.errors import BadInput

ABSENT: Final = object()
_DEPTH: Final = 8
_LONGEST: Final = 32
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Object(dict[str, Any]):
    """A JSON object that remembers the names that came twice: which one counts is nobody's guess."""

    twice: frozenset[str] = frozenset()


def parse_json(text: bytes) -> Any:
    """Return the one value of a JSON text (RFC 8259: UTF-8, no byte order mark, no NaN). Raises BadInput."""
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=_pairs, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise BadInput("the manifest is not UTF-8") from None
    except json.JSONDecodeError as error:
        reason = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise BadInput(f"the manifest is not JSON: {reason}") from None
    except (ValueError, RecursionError):
        raise BadInput("the manifest is not JSON that anybody reads: too deep, or a number too long") from None


def _pairs(pairs: list[tuple[str, Any]]) -> Object:
    found = Object(pairs)
    if len(found) != len(pairs):
        found.twice = frozenset(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
    return found


def _refuse_constant(name: str) -> Any:
    raise BadInput(f"the manifest is not JSON: {name} is no number there")


def at(value: Any, path: tuple[str, ...]) -> Any:
    """Return what stands at `path` below `value`, or ABSENT. Raises BadInput where a name on the way came twice."""
    for depth, name in enumerate(path):
        if not isinstance(value, Object):
            return ABSENT
        check_once(value.twice & {name}, ".".join(path[:depth]) or "top")
        value = value.get(name, ABSENT)
    return value


def check_once(twice: frozenset[str], where: str) -> None:
    """Refuse `twice`, names that count and came twice. Raises BadInput."""
    if twice:
        raise BadInput(f"the manifest's {where} has {min(twice)[:64]!r} twice")


def check_plain(value: Any, where: str, depth: int = _DEPTH) -> None:
    """Refuse what no rule holds, anywhere in it: a name twice, half a character, endless depth. Raises BadInput."""
    if not depth:
        raise BadInput(f"the rule {where} is nested too deeply")
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise BadInput(f"the rule {where} holds half a character (an unpaired surrogate)")
    elif isinstance(value, list):
        for item in value:
            check_plain(item, where, depth - 1)
    elif isinstance(value, Object):
        check_once(value.twice, where)
        for name, item in value.items():
            check_plain(name, where, depth - 1)
            check_plain(item, f"{where}.{name[:64]}", depth - 1)


def check_near(name: str, where: str, known: Iterable[str]) -> None:
    """Refuse a name that is one slip away from a known one. Raises BadInput.

    Among names that are the user's own, a rule that is nearly spelt right is a rule that would be lost.
    """
    if len(name) > _LONGEST:
        return
    shorter = _one_less(name)
    for other in known:
        # One letter too many or too few; in longer names also a wrong one, or two that changed places.
        less = _one_less(other)
        if other in shorter or name in less or (len(other) > 5 and not shorter.isdisjoint(less)):
            hint = f"did you mean {other!r}? If not, another name keeps the two apart"
            raise BadInput(f"the manifest's {where} looks like a rule, and is none", hint=hint)


@lru_cache(maxsize=256)  # the known names come again for each of the user's own
def _one_less(name: str) -> frozenset[str]:
    return frozenset(name[:at] + name[at + 1 :] for at in range(len(name))) if len(name) > 3 else frozenset()
