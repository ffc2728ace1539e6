"""A request, answer, report or lease that is taken is the one encoding of what was read, in little memory.

The first byte says what the rest is, the second who signs it: nobody (it is a message as it is), or those of its bits
(1: the viewer, 2: the device, 4: the authority, 8: a stranger), and then it is the message's map alone. For a lease
the rest are edits of one that holds; whatever is changed in it, it gives no share.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from fuzz import edits, oracle, world
from fuzz.samples import fixed_random
from fuzz.world import AUTHORITY, DEVICE, NOW, STRANGER, VIEWER
from tera.crypto import kem
from tera.format import access
from tera.format.signatures import pack_signatures
from tera.release import answer, report, request
from tera.release.answer import Answer, parse_answer, seal_share, sign_answer
from tera.release.framing import Form
from tera.release.lease import Lease, keep_lease, open_lease
from tera.release.report import parse_report
from tera.release.request import build_request, parse_request
from tera.wire import canonical

REQUEST, ANSWER, REPORT, LEASE = range(4)
MEMORY = 2 * 80 * 65_536 + (8 << 20)
"""Bytes: the nodes of a message and of the CORE or POLICY in it, and copies of the longest message."""
KEYS = (VIEWER, DEVICE, AUTHORITY.signing, STRANGER)


def one_input(data: bytes) -> None:
    kind, who, rest = data[:1], data[1:2], data[2:]
    if kind == b"\0":
        message = _signed(request.FORM, who, rest)
        found = _frugal(parse_request, message)
        if isinstance(found, oracle.Taken):
            one = found.value
            assert one.packed == canonical.pack(_fields(one))
            assert _framed(one.packed, pack_signatures(one.signatures)) == message
            oracle.tera(one.check, AUTHORITY.fingerprint)
    elif kind == b"\1":
        message = _signed(answer.FORM, who, rest)
        found = _frugal(parse_answer, message, AUTHORITY.fingerprint)
        if isinstance(found, oracle.Taken):
            packed, _, signatures = answer.FORM.split(message)
            assert found.value.pack() == packed and _framed(packed, pack_signatures(signatures)) == message
            oracle.tera(found.value.raise_denial)
    elif kind == b"\2":
        message = _signed(report.FORM, who, rest)
        found = _frugal(parse_report, message, AUTHORITY.fingerprint)
        if isinstance(found, oracle.Taken):
            packed, _, signatures = report.FORM.split(message)
            one = found.value
            listed = [event.pack() for event in one.events]
            plain = {"aud": one.authority, "dev": one.device, "events": listed, "first": one.first, "v": 1}
            assert canonical.pack(plain) == packed and _framed(packed, pack_signatures(signatures)) == message
    elif kind == b"\3":
        _check_lease(rest)


def _frugal(call: Callable[..., Any], *args: Any) -> Any:
    tracemalloc.start()
    try:
        found = oracle.tera(call, *args)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < MEMORY, f"it took {most:,} bytes"
    return found


def _signed(form: Form, who: bytes, body: bytes) -> bytes:
    keys = [key for bit, key in enumerate(KEYS) if who and who[0] >> bit & 1]
    return form.join(body, keys) if keys else body


def _framed(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _fields(one: request.Request) -> dict[str, Any]:
    return {
        "act": one.action,
        "aud": one.authority,
        "dev": one.device,
        "front": one.prefix.bytes,
        "iat": one.issued,
        "kem": one.public,
        "lease": one.lease,
        "nonce": one.nonce,
        "obl": list(one.obligations),
        "sid": one.session,
        "stanza": [one.stanza.type, one.stanza.params, one.stanza.ct],
        "v": 1,
        "viewer": one.viewer,
    }


# --- leases -----------------------------------------------------------------------------------------


@cache
def asked() -> bytes:
    """Return a request with a lease, by viewer and device."""
    front = world.sealed((24,), "static", True).front
    return build_request(
        prefix=front.prefix,
        stanza=next(one for one in front.stanzas if one.type in access.AUTHORITY),
        action="view",
        public=kem.XWING.private_key(bytes(32)).public,
        now=NOW,
        random=fixed_random("release"),
        viewer=world.ME,
        obligations=["notice", "watermark"],
        lease=True,
        viewer_key=VIEWER,
        device_key=DEVICE,
    )


@cache
def answered() -> Answer:
    """Return the answer to it, with a lease of 60 seconds."""
    asking = parse_request(asked())
    return Answer(
        AUTHORITY.fingerprint,
        asking.bind,
        asking.hash,
        NOW,
        ct=seal_share(bytes(32), asking),
        lease=NOW + 60,
        obligations={"watermark": {"text": "x"}},
    )


@cache
def _lease() -> Lease:
    reply = sign_answer(answered(), AUTHORITY.signing)
    return keep_lease(asked(), reply, bytes(32), DEVICE, fixed_random("lease"))


def _check_lease(data: bytes) -> None:
    lease, now, device = _lease(), NOW, DEVICE
    for edit in edits.parse(data):
        match edit.stage % 6:
            case 0:
                lease = replace(lease, request=edit.poke(lease.request))
            case 1:
                lease = replace(lease, answer=edit.poke(lease.answer))
            case 2:
                lease = replace(lease, salt=edit.poke(lease.salt))
            case 3:
                lease = replace(lease, wrapped=edit.poke(lease.wrapped))
            case 4:
                now = edit.number(now, 32)
            case _:
                device = (DEVICE, STRANGER)[edit.what & 1]
    found = oracle.tera(open_lease, lease, device, now)
    signed = len(asked()) - 4 - len(pack_signatures(parse_request(asked()).signatures))
    told = replace(lease, request=lease.request[:signed]) == replace(_lease(), request=asked()[:signed])
    holds = told and NOW <= now < NOW + 60 and device is DEVICE
    if isinstance(found, oracle.Taken):
        assert holds and found.value[1] == bytes(32), now
    else:
        # The signatures under the request were the authority's to verify; only their form is looked at again.
        assert not holds or lease.request != asked(), found
