"""Chunks are C2SP's, both ways with the library's stream, by number; what did not verify is not seen by anybody."""

from __future__ import annotations

import hashlib
import os
import random
import zlib
from typing import Any

import pytest
from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from tera.crypto.chunked import CHUNK, MAX_CHUNKS, SEALED_CHUNK, TAG, ChunkCipher
from tera.errors import BadChunk, SegmentCommitment, TeraError
from tera.format import sections as s
from tests.shared import load

KEY, SALT, CONTEXT = bytes(range(32)), bytes(range(24)), b"a context"
NOISE = random.Random(7).randbytes(3 * 2**20)
# Every edge of chunks and blocks, and one byte to both sides.
SIZES = sorted(
    {at + more for at in (0, CHUNK, 2 * CHUNK, 64 * CHUNK, 65 * CHUNK, 128 * CHUNK) for more in (-1, 0, 1)} - {-1}
)


def sealed(plain: bytes, cipher: ChunkCipher, first: int = 0, *, last: bool = True) -> bytes:
    out = bytearray(len(plain) + (len(plain) // CHUNK + 1) * TAG)
    written = cipher.seal_into(first, [memoryview(plain)], memoryview(out), last=last)
    return bytes(out[:written])


def opened(data: bytes, cipher: ChunkCipher, first: int = 0) -> bytes:
    out = bytearray(len(data))
    return bytes(out[: cipher.open_into(first, memoryview(data), memoryview(out))])


class Message:
    """A C2SP message, taken apart as a segment is: salt, commitment, and blocks of lengths that a header may state."""

    def __init__(self, data: bytes, key: bytes, context: bytes) -> None:
        self.cipher = ChunkCipher(key, data[:24], context)
        if self.cipher.commitment != data[24:56]:
            raise SegmentCommitment("another key, salt or context")
        sealed = data[56:]
        self.blocks = [sealed[at : at + s.BLOCK_BODY] for at in range(0, len(sealed), s.BLOCK_BODY)] or [b""]
        for number, block in enumerate(self.blocks):
            last = number == len(self.blocks) - 1
            s.parse_header(s.pack_header(s.BLOCK, len(block), s.LAST if last else 0), s.BLOCK)
        self.chunks = [sealed[at : at + SEALED_CHUNK] for at in range(0, len(sealed), SEALED_CHUNK)]

    def whole(self) -> bytes:
        """Read block by block."""
        return b"".join(opened(block, self.cipher, number * s.CHUNKS) for number, block in enumerate(self.blocks))

    def alone(self, number: int) -> bytes:
        """Read one chunk, as a reader of a range does."""
        return opened(self.chunks[number], self.cipher, number)


# --- the published vectors --------------------------------------------------------------------------


def cases(result: str) -> list[dict[str, Any]]:
    (group,) = load("c2sp-chunked-encryption", "c2sp_chunked_encryption_aes_256_gcm_test.json")["testGroups"]
    assert (group["aead"], group["sha"]) == ("AEAD_AES_256_GCM", "SHA-512")
    return [case for case in group["tests"] if case["result"] == result]


def message(case: dict[str, Any]) -> Message:
    ct = zlib.decompress(bytes.fromhex(case["ct"]))
    return Message(ct, bytes.fromhex(case["key"]), bytes.fromhex(case["ctx"]))


def test_the_published_messages_are_read_in_sequence_and_by_number() -> None:
    ran = rolled = 0
    for case in cases("valid"):
        found = message(case)
        plain = found.whole()
        assert len(plain) == case["msgLength"]
        assert hashlib.sha512(plain).hexdigest() == case["msgSha512"]
        for number in range(len(found.chunks) - 1, -1, -1):
            assert found.alone(number) == plain[number * CHUNK : (number + 1) * CHUNK]
        assert sealed(plain, found.cipher) == b"".join(found.chunks)
        rolled += "CounterRollover" in case["flags"]
        ran += 1
    assert ran >= 10
    assert rolled >= 2


def test_the_published_faults_are_refused() -> None:
    ran = 0
    for case in cases("invalid"):
        ran += 1
        if "InvalidKeySize" in case["flags"]:
            with pytest.raises(ValueError, match="32 bytes"):
                message(case)
        elif "HeaderFailure" in case["flags"] and "Truncation" in case["flags"]:
            with pytest.raises((ValueError, SegmentCommitment)):  # a segment's header of another length is not read
                message(case)
        elif "HeaderFailure" in case["flags"]:
            with pytest.raises(SegmentCommitment):
                message(case)
        else:
            with pytest.raises(TeraError) as caught:
                message(case).whole()
            assert caught.value.code in ("bad_chunk", "bad_section"), case["comment"]
    assert ran >= 20


def test_no_more_than_the_valid_beginning_of_a_published_fault_can_be_read() -> None:
    """A chunk alone is authentic, so its bytes may be read by number; the prefix ends where the vector says."""
    ran = 0
    for case in cases("invalid"):
        if "PartialPlaintext" not in case["flags"]:
            continue
        ct = zlib.decompress(bytes.fromhex(case["ct"]))
        cipher = ChunkCipher(bytes.fromhex(case["key"]), ct[:24], bytes.fromhex(case["ctx"]))
        prefix = b""
        for number, at in enumerate(range(56, len(ct), SEALED_CHUNK)):
            chunk = ct[at : at + SEALED_CHUNK]
            try:
                prefix += opened(chunk, cipher, number)
            except BadChunk:
                for _ in range(2):  # and goes on refusing
                    with pytest.raises(BadChunk):
                        opened(chunk, cipher, number)
                break
        # One vector goes on with an authentic short chunk, which ends the message too early.
        assert len(prefix) // CHUNK * CHUNK == case["msgLength"]
        assert hashlib.sha512(prefix[: case["msgLength"]]).hexdigest() == case["msgSha512"]
        ran += 1
    assert ran >= 5


# --- the library's stream ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_what_is_sealed_here_opens_in_the_library(size: int) -> None:
    cipher = ChunkCipher(KEY, SALT, CONTEXT)
    stream = Cobblestone256Decryptor(KEY, CONTEXT)
    found = stream.update(SALT + cipher.commitment + sealed(NOISE[:size], cipher)) + stream.finalize()
    assert found == NOISE[:size]


@pytest.mark.parametrize("size", SIZES)
def test_what_the_library_seals_opens_here(size: int) -> None:
    stream = Cobblestone256Encryptor(KEY, CONTEXT)
    data = stream.update(NOISE[:size]) + stream.finalize()
    found = Message(data, KEY, CONTEXT)
    assert found.whole() == NOISE[:size]
    assert len(found.chunks) == size // CHUNK + 1 == s.chunk_count(size)
    assert 56 + sum(map(len, found.blocks)) + 8 * (len(found.blocks) + 1) == s.segment_length(size)


# --- keys, nonces, commitment -----------------------------------------------------------------------


def derived(key: bytes, salt: bytes, context: bytes) -> bytes:
    label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM" + b"\0"
    return HKDFExpand(SHA512(), 76, label + salt + context).derive(key)


@pytest.mark.parametrize("number", [0, 1, 255, 256, 2**16 - 1, 2**16, 2**24, 2**31, 2**32 - 2, MAX_CHUNKS - 1])
def test_a_chunks_nonce_is_the_base_nonce_and_its_number_wherever_it_stands(number: int) -> None:
    for salt in (SALT, bytes(24), b"\xff" * 24):
        okm = derived(KEY, salt, CONTEXT)
        nonce = bytes(a ^ b for a, b in zip(okm[32:44], number.to_bytes(12, "big"), strict=True))
        wanted = AESGCM(okm[:32]).encrypt(nonce, b"the chunk", None)
        cipher = ChunkCipher(KEY, salt, CONTEXT)
        assert sealed(b"the chunk", cipher, number) == wanted
        assert opened(wanted, cipher, number) == b"the chunk"


def test_numbers_go_on_within_a_call() -> None:
    cipher = ChunkCipher(KEY, SALT, CONTEXT)
    first = 2**32 - 3
    data = sealed(NOISE[: 2 * CHUNK + 5], cipher, first)
    parts = [NOISE[:CHUNK], NOISE[CHUNK : 2 * CHUNK], NOISE[2 * CHUNK : 2 * CHUNK + 5]]
    for number, part in enumerate(parts):
        chunk = data[number * SEALED_CHUNK : (number + 1) * SEALED_CHUNK]
        assert opened(chunk, cipher, first + number) == part
        with pytest.raises(BadChunk):
            opened(chunk, cipher, first + number + 1)
    assert opened(data, cipher, first) == b"".join(parts)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=24, max_size=24), st.binary(max_size=60))
