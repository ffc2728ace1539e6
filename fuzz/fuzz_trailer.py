"""A trailer or tail that is taken is the encoding of what was read, its signatures verify or fail, nothing else.

With 1 as the first byte, the fingerprints of the signers are made to fit their keys, so that those are used.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fuzz import oracle
from spec import reference
from tera.codec.layout import check_signatures
from tera.codec.signers import signer_fingerprint
from tera.errors import TeraError
from tera.format import sections as s
from tera.format.trailer import pack_tail, pack_trailer, parse_tail, parse_trailer
from tera.wire import canonical

BIND = bytes(32)


def one_input(data: bytes) -> None:
    body = _fitted(data[1:]) if data[:1] == b"\1" else data[1:]
    found = oracle.tera(parse_trailer, body)
    front: Any = SimpleNamespace(bind=BIND, h_bind=BIND, core=SimpleNamespace(signers=()))
    verdict: Any = found
    if isinstance(found, oracle.Taken):
        trailer = found.value
        assert pack_trailer(trailer.map, trailer.mac, trailer.signatures)[s.HEADER :] == body
        assert trailer.layout.pack() == trailer.map
        verdict = oracle.tera(check_signatures, front, trailer, ())
    front.core = {"sig": []}
    other = oracle.reference(lambda: reference.check_signatures(front, reference.parse_trailer(body), []))
    oracle.same_verdict(verdict, other)
    tail = oracle.tera(parse_tail, body[: s.TAIL_SIZE])
    if isinstance(tail, oracle.Taken):
        assert pack_tail(*tail.value) == body[: s.TAIL_SIZE]


def _fitted(body: bytes) -> bytes:
    start = 4 + int.from_bytes(body[:4], "big") + 32
    try:
        value: Any = canonical.unpack(body[start:], what="signatures", max_len=1 << 16)
        for item in value:
            item[0] = signer_fingerprint(item[2])
        return body[:start] + canonical.pack(sorted(value))
    except (TeraError, TypeError, ValueError, IndexError, KeyError, AttributeError):
        return body
