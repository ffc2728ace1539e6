"""INDEX: columns about every entry, and the leaves of DATA.

The law of this file: the index states lengths and never an offset; offsets are sums over lengths which
must tile DATA exactly. So an index cannot show other bytes than a reader of the pipe sees. Columns stay
columns (a million entries are about 93 MB); an `Entry` is made when one is asked for.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable
from functools import cached_property
from itertools import accumulate, compress
from operator import gt
from typing import Final, NamedTuple

from tera.errors import BadIndex, LimitExceeded
from tera.format import limits, records
from tera.format import sections as s
from tera.format.digests import LEAF
from tera.format.limits import Limits
from tera.format.paths import check_tree, parse_column
from tera.format.records import DIRECTORY, FRAME_RAW

_HEAD: Final = struct.Struct(">III")
_FIXED: Final = 1 + 2 + 8 + 8 + 32 + 4
_PER_ENTRY: Final = records.HEADER + records.HEADER + records.END_BODY


class Entry(NamedTuple):
    """A file or directory as the index shows it.

    `mode` holds permission bits, `mtime` ns since 1970 UTC, `size` bytes, `b3` BLAKE3 of the content
    (zeros for a directory). `position` is its place in the container, from 0.
    """

    path: str
    type: int
    mode: int
    mtime: int
    size: int
    b3: bytes
    position: int

    @property
    def is_dir(self) -> bool:
        return self.type == DIRECTORY


class IndexBuilder:
    """Collects the columns while DATA is written."""

    def __init__(self) -> None:
        self.manifest_length = 0
        self._paths: list[bytes] = []
        self._types = bytearray()
        self._modes = array("H")
        self._mtimes = array("q")
        self._sizes = array("Q")
        self._b3 = bytearray()
        self._entries = array("I")
        self._frames = array("I")

    def __len__(self) -> int:
        return len(self._types)

    def add(self, path: bytes, type: int, mode: int, mtime: int, entry_length: int) -> None:
        """Start an entry; frames and end follow."""
        self._paths.append(path)
        self._types.append(type)
        self._modes.append(mode)
        self._mtimes.append(mtime)
        self._entries.append(entry_length)

    def add_frame(self, stored: int) -> None:
        """Add a frame of the entry that was started last."""
        self._frames.append(stored)

    def end(self, size: int, digest: bytes) -> None:
        """End the entry that was started last."""
        self._sizes.append(size)
        self._b3 += digest

    def content(self) -> Iterable[tuple[str, int, int, bytes]]:
        """Return what `digests.content_digest` takes."""
        for at, path in enumerate(self._paths):
            yield path.decode(), self._types[at], self._sizes[at], bytes(self._b3[32 * at : 32 * at + 32])

    def check(self) -> None:
        """Check the paths as a whole. Raises BadPath."""
        check_tree([path.decode() for path in self._paths], [type != DIRECTORY for type in self._types])

    def pack(self, leaves: Iterable[bytes]) -> list[bytes]:
        """Return the columns, unpadded, to be joined."""
        paths = b"".join(path + b"\0" for path in self._paths)
        head = _HEAD.pack(len(self), len(paths), self.manifest_length)
        numbers = (self._modes, self._mtimes, self._sizes)
        tail = (self._entries, self._frames)
        return [
            head,
            paths,
            bytes(self._types),
            *map(_big_endian, numbers),
            bytes(self._b3),
            *map(_big_endian, tail),
            b"".join(leaves),
        ]


class Index:
    """A parsed INDEX; every check of spec/container.md, "Index", has passed."""

    def __init__(self, plain: memoryview, *, data_plain: int, padding: int, bounds: Limits) -> None:
        """Parse. `data_plain` is the length of DATA's plaintext. Raises BadIndex, BadPath, LimitExceeded."""
        if len(plain) < _HEAD.size:
            raise BadIndex("the index ends inside its head")
        count, paths_length, self.manifest_length = _HEAD.unpack_from(plain)
        if count > bounds.entries:
            raise LimitExceeded(f"{count:,} entries; at most {bounds.entries:,} are read (Limits.entries)")
        if _HEAD.size + paths_length + count * _FIXED > len(plain):
            raise BadIndex("the index says it has more entries than it holds")
        at = _HEAD.size

        def take(length: int) -> memoryview:
            nonlocal at
            at += length
            return plain[at - length : at]

        self._names = bytes(take(paths_length))
        self._types = bytes(take(count))
        self._modes = _native("H", take(2 * count))
        self._mtimes = _native("q", take(8 * count))
        self._sizes = _native("Q", take(8 * count))
        self._b3 = take(32 * count)
        self._entry_lengths = _native("I", take(4 * count))
        self.total = sum(self._sizes)
        if self.total > bounds.total:
            raise LimitExceeded(f"{self.total:,} bytes inside; at most {bounds.total:,} are read (Limits.total)")
        frames = sum((size + FRAME_RAW - 1) >> 20 for size in self._sizes)
        blocks = s.block_count(s.chunk_count(data_plain))
        if at + 4 * frames + LEAF * blocks > len(plain):
            raise BadIndex("the index is shorter than its files and blocks need")
        self._frame_lengths = _native("I", take(4 * frames))
        self.leaves = take(LEAF * blocks)
        _check_padding(plain[at:], at, padding)
        self._check_columns(count)
        self._check_frames()
        self.records = self._record_length()
        if records.padded(self.records, padding) != data_plain:
            raise BadIndex("the lengths in the index do not add up to those of the data")
        self.paths = parse_column(self._names, count)
        self._names = b""
        check_tree(self.paths, [type != DIRECTORY for type in self._types])

    def __len__(self) -> int:
        return len(self._types)

    def __getitem__(self, position: int) -> Entry:
        return Entry(
            self.paths[position],
            self._types[position],
            self._modes[position],
            self._mtimes[position],
            self._sizes[position],
            bytes(self._b3[32 * position : 32 * position + 32]),
            position,
        )

    @cached_property
    def positions(self) -> dict[str, int]:
        """Each path's position."""
        return {path: position for position, path in enumerate(self.paths)}

    def content(self) -> Iterable[tuple[str, int, int, bytes]]:
        """Return what `digests.content_digest` takes."""
        return ((e.path, e.type, e.size, e.b3) for e in map(self.__getitem__, range(len(self))))

    def entry_length(self, position: int) -> int:
        """Return the length of an ENTRY body."""
        return self._entry_lengths[position]

    def frame(self, position: int, number: int) -> int:
        """Return the stored length of an entry's frame."""
        return self._frame_lengths[self._first_frames[position] + number]

    def stored_before(self, position: int, number: int) -> int:
        """Return the stored lengths of an entry's frames before `number`, added up."""
        first = self._first_frames[position]
        return self._stored[first + number] - self._stored[first]

    def offset(self, position: int) -> int:
        """Return where the ENTRY record starts in DATA's plaintext."""
        found: int = self._offsets[position]
        return found

    def leaf(self, block: int) -> memoryview:
        """Return the leaf of a block of DATA."""
        return self.leaves[LEAF * block : LEAF * block + LEAF]

    @cached_property
    def _first_frames(self) -> array[int]:
        counts = (records.frame_count(size) for size in self._sizes)
        return array("Q", accumulate(counts, initial=0))

    @cached_property
    def _stored(self) -> array[int]:
        return array("Q", accumulate(self._frame_lengths, initial=0))

    @cached_property
    def _offsets(self) -> array[int]:
        stored = self._stored
        firsts = self._first_frames

        def lengths() -> Iterable[int]:
            for position, entry in enumerate(self._entry_lengths):
                first, after = firsts[position], firsts[position + 1]
                yield (_PER_ENTRY + entry + (after - first) * records.FRAME_HEAD + stored[after] - stored[first])

        return array("Q", accumulate(lengths(), initial=records.HEADER + self.manifest_length))

    def _record_length(self) -> int:
        """The length of all records before the padding."""
        frames = len(self._frame_lengths) * records.FRAME_HEAD + sum(self._frame_lengths)
        total: int = records.HEADER + self.manifest_length + len(self) * _PER_ENTRY + sum(self._entry_lengths) + frames
        return total

    def _check_columns(self, count: int) -> None:
        if not 1 <= self.manifest_length <= limits.MANIFEST:
            raise BadIndex("the manifest's length is not possible")
        if self._types.translate(None, b"\0\1"):
            raise BadIndex("an entry is neither a file nor a directory")
        if not count:
            return
        if max(self._modes) > 0o777:
            raise BadIndex("a mode has more than permission bits")
        if not 1 <= min(self._entry_lengths) <= max(self._entry_lengths) <= limits.ENTRY:
            raise BadIndex("the length of an entry is not possible")
        for position in compress(range(count), self._types):
            if self._sizes[position] or self._b3[32 * position : 32 * position + 32] != records.NO_B3:
                raise BadIndex("a directory has content")

    def _check_frames(self) -> None:
        """Stored is at least 1 byte and at most raw; raw is 1 MiB but for the last frame of a file."""
        if not self._frame_lengths:
            return
        if min(self._frame_lengths) < 1 or max(self._frame_lengths) > FRAME_RAW:
            raise BadIndex("the length of a frame is not possible")
        if len(self._frame_lengths) == len(self._sizes) - self._sizes.count(0):  # one each: the common case
            wrong = any(map(gt, self._frame_lengths, filter(None, self._sizes)))
        else:
            after = self._first_frames
            wrong = any(
                self._frame_lengths[after[position + 1] - 1] > (size - 1) % FRAME_RAW + 1
                for position, size in enumerate(self._sizes)
                if size
            )
        if wrong:
            raise BadIndex("a frame is longer than what it holds")


def _check_padding(rest: memoryview, used: int, padding: int) -> None:
    if records.padded(used, padding) != used + len(rest):
        raise BadIndex("the index does not end where its columns end")
    at = 0
    for length in records.pad_lengths(used, padding):
        end = at + records.HEADER + length
        if rest[at:end] != records.pack_record(records.PAD, bytes(length)):
            raise BadIndex("the padding of the index is wrong")
        at = end


def _native(code: str, column: memoryview) -> array[int]:
    numbers = array(code)
    numbers.frombytes(column)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _big_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "little":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()
