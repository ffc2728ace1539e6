"""The README and the documents of `examples/` are run; and the runner itself fails when it should."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests import sessions
from tests.sessions import Drift

PROJECT = Path(__file__).resolve().parents[1]
DOCUMENTS = ["README.md", *sorted(str(p.relative_to(PROJECT)) for p in PROJECT.glob("examples/**/*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_that_says_what_does_not_happen_is_refused(document: str, tmp_path: Path) -> None:
    assert shutil.which("tera", path=str(Path(sys.executable).parent)), "tera is not installed beside this Python"
    assert sessions.run(PROJECT / document, tmp_path) > 0, f"{document} has no block that runs"


# --- the runner -----------------------------------------------------------------------------------


def play(folder: Path, *lines: str) -> int:
    document = folder / "page.md"
    document.write_text("\n".join(lines), "utf-8")
    return sessions.run(document, folder)


def console(*lines: str) -> list[str]:
    return ["```console", *lines, "```"]


def python(*lines: str) -> list[str]:
    return ["```python", *lines, "```"]


def test_blocks_share_a_directory_a_shell_and_a_namespace(tmp_path: Path) -> None:
    ran = play(
        tmp_path,
        "# Page",
        *console("$ mkdir made && cd made && echo one > file", "$ word=two", "$ pwd", ".../room/made"),
        *python("from pathlib import Path", "text = Path('made/file').read_text()"),
        "",
        *console("$ cat file", "one", "$ echo $word >&2", "two"),
        *python(">>> text", "'one\\n'", ">>> size = len(text)"),
        *python("assert size == 4"),
    )
    assert ran == 5


def test_a_command_may_go_on_over_lines(tmp_path: Path) -> None:
    play(
        tmp_path,
        *console("$ cat <<EOF", "> first", ">", "> third", "> EOF", "first", "", "third"),
        *console("$ echo one \\", "    two", "one two", "", "$ for n in 1 2; do", "> echo $n", "> done", "1", "2"),
    )


@pytest.mark.parametrize(
    ("expected", "output"),
    [
        ("a", "a\n"),
        ("a ... d", "a b c d\n"),
        ("first\n...\nlast", "first\nlast\n"),
        ("first\n...\nlast", "first\n2\n3\nlast\n"),
        ("...\nlast", "1\n\nlast\n"),
        ("a", "a   \n\n"),
        ("size (.*) [x]", "size (.*) [x]"),
    ],
)
def test_wildcards_stand_for_text_within_a_line_and_for_lines(expected: str, output: str) -> None:
    assert sessions.matches(expected, output)


@pytest.mark.parametrize(
    ("expected", "output"),
    [
        ("a", "b\n"),
        ("a", "a\nb\n"),
        ("a\nb", "a\n"),
        ("a ... d", "a b\nc d\n"),
        ("first\n...\nlast", "first\n2\nlast\nmore\n"),
        ("a.c", "abc\n"),
        ("x", ""),
    ],
)
def test_another_output_is_refused(expected: str, output: str, tmp_path: Path) -> None:
    assert not sessions.matches(expected, output)
    (tmp_path / "said").write_text(output)
    with pytest.raises(Drift, match="the text says"):
        play(tmp_path, *console("$ cat ../said", *expected.split("\n")))


def test_output_is_not_compared_where_the_text_gives_none(tmp_path: Path) -> None:
    assert play(tmp_path, *console("$ date", "$ echo x", "x")) == 1


def test_a_failing_command_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Drift, match=r"page\.md:2: \$ false\nexit status 1"):
        play(tmp_path, *console("$ false"))


def test_a_failure_that_the_text_shows_passes(tmp_path: Path) -> None:
    play(
        tmp_path,
        *console("$ echo tera: error: no; false", "tera: error: no", "$ (exit 11)", "$ echo $?", "11"),
    )


def test_a_failure_with_another_exit_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Drift, match="the text says:\n11\nbut it is:\n13"):
        play(tmp_path, *console("$ (exit 13)", "$ echo $?", "11"))


@pytest.mark.parametrize("command", ["exit 0", "kill -9 $$"])
def test_a_shell_that_ends_is_refused(command: str, tmp_path: Path) -> None:
    with pytest.raises(Drift, match="the shell ended"):
        play(tmp_path, *console(f"$ {command}"))


def test_a_command_that_hangs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "PATIENCE", 0.2)
    with pytest.raises(Drift, match="took over"):
        play(tmp_path, *console("$ sleep 60"))


@pytest.mark.parametrize("command", ["cat", "(: > /dev/tty) 2>&- || echo no terminal"])
def test_a_command_that_asks_gets_no_answer(command: str, tmp_path: Path) -> None:
    play(tmp_path, *console(f"$ {command}", *(["no terminal"] if "tty" in command else [])))


@pytest.mark.parametrize("command", ["echo 'open", "if true", "fi"])
def test_a_command_with_a_syntax_error_is_refused(command: str, tmp_path: Path) -> None:
    with pytest.raises(Drift, match="exit status"):
        play(tmp_path, *console(f"$ {command}"))


@pytest.mark.parametrize("line", ["1 / 0", "assert False", "raise SystemError", ">>> 1\n2", ">>> 1 / 0"])
def test_python_that_fails_is_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(Drift, match=r"page\.md"):
        play(tmp_path, *python(line))


def test_a_block_with_a_reason_is_left_out(tmp_path: Path) -> None:
    ran = play(
        tmp_path,
        *("<!-- not executed: it needs the network -->", "", *console("$ false")),
        *("<!-- not executed: it is another system's -->", "```sh", "false", "```"),
        *console("$ true"),
        *("```text", "$ false", "```"),
        *("````markdown", *console("$ false"), "````"),
    )
    assert ran == 1


@pytest.mark.parametrize("between", [["Some text."], console("$ true")])
def test_a_reason_reaches_no_further_than_its_block(between: list[str], tmp_path: Path) -> None:
    with pytest.raises(Drift, match="exit status"):
        play(tmp_path, "<!-- not executed: for show -->", *between, *console("$ false"))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["<!-- not executed: -->", *console("$ false")], "no reason"),
        (["<!-- not executed -->", *console("$ false")], "no reason"),
        (["```bash", "true", "```"], "say console"),
        (["```console", "$ true"], "never closed"),
        (console("true"), "before the first command"),
    ],
)
def test_a_block_that_would_go_unrun_is_refused(lines: list[str], words: str, tmp_path: Path) -> None:
    with pytest.raises(Drift, match=words):
        play(tmp_path, *lines)


def test_unseen_commands_prepare_the_next_block(tmp_path: Path) -> None:
    assert play(tmp_path, "<!-- session", "$ echo kept > file", "-->", *console("$ cat file", "kept")) == 2


def test_a_block_inside_a_list_is_run(tmp_path: Path) -> None:
    with pytest.raises(Drift, match="exit status"):
        play(tmp_path, "1. First:", "", *("   " + line for line in console("$ false")))


def test_this_pythons_programs_come_first(tmp_path: Path) -> None:
    found = sessions.environment(tmp_path)["PATH"].split(":")[0]
    assert found == str(Path(sys.executable).parent)
