"""Fuzz input as edits: which structure, which part of it, and what to do there.

The law of this file: any bytes are a list of edits, no bytes are none, and every edit can be applied to
whatever it meets. An edit is 6 bytes and up to 32 more:

    u8(stage) || u8(what) || u16(at) || u8(how) || u8(length) || payload
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Any, Final, NamedTuple, TypeVar

from tera.errors import TeraError
from tera.wire import canonical

T = TypeVar("T")
MOST: Final = 8
_HEAD: Final = struct.Struct(">BBHBB")


class Stage(IntEnum):
    """What an edit changes; everything that is derived later is made to fit it."""

    CORE = 0
    CORE_BYTES = 1
    ACCESS = 2
    MAP = 3  # of MANIFEST or ENTRY
    RECORD = 4
    FRAME = 5
    PADDING = 6
    DATA = 7
    COLUMN = 8
    INDEX = 9
    TRAILER = 10
    TRAILER_BYTES = 11
    SECTION = 12


class Edit(NamedTuple):
    stage: int
    what: int
    at: int
    how: int
    payload: bytes = b""

    def pack(self) -> bytes:
        """Return the edit as fuzz input."""
        return _HEAD.pack(self.stage, self.what, self.at, self.how, len(self.payload)) + self.payload

    def number(self, old: int, bits: int) -> int:
        """Return another number of so many bits: near `old`, or any."""
        new = int.from_bytes(self.payload[:8] or b"\1", "big", signed=True)
        return (old + new if self.how & 1 else new) % (1 << bits)

    def value(self) -> Any:
        """Return the payload as the msgpack value that it is, or as bytes."""
        try:
            return canonical.unpack(self.payload, what="a payload", max_len=32)
        except TeraError:
            return self.payload

    def poke(self, data: bytes) -> bytes:
        """Overwrite, insert, delete, cut, or append bytes."""
        at, size = self.at % (len(data) + 1), len(self.payload)
        match self.how % 5:
            case 0:
                return data[:at] + self.payload + data[at + size :]
            case 1:
                return data[:at] + self.payload + data[at:]
            case 2:
                return data[:at] + data[at + size + 1 :]
            case 3:
                return data[:at]
        return data + self.payload

    def rearrange(self, items: list[T]) -> None:
        """Drop, double, or swap items."""
        if not items:
            return
        at = self.at % len(items)
        match self.how % 3:
            case 0:
                del items[at]
            case 1:
                items.insert(self.what % (len(items) + 1), items[at])
            case 2:
                other = self.what % len(items)
                items[at], items[other] = items[other], items[at]

    def change(self, value: Any) -> Any:
        """Set, add or delete a key of a map or an element of an array, or replace the whole value."""
        if isinstance(value, dict) and self.how != 255:
            keys = sorted(value)
            key = keys[self.what % len(keys)] if keys and self.how & 2 == 0 else self.payload[:4].decode("latin-1")
            return {k: v for k, v in value.items() if k != key} | ({} if self.how & 1 else {key: self.value()})
        if isinstance(value, list) and value and self.how != 255:
            at = self.at % len(value)
            inner = [self.change(value[at])] if self.how & 4 else [] if self.how & 1 else [self.value()]
            return value[:at] + inner + value[at + 1 :]
        return self.value()


def parse(data: bytes) -> Iterator[Edit]:
    """Yield the edits, at most 8."""
    at = 0
    for _ in range(MOST):
        head = data[at : at + _HEAD.size]
        if len(head) < _HEAD.size:
            return
        stage, what, where, how, length = _HEAD.unpack(head)
        at += _HEAD.size
        yield Edit(stage % len(Stage), what, where, how, data[at : at + length % 33])
        at += length % 33
