"""pqcrypto and `cryptography` agree on ML-KEM, and pqcrypto's exceptions stay inside."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import mlkem
from hypothesis import given, settings
from hypothesis import strategies as st

from tera.crypto import kem, pq
from tera.errors import BadKey, BadStanza, Unavailable
from tests.shared import load

pytest.importorskip("pqcrypto")

H = bytes.fromhex
SHARE, INFO = bytes(range(32)), b"an info"
seeds = st.binary(min_size=64, max_size=64)
BOTH = pytest.mark.parametrize("row", [kem.MLKEM768, kem.MLKEM1024], ids=lambda row: row.name)


@BOTH
@settings(max_examples=40, deadline=None)
@given(seed=seeds, info=st.binary(max_size=40))
def test_each_backend_opens_what_the_other_sealed(row: kem.Kem, seed: bytes, info: bytes) -> None:
    ours, theirs = row.private_key(seed), row.private_key(seed, backend="pqcrypto")
    assert ours.public == theirs.public
    by_ours = row.seal(ours.public, SHARE, info)
    by_theirs = row.seal(ours.public, SHARE, info, backend="pqcrypto")
    assert ours.open(by_theirs, info) == theirs.open(by_ours, info) == theirs.open(by_theirs, info) == SHARE


@BOTH
@settings(max_examples=20, deadline=None)
@given(seed=seeds, data=st.data())
def test_any_ciphertext_gives_both_the_same_secret(row: kem.Kem, seed: bytes, data: st.DataObject) -> None:
    enc = data.draw(st.binary(min_size=row.enc_length, max_size=row.enc_length))
    private: Any = {768: mlkem.MLKEM768PrivateKey, 1024: mlkem.MLKEM1024PrivateKey}[row.pure]
    _, expanded = pq.expand(row.pure, seed)
    assert pq.decapsulate(row.pure, expanded, enc) == private.from_seed_bytes(seed).decapsulate(enc)


def test_the_secret_comes_first() -> None:
    public, expanded = pq.expand(768, bytes(64))
    shared, enc = pq.encapsulate(768, public)
    assert (len(shared), len(enc)) == (32, 1088)
    assert pq.decapsulate(768, expanded, enc) == shared


def test_seeds_expand_to_the_published_keys() -> None:
    ran = 0
    for group in load("wycheproof", "mlkem_768_keygen_seed_test.json")["testGroups"]:
        for case in group["tests"]:
            assert pq.expand(768, H(case["seed"])) == (H(case["ek"]), H(case["dk"]))
            ran += 1
    assert ran >= 100


def test_published_ciphertexts_give_the_published_secrets() -> None:
    ran = 0
    for parameters in (768, 1024):
        for group in load("wycheproof", f"mlkem_{parameters}_test.json")["testGroups"]:
            for case in group["tests"]:
                if case["result"] != "valid":
                    continue
                public, expanded = pq.expand(parameters, H(case["seed"]))
                assert public == H(case["ek"])
                assert pq.decapsulate(parameters, expanded, H(case["c"])) == H(case["K"])
                ran += 1
    assert ran >= 100


def test_encapsulation_keys_over_the_modulus_are_refused() -> None:
    ran = 0
    for parameters in (768, 1024):
        for group in load("wycheproof", f"mlkem_{parameters}_encaps_test.json")["testGroups"]:
            for case in group["tests"]:
                if case["result"] == "invalid":
                    with pytest.raises(BadKey):
                        pq.encapsulate(parameters, H(case["ek"]))
                    ran += 1
    assert ran >= 20


@BOTH
def test_a_wrong_length_is_refused(row: kem.Kem) -> None:
    public, expanded = pq.expand(row.pure, bytes(64))
    for wrong in (b"", public[:-1], public + b"\0"):
        with pytest.raises(BadKey):
            pq.encapsulate(row.pure, wrong)
    for wrong in (b"", bytes(row.enc_length - 1), bytes(row.enc_length + 1)):
        with pytest.raises(BadStanza):
            pq.decapsulate(row.pure, expanded, wrong)
    with pytest.raises(BadStanza):
        pq.decapsulate(row.pure, expanded[:-1], bytes(row.enc_length))
    for length in (0, 32, 63, 65):
        with pytest.raises(BadKey):
            pq.expand(row.pure, bytes(length))


@BOTH
def test_a_changed_stanza_is_refused(row: kem.Kem) -> None:
    key = row.private_key(bytes(64), backend="pqcrypto")
    ct = row.seal(key.public, SHARE, INFO, backend="pqcrypto")
    for at in (0, row.enc_length - 1, row.enc_length, row.ct_length - 1):
        changed = bytearray(ct)
        changed[at] ^= 1
        with pytest.raises(BadStanza):
            key.open(bytes(changed), INFO)


def test_a_rust_panic_becomes_an_error() -> None:
    class Panic(BaseException):
        pass

    with pytest.raises(BadStanza), pq._translated(BadStanza, "no"):
        raise Panic
    with pytest.raises(KeyboardInterrupt), pq._translated(BadStanza, "no"):
        raise KeyboardInterrupt


def test_a_missing_package_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pqcrypto", None)
    with pytest.raises(Unavailable, match="not installed"):
        kem.MLKEM768.seal(kem.MLKEM768.public_key(bytes(64)), SHARE, INFO, backend="pqcrypto")
