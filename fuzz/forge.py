"""Seals what no writer would: cryptography that fits around content that may not.

The law of this file: whoever holds the file key can make every container that is made here; what an edit does
not touch is derived from what stands before it, as an honest writer would. It uses tera's lower layers only.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from fuzz.edits import Edit, Stage
from fuzz.samples import KEK, NOISE, SIGNER, SIGNER_NAME, TEXT, fixed_random
from tera.codec.grouping import lock
from tera.codec.inspect import digest
from tera.crypto.hashes import b3
from tera.errors import TeraError
from tera.format import access, digests, front, records, trailer
from tera.format import sections as s
from tera.format.core import Core
from tera.format.records import DIRECTORY, EntryHead, Manifest
from tera.format.schedule import KeySchedule, core_hash, signed_message
from tera.wire import canonical, zstd

FILE_KEY: Final = bytes(reversed(range(32)))
COLUMNS: Final = {"path": 0, "type": 1, "mode": 2, "mtime": 8, "size": 8, "b3": 32, "entry": 4, "frame": 4, "leaf": 32}
"""The columns of the index in their order, with the width of an element in bytes."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record of DATA. A body of None is an END that fits what stands before it."""

    type: int
    body: bytes | None
    flags: int = 0
    aux: int = 0


@dataclass(frozen=True, slots=True)
class Base:
    """What is edited: CORE, the records without padding, and whether the author has signed the original."""

    core: Core
    records: tuple[Record, ...]
    signed: bool = False


def _entry(path: str, content: bytes | None = None, **options: Any) -> list[Record]:
    kind = DIRECTORY if content is None else records.FILE
    out = [Record(records.ENTRY, EntryHead(path, kind, **options).pack())]
    for at in range(0, len(content or b""), records.FRAME_RAW):
        raw = (content or b"")[at : at + records.FRAME_RAW]
        packed = zstd.compress(raw)
        small = len(packed) < len(raw)
        body = len(raw).to_bytes(4, "big") + (packed if small else raw)
        out.append(Record(records.FRAME, body, records.COMPRESSED if small else 0))
    return [*out, Record(records.END, None)]


def _base(entries: list[list[Record]], padding: int = 0, *, signed: bool = False) -> Base:
    signers = (SIGNER_NAME,) if signed else ()
    core = Core(id=bytes(16), created=0, padding=padding, signers=signers)
    first = Record(records.MANIFEST, Manifest(b"{}", ("tag",)).pack())
    return Base(core, (first, *(one for entry in entries for one in entry)), signed)


_TREE: Final = [_entry("d", mode=0o700), _entry("d/text", TEXT * 9), _entry("d/noise", NOISE), _entry("empty", b"")]
BASES: Final = (
    _base([_entry("a", b"content")]),
    _base(_TREE, padding=1),
    _base(_TREE, padding=1, signed=True),
    _base([]),
    _base([_entry(f"{n:02}/x", bytes([n]) * n, mtime=n) for n in range(20)]),
    _base([_entry("large", NOISE * 1_500), _entry("zeros", bytes(records.FRAME_RAW))]),
)


def seal(base: Base, edits: list[Edit]) -> bytes:
    """Return the container that the edits make of `base`. Raises TypeError, ValueError for what is no msgpack."""
    by_stage = {stage: [edit for edit in edits if edit.stage == stage] for stage in Stage}
    core_map = base.core.pack()
    for edit in by_stage[Stage.CORE]:
        core_map = canonical.pack(edit.change(canonical.unpack(core_map, what="CORE", max_len=1 << 20)))
    for edit in by_stage[Stage.CORE_BYTES]:
        core_map = edit.poke(core_map)
    keys = KeySchedule(FILE_KEY, core_hash(core_map))
    prefix = front.build_prefix(keys, core_map)
    sections = [prefix[: len(s.PREAMBLE)], prefix[len(s.PREAMBLE) :], _access(keys, by_stage[Stage.ACCESS])]
    found = _edited(list(base.records), by_stage)
    plain = b"".join(map(_packed, found))
    padding = base.core.padding
    for edit in by_stage[Stage.PADDING]:
        padding = edit.how & 1
    data, root, leaves, chunks = _segment(keys, s.DATA, _poked(padded(plain, padding), by_stage[Stage.DATA]))
    columns = _index(found, leaves, by_stage[Stage.COLUMN])
    index, other, _, more = _segment(keys, s.INDEX, _poked(padded(columns, padding), by_stage[Stage.INDEX]))
    payload = sum(map(len, [*data, *index]))
    packed = trailer.Layout(payload, (chunks, more), (root, other)).pack()
    for edit in by_stage[Stage.TRAILER]:
        packed = canonical.pack(edit.change(canonical.unpack(packed, what="TRAILER", max_len=1 << 20)))
    packed = _poked(packed, by_stage[Stage.TRAILER_BYTES])
    signatures = signature() if base.signed and edits else ()
    if base.signed and not edits:
        signatures = (trailer.Signature(SIGNER_NAME, SIGNER.public, _signed(keys, packed)),)
    end = trailer.pack_trailer(packed, keys.trailer_mac(packed), signatures)
    sections += [*data, *index, end, trailer.pack_tail(payload, len(end))]
    for edit in by_stage[Stage.SECTION]:
        if edit.how & 8:
            edit.rearrange(sections)
        elif sections:
            at = edit.what % len(sections)
            sections[at] = edit._replace(at=edit.at % 8 if edit.how & 16 else edit.at).poke(sections[at])
    return b"".join(sections)


