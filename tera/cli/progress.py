"""A line of progress on stderr: amount, rate, time left.

The law of this file: it appears only on a terminal and only after half a second, is repainted ten times a
second at most, is gone before anything else is written, and may be told of progress by any thread.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final

from tera.cli import show

DELAY: Final = 0.5
PERIOD: Final = 0.1
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """Call it with a number of bytes done. `total`, if known, gives percent and time left."""

    def __init__(self, label: str, *, quiet: bool = False, total: int | None = None) -> None:
        self._label = label
        self._shown = not quiet and sys.stderr.isatty()
        self.total = total
        self._done = 0
        self._began = time.monotonic()
        self._next = self._began + DELAY
        self._painted = False
        self._lock = threading.Lock()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._shown = False
            if self._painted:
                sys.stderr.write(_CLEAR)
                sys.stderr.flush()

    @property
    def callback(self) -> Callable[[int], None] | None:
        """What the library is given: nothing, where nobody would see it."""
        return self if self._shown else None

    def __call__(self, count: int) -> None:
        """Add `count` bytes."""
        with self._lock:
            self._done += count
            now = time.monotonic()
            if not self._shown or now < self._next:
                return
            self._next = now + PERIOD
            self._painted = True
            width = _width()
            sys.stderr.write(_CLEAR + self.line(now - self._began)[: width - 1])
            sys.stderr.flush()

    def line(self, elapsed: float) -> str:
        """Return the line as it is after `elapsed` seconds."""
        rate = self._done / max(elapsed, 1e-9)
        parts = [f"{self._label}  {show.size(self._done)}"]
        if self.total:
            parts[0] += f" of {show.size(self.total)}  {min(100, 100 * self._done // self.total)} %"
        parts.append(f"{show.size(int(rate))}/s")
        if self.total and rate:
            left = max(0, round((self.total - self._done) / rate))
            parts.append(f"{left // 60}:{left % 60:02d} left")
        return "  ".join(parts)

    def measure(self, paths: Iterable[str]) -> None:
        """Find the total in the background: a large tree takes longer to walk than to begin with."""
        if self._shown:
            threading.Thread(target=self._measure, args=(list(paths),), daemon=True).start()

    def _measure(self, paths: list[str]) -> None:
        total = 0
        for path in paths:
            try:
                total += os.stat(path).st_size if not os.path.isdir(path) else 0
                for folder, _, files in os.walk(path):
                    total += sum(os.lstat(os.path.join(folder, name)).st_size for name in files)
            except OSError:
                return
        self.total = total


def _width() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
