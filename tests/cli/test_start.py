"""The command starts fast, because a verb imports what it needs and `--help` imports none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.runs import Room, Tera, environment

HEAVY = {"cryptography", "pqcrypto", "msgpack", "zstandard", "blake3", "tera.codec", "tera.crypto", "asyncio", "ssl"}


def imported(*arguments: str) -> set[str]:
    """Return the modules that a run of `tera` has imported, and the packages above them."""
    code = "import sys; from tera.cli import main; main(sys.argv[1:]); print('\\n', *sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment(), capture_output=True, check=True, timeout=60
    )
    names = done.stderr.decode().splitlines()[-1].split()
    return set(names) | {name.split(".")[0] for name in names}


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["nonsense"], ["completion", "bash"]])
def test_a_question_about_the_command_imports_nothing_heavy(arguments: list[str]) -> None:
    assert not HEAVY & imported(*arguments)


def test_help_of_one_verb_imports_no_other() -> None:
    found = imported("decode", "--help")
    assert "tera.cli.decode" in found
    assert not HEAVY & found
    assert not {"tera.cli.encode", "tera.cli.keygen", "tera.cli.rewrap"} & found


def test_inspect_imports_no_part_for_writing(room: Room) -> None:
    found = imported("inspect", room.out_tera)
    assert "tera.codec.inspect" in found
    assert not {"tera.codec.encoder", "tera.codec.rewrap", "pqcrypto", "asyncio", "ssl"} & found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(tera: Tera, shell: str) -> None:
    answer = tera("completion", shell)
    assert answer.code == 0
    assert f"_TERA_COMPLETE={shell}_complete" in answer.text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tera re", {"rewrap", "recover"}),
        ("tera keygen --ty", {"--type"}),
        ("tera keygen --type ml", {"mlkem1024-p384", "mlkem768", "mlkem1024"}),
    ],
)
def test_a_shell_completes(spawn: Tera, words: str, expected: set[str]) -> None:
    asked = environment(_TERA_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(words.count(" ")))
    answer = spawn(env=asked)
    assert {line.partition(",")[2] for line in answer.text.splitlines()} == expected


def test_bash_takes_the_script(tera: Tera, tmp_path: Path) -> None:
    (tmp_path / "script").write_bytes(tera("completion", "bash").out)
    subprocess.run(["bash", "-n", tmp_path / "script"], check=True, timeout=30)
