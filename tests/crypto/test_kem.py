"""The four KEMs: published keys, what must be refused, and that nothing of a library leaks."""

from __future__ import annotations

import copy
import os
import pickle
from contextlib import suppress
from typing import Any

import pytest
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given, settings
from hypothesis import strategies as st

from tera.crypto import hpke, kem
from tera.errors import BadInput, BadKey, BadStanza, TeraError
from tests.shared import load

H = bytes.fromhex
SHARE, INFO = bytes(range(32)), b"an info"
ALL = pytest.mark.parametrize("row", kem.KEMS.values(), ids=lambda row: row.name)
SIZES = {
    1: (32, 1216, 1120, 1168),
    2: (32, 1665, 1665, 1713),
    3: (64, 1184, 1088, 1136),
    4: (64, 1568, 1568, 1616),
}


@ALL
def test_sizes_are_those_of_the_table(row: kem.Kem) -> None:
    assert (row.seed_length, row.public_length, row.enc_length, row.ct_length) == SIZES[row.type]
    seed = os.urandom(row.seed_length)
    public = row.public_key(seed)
    assert len(public) == row.public_length
    row.check_public(public)
    assert len(row.seal(public, SHARE, INFO)) == row.ct_length
    assert kem.by_name(row.name) is row is kem.KEMS[row.type]


@ALL
def test_a_share_comes_back_and_no_two_stanzas_are_equal(row: kem.Kem) -> None:
    key = row.private_key(os.urandom(row.seed_length))
    one, two = (row.seal(key.public, SHARE, INFO) for _ in "12")
    assert one[: row.enc_length] != two[: row.enc_length]
    assert one[row.enc_length :] != two[row.enc_length :]
    assert key.open(one, INFO) == key.open(two, INFO) == SHARE


@ALL
def test_another_key_info_or_stanza_does_not_open(row: kem.Kem) -> None:
    seed = os.urandom(row.seed_length)
    key = row.private_key(seed)
    ct = row.seal(key.public, SHARE, INFO)
    assert row.open(seed, ct, INFO) == SHARE
    with pytest.raises(BadStanza, match="does not open"):
        row.open(os.urandom(row.seed_length), ct, INFO)
    with pytest.raises(BadStanza, match="does not open"):
        key.open(ct, INFO + b"\0")
    for at in (0, 1, 500, row.enc_length - 97, row.enc_length - 1, row.enc_length, len(ct) - 1):
        changed = bytearray(ct)
        changed[at] ^= 1
        with pytest.raises(BadStanza):
            key.open(bytes(changed), INFO)
    for wrong in (b"", ct[:-1], ct + b"\0", ct[: row.enc_length]):
        with pytest.raises(BadStanza, match="bytes, this one"):
            key.open(wrong, INFO)
    for zeros in (bytes(row.ct_length), b"\xff" * row.ct_length, ct[: row.enc_length - 97] + bytes(97 + 48)):
        with pytest.raises(BadStanza):
            key.open(zeros, INFO)


@ALL
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_no_bytes_bring_out_another_exception(row: kem.Kem, data: st.DataObject) -> None:
    public = data.draw(st.binary(max_size=4) | st.binary(min_size=row.public_length, max_size=row.public_length))
    ct = data.draw(st.binary(min_size=row.ct_length, max_size=row.ct_length))
    for act in (
        lambda: row.check_public(public),
        lambda: row.seal(public, SHARE, INFO),
        lambda: row.open(bytes(row.seed_length), ct, INFO),
    ):
        with suppress(TeraError):
            act()


@ALL
def test_a_wrong_length_of_key_is_refused(row: kem.Kem) -> None:
    for length in (0, row.seed_length - 1, row.seed_length + 1, 2400):
        with pytest.raises(BadKey):
            row.public_key(bytes(length))
    for length in (0, row.public_length - 1, row.public_length + 1):
        with pytest.raises(BadKey):
            row.check_public(bytes(length))
        with pytest.raises(BadKey):
            row.seal(bytes(length), SHARE, INFO)


