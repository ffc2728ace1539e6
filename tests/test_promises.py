"""What is promised is said in one way: the README has the table of the text."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def table(path: str, heading: str) -> list[str]:
    """Return the lines of the first table below a heading."""
    lines = (PROJECT / path).read_text("utf-8").split(f"\n## {heading}\n")[1].splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("|"))
    end = next(at for at, line in enumerate(lines) if at > start and not line.startswith("|"))
    return lines[start:end]


def test_a_promise_that_the_text_does_not_make_is_refused() -> None:
    stated = table("spec/policy.md", "What is promised")
    assert len(stated) > 5
    assert table("README.md", "Rules and authorities") == stated
