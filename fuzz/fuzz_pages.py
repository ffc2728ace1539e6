"""Whatever happens to a block list's file behind its signed header, a look-up tells the truth or refuses.

The input are edits of a list of 300 ids: of its table and pages, before it is opened or (with a high bit in `what`)
after; or of what a read gives: less, more, or other bytes than were asked for.
"""

from __future__ import annotations

from functools import cache

from fuzz import edits, oracle
from fuzz.samples import SIGNER, SIGNER_NAME
from tera.policy.blockfile import HEADER, Kind, blocked_id, build_blocklist
from tera.policy.blocklist import BlockList

LIST = frozenset(blocked_id(Kind.SIGNER, at.to_bytes(32, "big")) for at in range(300))
ASKED = tuple(sorted(LIST))[::23] + tuple(blocked_id(Kind.BIND, at.to_bytes(32, "big")) for at in range(12))
EDGES = (bytes(32), b"\xff" * 32, min(LIST), max(LIST), *sorted(LIST)[126:130])


@cache
def made() -> bytes:
    """Return the list's file."""
    return build_blocklist(LIST, SIGNER, list_id=bytes(16), version=1, issued=900, expires=1_100)


class File:
    """A file that somebody else changes."""

    def __init__(self) -> None:
        self.data = made()
        self.reads: list[edits.Edit] = []

    def read_at(self, offset: int, length: int) -> bytes:
        """Return what is there, or what somebody makes of it."""
        found = self.data[offset : offset + length]
        for edit in self.reads:
            found = edit.poke(found)
        return found


def one_input(data: bytes) -> None:
    file, found_edits = File(), list(edits.parse(data))
    for edit in found_edits:
        if edit.what < 128:
            _change(file, edit)
    found = oracle.tera(BlockList.open, file.read_at, len(file.data), trusted=[SIGNER_NAME], now=1_000, marks={})
    if not isinstance(found, oracle.Taken):
        return
    for edit in found_edits:
        if edit.what >= 128:
            _change(file, edit)
    for id in (*ASKED, *EDGES):
        answer = oracle.tera(found.value.has, id)
        assert not isinstance(answer, oracle.Taken) or answer.value == (id in LIST), id.hex()
    everything = oracle.tera(lambda: list(found.value.ids()))
    assert not isinstance(everything, oracle.Taken) or everything.value == sorted(LIST)


def _change(file: File, edit: edits.Edit) -> None:
    if edit.stage & 1:
        file.reads.append(edit)
    else:
        file.data = file.data[:HEADER] + edit.poke(file.data[HEADER:])
