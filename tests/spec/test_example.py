"""The worked example and the tables of container.md are what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spec import reference
from spec.vectors import example
from spec.vectors.form import load, names
from tera import errors
from tera.crypto.kem import KEMS
from tera.format import sections as s

TEXT = Path(reference.__file__).with_name("container.md").read_text("utf-8")
ELSEWHERE = {"blocked", "output_exists", "rule_denied", "unsafe_target"}
"""Codes that need more than a file: a block list, a rule that is known, a folder."""


def leaves(error: type[errors.TeraError]) -> set[type[errors.TeraError]]:
    below = error.__subclasses__()
    return set().union(*map(leaves, below)) if below else {error}


def codes_of_the_text() -> dict[str, str]:
    """Return family by code, from the table of errors."""
    table = TEXT.partition("\n## Errors\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \| (\w+) \|", table, re.MULTILINE)
    assert len(rows) > 8
    return {code: family for cell, family in rows for code in re.findall(r"`(\w+)`", cell)}


def test_the_example_is_the_one_that_the_text_gives() -> None:
    assert example.split(TEXT)[1] == example.page()


def test_the_reference_opens_the_file_of_the_example() -> None:
    block = example.split(TEXT)[1].rpartition("```\n ")[2].partition("```")[0]
    data = bytes.fromhex("".join(block.split()))
    found = reference.read_seekable(data, [(17, (b"kek", example.KEK))])
    assert [(entry.path, bytes(entry.content)) for entry in found.entries] == [("hello.txt", example.CONTENT)]


def test_every_code_of_the_text_is_an_error_of_that_family() -> None:
    known = {error.code: error for error in leaves(errors.TeraError)}
    for code, family in codes_of_the_text().items():
        assert issubclass(known[code], getattr(errors, family.capitalize())), code


def test_every_code_that_a_file_can_cause_has_a_vector() -> None:
    seen = {code for name in names() for code in vars(load(name)).values() if isinstance(code, str)}
    assert codes_of_the_text().keys() - seen == ELSEWHERE


def test_every_vector_names_a_heading_of_the_text() -> None:
    headings = set(re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE))
    assert not {load(name).section for name in names()} - headings


@pytest.mark.parametrize("kem", KEMS.values(), ids=lambda kem: kem.name)
def test_stanzas_have_the_lengths_of_the_table(kem: object) -> None:
    row = re.search(rf"^\| {kem.type} \| `{kem.name}` \|.*\| ([\d,]+) \+ 48 \|$", TEXT, re.MULTILINE)  # type: ignore[attr-defined]
    assert row is not None
    assert int(row[1].replace(",", "")) + 48 == kem.ct_length  # type: ignore[attr-defined]


def test_sections_have_the_numbers_of_the_table() -> None:
    rows = dict(re.findall(r"^\| (CORE|POLICY|ACCESS|SEGMENT|BLOCK|TRAILER|TAIL) \| 0x(\w\w) \|", TEXT, re.MULTILINE))
    assert len(rows) == 7
    for name, number in rows.items():
        assert getattr(s, name) == int(number, 16)
