"""A changed bit, byte, length or section is refused, with a code that belongs to its place, at every door.

Three doors: whole (seeking, everything read), streaming, and keyless (`verify` without an identity). What
nobody can see without the key is stated: ACCESS's stanzas and MAC, and the trailer's MAC, are not covered by
the signature, so the keyless door lets a change of them through if the form is still right.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tera.codec.decode import decode
from tera.codec.inspect import verify
from tera.errors import TeraError
from tests.codec import sealed
from tests.codec.sealed import KEK, SIGNER, Region, opened, regions, seal, sections, tight

Door = Callable[[bytes], object]
OK = "ok"
_FORM = {"not_canonical", "bad_section", "truncated"}
_SHIFTED = {*_FORM, "bad_layout", "bad_trailer", "trailing_data"}

WHOLE: dict[str, set[str]] = {
    "PREAMBLE magic": {"not_tera"},
    "PREAMBLE version": {"unsupported_version"},
    "CORE header": {*_FORM, "bad_core"},
    "CORE map": {"not_canonical", "bad_core", "no_key"},
    "CORE commitment": {"no_key"},
    "ACCESS header": {*_FORM, "bad_access", "access_mac"},
    "ACCESS length": {"not_canonical", "bad_access"},
    "ACCESS map": {"not_canonical", "bad_access", "no_key", "bad_stanza"},
    "ACCESS slack": {"bad_access"},
    "ACCESS mac": {"access_mac"},
    "DATA-SEGMENT header": {"bad_section"},
    "DATA-SEGMENT salt": {"segment_commitment"},
    "DATA-SEGMENT commitment": {"segment_commitment"},
    "DATA-BLOCK header": {"bad_section", "bad_layout"},
    "DATA-BLOCK chunks": {"bad_root"},
    "INDEX-SEGMENT header": {"bad_section"},
    "INDEX-SEGMENT salt": {"segment_commitment"},
    "INDEX-SEGMENT commitment": {"segment_commitment"},
    "INDEX-BLOCK header": {"bad_section", "bad_layout"},
    "INDEX-BLOCK chunks": {"bad_root"},
    "TRAILER header": {"bad_section", "truncated", "bad_layout"},
    "TRAILER length": {"bad_trailer", "not_canonical"},
    "TRAILER map": {"bad_trailer", "not_canonical", "trailer_mac"},
    "TRAILER mac": {"trailer_mac"},
    "TRAILER signatures": {"not_canonical", "bad_trailer", "bad_signature"},
    "TAIL header": {"bad_section", "truncated"},
    "TAIL payload": {"bad_layout"},
    "TAIL trailer": {"bad_layout"},
    "TAIL magic": {"bad_layout"},
}
STREAMING = WHOLE | {
    "DATA-BLOCK header": {*_FORM, "bad_chunk"},
    "DATA-BLOCK chunks": {"bad_chunk"},
    "INDEX-BLOCK header": {*_FORM, "bad_chunk"},
    "INDEX-BLOCK chunks": {"bad_chunk"},
    "TRAILER header": {*_FORM, "bad_trailer"},
}
KEYLESS = WHOLE | {
    "CORE map": {"not_canonical", "bad_core", "bad_signature"},
    "CORE commitment": {"bad_signature"},
    "ACCESS header": {*_SHIFTED, "bad_access"},
    # Unauthenticated to those without the key:
    "ACCESS map": {"not_canonical", "bad_access", OK},
    "ACCESS mac": {OK},
    "TRAILER mac": {OK},
    #
    "DATA-SEGMENT salt": {"bad_root"},
    "DATA-SEGMENT commitment": {"bad_root"},
    "INDEX-SEGMENT salt": {"bad_root"},
    "INDEX-SEGMENT commitment": {"bad_root"},
    "TRAILER map": {"bad_trailer", "not_canonical", "bad_layout", "bad_signature"},
}


def whole(data: bytes) -> None:
    with opened(data) as container:
        sealed.contents(container)


def keyless(data: bytes) -> None:
    verify(io.BytesIO(data))


@pytest.fixture
def streaming(tmp_path: Path) -> Door:
    """Everything is verified in order; no entry is wanted, so that nothing costs a file."""
    return lambda data: decode(io.BytesIO(data), tmp_path, [KEK], stream=True, names=())


@pytest.fixture(scope="module")
def plain() -> bytes:
    return tight(seal(signers=[SIGNER], padding=False))


@pytest.fixture(scope="module")
def padded() -> bytes:
    data = tight(seal([("f", bytes(range(200)))], signers=[SIGNER]))
    with opened(data) as container:
        assert container.core.padding
        assert container.index.records < container.data.plain
    return data


def flips(data: bytes, region: Region, every: int = 1) -> Iterator[bytes]:
    """Yield `data` with one bit of `region` flipped: every bit, or every so many with each of the eight in turn."""
    changed = bytearray(data)
    for bit in range(8 * region.start, 8 * region.stop, every):
        changed[bit >> 3] ^= 1 << (bit & 7)
        yield bytes(changed)
        changed[bit >> 3] ^= 1 << (bit & 7)


def codes(door: Door, changed: Iterable[bytes]) -> set[str]:
    """Return what the door says; an exception that is not tera's fails the test."""
    found: set[str] = set()
    for data in changed:
        try:
            door(data)
        except TeraError as error:
            assert str(error)
            assert "\n" not in str(error)
            found.add(error.code)
        else:
            found.add(OK)
    return found