@ALL
def test_a_share_of_another_length_is_the_callers_bug(row: kem.Kem) -> None:
    public = row.public_key(bytes(row.seed_length))
    with pytest.raises(ValueError, match="32"):
        row.seal(public, bytes(31), INFO)


@ALL
def test_a_private_key_does_not_show_itself(row: kem.Kem) -> None:
    seed = os.urandom(row.seed_length)
    key = row.private_key(seed)
    assert repr(key) == str(key) == f"<PrivateKey {row.name}>"
    for leak in (pickle.dumps, copy.deepcopy, copy.copy):
        with pytest.raises(TypeError):
            leak(key)


def test_a_low_order_x25519_half_is_refused() -> None:
    public = kem.XWING.public_key(bytes(32))
    p = 2**255 - 19
    order_8 = 325606250916557431795983626356110631294008115727848805560023387167927233504
    for point in (0, 1, order_8, p - 1, p, p + 1):
        bad = public[:1184] + point.to_bytes(32, "little")
        with pytest.raises(BadKey):
            kem.XWING.check_public(bad)
        with pytest.raises(BadKey):
            kem.XWING.seal(bad, SHARE, INFO)
        ct = kem.XWING.seal(public, SHARE, INFO)
        with pytest.raises(BadStanza):
            kem.XWING.open(bytes(32), ct[:1088] + point.to_bytes(32, "little") + ct[1120:], INFO)


def test_a_p384_half_that_is_no_uncompressed_point_is_refused() -> None:
    public = kem.MLKEM1024_P384.public_key(bytes(32))
    point = public[1568:]
    hybrid = bytes([6 + (point[-1] & 1)]) + point[1:]
    for bad in (bytes(97), b"\4" + bytes(96), hybrid, b"\2" + point[1:], point[:-1] + bytes([point[-1] ^ 1])):
        with pytest.raises(BadKey):
            kem.MLKEM1024_P384.check_public(public[:1568] + bad)


def test_an_unknown_name_or_backend_is_refused() -> None:
    with pytest.raises(BadInput, match="x25519"):
        kem.by_name("x25519")
    for row in (kem.XWING, kem.MLKEM1024_P384):
        with pytest.raises(BadInput, match="pqcrypto"):
            row.private_key(bytes(32), backend="pqcrypto")
        with pytest.raises(BadInput, match="pqcrypto"):
            row.seal(row.public_key(bytes(32)), SHARE, INFO, backend="pqcrypto")
    with pytest.raises(BadInput, match="liboqs"):
        kem.MLKEM768.private_key(bytes(64), backend="liboqs")  # type: ignore[arg-type]


# --- vectors of others --------------------------------------------------------------------------


def test_encapsulation_keys_over_the_modulus_are_refused() -> None:
    refused = taken = 0
    for row, name in (
        (kem.MLKEM768, "mlkem_768_encaps_test.json"),
        (kem.MLKEM1024, "mlkem_1024_encaps_test.json"),
    ):
        for group in load("wycheproof", name)["testGroups"]:
            for case in group["tests"]:
                if case["result"] == "valid":
                    row.check_public(H(case["ek"]))
                    taken += 1
                    continue
                with pytest.raises(BadKey):
                    row.check_public(H(case["ek"]))
                with pytest.raises(BadKey):
                    row.seal(H(case["ek"]), SHARE, INFO)
                refused += 1
    assert refused >= 20
    assert taken >= 20


def test_seeds_give_the_published_ml_kem_keys() -> None:
    ran = 0
    for group in load("wycheproof", "mlkem_768_keygen_seed_test.json")["testGroups"]:
        for case in group["tests"]:
            assert kem.MLKEM768.public_key(H(case["seed"])) == H(case["ek"])
            ran += 1
    assert ran >= 100


