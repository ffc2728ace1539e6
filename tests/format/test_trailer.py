"""TRAILER and TAIL: what was sealed, who signed it, and where it is, each in its one form."""

from __future__ import annotations

import hashlib
import struct
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import Malformed
from tera.format.trailer import Layout, Signature, Trailer, pack_tail, pack_trailer, parse_tail, parse_trailer
from tera.wire import canonical
from tests.format.hostile import bytes_near, one_encoding, refused, value_near

ROOTS = [b"\1" * 32, b"\2" * 32]
MAP: dict[str, Any] = {"chunks": [1, 2], "len": 1_000, "roots": ROOTS}
MAC = bytes(range(32))


def signature(number: int = 0, **changes: Any) -> list[Any]:
    public = struct.pack(">Q", number) * 248
    made = {
        "signer": hashlib.sha256(b"tera/v1/fpr\0\x01\x01" + public).digest(),
        "algorithm": 1,
        "public": public,
        "signature": bytes(3_373),
    }
    assert changes.keys() <= made.keys()
    return list({**made, **changes}.values())


SIGNATURES = sorted(map(signature, range(9)))


def body(top: Any = None, signatures: Any = (), mac: bytes = MAC) -> bytes:
    packed = canonical.pack(MAP if top is None else top)
    return len(packed).to_bytes(4, "big") + packed + mac + canonical.pack(list(signatures))


def again(found: Trailer) -> bytes:
    assert found.layout.pack() == found.map
    return pack_trailer(found.map, found.mac, found.signatures)[8:]


# --- one encoding -----------------------------------------------------------------------------------


@given(
    st.integers(0, 2**64 - 1),
    st.tuples(*[st.integers(1, 2**32)] * 2),
    st.tuples(*[st.binary(min_size=32, max_size=32)] * 2),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 8),
)
def test_a_trailer_comes_back(
    payload: int, chunks: tuple[int, int], roots: tuple[bytes, bytes], mac: bytes, count: int
) -> None:
    layout = Layout(payload, chunks, roots)
    signatures = tuple(Signature(signer, public, made) for signer, _, public, made in SIGNATURES[:count])
    section = pack_trailer(layout.pack(), mac, signatures)
    assert section[:8] == b"\x20\0\0\0" + struct.pack(">I", len(section) - 8)
    assert parse_trailer(section[8:]) == Trailer(layout, layout.pack(), mac, signatures)
    wanted = body({"chunks": list(chunks), "len": payload, "roots": list(roots)}, SIGNATURES[:count], mac)
    assert section[8:] == wanted, "as the text says"


@given(st.data())
def test_what_is_near_a_trailer_is_refused_or_the_one_encoding(data: st.DataObject) -> None:
    top, signatures = MAP, SIGNATURES[:2]
    match data.draw(st.integers(0, 2)):
        case 0:
            near = body(data.draw(value_near(MAP).filter(lambda value: value is not None)))
        case 1:
            packed = canonical.pack(top)
            changed = canonical.pack(data.draw(value_near(signatures)))
            near = len(packed).to_bytes(4, "big") + packed + MAC + changed
        case _:
            near = data.draw(bytes_near(body(signatures=SIGNATURES[:1])))
    one_encoding(parse_trailer, again, near)


# --- the map ----------------------------------------------------------------------------------------

WRONG: dict[str, list[Any]] = {
    "chunks": [
        *(None, [], [1], [1, 2, 3], {}, [0, 1], [1, 0], [2**32 + 1, 1], [1, 2**32 + 1]),
        *([-1, 1], [True, 1], [1, "2"], [None, 1], b"\1\2"),
    ],
    "len": [None, -1, True, "1", b"", [1]],
    "roots": [
        *(None, [], ROOTS[:1], [*ROOTS, ROOTS[0]], {}, b"".join(ROOTS)),
        *([ROOTS[0], b""], [ROOTS[0][:-1], ROOTS[1]], [ROOTS[0], ROOTS[1] + b"\0"], ["a" * 32, ROOTS[1]]),
    ],
}


@pytest.mark.parametrize("key", WRONG)
def test_a_map_with_another_value_or_key_is_refused(key: str) -> None:
    assert set(WRONG) == set(MAP)
    for value in WRONG[key]:
        refused("bad_trailer", parse_trailer, body({**MAP, key: value}))
    refused("bad_trailer", parse_trailer, body({k: v for k, v in MAP.items() if k != key}))
    refused("bad_trailer", parse_trailer, body({**MAP, key + "s": 1}))


def test_a_map_that_is_none_is_refused() -> None:
    others: list[Any] = [[], "map", 1, False, b""]
    for other in others:
        refused("bad_trailer", parse_trailer, body(other))


def test_numbers_are_taken_up_to_their_limits() -> None:
    for changes in ({"chunks": [1, 1]}, {"chunks": [2**32, 2**32]}, {"len": 0}, {"len": 2**64 - 1}):
        assert again(parse_trailer(body({**MAP, **changes}))) == body({**MAP, **changes})


