"""Makes the vectors of the audit log: `python -m spec.vectors.audit.generate` writes them, `--check` compares.

The law of this file: a case is one scenario with one fault at most, `expect` is `success` or the code, and the
same files come out in every run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from spec.vectors.audit import leaves, signed, trees, verifiers
from spec.vectors.audit.maker import FOLDER, ONCE, Maker, Text

PARTS: Final[dict[str, Callable[[Maker], Text]]] = {
    "tree": trees.trees,
    "keys": verifiers.keys,
    "checkpoints": signed.checkpoints,
    "events": leaves.events,
    "proofs": signed.proofs,
    "logs": signed.logs,
}


def made() -> dict[Path, str]:
    """Return the text of every file."""
    maker = Maker()
    texts: dict[Path, Any] = {FOLDER / f"{name}.json": part(maker) for name, part in PARTS.items()}
    texts[ONCE] = maker.used
    return {path: json.dumps(value, indent=1, ensure_ascii=True) + "\n" for path, value in texts.items()}


def main(arguments: list[str]) -> int:
    files = made()
    if arguments == ["--check"]:
        wrong = [path.name for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text]
        print(*(f"different: {name}" for name in wrong), f"{len(files)} files", sep="\n")
        return bool(wrong)
    if arguments:
        print("usage: python -m spec.vectors.audit.generate [--check]", file=sys.stderr)
        return 2
    for path, text in files.items():
        path.write_text(text, "utf-8")
    print(f"{len(files)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
