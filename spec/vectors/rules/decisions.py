"""Vectors of deciding: each rule alone, its borders, what is not known; then rules beside each other.

The law of this file: what is expected is stated from "Rules" and "Deciding", for each case by hand.
"""

from __future__ import annotations

from typing import Any, Final

from spec.vectors.rules.deciding import NOW, YES, case
from spec.vectors.rules.form import Cases

LAST_SECOND: Final = 253_402_300_799
ACTIONS: Final = ("copy", "extract", "print", "rewrap", "view")
ONE, TWO = b"\1" * 32, b"\2" * 32


def time() -> Cases:
    window = {"start": NOW, "end": NOW + 10}
    for name, comment, now, verdict in (
        ("before", "The last second before it.", NOW - 1, "time"),
        ("first", "The first second is inside.", NOW, {"until": NOW + 10}),
        ("last", "The last second before the end.", NOW + 9, {"until": NOW + 10}),
        ("end", "The end is no longer inside.", NOW + 10, "time"),
        ("after", "Later.", NOW + 11, "time"),
        ("at_0", "A clock at 1970.", 0, "time"),
    ):
        yield case(f"time_{name}", comment, {"time": window}, {}, verdict, now)
    only = {"time": {"start": NOW}}
    yield case("time_only_start_before", "Too early.", only, {}, "time", NOW - 1)
    yield case("time_only_start", "There is no end, so no until.", only, {}, YES)
    only = {"time": {"end": NOW}}
    yield case("time_only_end", "The last second.", only, {}, {"until": NOW}, NOW - 1)
    yield case("time_only_end_after", "Too late.", only, {}, "time")
    yield case("time_only_end_at_0", "There is no start.", only, {}, {"until": NOW}, 0)
    only = {"time": {"end": LAST_SECOND}}
    yield case("time_last_second", "The last second of the calendar.", only, {}, "time", LAST_SECOND)


def opens() -> Cases:
    for name, comment, before, verdict in (
        ("first", "None before, two after this one.", 0, {"remaining": 2}),
        ("second", "One is left after it.", 1, {"remaining": 1}),
        ("last", "The last one.", 2, {"remaining": 0}),
        ("over", "As many as there may be.", 3, "opens"),
        ("far_over", "More than there may be: the rule was changed.", 4, "opens"),
    ):
        yield case(f"opens_{name}", comment, {"opens": 3}, {"viewer": "a@b.c", "opens": before}, verdict)
    yield case("opens_unknown", "No count.", {"opens": 3}, {"viewer": "a@b.c"}, "opens")
    comment = "It asks for a count, not for an address: somebody counts those without."
    yield case("opens_nobody", comment, {"opens": 3}, {"opens": 0}, {"remaining": 2})
    yield case("opens_0", "0 lets nobody in.", {"opens": 0}, {"opens": 0}, "opens")
    yield case("opens_0_unknown", "0 lets nobody in.", {"opens": 0}, {}, "opens")
    most = 2**32 - 1
    yield case("opens_most", "The largest count.", {"opens": most}, {"opens": most - 1}, {"remaining": 0})
    comment = (
        "An open that was counted for this session is none of those before it, so that the last one can be read on."
    )
    context = {"viewer": "a@b.c", "opens": 0, "first_open": NOW - 5}
    yield case("opens_session", comment, {"opens": 1}, context, {"remaining": 0})
    yield case("opens_other_session", "In the next session it is one.", {"opens": 1}, context | {"opens": 1}, "opens")


def first_open_for() -> Cases:
    rule: dict[str, Any] = {"first_open_for": 10}
    who = {"viewer": "a@b.c", "opens": 1, "first_open": NOW}
    yield case("first_open_for_never", "This is the first.", rule, {"opens": 0}, {"until": NOW + 10})
    for name, comment, now, verdict in (
        ("before", "The clock was set back.", NOW - 1, "first_open_for"),
        ("same", "In the same second.", NOW, {"until": NOW + 10}),
        ("last", "The last second.", NOW + 9, {"until": NOW + 10}),
        ("over", "It is over.", NOW + 10, "first_open_for"),
    ):
        yield case(f"first_open_for_{name}", comment, rule, who, verdict, now)
    yield case("first_open_for_unknown", "Nothing is known.", rule, {"viewer": "a@b.c"}, "first_open_for")
    yield case("first_open_for_no_time", "When was it?", rule, {"opens": 1}, "first_open_for")
    context = {"first_open": NOW - 3}
    yield case("first_open_for_no_count", "The time is enough.", rule, context, {"until": NOW + 7})
    comment = "In the session that was counted as the first, its time is known, and counts."
    context = {"opens": 0, "first_open": NOW - 10}
    yield case("first_open_for_session", comment, rule, context, "first_open_for")
    context = {"opens": 0, "first_open": NOW - 9}
    yield case("first_open_for_session_last", comment, rule, context, {"until": NOW + 1})
    yield case("first_open_for_1", "One second.", {"first_open_for": 1}, who, {"until": NOW + 1})
    yield case("first_open_for_1_over", "The next one.", {"first_open_for": 1}, who, "first_open_for", NOW + 1)
    most = {"first_open_for": LAST_SECOND}
    yield case("first_open_for_most", "Beyond the calendar.", most, who, {"until": NOW + LAST_SECOND})


