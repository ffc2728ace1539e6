"""What somebody gets who goes around the authority, robs it, or listens: nothing."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tera.audit.log import Query
from tera.authority.authority import Authority, Caller
from tera.authority.keys import HeldKeys
from tera.authority.memory import MemoryState
from tera.authority.sqlite import SqliteState
from tera.codec.authorities import AuthorityKey
from tera.codec.config import Config
from tera.codec.reader import Container
from tera.codec.recipients import PrivateKey
from tera.crypto import kem
from tera.crypto.kdf import xor
from tera.crypto.signing import SigningKey
from tera.errors import (
    AuthorityUnavailable,
    BadAccess,
    BadStanza,
    KeyCommitment,
    NoKey,
    RuleDenied,
    ShareRefused,
    TeraError,
)
from tera.format import access, sections
from tera.format.access import Stanza
from tera.format.core import StaticRules
from tera.format.front import build_access
from tera.format.rules import Rule
from tera.format.schedule import KeySchedule, bind_hash, core_hash
from tera.release.answer import release_info
from tests.authority.asking import (
    ANN,
    ANN_KEY,
    BY_ANN,
    DEVICE_KEY,
    KEK,
    KEYS,
    SECOND,
    Asked,
    Clock,
    Made,
    ask,
    asking,
    authority_on,
    crafted,
    fields_of,
    name,
    said,
    seal,
    sealed,
)


def own_share(container: Made) -> bytes:
    """Return what the recipient can open without anybody."""
    [stanza] = [one for one in container.front.stanzas if one.type == access.KEK]
    share = KEK.unwrap(stanza, container.bind)
    assert share is not None
    return share


def fits(container: Made, file_key: bytes) -> bool:
    """Say whether this is the file key."""
    try:
        KeySchedule.checked(file_key, container.front.h_core, container.front.commitment)
    except KeyCommitment:
        return False
    return True


def windows(found: Iterable[bytes]) -> Iterator[bytes]:
    """Yield everything in these bytes that could be a key."""
    for data in found:
        for at in range(len(data) - 31):
            yield data[at : at + 32]


def none_fits(container: Made, shares: Iterable[bytes], known: Iterable[bytes]) -> bool:
    """Say whether no share, and no share with anything that is known, is the file key."""
    found = list(windows(known))
    return not any(fits(container, share) or any(fits(container, xor(share, one)) for one in found) for share in shares)


def test_the_share_of_the_authority_is_what_is_missing(authority: Authority) -> None:
    """The control of the tests below: with it, and with nothing else, the file key fits."""
    container = sealed("three")
    asked = asking(container)
    share = asked.share(authority.release(asked.message, BY_ANN))
    assert fits(container, xor(own_share(container), share))
    assert not fits(container, own_share(container)) and not fits(container, share)
    assert share == KEYS.open(container.stanza(), container.bind)


def test_a_patched_decoder_with_the_recipients_key_and_no_authority_gets_nothing() -> None:
    container = sealed("three")
    assert none_fits(container, [own_share(container)], [container.data])
    with pytest.raises(AuthorityUnavailable):
        Container(io.BytesIO(container.data), [KEK])


def test_the_authoritys_database_and_keys_open_nothing(tmp_path: Path) -> None:
    container = sealed("three")
    state = SqliteState(tmp_path / "authority.db")
    authority = authority_on(state)
    authority.enrol(name(ANN_KEY), ANN)
    asked = asking(container, viewer_key=ANN_KEY, device_key=DEVICE_KEY)
    reply = authority.release(asked.message)
    state.close()
    kept = [reply, *(data for _, data in authority_on(SqliteState(tmp_path / "authority.db")).events(Query()))]
    share = KEYS.open(container.stanza(), container.bind)
    assert none_fits(container, [share], [*kept, asked.message[:2_000], container.front.access_body])
    with pytest.raises(NoKey):
        Container(io.BytesIO(container.data), [PrivateKey(1, bytes(32))])
    for file in tmp_path.iterdir():
        assert share not in file.read_bytes()


def test_a_recorded_request_and_answer_with_every_long_term_key_of_the_caller_open_nothing(
    authority: Authority,
) -> None:
    recipient = PrivateKey(1, b"\7" * 32)
    container = seal(recipients=[[KEK, recipient.public]])
    asked = asking(container, viewer_key=ANN_KEY, device_key=DEVICE_KEY)
    reply = authority.release(asked.message, BY_ANN)
    answer = said(authority, asked)
    assert answer.ct is not None
    info = release_info(container.bind, asked.hash)
    seeds = [bytes(32), recipient.seed, *(half for key in (ANN_KEY, DEVICE_KEY) for half in halves(key))]
    for seed in seeds:
        with pytest.raises(BadStanza):
            kem.XWING.private_key(seed).open(answer.ct, info)
    [stanza] = [one for one in container.front.stanzas if one.type == access.XWING]
    theirs = recipient.unwrap(stanza, container.bind)
    assert theirs is not None
    held = xor(own_share(container), theirs)
    assert none_fits(container, [held], [reply, asked.message[-4_000:]])
    assert fits(container, xor(held, asked.share(reply)))  # only with the key that was forgotten


def halves(key: SigningKey) -> tuple[bytes, bytes]:
    return key.seed[:32], key.seed[32:]


def test_a_request_that_somebody_recorded_gives_him_nothing_and_burns_nothing(authority: Authority) -> None:
    """The viewer is in its signature, so it is known again; the answer is sealed to a key that he has not."""
    authority.enrol(name(ANN_KEY), ANN)
    container = sealed("once")
    asked = asking(container, viewer_key=ANN_KEY)
    first = authority.release(asked.message)
    assert authority.release(asked.message, Caller()) == first
    with pytest.raises(ShareRefused):
        Asked(asked.message, kem.XWING.private_key(bytes(32))).share(first)
    # Nor can he put a key of his own into it: then nobody vouches.
    fields = fields_of(asked.message) | {"kem": kem.XWING.private_key(bytes(32)).public}
    with pytest.raises(TeraError) as error:
        authority.release(crafted(fields))
    assert error.value.code == "unknown_viewer"


def test_a_stanza_in_a_container_of_ones_own_is_not_opened(authority: Authority) -> None:
    """Its rules are the thief's, and allow everything."""
    container, thiefs = sealed("once"), sealed("unlimited")
    assert ask(authority, container).ct
    answer = ask(authority, thiefs, stanza=container.stanza())
    assert (answer.code, answer.ct) == ("share_refused", None)


