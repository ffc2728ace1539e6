"""What the targets know: fixed keys, and containers that are made with them.

The law of this file: a secret that a target uses is here, is fixed, and protects nothing.
"""

from __future__ import annotations

import hashlib
import io
from typing import Any, Final

from tera.codec.encoder import Encoder
from tera.codec.recipients import KeyEncryptionKey
from tera.codec.signers import signer_fingerprint
from tera.crypto.random import Random
from tera.crypto.signing import SigningKey

KEK: Final = KeyEncryptionKey(bytes(range(32)), b"fuzz")
REFERENCE_KEY: Final = (17, (b"fuzz", bytes(range(32))))
"""The same key, for `spec.reference`."""

SIGNER: Final = SigningKey(bytes(range(64)))
SIGNER_NAME: Final = signer_fingerprint(SIGNER.public)
TEXT: Final = b"What parses serialises to the same bytes.\n"
NOISE: Final = hashlib.shake_256(b"noise").digest(700)


def fixed_random(label: str) -> Random:
    """Return a `Random` that gives the same bytes in every run."""
    count = 0

    def random(length: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_256(f"{label} {count}".encode()).digest(length)

    return random


def container(label: str, **options: Any) -> bytes:
    """Return a small container that KEK opens; `options` are those of `Encoder`."""
    out = io.BytesIO()
    with Encoder(
        out, recipients=[KEK], random=fixed_random(label), id=bytes(16), created=1, workers=1, **options
    ) as encoder:
        encoder.add_directory("d")
        encoder.add_content("d/text", TEXT * 20, mtime=1, mime="text/plain")
        encoder.add_content("d/noise", NOISE, mtime=-1, mode=0o600)
        encoder.add_content("empty", b"", mtime=0)
    return out.getvalue()
