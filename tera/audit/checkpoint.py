"""Checkpoints of C2SP (c2sp.org/tlog-checkpoint): which log, how many events, and the root over them, signed.

    <origin>
    <size>
    <base64 of the root>

The law of this file: a checkpoint has one text, without extension lines (nobody who watches a log could audit
them), and it is believed when a key whose name is the origin has signed it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tera.audit import note, tree
from tera.audit.notekeys import Verifier, check_name
from tera.errors import BadCheckpoint, BadKey, BadLogProof

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log: its name, its number of events, and the root of its tree."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_text(text: str) -> Checkpoint:
    """Return the checkpoint whose text this is. Raises BadCheckpoint."""
    lines = text.split("\n")
    if len(lines) < 4 or not all(lines[:3]) or lines[-1]:
        raise BadCheckpoint("a checkpoint has three lines: origin, size, root")
    if len(lines) > 4:
        raise BadCheckpoint("a checkpoint of tera has no extension lines, this one has")
    origin, size, encoded = lines[:3]
    try:
        check_name(origin)
    except BadKey:
        raise BadCheckpoint(f"{origin[:80]!r} cannot be the origin of a checkpoint") from None
    if not _SIZE.fullmatch(size) or int(size) > tree.MAX_SIZE:
        raise BadCheckpoint("the size of a checkpoint is no number of events")
    try:
        root = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        root = b""
    found = Checkpoint(origin, int(size), root)
    if len(root) != tree.HASH_LENGTH or found.text != text:
        raise BadCheckpoint("the root of a checkpoint is not 32 bytes in base64")
    return found


def sign_checkpoint(checkpoint: Checkpoint, signers: Sequence[note.Signer]) -> bytes:
    """Return the checkpoint as a signed note. Raises BadCheckpoint for values or keys that are none of a checkpoint."""
    if parse_text(checkpoint.text) != checkpoint or any(one.verifier.name != checkpoint.origin for one in signers):
        raise BadCheckpoint("a checkpoint is signed by keys that are called like its origin")
    return note.sign(checkpoint.text, signers)


def open_checkpoint(data: bytes, known: Iterable[Verifier], origin: str) -> Checkpoint:
    """Return what a signed checkpoint of the log `origin` says. Raises BadCheckpoint, BadSignature, MissingSignature.

    Of the known keys those called `origin` count; a witness's signature says nothing here.
    """
    opened = note.open_note(data, [key for key in known if key.name == origin])
    found = parse_text(opened.text)
    if found.origin != origin:
        raise BadCheckpoint(f"this is a checkpoint of {found.origin!r}, not of {origin!r}")
    return found


def check_extends(older: Checkpoint, newer: Checkpoint, proof: Sequence[bytes]) -> None:
    """Return when `proof` shows that nothing of `older` was changed or removed in `newer`. Raises BadLogProof."""
    if older.origin != newer.origin:
        raise BadLogProof("these are checkpoints of two logs")
    tree.verify_consistency(older.size, newer.size, proof, older.root, newer.root)
