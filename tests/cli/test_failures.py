"""The table of exit codes, and that nothing else than one line comes out, whatever goes wrong inside."""

from __future__ import annotations

import click
import pytest

from tera import errors
from tera.cli import failures, verbs
from tera.errors import TeraError
from tests.cli.runs import Room, Tera

CODES = {
    "malformed": 13,
    "unauthentic": 13,
    "denied": 15,
    "not_found": 1,
    "unavailable": 4,
    "not_tera": 10,
    "unsupported_version": 10,
    "bad_key": 2,
    "bad_input": 2,
    "no_key": 11,
    "wrong_passphrase": 12,
    "blocked": 14,
}
"""What differs from its family."""


def leaves(kind: type[TeraError]) -> list[type[TeraError]]:
    return [leaf for child in kind.__subclasses__() for leaf in [child, *leaves(child)]]


def test_every_error_has_the_exit_code_of_the_table(capfd: pytest.CaptureFixture[str]) -> None:
    seen = set()
    for kind in leaves(TeraError):
        family = next(base for base in kind.__mro__ if base in TeraError.__subclasses__())
        expected = CODES.get(kind.code, CODES[family.code])
        assert failures.report(kind("it failed", hint="do this")) == expected, kind
        assert capfd.readouterr().err == "tera: error: it failed\ntera: hint: do this\n"
        seen.add(expected)
    assert {1, 2, 4, 10, 11, 12, 13, 14, 15} == seen
    assert failures.report(errors.Blocked("the container is blocked")) == 14


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "tera: error: interrupted\n"),
        (FileNotFoundError(2, "No such file or directory", "x"), 4, "tera: error: x: No such file or directory\n"),
        (OSError("odd"), 4, "tera: error: odd\n"),
        (BrokenPipeError(), 4, ""),
        (failures.ReaderGone(), 4, ""),
        (MemoryError(), 1, "tera: error: not enough memory\n"),
        (click.UsageError("Something is wrong."), 2, "tera: error: something is wrong\n"),
        (click.exceptions.Exit(3), 3, ""),
        (SystemExit(5), 5, ""),
    ],
)
def test_other_failures_have_their_code(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(failures, "drop", lambda stream: None)
    assert failures.report(error) == code
    assert capfd.readouterr() == ("", said)


@pytest.mark.parametrize(
    "error", [RuntimeError("boom\n\x1b[2J"), ValueError(), RecursionError("deep"), AssertionError()]
)
def test_a_fault_of_ours_is_one_line_and_asks_for_a_report(
    tera: Tera, room: Room, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("tera.codec.inspect.inspect", fail)
    answer = tera("inspect", room.out_tera)
    assert answer.code == 1
    lines = answer.err.splitlines()
    assert lines[0].startswith(f"tera: error: internal: {type(error).__name__}")
    assert "please report it" in lines[1]
    assert len(lines) == 2
    assert "\x1b" not in answer.err
    monkeypatch.setenv("TERA_TRACEBACK", "1")
    assert "Traceback" in tera("inspect", room.out_tera).err


def test_the_table_is_in_the_help(tera: Tera) -> None:
    shown = " ".join(tera("--help").text.split())
    for line in ("0 ok", "1 other", "2 usage", "3 some inputs were skipped", "4 I/O", "10 not a tera container"):
        assert line in shown
    for line in (
        "11 no key matches",
        "12 wrong passphrase",
        "13 corrupt",
        "14 blocked",
        "15 denied",
        "130 interrupted",
    ):
        assert line in shown


@pytest.mark.parametrize("verb", verbs.VERBS)
def test_a_verb_that_does_not_explain_itself_is_refused(tera: Tera, verb: str) -> None:
    for option in ("--help", "-h"):
        answer = tera(verb, option)
        assert (answer.code, answer.err) == (0, "")
        assert answer.text.startswith(f"Usage: tera {verb} ")


def test_verbs_say_the_same_in_both_places() -> None:
    for name in verbs.VERBS:
        command = verbs.tera.get_command(click.Context(verbs.tera), name)
        assert command is not None
        assert command.get_short_help_str(200) == verbs.VERBS[name][1]
