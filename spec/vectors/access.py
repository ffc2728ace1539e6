"""Vectors of ACCESS: its form, its MAC, and the groups that authorities ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spec.vectors import fixed
from spec.vectors.build import Draft, file
from spec.vectors.cases import Cases, poke

ONE = (file("a.txt", b"one"),)
MARK = [bytes((n,)) * 32 for n in range(3)]
RULES = {"m": "static", "rules": [["aa_unknown", 3]]}
SALT = bytes(16)
Stanzas = list[list[Any]]


def stanza(group: int, type: int, params: list[Any], *, hint: bytes = b"", length: int | None = None) -> list[Any]:
    """Return a stanza with a ct of zeros."""
    ct = {1: 1_168, 2: 1_713, 3: 1_136, 4: 1_616, 16: 80, 17: 80, 32: 1_168, 33: 1_713}.get(type, 80)
    return [group, type, hint, params, bytes(ct if length is None else length)]


def also(*more: list[Any]) -> Callable[[Stanzas], Stanzas]:
    """Return a hook that adds stanzas."""
    return lambda made: [*made, *more]


def form(cases: Cases) -> None:
    """The section's own form."""
    with cases.under("ACCESS"):
        many = also(*(stanza(n, 17, [b"x", SALT]) for n in range(1, 1_024)))
        cases.good("access_1024_stanzas", "1,024 stanzas are the most.", Draft(ONE, stanzas=many))
        cases.good("access_no_slack", "The slack may be empty.", Draft(ONE, slack=b""))
        group = (fixed.KEK, *[fixed.OTHER_KEK] * 7)
        comment = "8 stanzas in a group are the most; one key may open several."
        both = (fixed.KEK_TEXT, fixed.OTHER_KEK_TEXT)
        cases.good("access_group_of_8", comment, Draft(ONE, groups=(group,)), kek=both)
        every = also(
            *(stanza(n, n, [], hint=bytes(4 * (n % 2))) for n in (1, 2, 3, 4)),
            stanza(5, 16, [19_456, 1, 1, SALT]),
            stanza(6, 16, [1_048_576, 4, 16, SALT]),
            stanza(7, 16, [262_144, 16, 4, SALT]),
            stanza(8, 17, [b"", SALT]),
            stanza(9, 17, [bytes(64), SALT]),
        )
        comment = "Every type without an authority, with the edges of its parameters."
        cases.good("access_every_type", comment, Draft(ONE, stanzas=every))
        cases.front(
            "access_map_beyond", "The map is longer than the section.", Draft(ONE, access_length=10**6), "bad_access"
        )
        comment = "The map would end in the MAC."
        length = len(Draft(ONE, slack=b"").build().data) - len(
            Draft(ONE, slack=b"", access_map=lambda packed: b"").build().data
        )
        beyond = Draft(ONE, access_length=length + 1, slack=b"")
        cases.front("access_map_in_mac", comment, beyond, "bad_access")
        cases.front("access_map_empty", "A length of 0 holds no value.", Draft(ONE, access_length=0), "not_canonical")
        comment = "A longer form of the version."
        longer = Draft(ONE, access_map=lambda packed: packed.replace(b"\x92\x01", b"\x92\xcc\x01", 1))
        cases.front("access_not_canonical", comment, longer, "not_canonical")
        cases.front("access_slack", "The slack is zero.", Draft(ONE, slack=b"\0\0\1\0"), "bad_access")
        outer: dict[str, tuple[str, Callable[[Any], Any]]] = {
            "map": ("access_map is an array.", lambda value: {"v": 1}),
            "version_2": ("The version is 1.", lambda value: [2, value[1]]),
            "version_boolean": ("A boolean is not an integer.", lambda value: [True, value[1]]),
            "three": ("The array has two elements.", lambda value: [*value, 0]),
            "no_stanzas": ("There is at least one stanza.", lambda value: [1, []]),
            "1025_stanzas": (
                "There are at most 1,024 stanzas.",
                lambda value: [1, also(*(stanza(n, 17, [b"x", SALT]) for n in range(1, 1_025)))(value[1])],
            ),
            "stanzas_map": ("The stanzas are an array.", lambda value: [1, {}]),
            "stanza_of_4": ("A stanza has five elements.", lambda value: [1, [value[1][0][:4]]]),
            "stanza_of_6": ("A stanza has five elements.", lambda value: [1, [[*value[1][0], 0]]]),
        }
        for name, (comment, change) in outer.items():
            cases.front(f"access_{name}", comment, Draft(ONE, access=change), "bad_access")
        changed = Draft(ONE, access_mac=poke_last)
        cases.inside("access_mac", "The MAC differs.", changed, "access_mac")
        hinted = Draft(ONE, groups=((fixed.KEK,), (fixed.Steady(fixed.IDENTITIES[3]),)))
        comment = "A hint of somebody else's stanza is changed: the MAC is over all of the section."
        at = hinted.build().data.index(b"\xc4\x04")
        edited = Draft(ONE, groups=hinted.groups, sections=lambda found: {"": poke(b"".join(found.values()), at + 2)})
        cases.inside("access_mac_other_stanza", comment, edited, "access_mac")
        zeros = Draft(ONE, access_mac=lambda mac: bytes(32))
        cases.inside("access_mac_zeros", "The MAC is zeros.", zeros, "access_mac")


