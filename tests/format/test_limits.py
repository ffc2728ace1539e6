"""The bounds are those of the text, number by number; what a reader takes by default is what it says."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tera.format import limits
from tera.format.limits import DEFAULT, Limits

TEXT = " ".join((Path(__file__).resolve().parents[2] / "spec" / "container.md").read_text("utf-8").split())

# Each bound, and the words of the text that state it.
STATED = {
    "CORE": (65_536, r"\| CORE \| 0x01 \| 0 \| 33 to 65,536 \|"),
    "POLICY": (262_144, r"\| POLICY \| 0x02 \| 0 \| 8 to 262,144 \|"),
    "ACCESS": (4_194_304, r"\| ACCESS \| 0x03 \| 0 \| 37 to 4,194,304 \|"),
    "TRAILER": (65_536, r"\| TRAILER \| 0x20 \| 0 \| 37 to 65,536 \|"),
    "MANIFEST": (16 * 2**20, r"\| MANIFEST \| 1 \| canonical map \| first; 1 byte to 16 MiB \|"),
    "ENTRY": (64 * 2**10, r"\| ENTRY \| 2 \| canonical map \| 1 byte to 64 KiB \|"),
    "INDEX": (2**30, r"INDEX plaintext 256 MiB \(at most 1 GiB\)"),
    "EXTENSIONS": (16 * 2**10, r"extensions that a reader may ignore \| 16 KiB as msgpack"),
    "STANZAS": (1_024, r"with 1 to 1,024 stanzas"),
    "STANZAS_IN_GROUP": (8, r"There are at most 8 in a group"),
    "PASSPHRASE_STANZAS": (4, r"There are at most 4 stanzas of type 16"),
    "KEY_ID": (64, r"`key_id` a bin of 0 to 64 bytes .* `key_id` a bin of 1 to 64 bytes"),
    "SIGNERS": (4, r"fingerprints of signers that MUST have signed \| 4 \|"),
    "SIGNATURES": (8, r"of at most 8 `\[fingerprint, algorithm, public key, signature\]`"),
    "AUTHORITIES": (4, r"authorities whose shares are needed \| 4 \|"),
    "RULES": (256, r"\*\*Rules\*\* are an array of 1 to 256 arrays"),
    "TAGS": (64, r"public tags \| 64, of 1 to 128 bytes"),
    "TAG_BYTES": (128, r"public tags \| 64, of 1 to 128 bytes"),
    "FEATURES": (16, r"`unknown_feature` \| 16, of 1 to 64 bytes"),
    "FEATURE_BYTES": (64, r"`unknown_feature` \| 16, of 1 to 64 bytes"),
    "PATH_BYTES": (1_024, r"\*\*Paths\*\* are valid UTF-8, 1 to 1,024 bytes"),
    "PART_BYTES": (255, r"of at most 64 parts, each of 1 to 255 bytes"),
    "PARTS": (64, r"of at most 64 parts, each of 1 to 255 bytes"),
    "MIME_BYTES": (255, r"`mime` \(optional; str of 1 to 255 bytes"),
    "ARGON2_MIN_KIB": (19_456, r"memory in KiB \(19,456 to 1,048,576\)"),
    "ARGON2_MAX_KIB": (1_048_576, r"memory in KiB \(19,456 to 1,048,576\)"),
    "ARGON2_MAX_COST": (4_194_304, r"`m_kib \* t` at most 4,194,304"),
    "ARGON2_MAX_PASSES": (16, r"`t` the passes and `p` the lanes \(each 1 to 16\)"),
    "ARGON2_MAX_LANES": (16, r"`t` the passes and `p` the lanes \(each 1 to 16\)"),
    "TIME_MAX": (253_402_300_799, r"0 to 253,402,300,799"),
}


def test_every_bound_is_the_one_of_the_text() -> None:
    for name, (value, words) in STATED.items():
        assert getattr(limits, name) == value, name
        assert re.search(words, TEXT), f"the text does not state {name}"


def test_no_bound_stands_here_without_the_text() -> None:
    named = {name for name, value in vars(limits).items() if isinstance(value, int) and name.isupper()}
    assert named == set(STATED)


def test_the_defaults_are_those_of_the_text() -> None:
    assert Limits() == DEFAULT == Limits(index=256 * 2**20, entries=1_000_000, total=2**40, max_output=None)
    assert re.search(r"INDEX plaintext 256 MiB \(at most 1 GiB\); 1,000,000 entries; 1 TiB of file plaintext", TEXT)


def test_limits_do_not_change_under_a_reader() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULT.entries = 1  # type: ignore[misc]
