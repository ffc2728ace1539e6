"""Standard output: bytes that never reach a terminal, text that may, JSON.

The law of this file: binary is refused on a terminal, and a file's text reaches one only if nothing in it
could control it. A reader that closes its end raises `ReaderGone`.
"""

from __future__ import annotations

import codecs
import contextlib
import re
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, cast

import click

from tera.cli.failures import ReaderGone
from tera.cli.show import as_json
from tera.cli.talk import drop
from tera.errors import BadInput, OutputUnavailable, TeraError

STDOUT: Final = "-"
_NOT_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def binary_output(path: str | None, what: str) -> str | BinaryIO:
    """Return where a command's bytes go: the path, or stdout for `-` and None.

    Raises UsageError when stdout is a terminal.
    """
    if path is not None and path != STDOUT:
        return path
    if sys.stdout.isatty():
        raise click.UsageError(f"{what} is binary and does not go to a terminal: give a file with -o")
    return stdout()


def stdout() -> BinaryIO:
    """Return standard output as bytes."""
    sys.stdout.flush()
    return sys.stdout.buffer


def write(text: str) -> None:
    """Print one line of text."""
    try:
        sys.stdout.write(text + "\n")
    except OSError as error:
        raise _failed(error) from None


def write_json(value: Any) -> None:
    """Print one JSON text."""
    write(as_json(value))


@contextlib.contextmanager
def file_output() -> Iterator[BinaryIO]:
    """Give a binary stdout for the content of files; on a terminal one that takes only text.

    Raises BadInput for binary on a terminal, ReaderGone, OutputUnavailable.
    """
    raw = stdout()
    try:
        yield cast(BinaryIO, _TextOnly(raw)) if sys.stdout.isatty() else raw
        raw.flush()
    except OSError as error:
        raise _failed(error) from None
    except TeraError as error:
        # The library says it in its own words, but a closed pipe stays one.
        if isinstance(error.__context__, BrokenPipeError):
            raise ReaderGone from None
        raise


def _failed(error: OSError) -> Exception:
    if isinstance(error, BrokenPipeError):
        return ReaderGone()
    drop(sys.stdout)
    return OutputUnavailable(f"standard output: {error.strerror or error}")


class _TextOnly:
    """Passes UTF-8 text without control characters on to a terminal, and refuses anything else."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def write(self, data: bytes | memoryview) -> int:
        """Write all of `data`, or none of it. Raises BadInput."""
        try:
            text = self._decoder.decode(bytes(data))
        except UnicodeDecodeError:
            text = "\0"
        if _NOT_TEXT.search(text):
            raise BadInput("the file is not text and does not go to a terminal", hint="redirect it: > FILE")
        self._raw.write(data)
        return len(data)

    def flush(self) -> None:
        """Pass on what is held."""
        self._raw.flush()
