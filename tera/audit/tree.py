"""The Merkle tree of RFC 6962 (RFC 9162, section 2.1) over SHA-256: roots, proofs, and what verifies them.

    leaf = SHA-256(0x00 || event)        node = SHA-256(0x01 || left || right)        root of nothing = SHA-256("")

The law of this file: it computes from the hashes of complete subtrees alone, which never change once
they are there, and asks for them one at a time; and what verifies a proof trusts nothing but the roots.
`node(level, index)` is the root of the 2**level leaves from index * 2**level on; level 0 is the leaves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from tera.errors import BadLogProof, NoSuchEvent

HASH_LENGTH: Final = 32
MAX_SIZE: Final = 2**63 - 1
"""What a signed 64-bit integer of a database holds."""

EMPTY_ROOT: Final = hashlib.sha256().digest()

Node: TypeAlias = Callable[[int, int], bytes]
"""`node(level, index)`: the hash (32 bytes) of a subtree that is complete."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf; its prefix keeps a leaf from passing for a node."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees joined."""
    return hashlib.sha256(b"\x01" + left + right).digest()


# --- growing --------------------------------------------------------------------------------------


def completed(index: int, leaf: bytes, node: Node) -> list[bytes]:
    """Return the hashes of the subtrees that leaf `index` completes, from level 0 (the leaf itself) upwards.

    Two on average, so storing them is all that an append costs; each is the node
    `(level, index >> level)`. Raises what `node` raises.
    """
    found = [leaf]
    level = 0
    while index >> level & 1:
        leaf = node_hash(node(level, (index >> level) - 1), leaf)
        found.append(leaf)
        level += 1
    return found


class Frontier:
    """A tree that remembers only what its next leaf needs: at most 63 hashes."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> list[bytes]:
        """Add a leaf's hash; return what `completed` does."""
        found = completed(self.size, leaf, self._left)
        if len(found) > 1:
            del self._peaks[1 - len(found) :]
        self._peaks.append(found[-1])
        self.size += 1
        return found

    def _left(self, level: int, index: int) -> bytes:
        return self._peaks[-1 - level]  # completed peaks lie from the largest to the smallest, levels 0, 1, ... last

    def root(self) -> bytes:
        """Return the root of the leaves so far."""
        return _join(self._peaks) if self._peaks else EMPTY_ROOT


def _join(peaks: Sequence[bytes]) -> bytes:
    """Join the complete subtrees of a tree, which get smaller to the right, to its root."""
    joined = peaks[-1]
    for peak in reversed(peaks[:-1]):
        joined = node_hash(peak, joined)
    return joined


# --- roots and proofs -----------------------------------------------------------------------------


def root(size: int, node: Node) -> bytes:
    """Return the root of the first `size` leaves."""
    return _range(0, size, node) if size else EMPTY_ROOT


def inclusion(index: int, size: int, node: Node) -> list[bytes]:
    """Return the proof that leaf `index` is in the tree of `size` leaves: its siblings, lowest first.

    Raises NoSuchEvent when it is not.
    """
    if not 0 <= index < size:
        raise NoSuchEvent(f"there is no event {index:,} among {size:,}")
    proof: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _left_size(high - low)
        if index < middle:
            proof.append(_range(middle, high, node))
            high = middle
        else:
            proof.append(_range(low, middle, node))
            low = middle
    proof.reverse()
    return proof


def consistency(old: int, new: int, node: Node) -> list[bytes]:
    """Return the proof that the tree of `new` leaves starts with that of `old`. Raises NoSuchEvent if old > new."""
    if not 0 <= old <= new:
        raise NoSuchEvent(f"a log of {new:,} events never had {old:,}")
    if old in (0, new):
        return []
    proof: list[bytes] = []
    low, high = 0, new
    while high != old:
        middle = low + _left_size(high - low)
        if old <= middle:
            proof.append(_range(middle, high, node))
            high = middle
        else:
            proof.append(_range(low, middle, node))
            low = middle
    if low:  # else it is the whole old tree, whose root the verifier has
        proof.append(_range(low, high, node))
    proof.reverse()
    return proof


def _left_size(size: int) -> int:
    """The largest power of two below `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1


def _range(low: int, high: int, node: Node) -> bytes:
    """The hash of leaves `low` to `high`; `low` is a multiple of a power of two that is at least high - low."""
    peaks: list[bytes] = []
    while low < high:
        level = (high - low).bit_length() - 1
        peaks.append(node(level, low >> level))
        low += 1 << level
    return _join(peaks)


# --- verifying ------------------------------------------------------------------------------------


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return when `leaf` (a leaf's hash) is number `index` of the `size` leaves below `root`. Raises BadLogProof.

    RFC 9162, section 2.1.3.2.
    """
    _check_form((leaf, *proof, root))
    if not 0 <= index < size <= MAX_SIZE:
        raise BadLogProof("the proof is of an event that is beyond the end of the log")
    fn, sn, found = index, size - 1, leaf
    for sibling in proof:
        if not sn:
            raise BadLogProof("the proof of inclusion is too long")
        if fn & 1 or fn == sn:
            found = node_hash(sibling, found)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = node_hash(found, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise BadLogProof("the proof of inclusion is too short")
    if found != root:
        raise BadLogProof("the proof of inclusion leads to another root")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Return when the `new` leaves below `new_root` start with the `old` ones below `old_root`. Raises BadLogProof.

    RFC 9162, section 2.1.4.2. A tree of no leaves is the start of every other, when its root is that of no leaves.
    """
    _check_form((old_root, *proof, new_root))
    if not 0 <= old <= new <= MAX_SIZE:
        raise BadLogProof("the newer log is shorter than the older one")
    if old in (0, new):
        if proof:
            raise BadLogProof("the proof of consistency is too long")
        if old_root != (new_root if old else EMPTY_ROOT) or (not new and new_root != EMPTY_ROOT):
            raise BadLogProof("logs of the same length, or of none, have different roots")
        return
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        raise BadLogProof("the proof of consistency is too short")
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if not sn:
            raise BadLogProof("the proof of consistency is too long")
        if fn & 1 or fn == sn:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = node_hash(second, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise BadLogProof("the proof of consistency is too short")
    if first != old_root or second != new_root:
        raise BadLogProof("the proof of consistency leads to other roots: events were changed or removed")


def _check_form(hashes: Sequence[bytes]) -> None:
    if any(len(one) != HASH_LENGTH for one in hashes):
        raise BadLogProof(f"a hash of the log has {HASH_LENGTH} bytes, and one of these has not")
