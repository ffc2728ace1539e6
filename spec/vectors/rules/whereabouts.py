"""Vectors of deciding by address and by place.

The law of this file: what is expected is stated from "Address sets" and "Places", for each case by hand.
"""

from __future__ import annotations

from typing import Any, Final

from spec.vectors.rules.deciding import YES, case
from spec.vectors.rules.form import Cases

IN: Final[dict[str, tuple[str, list[str], list[str]]]] = {
    "v4": ("10.0.0.1", ["10.0.0.1", "::ffff:10.0.0.1", "::ffff:a00:1"], ["10.0.0.2", "::a00:1", "2002:a00:1::"]),
    "v4_network": ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.9.9.9"], ["9.255.255.255", "11.0.0.0"]),
    "v4_of_two": ("10.0.0.2/31", ["10.0.0.2", "10.0.0.3"], ["10.0.0.1", "10.0.0.4"]),
    "v4_all": ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255", "::ffff:0:0"], ["::", "::1", "::fffe:ffff:ffff"]),
    "v4_range": ("10.0.0.1-10.0.0.9", ["10.0.0.1", "10.0.0.9"], ["10.0.0.0", "10.0.0.10"]),
    "v4_mask": ("192.0.1.0/255.0.255.0", ["192.7.1.7", "::ffff:192.0.1.9"], ["192.7.2.7", "193.7.1.7", "192.1.0.1"]),
    "v4_mask_end": ("0.0.0.7/0.0.0.255", ["1.2.3.7"], ["1.2.3.8", "7.7.7.0"]),
    "v4_mask_odd": ("0.0.0.1/0.0.0.1", ["1.2.3.7"], ["1.2.3.6", "::1"]),
    "v6": ("2001:db8::1", ["2001:db8::1", "2001:0DB8:0:0:0:0:0:1"], ["2001:db8::2"]),
    "v6_compatible": ("::102:304", ["::1.2.3.4"], ["1.2.3.4", "::ffff:1.2.3.4"]),
    "v6_network": ("2001:db8::/32", ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"], ["2001:db7::",
     "2001:db9::"]),
    "v6_all": ("::/0", ["::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"], ["10.0.0.1", "::ffff:10.0.0.1"]),
    "v6_around_mapped": ("::1-1::", ["::fffe:ffff:ffff", "::1:0:0:0"], ["::ffff:0:0", "0.0.0.0", "::"]),
    "v6_mask": ("2001:db8::5/ffff:ffff::ffff", ["2001:db8:1:2:3:4:5:5"], ["2001:db8:1:2:3:4:5:6", "2001:db9::5"]),
    "v6_mask_like_mapped": ("::fffe:0:0/::ffff:0:0", ["1:2:3:4:5:fffe:7:8"], ["1:2:3:4:5:ffff:7:8", "::ffff:1.2.3.4"]),
}  # fmt: skip
"""A set, addresses in it, and others."""


def sets() -> Cases:
    """Each set, asked for what is in it and what is not, as the only one of an allow list or a block list."""
    for name, (text, inside, outside) in IN.items():
        for found, addresses in ((True, inside), (False, outside)):
            for at, address in enumerate(addresses):
                which = f"{'in' if found else 'out'}_{at}"
                context = {"address": address}
                verdict = YES if found else "ip"
                yield case(f"ip_allow_{name}_{which}", f"Is it in {text}?", {"ip": {"allow": [text]}}, context, verdict)
        for found, address in ((True, inside[-1]), (False, outside[-1])):
            which, verdict = ("in", "ip") if found else ("out", YES)
            context = {"address": address}
            yield case(f"ip_block_{name}_{which}", f"Is it in {text}?", {"ip": {"block": [text]}}, context, verdict)


def addresses() -> Cases:
    both = {"allow": ["10.0.0.0/8", "::1"], "block": ["10.0.0.0-10.0.0.9", "10.1.0.1"]}
    for name, comment, value, address, allowed in (
        ("both", "Allowed, and not blocked.", both, "10.0.0.10", True),
        ("both_blocked", "Block wins.", both, "10.1.0.1", False),
        ("both_mapped", "Block wins, whatever an address is written like.", both, "::ffff:10.1.0.1", False),
        ("both_second", "The second set.", both, "::1", True),
        ("both_neither", "Neither allowed nor blocked.", both, "11.0.0.1", False),
        ("unknown_allow", "In no allow list.", {"allow": ["0.0.0.0/0", "::/0"]}, None, False),
        ("unknown_block", "In every block list.", {"block": ["10.0.0.1"]}, None, False),
        ("unknown_both", "Neither way.", both, None, False),
        ("blocks_everything", "Allowed and blocked alike.", {"allow": ["::1"], "block": ["::/0"]}, "::1", False),
    ):
        context = {} if address is None else {"address": address}
        yield case(f"ip_{name}", comment, {"ip": value}, context, YES if allowed else "ip")


MUNICH: Final = {"continent": "EU", "country": "DE", "subdivisions": ["BY"], "city": "München"}
LONDON: Final = {"continent": "EU", "country": "GB", "subdivisions": ["ENG", "LND"], "city": "London"}


