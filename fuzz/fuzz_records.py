"""However plaintext is split, `RecordReader` finds the same or fails alike; what it takes are the bytes of its events.

The first byte holds options (1: sealed rules; 2: padded; the rest: how the pieces are cut), then the plaintext.
"""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

from fuzz import oracle
from spec import reference
from tera.format import records, stream
from tera.format.records import COMPRESSED
from tera.format.stream import RecordReader


def one_input(data: bytes) -> None:
    options, plain = data[0] if data else 0, data[1:]
    sealed, padding = bool(options & 1), options >> 1 & 1
    chance = Random(options)
    most = chance.choice((1, 7, 64, 1 << 20))
    whole = oracle.tera(_events, plain, sealed, padding, [len(plain)])
    split = oracle.tera(_events, plain, sealed, padding, [chance.randint(1, most) for _ in range(len(plain))])
    if not isinstance(whole, oracle.Taken):
        assert type(split) is type(whole) and str(split) == str(whole), (split, whole)
    else:
        assert isinstance(split, oracle.Taken) and split.value == whole.value
        out = b"".join(whole.value)
        pads = [records.pack_record(records.PAD, bytes(size)) for size in records.pad_lengths(len(out), padding)]
        assert out + b"".join(pads) == plain
    # The reference also opens the frames and compares the digests, so it may take less, but no more.
    front: Any = SimpleNamespace(core={"pol": {"m": "sealed" if sealed else "none"}, "pad": padding})
    other = oracle.reference(reference.read_records, front, reference.Stream(iter([plain])), None, True, [])
    assert isinstance(whole, oracle.Taken) or not isinstance(other, oracle.Taken), whole


def _events(plain: bytes, sealed: bool, padding: int, lengths: list[int]) -> list[bytes]:
    """Return the records as they were found, each packed again; content in one piece."""
    reader = RecordReader(sealed=sealed, padding=padding)
    out, at = [b""], 0
    for length in lengths:
        for event in reader.feed(memoryview(plain)[at : at + length]):
            match event:
                case stream.ManifestFound(manifest):
                    out.append(records.pack_record(records.MANIFEST, manifest.pack()))
                case stream.EntryFound(head):
                    out.append(records.pack_record(records.ENTRY, head.pack()))
                case stream.FrameFound(raw, stored):
                    out.append(records.pack_frame_head(raw, stored))
                    assert out[-1][1] in (0, COMPRESSED)
                case stream.Piece(content) | stream.Packed(content):
                    out[-1] += bytes(content)
                case stream.EndFound(size, digest):
                    out.append(records.pack_end(size, digest))
        at += length
    reader.finish()
    return out
