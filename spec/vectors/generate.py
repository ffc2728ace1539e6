"""Makes the vectors again: `python -m spec.vectors.generate` writes them, `--check` compares.

The law of this file: the same files come out in every run. What cannot (HPKE encapsulations, signatures) is kept
in `once.txt`; zlib may pack a body in another way, so vectors are compared by what they hold.
"""

from __future__ import annotations

import sys

from spec.vectors import (
    access,
    encoding,
    ends,
    fixed,
    frames,
    front,
    index,
    inside,
    orders,
    paths,
    payload,
    recipients,
    whole,
)
from spec.vectors.cases import Cases
from spec.vectors.form import FOLDER, SUFFIX, Vector, load, names

GROUPS = (front, encoding, access, recipients, whole, payload, inside, frames, paths, index, ends, orders)


def make() -> dict[str, Vector]:
    """Return all vectors by name."""
    cases = Cases()
    for group in GROUPS:
        for part in group.PARTS:
            part(cases)
    return dict(cases)


def check(made: dict[str, Vector]) -> list[str]:
    """Return the names of those that are missing, too many or different on disk."""
    there = set(names())
    wrong = sorted(there ^ made.keys())
    wrong += [name for name in sorted(there & made.keys()) if load(name) != made[name]]
    if fixed.ONCE.path.read_bytes() != fixed.ONCE.dump():
        wrong.append(fixed.ONCE.path.name)
    return wrong


def write(made: dict[str, Vector]) -> None:
    """Write what is new or different, remove what is no vector any more."""
    for name in set(names()) - made.keys():
        (FOLDER / f"{name}{SUFFIX}").unlink()
        print(f"removed {name}")
    there = set(names())
    for name, vector in made.items():
        if name not in there or load(name) != vector:
            (FOLDER / f"{name}{SUFFIX}").write_bytes(vector.dump())
            print(f"wrote {name}")
    fixed.ONCE.path.write_bytes(fixed.ONCE.dump())


def main(arguments: list[str]) -> int:
    made = make()
    if arguments == ["--check"]:
        wrong = check(made)
        print(*(f"different: {name}" for name in wrong), f"{len(made)} vectors", sep="\n")
        return bool(wrong)
    if arguments:
        print("usage: python -m spec.vectors.generate [--check]", file=sys.stderr)
        return 2
    write(made)
    print(f"{len(made)} vectors")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
