"""Sets of addresses: five ways to write one, one text for each, and membership that a plain look agrees with."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import BadInput
from tera.policy.addresses import AddressList, Masked, Span, read, read_address, read_canonical, write
from tests.policy.naive import in_set

WRITTEN = {
    "192.168.1.10": "192.168.1.10",
    "192.168.1.0/24": "192.168.1.0/24",
    "192.168.1.10/24": "192.168.1.0/24",
    "10.0.0.1/32": "10.0.0.1",
    "10.0.0.1/0": "0.0.0.0/0",
    "192.*.1.*": "192.0.1.0/255.0.255.0",
    "192.168.*.*": "192.168.0.0/16",
    "*.*.*.*": "0.0.0.0/0",
    "192.168.1.0-192.168.1.255": "192.168.1.0/24",
    "192.168.1.0 - 192.168.1.254": "192.168.1.0-192.168.1.254",
    "10.0.0.1-10.0.0.2": "10.0.0.1-10.0.0.2",
    "10.0.0.7-10.0.0.7": "10.0.0.7",
    "192.168.1.10/255.0.255.0": "192.0.1.0/255.0.255.0",
    "192.168.1.10/255.255.255.0": "192.168.1.0/24",
    "10.0.0.1/255.255.255.255": "10.0.0.1",
    "10.1.1.1/0.255.255.255": "0.1.1.1/0.255.255.255",
    "2001:DB8:0:0::1": "2001:db8::1",
    "2001:db8::1/32": "2001:db8::/32",
    "::/0": "::/0",
    "2001:db8::-2001:db8::ffff": "2001:db8::/112",
    "::1-::3": "::1-::3",
    "2001:db8::1/ffff:0:ffff::": "2001::/ffff:0:ffff::",
    "::ffff:10.0.0.1": "10.0.0.1",
    "::ffff:10.0.0.1/120": "10.0.0.0/24",
    "::ffff:0:0/96": "0.0.0.0/0",
    "::ffff:a00:1-::ffff:a00:2": "10.0.0.1-10.0.0.2",
    "::ffff:10.0.0.1/ffff:ffff:ffff:ffff:ffff:ffff:ff00:ff": "10.0.0.1/255.0.0.255",
}


def test_each_published_form_has_its_one_text() -> None:
    assert {text: write(read(text)) for text in WRITTEN} == WRITTEN


def test_a_text_that_is_not_the_one_of_its_set_is_refused() -> None:
    refused = [text for text, one in WRITTEN.items() if text != one]
    assert len(refused) > 15
    for text in refused:
        with pytest.raises(BadInput):
            read_canonical(text)
    for text in set(WRITTEN.values()):
        assert write(read_canonical(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        *(
            (text, "not an IP address")
            for text in ("", "x", "10.0.0", "10.0.0.256", "010.0.0.1", "1.2.3.4.5", ":::", "-")
        ),
        *((text, "before the /") for text in ("/8", "x/8", "10.0.0/8", "10.0.0.0-10.0.0.1/8")),
        *((text, "after the /") for text in ("10.0.0.0/", "10.0.0.0/x", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8/8")),
        *((text, "longer than") for text in ("10.0.0.0/33", "::/129")),
        *((text, "not of one version") for text in ("10.0.0.0/ff::", "::/255.0.0.0", "::ffff:10.0.0.0/255.0.0.0")),
        *((text, "one end in IPv4") for text in ("10.0.0.0-::1", "::-::ffff:1.2.3.4", "::ffff:1.2.3.4-::1:0:0:0")),
        ("10.0.0.2-10.0.0.1", "ends before it starts"),
        *((text, r"\* for whole numbers") for text in ("192.*", "*", "19*.0.0.1", "1.2.3.*.5", "01.*.1.1", "::*")),
        ("256.*.1.1", "over 255"),
        *((text, "zone") for text in ("fe80::1%eth0", "fe80::%1/64")),
        ("::ffff:0:0/95", "ends among the IPv4-mapped"),
        ("::1/::ff", "takes in IPv4-mapped"),
        ("::ffff:0:1/ffff:ffff:ffff:ffff:ffff:fffe:0:1", "takes in IPv4-mapped"),
        ("١.٢.٣.٤", "not an IP address"),
    ],
)
def test_what_is_no_set_of_addresses_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read(text)


def test_an_error_says_what_was_expected_and_not_what_was_given() -> None:
    with pytest.raises(BadInput) as caught:
        read("secret")
    assert "10.0.0.0/8" in str(caught.value) and "192.*.1.*" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_mapped_address_is_the_ipv4_address() -> None:
    assert read_address("::ffff:10.0.0.1") == IPv4Address("10.0.0.1")
    assert read_address("::1") == IPv6Address("::1")
    with pytest.raises(BadInput, match="zone"):
        read_address("fe80::1%eth0")


NUMBERS4 = st.integers(0, 2**32 - 1) | st.integers(0, 7) | st.integers(2**32 - 8, 2**32 - 1)
NUMBERS6 = st.integers(0, 2**128 - 1) | st.integers(0, 7) | st.integers(0xFFFF_0000_0000 - 4, 0x1_0000_0000_0003)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Draw any of the forms, mostly with a meaning."""
    kind, numbers = draw(st.sampled_from(((IPv4Address, NUMBERS4), (IPv6Address, NUMBERS6))))
    first, second = (str(kind(draw(numbers))) for _ in range(2))
    width = 32 if kind is IPv4Address else 128
    form = draw(st.sampled_from(("single", "range", "prefix", "mask", "wild")))
    if form == "range":
        return "-".join(sorted((first, second), key=lambda text: int(ip_address(text))))
    if form == "prefix":
        return f"{first}/{draw(st.integers(0, width))}"
    if form == "wild" and width == 32:
        return ".".join(draw(st.sampled_from((part, "*"))) for part in first.split("."))
    return f"{first}/{second}" if form == "mask" else first