@cache
def signature() -> tuple[trailer.Signature, ...]:
    """Return the author's signature of the original, which edits cannot make again."""
    base = next(base for base in BASES if base.signed)
    sealed = seal(base, [])
    length = int.from_bytes(sealed[-8:-4], "big")
    return trailer.parse_trailer(sealed[-24 - length + s.HEADER : -24]).signatures


@cache
def original_digest() -> bytes:
    """Return the container digest of what the author has signed."""
    base = next(base for base in BASES if base.signed)
    return bytes.fromhex(digest(io.BytesIO(seal(base, []))).removeprefix(digests.PREFIX))


def _signed(keys: KeySchedule, packed: bytes) -> bytes:
    return SIGNER.sign(signed_message(keys.bind, packed), b"tera/v1")


def _poked(data: bytes, edits: list[Edit]) -> bytes:
    for edit in edits:
        data = edit.poke(data)
    return data


def _access(keys: KeySchedule, edits: list[Edit]) -> bytes:
    packed = access.pack_access(lock(FILE_KEY, keys.bind, [[KEK]], fixed_random("access")))
    slack = 8
    for edit in edits:
        if edit.how & 64:
            slack = edit.number(slack, 8)
            continue
        value = canonical.unpack(packed[4:], what="ACCESS", max_len=1 << 20)
        other = canonical.pack(edit.change(value))
        packed = len(other).to_bytes(4, "big") + other
    header, body = access.unsealed_section(packed, len(packed) + slack + access.MAC)
    return header + body + keys.access_mac(header, body)


def _edited(found: list[Record], by_stage: dict[Stage, list[Edit]]) -> list[Record]:
    for edit in by_stage[Stage.MAP]:
        maps = [at for at, one in enumerate(found) if one.type in (records.MANIFEST, records.ENTRY)]
        at = maps[edit.at % len(maps)]
        try:
            value = edit.change(canonical.unpack(found[at].body or b"", what="a map", max_len=1 << 20))
            found[at] = replace(found[at], body=canonical.pack(value))
        except TeraError:
            continue
    for edit in by_stage[Stage.FRAME]:
        frames = [at for at, one in enumerate(found) if one.type == records.FRAME]
        if frames:
            at = frames[edit.at % len(frames)]
            found[at] = _frame(found[at], edit)
    found = [replace(one, body=_end(found[:at])) if one.body is None else one for at, one in enumerate(found)]
    for edit in by_stage[Stage.RECORD]:
        at = edit.at % (len(found) or 1)
        if edit.how & 8:
            found.insert(at, Record(edit.what % 8, edit.payload, edit.how >> 4))
        elif edit.how & 16 and found:
            found[at] = replace(found[at], body=edit._replace(at=edit.what).poke(found[at].body or b""))
        elif edit.how & 32 and found:
            found[at] = replace(found[at], type=edit.what % 8, flags=edit.how >> 6, aux=len(edit.payload))
        else:
            edit.rearrange(found)
    return found


def _frame(frame: Record, edit: Edit) -> Record:
    """Change what a frame says of itself, or what it holds."""
    body = frame.body or b""
    match edit.how % 4:
        case 0:
            return replace(frame, body=edit.number(int.from_bytes(body[:4], "big"), 32).to_bytes(4, "big") + body[4:])
        case 1:
            return replace(frame, flags=edit.what % 2)
        case 2:
            return replace(frame, body=body[:4] + edit._replace(how=edit.what).poke(body[4:]))
    raw = edit.payload * (edit.what + 1)
    packed = zstd.compress(raw) if edit.what % 2 else raw
    return replace(frame, body=len(raw).to_bytes(4, "big") + packed, flags=edit.what % 2)


