"""Leases: what a device keeps, opened later, by another, after its end, or changed."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from spec.vectors.example import expand, extract
from spec.vectors.fixed import fixed_bytes
from spec.vectors.release.answers import Answers
from spec.vectors.release.maker import (
    ANSWER,
    DEVICE,
    NOW,
    OTHER_DEVICE,
    SEED,
    SHARE,
    STRANGER,
    Maker,
    Text,
    flip,
)
from tera.crypto.signing import SigningKey

SALT = fixed_bytes("release lease", 16)


def device_secret(device: SigningKey) -> bytes:
    """Return S."""
    return expand(extract(b"tera/v1 device-key", device.seed), b"tera/v1 lease", 32)


def wrapped(device: SigningKey, salt: bytes, info: bytes, seed: bytes) -> bytes:
    """Return what is stored."""
    both = expand(extract(salt, device_secret(device)), info, 64)
    return both[32:] + AESGCM(both[:32]).encrypt(bytes(12), seed, None)


def leases(make: Maker) -> Text:
    of, cases = Answers(make), list[Text]()
    info = b"tera/v1 lease\0" + of.of.bind + of.hash
    good, end = wrapped(DEVICE, SALT, info, SEED), NOW + 3_601

    def add(name: str, expect: str, **changes: Any) -> None:
        answer = changes.pop("answer", of.signed())
        case: Text = {
            **{"name": name, "expect": expect, "now": NOW + 2, "device": DEVICE.seed, "salt": SALT, "stored": good},
            **changes,
        }
        case = {key: value.hex() if isinstance(value, bytes) else value for key, value in case.items()}
        cases.append(case | {"answer": make.pieces(answer)} | ({"share": SHARE.hex()} if expect == "success" else {}))

    add("in the middle", "success")
    add("in the second of the answer", "success", now=NOW + 1)
    add("in the last second", "success", now=end - 1)
    add("at its end", "lease_expired", now=end)
    add("long after its end", "lease_expired", now=10 * NOW)
    add("before the answer", "clock_behind", now=NOW)
    add("long before the answer", "clock_behind", now=0)
    add("an answer without a lease", "lease_expired", answer=of.signed(lease=None))
    add("a denial", "lease_expired", answer=of.denial("blocked"))
    add("moved to another machine", "share_refused", device=OTHER_DEVICE.seed)
    half = DEVICE.seed[:32] + OTHER_DEVICE.seed[32:]
    add("moved to one with half the key", "share_refused", device=half)
    for name, at in {"com": 0, "the seed": 32, "the tag": -1}.items():
        add(f"one bit of {name} differs", "share_refused", stored=flip(good, at))
    add("cut", "share_refused", stored=good[:-1])
    add("a byte longer", "share_refused", stored=good + b"\0")
    add("another salt", "share_refused", salt=flip(SALT))
    add("a short salt", "share_refused", salt=SALT[:15])
    other = {
        "of another request": b"tera/v1 lease\0" + of.of.bind + bytes(32),
        "of another container": b"tera/v1 lease\0" + bytes(32) + of.hash,
        "wrapped as a stanza": b"tera/v1 wrap\0" + of.of.bind + of.hash,
    }
    for name, text in other.items():
        add(name, "share_refused", stored=wrapped(DEVICE, SALT, text, SEED))
    add("of another key", "share_refused", stored=wrapped(DEVICE, SALT, info, bytes(32)))
    add("an answer to another request", "answer_swapped", answer=of.signed(req=bytes(32)))
    stranger = make.message(ANSWER, of.body(), [STRANGER])
    add("an answer of another authority", "answer_signature", answer=stranger)
    add("an answer made longer", "bad_answer", answer=of.signed() + b"\0")
    both = {"now": end, "device": OTHER_DEVICE.seed}
    add("order: the end before the device", "lease_expired", **both)
    add("order: the clock before the end", "clock_behind", now=0, answer=of.signed(lease=0))
    add("order: the answer before the clock", "answer_swapped", now=0, answer=of.signed(req=bytes(32)))
    found = {"S": device_secret(DEVICE).hex(), "info": info.hex(), "cases": cases}
    return {"request": make.pieces(of.request), **found}
