"""A proof shows that its event is in the log, to who knows the log's keys alone; and has one text."""

from __future__ import annotations

import base64

import pytest

from tera.audit import tree
from tera.audit.checkpoint import Checkpoint, sign_checkpoint
from tera.audit.memory import MemoryLog
from tera.audit.proof import LogProof, open_proof, parse_proof, prove
from tera.errors import BadCheckpoint, BadEvent, BadLogProof, BadSignature, MissingSignature, NoSuchEvent, NotCanonical
from tests.audit.flips import flipped
from tests.audit.keys import KNOWN, ORIGIN, SIGNERS, STRANGERS
from tests.audit.stores import Store, event
from tests.audit.test_verify import mark

REFUSED = (BadCheckpoint, BadLogProof, BadSignature, MissingSignature)


def filled(size: int) -> MemoryLog:
    log = MemoryLog()
    for at in range(size):
        log.append(event(at).pack())
    return log


def proof_of(log: MemoryLog, index: int) -> bytes:
    return prove(log, index, mark(log)).dump()


def test_every_event_is_proven(store: Store) -> None:
    store.fill(21)
    note = store.sign()
    for index in range(21):
        found = open_proof(prove(store.log, index, note).dump(), KNOWN, ORIGIN)
        assert (found.event, found.index, found.checkpoint.size) == (event(index), index, 21)


def test_an_old_checkpoint_proves_what_was_there(store: Store) -> None:
    store.fill(9)
    note = store.sign()
    store.fill(9)
    assert open_proof(prove(store.log, 8, note).dump(), KNOWN, ORIGIN).checkpoint.size == 9
    with pytest.raises(NoSuchEvent):
        prove(store.log, 9, note)


def test_the_text_is_that_of_c2sp() -> None:
    log = filled(3)
    data = proof_of(log, 2)
    lines = data.decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1] == "extra " + base64.b64encode(event(2).pack()).decode()
    assert lines[2] == "index 2"
    assert lines[3] == base64.b64encode(log.node(1, 0)).decode()
    assert lines[4:7] == ["", ORIGIN, "3"]
    assert parse_proof(data).dump() == data


def test_every_flipped_bit_of_a_proof_is_refused() -> None:
    data = proof_of(filled(5), 3)
    end = data.index(b"\n\n", data.index(b"\n\n") + 2)  # the signatures are the note's own tests'
    for wrong in list(flipped(data))[: 8 * end]:
        with pytest.raises(REFUSED):
            open_proof(wrong, KNOWN, ORIGIN)


def test_a_proof_from_another_log_is_refused() -> None:
    data = proof_of(filled(5), 3)
    with pytest.raises(MissingSignature):
        open_proof(data, [one.verifier for one in STRANGERS], ORIGIN)
    with pytest.raises(MissingSignature):
        open_proof(data, KNOWN, "other.example/log")


def test_another_event_number_or_checkpoint_is_refused() -> None:
    log = filled(5)
    proof = parse_proof(proof_of(log, 3))
    log.append(event(5).pack())
    newer = mark(log)
    for wrong in (
        LogProof(event(2).pack(), 3, proof.hashes, proof.checkpoint),
        LogProof(proof.event, 2, proof.hashes, proof.checkpoint),
        LogProof(proof.event, 4, proof.hashes, proof.checkpoint),
        LogProof(proof.event, 9, proof.hashes, proof.checkpoint),
        LogProof(proof.event, 3, proof.hashes[:-1], proof.checkpoint),
        LogProof(proof.event, 3, (*proof.hashes, bytes(32)), proof.checkpoint),
        LogProof(proof.event, 3, proof.hashes, newer),
    ):
        with pytest.raises(BadLogProof):
            open_proof(wrong.dump(), KNOWN, ORIGIN)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("c2sp.org/tlog-proof@v1\n", ""),
        ("extra ", "extra  "),
        ("extra ", "Extra "),
        ("index 3", "index 03"),
        ("index 3", "index +3"),
        ("index 3", "index 99999999999999999999"),
        ("index 3\n", ""),
        ("index 3\n", "index 3\n\n"),
        ("index 3\n", "index 3\r\n"),
        ("index 3\n", "index 3\nAAAA\n"),
        ("index 3\n", "index 3\n" + "A" * 44 + "\n"),
        ("index 3\n", "index 3\n" + ("A" * 43 + "=\n") * 64),
        ("index 3\n", "index 3\n" + "A" * 42 + "B=\n"),
        ("\n\n", "\n"),
        ("\n\n", "\n\n\n"),
    ],
)
def test_another_text_is_refused(old: str, new: str) -> None:
    data = proof_of(filled(5), 3).decode()
    assert old in data
    with pytest.raises(REFUSED):
        open_proof(data.replace(old, new, 1).encode(), KNOWN, ORIGIN)


def test_a_proof_without_its_event_is_refused() -> None:
    lines = proof_of(filled(5), 3).split(b"\n")
    with pytest.raises(BadLogProof):
        open_proof(b"\n".join([lines[0], *lines[2:]]), KNOWN, ORIGIN)


@pytest.mark.parametrize("data", [b"", b"\xff", b"\n\n", b"c2sp.org/tlog-proof@v1\n\n", bytes(3_000_000)])
def test_what_is_no_proof_is_refused(data: bytes) -> None:
    with pytest.raises(BadLogProof):
        parse_proof(data)


def test_an_event_over_8_kib_is_refused() -> None:
    good = parse_proof(proof_of(filled(5), 3))
    with pytest.raises(BadLogProof):
        parse_proof(LogProof(bytes(8_193), 3, good.hashes, good.checkpoint).dump())


def test_a_proof_of_what_is_no_event_is_refused() -> None:
    for data, error in ((b"text", NotCanonical), (b"\x80", BadEvent)):
        signed = sign_checkpoint(Checkpoint(ORIGIN, 1, tree.leaf_hash(data)), SIGNERS)
        with pytest.raises(error):
            open_proof(LogProof(data, 0, (), signed).dump(), KNOWN, ORIGIN)
