"""Hashes against published values, and fingerprints that no two kinds of key share."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from tera.crypto.hashes import B3, KEM_ALGORITHMS, SIGNING_ALGORITHM_BASE, b3, fingerprint, sha256
from tera.crypto.signing import ALGORITHM

# The BLAKE3 team's test_vectors.json: input is 0, 1, 2 ... 250, 0, 1 ...
BLAKE3 = {
    0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
}


def test_blake3_gives_the_published_digests() -> None:
    for length, digest in BLAKE3.items():
        data = bytes(i % 251 for i in range(length))
        assert b3(data).hex() == digest
        hasher = B3()
        hasher.update(memoryview(data)[:7])
        hasher.update(data[7:])
        assert hasher.digest().hex() == hasher.digest().hex() == digest


@given(st.lists(st.binary(max_size=20)))
def test_parts_are_joined(parts: list[bytes]) -> None:
    assert sha256(*parts) == hashlib.sha256(b"".join(parts)).digest()


def test_a_fingerprint_binds_the_algorithm() -> None:
    key = bytes(32)
    algorithms = (*KEM_ALGORITHMS, SIGNING_ALGORITHM_BASE + ALGORITHM)
    assert len({fingerprint(algorithm, key) for algorithm in algorithms}) == 5
    assert fingerprint(0x0101, key) == hashlib.sha256(b"tera/v1/fpr\0\x01\x01" + key).digest()
