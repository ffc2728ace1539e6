"""HKDF, HMAC, Argon2id against their RFCs and against `cryptography`."""

from __future__ import annotations

import re

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from tera.crypto import kdf
from tera.errors import Unavailable
from tests.shared import vectors

H = bytes.fromhex


def test_hkdf_gives_the_values_of_rfc_5869() -> None:
    prk = kdf.extract(H("000102030405060708090a0b0c"), b"\x0b" * 22, digest="sha256")
    assert prk == H("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    okm = kdf.expand(prk, H("f0f1f2f3f4f5f6f7f8f9"), 42, digest="sha256")
    assert okm == H("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
    assert kdf.extract(b"", b"\x0b" * 22, digest="sha256") == H(
        "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04"
    )


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=99), st.integers(1, 300))
def test_hkdf_sha512_agrees_with_the_library(salt: bytes, ikm: bytes, info: bytes, length: int) -> None:
    prk = kdf.extract(salt, ikm)
    okm = kdf.expand(prk, info, length)
    assert okm == HKDFExpand(hashes.SHA512(), length, info).derive(prk)
    assert okm == HKDF(hashes.SHA512(), length, salt, info).derive(ikm)


@pytest.mark.parametrize("length", [0, -1, 255 * 64 + 1])
def test_a_length_that_hkdf_cannot_give_is_refused(length: int) -> None:
    assert len(kdf.expand(bytes(64), b"", 255 * 64)) == 255 * 64
    with pytest.raises(ValueError, match="HKDF"):
        kdf.expand(bytes(64), b"", length)


def test_hmac_gives_the_value_of_rfc_4231_however_it_is_cut() -> None:
    expected = H("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    assert kdf.mac(b"Jefe", b"what do ya want for nothing?") == expected
    assert kdf.mac(b"Jefe", b"what do ya ", b"", memoryview(b"want for nothing?")) == expected
    assert kdf.mac(b"Jefe") == kdf.mac(b"Jefe", b"")


def test_unequal_lengths_are_unequal() -> None:
    assert kdf.equal(b"ab", bytes(bytearray(b"ab")))
    assert not kdf.equal(b"ab", b"abc")
    assert not kdf.equal(b"ab", b"ac")


def test_argon2id_gives_the_published_values() -> None:
    text = vectors("argon2", "argon2id.txt").read_text("ascii")
    ran = 0
    for block in text.split("COUNT = ")[1:]:
        case = dict(re.findall(r"^(\w+) =[ ]?(\S*)$", block, re.M))
        if case["length"] != "32" or "ad" in case or "secret" in case:
            continue  # tera's are 32 bytes from a passphrase and a salt alone
        m_kib, t, p = int(case["memcost"]), int(case["iter"]), int(case["lanes"])
        assert kdf.argon2id(H(case["pass"]), H(case["salt"]), m_kib=m_kib, t=t, p=p) == H(case["output"])
        ran += 1
    assert ran >= 2


def test_argon2id_binds_every_parameter() -> None:
    base = {"m_kib": 64, "t": 1, "p": 1}
    results = {kdf.argon2id(b"s", bytes(16), **base)}
    for change in ({"m_kib": 72}, {"t": 2}, {"p": 2}):
        results.add(kdf.argon2id(b"s", bytes(16), **{**base, **change}))
    results |= {kdf.argon2id(b"S", bytes(16), **base), kdf.argon2id(b"s", bytes(15) + b"1", **base)}
    assert len(results) == 6
    assert {len(result) for result in results} == {32}


@pytest.mark.parametrize("m_kib", [2**31, 2**40])
def test_memory_that_is_not_there_is_unavailable(m_kib: int) -> None:
    with pytest.raises(Unavailable, match="KiB"):
        kdf.argon2id(b"s", bytes(16), m_kib=m_kib, t=1, p=1)


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=8))
def test_shares_join_in_any_order_and_all_are_needed(shares: list[bytes]) -> None:
    total = kdf.xor(*shares)
    assert kdf.xor(*reversed(shares)) == total
    assert kdf.xor(total, *shares) == bytes(32)
    assert len(total) == 32


def test_shares_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="lengths"):
        kdf.xor(bytes(32), bytes(31))
