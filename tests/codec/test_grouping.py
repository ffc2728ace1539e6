"""Opening: which group opens, what is tried for it and in which order, and what is said if none does."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tera.codec.grouping import as_groups, lock, open_front, unlock
from tera.codec.recipients import Identity, KeyEncryptionKey, Passphrase, PrivateKey
from tera.crypto.kdf import xor
from tera.crypto.random import system
from tera.errors import BadStanza, TeraError, Unavailable
from tera.format import access
from tera.format.access import Stanza
from tera.format.front import Front, build_access, parse_front
from tests.codec.sealed import front_of, opened, seal

CHEAP = (19_456, 1, 1)
XWING, OTHER, THIRD = (PrivateKey.generate(random=system) for _ in range(3))
EIGHT = [KeyEncryptionKey(bytes((number,)) * 32, f"key {number}".encode()) for number in range(8)]
ONE, TWO = EIGHT[:2]


class Words(Passphrase):
    """A passphrase that counts how often Argon2id is run for it."""

    def __init__(self, words: str = "right") -> None:
        super().__init__(words, cost=CHEAP)
        self.runs = 0

    def unwrap(self, stanza: Stanza, bind: bytes) -> bytes | None:
        self.runs += stanza.type == access.ARGON2ID
        return super().unwrap(stanza, bind)


class Untouched(Passphrase):
    """A passphrase that must not be needed."""

    def __init__(self, words: str = "right") -> None:
        super().__init__(words, cost=CHEAP)

    def unwrap(self, stanza: Stanza, bind: bytes) -> bytes | None:
        assert stanza.type != access.ARGON2ID, "Argon2id would have run"
        return None


class Watched:
    """Another identity, and the groups of the stanzas that it was asked for."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self.asked: list[int] = []

    def unwrap(self, stanza: Stanza, bind: bytes) -> bytes | None:
        self.asked.append(stanza.group)
        return self._identity.unwrap(stanza, bind)


def front(*recipients: Any) -> Front:
    return front_of(seal([], recipients=recipients))


def opens(where: Front, *identities: Identity) -> int:
    """Return the group that opened."""
    return open_front(where, identities)[2]


def refused(code: str, where: Front, *identities: Identity) -> TeraError:
    with pytest.raises(TeraError) as caught:
        open_front(where, identities)
    assert caught.value.code == code
    return caught.value


def flipped(ct: bytes) -> bytes:
    return ct[:-1] + bytes((ct[-1] ^ 1,))


def changed(where: Front, number: int, change: Callable[[bytes], bytes] = flipped) -> Front:
    """Return a front whose stanza `number` holds another ct; its MAC is looked at after the stanzas."""
    stanzas = list(where.stanzas)
    stanzas[number] = replace(stanzas[number], ct=change(stanzas[number].ct))
    return replace(where, stanzas=tuple(stanzas))


# --- order ------------------------------------------------------------------------------------------


def test_the_first_group_that_opens_is_taken() -> None:
    where = front(XWING.public, ONE, [ONE, TWO], TWO)
    assert opens(where, XWING, ONE, TWO) == 0
    assert opens(where, TWO, ONE) == 1
    assert opens(where, TWO) == 3
    watched = Watched(TWO)
    assert opens(where, ONE, watched) == 1
    assert watched.asked == [0]  # nobody was asked for what comes after


def test_groups_without_a_passphrase_come_first() -> None:
    words = Words()
    where = front(words, [words, ONE], TWO, XWING.public)
    sets: list[list[Identity]] = [[Untouched(), XWING], [XWING, Untouched()], [Untouched("x"), ONE, TWO]]
    for identities in sets:
        assert opens(where, *identities) in (2, 3)
    watched = Watched(XWING)
    assert opens(where, watched, Untouched()) == 3
    assert watched.asked == [2, 3]
    assert opens(where, words) == 0
    assert words.runs == 1


def test_argon2_does_not_run_when_something_else_is_missing() -> None:
    words = Words()
    where = front([words, ONE], [TWO, words, XWING.public])
    refused("no_key", where, Untouched())
    refused("no_key", where, Untouched(), TWO)
    refused("no_key", where, OTHER, Untouched(), XWING)
    assert opens(where, words, TWO, XWING) == 1
    assert words.runs == 1
    assert opens(where, words, ONE) == 0
    assert words.runs == 2


def test_argon2_runs_once_for_each_stanza_and_stops_in_a_group_that_stays_shut() -> None:
    first, second, wrong = Words("first"), Words("second"), Words("wrong")
    where = front(first, second, [first, second])
    refused("wrong_passphrase", where, wrong)
    assert wrong.runs == 3  # of the two in the last group, one is enough to know
    assert opens(where, second) == 1
    assert second.runs == 2
    both = front([first, second])
    assert opens(both, first, second) == opens(both, second, first) == 0


