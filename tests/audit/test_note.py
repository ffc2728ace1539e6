"""A note that is taken was signed by a known key, and has the text that was signed; Go's notes are such notes."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.audit import note
from tera.audit.notekeys import Ed25519Signer, Verifier, log_signers, parse_verifier
from tera.crypto.ed25519 import Ed25519Key
from tera.crypto.signing import SigningKey
from tera.errors import BadCheckpoint, BadSignature, MissingSignature, TeraError
from tests.audit.flips import flipped
from tests.audit.keys import KNOWN, SIGNERS, STRANGERS

# Go's golang.org/x/mod/sumdb/note, note_test.go.
PETER = parse_verifier("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
ENOCH = parse_verifier("EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop")
PETER_SECRET = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)


def names(opened: note.Note) -> list[str]:
    return [line.name for line in opened.signatures]


# --- Go's ---------------------------------------------------------------------------------------------


def test_gos_key_signs_gos_note() -> None:
    signer = Ed25519Signer.of("PeterNeumann", Ed25519Key(base64.b64decode(PETER_SECRET)[1:]))
    assert signer.verifier == PETER
    assert note.sign(TEXT, [signer]).decode() == f"{TEXT}\n{PETER_LINE}"


def test_signatures_of_known_keys_are_verified_and_others_ignored() -> None:
    data = f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}".encode()
    assert names(note.open_note(data, [PETER])) == ["PeterNeumann"]
    assert names(note.open_note(data, [PETER, ENOCH])) == ["PeterNeumann", "EnochRoot"]
    assert note.open_note(data, [ENOCH]).text == TEXT
    with pytest.raises(MissingSignature):
        note.open_note(data, [])


def test_a_line_that_is_there_twice_is_no_fault() -> None:
    again = ENOCH_LINE[:60] + "ABCD" + ENOCH_LINE[60:]
    data = f"{TEXT}\n{PETER_LINE * 2}{ENOCH_LINE * 2}{again}".encode()
    assert note.open_note(data, [PETER]).text == TEXT
    assert note.parse(data).dump() == data


def test_a_known_key_that_is_listed_twice_is_no_fault() -> None:
    assert names(note.open_note(f"{TEXT}\n{ENOCH_LINE}".encode(), [ENOCH, PETER, ENOCH])) == ["EnochRoot"]


def test_the_signature_of_a_known_key_that_does_not_verify_is_refused() -> None:
    wrong = PETER_LINE[:60] + "ABCD" + PETER_LINE[60:]
    for lines in (wrong, wrong + ENOCH_LINE, ENOCH_LINE + wrong, PETER_LINE + wrong):
        with pytest.raises(BadSignature):
            note.open_note(f"{TEXT}\n{lines}".encode(), [PETER, ENOCH])


def test_over_100_signatures_are_refused() -> None:
    assert note.open_note(f"{TEXT}\n{PETER_LINE * 100}".encode(), [PETER]).text == TEXT
    with pytest.raises(BadCheckpoint):
        note.open_note(f"{TEXT}\n{PETER_LINE * 101}".encode(), [PETER])


@pytest.mark.parametrize("name", ["CarmenSandiego", "PeterNeuman"])
def test_a_signature_under_another_name_is_that_of_another_key(name: str) -> None:
    with pytest.raises(MissingSignature):
        note.open_note(f"{TEXT}\n{PETER_LINE.replace('PeterNeumann', name)}".encode(), [PETER])
    with pytest.raises(MissingSignature):
        note.open_note(f"{TEXT}\n{PETER_LINE.replace('x08g', 'xxxx')}".encode(), [PETER])


NAME = "PeterNeumann"


@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        TEXT + "\n",
        f"{TEXT}\n{PETER_LINE[:-1]}",
        f"\x01{TEXT}\n{PETER_LINE}",
        f"{TEXT}\n{PETER_LINE}Unexpected line.\n",
        f"{TEXT}\n{PETER_LINE.replace(NAME, 'Bad Name')}",
        # and others
        "",
        "\n",
        "\n\n",
        f"\n{PETER_LINE}",
        f"{TEXT}{PETER_LINE}",
        f"{TEXT}\r\n{PETER_LINE}",
        f"{TEXT}\n{PETER_LINE}".replace("\n", "\r\n"),
        f"{TEXT}\n\t{PETER_LINE}",
        f"{TEXT}\n{PETER_LINE.replace('— ', '- ')}",
        f"{TEXT}\n{PETER_LINE.replace('— ', '—')}",
        f"{TEXT}\n{PETER_LINE.replace('— ', '—  ')}",
        f"{TEXT}\n{PETER_LINE.replace(NAME, '')}",
        f"{TEXT}\n{PETER_LINE.replace(NAME, 'a+b')}",
        f"{TEXT}\n{PETER_LINE.replace(NAME, 'a' + chr(0x3000) + 'b')}",
        f"{TEXT}\n{PETER_LINE.replace('M=', 'M')}",
        f"{TEXT}\n{PETER_LINE.replace('M=', 'N=')}",  # other bits after the last byte
        f"{TEXT}\n{PETER_LINE.replace('M=', 'M=' + chr(32))}",
        f"{TEXT}\n{PETER_LINE.replace('/', '_')}",
        f"{TEXT}\n— {NAME} x08gow==\n",  # a key id and nothing
        f"{TEXT}\n— {NAME} \n",
        f"{TEXT}\n— {NAME}\n",
        f"{TEXT}\n{PETER_LINE}\n{PETER_LINE}\n",
        f"{TEXT}\n{PETER_LINE}" + "\0",
    ],
)
def test_what_does_not_have_the_form_is_refused(data: str) -> None:
    with pytest.raises(BadCheckpoint):
        note.open_note(data.encode(), [PETER])


def test_what_is_not_utf8_or_too_long_is_refused() -> None:
    good = f"{TEXT}\n{PETER_LINE}".encode()
    for data in (b"\xff" + good, good.replace(b"If", b"\xed\xa0\x80"), b"a\n" * 500_000 + b"\n" + PETER_LINE.encode()):
        with pytest.raises(BadCheckpoint):
            note.parse(data)


def test_the_text_ends_at_the_last_empty_line() -> None:
    text = f"first\n\n{PETER_LINE}second\n\n"
    data = note.sign(text, SIGNERS)
    assert note.open_note(data, KNOWN).text == text
    assert note.open_note(f"{TEXT}\n{PETER_LINE}".encode(), [PETER]).text == TEXT
    with pytest.raises(MissingSignature):
        note.open_note(f"{TEXT}\n{PETER_LINE}\n{ENOCH_LINE}".encode(), [PETER])


# --- both signatures ----------------------------------------------------------------------------------


def test_every_flipped_bit_of_gos_note_is_refused() -> None:
    for data in flipped(f"{TEXT}\n{PETER_LINE}".encode()):
        with pytest.raises((BadCheckpoint, BadSignature, MissingSignature)):
            note.open_note(data, [PETER])


@pytest.mark.parametrize("which", [0, 1], ids=["ed25519", "composite"])
def test_every_flipped_bit_of_a_note_is_refused(which: int) -> None:
    data = note.sign("t\n", [SIGNERS[which]])
    for at, wrong in enumerate(flipped(data)):
        # Of a composite signature one bit in 13, for time: 13 is no factor of 8, so every place in a byte is tried.
        if which == 0 or at < 8 * 100 or at % 13 == 0:
            with pytest.raises((BadCheckpoint, BadSignature, MissingSignature)):
                note.open_note(wrong, KNOWN)


def test_a_flipped_bit_of_a_note_with_two_signatures_never_gives_another_text() -> None:
    data = note.sign("text\n", SIGNERS)
    taken = 0
    for wrong in list(flipped(data))[: 8 * 200]:
        try:
            assert note.open_note(wrong, KNOWN).text == "text\n"
        except TeraError:
            continue
        taken += 1
    assert taken, "the name of the Ed25519 line can change: then it is another's"


def test_the_ed25519_signature_alone_is_refused_by_who_knows_the_other_key() -> None:
    plain, composite = SIGNERS
    stripped = note.sign("text\n", [plain])
    assert note.open_note(stripped, [plain.verifier]).text == "text\n"
    with pytest.raises(MissingSignature, match="post-quantum"):
        note.open_note(stripped, KNOWN)
    for known in ([composite.verifier], KNOWN):
        assert note.open_note(note.sign("text\n", [composite]), known).text == "text\n"
    both = note.sign("text\n", SIGNERS)
    for known in ([plain.verifier], [composite.verifier], KNOWN):
        assert note.open_note(both, known).text == "text\n"


def test_after_a_change_of_keys_one_post_quantum_signature_is_enough() -> None:
    old, new = SIGNERS, STRANGERS
    known = [*KNOWN, *(one.verifier for one in new)]
    for signers in (old, new, (*old, *new), (old[1],), (old[0], new[1])):
        assert note.open_note(note.sign("text\n", signers), known).text == "text\n"


def test_the_note_of_a_stranger_is_refused() -> None:
    with pytest.raises(MissingSignature):
        note.open_note(note.sign("text\n", STRANGERS), KNOWN)


def test_a_strangers_line_with_the_id_of_a_known_key_is_refused() -> None:
    line = note.Signature(KNOWN[1].name, KNOWN[1].key_id, STRANGERS[1].sign(b"text\n"))
    with pytest.raises(BadSignature):
        note.open_note(note.Note("text\n", (line,)).dump(), KNOWN)


@pytest.mark.parametrize("text", ["", "text", "te\0xt\n", "te\txt\n", "te\rxt\n", "x" * note.MAX_BYTES + "\n"])
def test_a_text_that_is_none_is_not_signed(text: str) -> None:
    with pytest.raises(BadCheckpoint):
        note.sign(text, SIGNERS)


def test_a_note_without_a_signature_is_not_made() -> None:
    with pytest.raises(BadCheckpoint):
        note.sign("text\n", [])


texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"]) | st.just("\n"), max_size=40).map(lambda t: t + "\n")


@given(text=texts)
def test_what_is_signed_is_opened_and_is_the_same_bytes_again(text: str) -> None:
    data = note.sign(text, [SIGNERS[0]])
    assert note.open_note(data, [SIGNERS[0].verifier]).text == text
    assert note.parse(data).dump() == data


@pytest.mark.parametrize("make", [log_signers])
def test_two_names_of_one_key_are_two_keys(make: Callable[[str, SigningKey], tuple[note.Signer, note.Signer]]) -> None:
    key = SigningKey(bytes(64))
    data = note.sign("text\n", make("one", key))
    known: list[Verifier] = [one.verifier for one in make("two", key)]
    with pytest.raises(MissingSignature):
        note.open_note(data, known)
