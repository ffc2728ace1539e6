"""A set of addresses that is taken has one text, which is taken as the same set; and holds what the plain check says.

The input is a text of sets with commas between. Asked about are the ends of every set, their neighbours, and what
differs from them in one bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from fuzz import oracle
from tera.policy import addresses
from tera.policy.addresses import Address, AddressList, AddressSet, Span
from tests.policy import naive

MOST = 12


def one_input(data: bytes) -> None:
    sets: list[AddressSet] = []
    texts: list[str] = []
    for text in data.decode(errors="replace").split(",")[:MOST]:
        found = oracle.tera(addresses.read, text)
        exact = oracle.tera(addresses.read_canonical, text)
        if not isinstance(found, oracle.Taken):
            assert not isinstance(exact, oracle.Taken)
            continue
        written = addresses.write(found.value)
        assert addresses.read_canonical(written) == found.value, written
        assert isinstance(exact, oracle.Taken) == (written == text), (written, text)
        sets.append(found.value)
        texts.append(written)
        _check_meaning(text, found.value)
    listed = AddressList(sets)
    for asked in {address for one in sets for address in _near(one)}:
        plain = [naive.in_set(text, asked) for text in texts]
        assert listed.holds(asked) == any(plain), asked
        for each, holds in zip(sets, plain, strict=True):
            assert AddressList([each]).holds(asked) == holds, (each, asked)
    for each in sets:
        assert listed.covers(each), each
        for other, text in zip(sets, texts, strict=True):
            if AddressList([each]).covers(other):
                inside = [asked for asked in _near(other) if naive.in_set(text, asked)]
                assert all(AddressList([each]).holds(asked) for asked in inside), (each, other)


def _check_meaning(text: str, found: AddressSet) -> None:
    """Ask the plain check about the text as it was written, where it can read that."""
    try:
        asked = [(address, naive.in_set(text.replace(" ", ""), address)) for address in _near(found)]
    except ValueError:
        return  # a * for a number, or white space within
    first = ip_address(text.replace(" ", "").partition("/")[0].partition("-")[0])
    if first.version == found.version:  # else it was IPv4 in the clothes of IPv6
        for address, holds in asked:
            assert AddressList([found]).holds(address) == holds, (text, address)


def _near(one: AddressSet) -> Iterator[Address]:
    kind, bits = (IPv4Address, 32) if one.version == 4 else (IPv6Address, 128)
    ends = (one.low, one.high) if isinstance(one, Span) else (one.value, one.value | (~one.mask & (1 << bits) - 1))
    for end in ends:
        for value in (end, end - 1, end + 1, *(end ^ 1 << bit for bit in range(0, bits, 5))):
            if 0 <= value < 1 << bits:
                address = kind(value)
                yield (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
