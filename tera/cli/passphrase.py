"""Where passphrases come from: the terminal, a file, or an open file descriptor; never the command line.

The law of this file: the terminal is /dev/tty, whatever stdin is, with its echo off before anything is
asked (Python's `getpass` falls back to stdin and echoes), and its settings come back in any case.
"""

from __future__ import annotations

import os
import termios
from dataclasses import dataclass
from typing import Final

import click

from tera.cli.inputs import read_descriptor, read_file
from tera.errors import BadInput

_LIMIT: Final = 64 << 10
_NO_TERMINAL: Final = "give it with --passphrase-file or --passphrase-fd"


@dataclass(frozen=True, slots=True)
class PassphraseSource:
    """Where one passphrase is to come from, if from anywhere."""

    ask: bool = False
    file: str | None = None
    descriptor: int | None = None

    @property
    def given(self) -> bool:
        """Whether a passphrase is wanted at all. Raises UsageError if it is to come from two places."""
        places = self.ask + (self.file is not None) + (self.descriptor is not None)
        if places > 1:
            raise click.UsageError("a passphrase comes from the terminal, a file or a descriptor: choose one")
        return places == 1

    def get(self, prompt: str, *, confirm: bool = False) -> str:
        """Return the passphrase; `confirm` has it typed twice. Raises BadInput."""
        if self.file is not None:
            return _one_line(read_file(self.file, _LIMIT, "a passphrase"), self.file)
        if self.descriptor is not None:
            where = f"descriptor {self.descriptor}"
            return _one_line(read_descriptor(self.descriptor, _LIMIT, "a passphrase"), where)
        return ask(prompt, confirm=confirm)


def ask(prompt: str, *, confirm: bool = False) -> str:
    """Ask on the terminal. Raises BadInput: no terminal, nothing typed, or two different texts."""
    typed = _ask(f"{prompt}: ")
    if not typed:
        raise BadInput("no passphrase was typed")
    if confirm and _ask("Again: ") != typed:
        raise BadInput("the two passphrases differ", hint="try again")
    return typed


def _ask(prompt: str) -> str:
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        raise BadInput("there is no terminal to ask for the passphrase", hint=_NO_TERMINAL) from None
    try:
        before = termios.tcgetattr(terminal)
        quiet = [*before[:3], before[3] & ~termios.ECHO | termios.ECHONL, *before[4:]]
        try:
            termios.tcsetattr(terminal, termios.TCSAFLUSH, quiet)
            os.write(terminal, prompt.encode())
            typed = _line(terminal)
        finally:
            termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
    finally:
        os.close(terminal)
    try:
        return typed.decode()
    except UnicodeDecodeError:
        raise BadInput("the passphrase is not valid UTF-8") from None


def _line(terminal: int) -> bytes:
    typed = b""
    while not typed.endswith(b"\n") and (more := os.read(terminal, 1024)):
        typed += more
    return typed.removesuffix(b"\n")


def _one_line(data: bytes, where: str) -> str:
    """Return the text of a file that holds one line: what an editor adds at its end does not count."""
    line = data.removesuffix(b"\n").removesuffix(b"\r")
    if b"\n" in line:
        raise BadInput(f"{where}: a passphrase is one line, and this has more")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise BadInput(f"{where}: the passphrase is not valid UTF-8") from None
