"""Reads DATA's plaintext as records, from pieces of any size.

The law of this file: order and lengths of records are enforced here, for readers with and without an
index. It is a state machine without I/O: `feed` takes plaintext, which must already be authenticated,
and returns what it found; content is passed on as views, uncopied where that is possible.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from typing import Final, NamedTuple, TypeAlias

from tera.errors import BadRecord
from tera.format import records
from tera.format.records import EntryHead, Manifest, parse_entry, parse_manifest


class ManifestFound(NamedTuple):
    """The manifest; `length` is that of its body."""

    manifest: Manifest
    length: int


class EntryFound(NamedTuple):
    """An entry starts; `length` is that of the ENTRY body."""

    head: EntryHead
    length: int


class FrameFound(NamedTuple):
    """A frame starts: `raw` bytes of content in `stored` bytes."""

    raw: int
    stored: int


class Piece(NamedTuple):
    """Content of the current frame, if it is not compressed: a view into what was fed."""

    data: memoryview


class Packed(NamedTuple):
    """All of the current frame's data, if it is compressed to `frame`."""

    frame: bytes | memoryview
    raw: int


class EndFound(NamedTuple):
    """The entry ends."""

    size: int
    b3: bytes


Event: TypeAlias = ManifestFound | EntryFound | FrameFound | Piece | Packed | EndFound
_Run: TypeAlias = Generator[int, memoryview, None]

_END: Final = struct.Struct(">Q32s")


class RecordReader:
    """A push parser. `sealed` says whether the manifest holds rules; `padding` is CORE's.

    After an error it must not be fed again. Views in events are valid until the fed buffer changes.
    """

    def __init__(self, *, sealed: bool, padding: int) -> None:
        self._sealed = sealed
        self._padding = padding
        self._events: list[Event] = []
        self._partial = bytearray()
        self._streaming = False
        self._at_boundary = False  # there is a manifest at least
        self._run = self._records()
        self._need = next(self._run)

    def feed(self, plain: memoryview) -> list[Event]:
        """Take the next plaintext. Raises BadRecord, BadFrame, BadManifest, BadPath or NotCanonical."""
        at, end = 0, len(plain)
        while at < end:
            need, have = self._need, end - at
            if self._partial:
                take = min(need - len(self._partial), have)
                self._partial += plain[at : at + take]
                at += take
                if len(self._partial) < need:
                    break
                piece = memoryview(bytes(self._partial))
                self._partial.clear()
            elif have >= need or self._streaming:
                take = min(need, have)
                piece = plain[at : at + take]
                at += take
            else:
                self._partial += plain[at:]
                break
            self._need = self._run.send(piece)
        events, self._events = self._events, []
        return events

    def finish(self) -> None:
        """Say that the plaintext ends here. Raises BadRecord when it may not."""
        if self._partial or not self._at_boundary:
            raise BadRecord("the records end early")

    def _records(self) -> _Run:
        """The grammar; each `yield` asks for a number of bytes (when streaming, for up to that many)."""
        type, _, length = yield from self._header()
        if type != records.MANIFEST:
            raise BadRecord("the first record is not the manifest")
        body = yield from self._body(length)
        self._events.append(ManifestFound(parse_manifest(body, sealed=self._sealed), length))
        done = records.HEADER + length
        while True:
            # The end of the plaintext is good here only if there is nothing to pad.
            self._at_boundary = done == records.padded(done, self._padding)
            type, _, length = yield from self._header()
            self._at_boundary = False
            if type == records.PAD:
                break
            if type != records.ENTRY:
                raise BadRecord("a record stands where an entry should start")
            body = yield from self._body(length)
            head = parse_entry(body)
            self._events.append(EntryFound(head, length))
            done += records.HEADER + length
            done += yield from self._entry(is_dir=head.type == records.DIRECTORY)
        yield from self._pads(length, list(records.pad_lengths(done, self._padding)))

    def _entry(self, *, is_dir: bool) -> Generator[int, memoryview, int]:
        size, before, done = 0, records.FRAME_RAW, 0
        while True:
            type, flags, length = yield from self._header()
            done += records.HEADER + length
            if type == records.END:
                break
            if type != records.FRAME or is_dir or before != records.FRAME_RAW:
                raise BadRecord("a record stands where an entry should go on or end")
            before = yield from self._frame(flags, length - 4)
            size += before
        stated, digest = _END.unpack((yield records.END_BODY))
        if stated != size:
            raise BadRecord("an entry's end states another size than its frames have")
        if is_dir and digest != records.NO_B3:
            raise BadRecord("a directory has a digest")
        self._events.append(EndFound(size, digest))
        return done

    def _frame(self, flags: int, stored: int) -> Generator[int, memoryview, int]:
        raw = int.from_bytes((yield 4), "big")
        records.check_frame(flags, raw, stored)
        self._events.append(FrameFound(raw, stored))
        if flags:
            packed = yield stored
            self._events.append(Packed(packed, raw))
            return raw
        self._streaming = True
        while stored:
            piece = yield stored
            stored -= len(piece)
            self._events.append(Piece(piece))
        self._streaming = False
        return raw

    def _pads(self, length: int, expected: list[int]) -> _Run:
        for position, want in enumerate(expected):
            if position:
                type, _, length = yield from self._header()
                if type != records.PAD:
                    raise BadRecord("a record follows the padding")
            if length != want:
                raise BadRecord("the padding has a wrong length")
            self._streaming = True
            while length:
                piece = yield length
                length -= len(piece)
                if bytes(piece).strip(b"\0"):
                    raise BadRecord("the padding is not zero")
            self._streaming = False
        if not expected:
            raise BadRecord("there is padding where there should be none")
        self._at_boundary = True
        yield 1
        raise BadRecord("something follows the padding")

    def _header(self) -> Generator[int, memoryview, tuple[int, int, int]]:
        return records.parse_header((yield records.HEADER))

    def _body(self, length: int) -> Generator[int, memoryview, bytes]:
        return bytes((yield length))