def offline_for() -> Cases:
    rule: dict[str, Any] = {"offline_for": 10}
    yield case("offline_for", "It never denies.", rule, {}, {"lease_until": NOW + 10})
    for name, comment, end in (("before", "Not past the end.", 5), ("same", "At the end.", 10)):
        verdict = {"until": NOW + end, "lease_until": NOW + end}
        yield case(f"offline_for_end_{name}", comment, rule | {"time": {"end": NOW + end}}, {}, verdict)
    verdict = {"until": NOW + 11, "lease_until": NOW + 10}
    yield case("offline_for_end_after", "Before the end.", rule | {"time": {"end": NOW + 11}}, {}, verdict)
    verdict = {"until": NOW + 7, "lease_until": NOW + 7}
    rules = rule | {"first_open_for": 7}
    yield case("offline_for_first", "Not past the first open's time.", rules, {"opens": 0}, verdict)
    rules |= {"time": {"end": NOW + 6}}
    verdict = {"until": NOW + 6, "lease_until": NOW + 6}
    yield case("offline_for_both", "The earlier of both.", rules, {"opens": 0}, verdict)
    verdict = {"until": NOW + 4, "lease_until": NOW + 4}
    context = {"opens": 1, "first_open": NOW - 3}
    yield case("offline_for_first_open", "From the first open, not from now.", rules, context, verdict)
    yield case("offline_for_denied", "There is no lease for whoever is denied.", rule | {"opens": 0}, {}, "opens")


def device() -> Cases:
    rule = {"device": {"allow": [ONE, TWO]}}
    for name, comment, context, verdict in (
        ("first", "It is in the list.", {"device": ONE, "device_proven": True}, YES),
        ("second", "So is this.", {"device": TWO, "device_proven": True}, YES),
        ("other", "Another device.", {"device": bytes(32), "device_proven": True}, "device"),
        ("not_proven", "Anybody can say so.", {"device": ONE, "device_proven": False}, "device"),
        ("unknown", "No device.", {}, "device"),
    ):
        yield case(f"device_{name}", comment, rule, context, verdict)


def downloadable() -> Cases:
    for action in ACTIONS:
        context = {"action": action}
        yield case(f"downloadable_true_{action}", "Every action.", {"downloadable": True}, context, YES)
        verdict = YES if action == "view" else "downloadable"
        yield case(f"downloadable_false_{action}", "Only view.", {"downloadable": False}, context, verdict)


def rights() -> Cases:
    for right in ACTIONS:
        for action in ACTIONS:
            verdict = YES if action == right else "rights"
            comment = "No right has another in it."
            yield case(f"rights_{right}_{action}", comment, {"rights": [right]}, {"action": action}, verdict)
    both = {"rights": ["extract", "view"]}
    yield case("rights_second", "One of two.", both, {"action": "view"}, YES)
    yield case("rights_neither", "Neither of two.", both, {"action": "print"}, "rights")
    narrow = both | {"downloadable": False}
    yield case("rights_and_downloadable", "Both bind.", narrow, {"action": "extract"}, "downloadable")
    yield case("rights_and_downloadable_view", "Both allow.", narrow, {}, YES)


