"""Reading a container that cannot be sought in: from a pipe, a socket, standard input.

The law of this file: by default nothing is released before everything has been verified: what comes is
spooled as it is, still encrypted, and then read by seeking. Streaming releases each chunk as soon as its
tag has verified; then an error at the end comes after output, which is why it must be asked for.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import BinaryIO

from tera.codec.extract import Extracted, Extraction
from tera.codec.gate import Gate
from tera.codec.grouping import open_front
from tera.codec.layout import check_signatures, check_trailer
from tera.codec.recipients import Identity
from tera.codec.segment import open_chunks
from tera.codec.sources import fill
from tera.codec.target import TargetFolder
from tera.crypto.chunked import ChunkCipher
from tera.crypto.kdf import equal
from tera.errors import (
    BadIndex,
    BadLayout,
    BadRoot,
    LimitExceeded,
    NoSuchEntry,
    OutputUnavailable,
    SegmentCommitment,
    TeraError,
    TrailingData,
    Truncated,
)
from tera.format import digests, limits
from tera.format import sections as s
from tera.format.core import SealedRules
from tera.format.front import Front, parse_front
from tera.format.index import Index
from tera.format.limits import Limits
from tera.format.records import Manifest
from tera.format.schedule import KeySchedule
from tera.format.trailer import parse_tail, parse_trailer


class Replay:
    """A stream whose start has been read and can be read again."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seen = bytearray()

    def pull(self, length: int) -> bytes:
        """Return `length` bytes, fewer only at the end."""
        data = fill(self._stream, length)
        self.seen += data
        return data


def spool(stream: BinaryIO, identities: Sequence[Identity], gate: Gate) -> BinaryIO:
    """Return a file without a name that holds what `stream` does: a container, still encrypted.

    The front is checked and opened first, so that a container that nobody here can open is not copied; but an
    authority is asked when all of it is there. The copy is to be opened with the same `gate`.
    """
    replay = Replay(stream)
    front = parse_front(replay.pull)
    if front.core.authorities:
        gate.check_front(front)
    else:
        open_front(front, identities, gate)
    return _copy(bytes(replay.seen), stream)


def spool_all(stream: BinaryIO) -> BinaryIO:
    """Like `spool`, without a key."""
    return _copy(b"", stream)


def _copy(start: bytes, stream: BinaryIO) -> BinaryIO:
    with contextlib.ExitStack() as undo:
        try:
            copy = undo.enter_context(tempfile.TemporaryFile(prefix="tera-"))
            copy.write(start)
            while data := fill(stream, 1 << 20):
                copy.write(data)
            copy.flush()
            copy.seek(0)
        except OSError as error:
            raise OutputUnavailable(
                f"the spool: {error.strerror or error}", hint="TMPDIR names a folder with more room"
            ) from None
        undo.pop_all()  # from here on the caller closes it
        return copy


