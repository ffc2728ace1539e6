"""Roots, and proofs of inclusion and consistency, good and bad."""

from __future__ import annotations

from spec.vectors.audit.maker import LEAVES, Case, Grown, Maker, Text, flip
from tera.audit import tree


def trees(_: Maker) -> Text:
    made = Grown(LEAVES)
    return {
        "leaves": [leaf.hex() for leaf in LEAVES],
        "roots": [made.root(size).hex() for size in range(len(LEAVES) + 1)],
        "inclusion": inclusions(made),
        "consistency": consistencies(made),
    }


def inclusions(made: Grown) -> list[Case]:
    cases = []

    def add(name: str, index: int, size: int, proof: list[bytes], expect: str, **other: bytes) -> None:
        leaf, root = (
            other.get("leaf", made[0, index] if index < 8 else bytes(32)),
            other.get("root", made.root(min(size, 8))),
        )
        case = {"name": name, "index": index, "size": size, "leaf": leaf.hex(), "root": root.hex()}
        cases.append(case | {"proof": [one.hex() for one in proof], "expect": expect})

    for size in range(1, 9):
        for index in range(size):
            add(f"{index} of {size}", index, size, tree.inclusion(index, size, made.node), "success")
    good = tree.inclusion(5, 8, made.node)
    for name, proof in {
        "a changed hash": [flip(good[0]), *good[1:]],
        "a changed last hash": [*good[:-1], flip(good[-1], 31)],
        "a hash too few": good[:-1],
        "a hash too many": [*good, bytes(32)],
        "in another order": [good[1], good[0], good[2]],
        "a hash of 31 bytes": [good[0][:31], *good[1:]],
        "no proof": [],
    }.items():
        add(name, 5, 8, proof, "bad_log_proof")
    add("the number of another", 4, 8, good, "bad_log_proof", leaf=made[0, 5])
    add("another leaf", 5, 8, good, "bad_log_proof", leaf=made[0, 4])
    add("another root", 5, 8, good, "bad_log_proof", root=made.root(7))
    add("beyond the end", 8, 8, good, "bad_log_proof")
    add("of no events", 0, 0, [], "bad_log_proof", root=tree.EMPTY_ROOT)
    return cases


def consistencies(made: Grown) -> list[Case]:
    cases = []

    def add(name: str, old: int, new: int, proof: list[bytes], expect: str, *roots: bytes) -> None:
        old_root, new_root = roots or (made.root(old), made.root(new))
        case = {"name": name, "old": old, "new": new, "old_root": old_root.hex(), "new_root": new_root.hex()}
        cases.append(case | {"proof": [one.hex() for one in proof], "expect": expect})

    for new in range(9):
        for old in range(new + 1):
            add(f"{old} to {new}", old, new, tree.consistency(old, new, made.node), "success")
    good = tree.consistency(6, 8, made.node)
    for name, proof in {
        "a changed hash": [flip(good[0]), *good[1:]],
        "a changed last hash": [*good[:-1], flip(good[-1], 31)],
        "a hash too few": good[:-1],
        "a hash too many": [*good, bytes(32)],
        "a hash of 33 bytes": [good[0] + b"\0", *good[1:]],
        "no proof": [],
    }.items():
        add(name, 6, 8, proof, "bad_log_proof")
    add("shrunk", 8, 6, [], "bad_log_proof")
    add("swapped roots", 6, 8, good, "bad_log_proof", made.root(8), made.root(6))
    add("a fork of one size", 8, 8, [], "bad_log_proof", made.root(8), flip(made.root(8)))
    add("nothing with another root", 0, 8, [], "bad_log_proof", bytes(32), made.root(8))
    add("nothing with a proof", 0, 8, [bytes(32)], "bad_log_proof")
    add("the same with a proof", 8, 8, [bytes(32)], "bad_log_proof")
    forked = Grown([*LEAVES[:3], b"another", *LEAVES[4:]])
    add("a fork", 6, 8, tree.consistency(6, 8, forked.node), "bad_log_proof", made.root(6), forked.root(8))
    return cases