def mac() -> Cases:
    rule = {"mac": {"allow": ["00:1a:2b:3c:4d:5e", "ff:ff:ff:ff:ff:ff"]}}
    for name, comment, these, verdict in (
        ("one", "It is in the list.", ["00:1a:2b:3c:4d:5e"], YES),
        ("one_of_its", "One of the machine's is.", ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"], YES),
        ("other", "None is.", ["00:00:00:00:00:00"], "mac"),
        ("none", "It says none.", [], "mac"),
        ("capitals", "Letters of either case.", ["00:1A:2B:3C:4D:5E"], YES),
        ("dashes", "Other marks.", ["00-1a-2b-3c-4d-5e"], YES),
        ("plain", "No marks.", ["001a2b3c4d5e"], YES),
    ):
        yield case(f"mac_{name}", comment, rule, {"hardware": these}, verdict)


def recipients() -> Cases:
    for name, comment, these, viewer, allowed in (
        ("one", "Named.", ["a@b.c"], "a@b.c", True),
        ("one_of", "One of several.", ["a@b.c", "x@y.z"], "x@y.z", True),
        ("other", "Another person.", ["a@b.c"], "b@b.c", False),
        ("other_domain", "Another domain.", ["a@b.c"], "a@b.d", False),
        ("case", "Letters of either case.", ["a@b.c"], "A@B.C", True),
        ("domain", "Somebody of the domain.", ["*@b.c"], "x.y@b.c", True),
        ("domain_case", "Letters of either case.", ["*@b.c"], "x@B.c", True),
        ("sub_domain", "A sub-domain is another domain.", ["*@b.c"], "a@x.b.c", False),
        ("upper_domain", "So is the one above it.", ["*@x.b.c"], "a@b.c", False),
        ("suffix", "And one that ends alike.", ["*@b.c"], "a@xb.c", False),
        ("longer", "And one that goes on.", ["*@b.c"], "a@b.c.d", False),
        ("local_suffix", "Whole local parts.", ["a@b.c"], "xa@b.c", False),
        ("local_plus", "No tags are taken off.", ["a@b.c"], "a+x@b.c", False),
        ("local_dots", "No dots are taken out.", ["ab@b.c"], "a.b@b.c", False),
        ("anybody", "Whoever is known.", ["*@*"], "x@y.z", True),
        ("a_label", "A name in another script.", ["a@xn--strae-oqa.de"], "a@straße.de", True),
        ("a_label_case", "In capitals.", ["*@xn--bcher-kva.example"], "a@BÜCHER.example", True),
        ("a_label_ascii", "Its A-label.", ["a@xn--strae-oqa.de"], "A@XN--STRAE-OQA.de", True),
        ("a_label_2003", "strasse is not straße (it was in IDNA 2003).", ["a@strasse.de"], "a@straße.de", False),
        ("a_label_2008", "Nor the other way round.", ["*@xn--strae-oqa.de"], "a@strasse.de", False),
    ):
        verdict = YES if allowed else "recipients"
        yield case(f"recipients_{name}", comment, {"recipients": these}, {"viewer": viewer}, verdict)
    for name, these in (("one", ["a@b.c"]), ("domain", ["*@b.c"]), ("anybody", ["*@*"])):
        yield case(f"recipients_unknown_{name}", "Nobody is known.", {"recipients": these}, {}, "recipients")


def require() -> Cases:
    for signed, verdict in ((True, YES), (False, "require_signature")):
        context: dict[str, Any] = {"signed": signed}
        comment = "Does a signer count?"
        yield case(f"require_signature_{signed}".lower(), comment, {"require_signature": True}, context, verdict)
    yield case("require_signature_unknown", "Nothing is said.", {"require_signature": True}, {}, "require_signature")
    name = "require_fresh_blocklist"
    for case_name, comment, value, age, allowed in (
        ("true", "Any age.", True, 10**9, True),
        ("true_0", "Just issued.", True, 0, True),
        ("true_unknown", "None is in force.", True, None, False),
        ("number", "Younger.", 60, 59, True),
        ("number_same", "As old as that: not more.", 60, 60, True),
        ("number_over", "A second older.", 60, 61, False),
        ("number_unknown", "None is in force.", 60, None, False),
        ("1", "1 is a second, and not true.", 1, 2, False),
    ):
        context = {} if age is None else {"blocklist_age": age}
        yield case(f"{name}_{case_name}", comment, {name: value}, context, YES if allowed else name)


def obligations() -> Cases:
    rule: dict[str, Any] = {"obligations": {"notice": {"text": "x", "level": 2}, "watermark": {}}}
    both = [["notice", {"level": 2, "text": "x"}], ["watermark", {}]]
    for name, comment, declared, verdict in (
        ("all", "Both are declared.", ["watermark", "notice"], {"obligations": both}),
        ("more", "And another.", ["notice", "watermark", "x"], {"obligations": both}),
        ("one", "One is missing.", ["notice"], "obligations"),
        ("other", "Another one.", ["x"], "obligations"),
        ("none", "None.", [], "obligations"),
    ):
        yield case(f"obligations_{name}", comment, rule, {"obligations": declared}, verdict)


def together() -> Cases:
    yield case("order_first", "Both deny: the first by name.", {"opens": 0, "time": {"end": NOW}}, {}, "opens")
    rules = {"device": {"allow": [ONE]}, "geo": {"allow": ["/DE//"]}, "time": {"end": NOW}}
    yield case("order_of_three", "Of three.", rules, {}, "device")
    known = {"device": ONE, "device_proven": True}
    yield case("order_second", "The first allows.", rules, known, "geo")
    context = known | {"place": {"country": "DE"}}
    yield case("order_last", "Only the last denies.", rules, context, "time")
    verdict = {"until": NOW}
    yield case("order_none", "None denies.", rules, context, verdict, NOW - 1)
    rules = {
        "first_open_for": 10,
        "obligations": {"notice": {}},
        "offline_for": 20,
        "opens": 5,
        "time": {"end": NOW + 8},
    }
    context = {"opens": 1, "first_open": NOW - 1, "obligations": ["notice"]}
    verdict_all = {"obligations": [["notice", {}]], "remaining": 3, "until": NOW + 8, "lease_until": NOW + 8}
    yield case("everything_given", "All that comes with an allowance.", rules, context, verdict_all)
    rules["time"] = {"end": NOW + 9}
    verdict_all |= {"until": NOW + 9, "lease_until": NOW + 9}
    yield case("everything_given_same", "Both would deny at once.", rules, context, verdict_all)
    comment = "Nothing asks for anything: no place, no address, no viewer."
    yield case("no_questions", comment, {"downloadable": True, "rights": ["view"]}, {}, YES)


PARTS: Final = (
    time, opens, first_open_for, offline_for, device, downloadable, rights, mac, recipients, require, obligations,
    together,
)  # fmt: skip
