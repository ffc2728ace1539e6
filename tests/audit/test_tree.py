"""The tree is that of RFC 6962: its published roots and proofs come out, and no other proof is believed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tera.audit import tree
from tera.errors import BadLogProof, NoSuchEvent
from tests.audit import naive

H = bytes.fromhex

# The vectors of certificate-transparency (transparency-dev/merkle, proof/verify_test.go); leaves count from 0 here.
LEAVES = [
    H(t) for t in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", bytes(range(0x60, 0x70)).hex())
]
ROOTS = [
    H(text)
    for text in """
    6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
    fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125
    aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77
    d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7
    4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4
    76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef
    ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c
    5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328
    """.split()
]
_A = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
_B = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
_C = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
_D = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
_E = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
_F = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
_G = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"
INCLUSION = {
    (0, 1): "",
    (0, 8): f"{_A} {_B} {_C}",
    (5, 8): f"{_D} {_E} {ROOTS[3].hex()}",
    (2, 3): ROOTS[1].hex(),
    (1, 5): f"{ROOTS[0].hex()} {_B} {_D}",
}
CONSISTENCY = {
    (1, 1): "",
    (1, 8): f"{_A} {_B} {_C}",
    (6, 8): f"{_F} {_E} {ROOTS[3].hex()}",
    (2, 5): f"{_B} {_D}",
    (6, 7): f"{_F} {_G} {ROOTS[3].hex()}",
}
SOME = bytes(range(32))
Proof = list[bytes]


class Nodes:
    """Every complete subtree of a tree, and how often one was asked for."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.kept: dict[tuple[int, int], bytes] = {}
        self.asked = 0
        for index, leaf in enumerate(leaves):
            for level, node in enumerate(tree.completed(index, tree.leaf_hash(leaf), self)):
                self.kept[level, index >> level] = node

    def __call__(self, level: int, index: int) -> bytes:
        self.asked += 1
        return self.kept[level, index]


def numbered(size: int) -> list[bytes]:
    return [b"%d" % at for at in range(size)]


# --- what is published ------------------------------------------------------------------------------


def test_the_published_roots_come_out() -> None:
    frontier, nodes = tree.Frontier(), Nodes(LEAVES)
    assert tree.root(0, nodes) == frontier.root() == hashlib.sha256(b"").digest() == tree.EMPTY_ROOT
    for size, root in enumerate(ROOTS, 1):
        frontier.append(tree.leaf_hash(LEAVES[size - 1]))
        assert (frontier.size, frontier.root()) == (size, root)
        assert tree.root(size, nodes) == root


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_the_published_proofs_of_inclusion_come_out(index: int, size: int) -> None:
    proof = tree.inclusion(index, size, Nodes(LEAVES))
    assert proof == [H(text) for text in INCLUSION[index, size].split()]
    tree.verify_inclusion(tree.leaf_hash(LEAVES[index]), index, size, proof, ROOTS[size - 1])


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_the_published_proofs_of_consistency_come_out(old: int, new: int) -> None:
    proof = tree.consistency(old, new, Nodes(LEAVES))
    assert proof == [H(text) for text in CONSISTENCY[old, new].split()]
    tree.verify_consistency(old, new, proof, ROOTS[old - 1], ROOTS[new - 1])


# --- against the words of the RFC -------------------------------------------------------------------


def test_every_root_and_proof_of_inclusion_up_to_70_is_that_of_the_text() -> None:
    leaves, nodes, ran = numbered(70), Nodes(numbered(70)), 0
    for size in range(1, 71):
        root = naive.mth(leaves[:size])
        assert tree.root(size, nodes) == root
        for index in range(size):
            proof = tree.inclusion(index, size, nodes)
            assert proof == naive.path(index, leaves[:size])
            tree.verify_inclusion(tree.leaf_hash(leaves[index]), index, size, proof, root)
            ran += 1
    assert ran == 70 * 71 // 2


