"""What a failure looks like from outside: one line `tera: error: …`, perhaps one `tera: hint: …`, an exit code.

    0  ok                        4  I/O: files, disks, pipes          13  corrupt or tampered
    1  anything else             10 not a tera container              14  blocked
    2  usage                     11 no key matches                    15  denied by a rule
    3  some inputs were skipped  12 wrong passphrase                  130 interrupted

The law of this file: every exception becomes one of these, and none a traceback (TERA_TRACEBACK=1 shows
it). Those of `tera.errors` carry their own exit code. A reader of our output that goes away is no error
of anybody: nothing is said, and the exit code is 4.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from tera.cli.talk import drop, say
from tera.errors import TeraError

OK = 0
OTHER = 1
USAGE = 2
SKIPPED = 3
IO = 4
INTERRUPTED = 130


class Terminated(BaseException):
    """SIGTERM or SIGHUP arrived: clean up, then die of it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class ReaderGone(Exception):
    """Whoever read our standard output has closed it."""


def take_streams() -> None:
    """Fill the places of standard streams that are closed: the next file would get such a number, and be
    written to as if it were standard output. What stands there instead fails when it is used, but for talk."""
    for number, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # gets the lowest free number, which is this one
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def take_signals() -> None:
    """Let SIGTERM and SIGHUP clean up as an interrupt does, unless somebody (nohup) had them ignored."""

    def stop(number: int, frame: object) -> NoReturn:
        raise Terminated(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, stop)


def report(error: BaseException) -> int:
    """Say what happened on stderr and return the exit code."""
    if os.environ.get("TERA_TRACEBACK") == "1":
        import traceback

        traceback.print_exception(error)
    match error:
        case Terminated():
            flush()
            signal.signal(error.number, signal.SIG_DFL)
            os.kill(os.getpid(), error.number)
            return 128 + error.number
        case KeyboardInterrupt():
            say("error", "interrupted")
            return flush(INTERRUPTED)
        case SystemExit():
            return flush(error.code if isinstance(error.code, int) else OTHER)
        case ReaderGone() | BrokenPipeError():
            drop(sys.stdout)
            return IO
        case TeraError():
            say("error", str(error))
            if error.hint:
                say("hint", error.hint)
            return flush(error.exit)
        case OSError():
            name = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
            say("error", f"{name}{error.strerror or error}")
            return flush(IO)
        case MemoryError():
            say("error", "not enough memory")
            return flush(OTHER)
    return _report_others(error)


def _report_others(error: BaseException) -> int:
    import click

    if isinstance(error, click.exceptions.Exit):
        return flush(error.exit_code)
    if isinstance(error, click.ClickException):
        message = error.format_message().strip().removesuffix(".")
        say("error", message[:1].lower() + message[1:])
        context = getattr(error, "ctx", None)
        if context is not None:
            say("hint", f"{context.command_path} --help")
        return flush(error.exit_code)
    say("error", f"internal: {type(error).__name__}: {error}")
    say("hint", "this is a fault in tera: please report it with what TERA_TRACEBACK=1 shows")
    return flush(OTHER)


def flush(code: int = OK) -> int:
    """Flush stdout while an error of it can still be said, and return the code to leave with."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        drop(sys.stdout)
        return code or IO
    except (OSError, ValueError) as error:
        drop(sys.stdout)
        say("error", f"standard output: {getattr(error, 'strerror', None) or error}")
        return code or IO
    return code
