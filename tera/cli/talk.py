"""What is said on stderr: results for people, warnings, errors; one line each.

The law of this file: nothing is said in any other way, and that it cannot be said is no failure.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

from tera.cli.show import safe


def say(kind: str, message: str) -> None:
    """Write `tera: kind: message`, on one line, whatever is in it."""
    tell(f"tera: {kind}: {message}")


def tell(message: str) -> None:
    """Write one line."""
    try:
        sys.stderr.write(safe(message) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        drop(sys.stderr)


def drop(stream: TextIO) -> None:
    """Point a stream that fails nowhere: what is in its buffer would be written again, and fail, at exit."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
