"""Every vector through the reader that was written from the text alone."""

from __future__ import annotations

import hashlib

import pytest

from spec import reference
from spec.vectors.form import SUCCESS, Vector, load, names
from tests.spec import doors

NAMES = names()


def disagreement(vector: Vector) -> str | None:
    """Return in what the reference differs from the vector."""
    arguments = doors.reference_keys(vector)
    found = {
        "seek": doors.code(lambda: reference.read_seekable(vector.body, **arguments)),
        "pipe": doors.code(lambda: reference.read_pipe(vector.body, **arguments)),
        "stream": doors.code(lambda: reference.read_stream(vector.body, **arguments)),
        "inspect": doors.code(lambda: reference.inspect(vector.body, pinned=arguments["pinned"])),
    }
    for door, code in found.items():
        if code != getattr(vector, door):
            return f"{door}: {code}"
    return None


@pytest.mark.parametrize("name", NAMES)
def test_reference_ends_as_the_vector_says(name: str) -> None:
    vector = load(name)
    assert disagreement(vector) is None


@pytest.mark.parametrize("name", [name for name in NAMES if load(name).seek == SUCCESS])
def test_reference_reads_what_the_vector_says(name: str) -> None:
    vector = load(name)
    arguments = doors.reference_keys(vector)
    for read in (reference.read_seekable, reference.read_pipe, reference.read_stream):
        found = doors.plain(read(vector.body, **arguments))
        assert found.entries == [(e.type, e.mode, e.mtime, e.size, e.b3, e.path) for e in vector.entry]
        assert hashlib.sha256(found.content).hexdigest() == vector.released
        assert (found.manifest, found.tags, found.private_tags) == (vector.manifest, vector.tag, vector.private_tag)
        assert found.container_digest == vector.container_digest
        assert found.content_digest == vector.content_digest
    assert reference.inspect(vector.body)["container_digest"] == vector.container_digest
