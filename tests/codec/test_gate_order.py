"""Of two faults the one whose step comes first is reported, whatever the door; and before it nothing has left."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tera.codec.config import BlockListFile
from tera.codec.header import Dynamic
from tera.codec.inspect import digest
from tera.codec.recipients import PrivateKey
from tera.format import digests
from tera.format import sections as s
from tera.policy.blockfile import Kind
from tera.state.reader import MemoryReaderState
from tests.codec.gated import (
    ANN,
    KEYS,
    OWNER,
    POLICY,
    SEEKING,
    Clock,
    Desk,
    Door,
    Listed,
    authorities,
    config,
    refused,
    through_stream,
    unsigned,
    view,
    written,
)
from tests.codec.sealed import KEK, OTHER_KEK, SIGNER, front_of, seal

XWING = PrivateKey(1, b"x" * 32)
LARGE: list[tuple[str, Any]] = [("a.txt", b"first"), ("large", bytes(1_300_000))]
"""Of two blocks: the manifest is in the first, and the second is read when the content is."""

PLACES: dict[str, dict[str, Any]] = {
    "static": {"authorities": [KEYS.public]},
    "sealed": {"sealed_rules": True},
    "dynamic": {"authorities": [KEYS.public], "dynamic": Dynamic([OWNER], 90 * 86_400, POLICY)},
}


@cache
def original(place: str, *rights: str) -> bytes:
    rules = [("opens", 5), ("rights", list(rights))]
    more = {"recipients": [KEK, XWING.public], "signers": [SIGNER], "compress": False, "created": int(Clock()())}
    return seal(LARGE, rules=rules, **more, **PLACES[place])


@cache
def places(data: bytes) -> dict[str, int]:
    """Return where sections and blocks begin: "data 0", "data 1", "index 0", and so on."""
    at, found, segment = len(s.PREAMBLE), dict[str, int](), ""
    names = {s.CORE: "core", s.POLICY: "policy", s.ACCESS: "access", s.TRAILER: "trailer", s.TAIL: "tail"}
    while at < len(data):
        type, flags, length = data[at], data[at + 1], int.from_bytes(data[at + 4 : at + 8], "big")
        if type == s.SEGMENT:
            segment, number = {s.DATA: "data", s.INDEX: "index"}[flags], 0
        elif type == s.BLOCK:
            found[f"{segment} {number}"] = at
            number += 1
        else:
            found[names[type]] = at
        at += 8 + length
    return {**found, "end": at}


Edit = Callable[[bytearray, dict[str, int]], None]


def flip(place: str, offset: int) -> Edit:
    def edit(data: bytearray, where: dict[str, int]) -> None:
        data[where[place] + offset] ^= 1

    return edit


def strip_policy(data: bytearray, where: dict[str, int]) -> None:
    start, stop = where["policy"] + 8, where["access"]
    data[start:stop] = unsigned(bytes(data[start:stop]))


def overlong_access(data: bytearray, where: dict[str, int]) -> None:
    data[where["access"] + 8 : where["access"] + 12] = b"\xff" * 4


def flip_mac(data: bytearray, where: dict[str, int]) -> None:
    data[where["data 0"] - s.SEGMENT_HEAD - 1] ^= 1


def cut(data: bytearray, where: dict[str, int]) -> None:
    del data[where["end"] - 1 :]


@dataclass
class Case:
    place: str = "static"
    rights: tuple[str, ...] = ("extract", "view")
    identities: list[Any] = field(default_factory=lambda: [KEK])
    pinned: list[bytes] = field(default_factory=list)
    blocked: list[Callable[[bytes], tuple[Kind, bytes]]] = field(default_factory=list)
    missing: bool = False
    edits: list[Edit] = field(default_factory=list)


@dataclass(frozen=True)
class Fault:
    """What is wrong: the step at which it is found, its code, and where it is put into a case.

    `places` are where rules may be for it. `late` is the step and the code of a stream, where they differ.
    """

    step: float
    code: str
    put: Callable[[Case], object]
    places: tuple[str, ...] = tuple(PLACES)
    match: str | None = None
    late: tuple[float, str] | None = None


def set_rights(case: Case) -> None:
    case.rights = ("print",)


def set_keys(*identities: Any) -> Callable[[Case], None]:
    def put(case: Case) -> None:
        case.identities = [*(one for one in case.identities if one is XWING), *identities]

    return put


def block_key(case: Case) -> None:
    case.identities = [XWING, *(one for one in case.identities if one is OTHER_KEK)]
    case.blocked.append(lambda data: (Kind.RECIPIENT, XWING.public.fingerprint))


def pin_another(case: Case) -> None:
    case.pinned.append(bytes(32))


def set_missing(case: Case) -> None:
    case.missing = True


def block(kind: Kind, value: Callable[[bytes], bytes]) -> Callable[[Case], None]:
    return lambda case: case.blocked.append(lambda data: (kind, value(data)))


def digest_of(data: bytes) -> bytes:
    return digests.parse(digest(io.BytesIO(data)))


def edit(change: Edit) -> Callable[[Case], None]:
    return lambda case: case.edits.append(change)


RULE = "rule_denied"
FAULTS: dict[str, Fault] = {
    "structure": Fault(1, "bad_access", edit(overlong_access)),
    "policy": Fault(2.1, "policy_unsigned", edit(strip_policy), ("dynamic",)),
    "list": Fault(2.2, "missing_blocklist", set_missing),
    "id": Fault(2.3, "blocked", block(Kind.CONTAINER, lambda data: front_of(data).core.id), match="the container "),
    "rule": Fault(3, RULE, set_rights, ("static", "dynamic")),
    "key": Fault(4.1, "blocked", block_key, match="the recipient"),
    "no key": Fault(4.2, "no_key", set_keys(OTHER_KEK)),
    "mac": Fault(4.3, "access_mac", edit(flip_mac)),
    "end": Fault(5.1, "truncated", edit(cut), late=(9.4, "truncated")),
    "signer": Fault(5.2, "missing_signature", pin_another, late=(9.2, "missing_signature")),
    "digest": Fault(5.3, "blocked", block(Kind.DIGEST, digest_of), match="digest", late=(9.3, "blocked")),
    "index": Fault(6, "bad_root", edit(flip("index 0", 20)), match="the blocks are not", late=(9.1, "bad_chunk")),
    "sealed": Fault(7, RULE, set_rights, ("sealed",)),
    "data": Fault(8, "bad_root", edit(flip("data 1", 20)), match="^block 1 is not", late=(9, "bad_chunk")),
}


def combined(*names: str) -> Case | None:
    """Return a case with these faults, None if no container can have them all."""
    possible = [one for one in PLACES if all(one in FAULTS[name].places for name in names)]
    if not possible:
        return None
    case = Case(place=possible[0])
    for name in names:
        FAULTS[name].put(case)
    return case


PAIRS = [names for names in combinations(FAULTS, 2) if combined(*names)]


def step_of(name: str, place: str, *, streaming: bool) -> tuple[float, str]:
    fault = FAULTS[name]
    if name == "end" and not streaming and place != "sealed":
        return 3.5, fault.code  # the end is looked at before an authority is asked: half a file costs no open
    return fault.late if streaming and fault.late else (fault.step, fault.code)


def check(names: tuple[str, ...], door: Door, folder: Path) -> None:
    case = combined(*names)
    assert case is not None
    streaming = door is through_stream
    first = min(names, key=lambda name: step_of(name, case.place, streaming=streaming))
    step, code = step_of(first, case.place, streaming=streaming)
    data = bytearray(original(case.place, *case.rights))
    blocked = [one(bytes(data)) for one in case.blocked]
    for change in case.edits:
        change(data, places(original(case.place, *case.rights)))
    clock, state = Clock(), MemoryReaderState()
    desk = Desk(clock)
    lists: list[Any] = [Listed(*blocked)] if blocked else []
    if case.missing:
        lists.insert(0, BlockListFile(folder / "missing.terb", [bytes(32)]))
    options = config(clock, authorities=authorities(desk), blocklists=lists, state=state)

    def run() -> None:
        door(bytes(data), folder, case.identities, signers=case.pinned, context=view(), config=options)

    match = None if code == "bad_chunk" else FAULTS[first].match
    refused(code, run, match=match, rule="rights" if code == RULE else None)
    assert step >= 8 or written(folder) == []
    # The key is asked for last in step 4; whoever counts here, counts at the end of step 7.
    assert len(desk.asked) == int(step > 4.2 and case.place != "sealed")
    assert state.opens(front_of_bind(case), ANN).count == int(step > 7 and case.place == "sealed")


def front_of_bind(case: Case) -> bytes:
    return front_of(original(case.place, *case.rights)).bind


@pytest.mark.parametrize("door", SEEKING)
@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_refused_by_its_code(name: str, door: str, tmp_path: Path) -> None:
    check((name,), SEEKING[door], tmp_path)


@pytest.mark.parametrize("names", PAIRS, ids=" and ".join)
def test_the_earlier_of_two_faults_is_reported(names: tuple[str, ...], tmp_path: Path) -> None:
    for door in SEEKING.values():
        check(names, door, tmp_path)


@pytest.mark.parametrize("names", [*((name,) for name in FAULTS), *PAIRS], ids=" and ".join)
def test_a_stream_has_an_order_of_its_own(names: tuple[str, ...], tmp_path: Path) -> None:
    check(names, through_stream, tmp_path)


def test_without_a_fault_it_is_opened(tmp_path: Path) -> None:
    for place in PLACES:
        desk, state = Desk(Clock()), MemoryReaderState()
        options = config(authorities=authorities(desk), state=state, blocklists=[Listed()])
        for door in (*SEEKING.values(), through_stream):
            folder = tmp_path / f"{place}-{door.__name__}"
            door(original(place, "extract", "view"), folder, [KEK], context=view(), config=options)
        assert len(desk.asked) == (0 if place == "sealed" else 4)
