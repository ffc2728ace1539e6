"""The frame of every message between a caller and an authority: a canonical map, and signatures over it.

    u32(len) || map || u32(len) || signatures

The law of this file: nothing stands behind a message, and none is longer than its kind may be. What a map holds,
and who has to sign it, is said where the kind is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tera.crypto.hashes import sha256
from tera.crypto.signing import SigningKey
from tera.errors import LimitExceeded, Malformed, Unauthentic
from tera.format import signatures
from tera.format.trailer import Signature
from tera.wire import canonical


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of message: what errors call it, the label before what is signed, its longest length, its error."""

    what: str
    label: bytes
    longest: int
    error: type[Malformed]

    def hash(self, packed: bytes) -> bytes:
        """Return the 32 bytes by which a message is known; they do not depend on its signatures."""
        return sha256(self.label, packed)

    def join(self, packed: bytes, keys: Sequence[SigningKey]) -> bytes:
        """Return a message, signed by `keys`, maybe none. Raises BadInput for more than 8, or one twice."""
        signed = signatures.sign(self.label + packed, keys) if keys else ()
        listed = signatures.pack_signatures(signed)
        return b"".join(len(part).to_bytes(4, "big") + part for part in (packed, listed))

    def split(self, message: bytes) -> tuple[bytes, dict[str, Any], tuple[Signature, ...]]:
        """Return the map's bytes, the map, and the signatures, which are not verified.

        In this order: LimitExceeded for its length; the form's error for the two lengths in it, or more behind them;
        NotCanonical for either part; the form's error for what is no map, or no list of signatures.
        """
        if len(message) > self.longest:
            raise LimitExceeded(
                f"{self.what} has {len(message):,} bytes, at most {self.longest:,} are read",
                hint="no caller and no authority sends that much",
            )
        parts, at = [], 0
        for _ in range(2):
            end = at + 4 + int.from_bytes(message[at : at + 4], "big")
            if len(message) < at + 4 or len(message) < end:
                raise self.error(f"{self.what} ends too early")
            parts.append(message[at + 4 : end])
            at = end
        if at != len(message):
            raise self.error(f"something follows {self.what}")
        value = canonical.unpack(parts[0], what=self.what, max_len=self.longest)
        signed = signatures.parse_signatures(parts[1], self.error, f"the signatures of {self.what}", self.longest)
        if not isinstance(value, dict):
            raise self.error(f"{self.what} is not a map")
        return parts[0], value, signed

    def verify(self, packed: bytes, signed: Sequence[Signature], error: type[Unauthentic]) -> None:
        """Return when every signature verifies. Raises `error`."""
        for one in signed:
            signatures.verify(one.public, self.label + packed, one.signature, error, self.what)