def check_flips(door: Door, data: bytes, allowed: dict[str, set[str]], density: dict[str, int]) -> None:
    for region in regions(data):
        found = codes(door, flips(data, region, density.get(region.name, density[""])))
        assert found <= allowed[region.name], region.name
        # A list of codes that nothing gives would allow too much; some places are too small to give all.
        if OK in allowed[region.name]:
            assert OK in found, region.name


def test_the_untouched_containers_open(plain: bytes, padded: bytes, streaming: Door) -> None:
    for data in (plain, padded):
        for door in (whole, streaming, keyless):
            door(data)
        names = [region.name for region in regions(data)]
        assert set(names) == set(WHOLE) == set(STREAMING) == set(KEYLESS)


def test_every_flipped_bit_is_refused_when_all_is_read(plain: bytes) -> None:
    check_flips(whole, plain, WHOLE, {"": 1, "TRAILER signatures": 9})


def test_every_flipped_bit_is_refused_without_a_key(plain: bytes) -> None:
    check_flips(keyless, plain, KEYLESS, {"": 1, "TRAILER signatures": 9})


def test_every_flipped_bit_is_refused_when_streaming(plain: bytes, streaming: Door) -> None:
    check_flips(
        streaming,
        plain,
        STREAMING,
        {"": 1, "TRAILER signatures": 71, "TRAILER map": 5, "DATA-BLOCK chunks": 7, "INDEX-BLOCK chunks": 7},
    )


def test_every_flipped_byte_of_a_padded_container_is_refused(padded: bytes, streaming: Door) -> None:
    check_flips(whole, padded, WHOLE, {"": 7, "TRAILER signatures": 99})
    check_flips(keyless, padded, KEYLESS, {"": 7, "TRAILER signatures": 99})
    check_flips(streaming, padded, STREAMING, {"": 23, "TRAILER signatures": 199, "ACCESS mac": 7})


@pytest.mark.parametrize("door", [whole, keyless], ids=lambda door: door.__name__)
def test_every_shorter_file_is_refused(plain: bytes, door: Door) -> None:
    assert codes(door, (plain[:length] for length in range(8))) == {"not_tera"}
    assert codes(door, (plain[:length] for length in range(8, len(plain)))) == {"truncated"}


def test_every_shorter_stream_is_refused(plain: bytes, streaming: Door) -> None:
    assert codes(streaming, (plain[:length] for length in range(8))) == {"not_tera"}
    payload = next(region.start for region in regions(plain) if region.name == "DATA-SEGMENT header")
    assert codes(streaming, (plain[:length] for length in range(8, payload))) == {"truncated"}
    assert codes(streaming, (plain[:length] for length in range(payload, len(plain), 5))) == {"truncated"}


def test_a_byte_after_the_end_is_trailing_data(plain: bytes, streaming: Door) -> None:
    for door in (whole, keyless, streaming):
        for more in (b"\0", b"\x21", plain, plain[-24:]):
            assert codes(door, [plain + more]) == {"trailing_data"}


