"""A plain, slow, whole-file reader of tera containers, written from container.md alone.

It shares no code with any other implementation and follows the text section by section, so that the two can be
held against each other: `read_seekable` takes the steps of "With seeking", `read_pipe` those of "From a pipe",
`inspect` those of "Without a key". Everything is in memory and nothing is fast. It knows no rule: a container
that has rules is refused with `unsupported_rule`, unless `ignore_rules` is set to look at what is inside; the
contents of POLICY (dynamic rules) and the release of shares by authorities are not implemented at all.

    python spec/reference.py FILE [--key TYPE:HEX]... [--key 17:KEY_ID_HEX:HEX] [--passphrase P] [--pipe]
                             [--list] [-C DIR] [--inspect] [--ignore-rules]
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import hmac
import os
import re
import struct
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import zstandard
from blake3 import blake3
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM1024P384PrivateKey,
    Suite,
)
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Key = tuple[int, Any]  # (1 to 4, seed), or (17, (key_id, key-encryption key))


class Refused(Exception):
    """The container is refused; `code` is one of "Errors"."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code


def refuse(code: str, message: str) -> NoReturn:
    raise Refused(code, message)


def need(condition: bool, code: str, message: str) -> None:
    if not condition:
        refuse(code, message)


# ---- Conventions

KIB, MIB, TIB = 1 << 10, 1 << 20, 1 << 40


def u16(n: int) -> bytes:
    return n.to_bytes(2, "big")


def u32(n: int) -> bytes:
    return n.to_bytes(4, "big")


def u64(n: int) -> bytes:
    return n.to_bytes(8, "big")


def number(b: bytes) -> int:
    return int.from_bytes(b, "big")


def H(b: bytes) -> bytes:  # noqa: N802
    return hashlib.sha256(b).digest()


def B3(b: bytes) -> bytes:  # noqa: N802
    return blake3(b).digest()


def HMAC(key: bytes, b: bytes) -> bytes:  # noqa: N802
    return hmac.digest(key, b, "sha256")


def extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt, ikm, "sha512")


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    return HKDFExpand(hashes.SHA512(), length, info).derive(prk)


# ---- Preamble

MAGIC = bytes.fromhex("89544552410D0A1A")
PREAMBLE = MAGIC + bytes([1, 0, 0, 1, 0, 0, 0, 0])


def check_preamble(data: bytes) -> None:
    need(data[:8] == MAGIC, "not_tera", "the magic is not there")
    need(len(data) >= 16, "truncated", "the file ends in the preamble")
    need(data[:16] == PREAMBLE, "unsupported_version", "not version 1.0 with suite 1")


# ---- Section headers

CORE, POLICY, ACCESS, SEGMENT, BLOCK, TRAILER, TAIL = 0x01, 0x02, 0x03, 0x10, 0x11, 0x20, 0x21
DATA, INDEX, LAST = 1, 2, 1
SECTIONS = {
    CORE: ((0,), 33, 65_536),
    POLICY: ((0,), 8, 262_144),
    ACCESS: ((0,), 37, 4_194_304),
    SEGMENT: ((DATA, INDEX), 56, 56),
    BLOCK: ((0, LAST), 16, 1_049_600),
    TRAILER: ((0,), 37, 65_536),
    TAIL: ((0,), 16, 16),
}


class Section(NamedTuple):
    start: int  # of the header
    end: int
    flags: int
    head: bytes
    body: bytes


def section(data: bytes, start: int, kind: int, flags: int | None = None) -> Section:
    """The section of this type (and flags) at `start`: the header is judged first, then whether it fits the file."""
    head = data[start : start + 8]
    need(len(head) == 8, "truncated", f"the file ends before or in the section header at {start}")
    have, flag, zero, length = struct.unpack(">BBHI", head)
    need(have == kind and zero == 0, "bad_section", f"no section of type {kind:#04x} at {start}")
    allowed, low, high = SECTIONS[kind]
    need(flag in allowed and low <= length <= high, "bad_section", f"flags or length at {start}")
    if kind == BLOCK and flag == LAST:
        need(length <= 1_049_599 and length % 16_400 >= 16, "bad_section", f"length of the block at {start}")
    elif kind == BLOCK:
        need(length == 1_049_600, "bad_section", f"length of the block at {start}")
    need(flags is None or flag == flags, "bad_section", f"another kind of section is due at {start}")
    end = start + 8 + length
    need(end <= len(data), "truncated", f"the section at {start} ends after the end of the file")
    return Section(start, end, flag, head, data[start + 8 : end])


# ---- Canonical msgpack: what does not encode to the same bytes again was not canonical


