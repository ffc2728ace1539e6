"""Containers that are open, so that the next range of a session need not open one again; and what is on record of it.

The law of this file: it decides nothing, and whoever takes from it has decided before. A container that asks for a
password is found with that password only. At most `MOST` are kept, none beyond its time, and none is closed while
somebody reads from it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from tera.codec.reader import Container
from tera.crypto.hashes import sha256
from tera.crypto.random import Random, system
from tera.format.rules import Rule
from tera.storage.port import OpenBlob

MOST = 64
"""Open containers: each holds a descriptor, and 32 bytes for each MiB of its content."""
REMEMBERED = 10_000
"""Things that are remembered as recorded."""


@dataclass(slots=True, eq=False)
class Held:
    """An open container, the rules that stood sealed in it, and how many read from it; `until` is in seconds."""

    container: Container
    source: OpenBlob
    sealed: tuple[Rule, ...]
    until: int
    users: int = 1
    dropped: bool = False


class Pool:
    """See the module; from any thread."""

    def __init__(self, *, most: int = MOST, random: Random = system) -> None:
        self._most = most
        self._salt = random(32)
        self._lock = threading.Lock()
        self._held: OrderedDict[Hashable, Held] = OrderedDict()
        self._recorded: OrderedDict[Hashable, None] = OrderedDict()

    def take(self, container_id: str, password: str | None, now: int) -> Held | None:
        """Return a container that was put with this password; give it back."""
        key = self._key(container_id, password)
        with self._lock:
            over = self._drop([name for name, one in self._held.items() if one.until <= now])
            held = self._held.get(key)
            if held is not None:
                held.users += 1
                self._held.move_to_end(key)
        _close(over)
        return held

    def put(self, container_id: str, password: str | None, held: Held) -> None:
        """Keep a container that has just been opened; whoever puts it in uses it, and gives it back."""
        key = self._key(container_id, password)
        with self._lock:
            over = self._drop([key] if key in self._held else [])
            self._held[key] = held
            over += self._drop(list(self._held)[: max(0, len(self._held) - self._most)])
        _close(over)

    def give_back(self, held: Held) -> None:
        """Say that nobody here reads from it any more."""
        with self._lock:
            held.users -= 1
            over = [held] if held.dropped and not held.users else []
        _close(over)

    def close(self) -> None:
        """Drop all."""
        with self._lock:
            over = self._drop(list(self._held))
        _close(over)

    def knows(self, what: Hashable) -> bool:
        """Say whether this is remembered."""
        with self._lock:
            return what in self._recorded

    def remember(self, what: Hashable) -> None:
        """Remember it for a while."""
        with self._lock:
            self._recorded[what] = None
            while len(self._recorded) > REMEMBERED:
                self._recorded.popitem(last=False)

    def _drop(self, keys: list[Hashable]) -> list[Held]:
        """Take out, and return those that can be closed."""
        found = [self._held.pop(key) for key in keys]
        for one in found:
            one.dropped = True
        return [one for one in found if not one.users]

    def _key(self, container_id: str, password: str | None) -> Hashable:
        return container_id, None if password is None else sha256(
            self._salt + password.encode("utf-8", "surrogatepass")
        )


def _close(over: list[Held]) -> None:
    for held in over:
        held.container.close()
        held.source.close()
