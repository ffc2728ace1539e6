"""Finding the trailer from the end, and saying what is wrong when it is not there.

The law of this file: every number that TAIL or TRAILER states is checked against the file's size and
against the others before it is used as an offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tera.codec.segment import ReadAt
from tera.crypto import signing
from tera.crypto.kdf import equal
from tera.errors import (
    BadKey,
    BadLayout,
    BadSignature,
    Malformed,
    MissingSignature,
    TrailerMac,
    TrailingData,
    Truncated,
)
from tera.format import sections as s
from tera.format.front import Front
from tera.format.schedule import KeySchedule, signed_message
from tera.format.trailer import Trailer, parse_tail, parse_trailer

CONTEXT = b"tera/v1"


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody whose signature verified. `required`: CORE lists it; `pinned`: the caller trusts it."""

    fingerprint: bytes
    required: bool
    pinned: bool


def find_trailer(source: ReadAt, start: int) -> tuple[Trailer, int]:
    """Return the trailer of a payload that starts at `start`, and the payload's real length.

    Raises Truncated, TrailingData, BadSection, BadLayout, BadTrailer or NotCanonical.
    """
    size = source.size
    if size < start + s.TAIL_SIZE:
        _explain(source, start)
    try:
        payload, length = parse_tail(source.read_at(size - s.TAIL_SIZE, s.TAIL_SIZE))
        if start + payload + length + s.TAIL_SIZE != size:
            raise BadLayout("the lengths at the end do not fit the file")
        header = s.parse_header(source.read_at(start + payload, min(length, s.HEADER)), s.TRAILER)
        if header.length != length - s.HEADER:
            raise BadLayout("the trailer has another length than the end of the file says")
    except Malformed:
        _explain(source, start)
        raise
    body = source.read_at(start + payload + s.HEADER, header.length)
    if len(body) < header.length:
        raise Truncated("the file became shorter while it was read")
    return parse_trailer(body), payload


def check_payload(trailer: Trailer, payload: int) -> None:
    """Compare the payload's length in the trailer, once authenticated, with the real one. Raises BadLayout."""
    if trailer.layout.payload != payload:
        raise BadLayout("the payload has another length than the trailer says")


def _explain(source: ReadAt, start: int) -> None:
    """Walk the sections to say what is wrong; 8 bytes a MiB are read. Raises the reason, or BadLayout."""
    at = start
    segments = 0
    while segments < 2:
        segments += 1
        at = _skip(source, at, s.SEGMENT, segments)[0]
        last = False
        while not last:
            at, last = _skip(source, at, s.BLOCK)
    at = _skip(source, at, s.TRAILER)[0]
    at = _skip(source, at, s.TAIL)[0]
    if at < source.size:
        raise TrailingData(f"{source.size - at:,} bytes follow the end of the container")
    raise BadLayout("the lengths at the end do not fit the file")


def _skip(source: ReadAt, at: int, type: int, kind: int = 0) -> tuple[int, bool]:
    header = s.parse_header(source.read_at(at, s.HEADER), type, kind=kind)
    after = at + s.HEADER + header.length
    if after > source.size:
        raise Truncated(f"the file ends {after - source.size:,} bytes inside a section")
    return after, header.last


def check_trailer(trailer: Trailer, keys: KeySchedule) -> None:
    """Verify the trailer's MAC. Raises TrailerMac."""
    if not equal(keys.trailer_mac(trailer.map), trailer.mac):
        raise TrailerMac("the trailer is not the one that was sealed")


def check_signatures(front: Front, trailer: Trailer, pinned: Sequence[bytes]) -> tuple[Signer, ...]:
    """Verify every signature, those that CORE lists and those that the caller pinned must be there.

    Raises BadSignature or MissingSignature.
    """
    message = signed_message(front.bind, trailer.map)
    signers: list[Signer] = []
    for one in trailer.signatures:
        try:
            signing.verify(one.public, message, one.signature, CONTEXT)
        except BadKey:
            raise BadSignature("a signer's key is not a key") from None
        signers.append(Signer(one.signer, one.signer in front.core.signers, one.signer in pinned))
    found = {signer.fingerprint for signer in signers}
    for wanted in front.core.signers:
        if wanted not in found:
            raise MissingSignature(f"the signature of {wanted.hex()[:16]}, which the container announces, is missing")
    for wanted in pinned:
        if wanted not in found:
            raise MissingSignature(f"it is not signed by {wanted.hex()[:16]}, whom you asked for")
    return tuple(signers)
