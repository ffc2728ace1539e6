"""Addresses of people: one text each, and no pattern that takes in more than it shows."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import BadInput, InputUnavailable
from tera.policy.people import People, read_canonical, read_pattern, read_viewer


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("A.B@Example.ORG", "a.b@example.org"),
        ("*@Example.ORG", "*@example.org"),
        ("*@*", "*@*"),
        ("a+b@x-y.b.c", "a+b@x-y.b.c"),
        ("o'neil/x=y@b", "o'neil/x=y@b"),
        ("a@straße.de", "a@xn--strae-oqa.de"),
        ("a@BÜCHER.example", "a@xn--bcher-kva.example"),
        ("a@xn--BCHER-kva.example", "a@xn--bcher-kva.example"),
    ],
)
def test_a_recipient_has_one_text(text: str, one: str) -> None:
    assert read_pattern(text) == one
    assert read_canonical(one) == one
    if text != one:
        with pytest.raises(BadInput):
            read_canonical(text)


BAD = [
    *(
        "",
        "a",
        "@",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "a@b c",
        " a@b",
        "a@b ",
        ".a@b",
        "a.@b",
        "a..b@c",
        '"a"@b',
        "a@[1.2.3.4]",
    ),
    *(
        "a@.b",
        "a@b.",
        "a@b..c",
        "a@-b",
        "a@b-",
        "a@b_c",
        "ä@b.c",
        "a@" + "b" * 64,
        "a" * 65 + "@b",
        "a@" + "b." * 127 + "c",
    ),
    *("a*@b", "*a@b", "a@*.b", "a@b.*", "**@b", "a@\N{FULLWIDTH FULL STOP}b", "a@\u200b", "a\n@b", "a@b\n", "a(x)@b"),
]


@pytest.mark.parametrize("text", [*BAD, "a@*"])
def test_what_is_no_recipient_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="expected name@example"):
        read_pattern(text)


@pytest.mark.parametrize("text", [*BAD, "*@b", "*@*", "a@*"])
def test_what_is_no_viewer_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read_viewer(text)


def test_a_domain_is_another_than_the_one_that_is_spelt_like_it() -> None:
    """IDNA 2003, and Python's codec, make strasse.de of it, which belongs to somebody else."""
    assert not People([read_pattern("*@straße.de")]).hold(read_viewer("a@strasse.de"))
    assert People([read_pattern("*@straße.de")]).hold(read_viewer("a@Straße.de"))


def test_only_whole_domains_and_whole_local_parts_count() -> None:
    found = People(["a@b.c", "*@d.e"])
    assert [found.hold(one) for one in ("a@b.c", "x@d.e")] == [True, True]
    assert not any(found.hold(one) for one in ("b@b.c", "a@x.b.c", "a@b.c.d", "x@y.d.e", "x@d.e.f", "x@xd.e", "*@b.c"))
    assert People(["*@*"]).hold("anybody@any.where")


def test_a_domain_in_another_script_without_its_package_is_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "idna", None)
    with pytest.raises(InputUnavailable, match="package idna") as caught:
        read_pattern("a@straße.de")
    assert "tera-container[names]" in (caught.value.hint or "")
    assert read_pattern("a@xn--strae-oqa.de") == "a@xn--strae-oqa.de"


@given(st.text(st.sampled_from("aA.@*-ßx ")) | st.emails())
def test_a_text_that_is_taken_is_a_fixed_point(text: str) -> None:
    try:
        one = read_pattern(text)
    except BadInput:
        return
    assert read_canonical(one) == one == read_pattern(one.upper())
    assert one.isascii()
