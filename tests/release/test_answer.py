"""Answers: authentic, to this request, and either a share or a denial that says which rule or code, and no more."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec import reference, reference_release
from spec.vectors.release.maker import AUD, AUTHORITY, NOW, OTHER_SEED, SEED, SHARE, STRANGER, VIEWER, fingerprint
from tera import errors
from tera.crypto import kem
from tera.errors import AuthorityUnavailable, RuleDenied, TeraError
from tera.format import limits
from tera.policy.checks import COUNT_MAX
from tera.policy.vocabulary import KINDS
from tera.release.answer import (
    CODES,
    FORM,
    LONGEST,
    Answer,
    check_answer,
    open_answer,
    parse_answer,
    release_info,
    seal_share,
    sign_answer,
)
from tera.release.request import parse_request
from tera.wire import canonical
from tests.format.hostile import bytes_near, one_encoding, refused, value_near
from tests.release.made import (
    BIND,
    KEY,
    answered,
    asked,
    denied,
    flipped,
    sealed_share,
    signed_answer,
    signed_request,
    some_bits,
)
from tests.release.text import TEXT

REQUEST = parse_request(signed_request())
CLASSES = {kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TeraError)}
TABLE = TEXT.split("| the caller's error |\n|---|---|\n")[1].split("\n\n")[0].splitlines()
EXITS = {"rule_denied": 15, "unsupported_rule": 15, "blocked": 14, "policy_rollback": 15, "policy_expired": 15}
EXITS |= {"stale_request": 15, "unknown_session": 15, "clock_behind": 4, "authority_unavailable": 4}


def denial(code: str) -> Answer:
    return denied(code, rule="opens" if code == "rule_denied" else None)


# --- what is built --------------------------------------------------------------------------------------

ids = st.from_regex("[a-z][a-z0-9_]{0,9}", fullmatch=True)
arguments = st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=9)
times = st.none() | st.integers(0, limits.TIME_MAX)
hashes = st.binary(min_size=32, max_size=32)
versions = st.none() | st.integers(1, 2**63 - 1)
releases = st.builds(
    Answer,
    authority=st.just(AUD),
    bind=hashes,
    request=hashes,
    issued=st.integers(0, limits.TIME_MAX),
    ct=st.binary(min_size=8, max_size=8).map(lambda few: few * 146),
    lease=times,
    left=st.none() | st.integers(0, COUNT_MAX),
    until=times,
    obligations=st.dictionaries(ids, st.dictionaries(ids, arguments, max_size=3), max_size=4),
    version=versions,
)
denials = st.builds(
    lambda code, rule, bind, version: Answer(
        AUD, bind, bind, NOW, code, rule if code == "rule_denied" else None, version=version
    ),
    st.sampled_from(sorted(CODES)),
    st.sampled_from(sorted(KINDS)),
    hashes,
    versions,
)


@given(releases | denials)
@settings(max_examples=80)
def test_an_answer_comes_back(answer: Answer) -> None:
    assert parse_answer(sign_answer(answer, AUTHORITY), AUD) == answer


def test_a_share_comes_back() -> None:
    assert open_answer(signed_answer(), REQUEST, KEY) == (answered(), SHARE)


def test_a_share_is_sealed_anew_each_time_and_opens_with_the_requests_key_alone() -> None:
    one, two = (seal_share(SHARE, REQUEST) for _ in range(2))
    assert one != two
    info = release_info(REQUEST.bind, REQUEST.hash)
    assert info == b"tera/v1 release\0" + BIND + REQUEST.hash
    assert KEY.open(one, info) == KEY.open(two, info) == SHARE
    for key, text in ((KEY, info[:-1] + b"\0"), (kem.XWING.private_key(OTHER_SEED), info)):
        refused("bad_stanza", key.open, one, text)


@pytest.mark.parametrize(
    "changes",
    [
        *({"authority": b""}, {"bind": bytes(31)}, {"request": bytes(33)}, {"issued": -1}, {"ct": None}, {"ct": b""}),
        *({"lease": limits.TIME_MAX + 1}, {"until": limits.TIME_MAX + 1}, {"left": -1}, {"left": 2**32}),
        *({"version": 0}, {"version": 2**63}, {"rule": "opens"}, {"obligations": {"A": {}}}, {"code": "blocked"}),
        *({"issued": limits.TIME_MAX + 1}, {"obligations": {"a": {"b": None}}}, {"obligations": {"a": {"B": 1}}}),
    ],
)
def test_what_no_caller_takes_is_not_signed(changes: dict[str, Any]) -> None:
    refused("bad_answer", sign_answer, answered(**changes), AUTHORITY)


@pytest.mark.parametrize("changes", [{"ct": bytes(1_168)}, {"lease": 1}, {"left": 0}, {"until": 1}, {"rule": "opens"}])
def test_a_denial_that_holds_what_a_release_does_is_refused(changes: dict[str, Any]) -> None:
    refused("bad_answer", denied("blocked", **changes).pack)
    refused("bad_answer", denied("blocked", obligations={"watermark": {}}).pack)


@pytest.mark.parametrize("rule", [None, "entry", "entry.rights", "Opens", ""])
def test_a_denial_by_a_rule_names_one_that_is(rule: str | None) -> None:
    refused("bad_answer", denied("rule_denied", rule=rule).pack)


def test_what_a_rule_may_oblige_to_fits_into_an_answer() -> None:
    most = {f"{'a' * 62}{at:02}": {f"{'b' * 62}{of:02}": "c" * 1_024 for of in range(16)} for at in range(16)}
    message = sign_answer(answered(obligations=most), AUTHORITY)
    assert 270_000 < len(message) < LONGEST
    assert parse_answer(message, AUD).obligations == most


# --- what is read ---------------------------------------------------------------------------------------


def test_every_bit_of_an_answer_counts() -> None:
    message = signed_answer()
    for bit in some_bits(message, 400):
        with pytest.raises(TeraError):
            open_answer(flipped(message, bit), REQUEST, KEY)


@given(st.data())
@settings(max_examples=250)
def test_what_is_near_an_answer_ends_as_the_text_says(data: st.DataObject) -> None:
    start = data.draw(st.sampled_from([answered(), denied("rule_denied", rule="opens")])).pack()
    value: Any = canonical.unpack(start, what="answer", max_len=LONGEST)
    near = data.draw(
        bytes_near(signed_answer())
        | value_near(value).map(lambda one: FORM.join(canonical.pack(one), [AUTHORITY]))
    )  # fmt: skip

    def again(found: Answer) -> bytes:
        return FORM.join(found.pack(), []) if FORM.split(near)[0] != found.pack() else near

    one_encoding(lambda message: parse_answer(message, AUD), again, near, TeraError)
    by_tera = verdict(lambda: open_answer(near, REQUEST, KEY))
    assert by_tera == verdict(lambda: reference_release.read_answer(near, signed_request(), SEED))


def verdict(read: Any) -> str:
    try:
        read()
    except (TeraError, reference.Refused) as error:
        return error.code
    return "taken"


# --- by whom, to what -----------------------------------------------------------------------------------


def test_an_answer_of_another_authority_is_refused() -> None:
    forged = sign_answer(answered(), STRANGER)
    refused("answer_signature", open_answer, forged, REQUEST, KEY)
    refused("answer_signature", parse_answer, signed_answer(), fingerprint(STRANGER))
    named = sign_answer(answered(authority=fingerprint(STRANGER)), AUTHORITY)
    refused("answer_swapped", open_answer, named, REQUEST, KEY)


@pytest.mark.parametrize("keys", [[], [AUTHORITY, STRANGER], [STRANGER, VIEWER]])
def test_an_answer_has_one_signature(keys: list[Any]) -> None:
    refused("bad_answer", open_answer, FORM.join(answered().pack(), keys), REQUEST, KEY)


def test_the_answer_to_another_request_is_refused() -> None:
    other = parse_request(asked(now=NOW + 1))
    refused("answer_swapped", open_answer, signed_answer(), other, KEY)
    refused("answer_swapped", check_answer, sign_answer(denial("blocked"), AUTHORITY), other)


def test_the_answer_for_another_container_is_refused() -> None:
    refused("answer_swapped", open_answer, sign_answer(answered(bind=bytes(32)), AUTHORITY), REQUEST, KEY)


def test_a_share_that_was_sealed_for_another_request_is_refused() -> None:
    other = parse_request(asked(now=NOW + 1))
    moved = sign_answer(answered(ct=seal_share(SHARE, other)), AUTHORITY)
    refused("share_refused", open_answer, moved, REQUEST, KEY)


def test_another_key_than_the_requests_opens_no_answer() -> None:
    refused("share_refused", open_answer, signed_answer(), REQUEST, kem.XWING.private_key(OTHER_SEED))


# --- denials --------------------------------------------------------------------------------------------


def test_the_codes_are_those_of_the_text() -> None:
    stated = {code: row.split("|")[2] for row in TABLE for code in re.findall(r"`([a-z_]+)`", row.split("|")[1])}
    assert stated.keys() == CODES
    for code, said in stated.items():
        wanted = CLASSES[code] if said.strip() == "the same" else AuthorityUnavailable
        with pytest.raises(TeraError) as caught:
            denial(code).raise_denial()
        assert type(caught.value) is wanted, code


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_denial_is_its_error_and_says_nothing_secret(code: str) -> None:
    message = sign_answer(denial(code), AUTHORITY)
    assert check_answer(message, REQUEST) == denial(code)
    with pytest.raises(TeraError) as caught:
        open_answer(message, REQUEST, KEY)
    error = caught.value
    assert error.exit == EXITS.get(error.code, 13)
    assert str(error).startswith(f"the authority {AUD.hex()[:16]} ")
    assert "\n" not in f"{error}{error.hint}"
    assert code in (error.code, *re.findall("[a-z_]+", str(error)))
    for secret in (SHARE, SEED, REQUEST.nonce, BIND, REQUEST.public[:32]):
        assert secret.hex()[:12] not in f"{error} {error.hint}"
    reference_says = verdict(lambda: reference_release.read_answer(message, signed_request(), SEED))
    assert reference_says == error.code


@pytest.mark.parametrize("rule", sorted(KINDS))
def test_a_denial_by_a_rule_names_it_in_words(rule: str) -> None:
    with pytest.raises(RuleDenied, match=re.escape(KINDS[rule].reason)) as caught:
        denied("rule_denied", rule=rule).raise_denial()
    assert caught.value.rule == rule


def test_a_denial_because_of_a_clock_does_not_send_the_caller_to_its_own() -> None:
    with pytest.raises(TeraError) as caught:
        denial("clock_behind").raise_denial()
    assert "this machine" not in str(caught.value.hint)
    with pytest.raises(TeraError) as caught:
        denial("stale_request").raise_denial()
    assert "this machine" in str(caught.value.hint)


def test_a_release_denies_nothing() -> None:
    answered().raise_denial()


def test_what_is_shown_of_an_answer_holds_no_share() -> None:
    for shown in (repr(answered()), str(replace(answered(), left=None))):
        assert "ct=" not in shown
        assert repr(sealed_share())[2:-1][:40] not in shown
        assert SHARE.hex()[:12] not in shown