def test_who_remembers_a_share_spares_the_passphrase() -> None:
    """A keyring of the system may open a passphrase's stanza without Argon2id: it is asked before."""
    words = Words()
    where = front(words)

    class Keyring:
        def unwrap(self, stanza: Stanza, bind: bytes) -> bytes | None:
            return words.unwrap(stanza, bind)

    assert opens(where, Untouched(), Keyring()) == opens(where, Keyring(), Untouched()) == 0


def test_who_has_no_passphrase_is_not_told_of_one() -> None:
    where = front(Words())
    refused("no_key", where)
    refused("no_key", where, XWING, ONE)


# --- one group, several members ---------------------------------------------------------------------


def test_of_eight_all_are_needed_in_any_order() -> None:
    where = front(EIGHT)
    assert len(where.stanzas) == 8
    shuffled = list(EIGHT)
    random.Random(1).shuffle(shuffled)
    assert opens(where, *shuffled) == opens(where, *EIGHT, XWING) == 0
    for missing in range(8):
        refused("no_key", where, *EIGHT[:missing], *EIGHT[missing + 1 :])
    with opened(seal(recipients=[EIGHT]), *EIGHT) as container:
        assert container.group == 0


def test_shares_of_two_groups_do_not_mix() -> None:
    where = front([ONE, XWING.public], [TWO, OTHER.public])
    refused("no_key", where, ONE, OTHER)
    refused("no_key", where, TWO, XWING)
    assert opens(where, TWO, OTHER, XWING) == 1


def test_one_identity_may_be_several_members() -> None:
    where = front([ONE, ONE, XWING.public, XWING.public])
    assert opens(where, ONE, XWING) == 0
    refused("no_key", where, ONE)


def test_every_group_has_fresh_shares_and_one_file_key() -> None:
    where = front([ONE, TWO], [ONE, TWO], ONE)
    shares = [ONE.unwrap(stanza, where.bind) or TWO.unwrap(stanza, where.bind) for stanza in where.stanzas]
    assert len(set(shares)) == 5
    found = [share for share in shares if share is not None]
    assert xor(*found[:2]) == xor(*found[2:4]) == found[4] == open_front(where, [ONE])[1]


def test_the_randomness_of_shares_is_the_callers() -> None:
    count = 0

    def counting(length: int) -> bytes:
        nonlocal count
        count += 1
        return bytes((count,)) * length

    stanzas = lock(bytes(32), bytes(32), [[ONE, TWO, ONE]], counting)
    found = [key.unwrap(stanza, bytes(32)) for key, stanza in zip((ONE, TWO, ONE), stanzas, strict=True)]
    assert found == [bytes((1 ^ 2,)) * 32, b"\1" * 32, b"\2" * 32]


# --- hints ------------------------------------------------------------------------------------------


def test_a_hint_leaves_the_key_of_others_alone() -> None:
    tried: list[int] = []

    class Key(PrivateKey):
        def __init__(self, key: PrivateKey) -> None:
            super().__init__(key.kem.type, key.seed)
            real = self._key

            class Counting:
                public = real.public

                def open(self, ct: bytes, info: bytes) -> bytes:
                    tried.append(1)
                    return real.open(ct, info)

            self._key: Any = Counting()

    where = front(*(PrivateKey.generate(random=system).public for _ in range(20)), XWING.public)
    assert opens(where, Key(XWING)) == 20
    assert len(tried) == 1
    tried.clear()
    refused("no_key", where, Key(OTHER))
    assert not tried


def test_an_anonymous_stanza_is_tried_with_every_key() -> None:
    hidden = [key.public for key in (OTHER, THIRD, XWING)]
    for key in hidden:
        key.anonymous = True
    where = front(*hidden, ONE)
    assert [stanza.hint for stanza in where.stanzas] == [b""] * 4
    assert opens(where, XWING) == 2
    assert opens(where, XWING, THIRD) == 1
    for number in range(3):
        refused("no_key", changed(where, number), [OTHER, THIRD, XWING][number])  # cannot know it was for it


# --- refusals ---------------------------------------------------------------------------------------


def test_a_stanza_that_was_changed_is_bad_stanza() -> None:
    words = Words()
    for recipient, identity in ((ONE, ONE), (XWING.public, XWING), (words, words)):
        where = front(recipient)
        assert opens(where, identity) == 0
        refused("bad_stanza", changed(where, 0), identity)
        refused("bad_stanza", changed(where, 0), OTHER, identity, TWO)
        refused("no_key", changed(where, 0), OTHER, TWO)


