"""Signed notes of C2SP (c2sp.org/signed-note): a text, an empty line, and a line for each signature.

    — <key name> <base64 of key id (4) || signature>

The law of this file: a note has one text, and what `open_note` returns was signed by a key that the caller
knows. Lines of other keys are kept and mean nothing, so that keys can change and witnesses can add theirs.
Who knows a post-quantum key never takes an Ed25519 signature instead of its: else the future's
forger would just leave the strong line out.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from tera.audit.notekeys import Verifier
from tera.errors import BadCheckpoint, BadSignature, MissingSignature

MAX_BYTES: Final = 1_000_000
MAX_SIGNATURES: Final = 100
"""Both are those of Go's package, so that no note is one only here or only there."""

KEY_ID_LENGTH: Final = 4
_DASH: Final = "— "
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NO_NAME: Final = re.compile(r"[\s+]")


class Signer(Protocol):
    """What signs a note's text: a private key under a name."""

    @property
    def verifier(self) -> Verifier: ...

    def sign(self, text: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Signature:
    """One line: whose it says it is, and the signature without the key id."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note by its parts; `text` ends with a line end. Nothing is verified by being here."""

    text: str
    signatures: tuple[Signature, ...]

    def dump(self) -> bytes:
        """Return the note's one text, as UTF-8."""
        lines = [f"{_DASH}{one.name} {base64.b64encode(one.key_id + one.value).decode()}\n" for one in self.signatures]
        return f"{self.text}\n{''.join(lines)}".encode()


def parse(data: bytes) -> Note:
    """Return the parts of a note, with nothing verified. Raises BadCheckpoint."""
    if len(data) > MAX_BYTES:
        raise BadCheckpoint(f"a signed note has at most {MAX_BYTES:,} bytes, this one {len(data):,}")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise BadCheckpoint("a signed note is UTF-8, and this is not") from None
    if _CONTROL.search(whole):
        raise BadCheckpoint("a signed note holds a control character")
    split = whole.rfind("\n\n")
    lines = whole[split + 2 :]
    if split < 0 or not lines.endswith("\n"):
        raise BadCheckpoint("a signed note is a text, an empty line and lines of signatures; this is not")
    each = lines[:-1].split("\n")
    if len(each) > MAX_SIGNATURES:
        raise BadCheckpoint(f"a signed note has at most {MAX_SIGNATURES} signatures, this one {len(each):,}")
    return Note(whole[: split + 1], tuple(_parse_line(line) for line in each))


def sign(text: str, signers: Sequence[Signer]) -> bytes:
    """Return `text` as a note signed by all of `signers`, in their order. Raises BadCheckpoint for what is no text."""
    raw = text.encode()
    lines = tuple(Signature(one.verifier.name, one.verifier.key_id, one.sign(raw)) for one in signers)
    if not text.endswith("\n") or not lines:
        raise BadCheckpoint("a text without an end of line, or without a signature, is no signed note")
    data = Note(text, lines).dump()
    if parse(data).text != text:
        raise BadCheckpoint("this text cannot be that of a signed note")
    return data


def open_note(data: bytes, known: Iterable[Verifier]) -> Note:
    """Return the note, with those of its signatures that known keys made and that verify.

    1. The form is judged (BadCheckpoint).
    2. Each signature whose name and key id are those of a known key is verified; one that does not verify
       refuses the note (BadSignature). Others are ignored.
    3. At least one must be left, and if a post-quantum key is known, one of such a key (MissingSignature).
    """
    note = parse(data)
    keys: dict[tuple[str, bytes], list[Verifier]] = {}
    for key in known:
        keys.setdefault((key.name, key.key_id), []).append(key)
    raw = note.text.encode()
    verified: list[Signature] = []
    by: set[Verifier] = set()
    for line in note.signatures:
        if same := keys.get((line.name, line.key_id)):
            by.add(_verify_line(same, raw, line))
            verified.append(line)
    if not verified:
        raise MissingSignature("the note is not signed by a key that is known here")
    if not any(key.post_quantum for key in by) and any(key.post_quantum for same in keys.values() for key in same):
        raise MissingSignature("the note lacks a post-quantum signature, and a key for one is known")
    return Note(note.text, tuple(verified))


def _verify_line(keys: Sequence[Verifier], text: bytes, line: Signature) -> Verifier:
    """Return the key whose signature this is, of those (nearly always one) that the line may mean."""
    for key in keys:
        try:
            key.verify(text, line.value)
        except BadSignature:
            continue
        return key
    raise BadSignature(f"the signature of {line.name!r} does not fit the note")


def _parse_line(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not name or _NO_NAME.search(name):
        raise BadCheckpoint("a line of a signed note is none of a signature")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) <= KEY_ID_LENGTH or base64.b64encode(raw).decode() != encoded:
        raise BadCheckpoint("a signature of a note is not in base64, or too short")
    return Signature(name, raw[:KEY_ID_LENGTH], raw[KEY_ID_LENGTH:])
