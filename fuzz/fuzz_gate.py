"""No content leaves a container that its rules, as their owner made them, deny: whatever is done without the keys.

What is done: bytes of the container are changed, sections swapped with those of another, its policy replaced by an
older or a forged one, block lists cut, changed and replaced, the authority's answers changed or given again. Nothing
that is allowed and untouched is refused. The first bytes choose the case (`fuzz.case`), the rest are edits.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

from fuzz import case, edits, oracle, world
from fuzz.edits import Edit
from fuzz.samples import KEK
from fuzz.world import FILES, Draw, ListBytes
from tera.authority.authority import Authority, Caller
from tera.codec.config import Config
from tera.codec.nowhere import Nowhere
from tera.codec.pipe import Streaming
from tera.codec.reader import Container
from tera.errors import MissingBlocklist, RuleDenied
from tera.format import limits
from tera.format.records import EntryHead
from tera.policy.blockfile import Kind
from tera.policy.blocklist import BlockList
from tera.policy.marks import Marks

BYTES, SPLICE, FORGED_POLICY, LISTED, ANSWER = range(5)
"""What an edit changes: its stage, modulo 5."""


class Asked:
    """The authority, and somebody on the way who changes its answers."""

    def __init__(self, authority: Authority, caller: Caller, changes: list[Edit], earlier: bytes) -> None:
        self._authority, self._caller = authority, caller
        self._changes, self._earlier = changes, earlier
        self.changed = False

    def release(self, request: bytes) -> bytes:
        """See `Releaser`."""
        answer = found = self._authority.release(request, self._caller)
        for edit in self._changes:
            found = self._earlier if edit.how & 32 else edit.poke(found)
        self.changed = found != answer
        return found


class NoList(ListBytes):
    """A block list that somebody took away."""

    @contextmanager
    def open(self, now: int, marks: Marks) -> Iterator[BlockList]:
        """See `BlockListSource`."""
        raise MissingBlocklist("it is not there")
        yield


class Released(Nowhere):
    """A folder that remembers what was written to it."""

    def __init__(self, released: dict[str, bytes]) -> None:
        self._released = released

    def write_whole(self, head: EntryHead, data: bytes | memoryview) -> None:
        """See `TargetFolder`."""
        self._released[head.path] = bytes(data)


def one_input(data: bytes) -> None:
    choices = Draw(data)
    stream = choices.pick((False, True))
    drawn = case.draw(choices)
    by_kind: dict[int, list[Edit]] = {}
    for edit in edits.parse(choices.rest):
        by_kind.setdefault(edit.stage % 5, []).append(edit)
    changed = _container(drawn.sealed, by_kind)
    lists = [] if drawn.listed is None else [_list(drawn.listed, by_kind.get(LISTED, []))]
    asked = Asked(*drawn.asked(), by_kind.get(ANSWER, []), _earlier()) if drawn.authority else None
    if stream:
        drawn = replace(drawn, action="extract")
    released: dict[str, bytes] = {}
    found = oracle.tera(_stream if stream else _seek, changed, drawn, drawn.config(lists, asked), released)
    if stream and drawn.blocked == Kind.DIGEST:
        released.clear()  # which is known at the end, after the output: that is what streaming means
    for path, content in released.items():
        assert content == FILES[path], "other content than was sealed"
        assert not drawn.denied(path), f"{path} was released: {drawn}"
    untouched = changed == drawn.sealed.data and not by_kind.keys() & {LISTED, ANSWER}
    if isinstance(found, oracle.Taken):
        assert not drawn.denied(), f"it was opened: {drawn}"
        assert asked is None or not asked.changed, "a changed answer was taken"
    elif untouched and not drawn.denied(macs=() if drawn.authority else None):
        assert stream and isinstance(found, RuleDenied) and any(map(drawn.denied, FILES)), (found, drawn)


def _seek(data: bytes, drawn: case.Case, config: Config, released: dict[str, bytes]) -> None:
    with Container(io.BytesIO(data), [KEK], context=drawn.context, config=config) as container:
        for entry in container.entries:
            read = oracle.tera(container.read, entry.path)
            if isinstance(read, oracle.Taken):
                released[entry.path] = read.value


def _stream(data: bytes, drawn: case.Case, config: Config, released: dict[str, bytes]) -> None:
    gate = drawn.gate(config)
    try:
        reading = Streaming(io.BytesIO(data), [KEK], gate, signers=(), bounds=limits.DEFAULT)
        reading.run(Released(released), wanted=None, progress=None)
    finally:
        gate.close()


# --- what is done -------------------------------------------------------------------------------------


def _container(sealed: world.Sealed, by_kind: dict[int, list[Edit]]) -> bytes:
    parts = world.split(sealed.data)
    dynamic = sealed.policy is not None
    for edit in by_kind.get(SPLICE, []):
        other = world.split(_other(sealed, edit.how).data)
        at = edit.what % len(parts)
        parts[at] = other[at % len(other)]
    for edit in by_kind.get(FORGED_POLICY, []):
        if dynamic:
            parts[2] = _policy(sealed, edit)
    for edit in by_kind.get(BYTES, []):
        at = edit.what % len(parts)
        if edit.how & 64:
            edit.rearrange(parts)
        else:
            parts[at] = edit.poke(parts[at])
        parts = parts or [b""]
    return b"".join(parts)


def _other(sealed: world.Sealed, how: int) -> world.Sealed:
    """Return a container of the same author that lets everybody in."""
    place = "dynamic" if sealed.policy is not None else "static"
    return world.sealed((22,), place, bool(sealed.core.authorities), ("world", "other")[how & 1])


def _policy(sealed: world.Sealed, edit: Edit) -> bytes:
    """Return a POLICY section that lets everybody in; or the one in force, changed."""
    assert sealed.policy is not None
    if edit.what & 1:
        return world.policy_section(replace(sealed.policy, packed=edit.poke(sealed.policy.packed)))
    return sealed.forged[edit.at % len(sealed.forged)]


@cache
def _earlier() -> bytes:
    """Return an answer that released the share of another container."""
    other = replace(case.draw(Draw(b""), authority=True), sealed=world.sealed((22,), "static", True, "other"))
    kept: list[bytes] = []

    class Keeping(Asked):
        def release(self, request: bytes) -> bytes:
            kept.append(super().release(request))
            return kept[-1]

    asked = Keeping(*other.asked(), [], b"")
    _seek(other.sealed.data, other, other.config([], asked), {})
    return kept[0]


def _list(listed: bytes, changes: list[Edit]) -> ListBytes:
    for edit in changes:
        match edit.what % 4:
            case 0:
                listed = edit.poke(listed)
            case 1:
                listed = world.blocklist(None, 1)
            case 2:
                listed = world.blocklist(None, 3, world.STRANGER)
            case _:
                return NoList(b"")
    return ListBytes(listed)
