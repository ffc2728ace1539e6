"""What a kill and what a power cut can leave of a change to files.

The law of this file: the real operation runs on real files. A kill ends it at a call, with everything before
that call done; a power cut also loses any part of what was not synced: writes to a file until the file was,
names until their folder was.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
CALLS = ("open", "pwrite", "fsync", "unlink", "link", "replace")
Files = dict[str, bytes]


# --- kills ----------------------------------------------------------------------------------------


def killed(operation: str, template: Path, work: Path) -> list[Path]:
    """Run `operation` on copies of a folder, killed before each call and in the middle of each write.

    `operation` is `module:function`, which takes the folder. Returns the folders, the last of a run that was not
    killed. The module runs in one process of its own, and each run in a fork of that.
    """
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.codec.crashes", operation, str(template), str(work)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [work / str(number) for number in range(int(done.stdout))]


def _main(operation: str, template: str, work: str) -> None:
    module, _, name = operation.partition(":")
    call = getattr(__import__(module, fromlist=[name]), name)
    for number in itertools.count():
        folder = Path(work, str(number))
        shutil.copytree(template, folder)
        child = os.fork()
        if not child:
            _die_at(number)
            call(folder)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
            print(number + 1)
            return
        assert os.WIFSIGNALED(status), status
        assert os.WTERMSIG(status) == signal.SIGKILL, status


def _die_at(number: int) -> None:
    """Have this process kill itself at the call of that number."""
    steps = itertools.count()

    def step() -> None:
        if next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def stepping(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            step()
            if real is pwrite:
                fd, data, offset = args
                half = len(data) // 2
                real(fd, memoryview(data)[:half], offset)
                step()
                return half + real(fd, memoryview(data)[half:], offset + half)
            return real(*args, **options)

        return call

    pwrite = os.pwrite
    for name in CALLS:
        setattr(os, name, stepping(getattr(os, name)))


# --- power cuts -----------------------------------------------------------------------------------


class Write(NamedTuple):
    name: str
    offset: int
    data: bytes


class Name(NamedTuple):
    name: str
    there: bool


class Sync(NamedTuple):
    name: str | None  # None for the folder itself


Step = Write | Name | Sync


def recorded(folder: Path, operation: Callable[[], object], patch: pytest.MonkeyPatch) -> list[Step]:
    """Run `operation` and return what it did to the files in `folder`, which all have real names."""
    steps: list[Step] = []
    opened: dict[int, str | None] = {}
    real = {name: getattr(os, name) for name in CALLS}

    def name_of(path: Any) -> str:
        assert os.path.dirname(os.path.realpath(path)) == str(folder), path
        return os.path.basename(path)

    def open_(path: Any, flags: int, *args: Any, **options: Any) -> int:
        fd: int = real["open"](path, flags, *args, **options)
        opened[fd] = None if os.path.isdir(path) else name_of(path)
        if flags & os.O_CREAT:
            steps.append(Name(name_of(path), True))
        return fd

    def pwrite(fd: int, data: Any, offset: int) -> int:
        name = opened[fd]
        assert name is not None
        steps.append(Write(name, offset, bytes(data)))
        return int(real["pwrite"](fd, data, offset))

    def fsync(fd: int) -> None:
        steps.append(Sync(opened[fd]))
        real["fsync"](fd)

    def unlink(path: Any) -> None:
        steps.append(Name(name_of(path), False))
        real["unlink"](path)

    with patch.context() as inside:
        for name, call in {"open": open_, "pwrite": pwrite, "fsync": fsync, "unlink": unlink}.items():
            inside.setattr(os, name, call)
        operation()
    return steps


def cuts(before: Files, steps: list[Step]) -> Iterator[Files]:
    """Yield each state of the files that a cut after each step may leave; a write may be there in part."""
    for count in range(len(steps) + 1):
        done = steps[:count]
        for fates in itertools.product(*(_fates(step, done[at + 1 :]) for at, step in enumerate(done))):
            there = set(before)
            content = dict(before)
            for fate in fates:
                match fate:
                    case Name(name, True):
                        there.add(name)
                    case Name(name, False):
                        there.discard(name)
                    case Write(name, offset, data):
                        old = content.get(name, b"").ljust(offset, b"\0")
                        content[name] = old[:offset] + data + old[offset + len(data) :]
            yield {name: content.get(name, b"") for name in there}


def _fates(step: Step, after: list[Step]) -> list[Step | None]:
    match step:
        case Write(name, offset, data):
            if Sync(name) in after:
                return [step]
            half = len(data) // 2
            return [None, Write(name, offset, data[:half]), Write(name, offset + half, data[half:]), step]
        case Name():
            return [step] if Sync(None) in after else [None, step]
        case Sync():
            return [None]


if __name__ == "__main__":
    _main(*sys.argv[1:])