def pack(v: Any) -> bytes:
    if v is None or isinstance(v, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[v]
    if isinstance(v, int):
        if -32 <= v < 128:
            return struct.pack(">b", v)
        for code, form, low, high in (
            (0xCC, ">B", 0, 1 << 8), (0xCD, ">H", 0, 1 << 16), (0xCE, ">I", 0, 1 << 32), (0xCF, ">Q", 0, 1 << 64),
            (0xD0, ">b", -1 << 7, 0), (0xD1, ">h", -1 << 15, 0), (0xD2, ">i", -1 << 31, 0), (0xD3, ">q", -1 << 63, 0),
        ):  # fmt: skip
            if low <= v < high:
                return bytes([code]) + struct.pack(form, v)
    if isinstance(v, str):
        return pack_length(len(v.encode()), 0xA0, 32, (0xD9, 0xDA, 0xDB)) + v.encode()
    if isinstance(v, bytes):
        return pack_length(len(v), 0, 0, (0xC4, 0xC5, 0xC6)) + v
    if isinstance(v, list):
        return pack_length(len(v), 0x90, 16, (0, 0xDC, 0xDD)) + b"".join(map(pack, v))
    if isinstance(v, dict):
        items = sorted(v.items(), key=lambda item: item[0].encode())
        return pack_length(len(v), 0x80, 16, (0, 0xDE, 0xDF)) + b"".join(pack(k) + pack(x) for k, x in items)
    raise ValueError("not a value of canonical msgpack")


def pack_length(n: int, fix: int, fix_end: int, codes: tuple[int, int, int]) -> bytes:
    if n < fix_end:
        return bytes([fix + n])
    if codes[0] and n < 1 << 8:
        return bytes([codes[0], n])
    return bytes([codes[1]]) + u16(n) if n < 1 << 16 else bytes([codes[2]]) + u32(n)


class Unpacker:
    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.nodes = data, 0, 0

    def take(self, n: int) -> bytes:
        need(self.at + n <= len(self.data), "not_canonical", "a value ends after the end")
        self.at += n
        return self.data[self.at - n : self.at]

    def value(self, depth: int) -> Any:
        self.nodes += 1
        need(self.nodes <= 65_536, "not_canonical", "too many nodes")
        c = self.take(1)[0]
        if c < 0x80 or c >= 0xE0:
            return c if c < 0x80 else c - 256
        if c in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[c]
        if 0xCC <= c <= 0xD3:
            return int.from_bytes(self.take(1 << (c & 3)), "big", signed=c >= 0xD0)
        if 0xA0 <= c < 0xC0 or 0xD9 <= c <= 0xDB:
            text = self.take(c & 31 if c < 0xC0 else number(self.take(1 << (c - 0xD9))))
            try:
                return text.decode()
            except UnicodeDecodeError:
                refuse("not_canonical", "str that is not UTF-8")
        if 0xC4 <= c <= 0xC6:
            return self.take(number(self.take(1 << (c - 0xC4))))
        if 0x80 <= c < 0xA0 or 0xDC <= c <= 0xDF:
            need(depth < 8, "not_canonical", "nested too deep")
            n = c & 15 if c < 0xA0 else number(self.take(2 << (c & 1)))
            if 0x90 <= c < 0xA0 or 0xDC <= c <= 0xDD:
                return [self.value(depth + 1) for _ in range(n)]
            return dict([self.pair(depth + 1) for _ in range(n)])
        refuse("not_canonical", f"type {c:#04x}")

    def pair(self, depth: int) -> tuple[str, Any]:
        key = self.value(depth)
        if not isinstance(key, str):
            refuse("not_canonical", "map key that is not str")
        return key, self.value(depth)


def unpack(data: bytes) -> Any:
    value = Unpacker(data).value(0)
    need(pack(value) == data, "not_canonical", "not the canonical encoding")
    return value


# ---- Canonical msgpack: types, ranges and "sorted", for the schemas below (a bool is not an integer)


def is_int(v: Any, low: int, high: int) -> bool:
    return type(v) is int and low <= v <= high


def is_bin(v: Any, low: int, high: int) -> bool:
    return isinstance(v, bytes) and low <= len(v) <= high


def is_str(v: Any, low: int, high: int) -> bool:
    return isinstance(v, str) and low <= len(v.encode()) <= high


def is_ascending(v: list[bytes]) -> bool:
    return all(a < b for a, b in zip(v, v[1:], strict=False))


def is_bins(v: Any, low: int, high: int) -> bool:
    return isinstance(v, list) and low <= len(v) <= high and all(is_bin(x, 32, 32) for x in v) and is_ascending(v)


def is_strs(v: Any, count: int, size: int) -> bool:
    fits = isinstance(v, list) and len(v) <= count and all(is_str(x, 1, size) for x in v)
    return fits and is_ascending([x.encode() for x in v])


def is_map(v: Any, keys: str, optional: str = "") -> bool:
    must, may = set(keys.split()), set(optional.split())
    return isinstance(v, dict) and must <= v.keys() <= must | may


# ---- CORE


def is_rules(v: Any) -> bool:
    if not isinstance(v, list) or not 1 <= len(v) <= 256:
        return False
    names = [rule[0] for rule in v if isinstance(rule, list) and len(rule) == 2]
    good = all(isinstance(name, str) and re.fullmatch("[a-z][a-z0-9_]{0,63}", name) for name in names)
    return good and len(names) == len(v) and is_ascending([name.encode() for name in names])


def is_pol(pol: Any) -> bool:
    if not isinstance(pol, dict) or not isinstance(pol.get("m"), str):
        return False
    if pol["m"] in ("none", "sealed"):
        return is_map(pol, "m")
    if pol["m"] == "static":
        return is_map(pol, "m rules") and is_rules(pol["rules"])
    fits = pol["m"] == "dynamic" and is_map(pol, "auth m min pid") and is_bins(pol["auth"], 1, 4)
    return fits and is_int(pol["min"], 0, 2**64 - 1) and is_bin(pol["pid"], 16, 16)


def parse_core(core_map: bytes) -> dict[str, Any]:
    core = unpack(core_map)
    if not isinstance(core, dict) or not is_map(core, "id pad pol release req sig t tags x"):
        refuse("bad_core", "not a map of the keys of CORE")
    good = {
        "id": is_bin(core["id"], 16, 16),
        "pad": is_int(core["pad"], 0, 1),
        "pol": is_pol(core["pol"]),
        "release": is_bins(core["release"], 0, 4),
        "req": is_strs(core["req"], 16, 64),
        "sig": is_bins(core["sig"], 0, 4),
        "t": is_int(core["t"], 0, 253_402_300_799),
        "tags": is_strs(core["tags"], 64, 128),
        "x": isinstance(core["x"], dict) and len(pack(core["x"])) <= 16 * KIB,
    }
    for key, fine in good.items():
        need(fine, "bad_core", f"CORE: {key}")
    readable = core["pol"]["m"] in ("static", "dynamic")
    need(not core["release"] or readable, "bad_core", "authorities for rules that they cannot read")
    need(not core["req"], "unknown_feature", f"features {core['req']}")
    return core


def fingerprint(algorithm: int, public_key: bytes) -> bytes:
    return H(b"tera/v1/fpr\0" + u16(algorithm) + public_key)


# ---- POLICY (its structure; the contents are not implemented)


def check_policy(body: bytes) -> None:
    at = 0
    for kind in (dict, list):
        need(at + 4 <= len(body), "bad_policy", "POLICY is too short")
        end = at + 4 + number(body[at : at + 4])
        need(end <= len(body), "bad_policy", "POLICY is too short")
        need(isinstance(unpack(body[at + 4 : end]), kind), "bad_policy", "envelope or signatures")
        at = end
    need(not any(body[at:]), "bad_policy", "slack that is not zero")


# ---- ACCESS

STANZA_LENGTHS = {1: 1168, 2: 1713, 3: 1136, 4: 1616, 16: 80, 17: 80, 32: 1168, 33: 1713}


class Stanza(NamedTuple):
    group: int
    type: int
    hint: bytes
    params: list[Any]
    ct: bytes


def is_params(kind: int, v: Any) -> bool:
    if not isinstance(v, list) or len(v) != {16: 4, 17: 2, 32: 2, 33: 2}.get(kind, 0):
        return False
    if kind == 16:
        m, t, p, salt = v
        fits = is_int(m, 19_456, 1_048_576) and is_int(t, 1, 16) and is_int(p, 1, 16)
        return fits and m * t <= 4_194_304 and is_bin(salt, 16, 16)
    if kind == 17:
        return is_bin(v[0], 0, 64) and is_bin(v[1], 16, 16)
    return kind < 16 or (is_bin(v[0], 32, 32) and is_bin(v[1], 1, 64))


def parse_stanza(v: Any) -> Stanza:
    if not isinstance(v, list) or len(v) != 5:
        refuse("bad_access", "a stanza is an array of five")
    group, kind, hint, params, ct = v
    need(is_int(group, 0, 1023), "bad_access", "group")
    if not is_int(kind, 1, 33) or kind not in STANZA_LENGTHS:
        refuse("bad_access", "no such type of stanza")
    need(is_bin(hint, 0, 4) and len(hint) in ((0, 4) if kind <= 4 else (0,)), "bad_access", "hint")
    need(is_params(kind, params), "bad_access", "params")
    need(is_bin(ct, STANZA_LENGTHS[kind], STANZA_LENGTHS[kind]), "bad_access", "ct")
    return Stanza(group, kind, hint, params, ct)


def parse_access(body: bytes) -> list[Stanza]:
    end = 4 + number(body[:4])
    need(end <= len(body) - 32, "bad_access", "the map is longer than the section")
    top = unpack(body[4:end])
    if not isinstance(top, list) or len(top) != 2 or not is_int(top[0], 1, 1) or not isinstance(top[1], list):
        refuse("bad_access", "not [1, [stanza, ...]]")
    need(1 <= len(top[1]) <= 1024, "bad_access", "1 to 1,024 stanzas")
    stanzas = [parse_stanza(v) for v in top[1]]
    groups = [s.group for s in stanzas]
    steps = [b - a for a, b in zip([-1, *groups], groups, strict=False)]
    need(steps[0] == 1 and set(steps) <= {0, 1}, "bad_access", "order of groups")
    need(max(map(groups.count, set(groups))) <= 8, "bad_access", "more than 8 stanzas in a group")
    need([s.type for s in stanzas].count(16) <= 4, "bad_access", "more than 4 passphrases")
    need(not any(body[end:-32]), "bad_access", "slack that is not zero")
    return stanzas


def check_release(stanzas: list[Stanza], release: list[bytes]) -> None:
    for group in {s.group for s in stanzas}:
        members = [s for s in stanzas if s.group == group]
        asked = sorted(s.params[0] for s in members if s.type >= 32)
        need(asked == release and len(members) > len(asked), "bad_access", "authorities of a group")


# ---- Reading, step 1, and what follows from it without the key


@dataclass
class Front:
    size: int
    core: dict[str, Any]
    kc: bytes
    h_core: bytes
    h_bind: bytes
    access: Section
    stanzas: list[Stanza]


def read_front(data: bytes) -> Front:
    check_preamble(data)
    s = section(data, 16, CORE)
    core_map, kc = s.body[:-32], s.body[-32:]
    core = parse_core(core_map)
    if core["pol"]["m"] == "dynamic":
        s = section(data, s.end, POLICY)
        check_policy(s.body)
    s = section(data, s.end, ACCESS)
    stanzas = parse_access(s.body)
    check_release(stanzas, core["release"])
    h_core = H(b"tera/v1/core\0" + PREAMBLE + u32(len(core_map)) + core_map)
    return Front(s.end, core, kc, h_core, H(b"tera/v1/bind\0" + h_core + kc), s, stanzas)


# ---- ACCESS: HPKE types


class Recipient(NamedTuple):
    suite: Suite
    private: Any
    public: bytes  # raw


def recipient(kind: int, seed: bytes) -> Recipient:
    """The key pair that a seed stands for; the hybrid KEMs expand theirs with SHAKE256."""
    aead = AEAD.AES_256_GCM
    if kind == 1:
        b = hashlib.shake_256(checked(seed, 32)).digest(96)
        m768, x = mlkem.MLKEM768PrivateKey.from_seed_bytes(b[:64]), x25519.X25519PrivateKey.from_private_bytes(b[64:])
        public = m768.public_key().public_bytes_raw() + x.public_key().public_bytes_raw()
        return Recipient(Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, aead), MLKEM768X25519PrivateKey(m768, x), public)
    if kind == 2:
        b = hashlib.shake_256(checked(seed, 32)).digest(112)
        m1024, p = mlkem.MLKEM1024PrivateKey.from_seed_bytes(b[:64]), ec.derive_private_key(number(b[64:]), ec.SECP384R1())
        point = p.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        public = m1024.public_key().public_bytes_raw() + point
        return Recipient(Suite(KEM.MLKEM1024_P384, KDF.HKDF_SHA384, aead), MLKEM1024P384PrivateKey(m1024, p), public)
    if kind == 3:
        three = mlkem.MLKEM768PrivateKey.from_seed_bytes(checked(seed, 64))
        return Recipient(Suite(KEM.MLKEM768, KDF.HKDF_SHA256, aead), three, three.public_key().public_bytes_raw())
    if kind == 4:
        four = mlkem.MLKEM1024PrivateKey.from_seed_bytes(checked(seed, 64))
        return Recipient(Suite(KEM.MLKEM1024, KDF.HKDF_SHA384, aead), four, four.public_key().public_bytes_raw())
    raise ValueError("keys are of type 1 to 4 or 17")


