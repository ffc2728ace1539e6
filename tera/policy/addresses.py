"""Sets of IP addresses: five ways to write one, and the single text that it has in a container.

The law of this file: a set of addresses has one text. `read` takes what people write, `write` gives the
text, and a text that `write` would not have given is refused by `read_canonical`. An IPv4-mapped IPv6
address is the IPv4 address everywhere: else a block of `10.0.0.1` would not stop `::ffff:10.0.0.1`.

Why not `ipaddress.ip_network`: it takes host masks (`10.0.0.0/0.255.255.255` is 10.0.0.0/8 to it), and knows
neither ranges nor masks with gaps.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, TypeAlias

from tera.errors import BadInput

Address: TypeAlias = IPv4Address | IPv6Address

_BITS: Final = {4: 32, 6: 128}
_MAPPED: Final = 0xFFFF << 32
_MAPPED_HIGH: Final = _MAPPED | 0xFFFF_FFFF
_OCTET: Final = r"(?:0|[1-9][0-9]{0,2}|\*)"
_WILD: Final = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_PREFIX: Final = re.compile("0|[1-9][0-9]{0,2}")
EXPECTED: Final = "an address, 10.0.0.0/8, 10.0.0.1-10.0.0.9, 192.*.1.* or 192.0.1.0/255.0.255.0"


@dataclass(frozen=True, slots=True)
class Span:
    """All addresses from `low` to `high`."""

    version: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Masked:
    """All addresses that have `value` in the bits of `mask`, which has gaps: else it would be a Span."""

    version: int
    value: int
    mask: int


AddressSet: TypeAlias = Span | Masked


def read_address(text: str) -> Address:
    """Return one address; a mapped one as IPv4. Raises BadInput."""
    try:
        found = ip_address(text)
    except ValueError:
        raise BadInput(f"not an IP address; expected {EXPECTED}") from None
    if isinstance(found, IPv6Address):
        if found.scope_id is not None:
            raise BadInput("an address with a zone (%…) means something on one machine only")
        return found.ipv4_mapped or found
    return found


def read(text: str) -> AddressSet:
    """Return the set that any of the five forms describes. Raises BadInput."""
    first, slash, rest = text.partition("/")
    if slash:
        return _read_mask(first.strip(), rest.strip())
    first, dash, rest = text.partition("-")
    if dash:
        low, high = read_address(first.strip()), read_address(rest.strip())
        if low.version != high.version:
            raise BadInput("a range has one end in IPv4 and one in IPv6")
        if int(low) > int(high):
            raise BadInput("a range ends before it starts")
        return _span(low.version, int(low), int(high))
    if "*" in text:
        return _read_wild(text.strip())
    found = read_address(text.strip())
    return Span(found.version, int(found), int(found))


def write(found: AddressSet) -> str:
    """Return the one text of a set."""
    text = _ipv4_text if found.version == 4 else _ipv6_text
    if isinstance(found, Masked):
        return f"{text(found.value)}/{text(found.mask)}"
    size = found.high - found.low
    if not size:
        return text(found.low)
    if not size & (size + 1) and not found.low & size:
        return f"{text(found.low)}/{_BITS[found.version] - size.bit_length()}"
    return f"{text(found.low)}-{text(found.high)}"


def _ipv4_text(value: int) -> str:
    return str(IPv4Address(value))


def _ipv6_text(value: int) -> str:
    """Return the text of RFC 5952, always in hexadecimal digits: whether Python's own has decimals in it depends on
    its version."""
    groups = [f"{value >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)]
    longest, at = 0, 0
    for start in range(8):
        run = next((n for n, group in enumerate(groups[start:]) if group != "0"), 8 - start)
        if run > longest:
            longest, at = run, start
    if longest < 2:
        return ":".join(groups)
    return f"{':'.join(groups[:at])}::{':'.join(groups[at + longest :])}"


def read_canonical(text: str) -> AddressSet:
    """Return the set whose one text this is. Raises BadInput."""
    found = read(text)
    if write(found) != text:
        raise BadInput("an address set is not written in its one form")
    return found


def _read_wild(text: str) -> AddressSet:
    if not _WILD.fullmatch(text):
        raise BadInput(f"not an IPv4 address with * for whole numbers; expected {EXPECTED}")
    value = mask = 0
    for part in text.split("."):
        known = part != "*"
        if known and int(part) > 255:
            raise BadInput(f"a part of an IPv4 address is over 255; expected {EXPECTED}")
        value, mask = value << 8 | (int(part) if known else 0), mask << 8 | (255 if known else 0)
    return _masked(4, value, mask)


def _read_mask(first: str, rest: str) -> AddressSet:
    try:
        address = ip_address(first)
    except ValueError:
        raise BadInput(f"not an IP address before the /; expected {EXPECTED}") from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise BadInput("an address with a zone (%…) means something on one machine only")
    bits = _BITS[address.version]
    if _PREFIX.fullmatch(rest):
        if int(rest) > bits:
            raise BadInput(f"a prefix is longer than {bits} bits")
        return _masked(address.version, int(address), (1 << bits) - (1 << bits - int(rest)))
    try:
        mask = ip_address(rest)
    except ValueError:
        raise BadInput(f"neither a prefix length nor a mask after the /; expected {EXPECTED}") from None
    if mask.version != address.version or (isinstance(mask, IPv6Address) and mask.scope_id is not None):
        raise BadInput("an address and its mask are not of one version")
    return _masked(address.version, int(address), int(mask))


def _masked(version: int, value: int, mask: int) -> AddressSet:
    """Return a Span where the mask has no gaps; bits outside the mask say nothing and are dropped."""
    value &= mask
    gaps = ~mask & (1 << _BITS[version]) - 1
    if not gaps & (gaps + 1):
        return _span(version, value, value | gaps)
    if version == 6 and _MAPPED & mask & ~0xFFFF_FFFF == value & ~0xFFFF_FFFF:
        if mask >> 32 == (1 << 96) - 1:
            return _masked(4, value & 0xFFFF_FFFF, mask & 0xFFFF_FFFF)
        raise BadInput("a mask with gaps takes in IPv4-mapped addresses, which are IPv4: write those on their own")
    return Masked(version, value, mask)


def _span(version: int, low: int, high: int) -> Span:
    if version == 6:
        inside = [_MAPPED <= end <= _MAPPED_HIGH for end in (low, high)]
        if all(inside):
            return Span(4, low - _MAPPED, high - _MAPPED)
        if any(inside):
            raise BadInput("a range ends among the IPv4-mapped addresses, which are IPv4: write those on their own")
    return Span(version, low, high)


class AddressList:
    """Sets of addresses, ready to be asked: a look-up is a bisection, whatever the number of sets."""

    __slots__ = ("_highs", "_lows", "_masked")

    def __init__(self, sets: Iterable[AddressSet]) -> None:
        self._lows: dict[int, list[int]] = {4: [], 6: []}
        self._highs: dict[int, list[int]] = {4: [], 6: []}
        found = list(sets)
        self._masked = tuple(one for one in found if isinstance(one, Masked))
        for one in sorted((one for one in found if isinstance(one, Span)), key=lambda one: one.low):
            lows, highs = self._lows[one.version], self._highs[one.version]
            if lows and one.low <= highs[-1] + 1:
                highs[-1] = max(highs[-1], one.high)
            else:
                lows.append(one.low)
                highs.append(one.high)

    def holds(self, address: Address) -> bool:
        """Return whether a set holds the address, which is not a mapped one."""
        value = int(address)
        if self._within(address.version, value, value):
            return True
        return any(one.version == address.version and value & one.mask == one.value for one in self._masked)

    def covers(self, other: AddressSet) -> bool:
        """Return whether `other` is certainly a part; false where only several sets with gaps together hold it."""
        everything = (1 << _BITS[other.version]) - 1
        if isinstance(other, Span):
            low, high = other.low, other.high
            fixed = everything if low == high else 0
        else:
            low, high, fixed = other.value, other.value | (everything & ~other.mask), other.mask
        return self._within(other.version, low, high) or any(
            one.version == other.version and one.mask & fixed == one.mask and low & one.mask == one.value
            for one in self._masked
        )

    def _within(self, version: int, low: int, high: int) -> bool:
        at = bisect_right(self._lows[version], low) - 1
        return at >= 0 and high <= self._highs[version][at]