def _end(before: list[Record]) -> bytes:
    """Return the END of the entry that is last in `before`: what an honest writer would say of it."""
    starts = [at for at, one in enumerate(before) if one.type == records.ENTRY] or [0]
    frames = [one for one in before[starts[-1] :] if one.type == records.FRAME]
    if not frames and _head(before[starts[-1]])["type"] == DIRECTORY:
        return bytes(records.END_BODY)
    content = b"".join(map(_content, frames))
    size = sum(int.from_bytes((one.body or b"")[:4], "big") for one in frames)
    return size.to_bytes(8, "big") + b3(content)


def _content(frame: Record) -> bytes:
    body = frame.body or b""
    try:
        return zstd.decompress(body[4:], int.from_bytes(body[:4], "big")) if frame.flags else body[4:]
    except TeraError:
        return b""


def _packed(record: Record) -> bytes:
    body = record.body or b""
    return bytes((record.type, record.flags, 0, record.aux & 255)) + len(body).to_bytes(4, "big") + body


def padded(plain: bytes, padding: int) -> bytes:
    """Return records or columns with their padding."""
    pads = [records.pack_record(records.PAD, bytes(size)) for size in records.pad_lengths(len(plain), padding)]
    return plain + b"".join(pads)


def _head(entry: Record) -> dict[str, Any]:
    """Return what an ENTRY says, as far as an index can say it too."""
    said: dict[str, Any] = {"mode": 0, "mtime": 0, "path": "?", "type": 0}
    try:
        value = canonical.unpack(entry.body or b"", what="ENTRY", max_len=1 << 20)
    except TeraError:
        return said
    return said | {
        key: old
        for key, new in said.items()
        if isinstance(value, dict) and isinstance(old := value.get(key), type(new)) and not isinstance(old, bool)
    }


def _index(found: list[Record], leaves: list[bytes], edits: list[Edit]) -> bytes:
    """Return the columns that describe the records, after the edits."""
    columns: dict[str, list[bytes]] = {name: [] for name in COLUMNS}
    columns["leaf"] = leaves
    manifest = len(found[0].body or b"") if found else 0
    for one in found:
        body = one.body or b""
        if one.type == records.ENTRY:
            head = _head(one)
            columns["path"].append(head["path"].encode(errors="replace") + b"\0")
            for name in ("type", "mode", "mtime"):
                columns[name].append((head[name] % (1 << 8 * COLUMNS[name])).to_bytes(COLUMNS[name], "big"))
            columns["entry"].append(len(body).to_bytes(4, "big"))
        elif one.type == records.FRAME:
            columns["frame"].append(max(0, len(body) - 4).to_bytes(4, "big"))
        elif one.type == records.END:
            columns["size"].append(body[:8])
            columns["b3"].append(body[8:])
    head_numbers = [len(columns["path"]), len(b"".join(columns["path"])), manifest]
    for edit in edits:
        names = (*COLUMNS, "head")
        name = names[edit.what % len(names)]
        if name == "head":
            at = edit.at % 3
            head_numbers[at] = edit.number(head_numbers[at], 32)
        elif columns[name]:
            _change_column(columns[name], COLUMNS[name], edit)
    packed = b"".join(number.to_bytes(4, "big") for number in head_numbers)
    return packed + b"".join(b"".join(column) for column in columns.values())


def _change_column(column: list[bytes], width: int, edit: Edit) -> None:
    at = edit.at % len(column)
    if edit.how & 8:
        edit.rearrange(column)
    elif width and edit.how & 4 == 0:
        column[at] = edit.number(int.from_bytes(column[at], "big"), 8 * width).to_bytes(width, "big")
    else:
        column[at] = edit.payload if edit.how & 2 else edit._replace(at=edit.at >> 8).poke(column[at])


def _segment(keys: KeySchedule, kind: int, plain: bytes) -> tuple[list[bytes], bytes, list[bytes], int]:
    """Return a segment's sections, root, leaves and number of chunks."""
    salt = bytes((kind,)) * 24
    cipher = keys.segment(kind, salt)
    sections = [s.pack_header(s.SEGMENT, s.SEGMENT_BODY, kind) + salt + cipher.commitment]
    leaves: list[bytes] = []
    out = memoryview(bytearray(s.BLOCK_BODY))
    for number in range(len(plain) // s.BLOCK_PLAIN + 1):
        piece = plain[number * s.BLOCK_PLAIN : (number + 1) * s.BLOCK_PLAIN]
        last = len(piece) < s.BLOCK_PLAIN
        size = cipher.seal_into(number * s.CHUNKS, [memoryview(piece)], out, last=last)
        sections.append(s.pack_header(s.BLOCK, size, s.LAST if last else 0) + bytes(out[:size]))
        leaves.append(digests.leaf(kind, number, sections[-1]))
    chunks = s.chunk_count(len(plain))
    return sections, digests.root(kind, salt + cipher.commitment, chunks, b"".join(leaves)), leaves, chunks
