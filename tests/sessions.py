"""Run the fenced blocks of a Markdown file and compare what they print with what the text says.

The law of this file: every block that a reader could type is run, or says in the source why not.

    ```console      lines after `$ ` are commands (`> ` goes on), the lines below them are their output
    ```python       run as it stands; with `>>> `, as a doctest

All blocks of a file share, in order, one fresh directory, one bash and one Python namespace. Output is
stdout and stderr as they come; where the text gives none, any will do. `...` alone on a line stands for any
lines, within a line for any text. A command must succeed, unless its output shows an `error:` or the next
command is `echo $?`. A block right below `<!-- not executed: the reason -->` is left out. A comment that
begins `<!-- session` holds commands that run, unseen by the reader, at that place.

`sh`, `bash`, `shell` and `pycon` blocks are refused, so that none goes unrun because of its label.
"""

from __future__ import annotations

import contextlib
import doctest
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUN = frozenset({"console", "python"})
UNRUN_TWINS = frozenset({"bash", "py", "pycon", "sh", "shell", "shell-session", "zsh"})
PATIENCE = 120.0
"""Seconds for one command."""

_FENCE = re.compile(r"^(?P<indent> {0,3})(?P<marks>`{3,}|~{3,})\s*(?P<label>[\w-]*).*$")
_SKIP = re.compile(r"^\s*<!--\s*not executed:?(?P<reason>.*?)-->\s*$")


class Drift(AssertionError):
    """What the text says and what happens differ; the message names the line."""


@dataclass(frozen=True)
class Block:
    """`line` is that of its first line of text, counted from 1."""

    label: str
    line: int
    text: str


@dataclass(frozen=True)
class Command:
    line: int
    text: str
    output: str
    """As the document gives it; empty where it gives none."""


# --- reading --------------------------------------------------------------------------------------


def blocks(markdown: str, name: str = "") -> Iterator[Block]:
    """Yield the blocks to run, in order. Raises Drift for one that is neither runnable nor excused."""
    lines = markdown.splitlines()
    at = 0
    excused = False
    while at < len(lines):
        line = lines[at]
        at += 1
        if skip := _SKIP.match(line):
            if not skip["reason"].strip():
                raise Drift(f"{name}:{at}: `not executed` gives no reason")
            excused = True
        elif line.strip() == "<!-- session":
            start = at
            while at < len(lines) and lines[at].strip() != "-->":
                at += 1
            yield Block("console", start + 1, "\n".join(lines[start:at]))
        elif fence := _FENCE.match(line):
            start = at
            closing = re.compile(rf"^ {{0,3}}{fence['marks'][0]}{{{len(fence['marks'])},}}\s*$")
            while at < len(lines) and not closing.match(lines[at]):
                at += 1
            if at == len(lines):
                raise Drift(f"{name}:{start}: the block is never closed")
            text = "\n".join(inner.removeprefix(fence["indent"]) for inner in lines[start:at])
            if not excused and fence["label"] in UNRUN_TWINS:
                raise Drift(f"{name}:{start}: label {fence['label']}: say console or python, so that it is run")
            if not excused and fence["label"] in RUN:
                yield Block(fence["label"], start + 1, text)
            at += 1
            excused = False
        elif line.strip():
            excused = False


def commands(block: Block, name: str = "") -> list[Command]:
    """Split a console block. Raises Drift for output above the first command."""
    found: list[Command] = []
    text: list[str] = []
    output: list[str] = []
    start = block.line

    def finish() -> None:
        if text:
            found.append(Command(start, "\n".join(text), "\n".join(output).strip("\n")))

    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            finish()
            text, output, start = [line[2:]], [], number
        elif text and not output and (line == ">" or line.startswith("> ")):
            text.append(line[2:])
        elif text and not output and text[-1].endswith("\\"):
            text.append(line)
        elif text:
            output.append(line)
        elif line.strip():
            raise Drift(f"{name}:{number}: output before the first command: {line}")
    finish()
    return found


# --- comparing ------------------------------------------------------------------------------------


