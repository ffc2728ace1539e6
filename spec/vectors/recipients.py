"""Vectors of opening: which key opens which stanza, in which order, and what is said when none does."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

from spec.vectors import fixed
from spec.vectors.build import Draft, file
from spec.vectors.cases import Cases, poke
from tera.codec.recipients import KeyEncryptionKey, Passphrase

ONE = (file("a.txt", b"one"),)
BOTH = (fixed.KEK_TEXT, fixed.OTHER_KEK_TEXT)
WRONG = (fixed.WRONG_KEK_TEXT,)
ENC = {1: 1_120, 2: 1_665, 3: 1_088, 4: 1_568}


def ct(at: int, number: int = 0) -> Callable[[Any], Any]:
    """Return a hook that changes a bit of a stanza's ct before the MAC is made."""

    def change(made: list[list[Any]]) -> list[list[Any]]:
        made[number][4] = poke(made[number][4], at)
        return made

    return change


def hpke(cases: Cases) -> None:
    """The four KEMs."""
    with cases.under("ACCESS"):
        for type, key in fixed.IDENTITIES.items():
            name, groups = key.kem.name.replace("-", "_"), ((fixed.Steady(key),),)
            identity = (fixed.IDENTITY_TEXTS[type],)
            cases.good(f"open_{name}", "A key opens its stanza.", Draft(ONE, groups=groups), identity=identity)
            nameless = ((fixed.Steady(key, anonymous=True),),)
            comment = "Without a hint every key of the type is tried."
            cases.good(f"open_{name}_hidden", comment, Draft(ONE, groups=nameless), identity=identity)
            comment = "The hint fits, and the sealed share was changed."
            changed = Draft(ONE, groups=groups, stanzas=ct(-1))
            cases.inside(f"open_{name}_share_changed", comment, changed, "bad_stanza", identity=identity)
            comment = "The hint is over enc: changed, the stanza is for nobody here."
            changed = Draft(ONE, groups=groups, stanzas=ct(ENC[type] - 1))
            cases.inside(f"open_{name}_enc_changed", comment, changed, "no_key", identity=identity)
            comment = "Without a hint nobody can tell for whom a changed stanza was."
            changed = Draft(ONE, groups=nameless, stanzas=ct(-1))
            cases.inside(f"open_{name}_hidden_changed", comment, changed, "no_key", identity=identity)
        mine = fixed.Steady(fixed.IDENTITIES[1])
        stranger = (fixed.STRANGER_TEXT,)
        cases.inside(
            "open_stranger", "A key that is no recipient's.", Draft(ONE, groups=((mine,),)), "no_key", identity=stranger
        )
        comment = "A key of another type than the stanzas'."
        cases.inside(
            "open_other_type", comment, Draft(ONE, groups=((mine,),)), "no_key", identity=(fixed.IDENTITY_TEXTS[3],)
        )
        comment = "The first stanza is hidden and another's: it is tried, and the next one opens."
        two = ((fixed.Steady(fixed.STRANGER, anonymous=True),), (mine,))
        cases.good("open_second_group", comment, Draft(ONE, groups=two), identity=(fixed.IDENTITY_TEXTS[1],))


