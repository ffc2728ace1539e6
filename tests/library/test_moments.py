"""Times of a query: three forms, UTC where no zone is said, and nothing else."""

from __future__ import annotations

import pytest

from tera.errors import BadInput
from tera.library.moments import read_moment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1900000000", 1_900_000_000_000),
        ("1970-01-02", 86_400_000),
        ("1970-01-01T00:00:01Z", 1_000),
        ("1970-01-01 00:00:01.250Z", 1_250),
        ("1970-01-01t01:00:00+01:00", 0),
        ("1970-01-01T01:00:00 01:00", 0),  # a + that was not escaped
        ("1970-01-01T00:01", 60_000),
        ("9999-12-31T23:59:59Z", 253_402_300_799_000),
    ],
)
def test_a_time_is_read(text: str, expected: int) -> None:
    assert read_moment(text, "start") == expected


@pytest.mark.parametrize(
    "text",
    ["", "now", "-1", "1e9", "1969-12-31", "1970-02-30", "1970-01-01T25:00Z", "253402300800", "999999999999",
     "1970-01-01T00:00:00+99:00", "٣", "1970-01-01T00:00:00Z\n", "0001-01-01T00:00:00+01:00"],
)  # fmt: skip
def test_what_is_no_time_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(BadInput, match="start"):
        read_moment(text, "start")