def test_the_commitment_is_the_one_of_the_text(key: bytes, salt: bytes, context: bytes) -> None:
    assert ChunkCipher(key, salt, context).commitment == derived(key, salt, context)[44:]


def test_two_keys_salts_or_contexts_never_share_a_commitment_or_a_chunk() -> None:
    data = sealed(b"x", ChunkCipher(KEY, SALT, CONTEXT))
    others = [(bytes(32), SALT, CONTEXT), (KEY, bytes(24), CONTEXT), (KEY, SALT, b""), (KEY, SALT, CONTEXT + b"\0")]
    found = {ChunkCipher(KEY, SALT, CONTEXT).commitment}
    for key, salt, context in others:
        cipher = ChunkCipher(key, salt, context)
        found.add(cipher.commitment)
        with pytest.raises(BadChunk):
            opened(data, cipher)
    assert len(found) == 5


@pytest.mark.parametrize(("key", "salt"), [(31, 24), (33, 24), (16, 24), (0, 24), (32, 23), (32, 25), (32, 0)])
def test_a_key_or_salt_of_another_length_is_the_callers_bug(key: int, salt: int) -> None:
    with pytest.raises(ValueError, match="32 bytes, the salt 24"):
        ChunkCipher(bytes(key), bytes(salt), CONTEXT)


