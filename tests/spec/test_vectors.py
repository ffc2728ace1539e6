"""Every vector through the doors of tera: whole, by ranges, without a key, from a pipe, and back to bytes."""

from __future__ import annotations

import hashlib
import io
import random
from pathlib import Path

import pytest

import tera
from spec.vectors.form import SUCCESS, load, names
from tera.errors import TeraError
from tests.spec import doors
from tests.spec.rewritten import rewritten

NAMES = names()
GOOD = [name for name in NAMES if load(name).seek == SUCCESS]
LOOKS_INTO_POLICY = {"policy_form": "bad_policy"}
"""The vectors are for readers that know no `policy.md`; those of tera see what is in POLICY, too."""


def said(name: str, code: str) -> str:
    """Return what a reader of tera says where the vector says `code`."""
    return LOOKS_INTO_POLICY.get(name, code) if code == "unsupported_rule" else code


def test_there_are_vectors_and_most_are_refusals() -> None:
    assert len(NAMES) > 100
    assert 10 < len(GOOD) < len(NAMES) / 2


@pytest.mark.parametrize("name", NAMES)
def test_reading_with_seeking_ends_as_the_vector_says(name: str, tmp_path: Path) -> None:
    vector = load(name)
    assert doors.code(lambda: doors.seek(vector, tmp_path)) == said(name, vector.seek)
    assert doors.code(lambda: doors.strict(vector, tmp_path / "strict")) == said(name, vector.pipe)


@pytest.mark.parametrize("name", NAMES)
def test_stream_ends_as_the_vector_says_and_releases_no_more(name: str, tmp_path: Path) -> None:
    vector = load(name)
    assert doors.code(lambda: doors.streamed(vector, tmp_path)) == said(name, vector.stream)
    may = doors.released(vector)
    assert hashlib.sha256(may).hexdigest() == vector.released
    for content in doors.files(tmp_path).values():
        assert content in may


@pytest.mark.parametrize("name", NAMES)
def test_reading_without_a_key_ends_as_the_vector_says(name: str) -> None:
    vector = load(name)
    assert doors.code(lambda: doors.inspected(vector)) == vector.inspect
    if vector.inspect == SUCCESS:
        assert doors.inspected(vector).digest == tera.digest(io.BytesIO(vector.body)) == vector.container_digest
    # A look at front and trailer alone finds the same, or nothing.
    assert doors.code(lambda: tera.inspect(io.BytesIO(vector.body), signers=doors.signers(vector))) in (
        vector.inspect,
        SUCCESS,
    )


@pytest.mark.parametrize("name", GOOD)
def test_what_is_inside_is_what_the_vector_says(name: str, tmp_path: Path) -> None:
    vector = load(name)
    with doors.opened(vector) as container:
        shown = [
            ("dir" if e.is_dir else "file", e.mode, e.mtime, e.size, e.b3.hex(), e.path) for e in container.entries
        ]
        assert shown == [(e.type, e.mode, e.mtime, e.size, e.b3, e.path) for e in vector.entry]
        assert hashlib.sha256(container.manifest).hexdigest() == vector.manifest
        assert (container.tags, container.private_tags) == (vector.tag, vector.private_tag)
        assert container.digest == vector.container_digest
        assert container.content_digest.hex() == vector.content_digest
    read = doors.contents(vector)
    assert hashlib.sha256(b"".join(read.values())).hexdigest() == vector.released
    doors.streamed(vector, tmp_path)
    assert doors.files(tmp_path) == read


@pytest.mark.parametrize("name", GOOD)
def test_any_range_is_that_of_the_whole(name: str) -> None:
    vector = load(name)
    for path, content in doors.contents(vector).items():
        with doors.opened(vector) as container:
            for start, stop in ranges(len(content)):
                assert container.read_range(path, start, stop) == content[start:stop]
            with container.open(path) as file:
                for start, stop in ranges(len(content)):
                    file.seek(start)
                    assert file.read(stop - start) == content[start:stop]


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(GOOD)))
def test_range_of_what_is_refused_is_refused_alike_or_right(name: str) -> None:
    vector = load(name)
    try:
        container = doors.opened(vector)
    except TeraError as refused:
        assert refused.code == said(name, vector.seek)
        return
    may = doors.released(vector, salvage=True)
    with container:
        for entry in container.entries:
            for start, stop in ranges(entry.size):
                try:
                    assert container.read_range(entry.path, start, stop) in may or entry.is_dir
                except TeraError as refused:
                    # Who follows lengths that are not true to one entry alone may land inside another record.
                    codes = {vector.seek} | ({"bad_record"} if vector.seek == "bad_index" else set())
                    assert refused.code in codes or (refused.code == "bad_input" and entry.is_dir)


@pytest.mark.parametrize("name", GOOD)
def test_what_is_parsed_serialises_to_the_same_bytes(name: str) -> None:
    vector = load(name)
    assert rewritten(vector.body, doors.identities(vector)) == vector.body


@pytest.mark.parametrize("name", GOOD)
def test_sealed_again_has_the_same_content_digest(name: str) -> None:
    vector = load(name)
    read, out = doors.contents(vector), io.BytesIO()
    with tera.Encoder(out, recipients=[tera.KeyEncryptionKey(bytes(32))], workers=1) as encoder:
        for entry in vector.entry:
            if entry.type == "dir":
                encoder.add_directory(entry.path, mode=entry.mode, mtime=entry.mtime)
            else:
                encoder.add_content(entry.path, read[entry.path], mode=entry.mode, mtime=entry.mtime)
        assert encoder.close().content_digest.hex() == vector.content_digest


def ranges(size: int) -> list[tuple[int, int]]:
    """Return ranges around the ends of chunks and frames, and some others, always the same."""
    draw = random.Random(size)
    edges = {0, 1, size - 1, size, size + 1, *(at + d for at in range(0, size, 2**14) for d in (-1, 0, 1))}
    edges = {at for at in edges if at >= 0}
    chosen = sorted(edges if len(edges) < 16 else draw.sample(sorted(edges), 16))
    return [(at, at + length) for at in chosen for length in (0, 1, draw.randrange(size + 1))]