def inserted(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((at * 37 & 0xFF,)) + data[at:]


@pytest.mark.parametrize("door", [whole, keyless], ids=lambda door: door.__name__)
def test_a_byte_put_in_anywhere_is_refused(plain: bytes, door: Door) -> None:
    found = codes(door, (inserted(plain, at) for at in range(len(plain) + 1)))
    wanted = {*_SHIFTED, "not_tera", "unsupported_version", "bad_core", "bad_access"}
    assert found <= (wanted | {"access_mac"} if door is whole else wanted)


def test_a_byte_put_in_anywhere_is_refused_when_streaming(plain: bytes, streaming: Door) -> None:
    found = codes(streaming, (inserted(plain, at) for at in range(0, len(plain) + 1, 3)))
    assert OK not in found


def rebuilt(parts: Iterable[tuple[str, bytes]]) -> bytes:
    return b"".join(part for _, part in parts)


DROPPED = {
    "PREAMBLE": {"not_tera"},
    "CORE": {"bad_section"},
    "ACCESS": {"bad_section"},
    "DATA-SEGMENT": {"bad_section"},
    "DATA-BLOCK": {"bad_section"},
    "INDEX-SEGMENT": {"bad_section"},
    "INDEX-BLOCK": {"bad_section"},
    "TRAILER": {"bad_section"},
    "TAIL": {"truncated"},
}


def test_every_dropped_section_is_refused(plain: bytes, streaming: Door) -> None:
    parts = sections(plain)
    assert [name for name, _ in parts] == list(DROPPED)
    for at, (name, _) in enumerate(parts):
        changed = rebuilt(parts[:at] + parts[at + 1 :])
        for door in (whole, keyless, streaming):
            assert codes(door, [changed]) == DROPPED[name], (name, door)


def test_every_doubled_section_is_refused(plain: bytes, streaming: Door) -> None:
    parts = sections(plain)
    for at, (name, _) in enumerate(parts):
        changed = rebuilt(parts[: at + 1] + parts[at:])
        for door in (whole, keyless, streaming):
            wanted = {"TAIL": {"trailing_data"}}.get(name, {"bad_section"})
            assert codes(door, [changed]) == wanted, (name, door)


def test_every_two_neighbours_swapped_are_refused(plain: bytes, streaming: Door) -> None:
    parts = sections(plain)
    for at in range(len(parts) - 1):
        changed = rebuilt([*parts[:at], parts[at + 1], parts[at], *parts[at + 2 :]])
        for door in (whole, keyless, streaming):
            assert codes(door, [changed]) == {"not_tera"} if at == 0 else {"bad_section"}


SPLICED: dict[str, tuple[str, str, str]] = {
    # whole, streaming, keyless
    "CORE": ("no_key", "no_key", "bad_signature"),
    "ACCESS": ("no_key", "no_key", OK),
    "DATA-SEGMENT": ("segment_commitment", "segment_commitment", "bad_root"),
    "DATA-BLOCK": ("bad_root", "bad_chunk", "bad_root"),
    "INDEX-SEGMENT": ("segment_commitment", "segment_commitment", "bad_root"),
    "INDEX-BLOCK": ("bad_root", "bad_chunk", "bad_root"),
    "TRAILER": ("trailer_mac", "trailer_mac", "bad_signature"),
}


def test_a_section_of_another_container_with_the_same_keys_is_refused(plain: bytes, streaming: Door) -> None:
    twin = tight(seal(signers=[SIGNER], padding=False))
    ours, theirs = sections(plain), sections(twin)
    for at, (name, _) in enumerate(ours):
        if name not in SPLICED:  # PREAMBLE and TAIL are the same bytes
            assert ours[at] == theirs[at]
            continue
        changed = rebuilt([*ours[:at], theirs[at], *ours[at + 1 :]])
        found = tuple(codes(door, [changed]).pop() for door in (whole, streaming, keyless))
        assert found == SPLICED[name], name


def test_the_payload_of_another_container_under_this_header_is_refused(plain: bytes, streaming: Door) -> None:
    ours, theirs = sections(plain), sections(tight(seal(signers=[SIGNER], padding=False)))
    for from_ in range(3, 9):
        changed = rebuilt(ours[:from_] + theirs[from_:])
        if from_ == 8:
            assert changed == plain
            continue
        for door in (whole, streaming, keyless):
            assert OK not in codes(door, [changed])


def test_nothing_is_written_by_a_whole_decode_that_is_refused(plain: bytes, tmp_path: Path) -> None:
    target = tmp_path / "target"
    for region in regions(plain):
        changed = next(flips(plain, region))
        with pytest.raises(TeraError):
            decode(io.BytesIO(changed), target, [KEK])
        with pytest.raises(TeraError):
            decode(sealed.pipe(changed), target, [KEK])
        assert not target.exists() or not list(target.iterdir()), region.name