def poke_last(data: bytes) -> bytes:
    """Flip a bit of the last byte."""
    return poke(data, -1)


def stanzas(cases: Cases) -> None:
    """One stanza too odd behind a good one."""
    argon2 = [19_456, 1, 1, SALT]
    with cases.under("ACCESS"):
        wrong: dict[str, tuple[str, list[list[Any]]]] = {
            "group_boolean": ("A group is an integer.", [stanza(True, 17, [b"", SALT])]),
            "group_negative": ("Groups are numbered from 0.", [stanza(-1, 17, [b"", SALT])]),
            "group_gap": ("There are no gaps.", [stanza(2, 17, [b"", SALT])]),
            "group_descending": (
                "The order is ascending.",
                [stanza(1, 17, [b"", SALT]), stanza(0, 17, [b"", SALT])],
            ),
            "group_of_9": ("There are at most 8 in a group.", [stanza(0, 17, [b"", SALT])] * 8),
            "5_passphrases": (
                "There are at most 4 stanzas of type 16.",
                [stanza(n, 16, argon2) for n in range(1, 6)],
            ),
            "type_0": ("There is no type 0.", [stanza(1, 0, [])]),
            "type_5": ("There is no type 5.", [stanza(1, 5, [])]),
            "type_18": ("There is no type 18.", [stanza(1, 18, [b"", SALT])]),
            "type_34": ("There is no type 34.", [stanza(1, 34, [])]),
            "type_boolean": ("A boolean is not an integer.", [stanza(1, True, [])]),
            "hint_3_bytes": ("A hint has 4 bytes.", [stanza(1, 1, [], hint=bytes(3))]),
            "hint_5_bytes": ("A hint has 4 bytes.", [stanza(1, 4, [], hint=bytes(5))]),
            "hint_of_kek": ("Other types have no hint.", [stanza(1, 17, [b"", SALT], hint=bytes(4))]),
            "hint_of_passphrase": ("Other types have no hint.", [stanza(1, 16, argon2, hint=bytes(4))]),
            "hint_str": ("A hint is a bin.", [[1, 1, "hint", [], bytes(1_168)]]),
            "params_map": ("params are an array.", [[1, 17, b"", {}, bytes(80)]]),
            "params_of_kem": ("A KEM has no parameters.", [stanza(1, 1, [0])]),
            "params_of_kek": ("A kek has two parameters.", [stanza(1, 17, [SALT])]),
            "key_id_65": ("key_id has at most 64 bytes.", [stanza(1, 17, [bytes(65), SALT])]),
            "key_id_str": ("key_id is a bin.", [stanza(1, 17, ["k", SALT])]),
            "salt_15": ("A salt has 16 bytes.", [stanza(1, 17, [b"", bytes(15)])]),
            "argon2_salt_17": ("A salt has 16 bytes.", [stanza(1, 16, [19_456, 1, 1, bytes(17)])]),
            "argon2_memory_low": ("m_kib is at least 19,456.", [stanza(1, 16, [19_455, 1, 1, SALT])]),
            "argon2_memory_high": ("m_kib is at most 1,048,576.", [stanza(1, 16, [1_048_577, 1, 1, SALT])]),
            "argon2_passes_0": ("t is at least 1.", [stanza(1, 16, [19_456, 0, 1, SALT])]),
            "argon2_passes_17": ("t is at most 16.", [stanza(1, 16, [19_456, 17, 1, SALT])]),
            "argon2_lanes_0": ("p is at least 1.", [stanza(1, 16, [19_456, 1, 0, SALT])]),
            "argon2_lanes_17": ("p is at most 16.", [stanza(1, 16, [19_456, 1, 17, SALT])]),
            "argon2_cost": ("m_kib * t is at most 4,194,304.", [stanza(1, 16, [1_048_576, 5, 1, SALT])]),
            "argon2_of_3": ("Argon2id has four parameters.", [stanza(1, 16, argon2[:3])]),
        }
        for type in (1, 2, 3, 4, 16, 17):
            params = argon2 if type == 16 else [b"", SALT] if type == 17 else []
            length = len(stanza(0, type, params)[4])
            comment = "ct has exactly the length of its type."
            wrong[f"ct_short_{type}"] = (comment, [stanza(1, type, params, length=length - 1)])
            wrong[f"ct_long_{type}"] = (comment, [stanza(1, type, params, length=length + 1)])
        for name, (comment, more) in wrong.items():
            cases.front(f"stanza_{name}", comment, Draft(ONE, stanzas=also(*more)), "bad_access")
        comment = "The first group is 0."
        late = Draft(ONE, stanzas=lambda made: [[1, *made[0][1:]]])
        cases.front("stanza_group_1_first", comment, late, "bad_access")


