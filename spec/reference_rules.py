"""A plain evaluator of rules, written from "Rules" and "Deciding" of policy.md alone.

It shares no code with any other implementation but `reference.py`. `parse` takes rules in the shape that container.md
gives them and refuses with `unsupported_rule` what is not in its one form; `decide` takes rules that `parse` took.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import idna

from spec.reference import Refused, attempt, check_path, is_ascending, is_bin, is_int, is_map, is_rules, is_str, need

LAST_SECOND = 253_402_300_799
MANY = 16_384
ACTIONS = ("copy", "extract", "print", "rewrap", "view")
IN_ENTRY = ("device", "downloadable", "geo", "ip", "mac", "obligations", "recipients", "rights", "time")

Rule = list[Any]  # [name, value]


@dataclass
class Place:
    """Where somebody is, as far as it is known: `subdivisions` from the widest to the narrowest, or none."""

    continent: str | None = None
    country: str | None = None
    subdivisions: list[str] = field(default_factory=list)
    city: str | None = None


@dataclass
class Context:
    """What is known of somebody who asks. None and an empty list say that it is not known, or that there is none."""

    action: str = "view"
    viewer: str | None = None
    address: str | None = None
    place: Place = field(default_factory=Place)
    device: bytes | None = None
    device_proven: bool = False
    hardware: list[str] = field(default_factory=list)
    opens: int | None = None
    first_open: int | None = None
    obligations: list[str] = field(default_factory=list)
    blocklist_age: int | None = None  # of the oldest; None too if a list that is configured is not in force
    signed: bool = False
    path: str | None = None


class Decision(NamedTuple):
    """The rule that denied or None; what binds whoever is let in, and until when."""

    denied_by: str | None
    obligations: list[tuple[str, dict[str, Any]]]
    remaining: int | None = None
    until: int | None = None
    lease_until: int | None = None


# ---- Address sets


MAPPED = 0xFFFF << 32  # ::ffff:0:0, the first of 2^32
TOP = (2**96 - 1) << 32

Set = tuple[int, Callable[[int], bool]]  # 32 or 128, and whether an address is in it


def ipv6_text(n: int) -> str:
    """RFC 5952, section 4: the longest run of two or more zeros, the first of equals, is `::`."""
    groups = [f"{n >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)]
    for length in range(8, 1, -1):
        for at in range(9 - length):
            if groups[at : at + length] == ["0"] * length:
                return ":".join(groups[:at]) + "::" + ":".join(groups[at + length :])
    return ":".join(groups)


def bits(text: str) -> tuple[int, int] | None:
    """32 or 128, and the number that a text stands for; None if it is not its one text."""
    a = attempt(ipaddress.ip_address, text)
    if a is None or text != (str(a) if a.version == 4 else ipv6_text(int(a))):
        return None
    return a.max_prefixlen, int(a)


def is_mapped(size: int, n: int) -> bool:
    return size == 128 and n & TOP == MAPPED


def address_set(text: str) -> Set | None:
    if "-" in text:
        return interval(*map(bits, text.split("-", 1)))
    if "/" not in text:
        one = bits(text)
        return None if one is None or is_mapped(*one) else (one[0], lambda n: n == one[1])
    start, end = text.split("/", 1)
    first = bits(start)
    if first is None:
        return None
    size, network = first
    if not re.fullmatch("0|[1-9][0-9]{0,2}", end):
        return masked(size, network, bits(end))
    length = int(end)
    last = network + (1 << (size - length)) - 1 if length < size else -1
    if last < 0 or network % (1 << (size - length)) or is_mapped(size, network) or is_mapped(size, last):
        return None
    return size, lambda n: network <= n <= last


def interval(first: tuple[int, int] | None, last: tuple[int, int] | None) -> Set | None:
    if first is None or last is None or first[0] != last[0] or first[1] >= last[1]:
        return None
    (size, low), (_, high) = first, last
    count = high - low + 1
    a_network = count & (count - 1) == 0 and low % count == 0
    if a_network or is_mapped(size, low) or is_mapped(size, high):
        return None
    return size, lambda n: low <= n <= high


def masked(size: int, value: int, mask: tuple[int, int] | None) -> Set | None:
    if mask is None or mask[0] != size:
        return None
    ones = mask[1]
    after = ~ones & ((1 << size) - 1)
    if after & (after + 1) == 0 or value & after:  # all ones in front of its zeros; a bit outside the mask
        return None
    if size == 128 and value & TOP == MAPPED & ones & TOP:
        return None
    return size, lambda n: n & ones == value


def caller_address(text: str) -> tuple[int, int]:
    a = ipaddress.ip_address(text)
    if a.version == 6 and a.ipv4_mapped:
        a = a.ipv4_mapped
    return a.max_prefixlen, int(a)


def is_in(known: tuple[int, int] | None, sets: list[str], *, unknown: bool) -> bool:
    """Whether an address is in one of the sets."""
    if known is None:
        return unknown
    for text in sets:
        found = address_set(text)
        if found is not None and found[0] == known[0] and found[1](known[1]):
            return True
    return False


# ---- Places


def city_form(name: str) -> str:
    for _ in range(2):
        name = unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
    return " ".join(name.split())


def is_place(v: Any) -> bool:
    parts = v.split("/") if is_str(v, 1, 1024) else []
    if len(parts) != 4 or not any(parts):
        return False
    city = parts.pop()
    if not re.fullmatch("//|(AF|AN|AS|EU|NA|OC|SA)//|/[A-Z]{2}/[A-Z0-9]{0,3}", "/".join(parts)):
        return False
    return is_str(city, 0, 128) and city.isprintable() and city == city_form(city)


def fits(place: str, who: Place, *, unknown: bool) -> bool:
    """Whether all parts that are not empty fit; one that is not known of somebody does what `unknown` says."""
    known: list[list[str]] = [
        [who.continent] if who.continent else [],
        [who.country] if who.country else [],
        who.subdivisions,
        [city_form(who.city)] if who.city else [],
    ]
    asked = zip(place.split("/"), known, strict=True)
    return all(part in have if have else unknown for part, have in asked if part)


# ---- Recipients


def is_recipient(v: Any) -> bool:
    if not is_str(v, 1, 1024) or v.count("@") != 1:
        return False
    local, domain = v.split("@")
    if v == "*@*":
        return True
    run = "[a-z0-9!#$%&'+/=?^_`{|}~-]+"
    label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    good = local == "*" or (len(local) <= 64 and re.fullmatch(rf"{run}(\.{run})*", local))
    return bool(good) and len(domain) <= 253 and re.fullmatch(rf"{label}(\.{label})*", domain) is not None


def viewer_form(text: str) -> str | None:
    """The form in which a viewer's address is compared, or None for what has none: nobody is known then."""
    local, _, domain = text.rpartition("@")
    if not local.isascii():
        return None
    if not domain.isascii():
        encoded = attempt(lambda: idna.encode(domain, uts46=True, std3_rules=True).decode())
        if encoded is None:
            return None
        domain = encoded
    form = f"{local}@{domain}".lower()
    return form if is_recipient(form) and local != "*" else None


