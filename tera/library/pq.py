"""An organisation's public keys: what is sealed to, what its authority and its log sign with; and a new one to seal to.

The law of this file: no secret key ever leaves the key store. `prv` is null, always: the API that clients know
returns private keys there, this one does not.
"""

from __future__ import annotations

import base64
from typing import Any

from tera.codec import keyfile
from tera.codec.authorities import AuthorityKey
from tera.codec.recipients import PublicKey
from tera.codec.signers import VerifyingKey
from tera.crypto import pem
from tera.crypto.kem import MLKEM768, MLKEM1024
from tera.library.drm import moment
from tera.library.events import record
from tera.library.keystore import OpeningKey, OrgKeys
from tera.library.library import Library, Principal


def listed(library: Library, principal: Principal) -> list[dict[str, Any]]:
    """Return the organisation's public keys: the newest to seal to first, the one that signs last. Raises Forbidden."""
    principal.need("read")
    return _described(library.keys.load(principal.org.id), principal.org.created_at)


def rotate(library: Library, principal: Principal) -> list[dict[str, Any]]:
    """Make a new key to seal to; the old ones still open. Raises Forbidden, KeysUnavailable."""
    principal.need("admin")
    # Under the lock of the organisation: of two at once, none writes over the other's key.
    with library.catalog.writing(principal.org.id) as db:
        keys = library.keys.rotate(principal.org.id, library.now())
        record(library, db, principal, "key_rotate", subject=keys.newest.key.public.fingerprint)
    return _described(keys, principal.org.created_at)


def _described(keys: OrgKeys, since: int) -> list[dict[str, Any]]:
    signer = VerifyingKey(keys.signing.public)
    newest_first = sorted(keys.opening, key=lambda one: (one.retired_at is None, one.created_at), reverse=True)
    return [*(_opening(one, signer) for one in newest_first), _signing(signer, since)]


def _opening(one: OpeningKey, signer: VerifyingKey) -> dict[str, Any]:
    key = one.key.public
    return {
        "kid": one.kid,
        "use": "seal",
        "type": key.kem.name,
        "fingerprint": key.fingerprint.hex(),
        "pub": keyfile.dump_public(key),
        "pem": _pem(key),
        "raw": base64.b64encode(key.raw).decode(),
        "prv": None,
        "authority": AuthorityKey(signer, key).text,
        "not_before": moment(one.created_at),
        "not_after": None if one.retired_at is None else moment(one.retired_at),
        "status": "active" if one.retired_at is None else "retired",
    }


def _signing(signer: VerifyingKey, since: int) -> dict[str, Any]:
    return {
        "kid": signer.fingerprint.hex()[:16],
        "use": "sign",
        "type": "mldsa65-ed25519",
        "fingerprint": signer.fingerprint.hex(),
        "pub": keyfile.dump_public(signer),
        "pem": None,
        "raw": base64.b64encode(signer.raw).decode(),
        "prv": None,
        "authority": None,
        "not_before": moment(since),
        "not_after": None,
        "status": "active",
    }


def _pem(key: PublicKey) -> str | None:
    """Return the PEM of RFC 9935, which ML-KEM alone has."""
    return pem.dump_public(key.kem.type, key.raw).decode() if key.kem in (MLKEM768, MLKEM1024) else None
