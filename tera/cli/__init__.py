"""The command line.

The law of this file: `main` is the only door out. Whatever happens inside becomes an exit code and at
most two lines on stderr, and nothing is imported before it is known to be needed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tera` with these arguments (the process's own by default) and return its exit code."""
    from tera.cli import failures

    if argv is None:
        failures.take_streams()
        failures.take_signals()
    try:
        for stream in (sys.stdout, sys.stderr):
            # A name that the terminal's encoding lacks is shown escaped; it is no reason to fail.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        from tera.cli.verbs import run

        return failures.flush(run(list(sys.argv[1:] if argv is None else argv)))
    except BaseException as error:
        return failures.report(error)