def is_recipient_of(viewer: str, recipients: list[str]) -> bool:
    return any(wanted in recipients for wanted in (viewer, "*@" + viewer.split("@")[1], "*@*"))


# ---- Patterns


def is_pattern(v: Any) -> bool:
    if not is_str(v, 1, 2048) or re.search(r"\\(?![*?])", v):
        return False
    parts = v.split("/")
    plain = [re.sub(r"\\[*?]", "a", part) for part in parts]
    if any("**" in part for part in plain if part != "**") or ("**", "**") in pairwise(plain):
        return False
    path = "/".join("a" if part == "**" else re.sub("[*?]", "a", part) for part in plain)
    try:
        check_path(path.encode())
    except Refused:
        return False
    return True


def walk(tokens: list[str], items: list[str], many: str, fits_one: Callable[[str, str], bool]) -> bool:
    """Whether the tokens match the items, where `many` matches any number of them."""
    reached = {0}  # how many tokens may have matched the items so far
    for item in (*items, None):
        for at, token in enumerate(tokens):
            if token == many and at in reached:
                reached.add(at + 1)
        if item is not None:
            kept = {at for at in reached if at < len(tokens) and tokens[at] == many}
            there = {at for at in reached if at < len(tokens) and tokens[at] != many}
            reached = kept | {at + 1 for at in there if fits_one(tokens[at], item)}
    return len(tokens) in reached


def character_fits(token: str, character: str) -> bool:
    return token == "?" or token[-1] == character


def part_fits(part: str, name: str) -> bool:
    return walk(re.findall(r"\\[*?]|.", part, re.DOTALL), [*name], "*", character_fits)


def matches(pattern: str, path: str) -> bool:
    return walk(pattern.split("/"), path.split("/"), "**", part_fits)


# ---- The one form of each value


def is_array(v: Any, element: Callable[[Any], bool]) -> bool:
    return isinstance(v, list) and 1 <= len(v) <= MANY and all(map(element, v))


def is_strs_of(v: Any, element: Callable[[Any], bool]) -> bool:
    good = is_array(v, lambda x: is_str(x, 1, 1024) and element(x))
    return good and is_ascending([x.encode() for x in v])


def is_lists(v: Any, element: Callable[[Any], bool]) -> bool:
    """A map with `allow` or `block` or both."""
    return is_map(v, "", "allow block") and bool(v) and all(is_strs_of(x, element) for x in v.values())


def is_name(v: Any) -> bool:
    return isinstance(v, str) and re.fullmatch("[a-z][a-z0-9_]{0,63}", v) is not None


def is_argument(v: Any) -> bool:
    return isinstance(v, bool | int) or is_str(v, 0, 1024)


def is_arguments(v: Any) -> bool:
    return isinstance(v, dict) and len(v) <= 16 and all(map(is_name, v)) and all(map(is_argument, v.values()))


def is_obligations(v: Any) -> bool:
    return isinstance(v, dict) and 1 <= len(v) <= 16 and all(map(is_name, v)) and all(map(is_arguments, v.values()))


