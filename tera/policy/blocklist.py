"""Block lists: who and what may not be opened, looked up without reading the whole list.

The law of this file: an answer comes from bytes that the issuer signed, whom the reader's configuration trusts,
never the container; or there is no answer but an error. Opening verifies header and table once (500 KB for a
million ids); a look-up reads and verifies the one page on which the id stands or would stand.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from tera.errors import (
    BadBlocklist,
    Blocked,
    BlocklistIssuer,
    BlocklistRollback,
    BlocklistSignature,
    StaleBlocklist,
)
from tera.format import signatures
from tera.format.core import Core, DynamicRules
from tera.policy import blockfile
from tera.policy.blockfile import ID, Head, Kind, blocked_id
from tera.policy.marks import Mark, MarkKey, Marks, check_issued, check_mark

ReadAt: TypeAlias = Callable[[int, int], bytes]
"""Takes an offset and a length and returns those bytes, fewer only at the end."""

Named: TypeAlias = "tuple[Kind, bytes]"
"""One thing that a list may block."""

_WORDS: Final = {
    Kind.CONTAINER: "the container",
    Kind.DIGEST: "the container with this digest,",
    Kind.SIGNER: "the signer",
    Kind.RECIPIENT: "the recipient",
    Kind.POLICY: "the policy",
    Kind.BIND: "the container with this key,",
}


@dataclass(frozen=True, slots=True)
class BlockList:
    """A verified list. `name` is what errors call it; `stale` says that it has expired and is used all the same.

    `marks` are new; the caller writes them.
    """

    head: Head
    name: str
    stale: bool
    marks: dict[MarkKey, Mark]
    _read_at: ReadAt
    _firsts: tuple[bytes, ...]
    _hashes: bytes

    @classmethod
    def open(
        cls,
        read_at: ReadAt,
        size: int,
        *,
        trusted: Collection[bytes],
        now: int,
        marks: Marks,
        name: str = "",
        stale: Literal["refuse", "allow"] = "refuse",
    ) -> BlockList:
        """Verify header and table of a file of `size` bytes; `trusted` are fingerprints of issuers.

        1. The header is possible, and the size is the one that it asks for (BadBlocklist, LimitExceeded).
        2. Its issuer is trusted (BlocklistIssuer), and has signed it (BlocklistSignature).
        3. The table is the one that was signed (BlocklistDigest), and is sorted (BadBlocklist).
        4. The version fits the mark of this issuer and list (BlocklistRollback).
        5. It was not issued in the future (ClockBehind), and has not expired (StaleBlocklist, unless allowed).
        """
        head, signature = blockfile.parse_head(read_at(0, blockfile.HEADER), size)
        name = name or head.list_id.hex()
        what = f"the block list {name}"
        issuer = head.issuer
        if issuer not in trusted:
            raise BlocklistIssuer(f"{what} is signed by {issuer.hex()[:16]}, who is not trusted with block lists")
        signatures.verify(head.public, head.message, signature, BlocklistSignature, what)
        firsts, hashes = blockfile.parse_table(head, _exactly(read_at, blockfile.HEADER, head.table_length))
        key, mark = MarkKey("blocklist", issuer, head.list_id), Mark(head.version, head.hash)
        seen = marks.get(key)
        check_mark(seen, mark.version, mark.digest, BlocklistRollback, what)
        check_issued(now, head.issued, what)
        expired = now >= head.expires
        if expired and stale != "allow":
            raise StaleBlocklist(f"{what} expired {now - head.expires:,} seconds ago")
        return cls(head, name, expired, {} if seen == mark else {key: mark}, read_at, firsts, hashes)

    def contains(self, kind: Kind, value: bytes) -> bool:
        """Say whether the list names it. Raises BlocklistDigest or BadBlocklist for a page that was changed."""
        return self.has(blocked_id(kind, value))

    def has(self, id: bytes) -> bool:
        """Say whether a `blocked_id` is on the list; raises what `contains` raises."""
        number = bisect_right(self._firsts, id) - 1
        if number < 0:
            return False
        ids = self._page(number)
        at = bisect_left(ids, id)
        return at < len(ids) and ids[at] == id

    def check(self, named: Iterable[Named]) -> None:
        """Return when the list names none of them. Raises Blocked, and what `contains` raises."""
        for kind, value in named:
            if self.contains(kind, value):
                raise Blocked(f"{_WORDS[kind]} {value.hex()[:16]} is blocked by the list {self.name}")

    def ids(self) -> Iterator[bytes]:
        """Yield every `blocked_id` in order, page by page as they are verified: for the next version."""
        for number in range(self.head.pages):
            yield from self._page(number)

    def _page(self, number: int) -> tuple[bytes, ...]:
        offset, length = self.head.page_place(number)
        hash = self._hashes[number * ID : (number + 1) * ID]
        limit = self._firsts[number + 1] if number + 1 < len(self._firsts) else None
        return blockfile.parse_page(_exactly(self._read_at, offset, length), hash, self._firsts[number], limit)


def front_names(core: Core, bind: bytes, policy_signers: Collection[bytes] = ()) -> tuple[Named, ...]:
    """Return what a container's front says that a list may block; `bind` is H_bind.

    `policy_signers` are those of the verified policy. They, the signers and the policy's id are checked before
    any key is used, with the id and H_bind.
    """
    named = [(Kind.CONTAINER, core.id), (Kind.BIND, bind)]
    named += [(Kind.SIGNER, signer) for signer in (*core.signers, *policy_signers)]
    if isinstance(core.rules, DynamicRules):
        named.append((Kind.POLICY, core.rules.policy_id))
    return tuple(named)


def _exactly(read_at: ReadAt, offset: int, length: int) -> bytes:
    data = read_at(offset, length) if length else b""
    if len(data) != length:
        raise BadBlocklist("the block list became shorter while it was read")
    return data
