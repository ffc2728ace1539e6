"""What `canonical.unpack` takes packs to the same bytes, and nothing but a TeraError leaves it."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports():
    from tera.errors import TeraError
    from tera.wire import canonical


def check(data: bytes) -> None:
    """One input."""
    try:
        value = canonical.unpack(data, what="input", max_len=1 << 20)
    except TeraError:
        return
    assert canonical.pack(value) == data


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
