"""What only a process shows: pipes that close, disks that fill, signals, a kill; one line, an exit code, no rubbish."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runs import COMMAND, FILES, Room, Tera, environment, left_in


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Start `tera` with pipes at all three ends and leave it running."""

    def run(*arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        found: dict[str, Any] = {"cwd": tmp_path, "env": environment(), "stdin": pipe, "stdout": pipe, "stderr": pipe}
        return subprocess.Popen([*COMMAND, *map(str, arguments)], **{**found, **options})

    return run


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, err = process.communicate(timeout=60)
    return process.returncode, err.decode()


def sealing(start: Callable[..., subprocess.Popen[bytes]], room: Room, *more: str) -> subprocess.Popen[bytes]:
    """Start sealing standard input, and wait until blocks of it have been taken."""
    process = start("encode", "-", "-R", room.key_pub, "-o", "out.tera", *more)
    assert process.stdin is not None
    process.stdin.write(os.urandom(8 << 20))  # returns when all but a pipe's buffer has been read
    process.stdin.flush()
    return process


def shell(command: str, folder: Path) -> tuple[int, str]:
    """Run a line of bash; return its exit code and what it said."""
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment(), capture_output=True, check=False, timeout=60
    )
    return done.returncode, done.stderr.decode()


# --- pipes ----------------------------------------------------------------------------------------


