"""Makes the vectors of the release protocol: `python -m spec.vectors.release.generate` writes them, `--check` compares.

The law of this file: a case is one scenario with one fault at most, or with two to show which is found first;
`expect` is stated from the text and nobody is asked; the same files come out in every run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from spec.vectors.release import example
from spec.vectors.release.answers import answers
from spec.vectors.release.exchanges import exchanges
from spec.vectors.release.leases import leases
from spec.vectors.release.maker import FOLDER, KEPT, Maker, Text
from spec.vectors.release.reports import reports
from spec.vectors.release.requests import requests

PARTS: Final[dict[str, Callable[[Maker], Text]]] = {
    "exchanges": exchanges,
    "requests": requests,
    "answers": answers,
    "leases": leases,
    "reports": reports,
}


def made() -> dict[Path, str]:
    """Return the text of every file."""
    maker = Maker()
    texts: dict[Path, Any] = {FOLDER / f"{name}.json": part(maker) for name, part in PARTS.items()}
    exchange, lease = texts[FOLDER / "exchanges.json"]["cases"][0], texts[FOLDER / "leases.json"]
    texts[KEPT] = maker.parts()
    files = {path: json.dumps(value, indent=1, ensure_ascii=True) + "\n" for path, value in texts.items()}
    return files | {example.TEXT: example.written(exchange, lease, maker.used)}


def main(arguments: list[str]) -> int:
    files = made()
    if arguments == ["--check"]:
        wrong = [path.name for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text]
        print(*(f"different: {name}" for name in wrong), f"{len(files)} files", sep="\n")
        return bool(wrong)
    if arguments:
        print("usage: python -m spec.vectors.release.generate [--check]", file=sys.stderr)
        return 2
    for path, text in files.items():
        path.write_text(text, "utf-8")
    print(f"{len(files)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
