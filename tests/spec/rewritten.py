"""A container parsed to values, all of it, and written from these values alone.

The law of this file: no byte of the original is copied but what is random or given: salts, commitments, shares,
MACs, signatures and the content of files.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from tera.codec.grouping import open_front
from tera.codec.reader import Container
from tera.codec.recipients import Identity
from tera.codec.segment import SegmentReader
from tera.format import access, digests, records, stream, trailer
from tera.format import sections as s
from tera.format.access import pack_access
from tera.format.front import parse_front
from tera.format.index import IndexBuilder
from tera.format.schedule import KeySchedule
from tera.format.stream import RecordReader


def rewritten(data: bytes, identities: Sequence[Identity]) -> bytes:
    """Return the bytes that the parsed container serialises to."""
    front = parse_front(io.BytesIO(data).read)
    keys, _, _ = open_front(front, identities)
    core = front.core.pack() + keys.commitment
    out = s.PREAMBLE + s.pack_header(s.CORE, len(core)) + core
    header, body = access.unsealed_section(pack_access(front.stanzas), len(front.access_body))
    out += header + body + keys.access_mac(header, body)
    with Container(io.BytesIO(data), identities) as container:
        plain = _plain(container.data)
        parts = [_records(plain, container)]
        index = _index(container, [bytes(container.index.leaf(n)) for n in range(container.data.blocks)])
        parts.append(index)
        salts = [container.data.salt_commitment, _other_salt(data, front.length, container)]
    sealed = [_segment(keys, kind, part, salt) for kind, part, salt in zip((1, 2), parts, salts, strict=True)]
    payload = sum(len(one) for one, _, _ in sealed)
    layout = trailer.Layout(payload, (sealed[0][2], sealed[1][2]), (sealed[0][1], sealed[1][1]))
    length = int.from_bytes(data[-8:-4], "big")
    found = trailer.parse_trailer(data[-24 - length + s.HEADER : -24])
    packed = layout.pack()
    section = trailer.pack_trailer(packed, keys.trailer_mac(packed), found.signatures)
    return out + sealed[0][0] + sealed[1][0] + section + trailer.pack_tail(payload, len(section))


def _plain(segment: SegmentReader) -> bytes:
    return b"".join(bytes(segment.read_block(number)) for number in range(segment.blocks))


def _padded(plain: bytes, padding: int) -> bytes:
    pads = (records.pack_record(records.PAD, bytes(n)) for n in records.pad_lengths(len(plain), padding))
    return plain + b"".join(pads)


def _records(plain: bytes, container: Container) -> bytes:
    reader = RecordReader(sealed=container.sealed_rules, padding=container.core.padding)
    events = reader.feed(memoryview(plain))
    reader.finish()
    out = b""
    for event in events:
        match event:
            case stream.ManifestFound(manifest):
                out += records.pack_record(records.MANIFEST, manifest.pack())
            case stream.EntryFound(head):
                out += records.pack_record(records.ENTRY, head.pack())
            case stream.FrameFound(raw, stored):
                out += records.pack_frame_head(raw, stored)
            case stream.Piece(data) | stream.Packed(data):
                out += bytes(data)
            case stream.EndFound(size, b3):
                out += records.pack_end(size, b3)
    return _padded(out, container.core.padding)


def _index(container: Container, leaves: list[bytes]) -> bytes:
    builder = IndexBuilder()
    builder.manifest_length = container.index.manifest_length
    for entry in container.entries:
        length = container.index.entry_length(entry.position)
        builder.add(entry.path.encode(), entry.type, entry.mode, entry.mtime, length)
        for number in range(records.frame_count(entry.size)):
            builder.add_frame(container.index.frame(entry.position, number))
        builder.end(entry.size, entry.b3)
    return _padded(b"".join(builder.pack(leaves)), container.core.padding)


def _other_salt(data: bytes, start: int, container: Container) -> bytes:
    at = start + s.segment_length(container.data.plain)
    return data[at + s.HEADER : at + s.SEGMENT_HEAD]


def _segment(keys: KeySchedule, kind: int, plain: bytes, salt: bytes) -> tuple[bytes, bytes, int]:
    cipher, leaves = keys.segment(kind, salt[:24]), list[bytes]()
    out = s.pack_header(s.SEGMENT, s.SEGMENT_BODY, kind) + salt
    room = memoryview(bytearray(s.BLOCK_BODY))
    for number in range(len(plain) // s.BLOCK_PLAIN + 1):
        piece = plain[number * s.BLOCK_PLAIN : (number + 1) * s.BLOCK_PLAIN]
        last = len(piece) < s.BLOCK_PLAIN
        size = cipher.seal_into(number * s.CHUNKS, [memoryview(piece)], room, last=last)
        block = s.pack_header(s.BLOCK, size, int(last)) + bytes(room[:size])
        leaves.append(digests.leaf(kind, number, block))
        out += block
    return out, digests.root(kind, salt, s.chunk_count(len(plain)), b"".join(leaves)), s.chunk_count(len(plain))
