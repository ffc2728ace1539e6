"""An index that is taken is the encoding of what it shows, its offsets tile DATA, and the reference takes it too.

The first byte holds options (1: padded; 2: DATA has the length that the index itself states), four more the
length of DATA, the rest is the plaintext.
"""

from __future__ import annotations

from itertools import pairwise

from fuzz import oracle
from spec import reference
from tera.format import records
from tera.format import sections as s
from tera.format.index import Index, IndexBuilder
from tera.format.limits import Limits


def one_input(data: bytes) -> None:
    options, stated, plain = data[:1] + b"\0", int.from_bytes(data[1:5], "big"), data[5:]
    padding = options[0] & 1
    length = records.padded(_described(plain), padding) if options[0] & 2 else stated
    bounds = Limits()
    found = oracle.tera(Index, memoryview(plain), data_plain=length, padding=padding, bounds=bounds)
    blocks = s.block_count(s.chunk_count(length))
    other = oracle.reference(reference.parse_index, plain, padding, blocks, length)
    if isinstance(other, oracle.Taken) and not all((other.value.manifest, *(row.length for row in other.value.rows))):
        return  # the reference leaves a length of 0 to the reader of the records
    oracle.same_verdict(found, other)
    if isinstance(found, oracle.Taken):
        index = found.value
        assert b"".join([*_packed(index), *_padding(plain, padding)]) == plain
        ends = [index.offset(at) for at in range(len(index) + 1)]
        assert ends[0] == records.HEADER + index.manifest_length and ends[-1] == index.records
        assert all(before < after for before, after in pairwise(ends))


def _packed(index: Index) -> list[bytes]:
    builder = IndexBuilder()
    builder.manifest_length = index.manifest_length
    for at in range(len(index)):
        entry = index[at]
        builder.add(entry.path.encode(), entry.type, entry.mode, entry.mtime, index.entry_length(at))
        for number in range(records.frame_count(entry.size)):
            builder.add_frame(index.frame(at, number))
        builder.end(entry.size, entry.b3)
    return builder.pack([bytes(index.leaves)])


def _padding(plain: bytes, padding: int) -> list[bytes]:
    """Return the padding of the shortest columns that it brings to the length of `plain`, if it is there."""
    for used in range(len(plain) + 1) if padding else ():
        pads = [records.pack_record(records.PAD, bytes(size)) for size in records.pad_lengths(used, padding)]
        if records.padded(used, padding) == len(plain) and plain.endswith(b"".join(pads)):
            return pads
    return []


def _described(plain: bytes) -> int:
    """Return the length of the records that the columns describe, as far as they are there."""
    count, paths, manifest = (int.from_bytes(plain[at : at + 4], "big") for at in (0, 4, 8))
    at = 12 + paths + count * (1 + 2 + 8)
    if count > len(plain) or at > len(plain):
        return 0
    sizes = [int.from_bytes(plain[at + 8 * i : at + 8 * i + 8], "big") for i in range(count)]
    frames = sum(map(records.frame_count, sizes))
    at += count * (8 + 32)
    if frames > len(plain):
        return 0
    lengths = [int.from_bytes(plain[at + 4 * i : at + 4 * i + 4], "big") for i in range(count + frames)]
    return records.HEADER + manifest + sum(lengths) + count * 56 + frames * records.FRAME_HEAD