class Streaming:
    """The steps of spec/container.md, "From a pipe, streaming". `extraction` gets DATA's plaintext."""

    def __init__(
        self, stream: BinaryIO, identities: Sequence[Identity], gate: Gate, *, signers: Sequence[bytes], bounds: Limits
    ) -> None:
        self._stream = stream
        self._bounds = bounds
        self._pinned = signers
        self._gate = gate
        self._front: Front = parse_front(self._pull)
        self._keys, _, _ = open_front(self._front, identities, gate)

    def run(
        self,
        folder: TargetFolder,
        *,
        wanted: Collection[str] | None,
        progress: Callable[[int], None] | None,
    ) -> Extracted:
        """Release everything to `folder` as it verifies; raise at the end if the end is wrong."""
        core = self._front.core
        extraction = Extraction(
            folder,
            sealed=isinstance(core.rules, SealedRules),
            padding=core.padding,
            on_manifest=self._enter,
            on_entry=self._gate.check_entry,
            wanted=wanted,
            bounds=self._bounds,
            progress=progress,
        )
        try:
            data = _Segment(self._pull, s.DATA, self._keys)
            try:
                for number, block, plain in data.blocks():
                    extraction.submit(_opener(data.cipher, number, block, plain))
            except TeraError:
                extraction.wait()  # a block before may be wrong too, and comes first
                raise
            found = extraction.finish()
            self._end(data, extraction)
            for path in sorted(extraction.missing):
                raise NoSuchEntry(f"{path!r} is not in the container", hint="`tera ls` lists what is")
            return found
        except BaseException:
            extraction.cancel()
            raise

    def _enter(self, manifest: Manifest) -> None:
        self._gate.check_sealed(manifest.rules)
        self._gate.enter()

    def _end(self, data: _Segment, extraction: Extraction) -> None:
        index = _Segment(self._pull, s.INDEX, self._keys)
        packed = bytearray()
        for number, block, _ in index.blocks():
            packed += open_chunks(index.cipher, memoryview(block)[s.HEADER :], number, 0, s.CHUNKS)
            if len(packed) > min(self._bounds.index, limits.INDEX):
                raise LimitExceeded("the index is larger than Limits.index")
        parsed = Index(memoryview(packed), data_plain=data.plain, padding=self._front.core.padding, bounds=self._bounds)
        columns = b"".join(extraction.seen.pack(()))
        if packed[: len(columns)] != columns:
            raise BadIndex("the index differs from the data")
        if not equal(bytes(parsed.leaves), b"".join(data.leaves)):
            raise BadRoot("the index has other leaves than the blocks that were read")
        header = s.parse_header(self._pull(s.HEADER), s.TRAILER)
        body = self._pull(header.length)
        if len(body) < header.length:
            raise Truncated("the input ends inside the trailer")
        trailer = parse_trailer(body)
        check_trailer(trailer, self._keys)
        layout = trailer.layout
        payload = data.length + index.length
        if layout.payload != payload or layout.chunks != (data.chunks, index.chunks):
            raise BadLayout("the trailer states other lengths than those that were read")
        if layout.roots != (data.root, index.root):
            raise BadRoot("the trailer has other roots than the blocks that were read")
        signers = check_signatures(self._front, trailer, self._pinned)
        digest = digests.container_digest(self._front.bind, layout.roots, layout.payload)
        self._gate.check_payload(digest, [one.fingerprint for one in signers])
        tail = self._pull(s.TAIL_SIZE)
        if len(tail) < s.TAIL_SIZE:
            raise Truncated("the input ends inside its last section")
        if parse_tail(tail) != (payload, s.HEADER + header.length):
            raise BadLayout("the input's last section states other lengths than those that were read")
        if fill(self._stream, 1):
            raise TrailingData("something follows the end of the container")

    def _pull(self, length: int) -> bytes:
        return fill(self._stream, length)


class _Segment:
    """A segment as it comes, with its leaves."""

    def __init__(self, pull: Callable[[int], bytes], kind: int, keys: KeySchedule) -> None:
        self._pull = pull
        self._kind = kind
        head = pull(s.SEGMENT_HEAD)
        s.parse_header(head, s.SEGMENT, kind=kind)
        if len(head) < s.SEGMENT_HEAD:
            raise Truncated("the input ends inside a segment's header")
        self._salt_commitment = head[s.HEADER :]
        self.cipher = keys.segment(kind, head[s.HEADER : s.HEADER + 24])
        if not equal(self.cipher.commitment, head[s.HEADER + 24 :]):
            raise SegmentCommitment("a segment was not sealed with this container's key")
        self.leaves: list[bytes] = []
        self.plain = 0

    @property
    def chunks(self) -> int:
        return s.chunk_count(self.plain)

    @property
    def length(self) -> int:
        return s.segment_length(self.plain)

    @property
    def root(self) -> bytes:
        return digests.root(self._kind, self._salt_commitment, self.chunks, b"".join(self.leaves))

    def blocks(self) -> Iterator[tuple[int, bytes, int]]:
        """Yield number, header and body, and plaintext length of each block."""
        last = False
        while not last:
            raw = self._pull(s.HEADER)
            header = s.parse_header(raw, s.BLOCK)
            body = self._pull(header.length)
            if len(body) < header.length:
                raise Truncated("the input ends inside a block")
            last = header.last
            plain = s.last_block_plain(header.length) if last else s.BLOCK_PLAIN
            number = len(self.leaves)
            block = raw + body
            self.leaves.append(digests.leaf(self._kind, number, block))
            self.plain += plain
            yield number, block, plain


def _opener(cipher: ChunkCipher, number: int, block: bytes, plain: int) -> Callable[[], memoryview]:
    return lambda: open_chunks(cipher, memoryview(block)[s.HEADER :], number, 0, s.CHUNKS)
