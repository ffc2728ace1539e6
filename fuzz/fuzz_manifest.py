"""A manifest gives rules that a reader takes, or a TeraError; written down again, they are read as the same rules.

The first byte says whether it has an owner (with 2 it has), and with its top bit that the rest is what `fuzz.written`
makes rules of. What is read has no password left in its text, and reads as the same without it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from fuzz import oracle
from fuzz.written import changed_rules
from tera.errors import BadInput, InputUnavailable
from tera.format import limits
from tera.format import rules as shape
from tera.policy.manifest import read_manifest
from tera.policy.vocabulary import parse_rules
from tera.wire import canonical


def one_input(data: bytes) -> None:
    text, owner = data[1:], "me@example.org" if data[:1] == b"\2" else None
    if data[:1] >= b"\x80":
        try:
            text = spoken(changed_rules(text))
        except (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError):
            return  # nobody would say that
    found = oracle.tera(read_manifest, text, owner=owner)
    if not isinstance(found, oracle.Taken):
        # Rules that were written and cannot be read would come out as UnsupportedRule.
        assert type(found) in (BadInput, InputUnavailable), found
        return
    written = found.value
    if written.password is None:
        assert written.text == text
    again = read_manifest(written.text, owner=owner)
    assert (again.rules, again.dynamic, again.password) == (written.rules, written.dynamic, None)
    if written.rules is None:
        return
    packed = canonical.pack(written.rules)
    value = canonical.unpack(packed, what="rules", max_len=limits.MANIFEST)
    parse_rules(shape.parse_rules(value, BadInput))
    once_more = read_manifest(spoken(written.rules))
    assert once_more.rules == written.rules, (once_more.rules, written.rules)


def spoken(rules: list[list[Any]]) -> bytes:
    """Return rules in their one form as somebody would write them in a manifest."""
    said = {}
    for name, value in rules:
        if name == "entry":
            globs: dict[str, dict[str, Any]] = {}
            for glob, inner, inner_value in value:
                globs.setdefault(glob, {})[inner] = _value(inner, inner_value)
            said[name] = globs
        else:
            said[name] = _value(name, value)
    return json.dumps({"drm": said}).encode()


def _value(name: str, value: Any) -> Any:
    match name:
        case "device":
            return {"allow": [one.hex() for one in value["allow"]]}
        case "geo":
            return {key: [_place(one) for one in found] for key, found in value.items()}
        case "obligations":
            return [{"id": id, "args": args} for id, args in value.items()]
        case "time":
            return {
                key: datetime.fromtimestamp(found, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for key, found in value.items()
            }
    return value


def _place(text: str) -> dict[str, str]:
    parts = zip(("continent", "country", "subdivision", "city"), text.split("/"), strict=True)
    return {part: one for part, one in parts if one}