def test_every_proof_of_consistency_up_to_70_is_that_of_the_text() -> None:
    leaves, nodes, ran = numbered(70), Nodes(numbered(70)), 0
    roots = [naive.mth(leaves[:size]) for size in range(71)]
    for new in range(71):
        for old in range(new + 1):
            proof = tree.consistency(old, new, nodes)
            assert proof == (naive.proof(old, leaves[:new]) if old else [])
            tree.verify_consistency(old, new, proof, roots[old], roots[new])
            ran += 1
    assert ran == 71 * 72 // 2


BIG = numbered(5_000)
BIG_NODES = Nodes(BIG)


@settings(max_examples=60)
@given(st.data())
def test_a_large_tree_proves_what_it_holds_with_few_hashes(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, len(BIG)))
    old, index = data.draw(st.integers(0, new)), data.draw(st.integers(0, new - 1))
    root, BIG_NODES.asked = tree.root(new, BIG_NODES), 0
    proof = tree.inclusion(index, new, BIG_NODES)
    tree.verify_inclusion(tree.leaf_hash(BIG[index]), index, new, proof, root)
    assert len(proof) <= 13
    assert BIG_NODES.asked <= 2 * 13
    BIG_NODES.asked = 0
    proof = tree.consistency(old, new, BIG_NODES)
    tree.verify_consistency(old, new, proof, tree.root(old, BIG_NODES), root)
    assert len(proof) <= 14


def test_a_tree_of_the_largest_size_is_proven_and_verified() -> None:
    def same(level: int, index: int) -> bytes:
        return levels[level]

    levels = [tree.leaf_hash(b"")]
    for _ in range(63):
        levels.append(tree.node_hash(levels[-1], levels[-1]))
    root = tree.root(tree.MAX_SIZE, same)
    for index in (0, 1, 2**40 - 1, 2**62, tree.MAX_SIZE - 1):
        proof = tree.inclusion(index, tree.MAX_SIZE, same)
        tree.verify_inclusion(levels[0], index, tree.MAX_SIZE, proof, root)
    with pytest.raises(BadLogProof):
        tree.verify_inclusion(levels[0], 0, 2**64, proof, root)


def test_an_append_needs_two_hashes_on_average() -> None:
    frontier = tree.Frontier()
    assert sum(len(frontier.append(tree.leaf_hash(leaf))) for leaf in BIG) <= 2 * len(BIG)
    assert frontier.root() == tree.root(len(BIG), BIG_NODES)


# --- refusals ---------------------------------------------------------------------------------------


def flips(proof: Proof) -> Iterator[Proof]:
    for at, one in enumerate(proof):
        for bit in range(256):
            wrong = int.from_bytes(one, "big") ^ 1 << bit
            yield [*proof[:at], wrong.to_bytes(32, "big"), *proof[at + 1 :]]


def other_lengths(proof: Proof, *roots: bytes) -> Iterator[Proof]:
    yield from ([*proof, extra] for extra in (*roots, SOME, b""))
    yield from ([extra, *proof] for extra in (*roots, SOME, b""))
    if proof:
        yield proof[:-1]
        yield proof[1:]
        yield [proof[0], *proof]
        yield [*proof[:-1], proof[-1][:-1]]
        yield [*proof[:-1], proof[-1] + b"\0"]
        yield [proof[0], SOME, *proof[1:]]


def test_every_flipped_bit_of_a_proof_of_inclusion_is_refused() -> None:
    nodes, ran = Nodes(LEAVES), 0
    for size in range(1, 9):
        for index in range(size):
            leaf = tree.leaf_hash(LEAVES[index])
            proof = tree.inclusion(index, size, nodes)
            for wrong in (*flips(proof), *other_lengths(proof, ROOTS[size - 1])):
                with pytest.raises(BadLogProof):
                    tree.verify_inclusion(leaf, index, size, wrong, ROOTS[size - 1])
                ran += 1
    assert ran > 20_000


def test_every_flipped_bit_of_a_leaf_and_a_root_is_refused() -> None:
    leaf, proof = tree.leaf_hash(LEAVES[5]), tree.inclusion(5, 8, Nodes(LEAVES))
    for wrong in flips([leaf, ROOTS[7]]):
        with pytest.raises(BadLogProof):
            tree.verify_inclusion(wrong[0], 5, 8, proof, wrong[1])