def test_published_ciphertexts_open_and_bad_ones_do_not() -> None:
    ran = refused = 0
    for row, name in ((kem.MLKEM768, "mlkem_768_test.json"), (kem.MLKEM1024, "mlkem_1024_test.json")):
        for group in load("wycheproof", name)["testGroups"]:
            for case in group["tests"]:
                seed, enc = H(case["seed"]), H(case["c"])
                if case["result"] == "valid":
                    assert row.public_key(seed) == H(case["ek"])
                    # K is a raw shared secret: what is sealed with it must open through the KEM.
                    ct = enc + hpke.seal_with(H(case["K"]), row, INFO, SHARE)
                    assert row.open(seed, ct, INFO) == SHARE
                    ran += 1
                    continue
                with pytest.raises((BadKey, BadStanza)):
                    row.open(seed, enc + bytes(48), INFO)
                refused += 1
    assert ran >= 100
    assert refused >= 1


def test_xwing_seeds_give_the_published_keys_and_its_secrets_open() -> None:
    ran = 0
    for case in load("xwing", "test-vectors.json"):
        key = kem.XWING.private_key(H(case["sk"]))
        assert key.public == H(case["pk"])
        # `ss` is the combiner's output: sealing with it by the key schedule alone, then opening through
        # the library's KEM, shows that the library's decapsulation gives the same secret.
        ct = H(case["ct"]) + hpke.seal_with(H(case["ss"]), kem.XWING, INFO, SHARE)
        assert key.open(ct, INFO) == SHARE
        ran += 1
    assert ran >= 3


def test_published_hpke_keys_and_secrets_are_those_of_the_four_kems() -> None:
    seen = set()
    for case in load("hpke-pq", "test-vectors.json"):
        row = next((row for row in kem.KEMS.values() if row.kem_id == case["kem_id"]), None)
        if row is None or case["mode"] != 0:
            continue
        key = row.private_key(H(case["skRm"]))
        assert key.public == H(case["pkRm"])
        ct = H(case["enc"]) + hpke.seal_with(H(case["shared_secret"]), row, INFO, SHARE)
        assert key.open(ct, INFO) == SHARE
        seen.add(row.type)
    assert seen == {1, 2, 3, 4}


def test_published_hpke_messages_open_where_the_suite_is_teras() -> None:
    """The published messages have an AAD, which only a private function of the library takes."""
    library = {2: (KEM.MLKEM1024_P384, KDF.HKDF_SHA384), 4: (KEM.MLKEM1024, KDF.HKDF_SHA384)}
    ran = 0
    for case in load("hpke-pq", "test-vectors.json"):
        for number, (name, schedule) in library.items():
            row = kem.KEMS[number]
            if (case["kem_id"], case["kdf_id"], case["aead_id"]) != (
                row.kem_id,
                row.kdf_id,
                hpke.AES_256_GCM,
            ):
                continue
            first = case["encryptions"][0]
            suite: Any = Suite(name, schedule, AEAD.AES_256_GCM)
            loaded = row.private_key(H(case["skRm"]))._key
            ct = H(case["enc"]) + H(first["ct"])
            plain = openssl.hpke._decrypt_with_aad(suite, ct, loaded, H(case["info"]), H(first["aad"]))
            assert plain == H(first["pt"])
            ran += 1
    assert ran == 2


def test_a_stanza_of_one_type_does_not_open_as_another() -> None:
    seed = os.urandom(64)
    pure, strong = kem.MLKEM768, kem.MLKEM1024
    assert pure.public_key(seed) != strong.public_key(seed)
    shared, enc = mlkem.MLKEM768PublicKey.from_public_bytes(pure.public_key(seed)).encapsulate()
    ct = enc + hpke.seal_with(shared, kem.XWING, INFO, SHARE)
    with pytest.raises(BadStanza):
        pure.open(seed, ct, INFO)