def test_a_length_that_does_not_fit_is_refused() -> None:
    good = body()
    packed = len(canonical.pack(MAP))
    for length in (packed + 2, packed + 33, 2**31, 2**32 - 1):
        refused("bad_trailer", parse_trailer, length.to_bytes(4, "big") + good[4:])
    for length in (0, 1, packed - 1):
        refused("not_canonical", parse_trailer, length.to_bytes(4, "big") + good[4:])
    for length in range(4 + packed + 32):
        refused("bad_trailer", parse_trailer, good[:length])


def test_signatures_of_no_bytes_are_not_canonical() -> None:
    """The map and the MAC fit; what is missing is a msgpack value."""
    refused("not_canonical", parse_trailer, body()[:-1])


def test_a_fault_of_the_encoding_comes_before_one_of_the_schema() -> None:
    packed = canonical.pack({"a": 1}) + b"\0"
    refused("not_canonical", parse_trailer, len(packed).to_bytes(4, "big") + packed + MAC + b"\x90")
    refused("not_canonical", parse_trailer, body() + b"\0")
    refused("not_canonical", parse_trailer, body()[:-1] + b"\xdc\0\0")
    # And the map before the signatures.
    refused("bad_trailer", parse_trailer, body({**MAP, "len": None}) + b"\0")


def test_the_mac_is_not_judged_here() -> None:
    for mac in (bytes(32), b"\xff" * 32):
        assert parse_trailer(body(mac=mac)).mac == mac


# --- signatures -------------------------------------------------------------------------------------


def test_signature_9_is_refused() -> None:
    assert len(parse_trailer(body(signatures=SIGNATURES[:8])).signatures) == 8
    refused("bad_trailer", parse_trailer, body(signatures=SIGNATURES))


def test_signatures_out_of_order_or_twice_are_refused() -> None:
    one, two, three = SIGNATURES[:3]
    other = [*one[:3], b"\1" * 3_373]
    for wrong in ([two, one], [one, one], [one, other], [other, one], [one, three, two]):
        refused("bad_trailer", parse_trailer, body(signatures=wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        *(None, {}, [], signature()[:3], [*signature(), 0], b"", 1),
        *(signature(algorithm=0), signature(algorithm=2), signature(algorithm=True), signature(algorithm=None)),
        *(signature(public=b""), signature(public=bytes(1_983)), signature(public=bytes(1_985)), signature(public="a")),
        *(signature(signature=b""), signature(signature=bytes(3_372)), signature(signature=bytes(3_374))),
        *(signature(signature=None), signature(signer=b""), signature(signer=None), signature(signer="a" * 32)),
    ],
)
def test_a_signature_of_another_shape_is_refused(wrong: Any) -> None:
    refused("bad_trailer", parse_trailer, body(signatures=[wrong]))


def test_signatures_that_are_no_array_are_refused() -> None:
    good = body()[:-1]
    for other in (b"\x80", b"\xc0", b"\x01", b"\xc4\0", b"\xa0"):
        refused("bad_trailer", parse_trailer, good + other)


def test_a_fingerprint_that_is_not_the_keys_is_refused() -> None:
    signer, _, public, _ = signature()
    for wrong in (
        *(bytes(32), signature(1)[0], hashlib.sha256(public).digest()),
        *(hashlib.sha256(b"tera/v1/fpr\0" + tag + public).digest() for tag in (b"\0\1", b"\1\0", b"\1\2")),
        *(signer[:at] + bytes((signer[at] ^ 1,)) + signer[at + 1 :] for at in range(32)),
    ):
        refused("bad_trailer", parse_trailer, body(signatures=[signature(signer=wrong)]))


def test_the_fixed_signatures_are_sorted() -> None:
    assert all(before[0] < after[0] for before, after in pairwise(SIGNATURES))


# --- TAIL -------------------------------------------------------------------------------------------

TAIL = bytes.fromhex("21000000 00000010") + struct.pack(">QI", 5_000, 300) + bytes.fromhex("5452411A")


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
def test_a_tail_comes_back(payload: int, section: int) -> None:
    packed = pack_tail(payload, section)
    assert packed == TAIL[:8] + struct.pack(">QI", payload, section) + TAIL[20:]
    assert parse_tail(packed) == (payload, section)


@pytest.mark.parametrize("length", range(24))
def test_a_tail_cut_short_is_refused(length: int) -> None:
    refused("truncated", parse_tail, TAIL[:length])


def test_a_changed_header_or_magic_of_a_tail_is_refused() -> None:
    for at in (*range(8), *range(20, 24)):
        for bit in range(8):
            changed = TAIL[:at] + bytes((TAIL[at] ^ 1 << bit,)) + TAIL[at + 1 :]
            refused("bad_section" if at < 8 else "bad_layout", parse_tail, changed)


@given(st.binary(max_size=24) | bytes_near(TAIL))
def test_bytes_near_a_tail_are_refused_or_the_one_encoding(data: bytes) -> None:
    one_encoding(parse_tail, lambda found: pack_tail(*found) + data[24:], data, Malformed)
