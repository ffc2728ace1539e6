"""High-water marks: the newest version that this reader has seen of something signed, so that it never goes back.

The law of this file: a mark is a value. It is looked up through `Marks`, and a new one is returned to the caller,
who writes it after everything has been verified, never before: else a forged file could move it. Nothing here
reads a clock or keeps a state.

A mark belongs to a signer and a name, not to the name alone: a name is free to choose, so somebody else's file
with the same name could otherwise push the mark beyond every honest version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from tera.errors import ClockBehind, Denied

SKEW: Final = 300
"""How many seconds a signer's clock may be ahead of the reader's."""

VERSION_MAX: Final = 2**63 - 1
"""The largest version, so that a signed integer of 64 bits holds every one."""


@dataclass(frozen=True, slots=True)
class MarkKey:
    """Whose mark it is: `signer` is a fingerprint (32 bytes), `name` a policy's or a list's id (16 bytes)."""

    kind: Literal["policy", "blocklist"]
    signer: bytes
    name: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest version seen, and the hash of what was seen under it (32 bytes)."""

    version: int
    digest: bytes


class Marks(Protocol):
    """Where marks are looked up; a dict is one."""

    def get(self, key: MarkKey, /) -> Mark | None:
        """Return the mark, or None where nothing was seen yet."""


def raised(current: Mark | None, new: Mark) -> Mark:
    """Return the higher of both: what a store writes, inside the transaction in which it has read `current`."""
    return current if current is not None and current.version >= new.version else new


def check_mark(mark: Mark | None, version: int, digest: bytes, error: type[Denied], what: str) -> None:
    """Raise `error` for a version below the mark, or for another content under the mark's own version."""
    if mark is None or version > mark.version:
        return
    if version < mark.version:
        raise error(f"{what} has version {version:,}, but version {mark.version:,} has been seen")
    if digest != mark.digest:
        raise error(f"{what} has version {version:,}, but another one with that version has been seen")


def check_issued(now: int, issued: int, what: str) -> None:
    """Raise ClockBehind when `what` was issued more than 5 minutes from `now`: one of both clocks is wrong.

    A clock that was set back would make every expiry, and so the protection against freezing, worthless.
    """
    if issued > now + SKEW:
        raise ClockBehind(f"{what} was issued {issued - now:,} seconds after the time of this machine's clock")