def test_a_pipeline_of_processes_gives_every_byte(room: Room, tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(FILES["noise.bin"])
    tera = " ".join(COMMAND)
    command = (
        f"set -eo pipefail; {tera} encode - -R {room.key_pub} < noise | {tera} decode - -i {room.key} -C d && "
        f"{tera} encode noise -R {room.key_pub} | {tera} cat - noise -i {room.key} | cmp - d/stdin"
    )
    code, err = shell(command, tmp_path)
    assert code == 0, err


def test_a_reader_that_goes_away_is_no_error_of_anybody(room: Room, tmp_path: Path) -> None:
    for verb in ("ls --json", "cat"):
        name = "noise.bin" if verb == "cat" else ""
        command = f"{' '.join(COMMAND)} {verb} {room.out_tera} {name} -i {room.key} | true; exit ${{PIPESTATUS[0]}}"
        code, err = shell(command, tmp_path)
        assert (code in (0, 4), err) == (True, "")


def test_a_container_that_nobody_takes_is_refused(start: Any, room: Room) -> None:
    process = start("encode", room.out_tera, "-R", room.key_pub)
    process.stdout.close()
    code, err = ended_without_stdout(process)
    assert (code, err.count("\n")) == (4, 1)
    assert "Broken pipe" in err


def ended_without_stdout(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    assert process.stderr is not None
    assert process.stdin is not None
    process.stdin.close()
    err = process.stderr.read().decode()
    process.stderr.close()
    return process.wait(60), err


def test_a_full_disk_under_standard_output_is_refused(spawn: Tera, room: Room) -> None:
    with open("/dev/full", "wb") as full:
        for verb in (
            ["ls", room.out_tera, "-i", room.key],
            ["cat", room.out_tera, "noise.bin", "-i", room.key],
            ["encode", room.out_tera, "-R", room.key_pub],
            ["keygen", "--quiet"],
        ):
            answer = spawn(*verb, stdout=full, stderr=subprocess.PIPE, capture_output=False)
            assert answer.code == 4, verb
            assert answer.err.startswith("tera: error: "), verb
            assert answer.err.endswith("No space left on device\n"), verb


def test_a_closed_standard_output_is_refused(room: Room, tmp_path: Path) -> None:
    command = f"{' '.join(COMMAND)} ls {room.out_tera} -i {room.key} >&-"
    code, err = shell(command, tmp_path)
    assert (code, err.count("\n")) == (4, 1), err
    assert err.startswith("tera: error: standard output: ")


def test_a_closed_standard_stream_is_not_mistaken_for_a_file(room: Room, tmp_path: Path) -> None:
    tera = " ".join(COMMAND)
    (tmp_path / "noise").write_bytes(FILES["noise.bin"])
    code, _ = shell(f"{tera} encode noise -R {room.key_pub} -o x <&- >&- 2>&-", tmp_path)
    assert code == 0
    code, err = shell(f"{tera} decode x -i {room.key} -C d <&- >&- && cmp noise d/noise", tmp_path)
    assert code == 0, err
    code, err = shell(f"{tera} encode - -R {room.key_pub} -o y <&-", tmp_path)
    assert code == 4, err


# --- disks ----------------------------------------------------------------------------------------


def at_most(size: int) -> Callable[[], None]:
    """Let no file grow beyond `size`: the write fails as on a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_leaves_nothing_behind(spawn: Tera, room: Room, tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(FILES["noise.bin"])
    limit = at_most(1 << 20)
    answers = [
        spawn("encode", "noise", "-R", room.key_pub, "-o", "x", preexec_fn=limit),
        spawn("decode", room.out_tera, "noise.bin", "-i", room.key, "-C", "d", preexec_fn=limit),
        spawn("decode", "-", "-i", room.key, "-C", "d", preexec_fn=limit, input=Path(room.out_tera).read_bytes()),
        spawn("rewrap", room.out_tera, "-i", room.key, "-R", room.key_pub, "-o", "x", preexec_fn=limit),
    ]
    for answer in answers:
        assert answer.code == 4, answer.err
        assert "File too large" in answer.err
        assert answer.err.count("tera: error: ") == 1
    assert left_in(tmp_path) <= {"noise", "d"}


def test_a_full_disk_leaves_no_half_key(spawn: Tera, tmp_path: Path) -> None:
    answer = spawn("keygen", "-o", "key.txt", preexec_fn=at_most(100))
    assert (answer.code, left_in(tmp_path)) == (4, set())


# --- signals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", [b"the old one", None])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGHUP, -1), (signal.SIGKILL, -9)]
)
def test_a_stopped_encode_leaves_what_was_there(
    start: Any, room: Room, tmp_path: Path, number: signal.Signals, code: int, old: bytes | None
) -> None:
    if old is not None:
        (tmp_path / "out.tera").write_bytes(old)
    process = sealing(start, room, "-f")
    process.send_signal(number)
    # What stops it is the signal: its input stays open until it has ended.
    assert process.wait(30) == code
    ended(process)
    assert left_in(tmp_path) == ({"out.tera"} if old is not None else set())
    if old is not None:
        assert (tmp_path / "out.tera").read_bytes() == old


def test_an_input_that_disappears_meanwhile_is_refused(start: Any, room: Room, tmp_path: Path) -> None:
    for name, more in (("folder", []), ("folder/b", ["-f"])):
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "b").write_bytes(bytes(300_000))
        process = start("encode", "-", name, "-R", room.key_pub, "-o", "out.tera", *more)
        process.stdin.write(os.urandom(4 << 20))
        process.stdin.flush()
        shutil.rmtree(tmp_path / "folder")
        code, err = ended(process)
        assert (code, err) == (4, f"tera: error: {name}: No such file or directory\n")
        assert left_in(tmp_path) == set()


def test_an_interrupt_is_said_in_one_line(start: Any, room: Room) -> None:
    process = sealing(start, room)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert ended(process)[1] == "tera: error: interrupted\n"


def test_a_stopped_decode_leaves_no_partial_file(start: Any, room: Room, tmp_path: Path) -> None:
    data = Path(room.out_tera).read_bytes()
    for more in ([], ["--stream"]):
        process = start("decode", "-", "-i", room.key, "-C", "d", *more)
        process.stdin.write(data[:1_800_000])
        process.stdin.flush()
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        ended(process)
        assert left_in(tmp_path) <= {"d", "d/hello.txt"}


def test_a_hangup_that_nohup_ignores_stays_ignored(start: Any, room: Room, tmp_path: Path) -> None:
    ignore: Callable[[], Any] = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    process = start("encode", "-", "-R", room.key_pub, "-o", "out.tera", preexec_fn=ignore)
    process.stdin.write(os.urandom(4 << 20))
    process.stdin.flush()
    process.send_signal(signal.SIGHUP)
    code, err = ended(process)
    assert code == 0, err
    assert left_in(tmp_path) == {"out.tera"}


# --- the machine ----------------------------------------------------------------------------------


def test_a_name_that_the_terminal_cannot_show_is_no_failure(spawn: Tera, room: Room) -> None:
    latin = environment(LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    answer = spawn("cat", room.out_tera, "tief, ünï", "-i", room.key, env=latin)
    assert answer.code == 1
    assert answer.err.startswith("tera: error: ")


def test_python_m_tera_and_the_command_are_one(spawn: Tera) -> None:
    import tera

    answer = spawn("--version")
    assert (answer.code, answer.text, answer.err) == (0, f"tera {tera.__version__}\n", "")