def places() -> Cases:
    """One place in an allow list, and the same in a block list."""
    rows: tuple[tuple[str, str, str, Any, bool, bool], ...] = (
        # name, comment, place, who, fits in allow, fits in block
        ("continent", "It fits.", "EU///", MUNICH, True, True),
        ("continent_other", "Another one.", "AS///", MUNICH, False, False),
        ("country", "It fits.", "/DE//", MUNICH, True, True),
        ("country_other", "Another one.", "/AT//", MUNICH, False, False),
        ("subdivision", "It fits.", "/DE/BY/", MUNICH, True, True),
        ("subdivision_other", "Another one.", "/DE/BE/", MUNICH, False, False),
        ("subdivision_country", "The same code in another country.", "/AT/BY/", MUNICH, False, False),
        ("subdivision_first", "The first of several.", "/GB/ENG/", LONDON, True, True),
        ("subdivision_last", "The last of several.", "/GB/LND/", LONDON, True, True),
        ("subdivision_neither", "None of several.", "/GB/SCT/", LONDON, False, False),
        ("city", "It fits, in letters of either case.", "///münchen", MUNICH, True, True),
        ("city_other", "Another one.", "///london", MUNICH, False, False),
        ("city_and_country", "Both fit.", "/DE//münchen", MUNICH, True, True),
        ("city_not_country", "Only one fits.", "/AT//münchen", MUNICH, False, False),
        ("country_not_city", "Only one fits.", "/DE//berlin", MUNICH, False, False),
        ("all", "All fit.", "/GB/LND/london", LONDON, True, True),
        ("all_but_subdivision", "All but one.", "/GB/SCT/london", LONDON, False, False),
        ("city_continent", "Both fit.", "EU///london", LONDON, True, True),
        ("city_continent_other", "Only one fits.", "AS///london", LONDON, False, False),
        ("nothing_known", "Nothing is known.", "EU///", {}, False, True),
        ("nothing_known_country", "Nothing is known.", "/DE//", {}, False, True),
        ("nothing_known_all", "Nothing is known.", "/GB/LND/london", {}, False, True),
        ("continent_unknown", "A country does not tell its continent.", "EU///", {"country": "DE"}, False, True),
        ("country_unknown", "A continent does not exclude a country.", "/DE//", {"continent": "AS"}, False, True),
        ("subdivision_unknown", "The country fits, the rest is not known.", "/DE/BY/", {"country": "DE"}, False, True),
        ("subdivision_unknown_other", "Not known, but in another country.", "/DE/BY/", {"country": "AT"}, False, False),
        ("city_unknown", "The country fits.", "/DE//berlin", {"country": "DE"}, False, True),
        ("city_unknown_other", "Another country.", "/DE//berlin", {"country": "AT"}, False, False),
        ("city_known_only", "The city fits, the country is not known.", "/DE//berlin", {"city": "Berlin"}, False, True),
        ("city_other_only", "Another city, wherever.", "/DE//berlin", {"city": "Bonn"}, False, False),
        ("city_fold", "ß is ss.", "///giessen", {"city": "GIEẞEN"}, True, True),
        ("city_fold_decomposed", "NFC.", "///köln", {"city": "KO\u0308LN"}, True, True),
        ("city_fold_sigma", "Both small sigmas.", "///πάτρασ", {"city": "Πάτρας"}, True, True),
        ("city_fold_spaces", "Single spaces.", "///new york", {"city": " New  York "}, True, True),
        ("city_accent", "An accent is a difference.", "///koln", {"city": "Köln"}, False, False),
    )  # fmt: skip
    for name, comment, place, who, allow, block in rows:
        context = {"place": who}
        yield case(f"geo_allow_{name}", comment, {"geo": {"allow": [place]}}, context, YES if allow else "geo")
        yield case(f"geo_block_{name}", comment, {"geo": {"block": [place]}}, context, "geo" if block else YES)


def lists() -> Cases:
    both = {"allow": ["/AT//", "/DE//"], "block": ["/DE/BY/"]}
    for name, comment, value, who, allowed in (
        ("both", "Allowed, and not blocked.", both, {"country": "DE", "subdivisions": ["BE"]}, True),
        ("both_second", "The other of the list.", both, {"country": "AT"}, True),
        ("both_blocked", "Block wins.", both, {"country": "DE", "subdivisions": ["BY"]}, False),
        ("both_unknown", "Perhaps blocked.", both, {"country": "DE"}, False),
        ("both_neither", "Neither.", both, {"country": "FR"}, False),
        ("both_nothing", "Nothing is known: neither way.", both, {}, False),
        ("blocks_all", "Two lists that fit.", {"allow": ["/DE//"], "block": ["EU///"]}, MUNICH, False),
        ("blocks_none", "Several that do not.", {"block": ["///london", "/GB//", "AS///"]}, MUNICH, True),
        ("blocks_last", "The last of several.", {"block": ["///london", "/GB//", "EU///"]}, MUNICH, False),
    ):
        yield case(f"geo_{name}", comment, {"geo": value}, {"place": who}, YES if allowed else "geo")
    yield case("geo_no_place", "No place at all.", {"geo": {"block": ["/AQ//"]}}, {}, "geo")


PARTS: Final = (sets, addresses, places, lists)
