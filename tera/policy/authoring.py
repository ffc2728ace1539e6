"""What people write in a manifest, to the one form of a rule's value.

The law of this file: one function a rule; what is not understood is an error that names the field and says what
was expected. It is lenient in spelling (case, host bits, English names, a list in any order) and in nothing
else. What the forms are is `checks.py`'s; that rules do not contradict each other, `contradictions.py`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tera.errors import BadInput
from tera.format import limits
from tera.policy import addresses, checks, countries, people, places
from tera.policy.context import ACTIONS, read_mac

_TIME: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS: Final = re.compile("[0-9a-fA-F]{64}")
_PARTS: Final = ("continent", "country", "subdivision", "city")


def author(name: str, value: Any, where: str) -> Any:
    """Return the value of the rule `name` in its one form; None where it asks for nothing. Raises BadInput.

    `where` is the field's place in the manifest, for the error. InputUnavailable: a name needs a package.
    """
    return _AUTHORS[name](value, where)


def _recipients(value: Any, where: str) -> list[str]:
    hint = "leave it out, and any key holder may open"
    return sorted({_each(people.read_pattern, _text(item, at), at) for item, at in _list(value, where, hint)})


def _time(value: Any, where: str) -> dict[str, int]:
    fields = _object(value, where, ("start", "end"))
    found = {name: _moment(item, f"{where}.{name}", up=name == "start") for name, item in fields.items()}
    if found.get("start", 0) >= found.get("end", limits.TIME_MAX + 1):
        raise BadInput(f"{where} ends before it starts, or at that moment", hint="the end itself is no longer inside")
    return found


def _moment(value: Any, where: str, *, up: bool) -> int:
    """Return seconds. A fraction makes the window narrower, never wider."""
    expected = "expected a time with its zone, such as 2031-01-01T00:00:00Z (RFC 3339)"
    found = _TIME.fullmatch(_text(value, where))
    if not found:
        raise BadInput(f"{where} is no time; {expected}")
    day, clock, fraction, sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}+00:00")
    except ValueError:
        raise BadInput(f"{where} is no time of any day; {expected}") from None
    seconds = (moment - _EPOCH - offset) // timedelta(seconds=1) + (up and int(fraction or 0) > 0)
    if not 0 <= seconds <= limits.TIME_MAX:
        raise BadInput(f"{where} is not in the years 1970 to 9999")
    return seconds


def _opens(value: Any, where: str) -> int:
    hint = "leave it out, and there is no limit"
    return _integer(value, where, 1, checks.COUNT_MAX, "a number of opens, 1 or more (0 would let nobody in)", hint)


def _seconds(value: Any, where: str) -> int:
    return _integer(
        value, where, 1, limits.TIME_MAX, "a number of seconds, 1 or more", "leave it out, and it is no rule"
    )


def _ip(value: Any, where: str) -> dict[str, list[str]]:
    def one(item: Any, at: str) -> str:
        return addresses.write(_each(addresses.read, _text(item, at), at))

    return {
        name: sorted({one(item, at) for item, at in _list(items, f"{where}.{name}")})
        for name, items in _object(value, where, ("allow", "block")).items()
    }


def _geo(value: Any, where: str) -> dict[str, list[str]]:
    return {
        name: sorted({_region(item, at).pack() for item, at in _list(items, f"{where}.{name}")})
        for name, items in _object(value, where, ("allow", "block")).items()
    }


def _region(value: Any, where: str) -> places.Region:
    parts = {name: _text(item, f"{where}.{name}") for name, item in _object(value, where, _PARTS).items()}
    continent = country = subdivision = city = ""
    if "country" in parts:
        country = _each(countries.country_code, parts["country"], f"{where}.country")
    if "continent" in parts:
        at = f"{where}.continent"
        continent = _each(countries.continent_code, parts["continent"], at)
        if country:
            counted = countries.continent_of(country)
            if counted not in (None, continent):
                raise BadInput(f"{at}: {country} is counted to {counted}, not to {continent}", hint="leave it out")
            continent = ""  # the country says it already, and databases differ about some
    if "subdivision" in parts:
        at = f"{where}.subdivision"
        if not country:
            raise BadInput(f"{at} stands without its country")
        subdivision = _each(lambda text: countries.subdivision_code(country, text), parts["subdivision"], at)
    if "city" in parts:
        city = places.fold_city(parts["city"])
        if not city:
            raise BadInput(f"{where}.city is empty")
        _each(places.check_city, city, f"{where}.city")
    return places.Region(continent, country, subdivision, city)


def _device(value: Any, where: str) -> dict[str, list[bytes]]:
    def one(item: Any, at: str) -> bytes:
        if not _DIGITS.fullmatch(_text(item, at)):
            raise BadInput(f"{at} is no fingerprint of a key; expected 64 hexadecimal digits")
        return bytes.fromhex(item)

    items = _object(value, where, ("allow",))["allow"]
    return {"allow": sorted({one(item, at) for item, at in _list(items, f"{where}.allow")})}


def _mac(value: Any, where: str) -> dict[str, list[str]]:
    items = value if isinstance(value, list) else _object(value, where, ("allow",))["allow"]
    return {"allow": sorted({_each(read_mac, _text(item, at), at) for item, at in _list(items, f"{where}.allow")})}


def _downloadable(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise BadInput(f"{where} is not true or false")
    return value


def _rights(value: Any, where: str) -> list[str]:
    for item, at in _list(value, where):
        if item not in ACTIONS:
            raise BadInput(f"{at} is no right; expected {', '.join(ACTIONS)}")
    return sorted(set(value))


def _required(value: Any, where: str) -> bool | None:
    return _downloadable(value, where) or None


def _fresh_blocklist(value: Any, where: str) -> bool | int | None:
    if isinstance(value, bool):
        return value or None
    return _integer(value, where, 1, limits.TIME_MAX, "true, or the age in seconds that is allowed", None)


def _obligations(value: Any, where: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for item, at in _list(value, where):
        fields: dict[str, Any] = {"id": item} if isinstance(item, str) else _object(item, at, ("id", "args"), need="id")
        name, args = _text(fields["id"], f"{at}.id"), fields.get("args") or {}
        if name in found:
            raise BadInput(f"{at} has the id of another obligation")
        _each(checks.obligations, {name: args}, at)
        found[name] = dict(args)
    _each(checks.must_fulfil, found, where)
    return found


# --- shapes -------------------------------------------------------------------------------------------


def _each(read: Callable[[Any], Any], value: Any, where: str) -> Any:
    try:
        return read(value)
    except BadInput as error:
        raise BadInput(f"{where}: {error}", hint=error.hint) from None


def _object(value: Any, where: str, known: tuple[str, ...], *, need: str | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput(f"{where} is not an object with {' or '.join(known)}")
    for name in value:
        if name not in known:
            raise BadInput(f"{where} has the unknown field {name[:64]!r}; expected {' or '.join(known)}")
    if not value or (need and need not in value):
        raise BadInput(f"{where} lacks {need or ' or '.join(known)}", hint="leave it out, and it is no rule")
    return value


def _list(value: Any, where: str, hint: str | None = None) -> Iterable[tuple[Any, str]]:
    if not isinstance(value, list):
        raise BadInput(f"{where} is not a list")
    if not value:
        raise BadInput(f"{where} is empty", hint=hint or "leave it out, and it is no rule")
    if len(value) > checks.ITEMS:
        raise BadInput(f"{where} has over {checks.ITEMS:,} elements")
    return [(item, f"{where}[{at}]") for at, item in enumerate(value)]


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise BadInput(f"{where} is not a string")
    return value


def _integer(value: Any, where: str, low: int, high: int, expected: str, hint: str | None) -> int:
    if type(value) is not int or not low <= value <= high:
        raise BadInput(f"{where} is not {expected}", hint=hint)
    return value


_AUTHORS: Final[dict[str, Callable[[Any, str], Any]]] = {
    "device": _device,
    "downloadable": _downloadable,
    "first_open_for": _seconds,
    "geo": _geo,
    "ip": _ip,
    "mac": _mac,
    "obligations": _obligations,
    "offline_for": _seconds,
    "opens": _opens,
    "recipients": _recipients,
    "require_fresh_blocklist": _fresh_blocklist,
    "require_signature": _required,
    "rights": _rights,
    "time": _time,
}