def checked(secret: bytes, length: int) -> bytes:
    if len(secret) != length:
        raise ValueError(f"this type of key has {length} bytes")
    return secret


def stanza_info(label: bytes, front: Front, s: Stanza) -> bytes:
    return label + front.h_bind + u16(s.type) + H(pack(s.params))


def open_hpke(front: Front, s: Stanza, key: Recipient) -> bytes | None:
    try:
        return bytes(key.suite.decrypt(s.ct, key.private, stanza_info(b"tera/v1 stanza\0", front, s)))
    except Exception:  # whatever the library says, the stanza did not open
        return None


def hint_of(s: Stanza, key: Recipient) -> bytes:
    return HMAC(H(key.public), b"tera/v1 hint\0" + s.ct[:-48])[:4]


# ---- ACCESS: wrapped types


def open_wrapped(front: Front, s: Stanza, secret: bytes) -> bytes | None:
    both = expand(extract(s.params[-1], secret), stanza_info(b"tera/v1 wrap\0", front, s), 64)
    if not hmac.compare_digest(both[32:], s.ct[:32]):
        return None
    try:
        return AESGCM(both[:32]).decrypt(bytes(12), s.ct[32:], None)
    except Exception:
        return None


def stretch(passphrase: str, s: Stanza) -> bytes:
    m, t, p, salt = s.params
    text = unicodedata.normalize("NFC", passphrase).encode()
    return Argon2id(salt=salt, length=32, iterations=t, lanes=p, memory_cost=m).derive(text)


# ---- ACCESS: Opening


