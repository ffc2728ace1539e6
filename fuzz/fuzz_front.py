"""Whatever stands before a payload is parsed or refused with a TeraError, without a key."""

from __future__ import annotations

import io
import sys

import atheris

with atheris.instrument_imports():
    from tera.errors import TeraError
    from tera.format.front import parse_front


def check(data: bytes) -> None:
    """One input."""
    try:
        front = parse_front(io.BytesIO(data).read)
    except TeraError:
        return
    assert data.startswith(front.prefix)


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
