"""Rules that are taken stand in one form that the naive restatement decides alike; a manifest gives such rules or none.

The first byte says what follows: 0, rules in msgpack; else a manifest, with an owner if it is 2.
"""

from __future__ import annotations

from random import Random

from fuzz import oracle
from tera.errors import BadInput, InputUnavailable, UnsupportedRule
from tera.format import rules as shape
from tera.policy.evaluate import decide
from tera.policy.manifest import read_manifest
from tera.policy.vocabulary import Rules, parse_rules
from tera.wire import canonical
from tests.policy import drawn, naive

CONTEXTS = 4
MAX = 1 << 16


def one_input(data: bytes) -> None:
    if data[:1] == b"\0":
        _packed(data[1:])
    else:
        _manifest(data[1:], "me@example.org" if data[:1] == b"\2" else None)


def _packed(data: bytes) -> None:
    found = oracle.tera(_parse, data)
    if isinstance(found, oracle.Taken):
        assert canonical.pack(shape.rules_value(found.value.source)) == data
        _decided(found.value, len(data))


def _parse(data: bytes) -> Rules:
    return parse_rules(shape.parse_rules(canonical.unpack(data, what="rules", max_len=MAX), BadInput))


def _manifest(text: bytes, owner: str | None) -> None:
    found = oracle.tera(read_manifest, text, owner=owner)
    if not isinstance(found, oracle.Taken):
        # Rules that were written and cannot be read would come out as UnsupportedRule.
        assert type(found) in (BadInput, InputUnavailable) and type(found) is not UnsupportedRule, found
        return
    written = found.value
    if written.rules is not None:
        packed = canonical.pack(written.rules)
        _decided(_parse(packed) if len(packed) <= MAX else parse_rules(()), len(packed))
    if written.password is None:
        assert written.text == text
    again = read_manifest(written.text, owner=owner)
    assert (again.rules, again.dynamic, again.password) == (written.rules, written.dynamic, None)


def _decided(rules: Rules, seed: int) -> None:
    chance, plain = Random(seed), shape.rules_value(rules.source)
    for _ in range(CONTEXTS):
        caller, now = drawn.caller_at_random(chance), chance.randint(drawn.NOW - 3, drawn.NOW + 3)
        assert decide(rules, drawn.context(caller), now).denied_by == naive.denied_by(plain, caller, now), caller
