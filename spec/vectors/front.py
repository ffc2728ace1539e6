"""Vectors of the preamble, the section headers, CORE and POLICY: every reader refuses them alike."""

from __future__ import annotations

from typing import Any

from spec.vectors import fixed
from spec.vectors.build import DROP, Draft, file, u32
from spec.vectors.cases import Cases, cut, poked
from tera.wire import canonical

RULES = [["aa_unknown", 3], ["zz_unknown", {"end": 1_900_000_000}]]
ONE = (file("a.txt", b"one"),)


def draft(**core: Any) -> Draft:
    """Return a container with other values in CORE."""
    return Draft(ONE, core=core)


def preamble(cases: Cases) -> None:
    """Preamble."""
    whole = Draft(ONE).build().data
    with cases.under("Preamble"):
        cases.front("preamble_empty", "An empty file.", b"", "not_tera")
        cases.front("preamble_short_magic", "Fewer than 8 bytes are no magic.", whole[:7], "not_tera")
        cases.front("preamble_magic", "The first byte differs.", b"\x09" + whole[1:], "not_tera")
        text = whole[:16].replace(b"\r\n", b"\n") + whole[16:]
        cases.front("preamble_line_ends", "A transfer as text changed CR LF.", text, "not_tera")
        cases.front("preamble_magic_only", "8 to 15 bytes are a file that ends early.", whole[:8], "truncated")
        cases.front("preamble_15_bytes", "8 to 15 bytes are a file that ends early.", whole[:15], "truncated")
        for name, at in {"major": 8, "minor": 9, "suite": 11, "reserved": 15}.items():
            body = whole[:at] + b"\x02" + whole[at + 1 :]
            comment = "Any other value after the magic is refused."
            cases.front(f"preamble_{name}", comment, body, "unsupported_version")


def headers(cases: Cases) -> None:
    """Section headers before the payload."""
    dynamic = {"pol": {"m": "dynamic", "auth": [bytes(32)], "min": 0, "pid": bytes(16)}}
    policy = u32(1) + b"\x80" + u32(1) + b"\x90"
    with cases.under("Section headers"):
        for name, low, high in (("CORE", 33, 65_536), ("ACCESS", 37, 4_194_304), ("POLICY", 8, 262_144)):
            base = {"items": ONE, "core": dynamic, "policy": policy} if name == "POLICY" else {"items": ONE}
            low_name = name.lower()

            def case(
                what: str, comment: str, change: Any, code: str, base: Any = base, low_name: str = low_name
            ) -> None:
                cases.front(f"{low_name}_{what}", comment, Draft(**base, sections=change), code)

            case("type", "Another type stands here.", poked(name, 0, b"\x7f"), "bad_section")
            case("flags", "Flags are 0.", poked(name, 1, b"\x01"), "bad_section")
            case("reserved", "The third and fourth bytes are zero.", poked(name, 3, b"\x01"), "bad_section")
            case("below_minimum", "len is below its minimum.", poked(name, 4, u32(low - 1)), "bad_section")
            case(
                "above_maximum",
                "len is above its maximum: not truncated.",
                poked(name, 4, u32(high + 1)),
                "bad_section",
            )
            case("at_maximum", "len is possible, and the file ends.", poked(name, 4, u32(high)), "truncated")
            case("header_cut", "Fewer than 8 bytes are left.", cut(name, 7), "truncated")
            case("absent", "The file ends before the section.", cut(name, 0), "truncated")
            case("cut", "The section would end after the end of the file.", cut(name, -1), "truncated")
        extra = Draft(ONE, policy=policy)
        cases.front("policy_not_asked_for", "POLICY is there exactly when the rules are dynamic.", extra, "bad_section")
        cases.front(
            "policy_missing", "POLICY is there exactly when the rules are dynamic.", draft(**dynamic), "bad_section"
        )


