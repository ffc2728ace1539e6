"""No MUST of container.md is without a vector, unless it is about something that no file shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spec import reference
from spec.vectors import form

TEXT = Path(reference.__file__).with_name("container.md").read_text("utf-8").partition("\n## Threat model")[0]
README = Path(reference.__file__).with_name("README.md").read_text("utf-8")

MUSTS = {
    "a reader MUST refuse, anything that this document": ("core_unknown_key", "access_slack", "record_type_6"),
    "There MUST be nothing after TAIL": ("trailing_byte", "trailing_tail", "trailing_container"),
    "a reader MUST compare": ("core_at_maximum", "truncated_block", "truncated_tail"),
    "length and type MUST be used": ("msgpack_uint8_small", "msgpack_map16_short", "msgpack_str8_short"),
    "fingerprints of signers that MUST have signed": ("signature_missing", "signature_one_of_two", "signed"),
    "is not empty, `m` MUST be": ("core_release_without_rules", "core_release_sealed", "release_whole"),
    "does not know a rule MUST refuse": ("rules_static", "rules_sealed"),
    "has obtained an FK MUST compute KC": ("keys_commitment", "group_wrong_share"),
    "MUST check this form": ("policy_form", "policy_slack"),
    "MUST compare `com` in constant time": ("open_kek_com", "open_passphrase_com"),
    "every group MUST hold exactly one authority stanza": ("release_other_group", "release_twice", "release_alone"),
    "it is empty, there MUST be no authority stanza": ("release_not_asked_for",),
    "MUST parse the whole section": ("access_mac", "stanza_ct_short_17", "group_passphrase_last"),
    "MUST refuse with `segment_commitment`": ("data_commitment", "index_commitment"),
    "MUST NOT release a byte of a chunk": ("chunk_first", "chunk_second_block", "chunk_empty_last"),
    "MUST check the declared sizes": ("zstd_size_bomb", "zstd_size_more"),
    "a whole file MUST refuse with `bad_digest`": ("end_digest", "end_empty_digest"),
    "MUST check that the columns fill": ("index_byte_more", "index_m_less", "index_mode_01000", "index_path_joined"),
    "it MUST compare the ENTRY": ("index_other_mode", "end_digest_in_index", "index_hidden_entry"),
    "Both halves of a signature MUST verify": ("signature_mldsa", "signature_ed25519", "signature_unlisted"),
    "`len` MUST be the payload's length": ("layout_len", "layout_len_0"),
    "Its header MUST lie inside the payload": ("layout_chunks_data_65", "block_data_flags", "layout_chunks_fewer"),
    "What is left of the payload MUST be": ("layout_chunks_index_2", "segment_third"),
    "a block's header MUST be possible": ("block_not_full", "block_last_too_early"),
    "MUST compare the block's leaf": ("leaf_and_root_changed", "chunk_second_block_changed"),
    "MUST refuse with `limit_exceeded`": ("index_n_limit", "index_size_limit"),
    "MUST check them before it allocates": ("index_n_huge", "index_size_huge"),
}
NO_FILE_SHOWS = {
    "The key words MUST, MUST NOT": "names the words",
    "A writer MUST NOT produce": "about a writer: the round trips of the tests",
    "It MUST NOT be stored or sent in clear": "about content_digest outside a container",
    "a writer MUST make a copy of the old section durable": "about rewrapping in place",
    "MUST NOT write outside the folder": "about the target of an extraction",
    "MUST NOT follow a link below it": "about the target of an extraction",
    "MUST NOT let two entries land in one file": "about the target of an extraction",
}


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_every_must_has_a_vector_or_a_reason() -> None:
    text, known = flat(TEXT), {*MUSTS, *NO_FILE_SHOWS}
    for phrase in known:
        assert text.count(phrase) == 1, phrase
        text = text.replace(phrase, phrase.replace("MUST", "must"))
    left = [text[max(0, found.start() - 60) : found.end() + 60] for found in re.finditer("MUST", text)]
    assert left == []


@pytest.mark.parametrize("phrase", MUSTS)
def test_vectors_that_show_a_must_are_there_and_one_is_a_refusal(phrase: str) -> None:
    found = [form.load(name) for name in MUSTS[phrase]]
    assert any({one.seek, one.stream, one.inspect} != {form.SUCCESS} for one in found)


def test_header_that_the_readme_shows_is_that_of_a_vector() -> None:
    shown = README.partition("```\nvector: ")[2].partition("\n\n…\n```")[0]
    path = form.FOLDER / f"chunk_empty_last{form.SUFFIX}"
    assert path.read_bytes().partition(b"\n\n")[0].decode() == "vector: " + shown


def test_keys_that_the_readme_lists_are_those_of_the_vectors_in_their_order() -> None:
    table = README.partition("| key | times |")[2].partition("\n\n")[0]
    listed = [
        key for row in re.findall(r"^\| (`.*?) \| ", table, re.MULTILINE) for key in re.findall(r"`([a-z0-9-]+)`", row)
    ]
    for name in form.names():
        head = (form.FOLDER / f"{name}{form.SUFFIX}").read_bytes().partition(b"\n\n")[0].decode()
        keys = list(dict.fromkeys(line.partition(": ")[0] for line in head.split("\n")))
        assert keys == [key for key in listed if key in keys], name


@pytest.mark.parametrize(
    "old_new",
    [
        (b"vector: tera-vector/1", b"vector: tera-vector/2"),
        (b"vector: tera-vector/1\n", b""),
        (b"section: ", b"chapter: "),
        (b"comment: ", b"comment:"),
        (b"seek: ", b"seek: success\nseek: "),
        (b"body: zlib", b"body: lzma"),
        (b"size: 1", b"size: 2"),
        (b"sha256: 1", b"sha256: 2"),
    ],
)
def test_vector_that_the_readme_does_not_describe_is_refused(old_new: tuple[bytes, bytes]) -> None:
    data = (form.FOLDER / f"chunk_empty_last{form.SUFFIX}").read_bytes()
    assert form.parse(form.parse(data).dump()) == form.parse(data)
    assert old_new[0] in data
    with pytest.raises((ValueError, KeyError, TypeError)):
        form.parse(data.replace(*old_new, 1))
