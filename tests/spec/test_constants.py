"""The numbers of container.md are those of the code: what changes in one place only fails here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from spec import reference
from tera.crypto import chunked
from tera.errors import BadAccess, BadSection, TeraError
from tera.format import access, limits, records
from tera.format import sections as s
from tera.format.limits import DEFAULT

FOLDER = Path(reference.__file__).parent
TEXT = (FOLDER / "container.md").read_text("utf-8").partition("\n## Threat model")[0]
OUTSIDE_THE_TEXT = set(
    "bad_key bad_input no_such_entry input_unavailable input_changed output_unavailable "
    "interrupted_rewrap authority_unavailable".split()
)
"""Codes about a caller's input and the outside world; container.md has no word for them."""
LAYERS = ("wire", "crypto", "format", "codec")
BY_POLICY = {"blocked", "rule_denied", "unsupported_rule"}
"""Codes of container.md that `tera.policy` raises."""

NUMBERS = {
    "chunks of 16,384 bytes": chunked.CHUNK,
    "`len div 16,400": chunked.SEALED_CHUNK,
    "* 1,049,608 + 8": s.BLOCK_SIZE,
    "Chunk `c` starts `64 +": s.SEGMENT_HEAD,
    "A block holds 64 chunks": s.CHUNKS,
    "at most 2^32 chunks": chunked.MAX_CHUNKS,
    "with 1 to 1,024 stanzas": limits.STANZAS,
    "There are at most 8 in a group": limits.STANZAS_IN_GROUP,
    "There are at most 4 stanzas of type 16": limits.PASSPHRASE_STANZAS,
    "memory in KiB (19,456 to": limits.ARGON2_MIN_KIB,
    "to 1,048,576), `t`": limits.ARGON2_MAX_KIB,
    "(each 1 to 16)": limits.ARGON2_MAX_LANES,
    "`m_kib * t` at most 4,194,304": limits.ARGON2_MAX_COST,
    "a bin of 0 to 64 bytes": limits.KEY_ID,
    "0 to 253,402,300,799": limits.TIME_MAX,
    "an array of 1 to 256 arrays": limits.RULES,
    "of at most 8 `[fingerprint": limits.SIGNATURES,
    "valid UTF-8, 1 to 1,024 bytes": limits.PATH_BYTES,
    "of at most 64 parts": limits.PARTS,
    "each of 1 to 255 bytes. No part": limits.PART_BYTES,
    "str of 1 to 255 bytes of ASCII": limits.MIME_BYTES,
    "frames of 1 MiB (1,048,576 bytes)": records.FRAME_RAW,
    "body of 0 to 1,048,583": records.FULL_PAD + 7,
    "1,000,000 entries": DEFAULT.entries,
    "multiple of 4,096 with": access.ALIGNMENT,
    "at least 1,280 bytes of slack": access.FREE,
    "INDEX plaintext 256 MiB": DEFAULT.index >> 20,
    "(at most 1 GiB)": limits.INDEX >> 30,
    "1 TiB of file plaintext": DEFAULT.total >> 40,
    "1 byte to 16 MiB": limits.MANIFEST >> 20,
    "1 byte to 64 KiB": limits.ENTRY >> 10,
    "16 KiB as msgpack": limits.EXTENSIONS >> 10,
    "| 64, of 1 to 128 bytes": limits.TAGS,
    "of 1 to 128 bytes |": limits.TAG_BYTES,
    "| 16, of 1 to 64 bytes": limits.FEATURES,
    "of 1 to 64 bytes |": limits.FEATURE_BYTES,
}


@pytest.mark.parametrize("phrase", NUMBERS)
def test_number_of_the_text_is_that_of_the_code(phrase: str) -> None:
    text = re.sub(r"\s+", " ", TEXT)
    assert text.count(phrase) >= 1
    numbers = [int(found.replace(",", "")) for found in re.findall(r"\d[\d,]*", phrase.replace("2^32", str(2**32)))]
    assert NUMBERS[phrase] in numbers