# --- pieces -----------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK]), max_size=6))
def test_however_the_plaintext_is_cut_it_seals_to_the_same_bytes(lengths: list[int]) -> None:
    cipher = ChunkCipher(KEY, SALT, CONTEXT)
    pieces, at = [], 0
    for length in lengths:
        pieces.append(memoryview(NOISE)[at : at + length])
        at += length
    out = bytearray(at + (at // CHUNK + 1) * TAG)
    assert cipher.seal_into(0, pieces, memoryview(out), last=True) == len(out)
    assert out == sealed(NOISE[:at], cipher)
    assert opened(bytes(out), cipher) == NOISE[:at]


def test_only_the_last_block_ends_with_a_short_chunk() -> None:
    cipher = ChunkCipher(KEY, SALT, CONTEXT)
    whole = sealed(NOISE[: 2 * CHUNK], cipher, last=False)
    assert len(whole) == 2 * SEALED_CHUNK
    assert sealed(NOISE[: 2 * CHUNK], cipher)[: len(whole)] == whole
    for size in (1, CHUNK - 1, CHUNK + 1):
        with pytest.raises(ValueError, match="last block"):
            sealed(NOISE[:size], cipher, last=False)


# --- what does not verify ---------------------------------------------------------------------------


def refuse(data: bytes, cipher: ChunkCipher) -> None:
    """Fail unless the chunks are refused and nothing is left where their plaintext would be."""
    out = bytearray(b"\xaa" * (len(data) + 100))
    with pytest.raises(BadChunk) as caught:
        cipher.open_into(0, memoryview(data), memoryview(out))
    assert not any(out), "the buffer holds bytes that no tag vouches for"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 50])
def test_a_changed_byte_is_refused_and_no_plaintext_stays_behind(size: int) -> None:
    cipher = ChunkCipher(KEY, SALT, CONTEXT)
    data = sealed(NOISE[:size], cipher)
    for at in {0, len(data) // 2, len(data) - 17, len(data) - 16, len(data) - 1} & set(range(len(data))):
        for bit in (1, 128):
            refuse(data[:at] + bytes((data[at] ^ bit,)) + data[at + 1 :], cipher)


def test_chunks_that_verified_before_one_that_does_not_are_not_left_behind_either() -> None:
    cipher = ChunkCipher(KEY, SALT, CONTEXT)
    data = sealed(NOISE[: 3 * CHUNK + 9], cipher)
    for number in range(4):
        at = number * SEALED_CHUNK
        refuse(data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :], cipher)


def test_chunks_cut_swapped_or_doubled_are_refused() -> None:
    cipher = ChunkCipher(KEY, SALT, CONTEXT)
    data = sealed(NOISE[: 2 * CHUNK + 9], cipher)
    one, two, three = data[:SEALED_CHUNK], data[SEALED_CHUNK : 2 * SEALED_CHUNK], data[2 * SEALED_CHUNK :]
    for wrong in (two + one + three, one + one + three, two, three, one + three, one + two + three + b"\0"):
        refuse(wrong, cipher)
    for length in (1, 15, 16, 24):
        refuse(data[: 2 * SEALED_CHUNK + length], cipher)


@given(st.binary(min_size=1, max_size=200))
def test_no_bytes_bring_out_another_exception(data: bytes) -> None:
    refuse(data, ChunkCipher(KEY, SALT, CONTEXT))


def test_a_cipher_that_has_refused_goes_on_refusing_and_still_opens_what_is_right() -> None:
    cipher = ChunkCipher(KEY, SALT, CONTEXT)
    data = sealed(b"right", cipher)
    for _ in range(3):
        refuse(b"\0" + data[1:], cipher)
        assert opened(data, cipher) == b"right"


def test_a_cipher_does_not_show_its_key() -> None:
    key = os.urandom(32)
    cipher = ChunkCipher(key, SALT, CONTEXT)
    for secret in (key, derived(key, SALT, CONTEXT)[:32]):
        assert secret.hex() not in repr(cipher)
        assert str(secret) not in repr(cipher)
