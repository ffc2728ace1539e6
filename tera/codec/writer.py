"""Writing: records in order to blocks in order, and everything that comes after the last of them.

The law of this file: the container's bytes, from preamble to tail, go to the output here and nowhere else.
A unit of work has its turn at one turnstile to append its records, and at a second one, if the output is
a pipe, to write its blocks; encryption and hashing happen between them, in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tera.codec.buffers import FramePool
from tera.codec.output import Output
from tera.codec.pipeline import Pipeline, Turnstile
from tera.codec.segment import SegmentWriter
from tera.codec.signers import signer_fingerprint
from tera.crypto.chunked import SALT_LENGTH
from tera.crypto.random import Random
from tera.crypto.signing import SigningKey
from tera.errors import BadInput, BadPath, LimitExceeded
from tera.format import digests, limits, records, trailer
from tera.format import sections as s
from tera.format.index import IndexBuilder
from tera.format.schedule import KeySchedule, signed_message

SIGNING_CONTEXT: Final = b"tera/v1"


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: container digest in its text form, content digest, and the file's size in bytes."""

    digest: str
    content_digest: bytes
    size: int


class ContainerWriter:
    """Writes one container behind `head`, which is everything before the payload.

    Units are submitted to `pipeline` and call `assemble` once each.
    """

    def __init__(
        self,
        output: Output,
        keys: KeySchedule,
        head: bytes,
        manifest: bytes,
        *,
        padding: int,
        random: Random,
        progress: Callable[[int], None],
        workers: int | None,
    ) -> None:
        self.index = IndexBuilder()
        self.index.manifest_length = len(manifest)
        self.pool = FramePool()
        self.plain = 0
        self._output = output
        self._keys = keys
        self._random = random
        self._padding = padding
        self._progress = progress
        self._payload = len(head)
        self._data = self._segment(s.DATA, self._payload)
        self._data.append(records.pack_record(records.MANIFEST, manifest))
        self._assembly, self._writing = Turnstile(), Turnstile()
        self.pipeline = Pipeline(self._assembly, self._writing, workers=workers)
        output.write_at(0, head)
        output.write_at(self._payload, self._data.head)

    def close(self, signers: Sequence[SigningKey]) -> Written:
        """Wait for all units, write index and trailer, sign, make the output durable and visible."""
        self.pipeline.close()
        try:
            self.index.check()
        except BadPath as error:
            raise BadInput(str(error), hint="give one of them another name") from None
        if len(self.index) > limits.DEFAULT.entries:
            raise LimitExceeded(
                f"{len(self.index):,} entries, but readers take {limits.DEFAULT.entries:,}",
                hint="seal them in several containers",
            )
        self._finish_segment(self._data, self._data.plain)
        index = self._segment(s.INDEX, self._payload + self._data.length)
        self._output.write_at(index.start, index.head)
        for column in self.index.pack(self._data.leaves):
            index.append(column)
            self._write_now(index)
        self._finish_segment(index, index.plain)
        payload = self._data.length + index.length
        roots = (self._data.root, index.root)
        layout = trailer.Layout(payload, (self._data.chunks, index.chunks), roots)
        section = self._trailer(layout.pack(), signers)
        self._output.write_at(self._payload + payload, section)
        tail = trailer.pack_tail(payload, len(section))
        self._output.write_at(self._payload + payload + len(section), tail)
        self._output.commit()
        return Written(
            digest=digests.show(digests.container_digest(self._keys.bind, roots, payload)),
            content_digest=digests.content_digest(self.index.content()),
            size=self._payload + payload + len(section) + len(tail),
        )

    def abort(self) -> None:
        """Stop the units, leave nothing behind."""
        self.pipeline.cancel()
        self._output.abort()

    def _trailer(self, packed: bytes, signers: Sequence[SigningKey]) -> bytes:
        message = signed_message(self._keys.bind, packed)
        named = sorted({signer_fingerprint(key.public): key for key in signers}.items(), key=lambda item: item[0])
        signatures = tuple(
            trailer.Signature(name, key.public, key.sign(message, SIGNING_CONTEXT)) for name, key in named
        )
        return trailer.pack_trailer(packed, self._keys.trailer_mac(packed), signatures)

    def assemble(
        self,
        number: int,
        note: Callable[[], bytes],
        data: bytes | bytearray | memoryview = b"",
        plain: int = 0,
    ) -> None:
        """In turn: append what `note` returns, and `data`; then seal the blocks that are full."""
        self._assembly.wait(number)
        self._data.append(note())
        self._data.append(data)
        blocks = self._data.cut()
        self.plain += plain
        self._assembly.done(number)
        self._write(number, self._data, blocks)
        if plain:
            self._progress(plain)

    def _write(self, number: int, segment: SegmentWriter, blocks: list[tuple[int, list[memoryview]]]) -> None:
        ordered = self._output.ordered
        if not ordered:
            for block, pieces in blocks:
                self._output.write_at(*segment.seal(block, pieces))
            return
        sealed = [segment.seal(*blocks[0])] if blocks else []
        self._writing.wait(number)
        for offset, data in sealed:
            self._output.write_at(offset, data)
        for block, pieces in blocks[1:]:
            self._output.write_at(*segment.seal(block, pieces))
        self._writing.done(number)

    def _finish_segment(self, segment: SegmentWriter, length: int) -> None:
        """Pad, and seal what is left; the pipeline is idle."""
        zeros = bytes(records.FULL_PAD + records.HEADER)
        for pad in records.pad_lengths(length, self._padding):
            segment.append(records.pack_record(records.PAD, b"")[:4] + pad.to_bytes(4, "big"))
            segment.append(memoryview(zeros)[:pad])
            self._write_now(segment)
        self._write_now(segment)
        number, pieces = segment.cut_last()
        self._output.write_at(*segment.seal(number, pieces, last=True))

    def _write_now(self, segment: SegmentWriter) -> None:
        for number, pieces in segment.cut():
            self._output.write_at(*segment.seal(number, pieces))

    def _segment(self, kind: int, start: int) -> SegmentWriter:
        salt = self._random(SALT_LENGTH)
        return SegmentWriter(kind, self._keys.segment(kind, salt), salt, start, self.pool.give)
