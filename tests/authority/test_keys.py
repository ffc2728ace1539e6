"""An authority's keys: the newest is sealed to, the old ones still open, and which was wrong is not told."""

from __future__ import annotations

import pytest

from tera.authority.keys import HeldKeys, secret_text
from tera.codec.recipients import PrivateKey
from tera.crypto.random import system
from tera.errors import BadKey, BadStanza
from tera.format.access import Stanza
from tests.authority.asking import ANN_KEY, KEYS, OWNER

BIND = b"b" * 32
OLD, NEW = PrivateKey(1, b"\1" * 32), PrivateKey(2, b"\2" * 32)
BOTH = HeldKeys(OWNER, [OLD, NEW])


def sealed(keys: HeldKeys) -> Stanza:
    return keys.public.wrap(b"s" * 32, BIND, 0, system)


@pytest.mark.parametrize("old", [HeldKeys(OWNER, [OLD]), HeldKeys(OWNER, [NEW]), BOTH])
def test_a_share_opens_with_the_newest_key_and_with_older_ones(old: HeldKeys) -> None:
    assert BOTH.open(sealed(old), BIND) == b"s" * 32
    assert (BOTH.public.key, BOTH.fingerprint) == (NEW.public, old.fingerprint)


def test_whatever_is_wrong_is_said_in_the_same_words() -> None:
    good = sealed(BOTH)
    [authority, key_id], ct = good.params, good.ct
    words = set()
    for type, params, spoiled, bind in (
        (good.type, [authority, key_id], ct[:-1] + bytes((ct[-1] ^ 1,)), BIND),
        (good.type, [authority, key_id], bytes((ct[0] ^ 1,)) + ct[1:], BIND),
        (good.type, [authority, key_id], ct, b"c" * 32),
        (good.type, [authority, b"12345678"], ct, BIND),
        (good.type, [bytes(32), key_id], ct, BIND),
        (32, [authority, key_id], ct, BIND),
        (32, sealed(HeldKeys(OWNER, [OLD])).params, ct, BIND),
    ):
        with pytest.raises(BadStanza) as error:
            BOTH.open(Stanza(0, type, b"", params, spoiled), bind)
        words.add(str(error.value))
    assert len(words) == 1


def test_a_share_for_another_authority_is_refused_even_if_both_have_the_key() -> None:
    theirs = HeldKeys(ANN_KEY, [NEW])
    assert theirs.open(sealed(theirs), BIND) == b"s" * 32
    with pytest.raises(BadStanza):
        BOTH.open(sealed(theirs), BIND)


def test_the_file_of_keys_gives_the_same_keys() -> None:
    text = secret_text(OWNER, [OLD, NEW])
    found = HeldKeys.load(text, where="keys.txt")
    assert (found.fingerprint, found.public) == (BOTH.fingerprint, BOTH.public)
    assert found.open(sealed(HeldKeys(OWNER, [OLD])), BIND) == b"s" * 32


@pytest.mark.parametrize(
    "text",
    ["", secret_text(OWNER, []), secret_text(OWNER, [OLD]) + secret_text(ANN_KEY, []), KEYS.public.text],
    ids=["nothing", "no key to open with", "two signing keys", "public ones"],
)
def test_a_file_of_other_keys_is_refused(text: str) -> None:
    with pytest.raises(BadKey):
        HeldKeys.load(text, where="keys.txt")


def test_a_key_that_no_stanza_names_is_refused() -> None:
    with pytest.raises(BadKey):
        HeldKeys(OWNER, [PrivateKey(3, bytes(64))])
    with pytest.raises(BadKey):
        HeldKeys(OWNER, [])


def test_new_keys_are_new() -> None:
    assert HeldKeys.generate().fingerprint != HeldKeys.generate().fingerprint
    found = HeldKeys.generate()
    assert found.open(sealed(found), BIND) == b"s" * 32
