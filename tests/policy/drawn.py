"""Rules in their one form and callers near them, drawn so that allowing and denying are both common.

The law of this file: everything comes from small pools, so that a caller often is who, where and when a rule says.
"""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import strategies as st

from tera.policy.context import ACTIONS, Context
from tera.policy.places import Place

NOW = 1_000_000
MOMENTS = st.integers(NOW - 3, NOW + 3)
PEOPLE = ("a@b.c", "z@b.c", "a@x.b.c", "a@b.d")
RECIPIENTS = (*PEOPLE[:2], "*@b.c", "*@*", "*@b.d")
ADDRESSES = ("10.0.0.1", "10.0.1.1", "11.0.0.1", "::1", "2001:db8::1", "::ffff:10.0.0.1")
SETS = (
    *("10.0.0.1", "10.0.0.0/8", "10.0.0.0-10.0.0.2", "0.0.0.0/0", "10.0.0.1/255.0.255.255", "0.0.0.1/0.0.0.3"),
    *("::1", "::/0", "2001:db8::/32", "::1-::2", "2001:db8::/ffff:ffff::ffff:0"),
)
PLACES = (
    "EU///",
    "AS///",
    "/DE//",
    "/GB//",
    "/DE/BY/",
    "/GB/ENG/",
    "/DE//köln",
    "///köln",
    "EU///köln",
    "/GB/LND/london",
)
CONTINENTS = ("EU", "AS")
COUNTRIES = ("DE", "GB")
SUBDIVISIONS: tuple[tuple[str, ...], ...] = ((), ("BY",), ("ENG", "LND"))
CITIES = ("köln", "london")
DEVICES = (b"\1" * 32, b"\2" * 32)
MACS = ("00:00:00:00:00:01", "00:00:00:00:00:02")
OBLIGATIONS = ("watermark", "notice", "a")
PATTERNS = ("**", "*", "a/*", "**/x", "a/**/x", "a/??", r"a/\*", "a/*x*", "b")
PATHS = ("a", "b", "a/x", "a/*", "a/b/x", "a/b/c/x", "a/xx", "x")


def some(pool: Any, most: int = 3) -> st.SearchStrategy[list[Any]]:
    """Draw a sorted array of one or more of `pool`."""
    return st.lists(st.sampled_from(pool), min_size=1, max_size=most, unique=True).map(sorted)


def lists(pool: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Draw `allow`, `block` or both."""
    return st.fixed_dictionaries({}, optional={"allow": some(pool), "block": some(pool)}).filter(bool)


windows = (
    st.fixed_dictionaries({}, optional={"end": MOMENTS, "start": MOMENTS})
    .filter(bool)
    .filter(lambda found: "end" not in found or found.get("start", 0) < found["end"])
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "device": st.fixed_dictionaries({"allow": some(DEVICES)}),
    "downloadable": st.booleans(),
    "first_open_for": st.integers(1, 4),
    "geo": lists(PLACES),
    "ip": lists(SETS),
    "mac": st.fixed_dictionaries({"allow": some(MACS)}),
    "obligations": st.dictionaries(
        st.sampled_from(OBLIGATIONS),
        st.dictionaries(st.sampled_from(("text", "level")), st.text(max_size=2) | st.booleans() | st.integers(0, 9)),
        min_size=1,
    ),
    "offline_for": st.integers(1, 4),
    "opens": st.integers(0, 3),
    "recipients": some(RECIPIENTS),
    "require_fresh_blocklist": st.just(True) | st.integers(1, 3),
    "require_signature": st.just(True),
    "rights": some(ACTIONS, 5),
    "time": windows,
}
IN_ENTRY = ("device", "downloadable", "geo", "ip", "mac", "obligations", "recipients", "rights", "time")
triples = st.dictionaries(
    st.tuples(st.sampled_from(PATTERNS), st.sampled_from(IN_ENTRY)), st.none(), min_size=1, max_size=4
)


@st.composite
def rules(draw: st.DrawFn, most: int = 4) -> list[list[Any]]:
    """Draw rules as a container holds them."""
    names = draw(st.lists(st.sampled_from([*VALUES, "entry"]), min_size=1, max_size=most, unique=True))
    found = []
    for name in sorted(names):
        if name == "entry":
            found.append([name, [[*pair, draw(VALUES[pair[1]])] for pair in sorted(draw(triples))]])
        else:
            found.append([name, draw(VALUES[name])])
    return found


def caller_at_random(chance: Random) -> dict[str, Any]:
    """Return a caller like those of `callers`, 50 times as fast."""

    def maybe_one(pool: Any) -> Any:
        return chance.choice((None, *pool))

    def any_of(pool: Any) -> frozenset[Any]:
        return frozenset(one for one in pool if chance.random() < 0.5)

    return {
        "action": chance.choice(ACTIONS),
        "viewer": maybe_one(PEOPLE),
        "ip": maybe_one(ADDRESSES),
        "place": {
            "continent": maybe_one(CONTINENTS),
            "country": maybe_one(COUNTRIES),
            "subdivisions": chance.choice(SUBDIVISIONS),
            "city": maybe_one(CITIES),
        },
        "device": maybe_one(DEVICES),
        "device_proven": chance.random() < 0.7,
        "macs": any_of(MACS),
        "opens": maybe_one(range(4)),
        "first_open": maybe_one(range(NOW - 3, NOW + 4)),
        "signed": chance.random() < 0.7,
        "blocklist_age": maybe_one(range(5)),
        "fulfilled": any_of(OBLIGATIONS),
        "path": maybe_one(PATHS),
    }


def maybe(pool: Any) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from(pool)


callers = st.fixed_dictionaries(
    {
        "action": st.sampled_from(ACTIONS),
        "viewer": maybe(PEOPLE),
        "ip": maybe(ADDRESSES),
        "place": st.fixed_dictionaries(
            {
                "continent": maybe(CONTINENTS),
                "country": maybe(COUNTRIES),
                "subdivisions": st.sampled_from(SUBDIVISIONS),
                "city": maybe(CITIES),
            }
        ),
        "device": maybe(DEVICES),
        "device_proven": st.booleans(),
        "macs": st.frozensets(st.sampled_from(MACS)),
        "opens": st.none() | st.integers(0, 3),
        "first_open": st.none() | MOMENTS,
        "signed": st.booleans(),
        "blocklist_age": st.none() | st.integers(0, 4),
        "fulfilled": st.frozensets(st.sampled_from(OBLIGATIONS)),
        "path": maybe(PATHS),
    }
)


def context(caller: dict[str, Any]) -> Context:
    return Context(**(caller | {"place": Place(**caller["place"])}))
