"""A token is its viewer's and nobody else's, and what is kept of it opens nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tera.authority.tokens import TokenFile, new_token
from tera.crypto.random import system
from tera.errors import BadInput, StateUnavailable
from tests.authority.asking import ANN, BOB


@pytest.fixture
def listed(tmp_path: Path) -> tuple[TokenFile, str, str]:
    (ann, first), (bob, second) = new_token(ANN), new_token(BOB)
    (tmp_path / "tokens").write_text(f"# viewers\n{first}\n{second}")
    return TokenFile(tmp_path / "tokens"), ann, bob


def test_a_token_is_its_viewers(listed: tuple[TokenFile, str, str]) -> None:
    tokens, ann, bob = listed
    assert [tokens.viewer_of(one) for one in (ann, bob, ann)] == [ANN, BOB, ANN]


def test_another_token_is_nobodys(listed: tuple[TokenFile, str, str]) -> None:
    tokens, ann, _ = listed
    for one in ("", "x", ann[:-1], ann + "=", ann.swapcase(), f" {ann}", new_token(ANN)[0], "\udcff", "\0"):
        assert tokens.viewer_of(one) is None


def test_what_is_kept_of_a_token_is_none(listed: tuple[TokenFile, str, str], tmp_path: Path) -> None:
    tokens, ann, _ = listed
    kept = (tmp_path / "tokens").read_text()
    assert ann not in kept
    assert [tokens.viewer_of(word) for word in kept.split()] == [None] * len(kept.split())


def test_a_line_that_was_taken_out_ends_its_token_at_once(listed: tuple[TokenFile, str, str], tmp_path: Path) -> None:
    tokens, ann, bob = listed
    lines = (tmp_path / "tokens").read_text().splitlines()
    (tmp_path / "tokens").write_text("\n".join(lines[:-1]))
    assert (tokens.viewer_of(ann), tokens.viewer_of(bob)) == (ANN, None)
    (tmp_path / "tokens").unlink()
    with pytest.raises(StateUnavailable):
        tokens.viewer_of(ann)


def test_a_list_that_is_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(StateUnavailable, match="too much"):
        TokenFile(tmp_path / "tokens")


def test_a_token_of_nobody_is_refused() -> None:
    with pytest.raises(BadInput):
        new_token("ann")


def test_a_token_has_32_random_bytes() -> None:
    asked = []

    def random(length: int) -> bytes:
        asked.append(length)
        return system(length)

    new_token(ANN, random)
    assert asked == [32]
