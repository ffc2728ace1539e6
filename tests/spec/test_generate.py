"""The vectors on disk are those that the generator makes."""

from __future__ import annotations

from spec.vectors import generate


def test_generator_makes_the_same_vectors_again() -> None:
    assert generate.check(generate.make()) == []
