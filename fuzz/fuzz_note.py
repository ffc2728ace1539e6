"""A note, proof, event or key that is taken is the one text of what was read; a checkpoint, the text that was signed.

The first byte says what the rest is; 5 is the text of a checkpoint, which is then signed, and opened again.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz import oracle
from tera.audit import note
from tera.audit.checkpoint import Checkpoint, open_checkpoint, parse_text, sign_checkpoint
from tera.audit.events import Event, parse_event
from tera.audit.memory import MemoryLog
from tera.audit.notekeys import Ed25519Signer, parse_verifier
from tera.audit.proof import open_proof, parse_proof, prove
from tera.crypto.ed25519 import Ed25519Key

ORIGIN = "authority.example/log"
PLAIN = Ed25519Signer.of(ORIGIN, Ed25519Key(bytes(32)))


def one_input(data: bytes) -> None:
    kind, rest = data[:1], data[1:]
    if kind == b"\0":
        _check_note(rest)
    elif kind == b"\1":
        _check_proof(rest)
    elif kind == b"\2":
        event = oracle.tera(parse_event, rest)
        assert not isinstance(event, oracle.Taken) or event.value.pack() == rest
    elif kind == b"\3":
        text = rest.decode(errors="replace")
        key = oracle.tera(parse_verifier, text)
        assert not isinstance(key, oracle.Taken) or str(key.value) == text
    elif kind == b"\5":
        _check_text(rest.decode(errors="replace"))


def _check_note(data: bytes) -> None:
    found = oracle.tera(note.parse, data)
    if isinstance(found, oracle.Taken):
        assert found.value.dump() == data
    opened = oracle.tera(open_checkpoint, data, [PLAIN.verifier], ORIGIN)
    if isinstance(opened, oracle.Taken):
        assert data.startswith(f"{opened.value.text}\n".encode())


def _check_proof(data: bytes) -> None:
    found = oracle.tera(parse_proof, data)
    if isinstance(found, oracle.Taken):
        assert found.value.dump() == data
    shown = oracle.tera(open_proof, data, [PLAIN.verifier], ORIGIN)
    assert not isinstance(shown, oracle.Taken) or isinstance(found, oracle.Taken)


def _check_text(text: str) -> None:
    signed = oracle.tera(note.sign, text, [PLAIN])
    if isinstance(signed, oracle.Taken):
        read = oracle.tera(parse_text, text)
        opened = oracle.tera(open_checkpoint, signed.value, [PLAIN.verifier], ORIGIN)
        if isinstance(opened, oracle.Taken):
            assert opened.value.text == text
        else:
            assert not isinstance(read, oracle.Taken) or read.value.origin != ORIGIN


def seeds() -> Iterator[tuple[str, bytes]]:
    """Yield the corpus: one input of each kind that is taken, by name."""
    log = MemoryLog()
    for at in range(5):
        log.append(Event(at, "release", viewer="ann@a.example", extra={"at": at}).pack())
    signed = sign_checkpoint(Checkpoint(ORIGIN, 5, log.root()), [PLAIN])
    yield "note", b"\0" + signed
    yield "proof", b"\1" + prove(log, 3, signed).dump()
    yield "event", b"\2" + log.event(3)
    yield "key", b"\3" + str(PLAIN.verifier).encode()
    yield "text", b"\5" + Checkpoint(ORIGIN, 5, log.root()).text.encode()
