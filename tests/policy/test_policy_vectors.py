"""Every vector of policy.md through tera, and through the reader that was written from the text alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spec import reference, reference_policy
from spec.vectors.policy import form
from spec.vectors.policy.form import BLOCKLIST, ENVELOPE, SUCCESS, Vector, load
from spec.vectors.policy.generate import different, make
from tera import errors
from tera.errors import TeraError
from tera.format.core import Core, DynamicRules
from tera.format.rules import rules_value
from tera.policy.blockfile import Kind
from tera.policy.blocklist import BlockList
from tera.policy.envelope import pack_policy, parse_policy, verify_policy
from tera.policy.marks import Mark, MarkKey
from tera.wire import canonical

ENVELOPES = form.names(ENVELOPE)
LISTS = form.names(BLOCKLIST)
TEXT = (Path(__file__).resolve().parents[2] / "spec" / "policy.md").read_text("utf-8")

Lines = dict[tuple[bytes, bytes], tuple[int, bytes]]


def marks(vector: Vector, key: str) -> Lines:
    parts = [line.split(" ") for line in vector.all(key)]
    return {(bytes.fromhex(s), bytes.fromhex(n)): (int(v), bytes.fromhex(h)) for s, n, v, h in parts}


def keyed(lines: Lines, kind: Any) -> dict[MarkKey, Mark]:
    return {MarkKey(kind, *key): Mark(*mark) for key, mark in lines.items()}


def hexes(vector: Vector, key: str) -> list[bytes]:
    return [bytes.fromhex(value) for value in vector.all(key)]


def outcome(call: Callable[[], Any], refusal: type[Any] = TeraError) -> Any:
    """Return what a call returns, or the code with which it refuses."""
    try:
        return call()
    except refusal as error:
        return error.code


def read_at(body: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: body[offset : offset + length]


def looks(vector: Vector) -> Iterator[tuple[Kind, bytes, str]]:
    for line in vector.all("look"):
        kind, value, wanted = line.split(" ")
        yield Kind(int(kind)), bytes.fromhex(value), wanted


# --- the vectors themselves ---------------------------------------------------------------------------


def test_there_are_vectors_and_most_are_refusals() -> None:
    for found in (ENVELOPES, LISTS):
        good = [name for name in found if load(name).result == SUCCESS]
        assert len(found) > 40
        assert 10 < len(good) < len(found) * 0.6


def test_the_generator_makes_these_vectors() -> None:
    assert different(make()) == []


def test_every_code_of_the_text_has_a_vector() -> None:
    table = TEXT.split("\n## Errors of dynamic policies and block lists\n")[1].split("\n## ")[0]
    stated = {code: family.strip() for code, family in re.findall(r"\| `([a-z_]+)` \|([a-z ]+)\|", table)}
    assert len(stated) >= 15
    by_code = {k.code: k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, TeraError)}
    for code, family in stated.items():
        assert issubclass(by_code[code], by_code[family]), code
    shown = {load(name).result for name in (*ENVELOPES, *LISTS)}
    # These two are the caller's: a file that is not there, and a container that a list names.
    assert stated.keys() - shown == {"missing_blocklist", "blocked"}
    assert shown - stated.keys() == {SUCCESS, "not_canonical", "limit_exceeded"}


# --- envelopes ----------------------------------------------------------------------------------------


def envelope_by_tera(vector: Vector) -> Any:
    """Return rules and new marks, or the code."""
    (pid, id) = hexes(vector, "pid") + hexes(vector, "id")
    rules = DynamicRules(pid, tuple(hexes(vector, "auth")), int(vector.one("min")))
    core = Core(id, 1, rules)
    assert Core.pack(core), "it is a CORE that can be"
    seen = keyed(marks(vector, "mark"), "policy")
    found = verify_policy(parse_policy(vector.body), core, int(vector.one("now")), seen)
    return found.envelope.rules, found.marks


@pytest.mark.parametrize("name", ENVELOPES)
def test_an_envelope_ends_as_the_vector_says(name: str) -> None:
    vector = load(name)
    found = outcome(lambda: envelope_by_tera(vector))
    if vector.result != SUCCESS:
        assert found == vector.result
        return
    rules, new = found
    assert canonical.pack(None if rules is None else rules_value(rules)).hex() == vector.one("rules")
    assert new == keyed(marks(vector, "new-mark"), "policy")
    signed = parse_policy(vector.body)
    assert pack_policy(signed, len(vector.body)) == vector.body
    assert signed.envelope.pack() == signed.packed


@pytest.mark.parametrize("name", ENVELOPES)
def test_the_reference_reads_an_envelope_as_the_vector_says(name: str) -> None:
    vector = load(name)
    (pid, id), seen = hexes(vector, "pid") + hexes(vector, "id"), marks(vector, "mark")
    reader = reference_policy.Reader(
        id, pid, hexes(vector, "auth"), int(vector.one("min")), int(vector.one("now")), seen
    )
    found = outcome(lambda: reference_policy.read_envelope(vector.body, reader), reference.Refused)
    if vector.result != SUCCESS:
        assert found == vector.result
        return
    rules, written = found
    assert canonical.pack(rules).hex() == vector.one("rules")
    assert {key: mark for key, mark in written.items() if seen.get(key) != mark} == marks(vector, "new-mark")


# --- block lists --------------------------------------------------------------------------------------


def list_by_tera(vector: Vector) -> BlockList:
    return BlockList.open(
        read_at(vector.body),
        len(vector.body),
        trusted=hexes(vector, "trusted"),
        now=int(vector.one("now")),
        marks=keyed(marks(vector, "mark"), "blocklist"),
        stale="allow" if vector.one("stale") == "allow" else "refuse",
    )


def list_by_reference(vector: Vector) -> reference_policy.List:
    allow, seen = vector.one("stale") == "allow", marks(vector, "mark")
    now = int(vector.one("now"))
    return reference_policy.read_blocklist(vector.body, hexes(vector, "trusted"), now, seen, stale=allow)


@pytest.mark.parametrize("name", LISTS)
def test_a_block_list_ends_as_the_vector_says(name: str) -> None:
    vector = load(name)
    found = outcome(lambda: list_by_tera(vector))
    if vector.result != SUCCESS:
        assert found == vector.result
        return
    assert found.marks == keyed(marks(vector, "new-mark"), "blocklist")
    assert found.stale == (int(vector.one("now")) >= found.head.expires)
    for kind, value, wanted in looks(vector):
        answer = outcome(lambda: found.contains(kind, value))  # noqa: B023
        assert answer == {"on": True, "off": False}.get(wanted, wanted)
        refusal = outcome(lambda: found.check([(kind, value)]))  # noqa: B023
        assert refusal == {"on": "blocked", "off": None}.get(wanted, wanted)


@pytest.mark.parametrize("name", LISTS)
def test_the_reference_reads_a_block_list_as_the_vector_says(name: str) -> None:
    vector = load(name)
    found = outcome(lambda: list_by_reference(vector), reference.Refused)
    if vector.result != SUCCESS:
        assert found == vector.result
        return
    new, seen = marks(vector, "new-mark"), marks(vector, "mark")
    assert {key: mark for key, mark in found.mark.items() if seen.get(key) != mark} == new
    for kind, value, wanted in looks(vector):
        answer = outcome(lambda: found.has(int(kind), value), reference.Refused)  # noqa: B023
        assert answer == {"on": True, "off": False}.get(wanted, wanted)


def test_enough_is_looked_up() -> None:
    every = [wanted for name in LISTS for _, _, wanted in looks(load(name))]
    for wanted, least in {"on": 20, "off": 30, "blocklist_digest": 1, "bad_blocklist": 5}.items():
        assert every.count(wanted) >= least