def matches(expected: str, output: str) -> bool:
    """Compare whole outputs; white space at the ends of lines and of the text does not count."""
    pattern = "".join(
        r"(?:[^\n]*\n)*"
        if line.strip() == "..."
        else "[^\n]*".join(re.escape(part) for part in line.rstrip().split("...")) + r"[ \t]*\n"
        for line in expected.strip("\n").split("\n")
    )
    plain = "\n".join(line.rstrip() for line in output.strip("\n").split("\n"))
    return re.fullmatch(pattern, plain + "\n") is not None


# --- running --------------------------------------------------------------------------------------


class Shell:
    """One bash in `room`, which keeps its directory, variables and last exit status between commands.

    It has no terminal at all (nothing may ask for a passphrase) and an empty stdin.
    """

    def __init__(self, room: Path, scratch: Path, environment: Mapping[str, str]) -> None:
        self._command, self._output = scratch / "command", scratch / "output"
        self._status = 0
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=room,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        self._bash.communicate()

    def run(self, command: str) -> tuple[int, str]:
        """Return the exit status and the output. Raises Drift when bash ended or took too long."""
        assert self._bash.stdin is not None and self._bash.stdout is not None
        self._command.write_text(command + "\n", "utf-8")
        alarm = threading.Timer(PATIENCE, self._kill)
        alarm.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                self._bash.stdin.write(
                    f"(exit {self._status}); . '{self._command}' </dev/null >'{self._output}' 2>&1; echo $?\n"
                )
                self._bash.stdin.flush()
            answer = self._bash.stdout.readline()
        finally:
            alarm.cancel()
        output = self._output.read_text("utf-8", "backslashreplace") if self._output.exists() else ""
        if not answer:
            raise Drift(f"the shell ended, or the command took over {PATIENCE:.0f} s:\n{output}")
        self._status = int(answer)
        return self._status, output

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)


def environment(home: Path) -> dict[str, str]:
    """Return ours, with the programs of this Python first on PATH, plain text, and a home of its own."""
    programs = Path(sys.executable).parent
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("TERA_", "PYTEST_"))}
    plain = {"LC_ALL": "C.UTF-8", "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "100", "HOME": str(home)}
    return {**ours, **plain, "PATH": f"{programs}{os.pathsep}{ours.get('PATH', os.defpath)}"}


def run(document: Path, scratch: Path) -> int:
    """Run a document in a fresh directory below `scratch`; return how many blocks ran.

    Raises Drift at the first difference.
    """
    room, home, tools = (scratch / part for part in ("room", "home", "shell"))
    for folder in (room, home, tools):
        folder.mkdir()
    names: dict[str, Any] = {"__name__": "__main__"}
    count = 0
    with Shell(room, tools, environment(home)) as shell:
        for block in blocks(document.read_text("utf-8"), document.name):
            if block.label == "console":
                _run_console(block, shell, document.name)
            else:
                with contextlib.chdir(room):
                    _run_python(block, names, document.name)
            count += 1
    return count


def _run_console(block: Block, shell: Shell, name: str) -> None:
    listed = commands(block, name)
    for at, command in enumerate(listed):
        where = f"{name}:{command.line}: $ {command.text}"
        try:
            status, output = shell.run(command.text)
        except Drift as drift:
            raise Drift(f"{where}\n{drift}") from None
        asked = at + 1 < len(listed) and listed[at + 1].text == "echo $?"
        if status and not asked and "error:" not in command.output:
            raise Drift(f"{where}\nexit status {status}, and the text shows no error; output:\n{output}")
        if command.output and not matches(command.output, output):
            raise Drift(f"{where}\nthe text says:\n{command.output}\nbut it is:\n{output}")


def _run_python(block: Block, names: dict[str, Any], name: str) -> None:
    where = f"{name}:{block.line}"
    if ">>> " in block.text:
        test = doctest.DocTestParser().get_doctest(block.text + "\n", names, where, name, block.line - 1)
        said: list[str] = []
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        runner.run(test, out=said.append, clear_globs=False)
        names.update(test.globs)  # get_doctest copies
        if said:
            raise Drift(f"{where}:\n{''.join(said)}")
        return
    # Blank lines first, so that a traceback shows the line of the document.
    code = compile("\n" * (block.line - 1) + block.text, name, "exec", dont_inherit=True)
    try:
        exec(code, names)
    except Exception as error:
        raise Drift(f"{where}: {type(error).__name__}: {error}") from error