def test_a_container_whose_rules_were_edited_is_not_opened(authority: Authority) -> None:
    container = sealed("once")
    ask(authority, container)
    core = replace(container.front.core, rules=StaticRules((Rule("opens", 99),))).pack() + container.front.commitment
    prefix = sections.PREAMBLE + sections.pack_header(sections.CORE, len(core)) + core
    answer = ask(authority, container, prefix=prefix)
    assert (answer.code, answer.ct) == ("share_refused", None)
    data = prefix + container.data[len(container.prefix) :]
    with pytest.raises(NoKey):  # the recipient's own share does not open in it either
        Container(io.BytesIO(data), [KEK], config=reader({KEYS: authority}))


class AskedByAnn:
    """An authority, asked by somebody whom the transport knows."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority

    def release(self, request: bytes) -> bytes:
        return self.authority.release(request, BY_ANN)


def reader(authorities: dict[HeldKeys, Authority]) -> Config:
    """Return the configuration of a reader that may ask these."""
    asked = {keys.fingerprint: AskedByAnn(authority) for keys, authority in authorities.items()}
    return Config(authorities=asked, clock=Clock())


def test_a_rewrap_around_the_authority_is_refused_by_readers(authority: Authority) -> None:
    """Whoever was given the share has the key; but what he makes of it is not the author's container any more."""
    container = sealed("unlimited")
    asked = asking(container)
    file_key = xor(own_share(container), asked.share(authority.release(asked.message, BY_ANN)))
    keys = KeySchedule.checked(file_key, container.front.h_core, container.front.commitment)
    rest = container.data[container.front.length :]

    def opened(stanzas: list[Stanza], prefix: bytes = container.prefix, named: tuple[bytes, ...] = ()) -> None:
        data = prefix + build_access(tuple(stanzas), keys, len(prefix), authorities=named) + rest
        Container(io.BytesIO(data), [KEK], config=reader({KEYS: authority}))

    # Without the authority's stanza.
    with pytest.raises(BadAccess):
        opened([KEK.wrap(file_key, container.bind, 0, bytes)])
    # Without its name in CORE there is another H_core, and so another key.
    core = replace(container.front.core, authorities=()).pack()
    body = core + container.front.commitment
    prefix = sections.PREAMBLE + sections.pack_header(sections.CORE, len(body)) + body
    bind = bind_hash(core_hash(core), container.front.commitment)
    with pytest.raises(KeyCommitment):
        opened([KEK.wrap(file_key, bind, 0, bytes)], prefix)
    # With a stanza in its name that is sealed to somebody else's key.
    theirs = AuthorityKey(KEYS.public.signer, PrivateKey(1, b"\5" * 32).public)
    both = [KEK.wrap(bytes(32), container.bind, 0, bytes), theirs.wrap(file_key, container.bind, 0, bytes)]
    with pytest.raises(ShareRefused):
        opened(both, named=container.front.core.authorities)


def test_of_two_authorities_both_are_needed() -> None:
    first, second = authority_on(MemoryState()), authority_on(MemoryState(), keys=SECOND)
    container = seal(authorities=[KEYS.public, SECOND.public])
    shares = {}
    for keys, authority in ((KEYS, first), (SECOND, second)):
        asked = asking(container, keys=keys)
        shares[keys] = asked.share(authority.release(asked.message, BY_ANN))
    own = own_share(container)
    assert fits(container, xor(own, *shares.values()))
    for some in ([own], [own, shares[KEYS]], [own, shares[SECOND]], [*shares.values()]):
        assert not fits(container, xor(*some) if len(some) > 1 else some[0])
    assert none_fits(container, [xor(own, shares[KEYS])], [container.data])


@pytest.mark.parametrize("denies", [KEYS, SECOND], ids=["first", "second"])
def test_of_two_authorities_either_can_deny_and_what_the_other_released_stays_counted(denies: HeldKeys) -> None:
    container = seal(authorities=[KEYS.public, SECOND.public])
    other = SECOND if denies is KEYS else KEYS
    states = {keys: MemoryState() for keys in (KEYS, SECOND)}
    both = {keys: authority_on(state, keys=keys) for keys, state in states.items()}
    for _ in range(3):
        ask(both[denies], container, keys=denies)
    with pytest.raises(RuleDenied):
        Container(io.BytesIO(container.data), [KEK], config=reader(both))
    asked_first = other.fingerprint < denies.fingerprint
    with states[other].reading() as view:
        assert view.opens(container.bind, ANN).count == asked_first
    with pytest.raises(AuthorityUnavailable):
        Container(io.BytesIO(container.data), [KEK], config=reader({other: both[other]}))
