"""Vectors of rules that are refused with `unsupported_rule`: one fault each.

The law of this file: the shape of rules (`container.md`) is right and the msgpack canonical, so what is wrong is the
name or the value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from spec.vectors.rules.form import REFUSED, Cases, packed
from spec.vectors.rules.good import LAST_SECOND, MANY

Rows = Iterator[tuple[str, str, Any]]

TYPES: Final[tuple[tuple[str, Any], ...]] = (
    ("nil", None),
    ("true", True),
    ("false", False),
    ("0", 0),
    ("str", "x"),
    ("bin", b"x"),
    ("array", []),
)
"""Values of every type; the empty map, and an array with a map, follow."""


def wrong_types(good: tuple[str, ...]) -> Rows:
    for name, value in (*TYPES, ("map", {}), ("array_of_map", [{}])):
        if name not in good:
            yield f"type_{name}", "Another type, or empty.", value


def lists(name: str, allow_only: bool, element: Any, rows: tuple[tuple[str, str, Any], ...]) -> Rows:
    """Yield what is wrong with a map of lists, and with one element."""
    yield f"{name}_alone", "A list without its map.", [element]
    yield "allow_empty", "An empty array.", {"allow": []}
    yield "allow_nil", "Not left out.", {"allow": None}
    yield "allow_no_array", "An element without its array.", {"allow": element}
    yield "allow_twice", "An element twice.", {"allow": [element, element]}
    yield "unknown_key", "Another key.", {"deny": [element]}
    yield "unknown_key_beside", "Another key beside a good one.", {"allow": [element], "x": True}
    yield "key_case", "Keys are in lower case.", {"Allow": [element]}
    if allow_only:
        yield "block", "There is no block list.", {"allow": [element], "block": [element]}
    else:
        yield "block_empty", "An empty array.", {"allow": [element], "block": []}
    for item, comment, value in rows:
        yield item, comment, {"allow": [value]}


def device() -> Rows:
    key = b"\2" * 32
    yield "unsorted", "Descending.", {"allow": [key, b"\1" * 32]}
    rows = (("31_bytes", "Too short.", key[:-1]), ("33_bytes", "Too long.", key + b"\2"), ("empty", "Empty.", b""),
            ("str", "Not bin.", "2" * 32), ("hex", "Not text.", "02" * 32))  # fmt: skip
    yield from lists("device", True, key, rows)


def seconds() -> Rows:
    yield "negative", "Below.", -1
    yield "above", "Above.", LAST_SECOND + 1
    yield "huge", "Far above.", 2**64 - 1
    yield "text", "A number as text.", "60"


def entry() -> Rows:
    rule = ["a", "rights", ["view"]]
    yield "two", "A pair without its value.", [["a", "rights"]]
    yield "four", "One more.", [[*rule, 0]]
    yield "not_array", "An element that is none.", [rule, "b"]
    yield "flat", "A rule without its array.", rule
    yield "map", "As a manifest has it.", {"a": {"rights": ["view"]}}
    yield "unsorted_patterns", "Patterns are ascending.", [["b", "rights", ["view"]], rule]
    yield "unsorted_names", "Names are ascending.", [rule, ["a", "downloadable", False]]
    yield "names_first", "Patterns count first.", [["b", "downloadable", False], rule]
    yield "pair_twice", "Each pair once.", [rule, ["a", "rights", ["print"]]]
    yield "value", "A value that is not in its one form.", [["a", "rights", ["view", "print"]]]
    yield "second_value", "Not the first one only.", [["a", "downloadable", True], ["a", "rights", []]]
    yield "name_nil", "A name is a str.", [["a", None, True]]
    yield "name_unknown", "An unknown rule.", [["a", "colour", True]]
    yield "name_bin", "A name is a str.", [["a", b"rights", ["view"]]]
    yield "pattern_bin", "A pattern is a str.", [[b"a", "rights", ["view"]]]
    yield "pattern_nil", "A pattern is a str.", [[None, "rights", ["view"]]]
    yield "in_entry", "There is no entry in entry.", [["a", "entry", [rule]]]
    for name, value in (("first_open_for", 1), ("offline_for", 1), ("opens", 1), ("require_fresh_blocklist", True),
                        ("require_signature", True)):  # fmt: skip
        yield f"with_{name}", "A rule that may not stand there.", [["a", name, value]]
    for name, comment, pattern in (
        ("empty", "Empty.", ""), ("empty_part", "An empty part.", "a//b"), ("absolute", "From the root.", "/a"),
        ("end", "A / at the end.", "a/"), ("dot", "No path has this.", "a/./b"), ("dot_dot", "Nor this.", "../*"),
        ("only_dots", "Nor this alone.", ".."), ("deep_before", "** beside something.", "**a"),
        ("deep_after", "** beside something.", "a**"), ("three", "*** is not **.", "***"),
        ("deep_twice", "** twice.", "**/**"), ("deep_twice_inside", "** twice.", "a/**/**/b"),
        ("escaped_deep", r"`\*` and then `**`.", r"\***"), ("backslash", r"A \ before a letter.", r"a\b"),
        ("backslash_end", r"A \ at the end.", "a\\"), ("backslash_twice", r"A \ is in no path.", r"a\\*"),
        ("backslash_slash", r"A \ before a /.", r"a\/b"), ("control", "A control character.", "a\n*"),
        ("nul", "A zero byte.", "a\0"), ("del", "Another one.", "\x7f*"), ("bidi", "A bidirectional one.", "\u202e*"),
        ("part_256", "A part is too long.", "x" * 256), ("part_256_marks", "With letters for marks.", "?" * 256),
        ("path_1025", "The path is too long.", "/".join(["x" * 204, *["y" * 204] * 3, "z" * 205])),
        ("parts_65", "Too many parts.", "/".join("x" * 65)),
        ("parts_65_deep", "** counts as a part.", "/".join(["x", "**"] * 32 + ["x"])),
    ):  # fmt: skip
        yield f"pattern_{name}", comment, [[pattern, "rights", ["view"]]]


def geo() -> Rows:
    yield "unsorted", "Descending.", {"allow": ["/DE//", "/AT//"]}
    yield "second", "The second element.", {"allow": ["/AT//", "/de//"]}
    yield "in_block", "In the other list.", {"block": ["/de//"]}
    rows = (
        ("code", "Without its form.", "DE"), ("object", "As a manifest has it.", {"country": "DE"}),
        ("nothing", "All parts are empty.", "///"), ("three_parts", "A part is missing.", "/DE/"),
        ("five_parts", "One more.", "/DE///"), ("city_slash", "A / in a city.", "/DE//a/b"), ("empty", "Empty.", ""),
        ("country_lower", "Lower case.", "/de//"), ("country_3", "Three letters.", "/DEU//"),
        ("country_1", "One.", "/D//"), ("country_digit", "A digit.", "/D1//"),
        ("country_name", "A name.", "/Germany//"),
        ("country_other", "Not A-Z.", "/ÄÖ//"), ("continent_lower", "Lower case.", "eu///"),
        ("continent_unknown", "No continent.", "XX///"), ("continent_name", "A name.", "Europe///"),
        ("continent_country", "Beside a country.", "EU/DE//"), ("subdivision_alone", "Without a country.", "//BY/"),
        ("subdivision_continent", "Below a continent.", "EU//BY/"), ("subdivision_lower", "Lower case.", "/DE/by/"),
        ("subdivision_4", "Four characters.", "/DE/ABCD/"), ("subdivision_prefix", "With its country.", "/DE/DE-BY/"),
        ("subdivision_other", "Not A-Z.", "/DE/Ä/"), ("city_capital", "Not folded.", "/DE//Berlin"),
        ("city_sharp_s", "Not folded.", "/DE//gießen"), ("city_decomposed", "Not NFC.", "/DE//ko\u0308ln"),
        ("city_compatible", "A character that NFC replaces.", "///\u212bs"),  # the angstrom sign
        ("city_iota", "A subscript that folds to a letter.", "///\u1fb7"),
        ("city_two_spaces", "Two spaces.", "///new  york"), ("city_space_before", "At an end.", "/// york"),
        ("city_space_after", "At an end.", "///york "), ("city_space_only", "Only that.", "/// "),
        ("city_no_break_space", "Not printable.", "///new\u00a0york"), ("city_tab", "Not printable.", "///new\tyork"),
        ("city_soft_hyphen", "Of the category Cf.", "///new\u00adyork"),
        ("city_zero_width", "Of the category Cf.", "///york\u200b"),
        ("city_129", "Too long.", "///" + "x" * 129), ("city_130_bytes", "In bytes.", "///" + "ä" * 65),
        ("bin", "Not a str.", b"/DE//"), ("nil", "Not a str.", None),
    )  # fmt: skip
    yield from lists("geo", False, "/DE//", rows)


def ip() -> Rows:
    yield "unsorted", "Descending.", {"allow": ["10.0.0.2", "10.0.0.1"]}
    yield "by_number", "By bytes, not by number.", {"allow": ["9.0.0.1", "10.0.0.1"]}
    yield "second", "The second element.", {"allow": ["10.0.0.1", "x"]}
    yield "in_block", "In the other list.", {"block": ["10.0.0.1/32"]}
    rows = (
        ("empty", "Empty.", ""), ("name", "No address.", "localhost"), ("number", "A number.", 1),
        ("bin", "Not a str.", b"\n\0\0\1"),
        ("long", "Too long.", "1" * 1_025), ("three_octets", "An octet is missing.", "10.0.0"),
        ("five_octets", "One more.", "10.0.0.0.1"), ("256", "Too large.", "10.0.0.256"),
        ("leading_zero", "Octal to some.", "010.0.0.1"), ("leading_zeros", "Zeros.", "10.0.0.00"),
        ("hexadecimal", "Hexadecimal digits.", "0x0a.0.0.1"), ("arabic", "Other digits.", "١٠.0.0.1"),
        ("space", "A space.", "10.0.0.1 "), ("star", "As a manifest has it.", "192.*.1.*"), ("all", "Everything.", "*"),
        ("32", "One address.", "10.0.0.1/32"), ("33", "Too long a prefix.", "10.0.0.0/33"),
        ("host_bits", "A bit after the prefix.", "10.0.0.1/8"), ("prefix_zero", "A zero before it.", "10.0.0.0/08"),
        ("prefix_plus", "A sign.", "10.0.0.0/+8"), ("prefix_empty", "No prefix.", "10.0.0.0/"),
        ("prefix_twice", "Two.", "10.0.0.0/8/8"), ("short_network", "Not all octets.", "10/8"),
        ("range_of_one", "One address.", "10.0.0.1-10.0.0.1"),
        ("range_backwards", "It ends first.", "10.0.0.2-10.0.0.1"),
        ("range_network", "A network.", "10.0.0.0-10.0.0.255"),
        ("range_of_two", "A network of two.", "10.0.0.2-10.0.0.3"),
        ("range_all", "All of them.", "0.0.0.0-255.255.255.255"), ("range_spaces", "Spaces.", "10.0.0.1 - 10.0.0.9"),
        ("range_open", "No end.", "10.0.0.1-"), ("range_three", "Two ends.", "10.0.0.1-10.0.0.2-10.0.0.3"),
        ("range_short", "Not all octets.", "10.0.0.1-9"), ("range_versions", "Two versions.", "10.0.0.1-::ffff"),
        ("mask_prefix", "A prefix.", "10.0.0.0/255.0.0.0"), ("mask_ones", "One address.", "10.0.0.1/255.255.255.255"),
        ("mask_zeros", "All addresses.", "0.0.0.0/0.0.0.0"),
        ("mask_host", "Not a host mask: a bit outside.", "10.0.0.0/0.255.255.255"),
        ("mask_bits", "A bit outside the mask.", "192.168.1.0/255.0.255.0"),
        ("mask_version", "Another version.", "10.0.0.0/ff::ff"),
        ("mask_version_6", "Another version.", "2001::/255.0.255.0"),
        ("mask_range", "A range with a mask.", "10.0.0.0-10.0.0.9/255.0.255.0"),
        ("v6_capitals", "Upper case.", "2001:DB8::1"), ("v6_zeros", "Zeros before a group.", "2001:0db8::1"),
        ("v6_long", "Not shortened.", "2001:db8:0:0:0:0:0:1"),
        ("v6_one_zero", ":: for one zero.", "2001:db8::1:1:1:1:1"),
        ("v6_second_run", "Not the first run.", "2001:db8:0:0:1::1"),
        ("v6_shorter_run", "Not the longest run.", "2001::1:0:0:0:1"),
        ("v6_decimal", "Decimal numbers.", "::1.2.3.4"), ("v6_nat64", "Decimal numbers.", "64:ff9b::1.2.3.4"),
        ("v6_zone", "A zone.", "fe80::1%eth0"), ("v6_brackets", "Brackets.", "[::1]"),
        ("v6_128", "One address.", "::1/128"),
        ("v6_129", "Too long a prefix.", "::/129"), ("v6_host_bits", "A bit after the prefix.", "2001:db8::1/32"),
        ("v6_range_network", "A network.", "2001:db8::-2001:db8::ffff"),
        ("v6_range_all", "All of them.", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("v6_mask_prefix", "A prefix.", "2001:db8::/ffff:ffff::"),
        ("v6_mask_bits", "A bit outside.", "2001:db8::1/ffff::ff00"),
        ("mapped", "It is 10.0.0.1.", "::ffff:10.0.0.1"), ("mapped_hexadecimal", "It is 10.0.0.1.", "::ffff:a00:1"),
        ("mapped_network", "It is 10.0.0.0/8.", "::ffff:a00:0/104"),
        ("mapped_all", "It is 0.0.0.0/0.", "::ffff:0:0/96"),
        ("mapped_range", "It is a range of IPv4.", "::ffff:a00:1-::ffff:a00:2"),
        ("mapped_end", "It ends inside.", "::1-::ffff:a00:1"),
        ("mapped_start", "It begins inside.", "::ffff:a00:1-::1:0:0:0"),
        ("mapped_last", "It ends with the last.", "::1-::ffff:ffff:ffff"),
        ("mapped_first", "It begins with the first.", "::ffff:0:0-::1:0:0:0"),
        ("mapped_95", "A network that ends inside.", "::fffe:0:0/95"), ("mapped_80", "Another one.", "::/80"),
        ("mapped_mask", "It is a mask of IPv4.", "::ffff:a00:1/ffff:ffff:ffff:ffff:ffff:ffff:ff00:ff"),
        ("mapped_mask_low", "All odd ones, mapped ones among them.", "::1/::1"),
        ("mapped_mask_high", "Mapped ones among them.", "::fffe:0:1/ffff:ffff:ffff:ffff:ffff:fffe:0:1"),
        ("mapped_mask_word", "All mapped ones and more.", "::ffff:0:0/::ffff:0:0"),
        ("v6_mask_decimal", "A mask is in hexadecimal digits.", "::fffe:0:0/::ffff:0.0.0.0"),
    )  # fmt: skip
    yield from lists("ip", False, "10.0.0.1", rows)


def mac() -> Rows:
    good = "00:1a:2b:3c:4d:5e"
    yield "unsorted", "Descending.", {"allow": [good, "00:00:00:00:00:00"]}
    rows = (
        ("capitals", "Upper case.", good.upper()), ("plain", "Without colons.", good.replace(":", "")),
        ("dashes", "Other marks.", good.replace(":", "-")), ("five", "Five pairs.", good[:-3]),
        ("seven", "Seven.", good + ":00"), ("short", "A digit is missing.", "0" + good[2:]),
        ("no_digit", "No digit.", "g" + good[1:]), ("dots", "Other groups.", "001a.2b3c.4d5e"),
        ("newline", "A character more.", good + "\n"), ("star", "No pattern.", "00:1a:*"),
        ("bin", "Not a str.", bytes(6)), ("empty", "Empty.", ""),
    )  # fmt: skip
    yield from lists("mac", True, good, rows)


def obligations() -> Rows:
    yield "list", "As a manifest has it.", ["watermark"]
    yield "17_ids", "One too many.", {f"a{at:02}": {} for at in range(17)}
    yield "17_arguments", "One too many.", {"notice": {f"a{at:02}": 1 for at in range(17)}}
    names = (("empty", ""), ("capital", "A"), ("digit", "1a"), ("underscore", "_a"), ("dash", "a-b"), ("65", "a" * 65),
             ("newline", "a\n"), ("other", "ä"))  # fmt: skip
    for name, text in names:
        yield f"id_{name}", "Not an id.", {text: {}}
        yield f"name_{name}", "Not the name of an argument.", {"notice": {text: 1}}
    for name, value in (("nil", None), ("true", True), ("str", "x"), ("array", []), ("0", 0)):
        yield f"arguments_{name}", "Arguments are a map.", {"notice": value}
    for name, argument in (("nil", None), ("array", []), ("map", {}), ("bin", b"x")):
        yield f"argument_{name}", "A boolean, an integer or a str.", {"notice": {"a": argument}}
    yield "argument_1025", "Too long.", {"notice": {"a": "x" * 1_025}}


def opens() -> Rows:
    yield "negative", "Below.", -1
    yield "above", "Above.", 2**32
    yield "text", "A number as text.", "3"


def recipients() -> Rows:
    yield "16385", "One too many.", MANY
    yield "unsorted", "Descending.", ["b@b.c", "a@b.c"]
    yield "unsorted_star", "* comes before letters.", ["a@b.c", "*@*"]
    yield "twice", "An element twice.", ["a@b.c", "a@b.c"]
    yield "no_array", "An element without its array.", "a@b.c"
    yield "map", "There are no lists to allow and block.", {"allow": ["a@b.c"]}
    for name, comment, text in (
        ("empty", "Empty.", ""), ("capital", "Upper case.", "A@b.c"), ("domain_capital", "Upper case.", "a@B.c"),
        ("no_at", "No @.", "a"), ("two_at", "Two.", "a@b@c"), ("no_local", "No local part.", "@b.c"),
        ("no_domain", "No domain.", "a@"), ("local_other", "Not ASCII.", "ä@b.c"),
        ("kelvin", "Not ASCII.", "\u212a@b.c"),
        ("domain_other", "Not in A-labels.", "a@straße.de"), ("star", "A star alone.", "*"),
        ("star_domain", "Any domain of one.", "a@*"), ("star_label", "Sub-domains.", "*@*.b.c"),
        ("star_part", "Part of a local part.", "a*@b.c"), ("star_twice", "No more than one.", "**@b.c"),
        ("quoted", "Quoted.", '"a"@b.c'), ("literal", "An address literal.", "a@[10.0.0.1]"),
        ("space", "A space.", "a b@c"),
        ("space_after", "A space.", "a@b.c "), ("newline", "A character more.", "a@b.c\n"),
        ("comment", "A comment.", "a(x)@b.c"),
        ("display", "With a name.", "A <a@b.c>"), ("dot_first", "An empty run.", ".a@b.c"),
        ("dot_last", "An empty run.", "a.@b.c"),
        ("dot_twice", "An empty run.", "a..b@c"), ("root", "A dot at the end.", "a@b.c."),
        ("label_empty", "An empty label.", "a@b..c"),
        ("hyphen_first", "A - at an end.", "a@-b.c"), ("hyphen_last", "A - at an end.", "a@b-.c"),
        ("underscore", "No label has one.", "a@b_c.d"), ("local_65", "Too long.", "a" * 65 + "@b.c"),
        ("label_64", "Too long.", "a@" + "b" * 64),
        ("domain_254", "Too long.", "a@" + ".".join(["b" * 63, "c" * 63, "d" * 63, "e" * 62])),
        ("bin", "Not a str.", b"a@b.c"), ("nil", "Not a str.", None),
    ):  # fmt: skip
        yield name, comment, [text]


def rights() -> Rows:
    yield "unsorted", "Descending.", ["view", "print"]
    yield "twice", "An element twice.", ["view", "view"]
    yield "unknown", "No right.", ["edit"]
    yield "unknown_beside", "No right, beside one.", ["edit", "view"]
    yield "capital", "Upper case.", ["View"]
    yield "no_array", "An element without its array.", "view"
    yield "map", "As booleans.", {"view": True}
    yield "bin", "Not a str.", [b"view"]
    yield "empty_str", "Empty.", [""]


def time() -> Rows:
    yield "same", "No moment is in it.", {"end": 5, "start": 5}
    yield "backwards", "It ends before it starts.", {"end": 5, "start": 6}
    yield "end_0", "No moment is in it.", {"end": 0}
    yield "negative", "Below.", {"start": -1}
    yield "end_above", "Above.", {"end": LAST_SECOND + 1}
    yield "start_above", "Above.", {"start": LAST_SECOND + 1}
    yield "text", "As a manifest has it.", {"end": "2031-01-01T00:00:00Z"}
    yield "boolean", "Not an integer.", {"start": True}
    yield "nil", "Not left out.", {"end": 5, "start": None}
    yield "unknown_key", "Another key.", {"finish": 5}
    yield "unknown_key_beside", "Another key beside a good one.", {"begin": 1, "end": 5}
    yield "array", "Both in an array.", [1, 5]


VALUES: Final[dict[str, tuple[Any, tuple[str, ...]]]] = {
    "device": (device, ()),
    "downloadable": (None, ("true", "false")),
    "entry": (entry, ()),
    "first_open_for": (seconds, ()),
    "geo": (geo, ()),
    "ip": (ip, ()),
    "mac": (mac, ()),
    "obligations": (obligations, ()),
    "offline_for": (seconds, ()),
    "opens": (opens, ("0",)),
    "recipients": (recipients, ()),
    "require_fresh_blocklist": (seconds, ("true",)),
    "require_signature": (None, ("true",)),
    "rights": (rights, ()),
    "time": (time, ()),
}
"""By rule: what is wrong with a value of it, and which of the values of every type are not."""


def values() -> Cases:
    """A rule whose value is not in its one form."""
    for rule, (rows, good) in VALUES.items():
        for name, comment, value in (*wrong_types(good), *(rows() if rows else ())):
            case = f"{rule}_bad_{name}"
            yield {"name": case, "comment": comment, **packed([[rule, value]]), "expect": REFUSED}
    comment = "1 is not true."
    yield {
        "name": "require_signature_bad_1",
        "comment": comment,
        **packed([["require_signature", 1]]),
        "expect": REFUSED,
    }
    comment = "1 is not true."
    yield {"name": "downloadable_bad_1", "comment": comment, **packed([["downloadable", 1]]), "expect": REFUSED}


def names() -> Cases:
    """A rule that is not known, alone and among others."""
    for name in ("colour", "recipient", "open", "password", "dynamic", "x", "z_9"):
        rules: list[list[Any]] = [[name, True]]
        yield {"name": f"unknown_{name}", "comment": "No such rule.", **packed(rules), "expect": REFUSED}
    rules = [["opens", 1], ["zone", True]]
    yield {"name": "unknown_last", "comment": "After one that is good.", **packed(rules), "expect": REFUSED}
    rules = [["aaa", None], ["opens", 1]]
    yield {"name": "unknown_first", "comment": "Before one that is good.", **packed(rules), "expect": REFUSED}
    rules = [["opens", 1], ["time", {"end": 0}]]
    yield {"name": "second_bad", "comment": "The second rule is not good.", **packed(rules), "expect": REFUSED}


PARTS: Final = (values, names)
