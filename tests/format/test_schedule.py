"""Every key is the one that the text derives, said again here with hashlib and hmac alone."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.format.schedule import (
    KeySchedule,
    bind_hash,
    core_hash,
    signed_message,
    stanza_hint,
    stanza_info,
    wrap_info,
)
from tests.format.hostile import refused

FK = bytes(range(32))
CORE_MAP = b"\x81\xa1a\x01"
PREAMBLE = bytes.fromhex("89544552410d0a1a 0100 0001 00000000")


# --- the text again ---------------------------------------------------------------------------------


def h(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, "sha256").digest()


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869, 2.3: T(n) = HMAC(PRK, T(n - 1) || info || n)."""
    out = last = b""
    while len(out) < length:
        last = hmac.new(prk, last + info + bytes((len(out) // 64 + 1,)), "sha512").digest()
        out += last
    return out[:length]


class Text:
    """The section "Keys", line by line."""

    def __init__(self, file_key: bytes, core_map: bytes) -> None:
        self.h_core = h(b"tera/v1/core\0" + PREAMBLE + len(core_map).to_bytes(4, "big") + core_map)
        prk = hmac.new(self.h_core, file_key, "sha512").digest()
        self.kc = expand(prk, b"tera/v1 key-commitment", 32)
        self.h_bind = h(b"tera/v1/bind\0" + self.h_core + self.kc)
        self.k_acc = expand(prk, b"tera/v1 access-mac", 32)
        self.k_trl = expand(prk, b"tera/v1 trailer-mac", 32)
        self.k_seg = {kind: expand(prk, b"tera/v1 segment" + bytes((kind,)), 32) for kind in (1, 2)}

    def segment(self, kind: int, salt: bytes) -> bytes:
        """Key, base nonce and commitment of the section "Payload"."""
        label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM" + b"\0"
        context = b"tera/v1\0" + self.h_bind + bytes((kind,))
        return expand(self.k_seg[kind], label + salt + context, 76)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_every_key_is_the_one_of_the_text(file_key: bytes, core_map: bytes) -> None:
    text, keys = Text(file_key, core_map), KeySchedule(file_key, core_hash(core_map))
    assert core_hash(core_map) == text.h_core
    assert keys.commitment == text.kc
    assert keys.bind == bind_hash(text.h_core, text.kc) == text.h_bind
    assert keys.access_mac(b"header", b"body") == mac(
        text.k_acc, b"tera/v1/access\0" + text.h_bind + b"header" + b"body"
    )
    assert keys.trailer_mac(core_map) == mac(text.k_trl, b"tera/v1/trailer\0" + text.h_bind + core_map)
    for kind in (1, 2):
        assert keys.segment(kind, file_key[:24]).commitment == text.segment(kind, file_key[:24])[44:]


def test_a_segments_key_and_nonce_are_those_of_the_text() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    salt = bytes(range(24))
    for kind in (1, 2):
        okm = Text(FK, CORE_MAP).segment(kind, salt)
        out = bytearray(5 + 16)
        KeySchedule(FK, core_hash(CORE_MAP)).segment(kind, salt).seal_into(
            0, [memoryview(b"plain")], memoryview(out), last=True
        )
        assert out == AESGCM(okm[:32]).encrypt(okm[32:44], b"plain", None)


# Values of this restatement, so that a change of both at once is seen too.
FIXED = {
    "h_core": "af3feba90f31a02c18172ab10e565dbe6fa2cfc96f2c08805c4810293e5a2130",
    "kc": "fd67e4beb076c6c362eb4988bd741f96b34dd0ad220d454f5ee700e63bb0102f",
    "h_bind": "f388f135cf1ef5e2ad6c72e1ef74ee1331f8559ccb1b8ba4b2679345a6c952dd",
    "k_acc": "1bf09322bb119d83cdc893fdac9138296b809cc91efcaea8fa231ec711829a7d",
    "k_trl": "01974a27265cb912ed6ff74b4f55a034e970339f0477a0be211c5943fa7ac683",
}


def test_the_values_of_one_container_never_change() -> None:
    text = Text(FK, CORE_MAP)
    assert {name: getattr(text, name).hex() for name in FIXED} == FIXED
    keys = KeySchedule(FK, core_hash(CORE_MAP))
    assert (keys.commitment.hex(), keys.bind.hex()) == (FIXED["kc"], FIXED["h_bind"])


# --- what binds -------------------------------------------------------------------------------------


def test_the_right_key_fits_its_commitment() -> None:
    text = Text(FK, CORE_MAP)
    assert KeySchedule.checked(FK, text.h_core, text.kc).bind == text.h_bind


@pytest.mark.parametrize("at", range(0, 256, 7))
def test_another_key_core_or_commitment_is_refused(at: int) -> None:
    text = Text(FK, CORE_MAP)

    def flipped(data: bytes) -> bytes:
        return data[: at // 8] + bytes((data[at // 8] ^ 1 << at % 8,)) + data[at // 8 + 1 :]

    refused("key_commitment", KeySchedule.checked, flipped(FK), text.h_core, text.kc)
    refused("key_commitment", KeySchedule.checked, FK, flipped(text.h_core), text.kc)
    refused("key_commitment", KeySchedule.checked, FK, text.h_core, flipped(text.kc))


def test_an_edited_core_gives_other_keys_everywhere() -> None:
    one, two = (KeySchedule(FK, core_hash(core_map)) for core_map in (CORE_MAP, b"\x81\xa1a\x02"))
    assert one.commitment != two.commitment
    assert one.bind != two.bind
    assert one.access_mac(b"x") != two.access_mac(b"x")
    assert one.trailer_mac(b"x") != two.trailer_mac(b"x")
    for kind in (1, 2):
        assert one.segment(kind, bytes(24)).commitment != two.segment(kind, bytes(24)).commitment


def test_no_two_keys_of_a_container_are_equal() -> None:
    text = Text(FK, CORE_MAP)
    assert len({text.kc, text.k_acc, text.k_trl, *text.k_seg.values()}) == 5
    keys = KeySchedule(FK, text.h_core)
    assert keys.access_mac(b"x") != keys.trailer_mac(b"x")
    assert keys.segment(1, bytes(24)).commitment != keys.segment(2, bytes(24)).commitment
    assert keys.segment(1, bytes(24)).commitment != keys.segment(1, b"\1" + bytes(23)).commitment


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_file_key_of_another_length_is_the_callers_bug(length: int) -> None:
    with pytest.raises(ValueError, match="32"):
        KeySchedule(bytes(length), bytes(32))


def test_a_schedule_does_not_show_its_key() -> None:
    keys = KeySchedule(FK, core_hash(CORE_MAP))
    assert FK.hex() not in repr(keys)
    assert repr(FK)[2:-1] not in repr(keys)


# --- what others bind with --------------------------------------------------------------------------


@given(st.integers(0, 65_535), st.binary(max_size=40))
def test_infos_and_messages_are_those_of_the_text(type: int, packed: bytes) -> None:
    bind = h(packed)
    tail = bind + type.to_bytes(2, "big") + h(packed)
    assert stanza_info(bind, type, packed) == b"tera/v1 stanza\0" + tail
    assert wrap_info(bind, type, packed) == b"tera/v1 wrap\0" + tail
    assert signed_message(bind, packed) == b"tera/v1/sig\0" + bind + hashlib.sha512(packed).digest()


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_a_hint_is_the_one_of_the_text(public: bytes, enc: bytes) -> None:
    assert stanza_hint(public, enc) == mac(h(public), b"tera/v1 hint\0" + enc)[:4]
