"""The end of a container: every number in it is checked before it is an offset, and its faults have one name."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from tera.codec.layout import CONTEXT, check_payload, check_signatures, check_trailer, find_trailer
from tera.codec.signers import signer_fingerprint
from tera.codec.source import ObjectSource
from tera.errors import TeraError
from tera.format import sections as s
from tera.format.schedule import KeySchedule, core_hash, signed_message
from tera.format.trailer import Layout, Signature, Trailer, pack_tail, pack_trailer, parse_trailer
from tests.codec.sealed import OTHER_SIGNER, SIGNER, front_of, seal, sections, tight

DATA = tight(seal(padding=False))
START = front_of(DATA).length
PARTS = dict(sections(DATA))
PAYLOAD = len(DATA) - START - len(PARTS["TRAILER"]) - 24
NAME, OTHER = signer_fingerprint(SIGNER.public), signer_fingerprint(OTHER_SIGNER.public)


class Counting(ObjectSource):
    """A source that knows how much of it was read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.count = 0

    def read_at(self, offset: int, length: int) -> bytes:
        assert 0 <= offset <= self.size
        self.count += length
        return super().read_at(offset, length)


def code(call: Callable[[], object]) -> str:
    with pytest.raises(TeraError) as caught:
        call()
    return caught.value.code


def found(data: bytes) -> tuple[Trailer, int]:
    return find_trailer(Counting(data), START)


def ending(payload: int, trailer: int, *, section: bytes = PARTS["TRAILER"]) -> bytes:
    """Return the container with another tail."""
    return DATA[: START + PAYLOAD] + section + pack_tail(payload, trailer)


# --- finding ----------------------------------------------------------------------------------------


def test_the_trailer_is_found_from_the_end() -> None:
    trailer, payload = found(DATA)
    assert payload == PAYLOAD == trailer.layout.payload
    assert pack_trailer(trailer.map, trailer.mac, trailer.signatures) == PARTS["TRAILER"]
    check_payload(trailer, payload)
    for other in (payload - 1, payload + 1, 0):
        assert code(lambda other=other: check_payload(trailer, other)) == "bad_layout"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("payload", "trailer"),
    [
        (PAYLOAD + 1, len(PARTS["TRAILER"])),
        (PAYLOAD - 1, len(PARTS["TRAILER"])),
        (PAYLOAD - 1, len(PARTS["TRAILER"]) + 1),
        (PAYLOAD + 1, len(PARTS["TRAILER"]) - 1),
        (PAYLOAD + len(PARTS["TRAILER"]), 0),
        (PAYLOAD + len(PARTS["TRAILER"]) - 8, 8),
        (0, PAYLOAD + len(PARTS["TRAILER"])),
        (2**64 - 1, len(PARTS["TRAILER"])),
        (2**64 - 1, 2**32 - 1),
        (0, 0),
    ],
)
def test_a_tail_that_points_elsewhere_is_bad_layout(payload: int, trailer: int) -> None:
    assert code(lambda: found(ending(payload, trailer))) == "bad_layout"


def test_a_trailer_of_another_length_is_bad_layout_or_what_the_walk_finds() -> None:
    section = PARTS["TRAILER"]
    longer = section[:4] + (len(section) - 8 + 1).to_bytes(4, "big") + section[8:]
    assert code(lambda: found(ending(PAYLOAD, len(section), section=longer))) == "bad_section"  # the tail, a byte on
    shorter = section[:4] + (len(section) - 8 - 1).to_bytes(4, "big") + section[8:]
    assert code(lambda: found(ending(PAYLOAD, len(section), section=shorter))) == "bad_section"


def test_a_container_inside_another_does_not_lead_astray() -> None:
    """The last 24 bytes are a good tail, of something else."""
    assert code(lambda: found(DATA + DATA)) == "trailing_data"
    assert code(lambda: found(DATA + DATA[-24:])) == "trailing_data"
    assert code(lambda: found(DATA[: START + 8] + DATA[-24:])) == "truncated"


def test_saying_what_is_wrong_costs_a_few_bytes_for_each_mebibyte() -> None:
    large = seal([("f", bytes(9 << 20))], compress=False, padding=False)
    start = front_of(large).length
    for data, wanted in (
        (large[:-1], "truncated"),
        (large + b"\0", "trailing_data"),
        (large[:-9] + b"\0" * 9, "bad_layout"),
    ):
        source = Counting(data)
        assert code(lambda source=source: find_trailer(source, start)) == wanted  # type: ignore[misc]
        assert source.count < 1_000