def first_group(stanzas: list[Stanza], shares: dict[int, bytes]) -> bytes | None:
    """The file key from the first group of which every stanza has its share."""
    for group in range(stanzas[-1].group + 1):
        members = [i for i, s in enumerate(stanzas) if s.group == group]
        if all(i in shares for i in members):
            key = bytes(32)
            for i in members:
                key = bytes(a ^ b for a, b in zip(key, shares[i], strict=True))
            return key
    return None


def find_file_key(front: Front, keys: list[Key], passphrase: str | None) -> bytes:
    recipients = [(kind, recipient(kind, secret)) for kind, secret in keys if kind != 17]
    wrapping = [(secret[0], checked(secret[1], 32)) for kind, secret in keys if kind == 17]
    stanzas, shares, broken, tried = front.stanzas, dict[int, bytes](), False, False
    for i, s in enumerate(stanzas):
        for kind, key in recipients:
            fits = kind == s.type and s.hint == hint_of(s, key)
            if i in shares or not (fits or (kind == s.type and not s.hint)):
                continue
            share = open_hpke(front, s, key)
            broken = broken or (fits and share is None)
            if share is not None:
                shares[i] = share
        for key_id, kek in wrapping:
            if s.type == 17 and s.params[0] == key_id and i not in shares:
                share = open_wrapped(front, s, kek)
                if share is not None:
                    shares[i] = share
    fk = first_group(stanzas, shares)
    for group in range(stanzas[-1].group + 1):  # only now what is dear, and only where nothing else is missing
        members = [(i, s) for i, s in enumerate(stanzas) if s.group == group]
        if fk is not None or passphrase is None or any(s.type != 16 and i not in shares for i, s in members):
            continue
        for i, s in members:
            if s.type == 16:
                tried = True
                share = open_wrapped(front, s, stretch(passphrase, s))
                if share is None:
                    break
                shares[i] = share
        fk = first_group(stanzas, shares)
    if fk is None:
        need(not broken, "bad_stanza", "a stanza for one of the keys does not open")
        need(not tried, "wrong_passphrase", "the passphrase opens no stanza")
        refuse("no_key", "no key opens a group")
    return fk


# ---- Reading, steps 1 to 4; Keys


def refuse_rules(rules: Any, ignore_rules: bool) -> None:
    need(not rules or ignore_rules, "unsupported_rule", "the container has rules, and this reader knows none")


def unlock(data: bytes, keys: list[Key], passphrase: str | None, ignore_rules: bool) -> tuple[Front, bytes]:
    front = read_front(data)
    refuse_rules(front.core["pol"]["m"] == "dynamic", ignore_rules)
    refuse_rules(front.core["pol"].get("rules"), ignore_rules)
    prk = extract(front.h_core, find_file_key(front, keys, passphrase))
    kc = expand(prk, b"tera/v1 key-commitment", 32)
    need(hmac.compare_digest(kc, front.kc), "key_commitment", "this is not the key that CORE commits to")
    text = b"tera/v1/access\0" + front.h_bind + front.access.head + front.access.body[:-32]
    mac = HMAC(expand(prk, b"tera/v1 access-mac", 32), text)
    need(hmac.compare_digest(mac, front.access.body[-32:]), "access_mac", "ACCESS was changed")
    return front, prk


# ---- Payload


def open_segment(front: Front, prk: bytes, kind: int, s: Section) -> tuple[AESGCM, int]:
    k_seg = expand(prk, b"tera/v1 segment" + bytes([kind]), 32)
    ctx = b"tera/v1\0" + front.h_bind + bytes([kind])
    label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM" + b"\0"
    out = expand(k_seg, label + s.body[:24] + ctx, 76)
    need(hmac.compare_digest(out[44:], s.body[24:]), "segment_commitment", "the segment is not of this key")
    return AESGCM(out[:32]), number(out[32:44])


