"""Proofs of C2SP (c2sp.org/tlog-proof): one event, its place in a log, and the signed checkpoint that fixes it.

    c2sp.org/tlog-proof@v1
    extra <base64 of the event, with its salt before it if the log has salts>
    index <number>
    <base64 of a hash>, for each hash of the proof of inclusion, lowest first
    <empty line>
    <the checkpoint>

The law of this file: such a file is all that somebody needs who knows the log's keys. The event is in it, as the
"extra data", which is authentic here because it is what is hashed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tera.audit import note, tree
from tera.audit.checkpoint import Checkpoint, open_checkpoint, parse_text
from tera.audit.events import MAX_BYTES, Event, longest, parse_leaf
from tera.audit.log import Log
from tera.audit.notekeys import Verifier
from tera.errors import BadLogProof

_HEAD: Final = "c2sp.org/tlog-proof@v1\n"
_FORM: Final = re.compile(r"extra ([A-Za-z0-9+/=]+)\nindex (0|[1-9][0-9]{0,18})\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n")


@dataclass(frozen=True, slots=True)
class LogProof:
    """The parts of a proof; `event` is what is hashed, and `checkpoint` the signed note. Nothing is verified here."""

    event: bytes
    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes

    def dump(self) -> bytes:
        """Return the proof's one text."""
        lines = "".join(f"{_encode(one)}\n" for one in self.hashes)
        return f"{_HEAD}extra {_encode(self.event)}\nindex {self.index}\n{lines}\n".encode() + self.checkpoint


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof shows: this event has this number in the log of this checkpoint."""

    event: Event
    index: int
    checkpoint: Checkpoint


def prove(log: Log, index: int, checkpoint: bytes) -> LogProof:
    """Return the proof that event `index` is in the log below a signed checkpoint of it. Raises NoSuchEvent."""
    size = parse_text(note.parse(checkpoint).text).size
    return LogProof(log.leaf(index), index, tuple(log.inclusion(index, size)), checkpoint)


def parse_proof(data: bytes) -> LogProof:
    """Return the parts of a proof, with nothing verified. Raises BadLogProof."""
    head, gap, rest = data[: 3 * MAX_BYTES + note.MAX_BYTES].partition(b"\n\n")
    try:
        text = (head + gap).decode("ascii")
    except UnicodeDecodeError:
        text = ""
    found = _FORM.fullmatch(text.removeprefix(_HEAD))
    if not text.startswith(_HEAD) or found is None:
        raise BadLogProof("this is no proof of an event: a first line, extra, index, hashes and a checkpoint")
    try:
        event = base64.b64decode(found[1], validate=True)
        hashes = tuple(base64.b64decode(line, validate=True) for line in found[3].split())
    except binascii.Error:
        raise BadLogProof("a line of the proof is not in base64") from None
    proof = LogProof(event, int(found[2]), hashes, rest)
    if len(event) > longest(event) or proof.dump() != data:
        raise BadLogProof("the proof is too long, or not in its one form")
    return proof


def open_proof(data: bytes, known: Iterable[Verifier], origin: str) -> Proven:
    """Return what a proof shows of the log `origin`.

    1. Its form (BadLogProof). 2. The checkpoint and its signatures (BadCheckpoint, BadSignature, MissingSignature).
    3. The hashes lead from the event to the checkpoint's root (BadLogProof). 4. The event (NotCanonical, BadEvent).
    """
    proof = parse_proof(data)
    checkpoint = open_checkpoint(proof.checkpoint, known, origin)
    tree.verify_inclusion(tree.leaf_hash(proof.event), proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    return Proven(parse_leaf(proof.event), proof.index, checkpoint)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
