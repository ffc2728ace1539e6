"""Containers that no honest writer makes, sealed with a right key: what another recipient could send.

The law of this file: keys, tags, leaves, roots and MACs always fit; only the records and the index may lie.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tera.codec.grouping import lock
from tera.codec.segment import SegmentWriter
from tera.crypto.hashes import b3
from tera.format import front, records, trailer
from tera.format import sections as s
from tera.format.core import NO_PADDING, Core
from tera.format.index import IndexBuilder
from tera.format.records import DIRECTORY, FILE, EntryHead, Manifest
from tera.format.schedule import KeySchedule, core_hash
from tests.codec.sealed import KEK

CORE = Core(id=bytes(16), created=0, padding=NO_PADDING)
EMPTY = Manifest()


@dataclass(frozen=True)
class File:
    """An entry and its frames as they are to be stored; `raws` states other plaintext lengths."""

    path: str
    frames: tuple[bytes, ...] = ()
    raws: tuple[int, ...] | None = None
    size: int | None = None
    b3: bytes | None = None
    type: int = FILE
    mode: int = 0o644
    mtime: int = 0

    def lengths(self) -> list[tuple[int, int]]:
        """Return plaintext and stored length of each frame."""
        return [(raw, len(one)) for one, raw in zip(self.frames, self.raws or map(len, self.frames), strict=True)]

    def end(self) -> tuple[int, bytes]:
        """Return size and digest, true ones if not stated."""
        size = sum(raw for raw, _ in self.lengths()) if self.size is None else self.size
        digest = records.NO_B3 if self.type == DIRECTORY else b3(b"".join(self.frames))
        return size, digest if self.b3 is None else self.b3

    def pack(self) -> bytes:
        """Return ENTRY, FRAMEs and END."""
        out = records.pack_record(records.ENTRY, EntryHead(self.path, self.type, self.mode, self.mtime).pack())
        for (raw, stored), frame in zip(self.lengths(), self.frames, strict=True):
            out += records.pack_frame_head(raw, stored) + frame
        return out + records.pack_end(*self.end())

    def enter(self, index: IndexBuilder) -> None:
        """Put the entry into an index."""
        length = len(EntryHead(self.path, self.type, self.mode, self.mtime).pack())
        index.add(self.path.encode(errors="surrogatepass"), self.type, self.mode, self.mtime, length)
        for _, stored in self.lengths():
            index.add_frame(stored)
        index.end(*self.end())


def forge(
    *files: File,
    core: Core = CORE,
    shown: tuple[File, ...] | None = None,
    manifest: Manifest = EMPTY,
    plain: Callable[[bytes], bytes] = bytes,
    columns: Callable[[bytes], bytes] = bytes,
    layout: Callable[[trailer.Layout], trailer.Layout] = lambda made: made,
) -> bytes:
    """Return a container for `KEK` that holds `files`; its index shows `shown` instead, if given.

    `plain`, `columns` and `layout` change DATA's records, INDEX's columns and the trailer before they are sealed.
    """
    keys = KeySchedule(bytes(32), core_hash(core.pack()))
    prefix = front.build_prefix(keys, core.pack())
    head = prefix + front.build_access(lock(bytes(32), keys.bind, [[KEK]], bytes), keys, len(prefix))
    packed = manifest.pack()
    data = _Sealed(keys, s.DATA, len(head))
    out = head + data.seal(
        _padded(plain(records.pack_record(records.MANIFEST, packed) + b"".join(f.pack() for f in files)), core.padding)
    )
    index = IndexBuilder()
    index.manifest_length = len(packed)
    for file in files if shown is None else shown:
        file.enter(index)
    other = _Sealed(keys, s.INDEX, len(out))
    out += other.seal(_padded(columns(b"".join(index.pack(data.writer.leaves))), core.padding))
    writers = (data.writer, other.writer)
    made = layout(
        trailer.Layout(
            sum(one.length for one in writers),
            (writers[0].chunks, writers[1].chunks),
            (writers[0].root, writers[1].root),
        )
    )
    section = trailer.pack_trailer(made.pack(), keys.trailer_mac(made.pack()), ())
    return out + section + trailer.pack_tail(len(out) - len(head), len(section))


class _Sealed:
    def __init__(self, keys: KeySchedule, kind: int, start: int) -> None:
        self.writer = SegmentWriter(kind, keys.segment(kind, bytes(24)), bytes(24), start)

    def seal(self, plain: bytes) -> bytes:
        self.writer.append(plain)
        out = self.writer.head
        for number, pieces in self.writer.cut():
            out += self.writer.seal(number, pieces)[1]
        number, pieces = self.writer.cut_last()
        return out + bytes(self.writer.seal(number, pieces, last=True)[1])


def _padded(plain: bytes, padding: int) -> bytes:
    return plain + b"".join(
        records.pack_record(records.PAD, bytes(length)) for length in records.pad_lengths(len(plain), padding)
    )


def lying(file: File, **changes: object) -> File:
    """Return `file` with other fields, for `shown`."""
    return replace(file, **changes)  # type: ignore[arg-type]
