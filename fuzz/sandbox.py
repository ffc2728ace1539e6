"""A folder to extract to, deep inside another: what lands beside it is seen.

The law of this file: leaving a sandbox fails when anything but the target has changed, or when a file that was
not finished is still there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

CANARY = b"canary"


class Sandbox:
    """`target` is the folder to extract to; with `link`, it already holds links that lead out of it."""

    def __init__(self, *, link: bool) -> None:
        self._link = link

    def __enter__(self) -> Sandbox:
        self._root = Path(tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
        self.target = self._root / "a" / "b" / "target"
        outside = self._root / "outside"
        outside.mkdir()
        (outside / "text").write_bytes(CANARY)
        self.target.mkdir(parents=True)
        if self._link:
            (self.target / "d").symlink_to(outside)
            (self.target / "a").symlink_to(outside / "text")
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._check()
        finally:
            shutil.rmtree(self._root)

    def tree(self) -> dict[str, bytes | None]:
        """Return the content of each file below the target, None for each folder, by path."""
        found: dict[str, bytes | None] = {}
        for folder, names, files in os.walk(self.target):
            for name in names:
                os.chmod(os.path.join(folder, name), 0o700)
                found[os.path.relpath(os.path.join(folder, name), self.target)] = None
            for name in files:
                path = os.path.join(folder, name)
                os.chmod(path, 0o600)
                found[os.path.relpath(path, self.target)] = Path(path).read_bytes()
        return found

    def _check(self) -> None:
        seen = sorted(str(path.relative_to(self._root)) for path in self._root.rglob("*"))
        beside = [path for path in seen if not path.startswith("a/b/target/")]
        assert beside == ["a", "a/b", "a/b/target", "outside", "outside/text"], beside
        assert (self._root / "outside" / "text").read_bytes() == CANARY
        partial = [path for path in seen if path.endswith(".partial")]
        assert not partial, f"left behind: {partial}"
