"""High-water marks: they go up, they are a signer's own, and a clock that was set back is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import BlocklistRollback, ClockBehind, PolicyRollback
from tera.policy.marks import SKEW, Mark, MarkKey, check_issued, check_mark, raised

A, B = b"a" * 32, b"b" * 32
marks = st.builds(Mark, st.integers(1, 5), st.sampled_from([A, B]))


def check(mark: Mark | None, version: int, digest: bytes) -> None:
    check_mark(mark, version, digest, PolicyRollback, "it")


def test_without_a_mark_every_version_is_taken() -> None:
    check(None, 1, A)


def test_a_version_below_the_mark_is_refused() -> None:
    for version in range(1, 5):
        with pytest.raises(PolicyRollback, match="version 5 has been seen"):
            check(Mark(5, A), version, A)
    check(Mark(5, A), 6, B)


def test_another_content_under_the_version_of_the_mark_is_refused() -> None:
    check(Mark(5, A), 5, A)
    with pytest.raises(PolicyRollback, match="another one"):
        check(Mark(5, A), 5, B)


def test_the_error_is_the_callers() -> None:
    with pytest.raises(BlocklistRollback):
        check_mark(Mark(5, A), 4, A, BlocklistRollback, "it")


@given(marks | st.none(), marks)
def test_what_is_written_never_goes_down_and_changes_no_version(current: Mark | None, new: Mark) -> None:
    written = raised(current, new)
    assert written.version >= new.version
    if current is not None:
        assert written.version >= current.version
        assert written == current or written.version > current.version
    assert written in (current, new)


def test_a_mark_is_that_of_a_kind_a_signer_and_a_name() -> None:
    key = MarkKey("policy", A, bytes(16))
    others = {MarkKey("blocklist", A, bytes(16)), MarkKey("policy", B, bytes(16)), MarkKey("policy", A, b"\1" * 16)}
    assert len({key, *others}) == 4


def test_what_is_issued_more_than_300_seconds_ahead_is_refused() -> None:
    assert SKEW == 300
    check_issued(1_000, 1_300, "it")
    check_issued(1_000, 0, "it")
    with pytest.raises(ClockBehind, match="301 seconds"):
        check_issued(1_000, 1_301, "it")