def wrapped(cases: Cases) -> None:
    """Passphrases and key-encryption keys."""
    phrase = ((fixed.PASSPHRASE,),)
    with cases.under("ACCESS"):
        cases.good("open_passphrase", "The passphrase opens.", Draft(ONE, groups=phrase), passphrase=fixed.PHRASE)
        loose = unicodedata.normalize("NFD", fixed.PHRASE)
        comment = "A passphrase is normalised to form C: here it is typed in form D."
        cases.good("open_passphrase_nfd", comment, Draft(ONE, groups=phrase), passphrase=loose)
        comment = "Argon2id was run, and no stanza opens."
        cases.inside(
            "open_wrong_passphrase", comment, Draft(ONE, groups=phrase), "wrong_passphrase", passphrase="guess"
        )
        comment = "Form C, not form KC: the Kelvin sign is another letter."
        kelvin = fixed.PHRASE.replace("K", "\N{KELVIN SIGN}").replace("7", "\N{FULLWIDTH DIGIT SEVEN}")
        cases.inside("open_passphrase_nfkc", comment, Draft(ONE, groups=phrase), "wrong_passphrase", passphrase=kelvin)
        comment = "Two passphrases: each has its own stanza and salt."
        second = Passphrase("second", cost=(19_456, 2, 2))
        cases.good("open_second_passphrase", comment, Draft(ONE, groups=(*phrase, (second,))), passphrase="second")
        changed = Draft(ONE, groups=phrase, stanzas=ct(0))
        comment = "com does not fit: a changed stanza and a wrong passphrase look alike."
        cases.inside("open_passphrase_com", comment, changed, "wrong_passphrase", passphrase=fixed.PHRASE)
        changed = Draft(ONE, groups=phrase, stanzas=ct(-1))
        comment = "com fits, and the share was changed."
        cases.inside("open_passphrase_share", comment, changed, "bad_stanza", passphrase=fixed.PHRASE)
        comment = "There is no stanza of type 16, so Argon2id is not run."
        cases.inside("open_passphrase_for_nothing", comment, Draft(ONE), "no_key", passphrase=fixed.PHRASE)
        cases.inside(
            "open_kek_other_id", "A key is tried on its key_id only.", Draft(ONE), "no_key", kek=(fixed.OTHER_KEK_TEXT,)
        )
        same = f"{fixed.KEK_TEXT.split(':')[0]}:{fixed.OTHER_KEK_TEXT.split(':')[1]}"
        cases.inside("open_kek_other_key", "The key_id fits, com does not.", Draft(ONE), "no_key", kek=(same,))
        nameless = KeyEncryptionKey(fixed.fixed_bytes("kek", 32))
        text = ":" + fixed.KEK_TEXT.split(":")[1]
        cases.good("open_kek_without_id", "key_id may be empty.", Draft(ONE, groups=((nameless,),)), kek=(text,))
        comment = "Two stanzas with one key_id: both are tried."
        twin = KeyEncryptionKey(fixed.fixed_bytes("wrong kek", 32), b"kek-1")
        cases.good("open_kek_twins", comment, Draft(ONE, groups=((twin,), (fixed.KEK,))))
        cases.inside("open_kek_com", "com does not fit.", Draft(ONE, stanzas=ct(31)), "no_key")
        cases.inside("open_kek_share", "com fits, and the share was changed.", Draft(ONE, stanzas=ct(32)), "bad_stanza")
        comment = "params are in the info: with another salt nothing fits."
        salted = Draft(ONE, stanzas=lambda made: [[*made[0][:3], [b"kek-1", bytes(16)], made[0][4]]])
        cases.inside("open_kek_salt", comment, salted, "no_key")
        comment = "A stanza of another container: H_bind is in the info."
        other = Draft(ONE, core={"tags": ["other"]})
        foreign = lock_for(other)
        cases.inside("open_kek_spliced", comment, Draft(ONE, stanzas=lambda made: foreign), "no_key")


def lock_for(draft: Draft) -> list[list[Any]]:
    """Return the stanzas of another container."""
    found: list[list[Any]] = []

    def keep(made: list[list[Any]]) -> list[list[Any]]:
        found.extend(made)
        return made

    draft.stanzas = keep
    draft.build()
    return found


