"""What a file says cannot control the terminal, and progress stays out of the way."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from tera.cli import show
from tera.cli.progress import Progress
from tests.cli.runs import Room, Tera

NASTY = "a\x1b[2J\r\n\x07\x9b1m\u202egpj.exe\u2028\ud800"


def test_nothing_that_controls_a_terminal_is_shown() -> None:
    assert show.safe("plain ünï 容器") == "plain ünï 容器"
    assert show.safe(NASTY) == r"a\x1b[2J\r\n\x07\x9b1m\u202egpj.exe\u2028\ud800"
    text = show.as_json({NASTY: [NASTY, b"\1\2"]})
    assert json.loads(text) == {NASTY: [NASTY, "0102"]}
    for bad in "\x1b\x07\x9b\u202e\u2028\ud800":
        assert bad not in text
        assert bad not in show.one_line(NASTY)
    with pytest.raises(TypeError):
        show.as_json(object())


def test_a_tag_cannot_control_the_terminal(tera: Tera, room: Room) -> None:
    for more in ([], ["--json"]):
        answer = tera("inspect", room.signed_tera, *more)
        assert answer.code == 0
        assert b"\x1b" not in answer.out


def test_a_name_in_an_error_cannot_control_the_terminal(tera: Tera, room: Room) -> None:
    answer = tera("cat", room.out_tera, "\x1b[2J\nx", "-i", room.key)
    assert (answer.code, answer.err.count("\n")) == (1, 2)
    assert "\x1b" not in answer.err
    Path("in").mkdir()
    Path("in/\x1b[2J\n").write_text("x")
    assert "\x1b" not in tera("encode", "in", "-R", room.key_pub, "-o", "x").err


def test_claims_are_marked_until_a_pinned_signature_vouches_for_them(tera: Tera, room: Room) -> None:
    claimed = tera("inspect", room.signed_tera).text.splitlines()
    assert all("unverified" in line or "measured" in line for line in claimed)
    pinned = tera("inspect", room.signed_tera, "--signer", room.signer_pub).text.splitlines()
    assert [line.split()[0] for line in pinned if "unverified" in line] == ["recipients"]
    fingerprint = next(line for line in pinned if line.startswith("signers")).split()[1]
    assert tera("inspect", room.signed_tera, "--signer", fingerprint).text.splitlines() == pinned
    key = Path(room.signer_pub).read_text().strip()
    assert tera("inspect", room.signed_tera, "--signer", key).text.splitlines() == pinned


def test_rules_are_called_what_they_are(tera: Tera, room: Room) -> None:
    shown = tera("inspect", room.ruled_tera).text
    assert "opens = 3" in shown
    assert shown.count("unverified, advisory") == 2
    assert "opens" not in tera("inspect", room.secret_tera).text
    assert "readable by recipients only" in tera("inspect", room.secret_tera).text


def test_verify_says_what_it_did_not_check(tera: Tera, room: Room) -> None:
    keyless = tera("verify", room.signed_tera).text
    assert "not checked" in keyless
    assert "not pinned" in keyless
    everything = tera("verify", room.signed_tera, "-i", room.key, "--signer", room.signer_pub).text
    assert "not checked" not in everything


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.98 KiB"),
        (1024, "1.00 KiB"),
        (10_240, "10.0 KiB"),
        (1_023_000, "999 KiB"),
        (1_048_570, "1.00 MiB"),
        (5 << 30, "5.00 GiB"),
        (1 << 70, "1024 EiB"),
    ],
)
def test_sizes_have_three_digits(count: int, text: str) -> None:
    assert show.size(count) == text


@pytest.mark.parametrize("nanoseconds", [-(2**63), -1, 0, 2**63 - 1, 253_402_300_799 * 10**9])
def test_no_time_is_a_failure(nanoseconds: int) -> None:
    assert show.local(nanoseconds)
    assert show.moment(nanoseconds // 10**9)


# --- progress -------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("tera.cli.progress.time.monotonic", lambda: now[0])
    return now


def test_progress_appears_after_half_a_second_and_goes_away(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with Progress("sealing", total=10 << 20) as line:
        clock[0] += 0.4
        line(1 << 20)
        assert terminal.getvalue() == ""
        clock[0] += 0.6
        line(1 << 20)
        assert terminal.getvalue().endswith("sealing  2.00 MiB of 10.0 MiB  20 %  2.00 MiB/s  0:04 left")
        painted = terminal.getvalue()
        clock[0] += 0.05
        line(1 << 20)
        assert terminal.getvalue() == painted
    assert terminal.getvalue().endswith("\r\x1b[K")
    line(1)
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_progress_stays_away_from_files_and_the_quiet(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, quiet in ((io.StringIO(), False), (Terminal(), True)):
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress("sealing", quiet=quiet) as line:
            assert line.callback is None
            clock[0] += 10
            line(1 << 30)
        assert stream.getvalue() == ""


def test_the_total_of_a_tree_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "in/b", "in/c"):
        (tmp_path / name).write_bytes(bytes(1000))
    os.symlink("/", tmp_path / "in" / "root")
    monkeypatch.setattr(sys, "stderr", Terminal())
    line = Progress("sealing")
    line._measure([str(tmp_path / "a"), str(tmp_path / "in")])
    assert line.total is not None
    assert 3000 <= line.total < 3100
    line._measure([str(tmp_path / "missing")])
    assert line.total < 3100