def is_device(v: Any) -> bool:
    return is_map(v, "allow") and is_array(v["allow"], lambda x: is_bin(x, 32)) and is_ascending(v["allow"])


def is_mac(v: Any) -> bool:
    good = is_map(v, "allow")
    return good and is_strs_of(v["allow"], lambda x: re.fullmatch("[0-9a-f]{2}(:[0-9a-f]{2}){5}", x) is not None)


def hardware_form(text: str) -> str:
    digits = re.sub("[:-]", "", text.lower())
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def is_time(v: Any) -> bool:
    good = is_map(v, "", "end start") and bool(v) and all(is_int(x, 0, LAST_SECOND) for x in v.values())
    return good and v.get("start", 0) < v.get("end", LAST_SECOND + 1)


def is_entry(v: Any) -> bool:
    def element(x: Any) -> bool:
        good = isinstance(x, list) and len(x) == 3 and is_pattern(x[0]) and x[1] in IN_ENTRY
        return good and FORMS[x[1]](x[2])

    if not is_array(v, element) or len(v) > 1024 or sum(len(text.encode()) for text in {x[0] for x in v}) > 65_536:
        return False
    return all(a < b for a, b in pairwise((x[0].encode(), x[1].encode()) for x in v))


def is_seconds(v: Any) -> bool:
    return is_int(v, 1, LAST_SECOND)


FORMS: dict[str, Callable[[Any], bool]] = {
    "device": is_device,
    "downloadable": lambda v: isinstance(v, bool),
    "entry": is_entry,
    "first_open_for": is_seconds,
    "geo": lambda v: is_lists(v, is_place),
    "ip": lambda v: is_lists(v, lambda x: address_set(x) is not None),
    "mac": is_mac,
    "obligations": is_obligations,
    "offline_for": is_seconds,
    "opens": lambda v: is_int(v, 0, 2**32 - 1),
    "recipients": lambda v: is_strs_of(v, is_recipient),
    "require_fresh_blocklist": lambda v: v is True or is_seconds(v),
    "require_signature": lambda v: v is True,
    "rights": lambda v: is_strs_of(v, lambda x: x in ACTIONS),
    "time": is_time,
}


def parse(rules: Any) -> list[Rule]:
    """The rules, if every name is known and every value in its one form."""
    need(is_rules(rules), "bad_core", "not the shape of rules")
    for name, value in rules:
        need(name in FORMS and FORMS[name](value), "unsupported_rule", f"the rule {name}")
    good: list[Rule] = rules
    return good


# ---- Deciding


def allows(name: str, value: Any, c: Context, now: int) -> bool:
    viewer = viewer_form(c.viewer) if c.viewer is not None else None
    known = caller_address(c.address) if c.address is not None else None
    if name == "device":
        return c.device_proven and c.device in value["allow"]
    if name == "downloadable":
        return bool(value) or c.action == "view"
    if name == "first_open_for":
        return c.opens == 0 if c.first_open is None else bool(c.first_open <= now < c.first_open + value)
    if name == "geo":
        allowed = "allow" not in value or any(fits(p, c.place, unknown=False) for p in value["allow"])
        return allowed and not any(fits(p, c.place, unknown=True) for p in value.get("block", []))
    if name == "ip":
        allowed = "allow" not in value or is_in(known, value["allow"], unknown=False)
        return allowed and not ("block" in value and is_in(known, value["block"], unknown=True))
    if name == "mac":
        return any(hardware_form(one) in value["allow"] for one in c.hardware)
    if name == "obligations":
        return {*value} <= {*c.obligations}
    if name == "offline_for":
        return True
    if name == "opens":
        return c.opens is not None and bool(c.opens < value)
    if name == "recipients":
        return viewer is not None and is_recipient_of(viewer, value)
    if name == "require_fresh_blocklist":
        return c.blocklist_age is not None and (value is True or c.blocklist_age <= value)
    if name == "require_signature":
        return c.signed
    if name == "rights":
        return c.action in value
    start, end = value.get("start", 0), value.get("end", LAST_SECOND + 1)
    return bool(name == "time" and start <= now < end)


def decide(rules: list[Rule], c: Context, now: int) -> Decision:
    own = {name: value for name, value in rules if name != "entry"}
    asked = [(name, name, value) for name, value in own.items()]
    if c.path is not None:
        entry = [value for name, value in rules if name == "entry"]
        found = [rule for rule in (entry[0] if entry else []) if matches(rule[0], c.path)]
        asked += [(f"entry.{name}", name, value) for _, name, value in found]
    for shown, name, value in asked:
        if not allows(name, value, c, now):
            return Decision(shown, [])
    obligations = [item for _, name, value in asked if name == "obligations" for item in sorted(value.items())]
    ends = [own["time"]["end"]] if "end" in own.get("time", {}) else []
    if "first_open_for" in own:
        ends.append((now if c.first_open is None else c.first_open) + own["first_open_for"])
    until = min(ends, default=None)
    remaining = own["opens"] - c.opens - 1 if "opens" in own and c.opens is not None else None
    lease = min([now + own["offline_for"], *ends]) if "offline_for" in own else None
    return Decision(None, obligations, remaining, until, lease)
