"""Rules that let nobody in, or say two things, are refused when they are written, naming the fields."""

from __future__ import annotations

from typing import Any

import pytest

from tera.errors import BadInput
from tera.policy.contradictions import check


def where(rules: dict[str, Any]) -> dict[str, str]:
    return {name: f"drm.{name}" for name in rules}


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"ip": {"allow": ["10.0.0.1"], "block": ["10.0.0.0/8"]}}, r"drm\.ip lets nobody in.*10\.0\.0\.1"),
        ({"ip": {"allow": ["10.0.0.1", "10.1.0.0/16"], "block": ["10.0.0.0/8"]}}, "lets nobody in"),
        ({"geo": {"allow": ["/DE/BY/", "/DE//köln"], "block": ["/DE//"]}}, r"drm\.geo lets nobody in"),
        (
            {"downloadable": True, "rights": ["view"]},
            r"drm\.downloadable is true, but drm\.rights does not grant extract",
        ),
        ({"downloadable": False, "rights": ["extract", "view"]}, r"drm\.downloadable is false, but drm\.rights"),
        ({"downloadable": False, "rights": ["extract"]}, "is false, but"),
        (
            {"time": {"end": 5}, "entry": [["a", "time", {"start": 5}]]},
            r"drm\.entry\.a\.time and drm\.time have no moment",
        ),
        ({"time": {"start": 5}, "entry": [["a", "time", {"end": 5}]]}, "no moment in common"),
        ({"rights": ["view"], "entry": [["a", "rights", ["print"]]]}, "no right in common"),
        ({"device": {"allow": [b"1"]}, "entry": [["a", "device", {"allow": [b"2"]}]]}, "no device in common"),
        ({"downloadable": False, "entry": [["a", "downloadable", True]]}, "can only be narrower"),
        ({"entry": [["a", "ip", {"allow": ["10.0.0.1"], "block": ["10.0.0.1"]}]]}, r"drm\.entry\.a\.ip lets nobody in"),
    ],
)
def test_a_contradiction_is_refused(rules: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        check(rules, where(rules))


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"ip": {"allow": ["10.0.0.1", "11.0.0.1"], "block": ["10.0.0.0/8"]}},
        {"ip": {"allow": ["10.0.0.0/8"], "block": ["10.0.0.1"]}},
        {"geo": {"allow": ["/DE//"], "block": ["/DE/BY/", "EU///"]}},
        {"downloadable": True, "rights": ["extract"]},
        {"downloadable": False, "rights": ["view"]},
        {"time": {"end": 5}, "entry": [["a", "time", {"start": 4}], ["b", "rights", ["view"]]]},
        {"rights": ["print", "view"], "entry": [["a", "rights", ["print"]]]},
        {"downloadable": True, "entry": [["a", "downloadable", False]]},
    ],
)
def test_what_makes_sense_is_taken(rules: dict[str, Any]) -> None:
    check(rules, where(rules))
