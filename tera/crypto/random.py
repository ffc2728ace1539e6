"""Randomness: the one place that asks the operating system for it.

The law of this file: whoever needs random bytes takes a `Random` as an argument; the codec passes
`system`. So the core is a function of its arguments, and the vectors can be made again bit by bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

Random: TypeAlias = Callable[[int], bytes]
"""Takes a number of bytes and returns that many, unpredictable and never the same twice."""


def system(length: int) -> bytes:
    """Return `length` bytes of the operating system's generator."""
    return os.urandom(length)
