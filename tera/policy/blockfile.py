"""The block list's file: a signed header of fixed size, a table of page hashes, and pages of sorted ids.

The law of this file: every offset and every byte of a block list is known here, and here only. All lengths
follow from the number of ids, so that a list of ids under one header has one encoding.

    header   5,453 bytes, `_HEAD` || public key || signature
    table    the first id of each page, 32 bytes each || the hash of each page, 32 bytes each
    pages    128 ids of 32 bytes, strictly ascending over all pages; only the last may be shorter

An id in it is the hash of a kind and of what is blocked: so all have one length and one order, one search
answers for every kind, and a list that goes to many readers shows none of them what else is on it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from operator import lt
from typing import Final

from tera.crypto import signing
from tera.crypto.hashes import b3, sha256
from tera.crypto.signing import SigningKey
from tera.errors import BadBlocklist, BadInput, BlocklistDigest, LimitExceeded
from tera.format import limits, signatures
from tera.format.trailer import COMPOSITE
from tera.policy.marks import VERSION_MAX

MAGIC: Final = b"\x89TERB\r\n\x1a"
ID: Final = 32
PAGE_IDS: Final = 128
PAGE: Final = PAGE_IDS * ID
MAX_IDS: Final = 1 << 24
"""16,777,216 ids: a table of 8 MiB before half a gigabyte of pages."""

_HEAD: Final = struct.Struct(">8sBBHI16sQQQQ32s")
_SIGNED: Final = _HEAD.size + signing.PUBLIC_LENGTH
HEADER: Final = _SIGNED + signing.SIGNATURE_LENGTH

_LABEL: Final = b"tera/v1/blocklist\0"
_TABLE_LABEL: Final = b"tera/v1/blocklist-table\0"
_PAGE_LABEL: Final = b"tera/v1/blocklist-page\0"
_ID_LABEL: Final = b"tera/v1/blocked\0"
_ID_LENGTHS: Final = (16, 32, 32, 32, 16, 32)


class Kind(IntEnum):
    """What is blocked. Ids of containers and policies have 16 bytes, everything else has 32."""

    CONTAINER = 1  # CORE's id: chosen by the writer, so a look-alike is blocked with it
    DIGEST = 2  # container_digest
    SIGNER = 3  # fingerprint of a signing key
    RECIPIENT = 4  # fingerprint of a KEM key
    POLICY = 5  # CORE's pid
    BIND = 6  # H_bind: this container with this key


@dataclass(frozen=True, slots=True)
class Head:
    """What the header says. `list_id` has 16 bytes; `issued` and `expires` are seconds since 1970 UTC.

    `count` is the number of ids, `table` the hash of the table, `public` the issuer's raw key.
    """

    list_id: bytes
    version: int
    issued: int
    expires: int
    count: int
    table: bytes
    public: bytes

    @property
    def issuer(self) -> bytes:
        """The issuer's fingerprint."""
        return signatures.signer_name(self.public)

    @property
    def pages(self) -> int:
        return -(-self.count // PAGE_IDS)

    @property
    def table_length(self) -> int:
        return 2 * ID * self.pages

    @property
    def size(self) -> int:
        """The length of the whole file."""
        return HEADER + self.table_length + ID * self.count

    def page_place(self, number: int) -> tuple[int, int]:
        """Return where page `number` starts, and how long it is."""
        ids = min(PAGE_IDS, self.count - number * PAGE_IDS)
        return HEADER + self.table_length + number * PAGE, ids * ID

    def pack(self) -> bytes:
        """Return the header without its signature."""
        numbers = self.version, self.issued, self.expires, self.count
        return _HEAD.pack(MAGIC, 1, 0, COMPOSITE, 0, self.list_id, *numbers, self.table) + self.public

    @property
    def message(self) -> bytes:
        """What the issuer signs."""
        return _LABEL + self.pack()

    @property
    def hash(self) -> bytes:
        """What a mark remembers of this version (32 bytes)."""
        return sha256(self.message)


def blocked_id(kind: Kind, value: bytes) -> bytes:
    """Return the 32 bytes that stand in a list for `value`. Raises BadInput for another length than the kind's."""
    if len(value) != _ID_LENGTHS[kind - 1]:
        raise BadInput(f"a {kind.name.lower()} is blocked by {_ID_LENGTHS[kind - 1]} bytes, not by {len(value)}")
    return sha256(_ID_LABEL, bytes((kind,)), value)


def parse_head(data: bytes, size: int) -> tuple[Head, bytes]:
    """Parse the header of a file of `size` bytes; return it and its signature, which is not verified.

    Raises BadBlocklist, or LimitExceeded for more ids than a list can have.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise BadBlocklist("it is not a block list")
    if len(data) < HEADER:
        raise BadBlocklist("the block list ends inside its header")
    _, major, minor, algorithm, zero, list_id, version, issued, expires, count, table = _HEAD.unpack_from(data)
    if (major, minor, algorithm, zero) != (1, 0, COMPOSITE, 0):
        raise BadBlocklist(f"block list version {major}.{minor}, algorithm {algorithm}: only 1.0, 1 is known")
    if not 1 <= version <= VERSION_MAX:
        raise BadBlocklist(f"a block list cannot have version {version:,}")
    if not issued < expires <= limits.TIME_MAX:
        raise BadBlocklist("the block list's times are not in order")
    if count > MAX_IDS:
        raise LimitExceeded(f"the block list has {count:,} ids, at most {MAX_IDS:,} are read", hint="split it")
    head = Head(list_id, version, issued, expires, count, table, data[_HEAD.size : _SIGNED])
    if size != head.size:
        what = "ends too early" if size < head.size else "has bytes after its end"
        raise BadBlocklist(f"the block list {what}: {size:,} bytes, {count:,} ids need {head.size:,}")
    return head, data[_SIGNED:HEADER]


def parse_table(head: Head, data: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """Verify the table; return the first id of each page, and the pages' hashes joined.

    Raises BlocklistDigest when it is not the one that was signed, BadBlocklist when its ids do not ascend.
    """
    if b3(_TABLE_LABEL + data) != head.table:
        raise BlocklistDigest("the block list's table is not the one that its issuer signed")
    firsts = _ids(data[: len(data) // 2])
    if not _ascending(firsts):
        raise BadBlocklist("the block list's pages are not sorted, or one stands there twice")
    return firsts, data[len(data) // 2 :]


def parse_page(data: bytes, hash: bytes, first: bytes, limit: bytes | None) -> tuple[bytes, ...]:
    """Verify a page that starts with `first` and lies below `limit`, the next page's first; return its ids.

    Raises BlocklistDigest when it is not the one that was signed, BadBlocklist when its ids do not ascend.
    """
    if b3(_PAGE_LABEL + data) != hash:
        raise BlocklistDigest("a page of the block list is not the one that its issuer signed")
    ids = _ids(data)
    if not _ascending(ids):
        raise BadBlocklist("the block list's ids are not sorted, or one stands there twice")
    if ids[0] != first or (limit is not None and ids[-1] >= limit):
        raise BadBlocklist("a page of the block list is not where its table says")
    return ids


def build_blocklist(
    ids: Iterable[bytes], key: SigningKey, *, list_id: bytes, version: int, issued: int, expires: int
) -> bytes:
    """Return the whole file for a set of `blocked_id`s. Raises BadInput for what no reader would take.

    A list may be empty: that nothing is blocked any more is something to say.
    """
    ordered = sorted(set(ids))
    if len(list_id) != 16 or any(len(one) != ID for one in ordered) or len(ordered) > MAX_IDS:
        raise BadInput(f"a block list has an id of 16 bytes, and at most {MAX_IDS:,} ids of {ID} bytes")
    if not 1 <= version <= VERSION_MAX or not 0 <= issued < expires <= limits.TIME_MAX:
        raise BadInput("a block list has a version from 1 on, and expires after it was issued")
    pages = [b"".join(ordered[at : at + PAGE_IDS]) for at in range(0, len(ordered), PAGE_IDS)]
    table = b"".join([*ordered[::PAGE_IDS], *(b3(_PAGE_LABEL + page) for page in pages)])
    head = Head(list_id, version, issued, expires, len(ordered), b3(_TABLE_LABEL + table), key.public)
    signature = key.sign(head.message, signatures.CONTEXT)
    return b"".join([head.pack(), signature, table, *pages])


def _ids(data: bytes) -> tuple[bytes, ...]:
    # A format of its own length: 4 times as fast as slices. Struct, since `struct.unpack` would keep every format.
    return struct.Struct(f"{ID}s" * (len(data) // ID)).unpack(data)


def _ascending(ids: tuple[bytes, ...]) -> bool:
    return all(map(lt, ids, islice(ids, 1, None)))
