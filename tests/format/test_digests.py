"""Digests: leaves, roots and both digests, said again from the text over BLAKE3 itself."""

from __future__ import annotations

import random
import struct

import pytest
from blake3 import blake3
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from tera.format import digests
from tests.format.hostile import refused
from tests.shared import load

kinds = st.sampled_from([1, 2])
hashes = st.binary(min_size=32, max_size=32)
Item = tuple[str, int, int, bytes]


def b3(data: bytes) -> bytes:
    return blake3(data).digest()


@given(kinds, st.integers(0, 2**32 - 1), st.binary(max_size=300))
def test_a_leaf_is_the_one_of_the_text(kind: int, number: int, block: bytes) -> None:
    wanted = b3(b"\x00" + bytes((kind,)) + struct.pack(">I", number) + block)
    for shape in (bytes, bytearray, memoryview):
        assert digests.leaf(kind, number, shape(block)) == wanted


@given(kinds, st.binary(min_size=56, max_size=56), st.integers(1, 2**32), st.lists(hashes, max_size=5))
def test_a_root_is_the_one_of_the_text(kind: int, head: bytes, chunks: int, leaves: list[bytes]) -> None:
    salt, commitment = head[:24], head[24:]
    wanted = b3(b"\x01" + bytes((kind,)) + salt + commitment + struct.pack(">Q", chunks) + b"".join(leaves))
    assert digests.root(kind, head, chunks, b"".join(leaves)) == wanted
    assert digests.root(kind, head, chunks, memoryview(b"".join(leaves))) == wanted


@given(hashes, hashes, hashes, st.integers(0, 2**64 - 1))
def test_a_container_digest_is_the_one_of_the_text(bind: bytes, data: bytes, index: bytes, payload: int) -> None:
    wanted = b3(b"tera/v1/digest\0" + bind + data + index + struct.pack(">Q", payload))
    assert digests.container_digest(bind, (data, index), payload) == wanted


def test_nothing_that_a_digest_covers_can_change_unseen() -> None:
    one, two, head = bytes(32), b"\1" * 32, bytes(56)
    assert (
        len({digests.leaf(kind, number, block) for kind in (1, 2) for number in (0, 1) for block in (b"", b"x")}) == 8
    )
    roots = {
        digests.root(kind, start, chunks, leaves)
        for kind in (1, 2)
        for start in (head, b"\1" + head[1:], head[:-1] + b"\1")
        for chunks in (1, 2)
        for leaves in (one, two, one + two, two + one)
    }
    assert len(roots) == 48
    found = {
        digests.container_digest(bind, pair, payload)
        for bind in (one, two)
        for pair in ((one, two), (two, one), (one, one))
        for payload in (0, 1)
    }
    assert len(found) == 12


def test_a_leaf_is_never_a_root() -> None:
    """The first byte tells them apart: otherwise a block could be passed off as a list of leaves."""
    head, leaves = bytes(56), bytes(64)
    same = head[4:] + struct.pack(">Q", 1) + leaves
    assert digests.leaf(1, int.from_bytes(head[:4], "big"), same) != digests.root(1, head, 1, leaves)


def test_two_blocks_with_one_key_nonce_and_tag_have_two_leaves() -> None:
    """An insider can make them: a GCM tag is no digest, so the leaf is taken over all of the ciphertext."""
    found = load("adversarial", "gcm_noncommitting.json")["same_tag"]
    case = {name: bytes.fromhex(value) for name, value in found.items()}
    blocks = [case[name] + case["tag"] for name in ("ct_a", "ct_b")]
    for block in blocks:
        AESGCM(case["key"]).decrypt(case["nonce"], block, None)
    assert blocks[0] != blocks[1]
    assert digests.leaf(1, 0, blocks[0]) != digests.leaf(1, 0, blocks[1])


# --- content ----------------------------------------------------------------------------------------

items = st.lists(
    st.tuples(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        st.sampled_from([0, 1]),
        st.integers(0, 2**64 - 1),
        hashes,
    ),
    max_size=6,
    unique_by=lambda item: item[0],
)


@given(items, st.randoms(use_true_random=False))
def test_a_content_digest_is_the_one_of_the_text_in_any_order(found: list[Item], chance: random.Random) -> None:
    text = b"tera/v1/content\0"
    for path, type, size, digest in sorted(found, key=lambda item: item[0].encode()):
        raw = path.encode()
        text += struct.pack(">H", len(raw)) + raw + bytes((type,)) + struct.pack(">Q", size) + digest
    shuffled = list(found)
    chance.shuffle(shuffled)
    assert digests.content_digest(iter(shuffled)) == digests.content_digest(found) == b3(text)


def test_paths_are_in_the_order_of_their_bytes() -> None:
    """Not in that of UTF-16 units, nor of letters."""
    found: list[Item] = [(path, 0, 0, bytes(32)) for path in ("\U00010000", "\uffff", "a", "B", "a/b", "a.b")]
    text = b"tera/v1/content\0"
    for path in ("B", "a", "a.b", "a/b", "\uffff", "\U00010000"):
        text += struct.pack(">H", len(path.encode())) + path.encode() + bytes(1 + 8 + 32)
    assert digests.content_digest(found) == b3(text)


def test_a_name_and_its_neighbour_cannot_trade_letters() -> None:
    one = digests.content_digest([("ab", 0, 1, bytes(32)), ("c", 0, 1, bytes(32))])
    two = digests.content_digest([("a", 0, 1, bytes(32)), ("bc", 0, 1, bytes(32))])
    assert one != two


# --- text form --------------------------------------------------------------------------------------


@given(hashes)
def test_a_digest_is_shown_in_one_form(digest: bytes) -> None:
    shown = digests.show(digest)
    assert shown == "tera:" + digest.hex()
    assert digests.parse(shown) == digests.parse(digest.hex()) == digest


SHOWN = "tera:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "tera:",
            SHOWN[:-1],
            SHOWN + "0",
            SHOWN[:-2],
            SHOWN + "00",
            "tera:" + SHOWN,
            SHOWN[4:],
            "sha256:" + SHOWN[5:],
        ),
        *(SHOWN[:-1] + "g", SHOWN.upper(), "tera:" + SHOWN[5:].upper(), "TERA:" + SHOWN[5:], SHOWN[:-1] + "F"),
        *(" " + SHOWN, SHOWN + " ", SHOWN + "\n", SHOWN[:7] + " " + SHOWN[7:], "tera: " + SHOWN[5:], SHOWN[:-1] + "０"),
    ],
)
def test_another_text_is_no_digest(text: str) -> None:
    refused("bad_input", digests.parse, text)
