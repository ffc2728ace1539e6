"""Authorities as those who seal know them: two keys in one text, and a share in every group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tera.authority.keys import HeldKeys
from tera.codec import keyfile
from tera.codec.authorities import AuthorityKey, key_id, load_authority
from tera.codec.recipients import PrivateKey, generate_key
from tera.codec.rewrap import rewrap
from tera.codec.signers import VerifyingKey
from tera.crypto.random import system
from tera.errors import BadInput, BadKey, BadStanza
from tera.format import access
from tera.format.access import Stanza
from tests.codec.gated import KEYS, OWNER, SECOND, Clock, Desk, authorities, config, refused, ruled, signing, view
from tests.codec.sealed import KEK, OTHER_KEK, front_of, opened, seal

P384 = HeldKeys(signing(3), [PrivateKey(2, b"\3" * 32)])
RULES = [("rights", ["rewrap", "view"])]
OURS = "{'authorities': [KEYS.public]}"


def test_an_authoritys_text_is_two_lines_and_is_read_again() -> None:
    for keys in (KEYS, P384):
        text = keys.public.text
        assert text.count("\n") == 2
        found = load_authority(f"# ours\n\n{text}", where="f")
        assert (found.fingerprint, found.key, found.text) == (keys.fingerprint, keys.public.key, text)


def test_another_number_or_kind_of_keys_is_refused_without_being_quoted() -> None:
    signer, key = KEYS.public.text.split()
    other_signer, other_key = SECOND.public.text.split()
    secret = keyfile.dump_secret(OWNER)
    for lines in (
        [signer],
        [key],
        [key, other_key],
        [signer, other_signer],
        [secret, key],
        [],
    ):
        with pytest.raises(BadKey) as caught:
            load_authority("\n".join(lines), where="authority.pub")
        assert "authority.pub" in str(caught.value)
        assert not any(line in f"{caught.value}{caught.value.hint}" for line in lines)


def test_of_several_keys_to_seal_to_the_last_is_the_newest() -> None:
    """After a rotation `keygen -y` prints the old keys too."""
    signer, key = KEYS.public.text.split()
    newer = SECOND.public.text.split()[1]
    assert load_authority("\n".join([signer, key, newer]), where="f").key == SECOND.public.key


@pytest.mark.parametrize("name", ["mlkem768", "mlkem1024"])
def test_a_pure_mlkem_key_is_no_authoritys(name: str) -> None:
    with pytest.raises(BadKey, match=f"not {name}"):
        AuthorityKey(VerifyingKey(OWNER.public), generate_key(name).public)


def test_a_share_opens_with_the_key_it_was_sealed_to_and_in_its_place_only() -> None:
    for keys, type in ((KEYS, access.AUTHORITY_XWING), (P384, access.AUTHORITY_MLKEM1024_P384)):
        share, bind = b"s" * 32, b"b" * 32
        stanza = keys.public.wrap(share, bind, 3, system)
        assert (stanza.group, stanza.type, stanza.hint) == (3, type, b"")
        assert stanza.params == [keys.fingerprint, key_id(keys.public.key)]
        assert keys.open(stanza, bind) == share
        moved = Stanza(3, type, b"", [keys.fingerprint, b"otherkey"], stanza.ct)
        for other, where in ((stanza, b"c" * 32), (moved, bind)):
            with pytest.raises(BadStanza):
                keys.open(other, where)


def test_every_group_has_a_share_of_every_authority_and_no_share_is_used_twice() -> None:
    data = seal(rules=RULES, recipients=[KEK, [KEK, OTHER_KEK]], authorities=[SECOND.public, KEYS.public])
    front = front_of(data)
    assert front.core.authorities == tuple(sorted((KEYS.fingerprint, SECOND.fingerprint)))
    groups = access.groups(front.stanzas)
    assert [sum(one.type in access.AUTHORITY for one in members) for members in groups] == [2, 2]
    shares = {KEYS.open(one, front.bind) for one in front.stanzas if one.params[:1] == [KEYS.fingerprint]}
    assert len(shares) == 2


def test_an_authority_that_could_not_decide_is_refused_when_it_is_sealed() -> None:
    cases: list[dict[str, Any]] = [{}, {"rules": RULES, "sealed_rules": True}]
    for options in cases:
        with pytest.raises(BadInput, match="an authority decides on rules that it can read"):
            seal(authorities=[KEYS.public], **options)
    with pytest.raises(BadInput, match="named twice"):
        seal(rules=RULES, authorities=[KEYS.public, KEYS.public])


# --- rewrapping -------------------------------------------------------------------------------------------


def test_who_is_added_needs_the_authority_too(tmp_path: Path) -> None:
    path, clock = tmp_path / "c.tera", Clock()
    path.write_bytes(ruled(*RULES, options=OURS))
    desk = Desk(clock)
    options = config(clock, authorities=authorities(desk))
    rewrap(path, [KEK], add=[OTHER_KEK], authorities=[KEYS.public], in_place=True, context=view(), config=options)
    assert len(desk.asked) == 1
    data = path.read_bytes()
    refused("authority_unavailable", lambda: opened(data, OTHER_KEK, context=view()))
    opened(data, OTHER_KEK, context=view(), config=options).close()
    assert len(desk.asked) == 2


def test_nobody_is_added_around_the_authority(tmp_path: Path) -> None:
    path, clock = tmp_path / "c.tera", Clock()
    before = ruled(*RULES, options=OURS)
    path.write_bytes(before)
    options = config(clock, authorities=authorities(Desk(clock)))
    for keys in ([], [SECOND.public], [KEYS.public, SECOND.public]):
        for change in ({"add": [OTHER_KEK]}, {"recipients": [OTHER_KEK]}):
            with pytest.raises(BadInput, match="a share of every authority"):
                rewrap(path, [KEK], authorities=keys, in_place=True, context=view(), config=options, **change)  # type: ignore[arg-type]
    assert path.read_bytes() == before


def test_who_is_removed_needs_no_share_but_the_key_is_asked_for(tmp_path: Path) -> None:
    path, clock = tmp_path / "c.tera", Clock()
    path.write_bytes(seal(rules=RULES, recipients=[KEK, OTHER_KEK], authorities=[KEYS.public]))
    before = path.read_bytes()
    refused("authority_unavailable", lambda: rewrap(path, [KEK], remove=[1], in_place=True, context=view()))
    assert path.read_bytes() == before
    desk = Desk(clock)
    rewrap(path, [KEK], remove=[1], in_place=True, context=view(), config=config(clock, authorities=authorities(desk)))
    assert len(desk.asked) == 1
    again = config(clock, authorities=authorities(desk))
    refused("no_key", lambda: opened(path.read_bytes(), OTHER_KEK, context=view(), config=again))
    assert len(desk.asked) == 1
