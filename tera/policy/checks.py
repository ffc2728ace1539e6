"""What each rule asks of a context: one function a rule, from its value in its one form to a check.

The law of this file: a value in any other form is refused, with `BadInput` and without being repeated; a
check only compares, and what it needs and does not know it takes for a denial. Grammar: spec/policy.md, "Rules".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from tera.errors import BadInput
from tera.format import limits, schema
from tera.policy import addresses, people, places
from tera.policy.context import ACTIONS, Context, read_mac

Check: TypeAlias = Callable[[Context, int], bool]
"""Whether one rule allows, for a context and a time in seconds."""

ITEMS: Final = 16_384
ENTRIES: Final = 1_024
"""Rules for single files; every path is compared with each of their patterns."""
PATTERNS: Final = 65_536
"""Bytes of all their patterns together."""
COUNT_MAX: Final = 2**32 - 1
OBLIGATIONS: Final = 16
TEXT_BYTES: Final = 1_024
_ID: Final = re.compile("[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Obligation:
    """What a caller must do with the content: an id such as `watermark`, and its arguments."""

    id: str
    args: Mapping[str, bool | int | str]


def recipients(value: Any) -> Check:
    found = people.People(map(people.read_canonical, _texts(value, "the value")))
    return lambda context, now: context.viewer is not None and found.hold(context.viewer)


def time(value: Any) -> Check:
    _map(value, ("end", "start"))
    start, end = (
        schema.integer(value[name], 0, limits.TIME_MAX, BadInput, name) if name in value else other
        for name, other in (("start", 0), ("end", limits.TIME_MAX + 1))
    )
    if start >= end:
        raise BadInput("the window ends before it starts")
    return lambda context, now: start <= now < end


def opens(value: Any) -> Check:
    most = schema.integer(value, 0, COUNT_MAX, BadInput, "the value")
    return lambda context, now: context.opens is not None and context.opens < most


def first_open_for(value: Any) -> Check:
    length = _seconds(value)

    def check(context: Context, now: int) -> bool:
        if context.first_open is None:
            return context.opens == 0  # none at all; an open without a time, or no count, is not known
        return context.first_open <= now < context.first_open + length

    return check


def offline_for(value: Any) -> Check:
    _seconds(value)
    return lambda context, now: True  # how long a lease may be, which is the decision's to say


def ip(value: Any) -> Check:
    texts = _allow_and_block(value)
    allow, block = (one and addresses.AddressList(map(addresses.read_canonical, one)) for one in texts)

    def check(context: Context, now: int) -> bool:
        address = context.ip
        if address is None or isinstance(address, str):  # a str was parsed when the context was made
            return False
        return not (block and block.holds(address)) and (not allow or allow.holds(address))

    return check


def geo(value: Any) -> Check:
    allow, block = (one and places.Regions(map(places.read_canonical, one)) for one in _allow_and_block(value))

    def check(context: Context, now: int) -> bool:
        place = context.place
        return not (block and block.hold(place, unknown=True)) and (not allow or allow.hold(place, unknown=False))

    return check


def device(value: Any) -> Check:
    allow = _map(value, ("allow",)).get("allow")
    found = frozenset(schema.fingerprints(allow, ITEMS, BadInput, "allow", low=1))
    return lambda context, now: context.device_proven and context.device in found


def mac(value: Any) -> Check:
    allow = _map(value, ("allow",)).get("allow")
    found = frozenset(_texts(allow, "allow"))
    if any(read_mac(one) != one for one in found):
        raise BadInput("a hardware address is not written in its one form")
    return lambda context, now: not found.isdisjoint(context.macs)


def downloadable(value: Any) -> Check:
    if type(value) is not bool:
        raise BadInput("it is not true or false")
    return lambda context, now: value or context.action == "view"


def rights(value: Any) -> Check:
    found = frozenset(_texts(value, "the value"))
    if not found <= frozenset(ACTIONS):
        raise BadInput("it grants what is no action")
    return lambda context, now: context.action in found


def require_signature(value: Any) -> Check:
    if value is not True:
        raise BadInput("it is not true")
    return lambda context, now: context.signed


def require_fresh_blocklist(value: Any) -> Check:
    if value is True:
        return lambda context, now: context.blocklist_age is not None
    oldest = _seconds(value)
    return lambda context, now: context.blocklist_age is not None and context.blocklist_age <= oldest


def must_fulfil(value: Any) -> Check:
    found = frozenset(one.id for one in obligations(value))
    if not found:
        raise BadInput("it obliges to nothing")
    return lambda context, now: found <= context.fulfilled


def obligations(value: Any) -> tuple[Obligation, ...]:
    if not isinstance(value, dict) or len(value) > OBLIGATIONS:
        raise BadInput(f"it is not a map of at most {OBLIGATIONS} obligations")
    for name, args in value.items():
        if not _ID.fullmatch(name) or not isinstance(args, dict) or len(args) > OBLIGATIONS:
            raise BadInput(f"an obligation is not an id with a map of at most {OBLIGATIONS} arguments")
        for key, arg in args.items():
            if not _ID.fullmatch(key) or type(arg) not in (bool, int, str):
                raise BadInput("an obligation's argument is not a name with a boolean, an integer or a str")
            if isinstance(arg, str) and len(arg.encode()) > TEXT_BYTES:
                raise BadInput(f"an obligation's argument is over {TEXT_BYTES} bytes")
    return tuple(Obligation(name, value[name]) for name in sorted(value))


# --- shapes -------------------------------------------------------------------------------------------


def _seconds(value: Any) -> int:
    return schema.integer(value, 1, limits.TIME_MAX, BadInput, "the value")


def _map(value: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    # Not `schema.exact_map`, which names a key that it does not know: here it may name a person.
    if not isinstance(value, dict) or not value or not value.keys() <= set(keys):
        raise BadInput(f"the value is not a map of {' or '.join(keys)}")
    return value


def _texts(value: Any, what: str) -> tuple[str, ...]:
    found = schema.texts(value, ITEMS, TEXT_BYTES, BadInput, what)
    if not found:
        raise BadInput(f"{what} is empty")
    return found


def _allow_and_block(value: Any) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    _map(value, ("allow", "block"))
    allow = _texts(value["allow"], "allow") if "allow" in value else None
    return allow, _texts(value["block"], "block") if "block" in value else None
