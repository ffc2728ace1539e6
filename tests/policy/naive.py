"""The rules restated from spec/policy.md, "Rules" and "Deciding", as plainly as they can be: no compiling, no look-up.

The law of this file: it shares nothing with `tera/`, takes rules as `[name, value]` and a caller as a mapping, and
may be as slow as it likes.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

Caller = Mapping[str, Any]
MAPPED = ipaddress.ip_network("::ffff:0:0/96")


def denied_by(rules: list[list[Any]], caller: Caller, now: int) -> str | None:
    """Return the name of the rule that denies, None where all allow."""
    for name, value in rules:
        if name != "entry" and not allows(name, value, caller, now):
            return str(name)
    if caller["path"] is not None:
        for name, value in rules:
            if name == "entry":
                for pattern, inner, inner_value in value:
                    if matches(pattern, caller["path"]) and not allows(inner, inner_value, caller, now):
                        return f"entry.{inner}"
    return None


def allows(name: str, value: Any, caller: Caller, now: int) -> bool:
    match name:
        case "device":
            return bool(caller["device_proven"]) and caller["device"] in value["allow"]
        case "downloadable":
            return value is True or caller["action"] == "view"
        case "first_open_for":
            first = caller["first_open"]
            if first is None:
                return bool(caller["opens"] == 0)
            return bool(first <= now and now - first < value)
        case "geo":
            return place_allowed(value, caller["place"])
        case "ip":
            return address_allowed(value, caller["ip"])
        case "mac":
            return any(one in value["allow"] for one in caller["macs"])
        case "obligations":
            return all(one in caller["fulfilled"] for one in value)
        case "offline_for":
            return True
        case "opens":
            return caller["opens"] is not None and caller["opens"] < value
        case "recipients":
            return caller["viewer"] is not None and any(is_recipient(one, caller["viewer"]) for one in value)
        case "require_fresh_blocklist":
            age = caller["blocklist_age"]
            return age is not None and (value is True or age <= value)
        case "require_signature":
            return bool(caller["signed"])
        case "rights":
            return caller["action"] in value
        case "time":
            return value.get("start", now) <= now and ("end" not in value or now < value["end"])
    raise AssertionError(f"the text has no rule {name}")


def is_recipient(pattern: str, viewer: str) -> bool:
    local, domain = pattern.split("@")
    theirs = viewer.split("@")
    return (local in ("*", theirs[0])) and (domain in ("*", theirs[1]))


# --- addresses ------------------------------------------------------------------------------------


def address_allowed(value: Any, text: str | None) -> bool:
    if text is None:
        return False
    address: Any = ipaddress.ip_address(text)
    if address.version == 6 and address in MAPPED:
        address = ipaddress.IPv4Address(address.packed[12:])
    if any(in_set(one, address) for one in value.get("block", [])):
        return False
    return "allow" not in value or any(in_set(one, address) for one in value["allow"])


def in_set(text: str, address: Any) -> bool:
    if "-" in text:
        low, high = (ipaddress.ip_address(end) for end in text.split("-"))
        return low.version == address.version and int(low) <= int(address) <= int(high)
    if "/" in text:
        first, rest = text.split("/")
        wanted = ipaddress.ip_address(first)
        width = 32 if wanted.version == 4 else 128
        mask = ipaddress.ip_address(rest).packed if "." in rest or ":" in rest else bits(int(rest), width)
        if wanted.version != address.version:
            return False
        return all(a & m == w & m for a, w, m in zip(address.packed, wanted.packed, mask, strict=True))
    return bool(ipaddress.ip_address(text) == address)


def bits(length: int, width: int) -> bytes:
    return int("1" * length + "0" * (width - length), 2).to_bytes(width // 8, "big")


# --- places ---------------------------------------------------------------------------------------


def place_allowed(value: Any, place: Mapping[str, Any]) -> bool:
    if any(fits(one, place, not_known=True) for one in value.get("block", [])):
        return False
    return "allow" not in value or any(fits(one, place, not_known=False) for one in value["allow"])


def fits(text: str, place: Mapping[str, Any], *, not_known: bool) -> bool:
    continent, country, subdivision, city = text.split("/")
    wanted = {"continent": continent, "country": country, "subdivisions": subdivision, "city": city}
    for part, one in wanted.items():
        theirs = place[part] if part == "subdivisions" else [place[part]] if place[part] else []
        if one and (not_known if not theirs else one in theirs) is False:
            return False
    return True


# --- patterns -------------------------------------------------------------------------------------


def matches(pattern: str, path: str) -> bool:
    return _parts(pattern.split("/"), path.split("/"))


def _parts(patterns: list[str], parts: list[str]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return any(_parts(patterns[1:], parts[at:]) for at in range(len(parts) + 1))
    if not parts:
        return False
    expression = re.sub(
        r"\\[*?]|.",
        lambda found: {"*": ".*", "?": "."}.get(found[0]) or re.escape(found[0][-1]),
        patterns[0],
        flags=re.DOTALL,
    )
    return re.fullmatch(expression, parts[0], re.DOTALL) is not None and _parts(patterns[1:], parts[1:])