def test_a_file_that_becomes_shorter_meanwhile_is_truncated() -> None:
    class Shrinking(Counting):
        def read_at(self, offset: int, length: int) -> bytes:
            got = super().read_at(offset, length)
            return got[:5] if offset == START + PAYLOAD + s.HEADER else got

    assert code(lambda: find_trailer(Shrinking(DATA), START)) == "truncated"


def test_nothing_behind_the_front_is_truncated() -> None:
    for keep in range(START, START + 60):
        assert code(lambda keep=keep: found(DATA[:keep])) == "truncated"  # type: ignore[misc]


# --- MAC and signatures -----------------------------------------------------------------------------


def keys() -> KeySchedule:
    return KeySchedule(bytes(32), core_hash(b"core"))


def trailer(*signatures: Signature) -> Trailer:
    packed = Layout(500, (1, 1), (bytes(32), bytes(32))).pack()
    return parse_trailer(pack_trailer(packed, keys().trailer_mac(packed), signatures)[8:])


def test_every_bit_of_the_mac_counts() -> None:
    good = trailer()
    check_trailer(good, keys())
    section = bytearray(pack_trailer(good.map, good.mac, ()))
    start = s.HEADER + 4 + len(good.map)
    for bit in range(0, 256, 5):
        section[start + bit // 8] ^= 1 << bit % 8
        changed = parse_trailer(bytes(section[8:]))
        assert code(lambda changed=changed: check_trailer(changed, keys())) == "trailer_mac"  # type: ignore[misc]
        section[start + bit // 8] ^= 1 << bit % 8
    other = KeySchedule(b"\1" * 32, core_hash(b"core"))
    assert code(lambda: check_trailer(good, other)) == "trailer_mac"


def test_a_signature_by_what_is_no_key_is_bad_signature() -> None:
    front = front_of(DATA)
    for raw in (bytes(1_984), b"\xff" * 1_984, SIGNER.public[:1_952] + b"\xff" * 32):
        one = Signature(signer_fingerprint(raw), raw, bytes(3_373))
        assert code(lambda one=one: check_signatures(front, trailer(one), ())) == "bad_signature"  # type: ignore[misc]


def test_both_halves_of_a_signature_and_its_context_count() -> None:
    front = front_of(DATA)
    packed = trailer().map
    message = signed_message(front.bind, packed)
    good = SIGNER.sign(message, CONTEXT)
    assert len(check_signatures(front, trailer(Signature(NAME, SIGNER.public, good)), ())) == 1
    wrong = [
        good[:5] + bytes((good[5] ^ 1,)) + good[6:],
        good[:-5] + bytes((good[-5] ^ 1,)) + good[-4:],
        SIGNER.sign(message, b"tera/v2"),
        SIGNER.sign(message, b""),
        SIGNER.sign(message + b"\0", CONTEXT),
        OTHER_SIGNER.sign(message, CONTEXT),
    ]
    for signature in wrong:
        one = trailer(Signature(NAME, SIGNER.public, signature))
        assert code(lambda one=one: check_signatures(front, one, ())) == "bad_signature"  # type: ignore[misc]
        assert code(lambda one=one: check_signatures(front, one, [OTHER])) == "bad_signature"  # type: ignore[misc]


def test_who_is_announced_or_pinned_is_said_apart() -> None:
    signed = seal(signers=[SIGNER])
    front = front_of(signed)
    end = parse_trailer(dict(sections(signed))["TRAILER"][8:])
    message = signed_message(front.bind, end.map)
    more = Signature(OTHER, OTHER_SIGNER.public, OTHER_SIGNER.sign(message, CONTEXT))
    both = parse_trailer(
        pack_trailer(end.map, end.mac, tuple(sorted((*end.signatures, more), key=lambda x: x.signer)))[8:]
    )
    for pins in ([], [NAME], [OTHER], [NAME, OTHER]):
        shown = {(one.fingerprint, one.required, one.pinned) for one in check_signatures(front, both, pins)}
        assert shown == {(NAME, True, NAME in pins), (OTHER, False, OTHER in pins)}
    alone = parse_trailer(pack_trailer(end.map, end.mac, (more,))[8:])
    assert code(lambda: check_signatures(front, alone, [OTHER])) == "missing_signature"
    assert code(lambda: check_signatures(front, end, [NAME, OTHER])) == "missing_signature"
