"""multipart/form-data as it comes: the manifest first, then files, each taken once and in order.

The law of this file: it is the one door to `multipart`. Nothing of a body is kept that is not handed on; names and
headers are a stranger's, and are bounded before they are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from tera.errors import BadInput, LimitExceeded
from tera.library.seal import MANIFEST, Part

FILES: Final = 100_000
"""Files of one upload."""
NAMES: Final = ("manifest", "manifest.json")


@dataclass(frozen=True, slots=True)
class Form:
    """A manifest, and the parts behind it, which are still to come."""

    manifest: bytes
    parts: Iterator[Part]


def boundary_of(content_type: str | None) -> str:
    """Return the boundary of a form. Raises BadInput for what is no multipart/form-data."""
    kind, options = parse_options_header(content_type or "")
    boundary = str(options.get("boundary", ""))
    if kind != "multipart/form-data" or not 1 <= len(boundary) <= 200:
        raise BadInput("expected multipart/form-data: a part `manifest`, then parts `files`")
    return boundary


def read_form(body: Iterator[bytes], boundary: str) -> Form:
    """Read up to the end of the manifest, which comes first. Raises BadInput, LimitExceeded."""
    events = _events(body, boundary)
    first = next(events, None)
    if not isinstance(first, MultipartSegment) or first.name not in NAMES:
        raise BadInput("the first part is not the manifest: its name is manifest")
    text = bytearray()
    for piece in _content(events):
        text += piece
        if len(text) > MANIFEST:
            raise LimitExceeded(f"a manifest has at most {MANIFEST:,} bytes")
    return Form(bytes(text), _parts(events))


def _parts(events: Iterator[MultipartSegment | bytes | bytearray | None]) -> Iterator[Part]:
    count = 0
    for event in events:
        if not isinstance(event, MultipartSegment):
            continue
        if event.name in NAMES:
            raise BadInput("there are two manifests")
        if event.name != "files" or not event.filename:
            raise BadInput("a part is neither the manifest nor one of files with a file name")
        count += 1
        if count > FILES:
            raise LimitExceeded(f"an upload has at most {FILES:,} files")
        yield Part(event.filename, event.content_type, _content(events))


def _content(events: Iterator[MultipartSegment | bytes | bytearray | None]) -> Iterator[bytes]:
    for event in events:
        if event is None:
            return
        assert not isinstance(event, MultipartSegment)  # a part ends before the next begins
        yield bytes(event)
    raise BadInput("the body ends inside a part")


def _events(body: Iterator[bytes], boundary: str) -> Iterator[MultipartSegment | bytes | bytearray | None]:
    try:
        with PushMultipartParser(
            boundary, max_header_size=4_096, max_header_count=8, max_segment_count=FILES + 1
        ) as parser:
            for batch in body:
                yield from parser.parse(batch)
    except MultipartError as error:
        raise BadInput(f"the body is no multipart/form-data: {error}") from None
