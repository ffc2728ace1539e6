"""Digests: leaves and roots over ciphertext, and the two digests of a container.

The law of this file: these hashes are always computed from bytes or from the index, never quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tera.crypto.hashes import B3, b3
from tera.errors import BadInput

LEAF: Final = 32
PREFIX: Final = "tera:"
_DIGITS: Final = re.compile("[0-9a-f]{64}")


def leaf(kind: int, number: int, block: bytes | bytearray | memoryview) -> bytes:
    """Return the leaf of block `number`: over its header and body."""
    hasher = B3(b"\x00" + bytes((kind,)) + number.to_bytes(4, "big"))
    hasher.update(block)
    return hasher.digest()


def root(kind: int, salt_commitment: bytes, chunks: int, leaves: bytes | bytearray | memoryview) -> bytes:
    """Return a segment's root; `salt_commitment` is the body of its SEGMENT section (56 bytes)."""
    hasher = B3(b"\x01" + bytes((kind,)) + salt_commitment + chunks.to_bytes(8, "big"))
    hasher.update(leaves)
    return hasher.digest()


def container_digest(bind: bytes, roots: tuple[bytes, bytes], payload: int) -> bytes:
    """Return the keyless digest for lookup: 32 bytes, stable under rewrap and policy update."""
    return b3(b"tera/v1/digest\0" + bind + roots[0] + roots[1] + payload.to_bytes(8, "big"))


def content_digest(entries: Iterable[tuple[str, int, int, bytes]]) -> bytes:
    """Return the digest of what is inside, from (path, type, size, b3) of every entry in any order.

    Equal for the same files sealed twice. Never store or send it in clear: it confirms guesses.
    """
    hasher = B3(b"tera/v1/content\0")
    for path, type, size, digest in sorted(entries):
        raw = path.encode()
        hasher.update(len(raw).to_bytes(2, "big") + raw + bytes((type,)) + size.to_bytes(8, "big") + digest)
    return hasher.digest()


def show(digest: bytes) -> str:
    """Return the text form of a container digest."""
    return PREFIX + digest.hex()


def parse(text: str) -> bytes:
    """Return the 32 bytes of a container digest's text form, with or without `tera:`. Raises BadInput."""
    digits = text.removeprefix(PREFIX)
    if not _DIGITS.fullmatch(digits):  # one spelling: whoever compares digests compares texts
        raise BadInput("a container digest is tera: and 64 hexadecimal digits in lower case")
    return bytes.fromhex(digits)