def near(found: Span | Masked) -> list[Any]:
    """Addresses inside and just outside of a set."""
    width = 32 if found.version == 4 else 128
    ends = [found.low, found.high] if isinstance(found, Span) else [found.value, found.value ^ 1, found.value | 1 << 20]
    numbers = {end + step for end in ends for step in (-1, 0, 1)} | {end ^ 1 << 9 for end in ends}
    kind = IPv4Address if width == 32 else IPv6Address
    every = [kind(number) for number in sorted(numbers) if 0 <= number < 1 << width]
    return [one for one in every if not (isinstance(one, IPv6Address) and one.ipv4_mapped)]


@given(texts())
def test_a_set_has_one_text_and_holds_what_that_text_says(text: str) -> None:
    try:
        found = read(text)
    except BadInput:
        return
    one = write(found)
    assert read_canonical(one) == found
    asked = near(found)
    assert asked
    for address in asked:
        assert AddressList([found]).holds(address) == in_set(one, address)


@given(st.lists(texts(), min_size=1, max_size=6))
def test_a_list_holds_what_one_of_its_sets_holds(written: list[str]) -> None:
    sets = []
    for text in written:
        try:
            sets.append(read(text))
        except BadInput:
            continue
    whole = AddressList(sets)
    for one in sets:
        assert whole.covers(one)
        for address in near(one):
            assert whole.holds(address) == any(in_set(write(each), address) for each in sets)
            single = Span(address.version, int(address), int(address))
            assert not whole.covers(single) or whole.holds(address)


@pytest.mark.parametrize(
    ("outer", "inner", "verdict"),
    [
        (["10.0.0.0/8"], "10.1.0.0/16", True),
        (["10.0.0.0-10.0.0.4", "10.0.0.5-10.0.0.9"], "10.0.0.3-10.0.0.7", True),
        (["10.0.0.0-10.0.0.4", "10.0.0.6-10.0.0.9"], "10.0.0.3-10.0.0.7", False),
        (["10.0.0.0/8"], "9.0.0.0-10.0.0.0", False),
        (["0.0.0.0/0"], "10.0.0.1/255.0.0.255", True),
        (["0.0.0.0/0"], "::1", False),
        (["10.0.0.1/255.0.0.255"], "10.9.9.1", True),
        (["10.0.0.1/255.0.0.255"], "10.9.9.2", False),
        (["10.0.0.1/255.0.0.255"], "10.0.7.1/255.0.255.255", True),
        (["10.0.0.1/255.0.255.255"], "10.0.0.1/255.0.0.255", False),
        (["10.0.0.1/255.0.0.255"], "10.0.0.0/8", False),
        (["::/0"], "2001:db8::/32", True),
    ],
)
def test_covering(outer: list[str], inner: str, verdict: bool) -> None:
    assert AddressList(map(read, outer)).covers(read(inner)) is verdict


@given(st.lists(st.sampled_from([0, 0, 0, 1, 0xABC, 0xFFFF]), min_size=8, max_size=8))
def test_an_ipv6_text_is_that_of_rfc_5952_whatever_the_python(groups: list[int]) -> None:
    value = int.from_bytes(b"".join(group.to_bytes(2, "big") for group in groups), "big")
    text = write(Span(6, value, value))
    assert int(IPv6Address(text)) == value
    assert "." not in text
    if value >> 32 not in (0, 0xFFFF):  # Python writes these with decimals, or not, by its version
        assert text == str(IPv6Address(value))