def test_an_event_with_the_number_of_another_is_refused() -> None:
    nodes, ran = Nodes(numbered(20)), 0
    for size in range(1, 21):
        for index in range(size):
            proof, leaf = tree.inclusion(index, size, nodes), nodes(0, index)
            for other in {*range(-1, size + 2), 2**63} - {index}:
                with pytest.raises(BadLogProof):
                    tree.verify_inclusion(leaf, other, size, proof, tree.root(size, nodes))
                ran += 1
    assert ran > 2_000


def test_a_node_is_not_an_event() -> None:
    # Without the prefixes, the two halves of a tree would be the leaves of a tree of two with the same root.
    nodes = Nodes(LEAVES)
    with pytest.raises(BadLogProof):
        tree.verify_inclusion(tree.leaf_hash(nodes(0, 0) + nodes(0, 1)), 0, 2, [nodes(1, 1)], ROOTS[3])


def test_every_flipped_bit_of_a_proof_of_consistency_is_refused() -> None:
    nodes, ran = Nodes(LEAVES), 0
    for new in range(1, 9):
        for old in range(1, new + 1):
            proof, ends = tree.consistency(old, new, nodes), (ROOTS[old - 1], ROOTS[new - 1])
            for wrong in (*flips(proof), *other_lengths(proof, *ends)):
                with pytest.raises(BadLogProof):
                    tree.verify_consistency(old, new, wrong, *ends)
                ran += 1
            for roots in flips(list(ends)):
                with pytest.raises(BadLogProof):
                    tree.verify_consistency(old, new, proof, *roots)
    assert ran > 18_000


@pytest.mark.parametrize(("old", "new"), [pair for pair in CONSISTENCY if pair != (1, 1)])
def test_a_proof_of_consistency_of_other_sizes_is_refused(old: int, new: int) -> None:
    proof = tree.consistency(old, new, Nodes(LEAVES))
    for sizes in ((old - 1, new), (old + 1, new), (old ^ 2, new), (old, 2 * new), (old, new // 2), (new, old)):
        with pytest.raises(BadLogProof):
            tree.verify_consistency(*sizes, proof, ROOTS[old - 1], ROOTS[new - 1])
    with pytest.raises(BadLogProof):
        tree.verify_consistency(old, new, proof, ROOTS[new - 1], ROOTS[old - 1])
    with pytest.raises(BadLogProof):
        tree.verify_consistency(old, new, [], ROOTS[old - 1], ROOTS[new - 1])


@pytest.mark.parametrize(
    ("old", "new", "old_root", "new_root"),
    [
        (0, 0, SOME, SOME),
        (0, 0, tree.EMPTY_ROOT, SOME),
        (0, 1, SOME, ROOTS[0]),
        (1, 1, ROOTS[0], SOME),
        (-1, 1, ROOTS[0], ROOTS[0]),
        (1, 2**63, ROOTS[0], ROOTS[0]),
    ],
)
def test_an_end_that_cannot_be_is_refused(old: int, new: int, old_root: bytes, new_root: bytes) -> None:
    with pytest.raises(BadLogProof):
        tree.verify_consistency(old, new, [], old_root, new_root)


def test_a_fork_has_no_proof_of_consistency() -> None:
    ours, theirs = numbered(20), numbered(20)
    theirs[7] = b"another"
    one, two = Nodes(ours), Nodes(theirs)
    for new in range(8, 21):
        for old in range(8, new + 1):
            for proof in (tree.consistency(old, new, one), tree.consistency(old, new, two)):
                with pytest.raises(BadLogProof):
                    tree.verify_consistency(old, new, proof, tree.root(old, one), tree.root(new, two))


def test_a_proof_of_what_is_not_there_is_refused() -> None:
    nodes = Nodes(LEAVES)
    for index, size in ((-1, 8), (8, 8), (0, 0)):
        with pytest.raises(NoSuchEvent):
            tree.inclusion(index, size, nodes)
    for old, new in ((-1, 8), (8, 7)):
        with pytest.raises(NoSuchEvent):
            tree.consistency(old, new, nodes)
