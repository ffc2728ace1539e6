"""Rules that are taken stand in one form, and the naive restatement decides them alike, for whoever asks.

Callers are drawn at random, half of them from what the rules themselves name: their people, addresses, times, counts
and patterns. The first byte is theirs; the rest are the rules, or with its top bit what `fuzz.written` makes rules of.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from fuzz import oracle
from fuzz.written import changed_rules
from tera.errors import BadInput, TeraError
from tera.format import rules as shape
from tera.format.limits import TIME_MAX
from tera.format.paths import check_path
from tera.policy.addresses import read_address
from tera.policy.context import read_mac
from tera.policy.evaluate import decide
from tera.policy.people import read_viewer
from tera.policy.places import Place, fold_city
from tera.policy.vocabulary import Rules, parse_rules
from tera.wire import canonical
from tests.policy import drawn, naive

CALLERS = 6
MAX = 1 << 16
STARS = 6
"""So many in a pattern the restatement can stand: it tries everything."""


def one_input(data: bytes) -> None:
    chance, packed = Random(data[0] if data else 0), data[1:]
    if data[:1] >= b"\x80":
        try:
            packed = canonical.pack(changed_rules(packed))
        except (TypeError, ValueError):
            return
    found = oracle.tera(_parse, packed)
    if not isinstance(found, oracle.Taken):
        return
    rules = found.value
    plain = shape.rules_value(rules.source)
    assert canonical.pack(plain) == packed
    named = list(_leaves(plain))
    slow = any(text.count("*") > STARS for text in named if isinstance(text, str))
    for number in range(CALLERS):
        caller, now = drawn.caller_at_random(chance), chance.randint(drawn.NOW - 3, drawn.NOW + 3)
        if number & 1 and named:
            now = _near(caller, named, chance, now)
        if slow:
            caller["path"] = None
        decision = decide(rules, drawn.context(caller), now)
        assert decision.denied_by == naive.denied_by(plain, caller, now), (caller, now)
        _check_bounds(rules, decision, caller, now)


def _parse(data: bytes) -> Rules:
    return parse_rules(shape.parse_rules(canonical.unpack(data, what="rules", max_len=MAX), BadInput))


def _check_bounds(rules: Rules, decision: Any, caller: dict[str, Any], now: int) -> None:
    """At the moment that `until` names it would be denied, at the one before not by a rule of time."""
    if decision.allowed and decision.until is not None and decision.until <= TIME_MAX:
        if caller["first_open"] is None and rules.first_open_for is not None:
            caller = caller | {"first_open": now, "opens": 1}
        later = drawn.context(caller)
        assert decide(rules, later, decision.until).denied_by is not None
        assert decide(rules, later, decision.until - 1).denied_by not in ("first_open_for", "time")
    assert decision.allowed or (decision.until, decision.lease_until, decision.remaining) == (None, None, None)


# --- callers near the rules ---------------------------------------------------------------------------


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _near(caller: dict[str, Any], named: list[Any], chance: Random, now: int) -> int:
    """Put what the rules name into a caller, where it can stand there; return a time near one that they name."""
    for _ in range(8):
        one = chance.choice(named)
        if isinstance(one, bytes):
            caller["device"] = one
        elif type(one) is int and 0 <= one <= TIME_MAX:
            now = max(0, min(TIME_MAX, one + chance.randint(-1, 1)))
            caller["opens"] = max(0, one + chance.randint(-1, 1))
            caller["first_open"] = chance.choice((None, now, max(0, now - one)))
            caller["blocklist_age"] = max(0, one + chance.randint(-1, 1))
        elif isinstance(one, str):
            _put_text(caller, one, chance)
    return now


def _put_text(caller: dict[str, Any], text: str, chance: Random) -> None:
    candidates: dict[str, Any] = {"viewer": (read_viewer, text.replace("*", "a")), "path": (_path, text)}
    first = text.partition("/")[0].partition("-")
    candidates["ip"] = (lambda one: str(read_address(one)), chance.choice((first[0], text.partition("-")[2])))
    for name, (read, value) in candidates.items():
        try:
            caller[name] = read(value)
        except (TeraError, ValueError):
            continue
    try:
        caller["macs"] = frozenset([read_mac(text)])
    except TeraError:
        caller["fulfilled"] |= {text}
    parts = text.split("/")
    if len(parts) == 4:
        continent, country, subdivision, city = parts
        place = Place(
            continent or None, country or None, (subdivision,) if subdivision else (), fold_city(city) or None
        )
        caller["place"] = {name: getattr(place, name) for name in ("continent", "country", "subdivisions", "city")}


def _path(text: str) -> str:
    for mark, letters in (("**", "x/y"), ("*", "x"), ("?", "y"), ("\\", "")):
        text = text.replace(mark, letters)
    check_path(text)
    return text
