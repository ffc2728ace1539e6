"""Vectors of manifests: a text, and the rules that it asks for, or the field that an error has to name.

The law of this file: what is expected is stated from "Manifests". Names of countries are those that every table has.
"""

from __future__ import annotations

import json
from typing import Any, Final

from spec.vectors.rules.form import BAD_INPUT, SUCCESS, Case, Cases, shown

ZEROS: Final = "00" * 32
FLAT: Final = """{
  "container_name": "Q2_Production_DB_Backup",
  "org_id": "your-org-id",
  "dynamic": false,
  "downloadable": false,
  "recipients": ["lead.admin@client.com", "sec.engineer@auditfirm.io"],
  "time": {"start": "2025-05-07T00:00:00Z", "end": "2025-06-01T23:59:59Z"},
  "ip": {"allow": ["198.51.100.10"]},
  "geo": {"block": [{"country": "RU"}, {"country": "CN"}]},
  "files": ["prod_backup.sql"]
}
"""
NESTED: Final = """{"container": {"name": "Board papers", "recipients": ["Board@Example.com"], "downloadable": true,
  "password": "correct horse", "drm": {"dynamic": true, "opens": 5,
  "geo": {"allow": [{"continent": "Europe", "country": "Germany"}]}}},
 "files": {"a.docx": {"type": "application/msword", "hidden": true, "view_instead": "a.pdf", "pages": 3},
           "a.pdf": {"pages": 3, "duration": 1.5, "downloadable": false}}}"""


