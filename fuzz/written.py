"""Rules as fuzz input: some of the world's, changed by edits, in the order that a canonical form asks for.

The law of this file: any bytes are rules, most of which are one change away from rules that are taken. The first byte
says how many of the world's rules are taken, a byte each says which, the rest are edits.
"""

from __future__ import annotations

from typing import Any

from fuzz import edits
from fuzz.world import RULES


def changed_rules(data: bytes) -> list[Any]:
    """Return pairs of name and value; what an edit made of them may be anything that msgpack has."""
    count = 1 + (data[0] % 4 if data else 0)
    numbers = data[1 : 1 + count] or b"\0"
    found = {RULES[one % len(RULES)][0]: RULES[one % len(RULES)][1] for one in numbers}
    value: Any = [list(pair) for pair in found.items()]
    for edit in edits.parse(data[1 + count :]):
        value = _inside(value, edit, 2 + (edit.what >> 5) % 4)
    return value if isinstance(value, list) else [value]


def _inside(value: Any, edit: edits.Edit, depth: int) -> Any:
    """Change what stands `depth` levels below, or as deep as there is."""
    if depth and isinstance(value, dict) and value:
        key = sorted(value)[edit.at % len(value)]
        return value | {key: _inside(value[key], edit._replace(at=edit.at >> 1), depth - 1)}
    if depth and isinstance(value, list) and value:
        pair = len(value) == 2 and isinstance(value[0], str) and edit.at % 8
        at = 1 if pair else edit.at % len(value)  # names are seldom changed
        inner = _inside(value[at], edit._replace(at=edit.at >> 1), depth - 1)
        return _ordered([*value[:at], inner, *value[at + 1 :]])
    changed = edit.change(value)
    if isinstance(changed, bytes) and isinstance(value, str):
        changed = changed.decode(errors="replace")
    return _ordered(changed)


def _ordered(value: Any) -> Any:
    """Return an array of str, or of pairs and triples that start with one, in its order; else what it was."""
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return sorted(set(value))
    if isinstance(value, list) and all(isinstance(one, list) and one and isinstance(one[0], str) for one in value):
        return sorted(value, key=lambda one: [part for part in one if isinstance(part, str)])
    return value