def groups(cases: Cases) -> None:
    """AND, alternatives, and which of several reasons is given."""
    xwing = fixed.Steady(fixed.IDENTITIES[1])
    identity, phrase = (fixed.IDENTITY_TEXTS[1],), fixed.PHRASE
    two = ((fixed.KEK, fixed.OTHER_KEK),)
    with cases.under("ACCESS"):
        cases.good("group_and", "Both keys of a group.", Draft(ONE, groups=two), kek=BOTH)
        cases.inside("group_and_first", "Only the first of two.", Draft(ONE, groups=two), "no_key")
        cases.inside("group_and_second", "Only the second of two.", Draft(ONE, groups=two), "no_key", kek=BOTH[1:])
        three = ((fixed.PASSPHRASE, fixed.KEK, xwing),)
        comment = "A passphrase, a key-encryption key and a private key."
        all_keys: dict[str, Any] = {"identity": identity, "kek": BOTH[:1], "passphrase": phrase}
        cases.good("group_of_three_kinds", comment, Draft(ONE, groups=three), **all_keys)
        comment = "Something else is missing, so Argon2id is not run and the passphrase is not called wrong."
        part: dict[str, Any] = {"kek": BOTH[:1], "passphrase": "guess"}
        cases.inside("group_passphrase_not_tried", comment, Draft(ONE, groups=three), "no_key", **part)
        cases.inside(
            "group_passphrase_missing", "No passphrase.", Draft(ONE, groups=two + three), "no_key", identity=identity
        )
        wrong = all_keys | {"passphrase": "guess"}
        comment = "Nothing else is missing: the passphrase is wrong."
        cases.inside("group_passphrase_wrong", comment, Draft(ONE, groups=three), "wrong_passphrase", **wrong)
        comment = "Groups without a passphrase come first: the passphrase is not tried."
        later = ((fixed.PASSPHRASE,), (fixed.KEK,))
        cases.good("group_passphrase_last", comment, Draft(ONE, groups=later), kek=BOTH[:1], passphrase="guess")
        comment = "The shares of different groups are of no use together."
        third, fourth = (
            KeyEncryptionKey(fixed.fixed_bytes(f"kek {n}", 32), b"kek-" + bytes((48 + n,))) for n in (3, 4)
        )
        split = ((fixed.KEK, third), (fourth, fixed.OTHER_KEK))
        cases.inside("group_mixed", comment, Draft(ONE, groups=split), "no_key", kek=BOTH)
        comment = "The first group is broken, the second one opens."
        repaired = Draft(ONE, groups=((fixed.KEK,), (fixed.OTHER_KEK,)), stanzas=ct(-1))
        cases.good("group_broken_then_good", comment, repaired, kek=BOTH)
        comment = "com fits and the share does not open, whether or not the rest of the group opens."
        broken = Draft(ONE, groups=two, stanzas=ct(-1))
        cases.inside("group_broken_and_missing", comment, broken, "bad_stanza")
        comment = "bad_stanza comes before wrong_passphrase."
        mixed = Draft(ONE, groups=((fixed.KEK,), (fixed.PASSPHRASE,)), stanzas=ct(-1))
        cases.inside("group_broken_first", comment, mixed, "bad_stanza", kek=BOTH[:1], passphrase="guess")
        comment = "A stanza that opens to the wrong share: KC is compared after XOR."
        forged = Draft(ONE, groups=two, shared_key=fixed.OTHER_FILE_KEY)
        cases.inside("group_wrong_share", comment, forged, "key_commitment", kek=BOTH)
        comment = "KC is checked before the MAC."
        both = Draft(ONE, shared_key=fixed.OTHER_FILE_KEY, access_mac=lambda mac: bytes(32))
        cases.inside("group_commitment_before_mac", comment, both, "key_commitment")
        comment = "The first group that opens counts: a later one is not tried when KC differs."
        cases.inside("group_first_counts", comment, first_forged(), "key_commitment", kek=BOTH)


def first_forged() -> Draft:
    """Return a container whose first group gives a wrong key and whose second gives the right one."""
    right = Draft(ONE, groups=((fixed.OTHER_KEK,), (fixed.OTHER_KEK,)))
    good = lock_for(right)[1]
    draft = Draft(ONE, groups=((fixed.KEK,), (fixed.OTHER_KEK,)), shared_key=fixed.OTHER_FILE_KEY)
    draft.stanzas = lambda made: [made[0], good]
    return draft


PARTS = (hpke, wrapped, groups)
