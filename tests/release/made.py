"""One container, its authority and its callers, and messages between them; keys are always the same."""

from __future__ import annotations

from functools import cache
from typing import Any

from spec.vectors.fixed import fixed_bytes
from spec.vectors.release.maker import AUD, AUTHORITY, DEVICE, NOW, SEED, SHARE, VIEWER, Maker, container
from tera.crypto import kem
from tera.format.access import Stanza
from tera.release.answer import Answer, seal_share, sign_answer
from tera.release.request import Request, build_request, parse_request

FRONT, BIND = container().front, container().bind
STANZA = Stanza(0, 32, b"", *Maker().stanza(container())[1:])
KEY = kem.XWING.private_key(SEED)
ANN = "ann@a.example"


def random(length: int) -> bytes:
    return fixed_bytes("random of a test", length)


def asked(**options: Any) -> bytes:
    """Return a request; signed by nobody unless keys are given."""
    good: dict[str, Any] = {"prefix": FRONT, "stanza": STANZA, "action": "view", "public": KEY.public, "now": NOW}
    return build_request(**{**good, "random": random, "viewer": ANN, **options})


@cache
def signed_request() -> bytes:
    """Return a request for a lease, signed by viewer and device, which many tests share."""
    return asked(viewer_key=VIEWER, device_key=DEVICE, lease=True, obligations=["watermark"], session=bytes(32))


@cache
def sealed_share() -> bytes:
    return seal_share(SHARE, parse_request(signed_request()))


def answered(to: Request | None = None, /, **changes: Any) -> Answer:
    """Return a release to the shared request, or with other values than usual."""
    found = parse_request(signed_request()) if to is None else to
    good: dict[str, Any] = {"authority": AUD, "bind": found.bind, "request": found.hash, "issued": NOW + 1}
    good |= {"ct": sealed_share(), "lease": NOW + 100, "left": 2, "until": NOW + 200}
    return Answer(**{**good, "obligations": {"watermark": {"text": "ann"}}, "version": 7, **changes})


@cache
def signed_answer() -> bytes:
    return sign_answer(answered(), AUTHORITY)


def denied(code: str, **changes: Any) -> Answer:
    """Return a denial."""
    nothing: dict[str, Any] = {"ct": None, "lease": None, "left": None, "until": None, "obligations": {}}
    return answered(code=code, **{**nothing, **changes})


def flipped(data: bytes, bit: int) -> bytes:
    """Return the same with one bit changed."""
    at = bit // 8
    return data[:at] + bytes((data[at] ^ 1 << bit % 8,)) + data[at + 1 :]


def some_bits(data: bytes, dense: int) -> list[int]:
    """Return a bit of each of the first `dense` bytes, and of every 37th of the rest."""
    return [8 * at + at % 8 for at in (*range(dense), *range(dense, len(data), 37))]


LEASE_PARTS = (b"tera/v1 device-key", b"tera/v1 lease", b"tera/v1 lease\0")
"""The labels of keys that only a device derives."""
