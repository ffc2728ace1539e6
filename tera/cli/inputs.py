"""Small inputs that are read whole: key files, manifests, passphrases. `-` is standard input.

The law of this file: what is read whole has a limit (`-i /dev/zero` must not fill the memory), and
standard input is read by one of a command's arguments only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import BinaryIO

import click

from tera.errors import BadInput, InputUnavailable

STDIN = "-"


def read_file(path: str, limit: int, what: str) -> bytes:
    """Return the bytes of a file, or of stdin. Raises BadInput over `limit` bytes; InputUnavailable."""
    if path == STDIN:
        return read_descriptor(sys.stdin.fileno(), limit, what)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        raise InputUnavailable(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    try:
        return read_descriptor(descriptor, limit, what, name=path)
    finally:
        os.close(descriptor)


def read_descriptor(descriptor: int, limit: int, what: str, *, name: str | None = None) -> bytes:
    """Return all bytes of an open descriptor, which stays open. Raises as `read_file` does."""
    shown = name or ("standard input" if descriptor == 0 else f"descriptor {descriptor}")
    pieces: list[bytes] = []
    left = limit + 1
    try:
        while left and (piece := os.read(descriptor, min(left, 1 << 20))):
            pieces.append(piece)
            left -= len(piece)
    except OSError as error:
        raise InputUnavailable(f"{shown}: {error.strerror or error}") from None
    if not left:
        raise BadInput(f"{shown}: over {limit:,} bytes, which is too much for {what}")
    return b"".join(pieces)


def once(names: Iterable[str | None]) -> None:
    """Raise UsageError if more than one of these arguments is `-`."""
    if sum(name == STDIN for name in names) > 1:
        raise click.UsageError("standard input (-) can be given once only")


def stdin() -> BinaryIO:
    """Return standard input as bytes."""
    return sys.stdin.buffer
