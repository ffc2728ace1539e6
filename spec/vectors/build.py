"""Containers from parts, each of which may lie: what stands behind a changed part is derived from it.

The law of this file: it writes what it is told, in the order of container.md, and judges nothing. Keys, tags,
leaves, roots and MACs fit unless a hook changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from spec.vectors import fixed
from tera.codec.grouping import lock
from tera.codec.signers import signer_fingerprint
from tera.crypto.chunked import CHUNK, TAG
from tera.crypto.hashes import b3
from tera.crypto.signing import SigningKey
from tera.format import digests, records
from tera.format import sections as s
from tera.format.schedule import KeySchedule, bind_hash, core_hash, signed_message
from tera.wire import canonical, zstd

MIB: Final = 1 << 20
DROP: Final = object()
"""As a new value of a key: leave the key out."""


def u32(number: int) -> bytes:
    """Return 4 bytes."""
    return number.to_bytes(4, "big")


@dataclass(frozen=True)
class Record:
    """A record of DATA; `length` states another one than the body has."""

    type: int
    body: bytes = b""
    flags: int = 0
    zero: int = 0
    length: int | None = None

    def pack(self) -> bytes:
        stated = len(self.body) if self.length is None else self.length
        return bytes((self.type, self.flags)) + self.zero.to_bytes(2, "big") + u32(stated) + self.body


@dataclass(frozen=True)
class Frame:
    """A frame as it is stored."""

    raw: int
    data: bytes
    flags: int = 0


@dataclass(frozen=True)
class Item:
    """An entry. `map` is that of ENTRY, `size` and `b3` those of END."""

    map: dict[str, Any]
    frames: tuple[Frame, ...]
    size: int
    b3: bytes
    content: bytes = b""
    quiet: int = 0  # take so many bytes of content that the ciphertext of it is zeros
    entry: int | None = None  # the length of ENTRY that INDEX states

    def records(self) -> list[Record]:
        frames = [Record(records.FRAME, u32(one.raw) + one.data, one.flags) for one in self.frames]
        end = Record(records.END, self.size.to_bytes(8, "big") + self.b3)
        return [Record(records.ENTRY, canonical.pack(self.map)), *frames, end]


def file(path: str, content: bytes = b"", /, *, compress: bool = False, **keys: Any) -> Item:
    """Return an honest file; `keys` are more keys of ENTRY, or other values."""
    frames = []
    for at in range(0, len(content), MIB):
        raw = content[at : at + MIB]
        packed = zstd.compress(raw) if compress else raw
        frames.append(Frame(len(raw), packed, 1) if len(packed) < len(raw) else Frame(len(raw), raw))
    entry = {"mode": 0o644, "mtime": 0, "path": path, "type": 0} | keys
    return Item(_kept(entry), tuple(frames), len(content), b3(content), content)


def folder(path: str, /, **keys: Any) -> Item:
    """Return an honest directory."""
    return replace(file(path, **({"mode": 0o755, "type": 1} | keys)), b3=bytes(32))


def quiet(path: str, size: int) -> Item:
    """Return a file whose ciphertext will be zeros, so that a large container is a small vector."""
    return replace(file(path), quiet=size)


def shown_as(item: Item, **keys: Any) -> Item:
    """Return what INDEX says of `item` when it says something else; its records stay where they are."""
    return replace(item, map=_kept(item.map | keys), entry=len(item.records()[0].body))


def _kept(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if item is not DROP}


def _same(value: Any) -> Any:
    return value


Change = Callable[[Any], Any]


@dataclass
class Draft:
    """A container to be. Each hook takes what an honest writer would write and returns what is written."""

    items: Sequence[Item] = ()
    shown: Sequence[Item] | None = None  # what INDEX says, if something else
    core: dict[str, Any] = field(default_factory=dict)  # other values of CORE's keys
    core_map: Change = _same
    file_key: bytes = fixed.FILE_KEY
    shared_key: bytes = fixed.FILE_KEY  # what the stanzas give
    policy: bytes | None = None
    groups: Sequence[Sequence[Any]] = ((fixed.KEK,),)
    stanzas: Change = _same  # [[group, type, hint, params, ct], ...]
    access: Change = _same  # [1, stanzas]
    access_map: Change = _same
    access_length: int | None = None
    slack: bytes = bytes(5)
    access_mac: Change = _same
    manifest: dict[str, Any] = field(default_factory=dict)
    records: Change = _same  # a list of Record, without padding
    plain: Change = _same
    segment: Callable[[int, bytes], bytes] = lambda kind, body: body
    block: Callable[[int, int, bytes], bytes] = lambda kind, number, block: block
    columns: Change = _same
    index: Change = _same
    trailer: Change = _same
    trailer_map: Change = _same
    trailer_length: int | None = None
    trailer_mac: Change = _same
    signers: Sequence[SigningKey] = ()
    signatures: Change = _same  # [[fingerprint, algorithm, public key, signature], ...]
    signature_bytes: Change = _same
    tail: Change = _same
    sections: Change = _same  # a dict from name to bytes, in the order of the file
    keys: KeySchedule = field(init=False)

    def build(self) -> Built:
        """Return the container and what is true of it."""
        sections = {"PREAMBLE": s.PREAMBLE}
        core = {
            "id": fixed.ID, "pad": 0, "pol": {"m": "none"}, "release": [], "req": [], "sig": [],
            "t": fixed.CREATED, "tags": [], "x": {},
        } | self.core  # fmt: skip
        core_map = self.core_map(canonical.pack(_kept(core)))
        self.keys = KeySchedule(self.file_key, core_hash(core_map))
        sections["CORE"] = s.pack_header(s.CORE, len(core_map) + 32) + core_map + self.keys.commitment
        if self.policy is not None:
            sections["POLICY"] = s.pack_header(s.POLICY, len(self.policy)) + self.policy
        sections["ACCESS"] = self._access()
        items = self._resolved()
        padding = int(core["pad"] == 1)
        plain = self.plaintext(items)
        data = self._segment(s.DATA, plain, sections)
        columns = self.columns(columns_of(len(self._manifest()), items if self.shown is None else self.shown, data[1]))
        index = self.index(_padded(b"".join(map(b"".join, columns.values())), padding))
        other = self._segment(s.INDEX, index, sections)
        payload = sum(len(section) for name, section in sections.items() if name.startswith(("DATA", "INDEX")))
        roots = [data[0], other[0]]
        self._end(sections, payload, [s.chunk_count(len(plain)), s.chunk_count(len(index))], roots)
        written = self.sections(sections)
        core_section = written.get("CORE", sections["CORE"])
        bind = bind_hash(core_hash(core_section[s.HEADER : -32]), core_section[-32:])
        digest = digests.container_digest(bind, (roots[0], roots[1]), payload)
        return Built(b"".join(written.values()), items, digests.show(digest), self.manifest)

    def honest_records(self) -> list[Record]:
        """Return the records before any hook."""
        return self._records(self.items)

    def plaintext(self, items: Sequence[Item] | None = None) -> bytes:
        """Return the plaintext of DATA."""
        found = self._records(self.items if items is None else items)
        padded = _padded(b"".join(one.pack() for one in self.records(found)), int(self.core.get("pad") == 1))
        plain: bytes = self.plain(padded)
        return plain

    def _access(self) -> bytes:
        made = lock(self.shared_key, self.keys.bind, [list(one) for one in self.groups], fixed.stream("access"))
        value = self.access([1, self.stanzas([[one.group, one.type, one.hint, one.params, one.ct] for one in made])])
        packed: bytes = self.access_map(canonical.pack(value))
        length = len(packed) if self.access_length is None else self.access_length
        body: bytes = u32(length) + packed + self.slack
        header = s.pack_header(s.ACCESS, len(body) + 32)
        mac: bytes = self.access_mac(self.keys.access_mac(header, body))
        return header + body + mac

    def _manifest(self) -> bytes:
        found = {"json": b"", "tags": []} | self.manifest
        return canonical.pack(_kept(found))

    def _records(self, items: Iterable[Item]) -> list[Record]:
        return [Record(records.MANIFEST, self._manifest()), *(one for item in items for one in item.records())]

    def _resolved(self) -> list[Item]:
        """Give quiet files their content: the key stream at the place where it will be."""
        at, items = 8 + len(self._manifest()), []
        for item in self.items:
            if item.quiet:
                start = at + 8 + len(canonical.pack(item.map)) + 12
                frames = (MIB + 12) * ((item.quiet - 1) // MIB) + (item.quiet - 1) % MIB + 1
                noise = self._key_stream(start, frames)
                pieces = [
                    noise[i * (MIB + 12) :][: min(MIB, item.quiet - i * MIB)] for i in range(-(-item.quiet // MIB))
                ]
                item = replace(file(item.map["path"], b"".join(pieces)), map=item.map)
            items.append(item)
            at += sum(len(one.pack()) for one in item.records())
        return items

    def _key_stream(self, start: int, length: int) -> bytes:
        cipher = self.keys.segment(s.DATA, salt(s.DATA))
        first, after = start // CHUNK, -(-(start + length) // CHUNK)
        out = memoryview(bytearray((after - first) * (CHUNK + TAG)))
        cipher.seal_into(first, [memoryview(bytes((after - first) * CHUNK))], out, last=False)
        stream = b"".join(bytes(out[at : at + CHUNK]) for at in range(0, len(out), CHUNK + TAG))
        return stream[start - first * CHUNK :][:length]

    def _segment(self, kind: int, plain: bytes, sections: dict[str, bytes]) -> tuple[bytes, list[bytes]]:
        """Add a segment's sections; return its root and leaves."""
        name, cipher = {s.DATA: "DATA", s.INDEX: "INDEX"}[kind], self.keys.segment(kind, salt(kind))
        body = self.segment(kind, salt(kind) + cipher.commitment)
        sections[name] = s.pack_header(s.SEGMENT, s.SEGMENT_BODY, kind) + body
        leaves, out = list[bytes](), memoryview(bytearray(s.BLOCK_BODY))
        for number in range(len(plain) // s.BLOCK_PLAIN + 1):
            piece = plain[number * s.BLOCK_PLAIN : (number + 1) * s.BLOCK_PLAIN]
            last = len(piece) < s.BLOCK_PLAIN
            size = cipher.seal_into(number * s.CHUNKS, [memoryview(piece)], out, last=last)
            block = self.block(kind, number, s.pack_header(s.BLOCK, size, int(last)) + bytes(out[:size]))
            sections[f"{name} {number}"] = block
            leaves.append(digests.leaf(kind, number, block))
        return digests.root(kind, body, s.chunk_count(len(plain)), b"".join(leaves)), leaves

    def _end(self, sections: dict[str, bytes], payload: int, chunks: list[int], roots: list[bytes]) -> None:
        packed = self.trailer_map(canonical.pack(self.trailer({"chunks": chunks, "len": payload, "roots": roots})))
        message = signed_message(self.keys.bind, packed)
        value = [[signer_fingerprint(k.public), 1, k.public, fixed.signature(k, message)] for k in self.signers]
        length = len(packed) if self.trailer_length is None else self.trailer_length
        body = u32(length) + packed + self.trailer_mac(self.keys.trailer_mac(packed))
        signatures: bytes = self.signature_bytes(canonical.pack(self.signatures(value)))
        body += signatures
        sections["TRAILER"] = s.pack_header(s.TRAILER, len(body)) + body
        end = payload.to_bytes(8, "big") + u32(len(sections["TRAILER"])) + b"TRA\x1a"
        sections["TAIL"] = self.tail(s.pack_header(s.TAIL, s.TAIL_BODY) + end)


@dataclass(frozen=True)
class Built:
    """A container, and what a reader finds in it if it is honest."""

    data: bytes
    items: Sequence[Item]
    digest: str
    manifest: dict[str, Any]

    @property
    def content(self) -> bytes:
        """The content of all files in their order."""
        return b"".join(item.content for item in self.items)


def salt(kind: int) -> bytes:
    """Return the fixed salt of a segment."""
    return fixed.fixed_bytes(f"segment {kind}", 24)


def _padded(plain: bytes, padding: int) -> bytes:
    pads = (Record(records.PAD, bytes(length)).pack() for length in records.pad_lengths(len(plain), padding))
    return plain + b"".join(pads)


def columns_of(manifest: int, items: Iterable[Item], leaves: list[bytes]) -> dict[str, list[bytes]]:
    """Return INDEX's columns: the three numbers at the start, then one list of cells for each column."""
    items = list(items)
    paths = [str(item.map["path"]).encode(errors="surrogatepass") + b"\0" for item in items]
    return {
        "N": [u32(len(items))],
        "P": [u32(len(b"".join(paths)))],
        "M": [u32(manifest)],
        "path": paths,
        "type": [bytes((item.map["type"],)) for item in items],
        "mode": [item.map["mode"].to_bytes(2, "big") for item in items],
        "mtime": [item.map["mtime"].to_bytes(8, "big", signed=True) for item in items],
        "size": [item.size.to_bytes(8, "big") for item in items],
        "b3": [item.b3 for item in items],
        "entry": [u32(len(canonical.pack(item.map)) if item.entry is None else item.entry) for item in items],
        "frame": [u32(len(frame.data)) for item in items for frame in item.frames],
        "leaf": leaves,
    }
