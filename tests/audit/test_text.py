"""What spec/audit.md says of codes, limits and labels is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import tera.errors
from tera.audit import checkpoint, events, note, notekeys, tree
from tera.errors import TeraError

TEXT = (Path(__file__).resolve().parents[2] / "spec" / "audit.md").read_text("utf-8")
PARTS = TEXT.split("\n## Errors\n")


def codes() -> dict[str, type[TeraError]]:
    kinds = [kind for kind in vars(tera.errors).values() if isinstance(kind, type) and issubclass(kind, TeraError)]
    return {kind.code: kind for kind in kinds}


def test_the_codes_and_families_are_those_of_the_tree() -> None:
    rows = [line.strip("|").split("|") for line in PARTS[1].split("\n## ")[0].splitlines() if line.startswith("| `")]
    assert len(rows) >= 10
    for name, family, _ in rows:
        kind = codes()[name.strip(" `")]
        assert kind.__bases__[0].__name__.lower() == family.strip(), name


def test_every_code_that_is_refused_with_is_in_the_table() -> None:
    used = set(re.findall(r"`((?:bad|not|no|missing|log)_[a-z_]+)`", PARTS[0]))
    assert len(used) >= 7
    assert used <= set(re.findall(r"^\| `([a-z_]+)`", PARTS[1], re.MULTILINE))


def test_the_limits_are_those_of_the_text() -> None:
    for number in (events.MAX_BYTES, events.MAX_EXTRA, events.MAX_TIME, events.MAX_VIEWER, note.MAX_BYTES):
        assert f"{number:,}" in PARTS[0]
    for number in (events.MAX_SUBJECT, note.MAX_SIGNATURES, notekeys.MAX_NAME):
        assert re.search(rf"\b{number}\b", PARTS[0])
    assert tree.MAX_SIZE == 2**63 - 1
    assert "2^63 - 1" in PARTS[0]
    assert checkpoint.Checkpoint("o", 0, tree.EMPTY_ROOT).text.startswith("o\n0\n")


def test_the_labels_are_those_of_the_text() -> None:
    for label in (
        notekeys.LABEL,
        notekeys.CONTEXT,
        notekeys.COMPOSITE[1:],
        b"tera/v1 log-key",
        b"tera/v1 note ed25519\0",
    ):
        assert f'"{label.decode()}"'.replace("\0", "\\0") in PARTS[0]


def test_the_keys_of_an_event_are_those_of_the_text() -> None:
    table = PARTS[0].split("\n## Events\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| `")]
    optional = {row[0].strip(" `") for row in rows if row[3].strip() == "optional"}
    assert {row[0].strip(" `") for row in rows} - optional == {"kind", "t", "v"}
    assert optional == set(events.Event(0, "a")._optional())
