"""The root of the tree, and its five families.

The law of this file: a message is one line that can be shown, and holds no secret; what may be done about it is
the hint's.
"""

from __future__ import annotations

from typing import ClassVar


class TeraError(Exception):
    """The root of the tree; catch this to catch everything that tera raises."""

    code: ClassVar[str] = "error"
    exit: ClassVar[int] = 1
    default_hint: ClassVar[str | None] = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        # A name in it may hold line ends, or what a terminal obeys.
        super().__init__("".join(c if c.isprintable() else ascii(c)[1:-1] for c in message))
        self.hint = hint if hint is not None else self.default_hint


class Malformed(TeraError):
    """The bytes do not follow the grammar; no key could make them valid."""

    code = "malformed"
    exit = 13


class Unauthentic(TeraError):
    """The bytes follow the grammar, but a key, tag, digest or signature does not fit."""

    code = "unauthentic"
    exit = 13


class Denied(TeraError):
    """The key may fit, but a rule or a block forbids."""

    code = "denied"
    exit = 15


class NotFound(TeraError):
    """What was asked for by name is not there."""

    code = "not_found"
    exit = 1


class Unavailable(TeraError):
    """The outside world: files, disks, pipes, services."""

    code = "unavailable"
    exit = 4
