"""Makes the vectors of rules: `python -m spec.vectors.rules.generate` writes them, `--check` compares.

The law of this file: a case is one scenario, what is expected is stated from the text and never asked of a reader,
and the same cases come out in every run. Packed cases are compared by what they hold.
"""

from __future__ import annotations

import sys
from typing import Any

from spec.vectors.rules import decisions, entries, good, manifests, refused, whereabouts
from spec.vectors.rules.form import FOLDER, Case, dump, load, unpacked

PARTS: dict[str, tuple[Any, ...]] = {
    "parse": (good.PARTS, refused.PARTS),
    "decide": (decisions.PARTS, whereabouts.PARTS, entries.PARTS),
    "manifest": (manifests.PARTS,),
}


def make() -> dict[str, list[Case]]:
    """Return all cases by file. Raises ValueError when two of a file have one name."""
    made = {kind: [case for parts in groups for part in parts for case in part()] for kind, groups in PARTS.items()}
    for kind, cases in made.items():
        names = [case["name"] for case in cases]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two cases of {kind}.json are called {', '.join(sorted(twice))}")
    return made


def different(made: dict[str, list[Case]]) -> list[str]:
    """Return the names of those that are missing, too many or different on disk, each after its file's."""
    wrong = []
    for kind, cases in made.items():
        here = {case["name"]: _plain(case) for case in cases}
        path = FOLDER / f"{kind}.json"
        there = {case["name"]: _plain(case) for case in load(kind)} if path.exists() else {}
        names = here.keys() | there.keys()
        those = sorted(f"{kind} {name}" for name in names if here.get(name) != there.get(name))
        wrong += those or ([f"{kind} order"] if [*here] != [*there] else [])
    return wrong


def _plain(case: Case) -> Case:
    return case if "zlib" not in case else {**case, "zlib": unpacked(case)}


def main(arguments: list[str]) -> int:
    made = make()
    wrong = different(made)
    count = sum(map(len, made.values()))
    if arguments == ["--check"]:
        print(*(f"different: {name}" for name in wrong), f"{count} vectors", sep="\n")
        return bool(wrong)
    if arguments:
        print("usage: python -m spec.vectors.rules.generate [--check]", file=sys.stderr)
        return 2
    for kind in {name.split(" ")[0] for name in wrong}:
        (FOLDER / f"{kind}.json").write_text(dump(made[kind]), "utf-8")
    print(*(f"wrote {name}" for name in wrong), f"{count} vectors", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
