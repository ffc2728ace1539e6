"""Every way to change one bit."""

from __future__ import annotations

from collections.abc import Iterator


def flipped(data: bytes) -> Iterator[bytes]:
    """Yield `data` with each of its bits flipped, one at a time."""
    for bit in range(8 * len(data)):
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << bit % 8
        yield bytes(wrong)
