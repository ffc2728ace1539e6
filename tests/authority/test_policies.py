"""Dynamic policies at an authority: the newest version that it has seen counts, whatever a caller shows."""

from __future__ import annotations

import pytest

from tera.authority.authority import Authority
from tera.authority.ports import State
from tera.errors import (
    BadRequest,
    PolicyExpired,
    PolicyRollback,
    PolicySignature,
    PolicySigner,
    PolicySwapped,
    PolicyUnsigned,
    StateUnavailable,
    TeraError,
    UnknownViewer,
    WrongAuthority,
)
from tera.format.signatures import pack_signatures
from tera.policy.envelope import SignedEnvelope, sign_envelope
from tests.authority.asking import (
    ANN,
    BY_ANN,
    CO_OWNER,
    NOW,
    OWNER,
    POLICY,
    SECOND,
    STRANGER,
    Clock,
    Made,
    ask,
    asking,
    dynamic,
    events,
    name,
    outcomes,
    said,
    seal,
    sealed,
    version_after,
    with_policy,
)

FROZEN = ("opens", 0)


@pytest.fixture(scope="module")
def container() -> Made:
    return dynamic([("rights", ["view"])])


def test_an_older_policy_that_a_caller_shows_counts_nothing(authority: Authority, container: Made) -> None:
    second = version_after(container.policy, ("rights", ["view"]))
    frozen = version_after(second, FROZEN)
    assert ask(authority, container).version == 1
    assert ask(authority, container, prefix=with_policy(container, second)).version == 2
    assert ask(authority, container, prefix=with_policy(container, frozen)).rule == "opens"
    for shown in (container.policy, second):
        answer = ask(authority, container, prefix=with_policy(container, shown))
        assert (answer.rule, answer.version) == ("opens", 3)
    assert events(authority)[-1].extra["ver"] == 3


def test_a_policy_that_was_brought_counts_for_who_has_never_seen_it(authority: Authority, container: Made) -> None:
    asked = asking(container)
    assert said(authority, asked).ct
    frozen = version_after(container.policy, FROZEN)
    assert authority.update(with_policy(container, frozen), BY_ANN) == 2
    assert authority.update(container.prefix, BY_ANN) == 2
    assert authority.update(with_policy(container, frozen), BY_ANN) == 2
    assert ask(authority, container).rule == "opens"
    assert said(authority, asked).rule == "opens"  # not even the answer that was lost
    kinds = [(one.kind, one.subject, one.extra.get("ver")) for one in events(authority)]
    assert [one for one in kinds if one[0] == "policy"] == [("policy", POLICY, 2)]


def test_a_held_policy_counts_against_another_of_the_same_version(authority: Authority, container: Made) -> None:
    frozen = version_after(container.policy, FROZEN)
    authority.update(with_policy(container, frozen), BY_ANN)
    other = version_after(container.policy, ("rights", ["print", "view"]))
    assert ask(authority, container, prefix=with_policy(container, other)).rule == "opens"
    onward = version_after(other, ("rights", ["print", "view"]))
    assert ask(authority, container, prefix=with_policy(container, onward)).code == "policy_rollback"


def test_a_newer_version_of_another_signers_container_changes_nothing(authority: Authority, container: Made) -> None:
    """A hostile container with the same policy id and a signer of its own, far ahead, and frozen."""
    hostile = dynamic([FROZEN], [STRANGER])
    far = hostile.policy
    for _ in range(3):
        far = version_after(far, FROZEN, by=[STRANGER])
    assert authority.update(with_policy(hostile, far), BY_ANN) == 4
    assert ask(authority, hostile, prefix=with_policy(hostile, far)).rule == "opens"
    answer = ask(authority, container)
    assert (answer.ct is not None, answer.version) == (True, 1)
    assert authority.update(container.prefix, BY_ANN) == 1


def test_a_hostile_container_that_names_the_owner_too_changes_nothing(authority: Authority, container: Made) -> None:
    hostile = dynamic([FROZEN], [STRANGER, OWNER])
    far = version_after(version_after(hostile.policy, FROZEN, by=[STRANGER]), FROZEN, by=[STRANGER])
    assert authority.update(with_policy(hostile, far), BY_ANN) == 3
    assert ask(authority, container).version == 1


def test_of_two_owners_the_newest_version_of_either_counts(authority: Authority) -> None:
    shared = dynamic([("rights", ["view"])], [OWNER, CO_OWNER])
    second = version_after(shared.policy, ("rights", ["view"]), by=[CO_OWNER])
    frozen = version_after(second, FROZEN, by=[OWNER])
    authority.update(with_policy(shared, second), BY_ANN)
    authority.update(with_policy(shared, frozen), BY_ANN)
    for shown in (shared.policy, second, frozen):
        assert ask(authority, shared, prefix=with_policy(shared, shown)).rule == "opens"


