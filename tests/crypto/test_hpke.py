"""The key schedule of HPKE is RFC 9180's, both ways against `cryptography` and the published vectors."""

from __future__ import annotations

import os
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from tera.crypto import hpke, kem
from tera.errors import BadStanza
from tests.shared import load

H = bytes.fromhex
PURE: list[Any] = [
    (kem.MLKEM768, mlkem.MLKEM768PrivateKey, Suite(KEM.MLKEM768, KDF.HKDF_SHA256, AEAD.AES_256_GCM)),
    (kem.MLKEM1024, mlkem.MLKEM1024PrivateKey, Suite(KEM.MLKEM1024, KDF.HKDF_SHA384, AEAD.AES_256_GCM)),
]
SHARE, INFO = bytes(range(32)), b"an info"


def cases() -> list[dict[str, Any]]:
    """The vectors with the AEAD of tera and one of its KDFs: ML-KEM-1024 and MLKEM1024-P384."""
    return [
        case
        for case in load("hpke-pq", "test-vectors.json")
        if case["mode"] == 0 and case["kdf_id"] in (1, 2) and case["aead_id"] == hpke.AES_256_GCM
    ]


class Ids:
    def __init__(self, case: dict[str, Any]) -> None:
        self.kem_id: int = case["kem_id"]
        self.kdf_id: int = case["kdf_id"]


def test_the_key_schedule_gives_the_published_keys() -> None:
    ran = 0
    for case in cases():
        key, nonce = hpke.key_schedule(H(case["shared_secret"]), Ids(case), H(case["info"]))
        assert (key, nonce) == (H(case["key"]), H(case["base_nonce"]))
        first = case["encryptions"][0]
        # The published messages have an AAD, which tera's do not: key and nonce are compared instead.
        assert AESGCM(key).decrypt(nonce, H(first["ct"]), H(first["aad"])) == H(first["pt"])
        with pytest.raises(BadStanza):
            hpke.open_with(H(case["shared_secret"]), Ids(case), H(case["info"]), H(first["ct"]))
        ran += 1
    assert ran >= 2


@pytest.mark.parametrize(("row", "private", "suite"), PURE)
def test_what_is_sealed_here_opens_in_the_library(row: kem.Kem, private: Any, suite: Any) -> None:
    key = private.generate()
    shared, enc = key.public_key().encapsulate()
    ct = enc + hpke.seal_with(shared, row, INFO, SHARE)
    assert len(ct) == row.ct_length
    assert suite.decrypt(ct, key, INFO) == SHARE


@pytest.mark.parametrize(("row", "private", "suite"), PURE)
def test_what_the_library_seals_opens_here(row: kem.Kem, private: Any, suite: Any) -> None:
    key = private.generate()
    ct = suite.encrypt(SHARE, key.public_key(), INFO)
    shared = key.decapsulate(ct[: row.enc_length])
    assert hpke.open_with(shared, row, INFO, ct[row.enc_length :]) == SHARE


@pytest.mark.parametrize("row", kem.KEMS.values(), ids=lambda row: row.name)
def test_another_secret_info_or_kem_does_not_open(row: kem.Kem) -> None:
    shared = os.urandom(32)
    ct = hpke.seal_with(shared, row, INFO, SHARE)
    assert hpke.open_with(shared, row, INFO, ct) == SHARE
    for other in kem.KEMS.values():
        if other is not row:
            with pytest.raises(BadStanza):
                hpke.open_with(shared, other, INFO, ct)
    for secret, info, changed in (
        (os.urandom(32), INFO, ct),
        (shared, INFO + b"\0", ct),
        (shared, INFO, ct[:-1]),
        (shared, INFO, ct + b"\0"),
        (shared, INFO, bytes([ct[0] ^ 1]) + ct[1:]),
        (shared, INFO, b""),
        (shared, INFO, bytes(15)),
        (shared, INFO, bytes(16)),
    ):
        with pytest.raises(BadStanza):
            hpke.open_with(secret, row, info, changed)
