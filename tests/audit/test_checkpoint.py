"""A checkpoint has one text, and is believed when the log's own key has signed it."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.audit import note
from tera.audit.checkpoint import Checkpoint, check_extends, open_checkpoint, parse_text, sign_checkpoint
from tera.audit.notekeys import log_signers
from tera.crypto.signing import SigningKey
from tera.errors import BadCheckpoint, BadLogProof, BadSignature, MissingSignature
from tests.audit.flips import flipped
from tests.audit.keys import KNOWN, ORIGIN, SIGNERS, STRANGERS

ROOT = bytes(range(32))
GOOD = Checkpoint(ORIGIN, 20852163, ROOT)
ROOT64 = base64.b64encode(ROOT).decode()


def test_the_example_of_the_specification_is_read() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    found = parse_text(text)
    assert (found.origin, found.size, found.root.hex()[:8]) == ("example.com/behind-the-sofa", 20852163, "0ac5186a")
    assert found.text == text


def test_what_is_signed_is_opened() -> None:
    data = sign_checkpoint(GOOD, SIGNERS)
    assert data.startswith(f"{ORIGIN}\n20852163\n{ROOT64}\n\n— {ORIGIN} ".encode())
    assert open_checkpoint(data, KNOWN, ORIGIN) == GOOD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"{ORIGIN}\n5\n",
        f"{ORIGIN}\n5\n{ROOT64}",
        f"{ORIGIN}\n5\n{ROOT64}\nextension\n",
        f"{ORIGIN}\n5\n{ROOT64}\n\n",
        f"\n5\n{ROOT64}\n",
        f"a b\n5\n{ROOT64}\n",
        f"a+b\n5\n{ROOT64}\n",
        f"{'a' * 256}\n5\n{ROOT64}\n",
        f"{ORIGIN}\n\n{ROOT64}\n",
        f"{ORIGIN}\n05\n{ROOT64}\n",
        f"{ORIGIN}\n+5\n{ROOT64}\n",
        f"{ORIGIN}\n-5\n{ROOT64}\n",
        f"{ORIGIN}\n5 \n{ROOT64}\n",
        f"{ORIGIN}\n٥\n{ROOT64}\n",
        f"{ORIGIN}\n9223372036854775808\n{ROOT64}\n",
        f"{ORIGIN}\n5\n{ROOT64[:-1]}\n",
        f"{ORIGIN}\n5\n{base64.b64encode(ROOT[:31]).decode()}\n",
        f"{ORIGIN}\n5\n{base64.b64encode(ROOT * 2).decode()}\n",
        f"{ORIGIN}\n5\n{ROOT64[:-2] + '9='}\n",
        f"{ORIGIN}\n5\n {ROOT64}\n",
        f"{ORIGIN}\n5\n{ROOT64.replace('A', '-', 1)}\n",
        f"{ORIGIN}\n5\r\n{ROOT64}\n",
    ],
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(BadCheckpoint):
        parse_text(text)


@given(st.builds(Checkpoint, st.just(ORIGIN), st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32)))
def test_a_checkpoint_comes_back_from_its_text(checkpoint: Checkpoint) -> None:
    assert parse_text(checkpoint.text) == checkpoint


def test_every_flipped_bit_of_a_checkpoint_is_refused() -> None:
    data = sign_checkpoint(GOOD, SIGNERS[:1])
    for wrong in flipped(data):
        with pytest.raises((BadCheckpoint, BadSignature, MissingSignature)):
            open_checkpoint(wrong, KNOWN[:1], ORIGIN)


def test_every_flipped_bit_of_the_text_of_a_checkpoint_is_refused() -> None:
    data = sign_checkpoint(GOOD, SIGNERS)
    for wrong in list(flipped(data))[: 8 * len(GOOD.text)]:
        with pytest.raises((BadCheckpoint, BadSignature, MissingSignature)):
            open_checkpoint(wrong, KNOWN, ORIGIN)


def test_the_checkpoint_of_another_log_is_refused() -> None:
    other = log_signers("other.example/log", SigningKey(bytes(range(64))))
    data = sign_checkpoint(Checkpoint("other.example/log", 5, ROOT), other)
    known = [*KNOWN, *(one.verifier for one in other)]
    assert open_checkpoint(data, known, "other.example/log").size == 5
    with pytest.raises(MissingSignature):
        open_checkpoint(data, known, ORIGIN)


def test_a_checkpoint_of_another_origin_under_the_logs_key_is_refused() -> None:
    data = note.sign(Checkpoint("other.example/log", 5, ROOT).text, SIGNERS)
    with pytest.raises(BadCheckpoint, match="not of"):
        open_checkpoint(data, KNOWN, ORIGIN)


def test_a_witness_alone_is_not_the_log() -> None:
    witness = log_signers("witness.example/w", SigningKey(bytes(64)))
    known = [*KNOWN, *(one.verifier for one in witness)]
    with pytest.raises(MissingSignature):
        open_checkpoint(note.sign(GOOD.text, witness), known, ORIGIN)
    assert open_checkpoint(note.sign(GOOD.text, (*SIGNERS, *witness)), known, ORIGIN) == GOOD


def test_a_stranger_with_the_logs_name_is_refused() -> None:
    with pytest.raises(MissingSignature):
        open_checkpoint(sign_checkpoint(GOOD, STRANGERS), KNOWN, ORIGIN)


@pytest.mark.parametrize(
    "checkpoint",
    [
        Checkpoint("a b", 1, ROOT),
        Checkpoint(f"{ORIGIN}\n1", 1, ROOT),
        Checkpoint("other.example", 1, ROOT),
        Checkpoint(ORIGIN, -1, ROOT),
        Checkpoint(ORIGIN, 2**63, ROOT),
        Checkpoint(ORIGIN, 1, ROOT[:31]),
    ],
)
def test_what_is_no_checkpoint_of_the_key_is_not_signed(checkpoint: Checkpoint) -> None:
    with pytest.raises(BadCheckpoint):
        sign_checkpoint(checkpoint, SIGNERS)


def test_two_checkpoints_of_one_size_with_two_roots_are_a_fork() -> None:
    check_extends(GOOD, GOOD, [])
    with pytest.raises(BadLogProof):
        check_extends(GOOD, Checkpoint(ORIGIN, GOOD.size, bytes(32)), [])
    with pytest.raises(BadLogProof):
        check_extends(GOOD, Checkpoint("other.example", GOOD.size, ROOT), [])
