"""Makes the vectors of `policy.md`: `python -m spec.vectors.policy.generate` writes them, `--check` compares.

The law of this file: the same files come out in every run; signatures are kept in `once.txt`, and vectors are
compared by what they hold.
"""

from __future__ import annotations

import sys

from spec.vectors.policy import blocklists, envelopes
from spec.vectors.policy.form import BLOCKLIST, ENVELOPE, FOLDER, SUFFIX, Vector, load, names
from spec.vectors.policy.kept import KEPT


def make() -> dict[str, Vector]:
    """Return all vectors by name. Raises ValueError when two have one name."""
    made: dict[str, Vector] = {}
    for part in (*envelopes.PARTS, *blocklists.PARTS):
        for name, vector in part():
            if name in made:
                raise ValueError(f"two vectors are called {name}")
            made[name] = vector
    return made


def different(made: dict[str, Vector]) -> list[str]:
    """Return the names of those that are missing, too many or different on disk."""
    there = {*names(ENVELOPE), *names(BLOCKLIST)}
    wrong = there ^ made.keys() | {name for name in there & made.keys() if load(name) != made[name]}
    if not KEPT.path.exists() or KEPT.path.read_bytes() != KEPT.dump():
        wrong.add(KEPT.path.name)
    return sorted(wrong)


def main(arguments: list[str]) -> int:
    made = make()
    wrong = different(made)
    if arguments == ["--check"]:
        print(*(f"different: {name}" for name in wrong), f"{len(made)} vectors", sep="\n")
        return bool(wrong)
    if arguments:
        print("usage: python -m spec.vectors.policy.generate [--check]", file=sys.stderr)
        return 2
    for name in wrong:
        path = FOLDER / f"{name}{SUFFIX}"
        if name in made:
            path.write_bytes(made[name].dump())
            print(f"wrote {name}")
        elif path.exists():
            path.unlink()
            print(f"removed {name}")
    KEPT.path.write_bytes(KEPT.dump())
    print(f"{len(made)} vectors")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