def test_codes_of_the_text_are_those_of_the_code_and_no_other() -> None:
    table = TEXT.partition("\n## Errors\n")[2]
    text = {code for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for code in re.findall(r"`(\w+)`", row)}
    assert len(text) > 30
    code = {error.__name__: error.code for error in leaves(TeraError)}
    assert text <= set(code.values())
    assert set(code.values()) >= OUTSIDE_THE_TEXT
    assert not text & OUTSIDE_THE_TEXT
    # What the layers that read and write containers can raise has a word in one of the texts.
    sources = [path.read_text("utf-8") for layer in LAYERS for path in (FOLDER.parent / "tera" / layer).rglob("*.py")]
    raised = {code[name] for source in sources for name in re.findall(r"\b[A-Z]\w+\b", source) if name in code}
    other_texts = (path.read_text("utf-8") for path in FOLDER.glob("*.md") if path.name != "container.md")
    elsewhere = {found for other in other_texts for found in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", other)}
    assert raised > text - BY_POLICY
    assert raised - text - OUTSIDE_THE_TEXT <= elsewhere


def leaves(error: type[TeraError]) -> set[type[TeraError]]:
    below = error.__subclasses__()
    return set().union(*map(leaves, below)) if below else {error}


def test_sections_have_the_lengths_and_flags_of_the_table() -> None:
    row = re.compile(
        r"^\| (CORE|POLICY|ACCESS|TRAILER|TAIL|SEGMENT) \| 0x\w\w \| (.*?) \| ([\d,]+)(?: to ([\d,]+))? \|$", re.M
    )
    rows = row.findall(TEXT)
    assert len(rows) == 6
    for name, flags, low, high in rows:
        number, least = getattr(s, name), int(low.replace(",", ""))
        most = int((high or low).replace(",", ""))
        kind = 1 if name == "SEGMENT" else 0
        assert flags == ("1 for DATA, 2 for INDEX" if kind else "0")
        for length in (least, most):
            header = s.pack_header(number, length, kind)
            assert s.parse_header(header, number, kind=kind).length == length
        for length in (least - 1, most + 1):
            with pytest.raises(BadSection):
                s.parse_header(s.pack_header(number, length, kind), number, kind=kind)


def test_blocks_have_the_lengths_of_the_table() -> None:
    assert "not LAST: 1,049,600. LAST: 16 to 1,049,599, and `len mod 16,400` in 16 to 16,399" in TEXT
    good = [(1_049_600, 0), *((n, s.LAST) for n in (16, 16_399, 16_416, 1_049_599))]
    for length, flags in good:
        assert s.parse_header(s.pack_header(s.BLOCK, length, flags), s.BLOCK).last == bool(flags)
    for length, flags in ((1_049_599, 0), (1_049_600, 1), (15, 1), (16_400, 1), (16_415, 1), (16, 2), (16, 3)):
        with pytest.raises(BadSection):
            s.parse_header(s.pack_header(s.BLOCK, length, flags), s.BLOCK)


def test_stanzas_have_the_names_and_lengths_of_the_table() -> None:
    table = TEXT.partition("| type | name | `params` | `ct` | length of `ct` |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (\d+) \| `([a-z0-9-]+)` \| .* \| ([\d,]+)(?: \+ (\d+))? \|$", table, re.MULTILINE)
    assert {int(number): name for number, name, _, _ in rows} == access.NAMES
    for number, name, enc, sealed in rows:
        length = int(enc.replace(",", "")) + int(sealed or 0)
        by_type: dict[int, list[Any]] = {16: [19_456, 1, 1, bytes(16)], 17: [b"", bytes(16)]}
        params = by_type.get(int(number), [bytes(32), b"k"] if int(number) >= 32 else [])
        authorities = (bytes(32),) if int(number) >= 32 else ()
        for more, fits in ((0, True), (1, False), (-1, False)):
            stanza = access.Stanza(0, int(number), b"", params, bytes(length + more))
            other = access.Stanza(0, 17, b"", [b"", bytes(16)], bytes(80))
            body = access.pack_access((other, stanza)) + bytes(32)
            if fits:
                assert access.parse_access(body, authorities)[1] == stanza, name
                continue
            with pytest.raises(BadAccess):
                access.parse_access(body, authorities)
