"""Vectors of deciding for an entry: which paths a pattern matches, and what the rules of `entry` add.

The law of this file: what is expected is stated from "Patterns" and "Deciding", for each case by hand.
"""

from __future__ import annotations

from typing import Any, Final

from spec.vectors.rules.deciding import NOW, YES, case
from spec.vectors.rules.form import Cases

MATCHES: Final[dict[str, tuple[str, list[str], list[str]]]] = {
    "name": ("a", ["a"], ["b", "aa", "A", "a/a", "b/a"]),
    "path": ("a/b", ["a/b"], ["a", "b", "a/b/c", "x/a/b"]),
    "star": ("*", ["a", "aaa", "*", "ä", ".x"], ["a/b"]),
    "star_empty": ("a*", ["a", "ab"], ["ba", "a/b"]),
    "star_ending": ("*.pdf", ["a.pdf", ".pdf"], ["a.pdfx", "a/b.pdf", "apdf", "a.PDF"]),
    "stars": ("a*b*c", ["abc", "abbc", "axbxc", "abcbc"], ["ab", "abcd", "acb"]),
    "star_part": ("a/*/c", ["a/b/c"], ["a/c", "a/b/b/c"]),
    "mark": ("?", ["a", "ä", "日", "\U0001f511", "?"], ["aa", "a/b"]),
    "mark_decomposed": ("?", [], ["a\u0308"]),
    "marks": ("a/??", ["a/xx"], ["a/x", "a/xxx", "a/x/x"]),
    "deep": ("**", ["a", "a/b/c"], []),
    "deep_first": ("**/x", ["x", "a/x", "a/b/x"], ["xx", "x/a"]),
    "deep_last": ("a/**", ["a", "a/b", "a/b/c"], ["b", "ab", "b/a"]),
    "deep_inside": ("a/**/x", ["a/x", "a/b/x", "a/x/x", "a/b/c/x"], ["x", "a", "a/b", "a/xy"]),
    "deep_twice": ("**/b/**/d", ["b/d", "a/b/c/d", "b/b/d/d"], ["d", "b", "d/b"]),
    "deep_star": ("**/*", ["a", "a/b/c"], []),
    "deep_below": ("a/**/*", ["a/b", "a/b/c"], ["a", "b"]),
    "deep_ending": ("**/*.pdf", ["a.pdf", "x/y/a.pdf"], ["a.pdf/x"]),
    "escaped": (r"a\*b", ["a*b"], ["axb", "ab", r"axxb"]),
    "escaped_mark": (r"\?", ["?"], ["a"]),
    "escaped_and_star": (r"\**", ["*", "*x"], ["x", "x*"]),
    "brackets": ("[ab]", ["[ab]"], ["a", "b"]),
    "braces": ("{a,b}", ["{a,b}"], ["a"]),
    "dot": ("a.c", ["a.c"], ["abc"]),
    "composed": ("ä", ["ä"], ["a\u0308", "Ä"]),
    "many_stars": ("*a*a*a*a*a*a*a*a*a*b", ["a" * 99 + "b"], ["a" * 200]),
}  # fmt: skip
"""A pattern, paths that it matches, and others."""


def patterns() -> Cases:
    """A pattern that matches denies, since what is asked for is no right."""
    for name, (pattern, yes, no) in MATCHES.items():
        rules = {"entry": [[pattern, "rights", ["view"]]]}
        for which, paths, verdict in (("match", yes, "entry.rights"), ("other", no, YES)):
            for at, path in enumerate(paths):
                context = {"action": "extract", "path": path}
                comment = f"{pattern} {'matches' if which == 'match' else 'does not match'} {path}"
                yield case(f"entry_{name}_{which}_{at}", comment, rules, context, verdict)


VALUES: Final[dict[str, tuple[Any, Any, Any]]] = {
    "device": ({"allow": [b"\1" * 32]}, {"device": b"\1" * 32, "device_proven": True}, {}),
    "downloadable": (False, {"action": "view"}, {"action": "print"}),
    "geo": ({"allow": ["/DE//"]}, {"place": {"country": "DE"}}, {"place": {"country": "FR"}}),
    "ip": ({"block": ["10.0.0.1"]}, {"address": "10.0.0.2"}, {"address": "::ffff:10.0.0.1"}),
    "mac": ({"allow": ["00:1a:2b:3c:4d:5e"]}, {"hardware": ["00:1a:2b:3c:4d:5e"]}, {}),
    "recipients": (["*@b.c"], {"viewer": "a@b.c"}, {"viewer": "a@x.b.c"}),
    "rights": (["print"], {"action": "print"}, {"action": "view"}),
}
"""A rule that may stand in entry: a value, somebody who is allowed, somebody who is not."""


