"""What is said on stderr: results for people, warnings, errors; one line each.

The law of this file: nothing is said in any other way, and that it cannot be said is no failure.
"""

from __future__ import annotations

import contextlib
import sys

from tera.cli.show import safe


def say(kind: str, message: str) -> None:
    """Write `tera: kind: message`, on one line, whatever is in it."""
    tell(f"tera: {kind}: {message}")


def tell(message: str) -> None:
    """Write one line."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(safe(message) + "\n")
        sys.stderr.flush()