def core(cases: Cases) -> None:
    """CORE's map."""
    mark = [bytes((n,)) * 32 for n in range(9)]
    with cases.under("CORE"):
        tags = tuple(f"tag {n:03}" for n in range(64))
        cases.good("core_64_tags", "At most 64 public tags.", draft(tags=list(tags)), tag=tags)
        cases.good(
            "core_tag_128_bytes", "A tag has at most 128 bytes of UTF-8.", draft(tags=["é" * 64]), tag=("é" * 64,)
        )
        cases.good("core_last_second", "t is at most 253,402,300,799.", draft(t=253_402_300_799))
        cases.good("core_16_kib_of_x", "x may have 16 KiB with its header.", draft(x={"k": bytes(16_384 - 6)}))
        for key in ("id", "pad", "pol", "release", "req", "sig", "t", "tags", "x"):
            cases.front(f"core_without_{key}", f"The key {key} is missing.", draft(**{key: DROP}), "bad_core")
        wrong: dict[str, tuple[str, dict[str, Any]]] = {
            "unknown_key": ("A map with an unknown key.", {"y": 0}),
            "id_15_bytes": ("id has 16 bytes.", {"id": bytes(15)}),
            "id_str": ("id is a bin.", {"id": "0123456789abcdef"}),
            "pad_2": ("pad is 0 or 1.", {"pad": 2}),
            "pad_boolean": ("A boolean is not an integer.", {"pad": True}),
            "pol_str": ("pol is a map.", {"pol": "none"}),
            "pol_empty": ("pol has m.", {"pol": {}}),
            "pol_unknown": ("m is none, static, sealed or dynamic.", {"pol": {"m": "open"}}),
            "pol_none_with_rules": ("none has no other key.", {"pol": {"m": "none", "rules": RULES}}),
            "pol_sealed_with_rules": ("sealed has no other key.", {"pol": {"m": "sealed", "rules": RULES}}),
            "release_unsorted": ("release is sorted.", {"release": [mark[2], mark[1]]}),
            "release_twice": ("release holds no value twice.", {"release": [mark[1], mark[1]]}),
            "release_5": ("release has at most 4.", {"release": mark[:5]}),
            "release_short": ("A fingerprint has 32 bytes.", {"release": [bytes(31)]}),
            "release_without_rules": ("Authorities need rules that they can read.", {"release": [mark[1]]}),
            "release_sealed": ("Sealed rules are no readable rules.", {"release": [mark[1]], "pol": {"m": "sealed"}}),
            "req_unsorted": ("req is sorted; its form is judged before its features.", {"req": ["b", "a"]}),
            "req_65_bytes": ("A feature has 1 to 64 bytes.", {"req": ["f" * 65]}),
            "req_17": ("req has at most 16.", {"req": [f"f{n:02}" for n in range(17)]}),
            "sig_unsorted": ("sig is sorted.", {"sig": [mark[2], mark[1]]}),
            "sig_5": ("sig has at most 4.", {"sig": mark[:5]}),
            "sig_long": ("A fingerprint has 32 bytes.", {"sig": [bytes(33)]}),
            "t_negative": ("t is 0 or more.", {"t": -1}),
            "t_year_10000": ("t is at most 253,402,300,799.", {"t": 253_402_300_800}),
            "tags_unsorted": ("tags are sorted by their bytes.", {"tags": ["a", "B"]}),
            "tags_twice": ("tags hold no value twice.", {"tags": ["a", "a"]}),
            "tags_65": ("There are at most 64 tags.", {"tags": [f"{n:03}" for n in range(65)]}),
            "tag_empty": ("A tag has at least 1 byte.", {"tags": [""]}),
            "tag_129_bytes": ("A tag has at most 128 bytes of UTF-8.", {"tags": ["a" + "é" * 64]}),
            "tag_bin": ("A tag is a str.", {"tags": [b"a"]}),
            "x_array": ("x is a map.", {"x": []}),
            "x_too_long": ("x has at most 16 KiB with its header.", {"x": {"k": bytes(16_384 - 5)}}),
        }
        for name, (comment, values) in wrong.items():
            cases.front(f"core_{name}", comment, draft(**values), "bad_core")
        array = Draft(ONE, core_map=lambda packed: canonical.pack([1]))
        cases.front("core_array", "core_map is a map.", array, "bad_core")
        comment = "Version 1 knows no critical feature."
        cases.front("core_feature", comment, draft(req=["later"]), "unknown_feature")
        comment = "Of two faults the one nearer to the start is reported: req stands before ACCESS."
        broken = Draft(ONE, core={"req": ["later"]}, slack=b"\x01")
        cases.front("core_feature_first", comment, broken, "unknown_feature")