def open_block(crypt: tuple[AESGCM, int], n: int, body: bytes) -> bytes:
    plain = b""
    for j in range(0, len(body), 16_400):
        nonce = crypt[1] ^ (n * 64 + j // 16_400)
        try:
            plain += crypt[0].decrypt(nonce.to_bytes(12, "big"), body[j : j + 16_400], None)
        except Exception:
            refuse("bad_chunk", f"chunk {n * 64 + j // 16_400} does not verify")
    return plain


class Stream:
    """The plaintext of blocks, which are taken only when their bytes are needed."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.blocks, self.buffer, self.read = blocks, b"", 0

    def fill(self, n: int) -> bool:
        while len(self.buffer) < n:
            block = next(self.blocks, None)
            if block is None:
                return False
            self.buffer += block
        return True

    def take(self, n: int) -> bytes:
        need(self.fill(n), "bad_record", "the plaintext ends in a record")
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        self.read += n
        return out


# ---- Limits


@dataclass
class Limits:
    index: int = 256 * MIB
    entries: int = 1_000_000
    plaintext: int = TIB


LIMITS = Limits()

# ---- Records

MANIFEST, ENTRY, FRAME, END, PAD = 1, 2, 3, 4, 5


class Row(NamedTuple):
    """What INDEX says of one entry."""

    path: bytes
    type: int
    mode: int
    mtime: int
    size: int
    b3: bytes
    entry_length: int
    frames: list[int]


@dataclass
class Entry:
    path: str
    type: int
    mode: int
    mtime: int
    mime: str | None
    x: dict[str, Any] | None
    content: bytes
    b3: bytes


def padme(n: int) -> int:
    e = n.bit_length() - 1
    m = 2 ** (e - e.bit_length()) - 1
    return (n + m) & ~m


def pad_bodies(length: int) -> list[int]:
    """The lengths of the bodies of the PAD records that follow `length` bytes of records."""
    k, last = divmod(padme(length + 8) - length - 8, 1_048_584)
    return [MIB] * k + [last]


def padded(length: int, pad: int) -> int:
    return padme(length + 8) if pad else length


FORBIDDEN = re.compile("[\0-\x1f\x7f-\x9f\\\\\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Paths:
    """The rules of "Paths", over the entries so far."""

    def __init__(self) -> None:
        self.seen: dict[bytes, int] = {}
        self.parents: set[bytes] = set()

    def add(self, path: bytes, kind: int) -> None:
        try:
            text = path.decode()
        except UnicodeDecodeError:
            refuse("bad_path", "not UTF-8")
        parts = path.split(b"/")
        need(1 <= len(path) <= 1024 and len(parts) <= 64, "bad_path", "too long")
        need(all(1 <= len(p) <= 255 and p not in (b".", b"..") for p in parts), "bad_path", "a part of a path")
        need(not FORBIDDEN.search(text), "bad_path", "a character that is not allowed")
        need(path not in self.seen, "bad_path", "a path occurs twice")
        above = [b"/".join(parts[:i]) for i in range(1, len(parts))]
        need(all(self.seen.get(p) != 0 for p in above), "bad_path", "a path below a file")
        need(kind != 0 or path not in self.parents, "bad_path", "a path below a file")
        self.seen[path] = kind
        self.parents.update(above)


def record_header(stream: Stream) -> tuple[int, int, int]:
    kind, flags, zero, length = struct.unpack(">BBHI", stream.take(8))
    need(zero == 0 and flags in ((0, 1) if kind == FRAME else (0,)), "bad_record", "flags of a record")
    return kind, flags, length


def read_manifest(stream: Stream, sealed: bool, expected: int | None) -> tuple[dict[str, Any], int]:
    kind, _, length = record_header(stream)
    need(kind == MANIFEST, "bad_record", "the first record is not the manifest")
    need(length <= 16 * MIB, "bad_manifest", "longer than 16 MiB")
    need(expected in (None, length), "bad_index", "length of the manifest")
    manifest = unpack(stream.take(length))
    if not isinstance(manifest, dict) or not is_map(manifest, "json rules tags" if sealed else "json tags"):
        refuse("bad_manifest", "not a map of the keys of MANIFEST")
    need(isinstance(manifest["json"], bytes), "bad_manifest", "json")
    need(is_strs(manifest["tags"], 64, 128), "bad_manifest", "tags")
    need(not sealed or is_rules(manifest["rules"]), "bad_manifest", "rules")
    return manifest, length


def parse_entry(body: bytes) -> dict[str, Any]:
    entry = unpack(body)
    if not isinstance(entry, dict) or not is_map(entry, "mode mtime path type", "mime x"):
        refuse("bad_record", "not a map of the keys of ENTRY")
    mime = entry.get("mime", "x")
    good = is_str(mime, 1, 255) and all(" " <= c <= "~" for c in mime)
    good = good and is_int(entry["mode"], 0, 0o777) and is_int(entry["mtime"], -(2**63), 2**63 - 1)
    good = good and isinstance(entry["path"], str) and is_int(entry["type"], 0, 1)
    good = good and isinstance(entry.get("x", {}), dict) and entry.get("x") != {}
    need(good, "bad_record", "a value of ENTRY")
    return entry


def open_frame(flags: int, body: bytes) -> bytes:
    raw_len, data = number(body[:4]), body[4:]
    need(1 <= raw_len <= MIB, "bad_record", "raw_len of a frame")
    if not flags:
        need(len(data) == raw_len, "bad_record", "length of a frame")
        return data
    need(1 <= len(data) < raw_len and data[:4] == b"\x28\xb5\x2f\xfd", "bad_frame", "not one zstd frame")
    try:
        frame = zstandard.get_frame_parameters(data)
        fits = frame.content_size == raw_len and frame.dict_id == 0 and frame.window_size <= 8 * MIB
        plain = zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False) if fits else b""
    except Exception:
        refuse("bad_frame", "zstd does not decompress it")
    need(fits and len(plain) == raw_len, "bad_frame", "declared size, dictionary or window")
    return plain


def read_file(stream: Stream, kind: int, row: Row | None, room: int) -> tuple[bytes, bytes, list[int]]:
    """The FRAMEs and the END of one entry: content, b3, stored lengths."""
    parts: list[bytes] = []
    stored: list[int] = []
    while True:
        record, flags, length = record_header(stream)
        if record != FRAME:
            break
        need(kind == 0 and all(len(p) == MIB for p in parts), "bad_record", "a frame that is not due")
        need(4 <= length <= 4 + MIB, "bad_record", "length of a frame")
        body = stream.take(length)
        part = open_frame(flags, body)
        parts.append(part)
        stored.append(length - 4)
        if row is not None:
            left = row.size - MIB * (len(parts) - 1)
            same = row.frames[len(parts) - 1 : len(parts)] == stored[-1:] and len(part) == min(left, MIB)
            need(same, "bad_index", "a frame is not that of the index")
        room -= len(part)
        need(room >= 0, "limit_exceeded", "too much plaintext")
    need(record == END and length == 40, "bad_record", "no END")
    body, content = stream.take(40), b"".join(parts)
    need(number(body[:8]) == len(content), "bad_record", "size in END")
    b3 = bytes(32) if kind else B3(content)
    need(b3 == body[8:], "bad_digest", "the digest of the file is another")
    need(row is None or (row.size, row.b3) == (len(content), b3), "bad_index", "END is not that of the index")
    return content, b3, stored


def read_entries(stream: Stream, rows: list[Row] | None) -> Iterator[tuple[Entry, Row]]:
    """Every entry up to PAD or the end; the header of the first PAD stays in the stream."""
    paths, count, room = Paths(), 0, LIMITS.plaintext
    while stream.fill(8) and stream.buffer[0] != PAD:
        kind, _, length = record_header(stream)
        need(kind == ENTRY and length <= 64 * KIB, "bad_record", "no ENTRY of at most 64 KiB")
        count += 1
        need(count <= LIMITS.entries, "limit_exceeded", "too many entries")
        e = parse_entry(stream.take(length))
        path = e["path"].encode()
        paths.add(path, e["type"])
        row = None
        if rows is not None:
            need(count <= len(rows), "bad_index", "more entries than in the index")
            row = rows[count - 1]
            same = (path, e["type"], e["mode"], e["mtime"], length) == (*row[:4], row.entry_length)
            need(same, "bad_index", "ENTRY is not that of the index")
        content, b3, stored = read_file(stream, e["type"], row, room)
        room -= len(content)
        seen = Row(path, e["type"], e["mode"], e["mtime"], len(content), b3, length, stored)
        yield Entry(e["path"], e["type"], e["mode"], e["mtime"], e.get("mime"), e.get("x"), content, b3), seen
    need(rows is None or count == len(rows), "bad_index", "fewer entries than in the index")


def read_padding(stream: Stream, pad: int) -> None:
    for length in pad_bodies(stream.read) if pad else []:
        need(stream.take(8) == bytes([PAD, 0, 0, 0]) + u32(length), "bad_record", "header of a PAD")
        need(not any(stream.take(length)), "bad_record", "padding that is not zero")
    need(not stream.fill(1), "bad_record", "something follows the last record")


@dataclass
class Contents:
    manifest: dict[str, Any]
    manifest_length: int
    entries: list[Entry]
    rows: list[Row]
    length: int  # of the plaintext


def read_records(front: Front, stream: Stream, index: Index | None, ignore_rules: bool) -> Contents:
    sealed = front.core["pol"]["m"] == "sealed"
    manifest, length = read_manifest(stream, sealed, None if index is None else index.manifest_length)
    refuse_rules(manifest.get("rules"), ignore_rules)
    pairs = list(read_entries(stream, None if index is None else index.rows))
    read_padding(stream, front.core["pad"])
    return Contents(manifest, length, [e for e, _ in pairs], [r for _, r in pairs], stream.read)


# ---- Index


@dataclass
class Index:
    manifest_length: int
    rows: list[Row]
    leaves: list[bytes]


def split(b: bytes, width: int) -> list[bytes]:
    return [b[i : i + width] for i in range(0, len(b), width)]


def parse_index(plain: bytes, pad: int, blocks: int, data_length: int) -> Index:
    need(len(plain) >= 12, "bad_index", "too short")
    n, p, m = (number(b) for b in split(plain[:12], 4))
    need(n <= LIMITS.entries, "limit_exceeded", "too many entries")
    at = 12

    def column(length: int) -> bytes:
        nonlocal at
        need(at + length <= len(plain), "bad_index", "the columns are longer than the index")
        at += length
        return plain[at - length : at]

    *paths, rest = column(p).split(b"\0")
    need(rest == b"" and len(paths) == n, "bad_index", "paths")
    types, modes = list(column(n)), [number(b) for b in split(column(2 * n), 2)]
    mtimes = [int.from_bytes(b, "big", signed=True) for b in split(column(8 * n), 8)]
    sizes = [number(b) for b in split(column(8 * n), 8)]
    b3s, lengths = split(column(32 * n), 32), [number(b) for b in split(column(4 * n), 4)]
    need(sum(sizes) <= LIMITS.plaintext, "limit_exceeded", "too much plaintext")
    counts = [-(-size // MIB) for size in sizes]
    stored = [number(b) for b in split(column(4 * sum(counts)), 4)]
    leaves = split(column(32 * blocks), 32)
    padding = b"".join(bytes([PAD, 0, 0, 0]) + u32(k) + bytes(k) for k in pad_bodies(at)) if pad else b""
    need(plain[at:] == padding, "bad_index", "the columns do not fill the index, or its padding")

    rows, known, total, done = list[Row](), Paths(), 8 + m, 0
    for i in range(n):
        need(types[i] <= 1 and modes[i] <= 0o777 and lengths[i] <= 64 * KIB, "bad_index", "type, mode or length")
        known.add(paths[i], types[i])
        need(types[i] == 0 or (sizes[i] == 0 and not any(b3s[i])), "bad_index", "a directory with content")
        frames = stored[done : done + counts[i]]
        done += counts[i]
        for j, length in enumerate(frames):
            need(1 <= length <= min(MIB, sizes[i] - j * MIB), "bad_index", "length of a frame")
        total += 8 + lengths[i] + sum(12 + length for length in frames) + 48
        rows.append(Row(paths[i], types[i], modes[i], mtimes[i], sizes[i], b3s[i], lengths[i], frames))
    need(m <= 16 * MIB and padded(total, pad) == data_length, "bad_index", "not the length of DATA")
    return Index(m, rows, leaves)


# ---- Digests


def leaf(kind: int, n: int, s: Section) -> bytes:
    return B3(b"\x00" + bytes([kind]) + u32(n) + s.head + s.body)


def root(kind: int, segment: Section, chunks: int, leaves: list[bytes]) -> bytes:
    return B3(b"\x01" + bytes([kind]) + segment.body + u64(chunks) + b"".join(leaves))


def container_digest_of(front: Front, roots: list[bytes], length: int) -> bytes:
    return B3(b"tera/v1/digest\0" + front.h_bind + roots[0] + roots[1] + u64(length))


def content_digest_of(entries: list[Entry]) -> bytes:
    text = b"tera/v1/content\0"
    for path, e in sorted((e.path.encode(), e) for e in entries):
        text += u16(len(path)) + path + bytes([e.type]) + u64(len(e.content)) + e.b3
    return B3(text)


# ---- TRAILER


class Trailer(NamedTuple):
    map_bytes: bytes
    chunks: list[int]
    length: int
    roots: list[bytes]
    mac: bytes
    signatures: bytes


def parse_trailer(body: bytes) -> Trailer:
    end = 4 + number(body[:4])
    need(end + 32 <= len(body), "bad_trailer", "the map is longer than the section")
    t = unpack(body[4:end])
    if not isinstance(t, dict) or not is_map(t, "chunks len roots"):
        refuse("bad_trailer", "not a map of the keys of TRAILER")
    chunks, length, roots = t["chunks"], t["len"], t["roots"]
    good = isinstance(chunks, list) and len(chunks) == 2 and all(is_int(c, 1, 2**32) for c in chunks)
    good = good and is_int(length, 0, 2**64 - 1)
    good = good and isinstance(roots, list) and len(roots) == 2 and all(is_bin(r, 32, 32) for r in roots)
    need(good, "bad_trailer", "a value of the trailer")
    return Trailer(body[4:end], chunks, length, roots, body[end : end + 32], body[end + 32 :])


def check_trailer_mac(front: Front, prk: bytes, t: Trailer) -> None:
    mac = HMAC(expand(prk, b"tera/v1 trailer-mac", 32), b"tera/v1/trailer\0" + front.h_bind + t.map_bytes)
    need(hmac.compare_digest(mac, t.mac), "trailer_mac", "the trailer was changed")


def verify_composite(public: bytes, signature: bytes, message: bytes) -> None:
    """id-MLDSA65-Ed25519-SHA512 of draft-ietf-lamps-pq-composite-sigs with the context "tera/v1"."""
    label, context = b"COMPSIG-MLDSA65-Ed25519-SHA512", b"tera/v1"
    digest = hashlib.sha512(message).digest()
    text = b"CompositeAlgorithmSignatures2025" + label + bytes([len(context)]) + context + digest
    try:
        mldsa.MLDSA65PublicKey.from_public_bytes(public[:1952]).verify(signature[:3309], text, label)
        ed25519.Ed25519PublicKey.from_public_bytes(public[1952:]).verify(signature[3309:], text)
    except Exception:
        refuse("bad_signature", "a signature does not verify")


def check_signatures(front: Front, t: Trailer) -> list[bytes]:
    """The fingerprints of all who have signed; the pinned ones (`sig` of CORE) are among them."""
    signatures = unpack(t.signatures)
    if not isinstance(signatures, list) or len(signatures) > 8:
        refuse("bad_trailer", "signatures are an array of at most 8")
    for s in signatures:
        good = isinstance(s, list) and len(s) == 4 and is_bin(s[0], 32, 32) and is_int(s[1], 1, 1)
        good = good and is_bin(s[2], 1984, 1984) and is_bin(s[3], 3373, 3373)
        need(good and s[0] == fingerprint(0x0101, s[2]), "bad_trailer", "form of a signature")
    signers = [s[0] for s in signatures]
    need(is_ascending(signers), "bad_trailer", "order of signatures")
    message = b"tera/v1/sig\0" + front.h_bind + hashlib.sha512(t.map_bytes).digest()
    for s in signatures:
        verify_composite(s[2], s[3], message)
    need(set(front.core["sig"]) <= set(signers), "missing_signature", "a signature that CORE lists is not there")
    return signers


# ---- TAIL

TAIL_HEAD, TAIL_MAGIC = bytes([TAIL, 0, 0, 0]) + u32(16), bytes.fromhex("5452411A")


def walk(data: bytes, start: int) -> NoReturn:
    """Locating: there is no TAIL at the end that fits; say what is wrong."""
    for kind in (DATA, INDEX):
        s = section(data, start, SEGMENT, kind)
        s = section(data, s.end, BLOCK)
        while s.flags != LAST:
            s = section(data, s.end, BLOCK)
        start = s.end
    s = section(data, section(data, start, TRAILER).end, TAIL)
    need(s.end == len(data), "trailing_data", "something follows TAIL")
    refuse("bad_layout", "TAIL does not fit")


def locate(data: bytes, front: Front) -> tuple[int, Section]:
    """Locating: the length of the payload as TAIL has it, and the TRAILER."""
    tail = data[-24:]
    payload, trailer = number(tail[8:16]), number(tail[16:20])
    fits = front.size + payload + trailer + 24 == len(data)
    if tail[:8] != TAIL_HEAD or tail[20:] != TAIL_MAGIC or not fits:
        walk(data, front.size)
    s = section(data, front.size + payload, TRAILER)
    need(s.end - s.start == trailer, "bad_layout", "the length of TRAILER in TAIL")
    return payload, s


class Segment(NamedTuple):
    section: Section
    chunks: int
    blocks: int
    end: int
    length: int  # of the plaintext


def segment_at(data: bytes, start: int, kind: int, chunks: int, payload_end: int) -> Segment:
    """Locating: a segment by its number of chunks, through the header of its last block."""
    s = section(data, start, SEGMENT, kind)
    blocks = -(-chunks // 64)
    need(start + 64 + (blocks - 1) * 1_049_608 + 8 <= payload_end, "bad_layout", "chunks of a segment")
    last = block_at(data, start, blocks - 1, blocks)
    in_last = len(last.body) // 16_400 + 1
    need(in_last == chunks - 64 * (blocks - 1), "bad_layout", "the last block does not fit the number of chunks")
    need(last.end <= payload_end, "bad_layout", "the segment is longer than the payload")
    return Segment(s, chunks, blocks, last.end, (blocks - 1) * MIB + len(last.body) - 16 * in_last)


def block_at(data: bytes, start: int, n: int, blocks: int) -> Section:
    s = section(data, start + 64 + n * 1_049_608, BLOCK)
    need(s.flags == (LAST if n == blocks - 1 else 0), "bad_layout", "flags of a block")
    return s


def segments_of(data: bytes, front: Front, t: Trailer) -> tuple[Segment, Segment]:
    end = front.size + t.length
    one = segment_at(data, front.size, DATA, t.chunks[0], end)
    two = segment_at(data, one.end, INDEX, t.chunks[1], end)
    need(two.end == end, "bad_layout", "INDEX does not end where TRAILER starts")
    return one, two


# ---- Reading


@dataclass
class Container:
    id: bytes
    tags: list[str]
    private_tags: list[str]
    manifest_json: bytes
    rules: list[Any] | None  # None for dynamic rules too
    entries: list[Entry]
    signers: list[bytes]
    container_digest: bytes
    content_digest: bytes
    h_bind: bytes


def finish(front: Front, contents: Contents, signers: list[bytes], digest: bytes) -> Container:
    core, manifest = front.core, contents.manifest
    rules = core["pol"].get("rules", manifest.get("rules"))
    content_digest = content_digest_of(contents.entries)
    return Container(
        core["id"], core["tags"], manifest["tags"], manifest["json"], rules, contents.entries,
        signers, digest, content_digest, front.h_bind,
    )  # fmt: skip


# ---- Reading: With seeking


def read_seekable(
    data: bytes, keys: list[Key], *, passphrase: str | None = None, ignore_rules: bool = False
) -> Container:
    front, prk = unlock(data, keys, passphrase, ignore_rules)  # 1 to 4
    payload, s = locate(data, front)  # 5
    t = parse_trailer(s.body)
    check_trailer_mac(front, prk, t)
    need(t.length == payload, "bad_layout", "the length of the payload in TAIL")
    signers = check_signatures(front, t)
    one, two = segments_of(data, front, t)  # 6
    need(two.length <= LIMITS.index, "limit_exceeded", "the index is too large")
    data_crypt, index_crypt = (open_segment(front, prk, k, g.section) for k, g in ((DATA, one), (INDEX, two)))
    blocks = [block_at(data, one.end, n, two.blocks) for n in range(two.blocks)]
    leaves = [leaf(INDEX, n, b) for n, b in enumerate(blocks)]
    need(root(INDEX, two.section, two.chunks, leaves) == t.roots[1], "bad_root", "the root of INDEX")
    plain = b"".join(open_block(index_crypt, n, b.body) for n, b in enumerate(blocks))
    index = parse_index(plain, front.core["pad"], one.blocks, one.length)
    need(root(DATA, one.section, one.chunks, index.leaves) == t.roots[0], "bad_root", "the root of DATA")

    def plaintext() -> Iterator[bytes]:
        for n in range(one.blocks):
            block = block_at(data, front.size, n, one.blocks)
            need(leaf(DATA, n, block) == index.leaves[n], "bad_root", f"block {n} is not that of the index")
            yield open_block(data_crypt, n, block.body)

    contents = read_records(front, Stream(plaintext()), index, ignore_rules)  # 7 and 8
    return finish(front, contents, signers, container_digest_of(front, t.roots, t.length))


# ---- Reading: From a pipe


@dataclass
class Seen:
    """What a reader of a pipe has seen of a segment."""

    section: Section
    end: int
    leaves: list[bytes]
    chunks: int = 0


def pipe_blocks(data: bytes, kind: int, seen: Seen, crypt: tuple[AESGCM, int]) -> Iterator[bytes]:
    flags = 0
    while flags != LAST:
        block = section(data, seen.end, BLOCK)
        plain = open_block(crypt, len(seen.leaves), block.body)
        seen.leaves.append(leaf(kind, len(seen.leaves), block))
        seen.chunks += -(-len(block.body) // 16_400)
        seen.end, flags = block.end, block.flags
        yield plain


def pipe_index(data: bytes, seen: Seen, crypt: tuple[AESGCM, int]) -> bytes:
    plain = b""
    for block in pipe_blocks(data, INDEX, seen, crypt):
        plain += block
        need(len(plain) <= LIMITS.index, "limit_exceeded", "the index is too large")
    return plain


def read_pipe(
    data: bytes, keys: list[Key], *, passphrase: str | None = None, ignore_rules: bool = False
) -> Container:
    front, prk = unlock(data, keys, passphrase, ignore_rules)
    s = section(data, front.size, SEGMENT, DATA)
    one = Seen(s, s.end, [])
    stream = Stream(pipe_blocks(data, DATA, one, open_segment(front, prk, DATA, s)))
    contents = read_records(front, stream, None, ignore_rules)
    s = section(data, one.end, SEGMENT, INDEX)
    two = Seen(s, s.end, [])
    plain = pipe_index(data, two, open_segment(front, prk, INDEX, s))
    index = parse_index(plain, front.core["pad"], len(one.leaves), contents.length)
    same = (index.manifest_length, index.rows) == (contents.manifest_length, contents.rows)
    need(same, "bad_index", "the index is not that of the records")
    need(index.leaves == one.leaves, "bad_root", "the leaves in the index")
    s = section(data, two.end, TRAILER)
    t = parse_trailer(s.body)
    check_trailer_mac(front, prk, t)
    need(t.chunks == [one.chunks, two.chunks] and t.length == two.end - front.size, "bad_layout", "lengths")
    roots = [root(k, g.section, g.chunks, g.leaves) for k, g in ((DATA, one), (INDEX, two))]
    need(roots == t.roots, "bad_root", "the roots in the trailer")
    signers = check_signatures(front, t)
    tail = section(data, s.end, TAIL)
    fits = tail.body == u64(t.length) + u32(s.end - s.start) + TAIL_MAGIC
    need(fits, "bad_layout", "TAIL does not fit")
    need(tail.end == len(data), "trailing_data", "something follows TAIL")
    return finish(front, contents, signers, container_digest_of(front, roots, t.length))


# ---- Reading: Without a key


def inspect(data: bytes) -> dict[str, Any]:
    """What can be checked without a key. All of it is unverified, unless the caller trusts one of the signers."""
    front = read_front(data)
    payload, s = locate(data, front)
    t = parse_trailer(s.body)
    need(t.length == payload, "bad_layout", "the length of the payload in TAIL")
    roots = []
    for kind, g in zip((DATA, INDEX), segments_of(data, front, t), strict=True):
        blocks = (block_at(data, g.section.start, n, g.blocks) for n in range(g.blocks))
        roots.append(root(kind, g.section, g.chunks, [leaf(kind, n, b) for n, b in enumerate(blocks)]))
    need(roots == t.roots, "bad_root", "the roots in the trailer")
    return {
        "core": front.core,
        "h_bind": front.h_bind,
        "stanzas": [(s.group, s.type) for s in front.stanzas],
        "chunks": t.chunks,
        "payload": t.length,
        "roots": roots,
        "container_digest": "tera:" + container_digest_of(front, roots, t.length).hex(),
        "signers": check_signatures(front, t),
    }


# ---- Extracting

DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)( *\..*)?", re.IGNORECASE)


def check_names(entries: list[Entry]) -> None:
    """Refuse, before anything is written, what is impossible or ambiguous in some target."""
    known: dict[str, str] = {}
    for e in entries:
        parts = e.path.split("/")
        for i, part in enumerate(parts):
            possible = not re.search(r'[:<>"|?*]|[. ]$', part) and not DEVICE.fullmatch(part)
            need(possible, "bad_path", f"{e.path!r} is not possible everywhere")
            path = "/".join(parts[: i + 1])
            folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKD", path).casefold())
            need(known.setdefault(folded, path) == path, "bad_path", f"{path!r} and another are one name somewhere")


def extract_into(folder: str, entries: list[Entry]) -> None:
    check_names(entries)
    os.mkdir(folder, 0o700)  # it must be new, so there are no links below it
    for e in entries:
        target = os.path.join(folder, *e.path.split("/"))
        os.makedirs(target if e.type else os.path.dirname(target), exist_ok=True)
        if e.type == 0:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            with os.fdopen(os.open(target, flags, 0o600), "wb") as f:
                f.write(e.content)
    for e in sorted(entries, key=lambda e: e.path.count("/"), reverse=True):
        target = os.path.join(folder, *e.path.split("/"))
        with contextlib.suppress(OSError, OverflowError, ValueError):
            os.utime(target, ns=(e.mtime, e.mtime))
        os.chmod(target, e.mode)


# ---- The command


def key_argument(text: str) -> Key:
    kind, *parts = text.split(":")
    secrets = [bytes.fromhex(part) for part in parts]
    key: Key = (17, (secrets[0], checked(secrets[1], 32))) if int(kind) == 17 else (int(kind), secrets[0])
    if key[0] != 17:
        recipient(*key)
    return key


def main() -> int:
    parser = argparse.ArgumentParser(description="Read a tera container, slowly.")
    parser.add_argument("file")
    parser.add_argument("--key", action="append", default=[], metavar="TYPE:HEX", help="or 17:KEY_ID_HEX:HEX")
    parser.add_argument("--passphrase")
    parser.add_argument("--pipe", action="store_true", help="take the steps of a reader that cannot seek")
    parser.add_argument("--list", action="store_true", help="print the entries, which is the default without -C")
    parser.add_argument("-C", dest="folder", metavar="DIR", help="extract into this folder, which must be new")
    parser.add_argument("--inspect", action="store_true", help="what can be checked without a key")
    parser.add_argument("--ignore-rules", action="store_true")
    args = parser.parse_args()
    try:
        keys = [key_argument(text) for text in args.key]
    except (ValueError, IndexError) as e:
        parser.error(f"--key: {e}")
    try:
        with open(args.file, "rb") as f:
            data = f.read()
        if args.inspect:
            for name, value in inspect(data).items():
                print(f"{name}: {value}")
            return 0
        read = read_pipe if args.pipe else read_seekable
        container = read(data, keys, passphrase=args.passphrase, ignore_rules=args.ignore_rules)
        if args.list or args.folder is None:
            for e in container.entries:
                print(e.b3.hex(), "d" if e.type else "-", f"{e.mode:03o}", len(e.content), ascii(e.path))
            print(f"tera:{container.container_digest.hex()}")
        if args.folder is not None:
            extract_into(args.folder, container.entries)
    except Refused as e:
        print(f"refused: {e.code}: {e}")
        return 1
    except OSError as e:
        parser.error(str(e))
    return 0


if __name__ == "__main__":
    sys.exit(main())
