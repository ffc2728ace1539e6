"""What `parse_front` takes is the encoding of what it returns, the reference takes it too, and all else is a TeraError.

The first byte is an option: with 1, the lengths of the sections are made to fit what is there.
"""

from __future__ import annotations

import io

from fuzz import oracle
from spec import reference
from tera.format import sections as s
from tera.format.access import MAC, pack_access
from tera.format.core import KC_LENGTH
from tera.format.front import Front, parse_front
from tera.wire import canonical

MARK = b"\n--\n"


def one_input(data: bytes) -> None:
    front = _fitted(data[1:]) if data[:1] == b"\1" else data[1:]
    found = oracle.tera(parse_front, io.BytesIO(front).read)
    oracle.same_verdict(found, oracle.reference(reference.read_front, front))
    if isinstance(found, oracle.Taken):
        assert _serialised(found.value) == front[: found.value.length]


def _serialised(front: Front) -> bytes:
    body = front.core.pack() + front.commitment
    out = s.PREAMBLE + s.pack_header(s.CORE, len(body)) + body
    if front.policy is not None:
        out += s.pack_header(s.POLICY, len(front.policy)) + _policy(front.policy)
    packed = pack_access(front.stanzas)
    slack = bytes(len(front.access_body) - len(packed) - MAC)
    out += s.pack_header(s.ACCESS, len(front.access_body)) + packed + slack
    return out + front.access_body[-MAC:]


def _policy(body: bytes) -> bytes:
    out, at = b"", 0
    for _ in range(2):
        length = int.from_bytes(body[at : at + 4], "big")
        packed = canonical.pack(canonical.unpack(body[at + 4 : at + 4 + length], what="POLICY", max_len=length))
        out += len(packed).to_bytes(4, "big") + packed
        at += 4 + length
    return out + bytes(len(body) - at)


def _fitted(text: bytes) -> bytes:
    """Put headers before parts: the core map, the body of POLICY if there are three, the access map."""
    core, *policy, access = [*text.split(MARK), b""][: max(2, text.count(MARK) + 1)]
    body = core + bytes(KC_LENGTH)
    out = s.PREAMBLE + s.pack_header(s.CORE, len(body)) + body
    for one in policy:
        out += s.pack_header(s.POLICY, len(one)) + one
    body = len(access).to_bytes(4, "big") + access + bytes(8 + MAC)
    return out + s.pack_header(s.ACCESS, len(body)) + body
