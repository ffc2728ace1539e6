"""`python -m tera`: the same as the command `tera`."""

from __future__ import annotations

import sys

from tera.cli import main

if __name__ == "__main__":
    sys.exit(main())
