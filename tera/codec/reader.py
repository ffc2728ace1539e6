"""Reading a container that can be sought in: listed, read at any place, by any number of threads.

The law of this file: the steps of `Container.__init__` are those of spec/container.md, "With seeking", in
that order; and no byte leaves before its block's leaf and its chunk's tag have been verified.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, overload

from tera.codec.config import PLAIN, Config
from tera.codec.content import EntryFile, EntryReader
from tera.codec.gate import ANYBODY, Gate
from tera.codec.grouping import open_front
from tera.codec.layout import Signer, check_payload, check_signatures, check_trailer, find_trailer
from tera.codec.recipients import Identity
from tera.codec.segment import SegmentReader, locate_index
from tera.codec.source import Readable, as_source, read_front
from tera.crypto.kdf import equal
from tera.errors import BadRoot, LimitExceeded, NoSuchEntry, SegmentCommitment
from tera.format import digests, limits
from tera.format import sections as s
from tera.format.core import Core, SealedRules
from tera.format.index import Entry, Index
from tera.format.limits import Limits
from tera.format.records import FRAME_RAW, Manifest
from tera.format.rules import Rule
from tera.format.schedule import KeySchedule
from tera.policy.context import Context

if TYPE_CHECKING:
    from tera.policy.evaluate import Decision
    from tera.release.answer import Answer


class Container:
    """An open container. Use it as a context manager, or `close` it.

    `source` is a path, a file object that can seek, or an object with `size`, `read_at` and `read_into`.
    `signers` are fingerprints that must have signed. `context` says who asks and for what, `config` what this
    reader trusts, whom it may ask and where it remembers: rules are decided by them. Opening counts as one open,
    and everything that is done with this object belongs to it. Raises TeraError, with the codes and in the order
    of spec/container.md.
    """

    def __init__(
        self,
        source: Readable,
        identities: Sequence[Identity],
        *,
        signers: Sequence[bytes] = (),
        context: Context = ANYBODY,
        config: Config = PLAIN,
        bounds: Limits = limits.DEFAULT,
        gate: Gate | None = None,
    ) -> None:
        self.bounds = bounds
        self.gate = Gate(context, config, signers=signers) if gate is None else gate
        self._source, self._close = as_source(source)
        try:
            self._open(identities, signers)
        except BaseException:
            self.close()
            raise

    def _open(self, identities: Sequence[Identity], pinned: Sequence[bytes]) -> None:
        source = self._source
        # 1. The front's structure. 2 to 4. What needs no key; stanzas, KC, ACCESS MAC.
        self._front = front = read_front(source)
        if front.core.authorities:
            # Half a download must not cost an open: what is wrong without a key is found before a share is asked for.
            self.gate.check_front(front)
            check_payload(*find_trailer(source, front.length))
        keys, _, self.group = open_front(front, identities, self.gate)
        # 5. Tail and layout, trailer, its MAC, signatures.
        self._trailer, payload = find_trailer(source, front.length)
        trailer = self._trailer
        check_trailer(trailer, keys)
        check_payload(trailer, payload)
        self.signatures: tuple[Signer, ...] = check_signatures(front, trailer, pinned)
        self.gate.check_payload(self._digest, [one.fingerprint for one in self.signatures])
        # 6. Segment headers and commitments; the index against its root; the leaves against theirs.
        layout = trailer.layout
        plain, index_plain = locate_index(source, front.length, layout.payload, layout.chunks)
        if index_plain > min(self.bounds.index, limits.INDEX):
            raise LimitExceeded(f"an index of {index_plain:,} bytes; raise Limits.index")
        self._data = _segment(SegmentReader(source, s.DATA, front.length, plain), keys)
        start = front.length + s.segment_length(plain)
        index = _segment(SegmentReader(source, s.INDEX, start, index_plain), keys)
        index.leaves = memoryview(
            b"".join(digests.leaf(s.INDEX, number, index.raw_block(number)) for number in range(index.blocks))
        )
        _check_root(index, layout.roots[1])
        packed = bytearray(index_plain)
        for number in range(index.blocks):
            block = index.read_block(number)
            packed[number * s.BLOCK_PLAIN : number * s.BLOCK_PLAIN + len(block)] = block
        self._index = Index(memoryview(packed), data_plain=plain, padding=front.core.padding, bounds=self.bounds)
        self._data.leaves = self._index.leaves
        _check_root(self._data, layout.roots[0])
        # 7. The manifest, and the rules in it. Then the open is counted.
        self._reader = EntryReader(self._data, self._index)
        self._manifest = self._read_manifest()
        self.gate.check_sealed(self._manifest.rules)
        self.gate.enter()

    def _read_manifest(self) -> Manifest:
        return self._reader.manifest(sealed=self.sealed_rules)

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the source, if it was opened here."""
        self.gate.close()
        self._close()

    # --- what it says -----------------------------------------------------------------------------

    @property
    def core(self) -> Core:
        """The public header."""
        return self._front.core

    @property
    def id(self) -> bytes:
        """The container's id: a name that its writer chose."""
        return self._front.core.id

    @property
    def created(self) -> int:
        """When it was made, by its writer's clock: seconds since 1970 UTC."""
        return self._front.core.created

    @property
    def tags(self) -> tuple[str, ...]:
        """The public tags."""
        return self._front.core.tags

    @property
    def private_tags(self) -> tuple[str, ...]:
        """The tags that only recipients see."""
        return self._manifest.tags

    @property
    def manifest(self) -> bytes:
        """The JSON text that was given when it was sealed, or nothing."""
        return self._manifest.json

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules under which it was opened."""
        return self.gate.rules

    @property
    def decision(self) -> Decision:
        """What was decided last: obligations, and the opens that are left where they are counted here."""
        return self.gate.decision

    @property
    def receipts(self) -> tuple[Answer, ...]:
        """The answers of the authorities that released a share: signed proofs of what was given, and until when."""
        return self.gate.receipts

    @property
    def size(self) -> int:
        """The size of all files together, in bytes."""
        return self._index.total

    @property
    def paths(self) -> list[str]:
        """The paths of all entries, in the container's order."""
        return self._index.paths

    @property
    def entries(self) -> Sequence[Entry]:
        """All entries, in the container's order; each is made when it is asked for."""
        return _Entries(self._index)

    def entry(self, path: str) -> Entry:
        """Return one entry. Raises NoSuchEntry."""
        position = self._index.positions.get(path)
        if position is None:
            raise NoSuchEntry(f"{path!r} is not in the container", hint="`tera ls` lists what is")
        return self._index[position]

    @property
    def digest(self) -> str:
        """The container digest, from the roots that the key (and, if signed, the signature) vouches for.

        Every block is compared with them when it is read; `tera.digest` recomputes it from all bytes.
        """
        return digests.show(self._digest)

    @property
    def _digest(self) -> bytes:
        layout = self._trailer.layout
        return digests.container_digest(self._front.bind, layout.roots, layout.payload)

    @property
    def content_digest(self) -> bytes:
        """32 bytes, equal for the same files sealed twice. As secret as the content: it confirms guesses."""
        return digests.content_digest(self._index.content())

    # --- what is inside ---------------------------------------------------------------------------

    def open(self, path: str) -> io.RawIOBase:
        """Return a file as a seekable, readable stream. Raises NoSuchEntry, RuleDenied, BadInput for a folder."""
        return EntryFile(self._reader, self._allowed(path))

    def read(self, path: str) -> bytes:
        """Return a whole file, its digest verified. Raises RuleDenied; LimitExceeded over `bounds.max_output`."""
        entry = self._allowed(path)
        limit = self.bounds.max_output
        if limit is not None and entry.size > limit:
            raise LimitExceeded(f"{path!r} has {entry.size:,} bytes; raise Limits.max_output")
        return b"".join(self._reader.content(entry))

    def read_range(self, path: str, start: int, stop: int) -> bytes:
        """Return bytes `start` to `stop` of a file, verified; fewer at its end. Raises RuleDenied."""
        return self._reader.range(self._allowed(path), start, stop)

    def copy_to(self, path: str, output: BinaryIO) -> int:
        """Write a file to a binary file object as it is verified frame by frame; return its size.

        Raises RuleDenied; BadDigest at the end if the whole is not what was sealed (what was written, was).
        """
        entry = self._allowed(path)
        for piece in self._reader.content(entry):
            view = memoryview(piece)
            while view:
                view = view[output.write(view) :]
        return entry.size

    def _allowed(self, path: str) -> Entry:
        entry = self.entry(path)
        self.gate.check_entry(path)
        return entry

    def frames(self, entry: Entry) -> Iterator[bytes]:
        """Yield a file's content, 1 MiB at a time; its digest is verified at the end (BadDigest).

        Raises RuleDenied.
        """
        self.gate.check_entry(entry.path)
        return self._reader.content(entry)

    def pieces(self, entry: Entry, start: int, stop: int) -> Iterator[bytes]:
        """Yield what `read_range` returns, at most 1 MiB at a time. Raises RuleDenied."""
        self.gate.check_entry(entry.path)
        return self._reader.pieces(entry, start, stop)

    def frame(self, entry: Entry, number: int) -> bytes:
        """Return one verified frame of a file (1 MiB, the last shorter), for salvage. Raises RuleDenied."""
        self.gate.check_entry(entry.path)
        return self._reader.frame(entry, number, 0, FRAME_RAW)

    @property
    def sealed_rules(self) -> bool:
        """Whether the manifest holds the rules."""
        return isinstance(self._front.core.rules, SealedRules)

    @property
    def data(self) -> SegmentReader:
        """The DATA segment, for extraction and verification."""
        return self._data

    @property
    def index(self) -> Index:
        """The index, for extraction and verification."""
        return self._index


