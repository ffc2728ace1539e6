"""What people write becomes the one form of each rule, or an error that names the field and says what was expected."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pycountry", reason="needs pycountry")
pytest.importorskip("countryinfo", reason="needs countryinfo")

from tera.errors import BadInput
from tera.format.rules import Rule
from tera.policy.authoring import author
from tera.policy.vocabulary import KINDS, parse_rules

GOOD: list[tuple[str, Any, Any]] = [
    ("device", {"allow": ["BB" * 32, "aa" * 32, "bb" * 32]}, {"allow": [b"\xaa" * 32, b"\xbb" * 32]}),
    ("downloadable", False, False),
    ("first_open_for", 60, 60),
    ("geo", {"allow": [{"country": "Germany"}, {"country": "DE"}]}, {"allow": ["/DE//"]}),
    ("geo", {"block": [{"continent": "Europe"}, {"continent": "as"}]}, {"block": ["AS///", "EU///"]}),
    ("geo", {"allow": [{"continent": "Europe", "country": "Germany", "city": "KÖLN "}]}, {"allow": ["/DE//köln"]}),
    ("geo", {"allow": [{"country": "DE", "subdivision": "Bayern"}]}, {"allow": ["/DE/BY/"]}),
    ("geo", {"allow": [{"city": "New  York"}]}, {"allow": ["///new york"]}),
    ("ip", {"allow": ["192.*.1.*", "10.0.0.9/24"]}, {"allow": ["10.0.0.0/24", "192.0.1.0/255.0.255.0"]}),
    ("mac", ["00-1A-2B-3C-4D-5E"], {"allow": ["00:1a:2b:3c:4d:5e"]}),
    ("mac", {"allow": ["001A2B3C4D5E"]}, {"allow": ["00:1a:2b:3c:4d:5e"]}),
    ("obligations", ["watermark", {"id": "notice", "args": {"text": "x"}}], {"watermark": {}, "notice": {"text": "x"}}),
    ("offline_for", 60, 60),
    ("opens", 1, 1),
    ("recipients", ["B@C.D", "*@*", "a@straße.de"], ["*@*", "a@xn--strae-oqa.de", "b@c.d"]),
    ("require_fresh_blocklist", True, True),
    ("require_fresh_blocklist", 60, 60),
    ("require_fresh_blocklist", False, None),
    ("require_signature", True, True),
    ("require_signature", False, None),
    ("rights", ["view", "print", "view"], ["print", "view"]),
    ("time", {"start": "1970-01-01T00:00:00Z", "end": "2031-01-01T00:00:00Z"}, {"start": 0, "end": 1925038800 - 46800}),
    ("time", {"end": "2031-01-01T00:00:00+02:00"}, {"end": 1924984800}),
    ("time", {"end": "2031-01-01t00:00:00.999z"}, {"end": 1924992000}),
    ("time", {"start": "2031-01-01T00:00:00.001Z"}, {"start": 1924992001}),
    ("time", {"start": "2031-01-01T00:00:00.000Z"}, {"start": 1924992000}),
    ("time", {"end": "9999-12-31T23:59:59Z"}, {"end": 253_402_300_799}),
]


@pytest.mark.parametrize(("name", "written", "value"), GOOD)
def test_what_is_written_becomes_the_one_form(name: str, written: Any, value: Any) -> None:
    found = author(name, written, "drm")
    assert found == value
    assert type(found) is type(value)
    if found is not None:
        parse_rules([Rule(name, found)])


def test_every_rule_is_written_and_refused_in_some_way() -> None:
    assert {name for name, _, _ in GOOD} == {name for name, _, _ in BAD} == set(KINDS)


BAD: list[tuple[str, Any, str]] = [
    ("device", {"allow": []}, r"drm\.allow is empty"),
    ("device", {}, "drm lacks allow"),
    ("device", ["aa" * 32], "drm is not an object with allow"),
    ("device", {"allow": ["aa" * 31]}, r"drm\.allow\[0\] is no fingerprint of a key; expected 64"),
    ("device", {"allow": [7]}, r"drm\.allow\[0\] is not a string"),
    ("device", {"block": ["aa" * 32]}, "unknown field 'block'; expected allow"),
    ("downloadable", 1, "drm is not true or false"),
    ("first_open_for", 0, "drm is not a number of seconds, 1 or more"),
    ("first_open_for", 1.5, "drm is not a number of seconds"),
    ("geo", {}, "drm lacks allow or block"),
    ("geo", {"allow": []}, r"drm\.allow is empty"),
    ("geo", {"allow": [{}]}, r"drm\.allow\[0\] lacks continent"),
    (
        "geo",
        {"allow": [{"country": "DE"}], "block": [{"country": "Germny"}]},
        r"drm\.block\[0\]\.country: 'Germny' is no country",
    ),
    ("geo", {"allow": [{"state": "BY"}]}, "unknown field 'state'; expected continent or country"),
    (
        "geo",
        {"allow": [{"country": "DE", "subdivision": "California"}]},
        r"\.subdivision: 'California' is no subdivision of DE",
    ),
    ("geo", {"allow": [{"subdivision": "BY"}]}, r"allow\[0\]\.subdivision stands without its country"),
    ("geo", {"allow": [{"continent": "Africa", "country": "DE"}]}, r"\.continent: DE is counted to EU, not to AF"),
    ("geo", {"allow": [{"continent": "Eurasia"}]}, r"\.continent: 'Eurasia' is no continent"),
    ("geo", {"allow": [{"city": " "}]}, r"\.city is empty"),
    ("geo", {"allow": [{"city": "a/b"}]}, r"\.city: a city is not a printable name"),
    ("geo", {"allow": ["DE"]}, r"drm\.allow\[0\] is not an object"),
    ("geo", {"allow": [{"country": 7}]}, r"drm\.allow\[0\]\.country is not a string"),
    (
        "ip",
        {"allow": ["10.0.0.1", "10.0.0"]},
        r"drm\.allow\[1\]: not an IP address; expected an address, 10\.0\.0\.0/8",
    ),
    ("ip", {"block": []}, r"drm\.block is empty"),
    ("ip", {"deny": ["10.0.0.1"]}, "unknown field 'deny'; expected allow or block"),
    ("ip", ["10.0.0.1"], "drm is not an object with allow or block"),
    ("ip", {"allow": "10.0.0.1"}, r"drm\.allow is not a list"),
    ("ip", {"allow": ["10.0.0.2-10.0.0.1"]}, "ends before it starts"),
    ("mac", [], r"drm\.allow is empty"),
    ("mac", ["1"], r"drm\.allow\[0\]: not a hardware address; expected 00:1a"),
    ("obligations", [], "drm is empty"),
    ("obligations", ["Watermark"], r"drm\[0\]: an obligation is not an id"),
    ("obligations", [{"args": {}}], r"drm\[0\] lacks id"),
    ("obligations", [{"id": "a", "args": [1]}], r"drm\[0\]: an obligation is not an id with a map"),
    ("obligations", [{"id": "a", "args": {"b": 0.5}}], r"drm\[0\]: an obligation's argument"),
    ("obligations", ["a", {"id": "a"}], r"drm\[1\] has the id of another"),
    ("obligations", [f"a{at}" for at in range(17)], "at most 16"),
    ("offline_for", True, "drm is not a number of seconds"),
    ("opens", 0, r"drm is not a number of opens, 1 or more \(0 would let nobody in\)"),
    ("opens", "3", "drm is not a number of opens"),
    ("opens", True, "drm is not a number of opens"),
    ("opens", 2**32, "drm is not a number of opens"),
    ("recipients", [], "drm is empty"),
    ("recipients", "a@b.c", "drm is not a list"),
    ("recipients", ["a@b.c", "b"], r"drm\[1\]: not an address; expected name@example\.org"),
    ("recipients", [7], r"drm\[0\] is not a string"),
    ("require_fresh_blocklist", 0, "drm is not true, or the age in seconds"),
    ("require_signature", "yes", "drm is not true or false"),
    ("rights", [], "drm is empty"),
    ("rights", ["view", "steal"], r"drm\[1\] is no right; expected copy, extract"),
    ("rights", [["view"]], r"drm\[0\] is no right"),
    ("time", {}, "drm lacks start or end"),
    ("time", {"end": 5}, r"drm\.end is not a string"),
    ("time", {"finish": "2031-01-01T00:00:00Z"}, "unknown field 'finish'; expected start or end"),
    ("time", {"start": "2031-01-01T00:00:00Z", "end": "2030-01-01T00:00:00Z"}, "drm ends before it starts"),
    ("time", {"start": "2031-01-01T00:00:00Z", "end": "2031-01-01T01:00:00+01:00"}, "drm ends before it starts"),
    *(
        ("time", {"start": text}, r"drm\.start is no time")
        for text in ("", "2031", "2031-01-01", "2031-01-01T00:00:00", "2031-01-01T00:00Z", "2031-01-01T00:00:00+1:00")
    ),
    *(
        ("time", {"start": text}, r"drm\.start is no time")
        for text in ("2031-02-29T00:00:00Z", "2031-01-01T24:00:00Z", "2031-01-01T00:00:60Z", "٢٠٣١-01-01T00:00:00Z")
    ),
    ("time", {"start": "1969-12-31T23:59:59Z"}, r"drm\.start is not in the years 1970"),
    ("time", {"end": "9999-12-31T23:59:59-01:00"}, r"drm\.end is not in the years"),
]


@pytest.mark.parametrize(("name", "written", "words"), BAD)
def test_what_is_not_understood_is_refused_by_field(name: str, written: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        author(name, written, "drm")


@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)), st.integers(-14 * 60, 14 * 60))
def test_times_are_those_of_the_calendar(moment: datetime, minutes: int) -> None:
    sign, offset = "-" if minutes < 0 else "+", abs(minutes)
    text = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06}{sign}{offset // 60:02}:{offset % 60:02}"
    text = "0" * (len("1970-01-01") - text.index("T")) + text
    exact = moment.replace(tzinfo=UTC).timestamp() - minutes * 60
    start = author("time", {"start": text}, "drm")["start"]
    end = author("time", {"end": text}, "drm")["end"]
    assert end <= exact + 1e-3 and exact - 1e-3 <= start
    assert start - end == (moment.microsecond > 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just("10.0.0.1"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["allow", "block", "start", "end", "id", "args", "country", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from(sorted(KINDS)), JSON)
def test_whatever_is_taken_is_in_its_one_form(name: str, written: Any) -> None:
    try:
        found = author(name, written, "drm")
    except BadInput as error:
        assert str(error).startswith("drm")
        return
    if found is not None:
        parse_rules([Rule(name, found)])
