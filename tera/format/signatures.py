"""Lists of signatures: `[fingerprint, algorithm, public key, signature]`, sorted, each signer once.

The law of this file: it knows the form and the one algorithm, not who has to sign; that is said by what is
signed. Every message starts with a label of its own, so that no signature passes for one over something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tera.crypto import signing
from tera.crypto.hashes import SIGNING_ALGORITHM_BASE, fingerprint
from tera.crypto.signing import SigningKey
from tera.errors import BadInput, BadKey, BadSignature, Malformed, Unauthentic
from tera.format import limits, schema
from tera.format.trailer import COMPOSITE, PUBLIC_LENGTH, SIGNATURE_LENGTH, Signature
from tera.wire import canonical

CONTEXT: Final = b"tera/v1"


def signer_name(public: bytes) -> bytes:
    """Return the fingerprint (32 bytes) of a raw public signing key."""
    return fingerprint(SIGNING_ALGORITHM_BASE + COMPOSITE, public)


def sign(message: bytes, keys: Sequence[SigningKey]) -> tuple[Signature, ...]:
    """Return a signature by each key, in their order in a list. Raises BadInput for none, nine, or one twice."""
    named = {signer_name(key.public): key for key in keys}
    if not 1 <= len(keys) <= limits.SIGNATURES or len(named) < len(keys):
        raise BadInput(f"it is signed by 1 to {limits.SIGNATURES} keys, each once")
    return tuple(Signature(name, key.public, key.sign(message, CONTEXT)) for name, key in sorted(named.items()))


def verify(public: bytes, message: bytes, signature: bytes, error: type[Unauthentic], what: str) -> None:
    """Return when the signature verifies; raises `error`, also for a key that is none."""
    try:
        signing.verify(public, message, signature, CONTEXT)
    except (BadKey, BadSignature):
        raise error(f"a signature of {what} does not verify") from None


def pack_signatures(signatures: Iterable[Signature]) -> bytes:
    """Return what `parse_signatures` takes."""
    value: list[list[bytes | int]] = [[one.signer, COMPOSITE, one.public, one.signature] for one in signatures]
    return canonical.pack(value)


def parse_signatures(packed: bytes, error: type[Malformed], what: str, max_len: int) -> tuple[Signature, ...]:
    """Parse a list of at most 8 without verifying it. Raises NotCanonical or `error`."""
    value = canonical.unpack(packed, what=what, max_len=max_len)
    found: list[Signature] = []
    for item in schema.array(value, limits.SIGNATURES, error, what):
        signer, algorithm, public, signature = schema.array(item, 4, error, "a signature", low=4)
        schema.integer(algorithm, COMPOSITE, COMPOSITE, error, "a signature's algorithm")
        schema.binary(signer, 32, 32, error, "a signer")
        schema.binary(public, PUBLIC_LENGTH, PUBLIC_LENGTH, error, "a signer's key")
        schema.binary(signature, SIGNATURE_LENGTH, SIGNATURE_LENGTH, error, "a signature")
        if signer != signer_name(public):
            raise error("a signature's key is not the one that its fingerprint names")
        found.append(Signature(signer, public, signature))
    schema.ascending([one.signer for one in found], error, what)
    return tuple(found)