def text_of(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def taken(name: str, comment: str, text: str, rules: dict[str, Any], **more: Any) -> Case:
    """Return a case that succeeds. `more` may have owner, dynamic, password and the text that is kept."""
    expected = {
        "result": SUCCESS,
        "rules": shown([[rule, rules[rule]] for rule in sorted(rules)]) or None,
        "text": more.get("kept", text),
        "password": more.get("password"),
        "dynamic": more.get("dynamic"),
    }
    return {"name": name, "comment": comment, "manifest": text, "owner": more.get("owner"), "expect": expected}


def refused(name: str, comment: str, text: str, field: str | None, **more: Any) -> Case:
    """Return a case that is refused; `field` is what the error names, None where there is no field."""
    expected = {"result": BAD_INPUT, "field": field}
    return {"name": name, "comment": comment, "manifest": text, "owner": more.get("owner"), "expect": expected}


def dialects() -> Cases:
    rules: dict[str, Any] = {
        "downloadable": False,
        "geo": {"block": ["/CN//", "/RU//"]},
        "ip": {"allow": ["198.51.100.10"]},
        "recipients": ["lead.admin@client.com", "sec.engineer@auditfirm.io"],
        "time": {"end": 1748822399, "start": 1746576000},
    }
    yield taken("dialect_flat", "Rules beside the user's own data, at the top.", FLAT, rules, dynamic=False)
    rules = {
        "downloadable": True,
        "entry": [["a.pdf", "downloadable", False]],
        "geo": {"allow": ["/DE//"]},
        "opens": 5,
        "recipients": ["board@example.com"],
    }
    kept = NESTED.replace('"correct horse"', "null")
    comment = "Rules in container and container.drm; the passphrase is taken out, and no other byte is changed."
    yield taken("dialect_nested", comment, NESTED, rules, kept=kept, password="correct horse", dynamic=True)
    for name, place in (("container_drm", ("container", "drm")), ("drm", ("drm",)), ("rules", ("rules",)),
                        ("container", ("container",)), ("top", ())):  # fmt: skip
        value: Any = {"opens": 1, "require_signature": True}
        for key in reversed(place):
            value = {"title": 1.50, key: value}
        wanted = {"opens": 1, "require_signature": True}
        yield taken(f"place_{name}", "Where rules may stand.", text_of(value), wanted)
    value = {"container": {"drm": {"opens": 1}, "rights": ["view"]}, "drm": {"require_signature": True},
             "rules": {"offline_for": 5}, "downloadable": False}  # fmt: skip
    whole = {"downloadable": False, "offline_for": 5, "opens": 1, "require_signature": True, "rights": ["view"]}
    yield taken("place_all", "In all places at once.", text_of(value), whole)


def without() -> Cases:
    for name, text in (
        ("object", "{}"), ("array", "[]"), ("number", "1.0"), ("str", '"opens"'), ("null", "null"),
        ("title", '{"title": "opens"}'), ("container", '{"container": {}}'), ("deeper", '{"a": {"opens": 1}}'),
        ("list", '{"container": [{"drm": {"opens": 1}}]}'), ("spaces", ' {"a" :\t1e5 }\n'),
        ("own_twice", '{"a": 1, "a": 2}'), ("own_half", '{"a": "\\ud800"}'), ("no_password", '{"password": null}'),
    ):  # fmt: skip
        yield taken(f"none_{name}", "There are no rules; the text is kept.", text, {})
    for name in ("require_signature", "require_fresh_blocklist"):
        yield taken(f"none_{name}", "False asks for nothing.", text_of({"drm": {name: False}}), {})
    text = '{ "n": 1.0, "password": "geheim\\n", "password_hint": "x" }'
    comment = "A passphrase alone is no rule."
    yield taken("password", comment, text, {}, kept=text.replace('"geheim\\n"', "null"), password="geheim\n")
    text = '{"note": "geheim", "container": {"password": "geheim"}}'
    kept = '{"note": "geheim", "container": {"password": null}}'
    yield taken("password_place", "Only there.", text, {}, kept=kept, password="geheim")
    text = '{"a": {"password": "geheim"}, "b": [{"password": 1}], "password": "geheim"}'
    kept = '{"a": {"password": "geheim"}, "b": [{"password": 1}], "password": null}'
    yield taken("password_elsewhere", "Others are the user's own.", text, {}, kept=kept, password="geheim")
    for dynamic in (True, False):
        text = text_of({"drm": {"dynamic": dynamic, "opens": 1}})
        yield taken(f"dynamic_{dynamic}".lower(), "No rule.", text, {"opens": 1}, dynamic=dynamic)


def owners() -> Cases:
    for name, text in (("absent", "{}"), ("empty", '{"recipients": []}'), ("no_object", '"x"'),
                       ("container", '{"container": {"recipients": []}}')):  # fmt: skip
        wanted = {"recipients": ["me@home.example"]}
        yield taken(f"owner_{name}", "The owner alone.", text, wanted, owner="Me@Home.example")
    text = '{"recipients": ["a@b.c"]}'
    yield taken("owner_others", "It is not added.", text, {"recipients": ["a@b.c"]}, owner="me@home.example")
    yield refused("owner_none", "Without an owner it is an error.", '{"drm": {"recipients": []}}', "drm.recipients")


TAKEN: Final[tuple[tuple[str, str, str, Any, Any], ...]] = (
    # rule, name, comment, as it is written, as it is bound
    ("device", "digits", "Of either case, each once.", {"allow": ["BB" * 32, "aa" * 32, "bb" * 32]},
     {"allow": [b"\xaa" * 32, b"\xbb" * 32]}),
    ("downloadable", "false", "As it is.", False, False),
    ("first_open_for", "hour", "As it is.", 3600, 3600),
    ("geo", "names", "English names and codes.", {"allow": [{"country": "Germany"}, {"country": "fr"}]},
     {"allow": ["/DE//", "/FR//"]}),
    ("geo", "twice", "One place, twice.", {"allow": [{"country": "Germany"}, {"country": "DE"}]}, {"allow": ["/DE//"]}),
    ("geo", "continents", "Names and codes.", {"block": [{"continent": "Europe"}, {"continent": "as"}]},
     {"block": ["AS///", "EU///"]}),
    ("geo", "continent_beside", "It is the country's, and dropped.",
     {"allow": [{"continent": "Europe", "country": "DE"}]}, {"allow": ["/DE//"]}),
    ("geo", "subdivision", "A code.", {"allow": [{"country": "US", "subdivision": "CA"}]}, {"allow": ["/US/CA/"]}),
    ("geo", "subdivision_prefix", "With its country.", {"allow": [{"country": "US", "subdivision": "US-CA"}]},
     {"allow": ["/US/CA/"]}),
    ("geo", "subdivision_name", "A name.", {"allow": [{"country": "US", "subdivision": "California"}]},
     {"allow": ["/US/CA/"]}),
    ("geo", "city", "Folded.", {"allow": [{"country": "DE", "city": "KÖLN "}]}, {"allow": ["/DE//köln"]}),
    ("geo", "city_alone", "Single spaces.", {"allow": [{"city": "New  York"}]}, {"allow": ["///new york"]}),
    ("ip", "forms", "All five.",
     {"allow": ["198.51.100.10", "10.0.0.0/8", "10.0.0.1-10.0.0.9", "192.*.1.*", "192.168.1.10/255.0.255.0"]},
     {"allow": ["10.0.0.0/8", "10.0.0.1-10.0.0.9", "192.0.1.0/255.0.255.0", "198.51.100.10"]}),
    ("ip", "forms_v6", "The four of IPv6.",
     {"allow": ["2001:DB8::1", "2001:db8::/32", "::1-::3", "2001:db8::1/ffff:0:ffff::"]},
     {"allow": ["2001::/ffff:0:ffff::", "2001:db8::/32", "2001:db8::1", "::1-::3"]}),
    ("ip", "one_form", "Each set in its one form.",
     {"block": ["10.0.0.9/24", "192.168.*.*", "10.1.0.1/32", "10.2.0.0-10.2.0.255", "10.3.0.7/255.255.255.0"]},
     {"block": ["10.0.0.0/24", "10.1.0.1", "10.2.0.0/24", "10.3.0.0/24", "192.168.0.0/16"]}),
    ("ip", "mapped", "They are IPv4.", {"block": ["::ffff:10.0.0.1", "::ffff:10.1.0.0/112"]},
     {"block": ["10.0.0.1", "10.1.0.0/16"]}),
    ("mac", "list", "Without allow.", ["00-1A-2B-3C-4D-5E"], {"allow": ["00:1a:2b:3c:4d:5e"]}),
    ("mac", "allow", "Without marks.", {"allow": ["001A2B3C4D5E"]}, {"allow": ["00:1a:2b:3c:4d:5e"]}),
    ("obligations", "ids", "Without arguments.", ["watermark", "notice"], {"notice": {}, "watermark": {}}),
    ("obligations", "args", "With them.", ["watermark", {"id": "notice", "args": {"text": "x", "level": 2}}],
     {"notice": {"level": 2, "text": "x"}, "watermark": {}}),
    ("offline_for", "minute", "As it is.", 60, 60),
    ("opens", "3", "As it is.", 3, 3),
    ("recipients", "one_form", "Lower case, A-labels, each once.", ["B@C.D", "*@*", "a@straße.de", "b@c.d"],
     ["*@*", "a@xn--strae-oqa.de", "b@c.d"]),
    ("require_fresh_blocklist", "true", "As it is.", True, True),
    ("require_fresh_blocklist", "60", "As it is.", 60, 60),
    ("require_signature", "true", "As it is.", True, True),
    ("rights", "any_order", "Each once.", ["view", "print", "view"], ["print", "view"]),
    ("time", "zone", "Two hours earlier in UTC.", {"end": "2031-01-01T00:00:00+02:00"}, {"end": 1924984800}),
    ("time", "zone_west", "Two hours later.", {"end": "2031-01-01T00:00:00-02:00"}, {"end": 1924999200}),
    ("time", "end_fraction", "It ends before the fraction.", {"end": "2031-01-01t00:00:00.999z"}, {"end": 1924992000}),
    ("time", "start_fraction", "It starts after the fraction.", {"start": "2031-01-01T00:00:00.001Z"},
     {"start": 1924992001}),
    ("time", "start_no_fraction", "No fraction.", {"start": "2031-01-01T00:00:00.000Z"}, {"start": 1924992000}),
    ("time", "first", "The first second.", {"start": "1970-01-01T00:00:00Z"}, {"start": 0}),
    ("time", "last", "The last one.", {"end": "9999-12-31T23:59:59Z"}, {"end": 253402300799}),
    ("time", "leap_day", "There is one.", {"end": "2028-02-29T00:00:00Z"}, {"end": 1835395200}),
)  # fmt: skip


def values() -> Cases:
    for rule, name, comment, written, bound in TAKEN:
        yield taken(f"{rule}_{name}", comment, text_of({"drm": {rule: written}}), {rule: bound})


BAD: Final[tuple[tuple[str, str, Any, str], ...]] = (
    # rule, name, as it is written, what is named behind drm.rule
    ("device", "empty", {"allow": []}, ".allow"), ("device", "empty_object", {}, ""), ("device", "list", [ZEROS], ""),
    ("device", "short", {"allow": [ZEROS, "00" * 31]}, ".allow[1]"), ("device", "number", {"allow": [7]}, ".allow[0]"),
    ("device", "block", {"allow": [ZEROS], "block": [ZEROS]}, ""),
    ("downloadable", "number", 1, ""), ("downloadable", "str", "no", ""), ("downloadable", "null", None, ""),
    ("first_open_for", "0", 0, ""), ("first_open_for", "fraction", 1.5, ""), ("first_open_for", "str", "60", ""),
    ("geo", "typo", {"block": [{"country": "FR"}, {"country": "Germny"}]}, ".block[1].country"),
    ("geo", "typo_code", {"block": [{"country": "XQ"}]}, ".block[0].country"),
    ("geo", "typo_continent", {"allow": [{"continent": "Eurasia"}]}, ".allow[0].continent"),
    ("geo", "typo_subdivision", {"allow": [{"country": "US", "subdivision": "Californa"}]}, ".allow[0].subdivision"),
    ("geo", "subdivision_of_other", {"allow": [{"country": "DE", "subdivision": "California"}]},
     ".allow[0].subdivision"),
    ("geo", "subdivision_alone", {"allow": [{"subdivision": "CA"}]}, ".allow[0].subdivision"),
    ("geo", "continent_of_other", {"allow": [{"continent": "Africa", "country": "DE"}]}, ".allow[0].continent"),
    ("geo", "city_empty", {"allow": [{"city": " "}]}, ".allow[0].city"),
    ("geo", "city_slash", {"allow": [{"city": "a/b"}]}, ".allow[0].city"),
    ("geo", "city_long", {"allow": [{"city": "x" * 129}]}, ".allow[0].city"),
    ("geo", "city_number", {"allow": [{"city": 7}]}, ".allow[0].city"),
    ("geo", "nothing", {"allow": [{}]}, ".allow[0]"), ("geo", "str", {"allow": ["DE"]}, ".allow[0]"),
    ("geo", "unknown_part", {"allow": [{"state": "CA"}]}, ".allow[0]"), ("geo", "unknown_list", {"deny": []}, ""),
    ("geo", "empty", {"allow": []}, ".allow"), ("geo", "empty_object", {}, ""),
    ("geo", "all_blocked", {"allow": [{"country": "DE", "city": "Bonn"}], "block": [{"country": "DE"}]}, ""),
    ("ip", "no_address", {"allow": ["10.0.0.1", "10.0.0"]}, ".allow[1]"),
    ("ip", "name", {"allow": ["localhost"]}, ".allow[0]"), ("ip", "octet", {"block": ["10.0.0.256"]}, ".block[0]"),
    ("ip", "leading_zero", {"block": ["010.0.0.1"]}, ".block[0]"), ("ip", "star", {"block": ["10.*"]}, ".block[0]"),
    ("ip", "star_part", {"block": ["10.0.0.1*"]}, ".block[0]"), ("ip", "star_v6", {"block": ["2001:*"]}, ".block[0]"),
    ("ip", "prefix", {"block": ["10.0.0.0/33"]}, ".block[0]"), ("ip", "mask", {"block": ["10.0.0.0/::"]}, ".block[0]"),
    ("ip", "range", {"block": ["10.0.0.2-10.0.0.1"]}, ".block[0]"), ("ip", "zone", {"block": ["::1%lo"]}, ".block[0]"),
    ("ip", "range_versions", {"block": ["10.0.0.2-::1"]}, ".block[0]"),
    ("ip", "range_into_mapped", {"block": ["::-::ffff:10.0.0.1"]}, ".block[0]"),
    ("ip", "mask_of_mapped", {"block": ["::1/::1"]}, ".block[0]"), ("ip", "number", {"block": [1]}, ".block[0]"),
    ("ip", "empty", {"allow": []}, ".allow"), ("ip", "empty_block", {"allow": ["10.0.0.1"], "block": []}, ".block"),
    ("ip", "no_list", {"allow": "10.0.0.1"}, ".allow"), ("ip", "list", ["10.0.0.1"], ""),
    ("ip", "unknown_list", {"deny": ["10.0.0.1"]}, ""),
    ("ip", "all_blocked", {"allow": ["10.0.0.1", "10.1.0.0/16"], "block": ["10.*.*.*"]}, ""),
    ("ip", "same_blocked", {"allow": ["::1"], "block": ["::1"]}, ""),
    ("mac", "empty", {"allow": []}, ".allow"), ("mac", "short", {"allow": ["00:1a"]}, ".allow[0]"),
    ("mac", "block", {"block": ["001a2b3c4d5e"]}, ""),
    ("obligations", "empty", [], ""), ("obligations", "capital", ["Watermark"], "[0]"),
    ("obligations", "no_id", [{"args": {}}], "[0]"), ("obligations", "twice", ["notice", {"id": "notice"}], "[1]"),
    ("obligations", "args", [{"id": "notice", "args": [1]}], "[0]"),
    ("obligations", "fraction", [{"id": "notice", "args": {"a": 0.5}}], "[0]"),
    ("obligations", "unknown", [{"id": "notice", "arguments": {}}], "[0]"),
    ("obligations", "17", [f"a{at}" for at in range(17)], ""), ("obligations", "object", {"notice": {}}, ""),
    ("offline_for", "0", 0, ""), ("offline_for", "true", True, ""),
    ("opens", "0", 0, ""), ("opens", "negative", -1, ""), ("opens", "str", "3", ""), ("opens", "true", True, ""),
    ("opens", "fraction", 3.0, ""), ("opens", "large", 2**32, ""), ("opens", "null", None, ""),
    ("recipients", "empty", [], ""), ("recipients", "str", "a@b.c", ""), ("recipients", "number", [7], "[0]"),
    ("recipients", "no_address", ["a@b.c", "b"], "[1]"), ("recipients", "any_domain", ["a@*"], "[0]"),
    ("recipients", "sub_domains", ["*@*.b.c"], "[0]"), ("recipients", "local", ["ä@b.c"], "[0]"),
    ("recipients", "kelvin", ["\u212a@b.c"], "[0]"),
    ("require_fresh_blocklist", "0", 0, ""), ("require_fresh_blocklist", "str", "yes", ""),
    ("require_signature", "str", "yes", ""), ("require_signature", "1", 1, ""),
    ("rights", "empty", [], ""), ("rights", "unknown", ["view", "edit"], "[1]"), ("rights", "capital", ["View"], "[0]"),
    ("rights", "str", "view", ""),
    ("time", "backwards", {"start": "2031-01-01T00:00:00Z", "end": "2030-01-01T00:00:00Z"}, ""),
    ("time", "same", {"start": "2031-01-01T00:00:00Z", "end": "2031-01-01T01:00:00+01:00"}, ""),
    ("time", "empty", {}, ""), ("time", "unknown", {"finish": "2031-01-01T00:00:00Z"}, ""),
    ("time", "number", {"end": 1924992000}, ".end"), ("time", "null", {"end": None}, ".end"),
    *(("time", name, {"end": text}, ".end") for name, text in (
        ("no_text", ""), ("year", "2031"), ("day", "2031-01-01"), ("no_zone", "2031-01-01T00:00:00"),
        ("no_seconds", "2031-01-01T00:00Z"), ("short_zone", "2031-01-01T00:00:00+1:00"),
        ("no_day", "2031-02-29T00:00:00Z"), ("hour_24", "2031-01-01T24:00:00Z"),
        ("second_60", "2031-01-01T00:00:60Z"), ("digits", "٢٠٣١-01-01T00:00:00Z"),
        ("early", "1969-12-31T23:59:59Z"), ("late", "9999-12-31T23:59:59-01:00"),
        ("after", "2031-01-01T00:00:00Z "))),
)  # fmt: skip


def bad_values() -> Cases:
    for rule, name, written, behind in BAD:
        comment = "What is not understood is an error that names the field."
        text = text_of({"drm": {rule: written}})
        yield refused(f"{rule}_bad_{name}", comment, text, f"drm.{rule}{behind}")


def files() -> Cases:
    value: Any = {"drm": {"entry": {"b/**": {"rights": ["view"]}, "**": {"downloadable": False, "rights": ["view"]}}}}
    wanted: Any = {"entry": [["**", "downloadable", False], ["**", "rights", ["view"]], ["b/**", "rights", ["view"]]]}
    yield taken("entry", "By pattern, then by rule.", text_of(value), wanted)
    wanted = {"entry": [["a", "downloadable", False], ["a", "recipients", ["b@c.d"]]]}
    value = {"drm": {"entry": {"a": {"downloadable": False}}}, "files": {"a": {"recipients": ["B@C.D"]}}}
    yield taken("files_and_entry", "Together.", text_of(value), wanted)
    value = {"files": {"a": {"drm": {"recipients": ["B@C.D"]}, "downloadable": False}}}
    yield taken("files_drm", "In drm too.", text_of(value), wanted)
    value = {"files": [{"name": "a", "downloadable": False, "recipients": ["b@c.d"]}, "b", {"name": "c"}]}
    yield taken("files_list", "An array of objects with names.", text_of(value), wanted)
    value = {"files": {"a*[?].pdf": {"rights": ["view"]}}}
    yield taken(
        "files_literal", "A name is no pattern.", text_of(value), {"entry": [[r"a\*[\?].pdf", "rights", ["view"]]]}
    )
    value = {"files": {"b/c": {"rights": ["view"]}}}
    yield taken("files_path", "A name may be a path.", text_of(value), {"entry": [["b/c", "rights", ["view"]]]})
    shows = {"type": "a/b", "pages": 3, "duration": 1.5, "hidden": True, "view_instead": "b", "download_instead": "c"}
    yield taken("files_shown", "What a viewer shows is no rule.", text_of({"files": {"a": shows | {"size": 3}}}), {})
    for name, wrong in (("type", 1), ("pages", 1.5), ("duration", "1"), ("hidden", "yes"), ("view_instead", []),
                        ("download_instead", {})):  # fmt: skip
        text = text_of({"files": {"a": {name: wrong}}})
        yield refused(f"files_bad_{name}", "Of another kind.", text, f"files.a.{name}")
    rights = {"rights": ["view"]}
    for name, comment, value, field in (
        ("files_bad_opens", "No rule for an entry.", {"files": {"a": {"opens": 1}}}, "files.a"),
        ("files_bad_slip", "One slip away.", {"files": {"a": {"recipient": ["a@b.c"]}}}, "files.a.recipient"),
        ("files_bad_drm", "Nothing but rules.", {"files": {"a": {"drm": rights | {"title": 1}}}}, "files.a.drm"),
        ("files_bad_value", "A value.", {"files": {"a": {"rights": ["edit"]}}}, "files.a.rights[0]"),
        ("files_bad_path", "No file has this name.", {"files": {"../a": rights}}, "files.../a"),
        ("files_bad_twice", "In two places.", {"drm": {"entry": {"a": rights}}, "files": {"a": rights}},
         "files.a.rights"),
        ("files_bad_both", "In two places.", {"files": {"a": rights | {"drm": rights}}}, "files.a.drm.rights"),
        ("files_bad_list", "Two objects of one name.", {"files": [{"name": "a"} | rights, {"name": "a"} | rights]},
         "files.a.rights"),
        ("entry_bad_empty", "Empty.", {"drm": {"entry": {}}}, "drm.entry"),
        ("entry_bad_null", "Not left out.", {"drm": {"entry": None}}, "drm.entry"),
        ("entry_bad_list", "As it is bound.", {"drm": {"entry": [["a", "rights", ["view"]]]}}, "drm.entry"),
        ("entry_bad_no_rules", "Empty.", {"drm": {"entry": {"a": {}}}}, "drm.entry.a"),
        ("entry_bad_rule", "No rule for an entry.", {"drm": {"entry": {"a": {"opens": 1}}}}, "drm.entry.a"),
        ("entry_bad_value", "A value.", {"drm": {"entry": {"a": {"rights": []}}}}, "drm.entry.a.rights"),
        ("entry_bad_pattern", "No pattern.", {"drm": {"entry": {"a**": rights}}}, "drm.entry.a**"),
        ("entry_bad_pattern_path", "It could match no path.", {"drm": {"entry": {"a//b": rights}}}, "drm.entry.a//b"),
    ):  # fmt: skip
        yield refused(name, comment, text_of(value), field)


def bad_places() -> Cases:
    for name, comment, value, field in (
        ("unknown", "No such rule.", {"drm": {"colour": 1}}, "drm"),
        ("open", "A typo.", {"drm": {"open": 1}}, "drm"),
        ("password", "It stands beside the user's own data.", {"drm": {"password": "x"}}, "drm"),
        ("title", "Nothing of the user's own.", {"rules": {"opens": 1, "title": "x"}}, "rules"),
        ("drm_empty", "Empty.", {"drm": {}}, "drm"), ("drm_null", "Not left out.", {"drm": None}, "drm"),
        ("drm_list", "No object.", {"drm": [{"opens": 1}]}, "drm"),
        ("rules_list", "No object.", {"rules": []}, "rules"),
        ("container_drm", "No object.", {"container": {"drm": "none"}}, "container.drm"),
        ("two_places", "One is enough.", {"drm": {"opens": 1}, "rules": {"opens": 1}}, "drm.opens"),
        ("two_places_second", "Both are named.", {"drm": {"opens": 1}, "rules": {"opens": 1}}, "rules.opens"),
        ("two_places_container", "In container too.", {"opens": 1, "container": {"opens": 2}}, "container.opens"),
        ("two_passwords", "One is enough.", {"password": "x", "container": {"password": "x"}}, "container.password"),
        ("password_empty", "None.", {"password": ""}, "password"),
        ("password_number", "None.", {"password": 1}, "password"),
        ("password_list", "None.", {"container": {"password": ["x"]}}, "container.password"),
        ("dynamic_number", "No boolean.", {"dynamic": 1}, "dynamic"),
        ("own_name", "A name of the user's own that is a rule's.", {"rights": "© 2030"}, "rights"),
        ("slip_more", "One more.", {"openss": 1}, "openss"),
        ("slip_less", "One less.", {"container": {"recipient": []}}, "container.recipient"),
        ("slip_order", "Two changed places.", {"recipeints": []}, "recipeints"),
        ("slip_other", "Another character.", {"righta": 1}, "righta"),
        ("slip_password", "Also of these.", {"pasword": "x"}, "pasword"),
        ("slip_dynamic", "Also of these.", {"container": {"dinamic": True}}, "container.dinamic"),
        ("nested", "Nested too deep.", {"drm": {"ip": {"allow": [[[[[[[["10.0.0.1"]]]]]]]]}}}, "drm.ip.allow"),
    ):  # fmt: skip
        yield refused(f"place_bad_{name}", comment, text_of(value), field)
    for name, value in (
        ("other", {"tile": 1, "ti": 1}),
        ("short", {"ips": 1, "macs2": 1}),
        ("far", {"restricted": 1}),
    ):
        yield taken(f"own_{name}", "Not as near as that.", text_of(value), {})


def contradictions() -> Cases:
    early, late = {"end": "2030-01-01T00:00:00Z"}, {"start": "2030-01-01T00:00:00Z"}
    ones = {"allow": ["11" * 32]}
    for name, value, field in (
        ("rights_true", {"downloadable": True, "rights": ["view"]}, "drm.downloadable"),
        ("rights_false", {"downloadable": False, "rights": ["extract", "view"]}, "drm.rights"),
        ("rights_only_extract", {"downloadable": False, "rights": ["extract"]}, "drm.rights"),
        ("entry_time", {"time": early, "entry": {"a": {"time": late}}}, "drm.entry.a.time"),
        ("entry_time_start", {"time": late, "entry": {"a": {"time": early}}}, "drm.time"),
        ("entry_rights", {"rights": ["view"], "entry": {"a": {"rights": ["print"]}}}, "drm.entry.a.rights"),
        ("entry_device", {"device": {"allow": [ZEROS]}, "entry": {"a": {"device": ones}}}, "drm.entry.a.device"),
        ("entry_downloadable", {"downloadable": False, "entry": {"a": {"downloadable": True}}},
         "drm.entry.a.downloadable"),
        ("entry_ip", {"entry": {"a": {"ip": {"allow": ["::1"], "block": ["::/0"]}}}}, "drm.entry.a.ip"),
    ):  # fmt: skip
        comment = "Rules that let nobody in, or say two things."
        yield refused(f"contradiction_{name}", comment, text_of({"drm": value}), field)
    text = text_of({"drm": {"ip": {"allow": ["10.0.0.0/8"], "block": ["10.0.0.1"]}}})
    wanted: Any = {"ip": {"allow": ["10.0.0.0/8"], "block": ["10.0.0.1"]}}
    yield taken("no_contradiction_ip", "Not everything is blocked.", text, wanted)
    text = text_of({"drm": {"downloadable": True, "rights": ["extract"]}})
    yield taken("no_contradiction_rights", "They agree.", text, {"downloadable": True, "rights": ["extract"]})
    text = text_of({"drm": {"downloadable": False, "rights": ["view"]}})
    yield taken("no_contradiction_view", "They agree.", text, {"downloadable": False, "rights": ["view"]})


def texts() -> Cases:
    for name, text, field in (
        ("empty", "", None), ("no_json", "opens: 1", None), ("comma", '{"a": 1,}', None), ("two", "{}{}", None),
        ("nan", '{"a": NaN}', None), ("infinity", '{"drm": {"opens": Infinity}}', None), ("quotes", "{'a': 1}", None),
        ("bom", "\ufeff{}", None), ("half", '{"drm": {"time": {"end": "\\ud800"}}}', "drm.time.end"),
        ("half_text", '{"drm": {"obligations": [{"id": "a", "args": {"b": "\\udfff"}}]}}', "drm.obligations.args.b"),
        ("half_name", '{"drm": {"time": {"\\udfff": 1}}}', "drm.time"),
        ("twice_drm", '{"drm": {"opens": 1}, "drm": {"opens": 1}}', "drm"),
        ("twice_rule", '{"drm": {"opens": 1, "opens": 1}}', "opens"),
        ("twice_field", '{"drm": {"time": {"end": "2030-01-01T00:00:00Z", "end": "2031-01-01T00:00:00Z"}}}', "end"),
        ("twice_container", '{"container": {"drm": {"opens": 1}}, "container": {}}', "container"),
        ("twice_container_drm", '{"container": {"drm": {"opens": 1}, "drm": {"opens": 1}}}', "drm"),
        ("twice_top", '{"opens": 1, "opens": 1}', "opens"),
        ("twice_password", '{"password": "a", "password": "a"}', "password"),
        ("twice_files", '{"files": {"a": {"rights": ["view"]}}, "files": {}}', "files"),
        ("twice_file", '{"files": {"a": {"rights": ["view"]}, "a": {}}}', "a"),
        ("twice_in_file", '{"files": {"a": {"rights": ["view"], "rights": ["view"]}}}', "rights"),
        ("twice_pattern", '{"drm": {"entry": {"a": {"rights": ["view"]}, "a": {}}}}', "a"),
    ):  # fmt: skip
        yield refused(f"text_bad_{name}", "JSON that leaves something open, or none.", text, field)


PARTS: Final = (
    dialects, without, owners, values, bad_values, files, bad_places, contradictions, texts,
)  # fmt: skip