class _Entries(Sequence[Entry]):
    def __init__(self, index: Index) -> None:
        self._index = index

    def __len__(self) -> int:
        return len(self._index)

    @overload
    def __getitem__(self, position: int) -> Entry: ...
    @overload
    def __getitem__(self, position: slice) -> list[Entry]: ...
    def __getitem__(self, position: int | slice) -> Entry | list[Entry]:
        if isinstance(position, slice):
            return [self._index[at] for at in range(*position.indices(len(self)))]
        if position < 0:
            position += len(self)
        if not 0 <= position < len(self):
            raise IndexError(position)
        return self._index[position]

    def __iter__(self) -> Iterator[Entry]:
        return map(self._index.__getitem__, range(len(self._index)))


def _segment(segment: SegmentReader, keys: KeySchedule) -> SegmentReader:
    segment.read_head()
    salt, commitment = segment.salt_commitment[:24], segment.salt_commitment[24:]
    cipher = keys.segment(segment.kind, salt)
    if not equal(cipher.commitment, commitment):
        raise SegmentCommitment("a segment was not sealed with this container's key")
    segment.use(cipher)
    return segment


def _check_root(segment: SegmentReader, root: bytes) -> None:
    found = digests.root(segment.kind, segment.salt_commitment, segment.chunks, segment.leaves)
    if not equal(found, root):
        raise BadRoot("the blocks are not those that were sealed")