def forged(container: Made) -> dict[str, tuple[SignedEnvelope, type[TeraError]]]:
    later = version_after(container.policy, ("rights", ["print", "view"]))
    other = sign_envelope(dynamic(policy_id=b"q" * 16).policy.envelope, [OWNER])
    broken = later.signatures[0]
    broken = type(broken)(broken.signer, broken.public, broken.signature[:-1] + bytes((broken.signature[-1] ^ 1,)))
    return {
        "unsigned": (SignedEnvelope(later.envelope, later.packed, ()), PolicyUnsigned),
        "a stranger's": (sign_envelope(later.envelope, [STRANGER]), PolicySigner),
        "a broken signature": (SignedEnvelope(later.envelope, later.packed, (broken,)), PolicySignature),
        "another policy": (version_after(other, ("rights", ["view"])), PolicySwapped),
        "another container's": (version_after(dynamic().policy, ("rights", ["view"])), PolicySwapped),
        "expired": (version_after(container.policy, ("rights", ["view"]), now=NOW, last=1), PolicyExpired),
    }


@pytest.mark.parametrize("what", forged(dynamic()))
def test_what_is_no_policy_of_this_container_denies_and_is_not_held(
    authority: Authority, container: Made, clock: Clock, what: str
) -> None:
    shown, error = forged(container)[what]
    clock.now = NOW + 86_400
    prefix = with_policy(container, shown)
    answer = ask(authority, container, prefix=prefix, now=int(clock.now))
    assert (answer.code, answer.version) == (error.code, None)
    assert outcomes(authority)[-1] == ("denied", error.code)
    with pytest.raises(error):
        authority.update(prefix, BY_ANN)
    assert len(events(authority)) == 1
    assert ask(authority, container, now=int(clock.now)).version == 1


def test_a_policy_from_the_future_is_a_clock_that_is_behind(authority: Authority, container: Made) -> None:
    later = version_after(container.policy, ("rights", ["view"]), now=NOW + 301)
    assert ask(authority, container, prefix=with_policy(container, later)).code == "clock_behind"


def test_an_expired_policy_is_not_replaced_by_an_older_one(authority: Authority, container: Made, clock: Clock) -> None:
    brief = version_after(container.policy, ("rights", ["view"]), last=1)
    authority.update(with_policy(container, brief), BY_ANN)
    clock.now = NOW + 86_400
    assert ask(authority, container, now=int(clock.now)).code == "policy_expired"


def test_marks_forbid_what_is_older_than_an_authority_that_lost_its_envelopes_has_seen(
    authority: Authority, container: Made, state: State
) -> None:
    second = version_after(container.policy, ("rights", ["view"]))
    authority.update(with_policy(container, version_after(second, ("rights", ["view"]))), BY_ANN)
    with state.transaction() as writing:
        writing.keep_envelope(name(OWNER), POLICY, b"".join([_framed(container.policy)]))
    assert ask(authority, container, prefix=with_policy(container, second)).code == "policy_rollback"
    with pytest.raises(PolicyRollback):
        authority.update(with_policy(container, second), BY_ANN)


def _framed(signed: SignedEnvelope) -> bytes:
    parts = signed.packed, pack_signatures(signed.signatures)
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def test_a_held_policy_that_was_changed_is_a_state_that_is_not_in_order(
    authority: Authority, container: Made, state: State
) -> None:
    with state.transaction() as writing:
        writing.keep_envelope(name(OWNER), POLICY, b"rubbish")
    with pytest.raises(StateUnavailable):
        authority.release(asking(container).message, BY_ANN)
    assert events(authority) == []


def test_a_front_without_a_policy_of_this_authority_is_refused(authority: Authority) -> None:
    with pytest.raises(BadRequest):
        authority.update(sealed("three").prefix, BY_ANN)
    theirs = dynamic(authorities=[SECOND.public])
    with pytest.raises(WrongAuthority):
        authority.update(theirs.prefix, BY_ANN)
    with pytest.raises(TeraError):
        authority.update(seal().prefix[:-1], BY_ANN)
    assert events(authority) == []


def test_who_brings_a_policy_that_is_new_here_is_known(authority: Authority, container: Made) -> None:
    """Else any stranger could fill the log and the state with containers of its own."""
    frozen = with_policy(container, version_after(container.policy, FROZEN))
    with pytest.raises(UnknownViewer):
        authority.update(frozen)
    assert events(authority) == []
    authority.enrol(name(OWNER), ANN)  # the signer itself is somebody who is known
    assert authority.update(frozen) == 2
    authority.withdraw(name(OWNER))
    third = with_policy(container, version_after(version_after(container.policy, FROZEN), ("rights", ["view"])))
    assert authority.update(third) == 3  # it is not new any more


def test_another_policy_of_the_version_that_is_held_is_refused(authority: Authority, container: Made) -> None:
    authority.update(with_policy(container, version_after(container.policy, FROZEN)), BY_ANN)
    with pytest.raises(PolicyRollback):
        authority.update(with_policy(container, version_after(container.policy, ("rights", ["view"]))), BY_ANN)
