"""At a terminal: passphrases are asked for without an echo, binary stays away, progress shows and goes."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tera.crypto import pem
from tests.cli.runs import FILES, Room, Tera, environment

# A process that has the terminal at its standard input as its own, and then is tera.
TAKE = """
import fcntl, os, sys, termios
fcntl.ioctl(int(sys.argv[1]), termios.TIOCSCTTY, 0)
os.execv(sys.argv[2], sys.argv[2:])
"""


class Session:
    """`tera` at a terminal of its own. What is piped is said by `options`; else it is the terminal."""

    def __init__(self, folder: Path, *arguments: str | Path, **options: Any) -> None:
        self.master, self._slave = os.openpty()
        ends = dict.fromkeys(("stdin", "stdout", "stderr"), self._slave)
        command = [sys.executable, "-c", TAKE, str(self._slave), sys.executable, "-m", "tera", *map(str, arguments)]
        self.process = subprocess.Popen(
            command,
            **{
                **ends,
                "cwd": folder,
                "env": environment(),
                "start_new_session": True,
                "pass_fds": [self._slave],
                **options,
            },
        )
        self.shown = ""

    def wait_for(self, text: str) -> None:
        """Read until `text` is shown."""
        end = time.monotonic() + 30
        while text not in self.shown:
            assert time.monotonic() < end, f"waited for {text!r}; shown: {self.shown!r}"
            self._read(0.05)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> int:
        """Wait for the end; return the exit code."""
        end = time.monotonic() + 30
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it goes on; shown: {self.shown!r}"
            self._read(0.02)
        while self._read(0.02):
            pass
        return self.process.returncode

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self._slave)[3] & termios.ECHO)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(30)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        os.close(self.master)
        os.close(self._slave)

    def _read(self, patience: float) -> bool:
        if not select.select([self.master], [], [], patience)[0]:
            return False
        self.shown += os.read(self.master, 65_536).decode(errors="replace")
        return True


Start = Callable[..., Session]


@pytest.fixture
def at_terminal(tmp_path: Path) -> Iterator[Start]:
    sessions: list[Session] = []

    def start(*arguments: str | Path, **options: Any) -> Session:
        sessions.append(Session(tmp_path, *arguments, **options))
        return sessions[-1]

    yield start
    for session in sessions:
        session.close()


# --- passphrases ----------------------------------------------------------------------------------


def test_a_passphrase_is_asked_for_without_an_echo(at_terminal: Start, room: Room) -> None:
    session = at_terminal("ls", room.words_tera, "-p")
    session.wait_for("Passphrase: ")
    assert not session.echoes
    session.type("correct horse\n")
    assert session.end() == 0
    assert session.shown.split() == ["Passphrase:", "hello.txt"]
    assert session.echoes


def test_a_passphrase_comes_from_the_terminal_when_stdin_is_a_pipe(at_terminal: Start, room: Room) -> None:
    with open(room.words_tera, "rb") as sealed:
        session = at_terminal("cat", "-", "hello.txt", "-p", stdin=sealed, stdout=subprocess.PIPE)
        session.wait_for("Passphrase: ")
        session.type("correct horse\n")
        assert session.end() == 0
        assert session.process.stdout is not None
        assert session.process.stdout.read() == FILES["hello.txt"]
        assert "correct" not in session.shown


def test_a_wrong_passphrase_at_the_terminal_is_refused(at_terminal: Start, room: Room) -> None:
    session = at_terminal("ls", room.words_tera, "-p")
    session.wait_for("Passphrase: ")
    session.type("wrong\n")
    assert session.end() == 12
    assert "tera: error: the passphrase is wrong" in session.shown


def test_a_new_passphrase_is_typed_twice_and_opens(at_terminal: Start, tera: Tera, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    session = at_terminal("encode", "a", "-p", "-o", "x")
    for prompt in ("New passphrase: ", "Again: "):
        session.wait_for(prompt)
        session.type("grün\n")
    assert session.end() == 0
    # The same passphrase, typed on a machine that decomposes its letters.
    (tmp_path / "pass").write_text("gru\u0308n\n")
    assert tera("cat", "x", "a", "--passphrase-file", "pass").out == b"x"


@pytest.mark.parametrize("typed", [("one\n", "two\n"), ("\n",), ("\x04",), ("one\n", "\x04")])
def test_two_passphrases_that_differ_or_are_empty_are_refused(
    at_terminal: Start, tmp_path: Path, typed: tuple[str, ...]
) -> None:
    (tmp_path / "a").write_text("x")
    session = at_terminal("encode", "a", "-p", "-o", "x")
    for prompt, text in zip(("New passphrase: ", "Again: "), typed, strict=False):
        session.wait_for(prompt)
        session.type(text)
    assert session.end() == 2
    assert "tera: error: " in session.shown
    assert not (tmp_path / "x").exists()


def test_what_fails_anyway_fails_before_it_asks(at_terminal: Start, tmp_path: Path, room: Room) -> None:
    (tmp_path / "a").write_text("x")
    for command in (
        ["encode", "a", "-p", "-o", room.out_tera],
        ["encode", "a", "-p", "-o", "a", "-f"],
        ["decode", "missing", "-p"],
        ["rewrap", "missing", "-p", "-R", room.key_pub, "--in-place"],
    ):
        session = at_terminal(*command)
        assert session.end() in (2, 4)
        assert "assphrase" not in session.shown


def test_an_interrupted_prompt_gives_the_echo_back(at_terminal: Start, room: Room) -> None:
    session = at_terminal("ls", room.words_tera, "-p")
    session.wait_for("Passphrase: ")
    session.type("corr\x03")
    assert session.end() == 130
    assert session.echoes
    assert session.shown.endswith("tera: error: interrupted\r\n")
    assert "Traceback" not in session.shown


def test_a_terminated_prompt_gives_the_echo_back(at_terminal: Start, room: Room) -> None:
    session = at_terminal("ls", room.words_tera, "-p")
    session.wait_for("Passphrase: ")
    session.process.send_signal(signal.SIGTERM)
    assert session.end() == -signal.SIGTERM
    assert session.echoes


def test_an_encrypted_pem_key_is_asked_for(at_terminal: Start, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem.dump_private(3, bytes(64), b"open"))
    session = at_terminal("keygen", "-y", "key.pem")
    session.wait_for("Passphrase of key.pem: ")
    session.type("open\n")
    assert session.end() == 0
    assert "teramlkem7681" in session.shown


def test_without_a_terminal_nothing_is_asked(spawn: Tera, room: Room) -> None:
    answer = spawn("ls", room.words_tera, "-p", start_new_session=True, input=b"correct horse\n")
    assert answer.code == 2
    assert answer.err.startswith("tera: error: there is no terminal to ask")
    assert "--passphrase-file" in answer.err


# --- output ---------------------------------------------------------------------------------------


def test_a_container_on_a_terminal_is_refused(at_terminal: Start, room: Room, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    for more in ([], ["-o", "-"]):
        session = at_terminal("encode", "a", "-R", room.key_pub, *more)
        assert session.end() == 2
        assert "is binary and does not go to a terminal" in session.shown


def test_a_binary_file_on_a_terminal_is_refused_and_text_is_not(at_terminal: Start, room: Room) -> None:
    session = at_terminal("cat", room.out_tera, "noise.bin", "-i", room.key)
    assert session.end() == 2
    assert "is not text" in session.shown
    assert session.shown.count("\r\n") == 2
    session = at_terminal("cat", room.out_tera, "hello.txt", "sub/deep.txt", "-i", room.key)
    assert session.end() == 0
    assert session.shown == "hello, world\r\ntief, ünï\r\n"


@pytest.mark.parametrize(
    "content", [b"\x1b]0;title\x07", b"a\0b", "half é".encode()[:-1] + b" x", b"\xc2\x9b2J", b"back\b"]
)
def test_a_file_cannot_control_the_terminal(at_terminal: Start, tera: Tera, room: Room, content: bytes) -> None:
    tera("encode", "-", "-R", room.key_pub, "-o", "x", stdin=content)
    session = at_terminal("cat", "x", "stdin", "-i", room.key)
    assert session.end() == 2
    assert "is not text" in session.shown
    assert "\x1b" not in session.shown


# --- progress -------------------------------------------------------------------------------------


def test_progress_shows_on_a_slow_seal_and_leaves_no_trace(at_terminal: Start, room: Room, tmp_path: Path) -> None:
    session = at_terminal("encode", "-", "-R", room.key_pub, "-o", "x", stdin=subprocess.PIPE)
    stream = session.process.stdin
    assert stream is not None
    for _ in range(12):
        stream.write(os.urandom(1 << 20))
        stream.flush()
        time.sleep(0.1)
    session.wait_for("sealing  ")
    stream.close()
    assert session.end() == 0
    assert re.search(r"sealing  [0-9.]+ MiB  [0-9.]+ MiB/s", session.shown)
    last = session.shown.rpartition("\r\x1b[K")[2]
    assert re.fullmatch(r"tera: sealed 1 entry \(12\.0 MiB\) into x .*\r\n", last)


def test_quick_work_shows_no_progress(at_terminal: Start, room: Room, tmp_path: Path) -> None:
    session = at_terminal("decode", room.out_tera, "-i", room.key, "-C", "d", "-q")
    assert session.end() == 0
    assert session.shown == ""