def rules(cases: Cases) -> None:
    """Rules, and where they are."""
    dynamic = {"m": "dynamic", "auth": [bytes(32)], "min": 0, "pid": bytes(16)}
    with cases.under("CORE"):
        comment = "A reader that does not know a rule refuses, before it tries a key."
        static = draft(pol={"m": "static", "rules": RULES})
        cases.inside("rules_static", comment, static, "unsupported_rule", kek=(fixed.WRONG_KEK_TEXT,))
        bad: dict[str, tuple[str, Any]] = {
            "empty": ("An empty array is an error: no rules has one form.", []),
            "map": ("Rules are an array.", {"aa_unknown": 3}),
            "unsorted": ("Rules are sorted by name.", RULES[::-1]),
            "twice": ("Each name is there once.", [RULES[0], RULES[0]]),
            "257": ("There are at most 256 rules.", [[f"r{n:03}", 0] for n in range(257)]),
            "not_a_pair": ("A rule is [name, value].", [["aa_unknown"]]),
            "name_upper_case": ("A name is of a-z, 0-9 and _.", [["Aa_unknown", 3]]),
            "name_digit": ("A name starts with a letter.", [["3a_unknown", 3]]),
            "name_65": ("A name has at most 64 bytes.", [["r" * 65, 3]]),
            "name_line_end": ("A name has nothing after its last letter.", [["aa_unknown\n", 3]]),
            "name_bin": ("A name is a str.", [[b"aa_unknown", 3]]),
        }
        for name, (comment, value) in bad.items():
            cases.front(f"rules_{name}", comment, draft(pol={"m": "static", "rules": value}), "bad_core")
        cases.front("rules_absent", "static has rules.", draft(pol={"m": "static"}), "bad_core")
        for name, comment, change in (
            ("auth_empty", "auth has 1 to 4.", {"auth": []}),
            ("auth_5", "auth has 1 to 4.", {"auth": [bytes((n,)) * 32 for n in range(5)]}),
            ("auth_unsorted", "auth is sorted.", {"auth": [b"\2" * 32, b"\1" * 32]}),
            ("min_negative", "min is 0 or more.", {"min": -1}),
            ("pid_short", "pid has 16 bytes.", {"pid": bytes(15)}),
            ("unknown_key", "No other key.", {"rules": RULES}),
        ):
            cases.front(f"dynamic_{name}", comment, draft(pol=dynamic | change), "bad_core")
        pol = {key: value for key, value in dynamic.items() if key != "min"}
        cases.front("dynamic_without_min", "dynamic has min.", draft(pol=pol), "bad_core")


def policy(cases: Cases) -> None:
    """POLICY's form, and nothing of its meaning."""
    core = {"pol": {"m": "dynamic", "auth": [bytes(32)], "min": 0, "pid": bytes(16)}}
    good = u32(4) + canonical.pack({"v": 1}) + u32(1) + b"\x90"
    with cases.under("POLICY"):
        comment = "A reader without policy.md checks the form, then refuses at the step for readable rules."
        whole = Draft(ONE, core=core, policy=good + bytes(7))
        cases.inside("policy_form", comment, whole, "unsupported_rule", kek=(fixed.WRONG_KEK_TEXT,))
        comment = "POLICY is judged before ACCESS, and ACCESS before the rules."
        both = Draft(ONE, core=core, policy=good, slack=b"\x01")
        cases.front("policy_then_access", comment, both, "bad_access")
        for name, comment, body, code in (
            ("envelope_beyond", "A length that does not fit the section.", u32(10) + good[4:], "bad_policy"),
            ("no_signatures", "The second length is missing.", u32(4) + canonical.pack({"v": 1}), "bad_policy"),
            ("signatures_beyond", "A length that does not fit.", good[:8] + u32(2) + good[12:], "bad_policy"),
            ("envelope_array", "The envelope is a map.", u32(1) + b"\x90" + u32(1) + b"\x90", "bad_policy"),
            ("signatures_map", "The signatures are an array.", u32(1) + b"\x80" + u32(1) + b"\x80", "bad_policy"),
            ("slack", "The slack is zero.", good + b"\0\1", "bad_policy"),
            ("length_0", "A length of 0 holds no value.", u32(0) + u32(1) + b"\x90", "not_canonical"),
            ("not_canonical", "A longer form.", u32(3) + b"\xde\0\0" + u32(1) + b"\x90", "not_canonical"),
        ):
            cases.front(f"policy_{name}", comment, Draft(ONE, core=core, policy=body), code)


def changed(cases: Cases) -> None:
    """CORE after sealing: every key is derived through it."""
    tag = draft(tags=["a"])
    tag.sections = lambda sections: sections | {"CORE": sections["CORE"].replace(b"\xa1a", b"\xa1b")}
    private = fixed.IDENTITIES[1]
    with cases.under("Keys"):
        comment = "A changed tag: the key-encryption key derives something else, and no stanza is for it."
        cases.inside("keys_core_changed", comment, tag, "no_key")
        tag.groups = ((fixed.Steady(private),),)
        comment = "A changed tag: the hint says that the stanza is for this key, and it does not open."
        identity = (fixed.IDENTITY_TEXTS[1],)
        cases.inside("keys_core_changed_hint", comment, tag, "bad_stanza", identity=identity)
        comment = "KC is part of H_bind: changed, no stanza is for this container."
        cases.inside("keys_kc_changed", comment, Draft(ONE, sections=poked("CORE", -1)), "no_key")
        other = Draft(ONE, shared_key=fixed.OTHER_FILE_KEY)
        cases.inside("keys_commitment", "The stanzas give another key than KC commits to.", other, "key_commitment")


PARTS = (preamble, headers, core, rules, policy, changed)
