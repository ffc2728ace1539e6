"""Signatures that come out the same in every run, though ML-DSA draws randomness: each is made once and kept.

The law of this file: what is in `once.txt` is checked with the key whenever it is used.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from spec.vectors.policy.form import FOLDER
from tera.crypto import signing
from tera.crypto.signing import SigningKey

CONTEXT: Final = b"tera/v1"


class Kept:
    """Signatures by a hash of key and message. `used` is what the vectors of today need."""

    def __init__(self) -> None:
        self.path = FOLDER / "once.txt"
        lines = self.path.read_text("ascii").splitlines() if self.path.exists() else []
        self._there = {name: base64.b64decode(text) for name, _, text in (line.partition(" ") for line in lines)}
        self.used: dict[str, bytes] = {}

    def sign(self, key: SigningKey, message: bytes) -> bytes:
        """Return the signature of a message; raises BadSignature if the kept one does not verify."""
        name = hashlib.sha256(key.public + message).hexdigest()[:32]
        found = self._there.get(name) or self.used.get(name) or key.sign(message, CONTEXT)
        signing.verify(key.public, message, found, CONTEXT)
        self.used[name] = found
        return found

    def dump(self) -> bytes:
        """Return the file that keeps what was used."""
        lines = (f"{name} {base64.b64encode(made).decode()}\n" for name, made in sorted(self.used.items()))
        return "".join(lines).encode()


KEPT: Final = Kept()