def release(cases: Cases) -> None:
    """What `release` asks of every group."""
    asked = {"pol": RULES, "release": MARK[1:3]}
    one: list[Any] = [32, [MARK[1], b"1"]]
    two: list[Any] = [33, [MARK[2], b"2"]]

    def group(number: int, *members: list[Any]) -> Stanzas:
        return [stanza(number, type, params) for type, params in members]

    with cases.under("ACCESS"):
        whole = also(*group(0, one, two), *group(1, [17, [b"x", SALT]], two, one))
        comment = "Each group has one stanza for each authority, in any order, and one of another type."
        cases.inside("release_whole", comment, Draft(ONE, core=asked, stanzas=whole), "unsupported_rule")
        wrong: dict[str, tuple[str, dict[str, Any], Stanzas]] = {
            "not_asked_for": ("release is empty: no authority stanza.", {}, group(0, one)),
            "one_missing": ("Both authorities are needed.", asked, group(0, one)),
            "none": ("Both authorities are needed.", asked, []),
            "other_group": (
                "Every group needs both authorities.",
                asked,
                [*group(0, one, two), *group(1, [17, [b"x", SALT]])],
            ),
            "twice": ("Exactly one stanza for each.", asked, group(0, one, two, one)),
            "somebody_else": ("No authority that CORE does not name.", asked, group(0, one, [32, [MARK[0], b"1"]])),
            "alone": (
                "A group needs a stanza of another type.",
                asked,
                [*group(0, one, two), *group(1, one, two)],
            ),
        }
        for name, (comment, core, more) in wrong.items():
            cases.front(f"release_{name}", comment, Draft(ONE, core=core, stanzas=also(*more)), "bad_access")
        for name, comment, params in (
            ("key_id_empty", "key_id has at least 1 byte.", [MARK[1], b""]),
            ("key_id_65", "key_id has at most 64 bytes.", [MARK[1], bytes(65)]),
            ("authority_short", "authority has 32 bytes.", [bytes(31), b"1"]),
            ("of_3", "There are two parameters.", [MARK[1], b"1", b""]),
        ):
            draft = Draft(ONE, core=asked, stanzas=also(*group(0, [32, params], two)))
            cases.front(f"release_{name}", comment, draft, "bad_access")
        hinted = Draft(ONE, core=asked, stanzas=also(stanza(0, 32, one[1], hint=bytes(4)), *group(0, two)))
        cases.front("release_hint", "An authority stanza has no hint.", hinted, "bad_access")
        short = Draft(ONE, core=asked, stanzas=also(stanza(0, 32, one[1], length=1_167), *group(0, two)))
        cases.front("release_ct", "ct has exactly the length of its type.", short, "bad_access")
        comment = "ACCESS is judged before the rules are."
        slack = Draft(ONE, core=asked, stanzas=whole, slack=b"\1")
        cases.front("release_slack_before_rules", comment, slack, "bad_access")


PARTS = (form, stanzas, release)