def test_a_commitment_that_was_changed_is_another_key() -> None:
    flip: Callable[[bytes], bytes] = lambda ct: bytes((ct[0] ^ 1,)) + ct[1:]  # noqa: E731
    words = Words()
    refused("no_key", changed(front(ONE), 0, flip), ONE)
    refused("wrong_passphrase", changed(front(words), 0, flip), words)
    refused("no_key", changed(front(XWING.public), 0, flip), XWING)  # the hint covers what is encapsulated


def test_a_changed_stanza_does_not_shut_the_groups_that_are_whole() -> None:
    where = changed(changed(front(ONE, [TWO, XWING.public], OTHER.public), 0), 1)
    assert opens(where, ONE, TWO, XWING, OTHER) == 2


def test_a_changed_stanza_is_said_whether_or_not_the_rest_of_its_group_opens() -> None:
    where = changed(front([ONE, TWO, XWING.public], Words()), 0)
    refused("bad_stanza", where, ONE)
    refused("bad_stanza", where, ONE, TWO, XWING)
    refused("bad_stanza", where, ONE, Words("wrong"))  # and before the passphrase is called wrong
    refused("wrong_passphrase", where, TWO, Words("wrong"))
    for number, identity in ((0, ONE), (1, TWO), (2, XWING)):  # every stanza is tried, also behind one that is missing
        refused("bad_stanza", changed(front([ONE, TWO, XWING.public]), number), identity)
    assert opens(where, ONE, Words()) == 1


def test_a_stanza_that_another_key_opens_is_not_bad() -> None:
    class Broken:
        def unwrap(self, stanza: Stanza, bind: bytes) -> bytes | None:
            raise BadStanza("not this one")

    where = front([ONE, TWO])
    sets: list[list[Identity]] = [[Broken(), ONE, TWO], [ONE, Broken(), TWO], [ONE, TWO, Broken()]]
    for identities in sets:
        assert opens(where, *identities) == 0
    refused("bad_stanza", where, ONE, Broken())


def test_a_service_that_is_down_is_not_taken_for_a_key_that_does_not_fit() -> None:
    class Down:
        def unwrap(self, stanza: Stanza, bind: bytes) -> bytes | None:
            raise Unavailable("the key service does not answer")

    with pytest.raises(Unavailable, match="does not answer"):
        open_front(front(ONE, TWO), [Down(), TWO])
    assert opens(front(ONE, TWO), ONE, Down()) == 0


def test_a_stanza_of_another_container_does_not_open() -> None:
    data, other = seal([], recipients=[ONE, XWING.public]), seal([], recipients=[ONE, XWING.public])
    ours, theirs = front_of(data), front_of(other)
    for number, identity, code in ((0, ONE, "no_key"), (1, XWING, "bad_stanza")):
        stanzas = list(ours.stanzas)
        stanzas[number] = theirs.stanzas[number]
        refused(code, replace(ours, stanzas=tuple(stanzas)), identity)


def test_shares_that_give_another_key_are_key_commitment_and_another_list_is_access_mac() -> None:
    where = front(ONE)
    keys, file_key, _ = open_front(where, [ONE])
    for key, code in ((bytes(32), "key_commitment"), (file_key, None)):
        stanzas = lock(key, where.bind, [[ONE]], system)
        section = build_access(stanzas, keys, where.access_offset, len(where.access_body))
        again = parse_front(io.BytesIO(where.prefix + section).read)
        if code:
            refused(code, again, ONE)
            continue
        assert opens(again, ONE) == 0
        for at in (-1, -32):
            body = bytearray(again.access_body)
            body[at] ^= 1
            refused("access_mac", replace(again, access_body=bytes(body)), ONE)


def test_what_is_asked_of_nobody_is_no_key() -> None:
    with pytest.raises(TeraError) as caught:
        unlock(front(ONE, [TWO, XWING.public], Words()), [])
    assert caught.value.code == "no_key"
    assert "-i" in str(caught.value.hint)


# --- recipients as they come ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [list, tuple, iter, lambda given: (one for one in given)])
def test_recipients_come_in_any_iterable(kind: Callable[[Sequence[Any]], Any]) -> None:
    assert as_groups(kind([ONE, (TWO, XWING.public), [OTHER.public]])) == [
        [ONE],
        [TWO, XWING.public],
        [OTHER.public],
    ]


def test_a_group_has_one_to_eight_members_and_a_container_four_passphrases() -> None:
    words = Words()
    good: list[list[Any]] = [[EIGHT], [words] * 4, [[words] * 4], [ONE] * 1_024]
    for given in good:
        assert as_groups(given)
    bad: list[list[Any]] = [[], [[]], [ONE, []], [[*EIGHT, ONE]], [words] * 5, [[words] * 3, [words, ONE, words]]]
    for given in [*bad, [ONE] * 1_025]:
        with pytest.raises(TeraError) as caught:
            as_groups(given)
        assert caught.value.code == "bad_input"
