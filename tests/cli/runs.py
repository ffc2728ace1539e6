"""What runs of `tera` are made of: how they are started, what they give, what they may read."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """What a run gave. `err` is text: no test looks at the bytes."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


@dataclass(frozen=True)
class Room:
    """Key files and containers that tests read and do not change."""

    path: Path

    def __getattr__(self, name: str) -> str:
        """`room.key` is the path of `key.txt`; `room.out_tera` that of `out.tera`."""
        stem, _, ending = name.partition("_")
        found = self.path / f"{stem}.{ending or 'txt'}"
        if not found.exists():
            raise AttributeError(name)
        return str(found)


FILES = {
    "hello.txt": b"hello, world\n",
    "noise.bin": random.Random(1).randbytes(2_304_000),
    "sub/deep.txt": "tief, ünï\n".encode(),
}

Tera = Callable[..., Answer]
"""Takes arguments, and `stdin` or what `subprocess.run` takes."""


def environment(**more: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("TERA_", "PYTEST_"))}
    return {**ours, "PYTHONPATH": str(PROJECT), "PYTHONWARNINGS": "error", "LC_ALL": "C.UTF-8", **more}


COMMAND = [sys.executable, "-m", "tera"]


def left_in(folder: Path) -> set[str]:
    """Return the paths of everything below a folder, to see that nothing partial was left."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
