"""TRAILER and TAIL: what was sealed, who signed it, and where to find it from the end.

The law of this file: the bytes of both sections are made and understood here. MACs are the schedule's;
which signers must be there is CORE's and the caller's to say.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from tera.crypto.chunked import MAX_CHUNKS
from tera.crypto.hashes import SIGNING_ALGORITHM_BASE, fingerprint
from tera.errors import BadLayout, BadTrailer, Truncated
from tera.format import limits, schema
from tera.format import sections as s
from tera.wire import canonical

COMPOSITE: Final = 1
PUBLIC_LENGTH: Final = 1_952 + 32
SIGNATURE_LENGTH: Final = 3_309 + 64
MAC: Final = 32
TAIL_MAGIC: Final = b"TRA\x1a"

_TAIL: Final = struct.Struct(">QI4s")


@dataclass(frozen=True, slots=True)
class Layout:
    """What the trailer map says: the payload's length, chunks and roots of DATA and INDEX."""

    payload: int
    chunks: tuple[int, int]
    roots: tuple[bytes, bytes]

    def pack(self) -> bytes:
        """Return the trailer map."""
        return canonical.pack({"chunks": list(self.chunks), "len": self.payload, "roots": list(self.roots)})


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature; `signer` is the fingerprint of `public`."""

    signer: bytes
    public: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Trailer:
    """A parsed TRAILER; `map` is the received trailer map, which MAC and signatures cover."""

    layout: Layout
    map: bytes
    mac: bytes
    signatures: tuple[Signature, ...]


def parse_trailer(body: bytes) -> Trailer:
    """Parse TRAILER's body without verifying it. Raises NotCanonical or BadTrailer."""
    length = int.from_bytes(body[:4], "big")
    if 4 + length + MAC > len(body):
        raise BadTrailer("the trailer's parts do not fit into it")
    packed, rest = body[4 : 4 + length], body[4 + length :]
    value = canonical.unpack(packed, what="TRAILER", max_len=limits.TRAILER)
    found = schema.exact_map(value, ("chunks", "len", "roots"), BadTrailer, "TRAILER")
    chunks = schema.array(found["chunks"], 2, BadTrailer, "chunks", low=2)
    roots = schema.array(found["roots"], 2, BadTrailer, "roots", low=2)
    for count in chunks:
        schema.integer(count, 1, MAX_CHUNKS, BadTrailer, "a number of chunks")
    for root in roots:
        schema.binary(root, 32, 32, BadTrailer, "a root")
    payload = schema.integer(found["len"], 0, 2**64 - 1, BadTrailer, "len")
    return Trailer(
        layout=Layout(payload, (chunks[0], chunks[1]), (roots[0], roots[1])),
        map=packed,
        mac=rest[:MAC],
        signatures=_parse_signatures(rest[MAC:]),
    )


def pack_trailer(packed_map: bytes, mac: bytes, signatures: tuple[Signature, ...]) -> bytes:
    """Return the TRAILER section, header included."""
    value: list[list[bytes | int]] = [[sig.signer, COMPOSITE, sig.public, sig.signature] for sig in signatures]
    body = len(packed_map).to_bytes(4, "big") + packed_map + mac + canonical.pack(value)
    return s.pack_header(s.TRAILER, len(body)) + body


def pack_tail(payload: int, trailer_section: int) -> bytes:
    """Return the 24 bytes at the end of the file."""
    return s.pack_header(s.TAIL, s.TAIL_BODY) + _TAIL.pack(payload, trailer_section, TAIL_MAGIC)


def parse_tail(data: bytes) -> tuple[int, int]:
    """Return the lengths of payload and TRAILER section. Raises Truncated, BadSection or BadLayout."""
    s.parse_header(data[: s.HEADER], s.TAIL)
    if len(data) < s.TAIL_SIZE:  # also a file that became shorter while it was read
        raise Truncated("the file ends inside its last section")
    payload, trailer, magic = _TAIL.unpack(data[s.HEADER : s.TAIL_SIZE])
    if magic != TAIL_MAGIC:
        raise BadLayout("the file's last four bytes are not those of a tera container")
    return payload, trailer


def _parse_signatures(packed: bytes) -> tuple[Signature, ...]:
    value = canonical.unpack(packed, what="the signatures", max_len=limits.TRAILER)
    found: list[Signature] = []
    for item in schema.array(value, limits.SIGNATURES, BadTrailer, "the signatures"):
        signer, algorithm, public, signature = schema.array(item, 4, BadTrailer, "a signature", low=4)
        schema.integer(algorithm, COMPOSITE, COMPOSITE, BadTrailer, "a signature's algorithm")
        schema.binary(signer, 32, 32, BadTrailer, "a signer")
        schema.binary(public, PUBLIC_LENGTH, PUBLIC_LENGTH, BadTrailer, "a signer's key")
        schema.binary(signature, SIGNATURE_LENGTH, SIGNATURE_LENGTH, BadTrailer, "a signature")
        if signer != fingerprint(SIGNING_ALGORITHM_BASE + COMPOSITE, public):
            raise BadTrailer("a signature's key is not the one that its fingerprint names")
        found.append(Signature(signer, public, signature))
    schema.ascending([sig.signer for sig in found], BadTrailer, "the signatures")
    return tuple(found)
