"""Whole exchanges: what each side computes, from the container's key to the share in the caller's hands."""

from __future__ import annotations

from typing import Any

from spec.vectors.example import sha256
from spec.vectors.release.maker import (
    ANSWER,
    AUD,
    AUTHORITY,
    DEVICE,
    DYNAMIC,
    FILE_KEY,
    KEMS,
    NOW,
    OTHER_SEED,
    REQUEST,
    SEED,
    SEEDS,
    SHARE,
    VIEWER,
    Container,
    Maker,
    Text,
    container,
    fingerprint,
    policy_body,
    share_info,
)
from tera.crypto.kem import XWING
from tera.crypto.signing import SigningKey
from tera.wire import canonical


def exchanges(make: Maker) -> Text:
    one, two = container(), container(DYNAMIC, policy_body())
    plain = exchange(make, "an X-Wing stanza, signed by the viewer", one, 32, SEED, [VIEWER], {}, {})
    device = {"dev": fingerprint(DEVICE), "iat": NOW + 10, "lease": True, "viewer": None}
    given = {"lease": NOW + 3_611, "ver": 1}
    leased = exchange(
        make, "a P-384 stanza, a policy and a lease", two, 33, OTHER_SEED, [VIEWER, DEVICE], device, given
    )
    again = {"act": "extract", "nonce": bytes(16), "sid": bytes.fromhex(plain["H(request)"])}
    more = exchange(make, "a session that goes on", one, 32, OTHER_SEED, [VIEWER], again, {})
    denied: Text = {"code": "rule_denied", "ct": None, "left": None, "obl": {}, "rule": "opens"}
    refused = exchange(make, "a denial", one, 32, SEED, [VIEWER], {"nonce": bytes(16)}, denied)
    return {"cases": [plain, leased, more, refused]}


def exchange(
    make: Maker,
    name: str,
    of: Container,
    type: int,
    seed: bytes,
    keys: list[SigningKey],
    asked: dict[str, Any],
    given: dict[str, Any],
) -> Text:
    """Return one exchange with everything that is computed on the way."""
    stanza = make.stanza(of, type)
    request = canonical.pack(make.request_map(of, seed, stanza=stanza, **asked))
    hash = sha256(REQUEST + request)
    info = share_info(of.bind, hash)
    answer: Text = {
        **{"aud": AUD, "bind": of.bind, "code": None, "iat": NOW + 11, "lease": None, "left": 2},
        **{"obl": {"watermark": {"text": "ann"}}, "req": hash, "rule": None, "until": None, "v": 1, "ver": None},
        **given,
    }
    if "ct" not in answer:
        answer["ct"] = make.seal(XWING, seed, SHARE, info)
    secrets = {
        **{"FK": FILE_KEY, "share": SHARE, "authority's signing seed": AUTHORITY.seed},
        **{"authority's KEM seed": SEEDS[type], "request's seed": seed},
    }
    shown = {
        **{"core_map": of.core_map, "H_core": of.h_core, "KC": of.commitment, "H_bind": of.bind, "aud": AUD},
        **{"key_id": stanza[1][1], "params": canonical.pack(stanza[1])},
        **{"stanza's info": make.stanza_info(of, type, stanza[1]), "H(request)": hash, "share's info": info},
    }
    found: Text = {"name": name, "stanza's KEM": KEMS[type].name}
    found |= {key: value.hex() for key, value in {**secrets, **shown}.items()}
    found["signers"] = sorted(fingerprint(key).hex() for key in keys)
    found["request"] = make.pieces(make.message(REQUEST, request, keys))
    found["answer"] = make.pieces(make.message(ANSWER, canonical.pack(answer), [AUTHORITY]))
    return found | {"expect": answer["code"] or "success"}
