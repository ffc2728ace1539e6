"""C2SP chunked-encryption (c2sp.org/chunked-encryption@v1) with AES-256-GCM and SHA-512, by chunk number.

The law of this file: every byte of a payload is encrypted and decrypted here. `cryptography.cobblestone`
is the same construction as a stream and the oracle of the tests; it cannot start at chunk `n`, and so can
neither read at random nor work in several threads.

    key(32) || base nonce(12) || commitment(32) = HKDF-Expand(input key, label || salt || context, 76)
    chunk n = AES-256-GCM(key, base nonce XOR n, 16,384 bytes, no AAD); the last is shorter, maybe empty

Measured trap (cryptography 50.0.2): `decrypt_into` leaves unauthenticated plaintext in the buffer when it
raises. So `open_into` is given scratch, and zeroes it before the error leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tera.crypto.kdf import expand
from tera.errors import BadChunk

CHUNK: Final = 16_384
TAG: Final = 16
SEALED_CHUNK: Final = CHUNK + TAG
SALT_LENGTH: Final = 24
COMMITMENT_LENGTH: Final = 32
MAX_CHUNKS: Final = 2**32

_LABEL: Final = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"


class ChunkCipher:
    """The keys of one message. `commitment` is 32 bytes; compare it before any chunk is opened."""

    __slots__ = ("_aead", "_base", "commitment")

    def __init__(self, key: bytes, salt: bytes, context: bytes) -> None:
        if len(key) != 32 or len(salt) != SALT_LENGTH:
            raise ValueError("the key has 32 bytes, the salt 24")
        okm = expand(key, _LABEL + salt + context, 76)
        self._aead = AESGCM(okm[:32])
        self._base = int.from_bytes(okm[32:44], "big")
        self.commitment = okm[44:]

    def seal_into(self, first: int, pieces: Sequence[memoryview], out: memoryview, *, last: bool) -> int:
        """Seal `pieces` joined as the chunks from number `first`; return the bytes written to `out`.

        Unless `last`, the pieces' total is a multiple of 16,384; if `last`, a chunk shorter than 16,384
        (maybe empty) ends it. `pieces` are not joined here but where a chunk straddles two.
        """
        seal, base, number, at = self._aead.encrypt_into, self._base, first, 0
        rest = b""
        for piece in pieces:
            start = 0
            if rest:
                start = CHUNK - len(rest)
                rest += piece[:start]
                if len(rest) < CHUNK:
                    continue
                seal((base ^ number).to_bytes(12, "big"), rest, None, out[at : at + SEALED_CHUNK])
                number, at, rest = number + 1, at + SEALED_CHUNK, b""
            whole = len(piece) - (len(piece) - start) % CHUNK
            for begin in range(start, whole, CHUNK):
                chunk = piece[begin : begin + CHUNK]
                seal((base ^ number).to_bytes(12, "big"), chunk, None, out[at : at + SEALED_CHUNK])
                number += 1
                at += SEALED_CHUNK
            rest = bytes(piece[whole:])
        if not last:
            if rest:
                raise ValueError("only the last block may end with a short chunk")
            return at
        end = at + len(rest) + TAG
        seal((base ^ number).to_bytes(12, "big"), rest, None, out[at:end])
        return end

    def open_into(self, first: int, sealed: memoryview, out: memoryview) -> int:
        """Open whole chunks from number `first` into `out`; return the bytes written.

        Raises BadChunk when a tag does not verify; then all of `out` is zero.
        """
        unseal, base, number = self._aead.decrypt_into, self._base, first
        written, end = 0, len(sealed)
        try:
            for at in range(0, end, SEALED_CHUNK):
                chunk = sealed[at : at + SEALED_CHUNK]
                size = len(chunk) - TAG
                nonce = (base ^ number).to_bytes(12, "big")
                unseal(nonce, chunk, None, out[written : written + size])
                written += size
                number += 1
        except (InvalidTag, ValueError):  # ValueError: fewer bytes than a tag
            out[:] = bytes(len(out))
            raise BadChunk(f"chunk {number:,} is not what was sealed") from None
        return written
