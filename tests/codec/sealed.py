"""Small containers for tests: made in memory, opened by one key-encryption key, and cut into named regions.

The law of this file: a region's name says what stands in it, and the regions of a container are all of its
bytes, so that a test that goes through them leaves none out.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

from tera.codec.encoder import Sealed, encode
from tera.codec.grouping import open_front
from tera.codec.reader import Container
from tera.codec.recipients import Identity, KeyEncryptionKey
from tera.crypto.signing import SigningKey, generate
from tera.format import sections as s
from tera.format.front import Front, build_access, parse_front

KEK = KeyEncryptionKey(bytes(range(32)), b"k")
OTHER_KEK = KeyEncryptionKey(bytes(range(1, 33)), b"k")
SIGNER: SigningKey = generate(lambda length: bytes(range(length)))
OTHER_SIGNER: SigningKey = generate(lambda length: bytes(range(1, length + 1)))
FILES: list[tuple[str, Any]] = [("a.txt", b"hello, hello\n" * 20), ("d/empty", b"")]


def seal(sources: Sequence[Any] = FILES, **options: Any) -> bytes:
    """Return a container of `sources`, for `KEK` unless told otherwise."""
    return sealed(sources, **options)[0]


def sealed(sources: Sequence[Any] = FILES, **options: Any) -> tuple[bytes, Sealed]:
    """Return a container of `sources`, and what `encode` said of it."""
    out = io.BytesIO()
    options.setdefault("recipients", [KEK])
    found = encode(sources, out, **options)
    assert found.size == len(out.getvalue())
    return out.getvalue(), found


def opened(data: bytes, *identities: Identity, **options: Any) -> Container:
    """Open a container that lies in memory."""
    return Container(io.BytesIO(data), identities or (KEK,), **options)


def contents(container: Container) -> dict[str, bytes | None]:
    """Return everything that is inside; None for a folder."""
    return {entry.path: None if entry.is_dir else container.read(entry.path) for entry in container.entries}


def front_of(data: bytes) -> Front:
    """Return the parsed front."""
    return parse_front(io.BytesIO(data).read)


def tight(data: bytes, slack: int = 3) -> bytes:
    """Return the container with only so many bytes of slack in ACCESS, so that few bytes are many states."""
    front = front_of(data)
    keys, _, _ = open_front(front, [KEK])
    packed = 4 + int.from_bytes(front.access_body[:4], "big")
    section = build_access(front.stanzas, keys, front.access_offset, packed + slack + 32)
    return front.prefix + section + data[front.length :]


class Pipe(io.RawIOBase):
    """Bytes that cannot be sought in, given out in pieces of at most `step`."""

    def __init__(self, data: bytes, step: int = 1 << 20) -> None:
        super().__init__()
        self._rest = io.BytesIO(data)
        self._step = step

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._rest.read(min(self._step, len(buffer)))
        buffer[: len(piece)] = piece
        return len(piece)


def pipe(data: bytes, step: int = 1 << 20) -> BinaryIO:
    """Return `data` as a stream that cannot seek."""
    found: Any = Pipe(data, step)
    return found


class Region(NamedTuple):
    """Bytes `start` to `stop` of a container."""

    name: str
    start: int
    stop: int


def regions(data: bytes) -> list[Region]:
    """Return the regions of a container without POLICY, whose segments have one block each, in order."""
    return list(_regions(data))


def sections(data: bytes) -> list[tuple[str, bytes]]:
    """Return the preamble and the sections of a container with their names, headers included."""
    found: dict[str, bytes] = {}
    for region in _regions(data):
        name = region.name.split()[0]
        found[name] = found.get(name, b"") + data[region.start : region.stop]
    return list(found.items())


def _regions(data: bytes) -> Iterator[Region]:
    at = 0

    def take(name: str, length: int) -> Region:
        nonlocal at
        at += length
        return Region(name, at - length, at)

    def number() -> int:
        return int.from_bytes(data[at : at + 4], "big")

    def header(name: str) -> tuple[Region, int]:
        region = take(f"{name} header", s.HEADER)
        return region, int.from_bytes(data[at - 4 : at], "big")

    yield take("PREAMBLE magic", 8)
    yield take("PREAMBLE version", 8)
    region, length = header("CORE")
    yield region
    yield take("CORE map", length - 32)
    yield take("CORE commitment", 32)
    region, length = header("ACCESS")
    yield region
    packed = number()
    yield take("ACCESS length", 4)
    yield take("ACCESS map", packed)
    yield take("ACCESS slack", length - 4 - packed - 32)
    yield take("ACCESS mac", 32)
    for kind in ("DATA", "INDEX"):
        yield take(f"{kind}-SEGMENT header", s.HEADER)
        yield take(f"{kind}-SEGMENT salt", 24)
        yield take(f"{kind}-SEGMENT commitment", 32)
        region, length = header(f"{kind}-BLOCK")
        yield region
        yield take(f"{kind}-BLOCK chunks", length)
    region, length = header("TRAILER")
    yield region
    packed = number()
    yield take("TRAILER length", 4)
    yield take("TRAILER map", packed)
    yield take("TRAILER mac", 32)
    yield take("TRAILER signatures", length - 4 - packed - 32)
    yield take("TAIL header", s.HEADER)
    yield take("TAIL payload", 8)
    yield take("TAIL trailer", 4)
    yield take("TAIL magic", 4)
    assert at == len(data)