def every_rule() -> Cases:
    for name, (value, good, bad) in VALUES.items():
        rules: dict[str, Any] = {"entry": [["a", name, value]]}
        yield case(f"entry_{name}", "Allowed.", rules, good | {"path": "a"}, YES)
        yield case(f"entry_{name}_denied", "Named with its place.", rules, bad | {"path": "a"}, f"entry.{name}")
        yield case(f"entry_{name}_other", "Another entry.", rules, bad | {"path": "b"}, YES)
        yield case(f"entry_{name}_no_path", "For the container it is not looked at.", rules, bad, YES)
    rules = {"entry": [["a", "time", {"end": NOW + 5, "start": NOW}]]}
    comment = "When an entry's own window ends is not told: until is the container's."
    yield case("entry_time", comment, rules, {"path": "a"}, YES)
    yield case("entry_time_before", "Too early.", rules, {"path": "a"}, "entry.time", NOW - 1)
    yield case("entry_time_end", "Too late.", rules, {"path": "a"}, "entry.time", NOW + 5)
    rules |= {"offline_for": 60, "time": {"end": NOW + 30}}
    comment = "Nor does it end a lease, which is for the container."
    yield case("entry_time_lease", comment, rules, {"path": "a"}, {"until": NOW + 30, "lease_until": NOW + 30})


def duties() -> Cases:
    rules: dict[str, Any] = {
        "entry": [["*", "obligations", {"notice": {"text": "a"}, "b": {}}], ["a", "obligations", {"watermark": {}}]],
        "obligations": {"notice": {}, "z": {}},
    }
    every = [["notice", {}], ["z", {}], ["b", {}], ["notice", {"text": "a"}], ["watermark", {}]]
    all_of = {"obligations": ["b", "notice", "watermark", "z"]}
    comment = "The container's first, then by pattern and id; one that stands twice binds with the arguments of each."
    yield case("entry_obligations", comment, rules, all_of | {"path": "a"}, {"obligations": every})
    yield case(
        "entry_obligations_other", "As far as they match.", rules, all_of | {"path": "x"}, {"obligations": every[:4]}
    )
    yield case("entry_obligations_no_path", "The container's only.", rules, all_of, {"obligations": every[:2]})
    declared = {"obligations": ["notice", "z"]}
    yield case(
        "entry_obligations_missing", "Denied by an entry's.", rules, declared | {"path": "a"}, "entry.obligations"
    )
    declared = {"obligations": ["b", "notice", "watermark"]}
    yield case("entry_obligations_container", "By the container's.", rules, declared | {"path": "a"}, "obligations")


def order() -> Cases:
    rules: dict[str, Any] = {"entry": [["a", "downloadable", False]], "time": {"end": NOW}}
    context = {"action": "extract", "path": "a"}
    yield case(
        "entry_order_container", "The container's own rules come first, whatever their names.", rules, context, "time"
    )
    yield case("entry_order_after", "Then those of the entry.", rules, context, "entry.downloadable", NOW - 1)
    rules = {"entry": [["*", "rights", ["view"]], ["a", "downloadable", False]]}
    yield case("entry_order_pattern", "By pattern, then by name.", rules, context, "entry.rights")
    rules = {"entry": [["a", "downloadable", False], ["a", "rights", ["view"]]]}
    yield case("entry_order_name", "By name below a pattern.", rules, context, "entry.downloadable")
    rules = {"entry": [["a", "rights", ["extract"]], ["b", "rights", ["view"]]]}
    yield case("entry_order_skips", "One that does not match is skipped.", rules, context, YES)
    rules = {"entry": [["**", "rights", ["extract"]], ["a", "rights", ["view"]]]}
    yield case("entry_both_match", "All that match bind.", rules, context, "entry.rights")
    rules = {"entry": [["a", "rights", ["extract", "view"]]], "rights": ["view"]}
    yield case("entry_no_wider", "An entry's rule widens nothing.", rules, context, "rights")
    rules = {"entry": [["a", "rights", ["view"]]], "rights": ["extract", "view"]}
    yield case("entry_narrower", "It narrows.", rules, context, "entry.rights")
    yield case("entry_narrower_other", "Only what it matches.", rules, context | {"path": "b"}, YES)
    rules = {"entry": [["a", "rights", ["extract"]]], "offline_for": 9, "opens": 2}
    given = {"remaining": 0, "lease_until": NOW + 9}
    yield case("entry_given", "What the container gives stays.", rules, context | {"opens": 1}, given)
    yield case("entry_denied_opens", "The container's opens.", rules, context | {"opens": 2}, "opens")


PARTS: Final = (patterns, every_rule, duties, order)
