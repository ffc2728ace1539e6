"""Vectors of rules that are in their one form.

The law of this file: each value is good by the text of "Rules" alone; most stand beside a bad one in `refused.py`.
"""

from __future__ import annotations

from itertools import islice, product
from typing import Any, Final

from spec.vectors.rules.form import SUCCESS, Cases, packed

LAST_SECOND: Final = 253_402_300_799
MANY: Final = [f"{''.join(three)}@b" for three in islice(product("abcdefghijklmnopqrstuvwxyz", repeat=3), 16_385)]
"""A recipient more than an array may hold, sorted."""

GOOD: Final[dict[str, list[tuple[str, str, Any]]]] = {
    "device": [
        ("one", "The least.", {"allow": [bytes(32)]}),
        ("two", "Ascending by bytes.", {"allow": [b"\1" * 32, b"\2" * 32]}),
        ("borders", "The lowest and the highest.", {"allow": [bytes(32), b"\xff" * 32]}),
    ],
    "downloadable": [("true", "A boolean.", True), ("false", "The other.", False)],
    "entry": [
        ("one", "The least.", [["a", "rights", ["view"]]]),
        ("two_names", "One pattern, two rules, by name.", [["a", "downloadable", False], ["a", "time", {"end": 5}]]),
        ("pattern_first", "By pattern first.", [["a", "time", {"end": 5}], ["b", "downloadable", False]]),
        (
            "every_name", "All rules that may stand there.",
            [
                ["**", "device", {"allow": [bytes(32)]}], ["**", "downloadable", False],
                ["**", "geo", {"allow": ["/DE//"]}], ["**", "ip", {"block": ["10.0.0.0/8"]}],
                ["**", "mac", {"allow": ["00:1a:2b:3c:4d:5e"]}], ["**", "obligations", {"watermark": {}}],
                ["**", "recipients", ["*@b.c"]], ["**", "rights", ["view"]], ["**", "time", {"start": 5}],
            ],
        ),
        ("by_bytes", "Capitals and * come before letters.", [[x, "downloadable", False] for x in ("*", "B", "a", "é")]),
        *(
            (f"pattern_{name}", comment, [[pattern, "downloadable", False]])
            for name, comment, pattern in (
                ("star", "Any name.", "*"), ("mark", "Any name of one character.", "?"), ("deep", "Everything.", "**"),
                ("deep_parts", "`**` at both ends and between.", "**/a/**/b/**"),
                ("escaped", r"`\*` and `\?` are the characters.", r"a\*b\?"),
                ("escaped_star_star", "A `*` as it is, and any number of characters.", r"\**"),
                ("star_escaped_star", "The same the other way round.", r"*\*"),
                ("star_mark_star", "Marks beside each other.", "*?*"), ("brackets", "No mark here.", "[ab]"),
                ("braces", "Nor these.", "{a,b}!"), ("dots", "A name may have dots.", "...*"),
                ("space", "A name may be a space.", " "), ("unicode", "As it is.", "ä/日本"),
                ("decomposed", "Not normalised.", "a\u0308"), ("part_255", "The longest part.", "x" * 255),
                ("part_255_marks", "255 escaped stars are a part of 255 bytes.", r"\*" * 255),
                ("path_1024", "The longest path.", "/".join(["x" * 204] * 5)),
                ("path_1024_marks", "1,024 bytes with letters for the marks, 2,044 as they stand.",
                 "/".join([r"\?" * 204] * 5)),
                ("parts_64", "The deepest path.", "/".join("x" * 64)),
                ("parts_64_deep", "`**` counts as a part.", "/".join(["x", "**"] * 32)),
            )
        ),
    ],
    "first_open_for": [("1", "The least.", 1), ("most", "The most.", LAST_SECOND)],
    "geo": [
        ("allow", "One list.", {"allow": ["/DE//"]}),
        ("block", "The other.", {"block": ["/DE//"]}),
        ("both", "Both, also with one place.", {"allow": ["/DE//"], "block": ["/DE//"]}),
        ("continents", "All seven.", {"allow": [f"{x}///" for x in ("AF", "AN", "AS", "EU", "NA", "OC", "SA")]}),
        ("subdivisions", "One to three characters.", {"allow": ["/AT/9/", "/DE/BY/", "/GB/ENG/"]}),
        ("digits", "Of digits.", {"allow": ["/FR/75/"]}),
        ("city", "A city anywhere.", {"allow": ["///paris"]}),
        ("city_continent", "A city of a continent.", {"allow": ["EU///paris"]}),
        ("city_country", "A city of a country.", {"allow": ["/DE//köln"]}),
        ("city_subdivision", "All that goes together.", {"allow": ["/US/CA/san josé"]}),
        ("city_folded", "ß is ss.", {"allow": ["/DE//giessen"]}),
        ("city_128", "The longest name.", {"allow": ["///" + "x" * 128]}),
        ("city_punctuation", "Printable.", {"allow": ["///'s-hertogenbosch (nl), 2."]}),
        ("city_japanese", "No case there.", {"allow": ["/JP//東京"]}),
        ("by_bytes", "`/` comes before letters.", {"allow": ["///x", "/DE//", "EU///"]}),
        ("no_such_country", "Which codes are given out is nobody's business here.", {"allow": ["/QQ/ZZZ/"]}),
    ],
    "ip": [
        *(
            (name, comment, {"allow": [text]})
            for name, comment, text in (
                ("v4", "One address.", "10.0.0.1"), ("v4_lowest", "The lowest.", "0.0.0.0"),
                ("v4_highest", "The highest.", "255.255.255.255"), ("v4_network", "A network.", "10.0.0.0/8"),
                ("v4_of_two", "The smallest.", "10.0.0.0/31"), ("v4_all", "The largest.", "0.0.0.0/0"),
                ("v4_range", "A range.", "10.0.0.1-10.0.0.9"), ("v4_range_of_two", "No network.", "10.0.0.1-10.0.0.2"),
                ("v4_range_across", "As many as a network, but none.", "10.0.0.128-10.0.1.127"),
                ("v4_range_nearly_all", "All but the last.", "0.0.0.0-255.255.255.254"),
                ("v4_mask", "The first octet and the third.", "192.0.1.0/255.0.255.0"),
                ("v4_mask_end", "The last octet.", "0.0.0.7/0.0.0.255"),
                ("v4_mask_bit", "Odd ones.", "0.0.0.1/0.0.0.1"), ("v4_mask_even", "Even ones.", "0.0.0.0/0.0.0.1"),
                ("v6", "One address.", "2001:db8::1"), ("v6_lowest", "The lowest.", "::"),
                ("v6_highest", "The highest.", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
                ("v6_one_zero", "One zero is no ::.", "2001:db8:0:1:1:1:1:1"),
                ("v6_first_run", "Of two runs that are as long, the first.", "2001:db8::1:0:0:1"),
                ("v6_longest_run", "Else the longest.", "2001:0:0:1::1"), ("v6_end", "A run at the end.", "1::"),
                ("v6_compatible", "No decimal numbers.", "::102:304"),
                ("v6_nat64", "Nor behind a well-known prefix.", "64:ff9b::102:304"),
                ("v6_network", "A network.", "2001:db8::/32"), ("v6_of_two", "The smallest.", "2001:db8::/127"),
                ("v6_all", "The largest.", "::/0"), ("v6_range", "A range.", "::1-::3"),
                ("v6_around_mapped", "Around all mapped addresses.", "::1-1::"),
                ("v6_network_around_mapped", "The same as a network.", "::/79"),
                ("v6_before_mapped", "Up to the last before them.", "::1-::fffe:ffff:ffff"),
                ("v6_after_mapped", "From the first after them.", "::1:0:0:0-::1:0:0:2"),
                ("v6_mask", "A hole in the mask.", "2001:db8::1/ffff:ffff:0:ffff:ffff:ffff:ffff:ffff"),
                ("v6_mask_words", "Two words.", "2001:db8::5/ffff:ffff::ffff"),
                ("v6_mask_like_mapped", "A mask is no address, so it is not taken for a mapped one, nor with decimals.",
                 "::fffe:0:0/::ffff:0:0"),
                ("v6_mask_like_mapped_low", "The same with more ones.", "::fffe:0:1/::ffff:0:1"),
            )
        ),
        ("block", "The other list.", {"block": ["10.0.0.1"]}),
        ("both", "Both.", {"allow": ["10.0.0.0/8"], "block": ["10.0.0.1"]}),
        ("by_bytes", "By bytes, not by number.", {"allow": ["10.0.0.1", "2.0.0.0/8", "9.0.0.1", "::1"]}),
    ],
    "mac": [
        ("one", "Six pairs.", {"allow": ["00:1a:2b:3c:4d:5e"]}),
        ("two", "Ascending.", {"allow": ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"]}),
    ],
    "obligations": [
        ("one", "The least.", {"watermark": {}}),
        ("text", "A str.", {"watermark": {"text": "for {viewer}"}}),
        ("unknown_id", "A reader that does not know an id must not declare it; it can parse it.", {"a_1": {}}),
        ("kinds", "All kinds of arguments.", {"notice": {"a": True, "b": 0, "c": "", "d": -(2**63), "e": 2**64 - 1}}),
        ("name_64", "The longest names.", {"a" * 64: {"b" * 64: 1}}),
        ("text_1024", "The longest str.", {"notice": {"text": "x" * 1_024}}),
        ("16_ids", "The most ids.", {f"a{at:02}": {} for at in range(16)}),
        ("16_arguments", "The most arguments.", {"notice": {f"a{at:02}": 1 for at in range(16)}}),
    ],
    "offline_for": [("1", "The least.", 1), ("most", "The most.", LAST_SECOND)],
    "opens": [("0", "Nobody.", 0), ("1", "Once.", 1), ("most", "The most.", 2**32 - 1)],
    "recipients": [
        ("anybody", "Whoever is known.", ["*@*"]),
        ("domain", "A domain.", ["*@b.c"]),
        ("one", "A person.", ["a@b.c"]),
        ("all_three", "* comes before letters.", ["*@*", "*@b.c", "a@b.c"]),
        ("digits_and_marks", "All characters of a local part.", ["0!#$%&'+/=?^_`{|}~-9@b.c"]),
        ("dots", "Runs with dots.", ["a.b.c@b.c"]),
        ("hyphens", "Also at the ends of a local part.", ["-a-@b--c.d"]),
        ("one_label", "A domain may be one label.", ["a@localhost"]),
        ("digits_domain", "A label may be digits.", ["a@1.2"]),
        ("a_labels", "Another script.", ["a@xn--strae-oqa.de"]),
        ("a_label_of_nothing", "A-labels are not looked into.", ["a@xn--zzzz.de"]),
        ("local_64", "The longest local part.", ["a" * 64 + "@b.c"]),
        ("label_63", "The longest label.", ["a@" + "b" * 63]),
        ("domain_253", "The longest domain.", ["a@" + ".".join(["b" * 63, "c" * 63, "d" * 63, "e" * 61])]),
        ("16384", "The most elements.", MANY[:-1]),
    ],
    "require_fresh_blocklist": [("true", "Any age.", True), ("1", "The least.", 1), ("most", "The most.", LAST_SECOND)],
    "require_signature": [("true", "The only value.", True)],
    "rights": [
        *((right, "One.", [right]) for right in ("copy", "extract", "print", "rewrap", "view")),
        ("all", "All, sorted.", ["copy", "extract", "print", "rewrap", "view"]),
    ],
    "time": [
        ("end", "Until then.", {"end": 1}),
        ("start", "From then on.", {"start": 0}),
        ("both", "A second.", {"start": 0, "end": 1}),
        ("last", "The last second is never reached.", {"end": LAST_SECOND}),
        ("start_last", "Never before it.", {"start": LAST_SECOND}),
    ],
}  # fmt: skip
"""By rule: name, comment, value."""


def single() -> Cases:
    """One rule a case."""
    for rule, rows in GOOD.items():
        for name, comment, value in rows:
            yield {"name": f"{rule}_{name}", "comment": comment, **packed([[rule, value]]), "expect": SUCCESS}


def together() -> Cases:
    """Several rules."""
    every = [[rule, rows[0][2]] for rule, rows in sorted(GOOD.items())]
    yield {"name": "every_rule", "comment": "All rules in their order.", **packed(every), "expect": SUCCESS}


PARTS: Final = (single, together)
