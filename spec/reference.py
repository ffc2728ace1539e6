"""A plain, slow, whole-file reader of tera containers, written from the text of container.md alone.

It shares no code with any other implementation and goes through the text section by section, so that they
can be held against each other: `read_seekable` takes the steps of "With seeking", `read_pipe` and `read_stream`
those of "From a pipe", `inspect` those of "Without a key". Everything is in memory and nothing is fast. It knows
no rule, so a container that has any is refused with `unsupported_rule`, unless `ignore_rules` is set to look inside.
Not implemented: the contents of POLICY, block lists, the release of shares by authorities, and a choice of limits.

    python spec/reference.py FILE [--key TYPE:HEX]... [--key 17:KEY_ID_HEX:HEX] [--passphrase P] [--signer HEX]...
                             [--pipe | --stream | --inspect] [--list] [-C DIR] [--ignore-rules]
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from itertools import islice, pairwise
from operator import xor
from typing import Any, NamedTuple, NoReturn

import zstandard
from blake3 import blake3
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Key = tuple[int, Any]  # (1 to 4, seed), or (17, (key_id, key-encryption key))


class Refused(Exception):
    """The container is refused; `code` is one of those under "Errors"."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.released: list[Entry] = []  # by read_stream before the refusal, the last one perhaps in part


def refuse(code: str, message: str) -> NoReturn:
    raise Refused(code, message)


def need(condition: bool, code: str, message: str) -> None:
    if not condition:
        raise Refused(code, message)


def attempt(call: Callable[..., Any], *args: Any) -> Any:
    """What a library returns, or None, whatever it raises: the caller says what that means."""
    with contextlib.suppress(Exception):
        return call(*args)
    return None


# ---- Conventions

KIB, MIB, TIB = 1 << 10, 1 << 20, 1 << 40


def be(n: int, size: int) -> bytes:  # u8, u16, u32, u64
    return n.to_bytes(size, "big")


def number(b: bytes) -> int:
    return int.from_bytes(b, "big")


def H(b: bytes) -> bytes:
    return hashlib.sha256(b).digest()


def B3(b: bytes) -> bytes:
    return blake3(b).digest()


def HMAC(key: bytes, b: bytes) -> bytes:
    return hmac.digest(key, b, "sha256")


def extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt, ikm, "sha512")


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    return HKDFExpand(hashes.SHA512(), length, info).derive(prk)


# ---- Preamble

PREAMBLE = bytes.fromhex("89544552410D0A1A 0100 0001 00000000")


def check_preamble(data: bytes) -> None:
    need(data[:8] == PREAMBLE[:8], "not_tera", "the magic is not there")
    need(len(data) >= 16, "truncated", "the file ends in the preamble")
    need(data[:16] == PREAMBLE, "unsupported_version", "not version 1.0 with suite 1")


# ---- Section headers

CORE, POLICY, ACCESS, SEGMENT, BLOCK, TRAILER, TAIL = 0x01, 0x02, 0x03, 0x10, 0x11, 0x20, 0x21
DATA, INDEX, LAST = 1, 2, 1
SECTIONS = {  # (type, flags): the smallest and the largest len
    (CORE, 0): (33, 65_536),
    (POLICY, 0): (8, 262_144),
    (ACCESS, 0): (37, 4_194_304),
    (SEGMENT, DATA): (56, 56),
    (SEGMENT, INDEX): (56, 56),
    (BLOCK, 0): (1_049_600, 1_049_600),
    (BLOCK, LAST): (16, 1_049_599),
    (TRAILER, 0): (37, 65_536),
    (TAIL, 0): (16, 16),
}


def section_header(data: bytes, start: int, kind: int, flags: int | None = None) -> tuple[int, int]:
    """The flags and the length of the section at `start`, which must be of this type (and flags)."""
    head = data[start : start + 8]
    need(len(head) == 8, "truncated", f"the file ends before or in the section header at {start}")
    have, flag, zero, length = struct.unpack(">BBHI", head)
    low, high = SECTIONS.get((have, flag), (1, 0))
    good = have == kind and flags in (None, flag) and zero == 0 and low <= length <= high
    good = good and ((have, flag) != (BLOCK, LAST) or length % 16_400 >= 16)
    need(good, "bad_section", f"type, order, flags or length of the section at {start}")
    return flag, length


class Section(NamedTuple):
    flags: int
    head: bytes
    body: bytes
    end: int


def section(data: bytes, start: int, kind: int, flags: int | None = None) -> Section:
    flag, length = section_header(data, start, kind, flags)
    end = start + 8 + length
    need(end <= len(data), "truncated", f"the section at {start} would end after the end of the file")
    return Section(flag, data[start : start + 8], data[start + 8 : end], end)


# ---- Canonical msgpack: whatever does not encode to the bytes that were read was not canonical


def pack(v: Any) -> bytes:
    if v is None or isinstance(v, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[v]
    if isinstance(v, int):
        if -32 <= v < 128:
            return struct.pack("b", v)
        i = next(i for i in range(4) if -1 << ((8 << i) - 1) <= v < 1 << (8 << i))
        return bytes([(0xCC if v >= 0 else 0xD0) + i]) + v.to_bytes(1 << i, "big", signed=v < 0)
    if isinstance(v, str):
        return pack_length(len(v.encode()), 0xA0, 32, 0xD9, 0) + v.encode()
    if isinstance(v, bytes):
        return pack_length(len(v), 0, 0, 0xC4, 0) + v
    if isinstance(v, list):
        return pack_length(len(v), 0x90, 16, 0xDB, 1) + b"".join(map(pack, v))
    items = sorted(v.items(), key=lambda item: item[0].encode())
    return pack_length(len(v), 0x80, 16, 0xDD, 1) + b"".join(pack(k) + pack(x) for k, x in items)


def pack_length(n: int, fix: int, fix_end: int, code: int, first: int) -> bytes:
    i = next(i for i in range(first, 3) if n < 1 << (8 << i))
    return bytes([fix + n]) if n < fix_end else bytes([code + i]) + be(n, 1 << i)


def unpack(data: bytes) -> Any:
    at = nodes = 0

    def take(n: int) -> bytes:
        nonlocal at
        need(at + n <= len(data), "not_canonical", "a value ends after the end")
        at += n
        return data[at - n : at]

    def value(depth: int) -> Any:
        nonlocal nodes
        nodes += 1
        need(nodes <= 65_536, "not_canonical", "too many nodes")
        c = take(1)[0]
        if c < 0x80 or c >= 0xE0:
            return c if c < 0x80 else c - 256
        if c in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[c]
        if 0xCC <= c <= 0xD3:
            return int.from_bytes(take(1 << (c & 3)), "big", signed=c >= 0xD0)
        if 0xC4 <= c <= 0xC6:
            return take(number(take(1 << (c - 0xC4))))
        if 0xA0 <= c < 0xC0 or 0xD9 <= c <= 0xDB:
            text = attempt(take(c & 31 if c < 0xC0 else number(take(1 << (c - 0xD9)))).decode)
            need(text is not None, "not_canonical", "str that is not UTF-8")
            return text
        need(c < 0xA0 or c >= 0xDC, "not_canonical", f"type {c:#04x}")
        need(depth < 8, "not_canonical", "nested too deep")
        count = range(c & 15 if c < 0xA0 else number(take(2 << (c & 1))))
        if 0x90 <= c < 0xA0 or c in (0xDC, 0xDD):
            return [value(depth + 1) for _ in count]
        pairs = [(value(depth + 1), value(depth + 1)) for _ in count]
        need(all(isinstance(k, str) for k, _ in pairs), "not_canonical", "map key that is not str")
        return dict(pairs)

    result = value(0)
    need(pack(result) == data, "not_canonical", "not the canonical encoding")
    return result


# ---- Canonical msgpack: types, ranges and "sorted", for the schemas below (a bool is not an integer)


def is_int(v: Any, low: int, high: int) -> bool:
    return type(v) is int and low <= v <= high


def is_bin(v: Any, *lengths: int) -> bool:
    return isinstance(v, bytes) and len(v) in lengths


def is_str(v: Any, low: int, high: int) -> bool:
    return isinstance(v, str) and low <= len(v.encode()) <= high


def is_ascending(v: list[bytes]) -> bool:
    return all(a < b for a, b in pairwise(v))


def is_strs(v: Any, count: int, size: int) -> bool:
    fits = isinstance(v, list) and len(v) <= count and all(is_str(x, 1, size) for x in v)
    return fits and is_ascending([x.encode() for x in v])


def is_fingerprints(v: Any, low: int, high: int) -> bool:
    fits = isinstance(v, list) and low <= len(v) <= high and all(is_bin(x, 32) for x in v)
    return fits and is_ascending(v)


def is_map(v: Any, keys: str, optional: str = "") -> bool:
    must = set(keys.split())
    return isinstance(v, dict) and must <= v.keys() <= must | set(optional.split())


# ---- CORE


def is_rules(v: Any) -> bool:
    if not isinstance(v, list) or not 1 <= len(v) <= 256:
        return False
    names = [rule[0] if isinstance(rule, list) and len(rule) == 2 else None for rule in v]
    if not all(isinstance(name, str) and re.fullmatch("[a-z][a-z0-9_]{0,63}", name) for name in names):
        return False
    return is_ascending([str(name).encode() for name in names])


def is_pol(v: Any) -> bool:
    m = v.get("m") if isinstance(v, dict) else None
    if m == "static":
        return is_map(v, "m rules") and is_rules(v["rules"])
    if m == "dynamic":
        good = is_map(v, "auth m min pid") and is_fingerprints(v["auth"], 1, 4)
        return good and is_int(v["min"], 0, 2**64 - 1) and is_bin(v["pid"], 16)
    return m in ("none", "sealed") and is_map(v, "m")


def parse_core(core_map: bytes) -> dict[str, Any]:
    core: dict[str, Any] = unpack(core_map)
    need(is_map(core, "id pad pol release req sig t tags x"), "bad_core", "the keys of CORE")
    good = {
        "id": is_bin(core["id"], 16),
        "pad": is_int(core["pad"], 0, 1),
        "pol": is_pol(core["pol"]),
        "release": is_fingerprints(core["release"], 0, 4),
        "req": is_strs(core["req"], 16, 64),
        "sig": is_fingerprints(core["sig"], 0, 4),
        "t": is_int(core["t"], 0, 253_402_300_799),
        "tags": is_strs(core["tags"], 64, 128),
        "x": isinstance(core["x"], dict) and len(pack(core["x"])) <= 16 * KIB,
    }
    need(all(good.values()), "bad_core", "CORE: " + " ".join(key for key in good if not good[key]))
    readable = core["pol"]["m"] in ("static", "dynamic")
    need(not core["release"] or readable, "bad_core", "authorities, but no rules that they can read")
    need(not core["req"], "unknown_feature", f"features {core['req']}")
    return core


def fingerprint(algorithm: int, public: bytes) -> bytes:
    return H(b"tera/v1/fpr\0" + be(algorithm, 2) + public)


# ---- POLICY: its form only


def check_policy(body: bytes) -> None:
    for kind in (dict, list):
        end = 4 + number(body[:4])
        need(end <= len(body), "bad_policy", "POLICY is too short")
        need(isinstance(unpack(body[4:end]), kind), "bad_policy", "envelope or signatures")
        body = body[end:]
    need(not any(body), "bad_policy", "slack that is not zero")


# ---- ACCESS

CT_LENGTH = {1: 1168, 2: 1713, 3: 1136, 4: 1616, 16: 80, 17: 80, 32: 1168, 33: 1713}


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
        good = is_int(v[0], 19_456, 1_048_576) and is_int(v[1], 1, 16) and is_int(v[2], 1, 16)
        return good and v[0] * v[1] <= 4_194_304 and is_bin(v[3], 16)
    if kind == 17:
        return is_bin(v[0], *range(65)) and is_bin(v[1], 16)
    return kind < 16 or (is_bin(v[0], 32) and is_bin(v[1], *range(1, 65)))


def parse_access(body: bytes) -> list[Stanza]:
    end = 4 + number(body[:4])
    need(end <= len(body) - 32, "bad_access", "the map is longer than the section")
    top = unpack(body[4:end])
    good = isinstance(top, list) and len(top) == 2 and is_int(top[0], 1, 1) and isinstance(top[1], list)
    need(good and 1 <= len(top[1]) <= 1024, "bad_access", "not [1, [1 to 1,024 stanzas]]")
    need(all(isinstance(v, list) and len(v) == 5 for v in top[1]), "bad_access", "a stanza is an array of 5")
    stanzas = [Stanza(*v) for v in top[1]]
    for i, s in enumerate(stanzas):
        good = is_int(s.group, 0, 1023) and is_int(s.type, 1, 33) and s.type in CT_LENGTH
        good = good and is_bin(s.hint, 0, 4 if s.type <= 4 else 0) and is_params(s.type, s.params)
        need(good and is_bin(s.ct, CT_LENGTH[s.type]), "bad_access", f"stanza {i}")
    groups = [s.group for s in stanzas]
    good = groups[0] == 0 and all(b - a in (0, 1) for a, b in pairwise(groups))
    need(good, "bad_access", "order of the groups")
    need(max(map(groups.count, groups)) <= 8, "bad_access", "more than 8 stanzas in a group")
    need([s.type for s in stanzas].count(16) <= 4, "bad_access", "more than 4 passphrases")
    need(not any(body[end:-32]), "bad_access", "slack that is not zero")
    return stanzas


def check_release(stanzas: list[Stanza], release: list[bytes]) -> None:
    for group in range(stanzas[-1].group + 1):
        members = [s for s in stanzas if s.group == group]
        asked = sorted(s.params[0] for s in members if s.type >= 32)
        need(asked == release and len(members) > len(asked), "bad_access", f"authorities of group {group}")


# ---- Reading, step 1; Keys, as far as they need no key


@dataclass
class Front:
    end: int
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
    h_core = H(b"tera/v1/core\0" + PREAMBLE + be(len(core_map), 4) + core_map)
    return Front(s.end, core, kc, h_core, H(b"tera/v1/bind\0" + h_core + kc), s, stanzas)


# ---- ACCESS: HPKE types. A try of a stanza says whether the stanza is known to be for that key, and its share

Try = tuple[bool, bytes | None]


class Recipient(NamedTuple):
    type: int
    suite: hpke.Suite
    private: Any
    public: bytes  # raw


def recipient(kind: int, seed: bytes) -> Recipient:
    """The key pair of a seed, which the hybrid KEMs expand with SHAKE256 (draft-ietf-hpke-pq)."""
    wide = hashlib.shake_256(exactly(seed, 32)).digest(64 + 48) if kind in (1, 2) else exactly(seed, 64)
    ml_kem: Any = mlkem.MLKEM768PrivateKey if kind in (1, 3) else mlkem.MLKEM1024PrivateKey
    m = ml_kem.from_seed_bytes(wide[:64])
    private, public = m, m.public_key().public_bytes_raw()
    kem = {3: hpke.KEM.MLKEM768, 4: hpke.KEM.MLKEM1024}.get(kind, hpke.KEM.MLKEM768_X25519)
    if kind == 1:
        x = x25519.X25519PrivateKey.from_private_bytes(wide[64:96])
        private, public = hpke.MLKEM768X25519PrivateKey(m, x), public + x.public_key().public_bytes_raw()
    elif kind == 2:
        p, kem = ec.derive_private_key(number(wide[64:]), ec.SECP384R1()), hpke.KEM.MLKEM1024_P384
        point = p.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        private, public = hpke.MLKEM1024P384PrivateKey(m, p), public + point
    kdf = hpke.KDF.HKDF_SHA256 if kind in (1, 3) else hpke.KDF.HKDF_SHA384
    return Recipient(kind, hpke.Suite(kem, kdf, hpke.AEAD.AES_256_GCM), private, public)


def exactly(secret: bytes, length: int) -> bytes:
    if len(secret) != length:
        raise ValueError(f"a key of this type has {length} bytes")
    return secret


def fits(s: Stanza, key: Recipient) -> bool:
    hint = HMAC(H(key.public), b"tera/v1 hint\0" + s.ct[:-48])[:4]
    return key.type == s.type and s.hint in (b"", hint)


def info_of(label: bytes, front: Front, s: Stanza) -> bytes:
    return label + front.h_bind + be(s.type, 2) + H(pack(s.params))


def open_hpke(front: Front, s: Stanza, key: Recipient) -> Try:
    info = info_of(b"tera/v1 stanza\0", front, s)
    return s.hint != b"", attempt(key.suite.decrypt, s.ct, key.private, info)


# ---- ACCESS: wrapped types


def open_wrapped(front: Front, s: Stanza, secret: bytes) -> Try:
    both = expand(extract(s.params[-1], secret), info_of(b"tera/v1 wrap\0", front, s), 64)
    if not hmac.compare_digest(both[32:], s.ct[:32]):
        return False, None
    return True, attempt(AESGCM(both[:32]).decrypt, bytes(12), s.ct[32:], None)


def stretch(passphrase: str, s: Stanza) -> bytes:
    m, t, p, salt = s.params
    text = unicodedata.normalize("NFC", passphrase).encode()
    return Argon2id(salt=salt, length=32, iterations=t, lanes=p, memory_cost=m).derive(text)


# ---- ACCESS: Opening


def find_file_key(front: Front, keys: list[Key], passphrase: str | None) -> bytes:
    recipients = [recipient(*key) for key in keys if key[0] != 17]
    keks = [(key_id, exactly(kek, 32)) for key_id, kek in (key[1] for key in keys if key[0] == 17)]
    groups: list[list[tuple[Stanza, bytes | None]]] = [[] for _ in range(front.stanzas[-1].group + 1)]
    broken = stretched = False

    def share_of(tries: list[Try]) -> bytes | None:
        nonlocal broken
        share = next((share for _, share in tries if share is not None), None)
        broken = broken or (share is None and any(known for known, _ in tries))
        return share

    for s in front.stanzas:  # everything that is cheap
        tries = [open_hpke(front, s, key) for key in recipients if fits(s, key)]
        tries += [open_wrapped(front, s, kek) for key_id, kek in keks if s.type == 17 and s.params[0] == key_id]
        groups[s.group].append((s, share_of(tries)))
    for group in groups:
        if all(share is not None for _, share in group):
            return combine([share for _, share in group])
    for group in groups:  # then what is dear, where nothing else is missing
        if passphrase is not None and all(share is not None or s.type == 16 for s, share in group):
            stretched = True
            shares = [share or share_of([open_wrapped(front, s, stretch(passphrase, s))]) for s, share in group]
            if None not in shares:
                return combine(shares)
    need(not broken, "bad_stanza", "a stanza for one of the keys does not open")
    need(not stretched, "wrong_passphrase", "the passphrase opens no stanza")
    refuse("no_key", "no key opens a group")


def combine(shares: list[bytes | None]) -> bytes:
    return be(reduce(xor, (number(share or b"") for share in shares)), 32)


# ---- Reading, steps 1 to 4; Keys


def refuse_rules(rules: Any, ignore_rules: bool) -> None:
    need(not rules or ignore_rules, "unsupported_rule", "there are rules, and this reader knows none")


def unlock(data: bytes, keys: list[Key], passphrase: str | None, ignore_rules: bool) -> tuple[Front, bytes]:
    front = read_front(data)
    pol = front.core["pol"]
    refuse_rules(pol["m"] == "dynamic" or pol.get("rules"), ignore_rules)
    prk = extract(front.h_core, find_file_key(front, keys, passphrase))
    kc = expand(prk, b"tera/v1 key-commitment", 32)
    need(hmac.compare_digest(kc, front.kc), "key_commitment", "this is not the key that CORE commits to")
    text = b"tera/v1/access\0" + front.h_bind + front.access.head + front.access.body[:-32]
    mac = HMAC(expand(prk, b"tera/v1 access-mac", 32), text)
    need(hmac.compare_digest(mac, front.access.body[-32:]), "access_mac", "ACCESS was changed")
    return front, prk


# ---- Payload


@dataclass
class Segment:
    kind: int
    start: int
    chunks: int = 0
    size: int = 0  # of the bodies of its blocks
    leaves: list[bytes] = field(default_factory=list)

    @property
    def blocks(self) -> int:
        return -(-self.chunks // 64)

    @property
    def end(self) -> int:
        return self.start + 64 + 8 * self.blocks + self.size

    @property
    def plain(self) -> int:
        return self.size - 16 * self.chunks


Crypt = tuple[AESGCM, int]  # the key and the base nonce


def open_segment(data: bytes, g: Segment, front: Front, prk: bytes) -> Crypt:
    body = section(data, g.start, SEGMENT, g.kind).body
    k_seg = expand(prk, b"tera/v1 segment" + be(g.kind, 1), 32)
    label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM" + b"\0"
    out = expand(k_seg, label + body[:24] + b"tera/v1\0" + front.h_bind + be(g.kind, 1), 76)
    need(hmac.compare_digest(out[44:], body[24:]), "segment_commitment", "a segment of another key")
    return AESGCM(out[:32]), number(out[32:44])


def open_block(crypt: Crypt, n: int, body: bytes) -> bytes:
    (key, base_nonce), plain = crypt, b""
    for c, at in enumerate(range(0, len(body), 16_400), 64 * n):
        chunk = attempt(key.decrypt, be(base_nonce ^ c, 12), body[at : at + 16_400], None)
        need(chunk is not None, "bad_chunk", f"chunk {c} does not verify")
        plain += chunk
    return plain


class Stream:
    """The plaintext of blocks, which are taken only when their bytes are asked for."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.blocks, self.buffer, self.used, self.at = blocks, b"", 0, 0

    def peek(self, n: int) -> bytes:
        while len(self.buffer) - self.used < n and (block := next(self.blocks, None)) is not None:
            self.buffer, self.used = self.buffer[self.used :] + block, 0
        return self.buffer[self.used : self.used + n]

    def take(self, n: int) -> bytes:
        out = self.peek(n)
        need(len(out) == n, "bad_record", "the plaintext ends in a record")
        self.used, self.at = self.used + n, self.at + n
        return out


# ---- Limits

MAX_INDEX, MAX_ENTRIES, MAX_PLAINTEXT = 256 * MIB, 1_000_000, TIB

# ---- Records

MANIFEST, ENTRY, FRAME, END, PAD = 1, 2, 3, 4, 5


class Row(NamedTuple):
    """What INDEX says of an entry."""

    path: bytes
    type: int
    mode: int
    mtime: int
    size: int
    b3: bytes
    length: int  # of the body of ENTRY
    frames: list[int]  # stored lengths


@dataclass
class Entry:
    path: str
    type: int
    mode: int
    mtime: int
    mime: str | None
    x: dict[str, Any] | None
    length: int
    content: bytes = b""
    b3: bytes = b""
    frames: list[int] = field(default_factory=list)

    def row(self) -> Row:
        head = self.path.encode(), self.type, self.mode, self.mtime
        return Row(*head, len(self.content), self.b3, self.length, self.frames)


def record_header(stream: Stream) -> tuple[int, int, int]:
    kind, flags, zero, length = struct.unpack(">BBHI", stream.take(8))
    need(zero == 0 and flags <= (kind == FRAME), "bad_record", "flags of a record")
    return kind, flags, length


# ---- Records: MANIFEST


def read_manifest(stream: Stream, sealed: bool, index: Index | None) -> tuple[dict[str, Any], int]:
    kind, _, length = record_header(stream)
    need(kind == MANIFEST and 1 <= length <= 16 * MIB, "bad_record", "no MANIFEST of 1 byte to 16 MiB")
    manifest: dict[str, Any] = unpack(stream.take(length))
    good = is_map(manifest, "json rules tags" if sealed else "json tags")
    good = good and isinstance(manifest["json"], bytes) and is_strs(manifest["tags"], 64, 128)
    good = good and (not sealed or is_rules(manifest["rules"]))
    need(good, "bad_manifest", "keys or values of MANIFEST")
    need(index is None or length == index.manifest, "bad_index", "length of MANIFEST")
    return manifest, length


# ---- Records: ENTRY and Paths


def parse_entry(body: bytes) -> Entry:
    e: dict[str, Any] = unpack(body)
    need(is_map(e, "mode mtime path type", "mime x"), "bad_record", "the keys of ENTRY")
    mime, x = e.get("mime", "absent"), e.get("x", {"absent": 0})
    good = is_str(mime, 1, 255) and all(" " <= c <= "~" for c in mime) and isinstance(x, dict) and x != {}
    good = good and is_int(e["mode"], 0, 0o777) and is_int(e["mtime"], -(2**63), 2**63 - 1)
    need(good and isinstance(e["path"], str) and is_int(e["type"], 0, 1), "bad_record", "the values of ENTRY")
    check_path(e["path"].encode())
    return Entry(e["path"], e["type"], e["mode"], e["mtime"], e.get("mime"), e.get("x"), len(body))


NOT_IN_PATHS = re.compile("[\0-\x1f\x7f-\x9f\\\\\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def check_path(path: bytes) -> None:
    text, parts = attempt(path.decode), path.split(b"/")
    good = text is not None and len(path) <= 1024 and len(parts) <= 64 and not NOT_IN_PATHS.search(text)
    good = good and all(1 <= len(part) <= 255 and part not in (b".", b"..") for part in parts)
    need(good, "bad_path", f"a path that is not possible: {path!r}")


def add_path(known: dict[bytes, int], path: bytes, kind: int) -> None:
    """Note a path and those above it, which are directories (2, until they have an entry of their own)."""
    parts = path.split(b"/")
    above = [known.setdefault(b"/".join(parts[:i]), 2) for i in range(1, len(parts))]
    need(0 not in above, "bad_path", f"a path below a file: {path!r}")
    twice = path in known and (known[path], kind) != (2, 1)
    need(not twice, "bad_path", f"a path occurs twice, or is a file with a path below it: {path!r}")
    known[path] = kind


# ---- Records: FRAME and END


def open_frame(flags: int, raw_len: int, data: bytes) -> bytes:
    if not flags:
        return data
    head = attempt(zstandard.get_frame_parameters, data) if data[:4] == b"\x28\xb5\x2f\xfd" else None
    good = head is not None and (head.content_size, head.dict_id) == (raw_len, 0) and head.window_size <= 8 * MIB
    need(good, "bad_frame", "not a zstd frame with this size, without a dictionary, and a window of at most 8 MiB")
    one_frame = zstandard.ZstdDecompressor().decompress
    plain: bytes | None = attempt(lambda: one_frame(data, allow_extra_data=False))
    if plain is None or len(plain) != raw_len:
        refuse("bad_frame", "a frame that does not decompress")
    return plain


def read_content(stream: Stream, e: Entry, row: Row | None, room: int) -> None:
    """The frames and the END of an entry. What is wrong in itself comes before what differs from the index."""
    while (header := record_header(stream))[0] == FRAME:
        _, flags, length = header
        need(e.type == 0 and len(e.content) == len(e.frames) * MIB, "bad_record", "a frame that is not due")
        need(4 <= length <= 4 + MIB, "bad_record", "length of a frame")
        raw_len = number(stream.take(4))
        need(1 <= raw_len <= MIB and (flags == 1 or raw_len == length - 4), "bad_record", "raw_len of a frame")
        need(flags == 0 or 5 <= length < raw_len + 4, "bad_frame", "a compressed frame that is empty or not shorter")
        need(len(e.content) + raw_len <= room, "limit_exceeded", "too much plaintext")
        content = open_frame(flags, raw_len, stream.take(length - 4))
        frames, size = [*e.frames, length - 4], len(e.content) + raw_len
        good = row is None or (frames == row.frames[: len(frames)] and size == min(row.size, len(frames) * MIB))
        need(good, "bad_index", "a frame that is not that of the index")
        e.content, e.frames = e.content + content, frames
    need(header == (END, 0, 40), "bad_record", "no END")
    size, e.b3 = number(stream.take(8)), stream.take(32)
    need(size == len(e.content), "bad_record", "the size in END")
    need(e.type == 0 or not any(e.b3), "bad_record", "the digest of a directory")
    need(row is None or e.row() == row, "bad_index", "END is not that of the index")
    need(e.type == 1 or e.b3 == B3(e.content), "bad_digest", "the digest of a file")


def read_entries(stream: Stream, index: Index | None, entries: list[Entry]) -> None:
    """Append the entries, up to the first PAD or the end; the last one grows as its frames come."""
    paths, room = dict[bytes, int](), MAX_PLAINTEXT
    while stream.peek(1) not in (b"", be(PAD, 1)):
        kind, _, length = record_header(stream)
        need(kind == ENTRY and 1 <= length <= 64 * KIB, "bad_record", "no ENTRY of 1 byte to 64 KiB")
        need(len(entries) < MAX_ENTRIES, "limit_exceeded", "too many entries")
        e, row = parse_entry(stream.take(length)), None
        if index is None:
            add_path(paths, e.path.encode(), e.type)
        else:
            need(len(entries) < len(index.rows), "bad_index", "an entry that the index does not have")
            row = index.rows[len(entries)]
            good = (*e.row()[:4], e.length) == (*row[:4], row.length)
            need(good, "bad_index", "ENTRY is not that of the index")
        entries.append(e)
        read_content(stream, e, row, room)
        room -= len(e.content)


# ---- Records: PAD


def padme(n: int) -> int:
    e = n.bit_length() - 1
    s = e.bit_length()
    m = (1 << (e - s)) - 1
    return (n + m) & ~m


def pad_bodies(length: int, pad: int) -> list[int]:
    """The lengths of the bodies of the PAD records that follow `length` bytes of records."""
    k, last = divmod(padme(length + 8) - length - 8, 1_048_584)
    return [MIB] * k + [last] if pad else []


def read_padding(stream: Stream, pad: int) -> None:
    for length in pad_bodies(stream.at, pad):
        need(stream.take(8) == be(PAD, 1) + bytes(3) + be(length, 4), "bad_record", "the header of a PAD")
        need(not any(stream.take(length)), "bad_record", "padding that is not zero")
    need(stream.peek(1) == b"", "bad_record", "something follows the last record")


# ---- Records: all of them


def read_records(
    front: Front, stream: Stream, index: Index | None, ignore_rules: bool, entries: list[Entry]
) -> tuple[dict[str, Any], int]:
    """MANIFEST and the length of its body; the entries are appended as they come."""
    manifest, length = read_manifest(stream, front.core["pol"]["m"] == "sealed", index)
    refuse_rules(manifest.get("rules"), ignore_rules)
    read_entries(stream, index, entries)
    read_padding(stream, front.core["pad"])
    need(index is None or len(entries) == len(index.rows), "bad_index", "the index has more entries")
    return manifest, length


# ---- Index


@dataclass
class Index:
    manifest: int  # the length of its body
    rows: list[Row]
    leaves: list[bytes]


def parse_index(plain: bytes, pad: int, blocks: int, data_length: int) -> Index:
    at = 0

    def column(width: int, count: int) -> list[bytes]:
        nonlocal at
        need(at + width * count <= len(plain), "bad_index", "the columns are longer than the plaintext")
        at += width * count
        return [plain[i : i + width] for i in range(at - width * count, at, width)]

    n, p, m = (number(b) for b in column(4, 3))
    need(n <= MAX_ENTRIES, "limit_exceeded", "too many entries")
    *paths, rest = b"".join(column(1, p)).split(b"\0")
    types, modes = [number(b) for b in column(1, n)], [number(b) for b in column(2, n)]
    mtimes = [int.from_bytes(b, "big", signed=True) for b in column(8, n)]
    sizes, b3s, lengths = [number(b) for b in column(8, n)], column(32, n), [number(b) for b in column(4, n)]
    need(sum(sizes) <= MAX_PLAINTEXT, "limit_exceeded", "too much plaintext")
    need(1 <= m <= 16 * MIB, "bad_index", "length of MANIFEST")
    need(rest == b"" and len(paths) == n, "bad_index", "the column of paths")
    stored = iter([number(b) for b in column(4, sum(-(-size // MIB) for size in sizes))])
    leaves = column(32, blocks)
    padding = b"".join(be(PAD, 1) + bytes(3) + be(k, 4) + bytes(k) for k in pad_bodies(at, pad))
    need(plain[at:] == padding, "bad_index", "the columns do not fill the plaintext")
    rows, total = list[Row](), 8 + m
    columns = zip(paths, types, modes, mtimes, sizes, b3s, lengths, strict=True)
    for path, kind, mode, mtime, size, b3, length in columns:
        good = kind <= 1 and mode <= 0o777 and 1 <= length <= 64 * KIB
        need(good, "bad_index", "type, mode or length of ENTRY")
        need(kind == 0 or (size == 0 and not any(b3)), "bad_index", "a directory with content")
        frames = list(islice(stored, -(-size // MIB)))
        good = all(1 <= have <= min(MIB, size - i * MIB) for i, have in enumerate(frames))
        need(good, "bad_index", "length of a frame")
        total += 8 + length + sum(12 + have for have in frames) + 48
        rows.append(Row(path, kind, mode, mtime, size, b3, length, frames))
    total += sum(8 + k for k in pad_bodies(total, pad))
    need(total == data_length, "bad_index", "its records have not the length of DATA")
    known = dict[bytes, int]()
    for row in rows:
        check_path(row.path)
        add_path(known, row.path, row.type)
    return Index(m, rows, leaves)


# ---- Digests


def leaf(kind: int, n: int, block: bytes) -> bytes:
    return B3(b"\x00" + be(kind, 1) + be(n, 4) + block)


def check_root(data: bytes, g: Segment, root: bytes) -> None:
    body = data[g.start + 8 : g.start + 64]
    have = B3(b"\x01" + be(g.kind, 1) + body + be(g.chunks, 8) + b"".join(g.leaves))
    need(have == root, "bad_root", f"the root of segment {g.kind}")


def container_digest_of(front: Front, t: Trailer) -> bytes:
    return B3(b"tera/v1/digest\0" + front.h_bind + t.roots[0] + t.roots[1] + be(t.length, 8))


def content_digest_of(entries: list[Entry]) -> bytes:
    text = b"tera/v1/content\0"
    for row in sorted(e.row() for e in entries):
        text += be(len(row.path), 2) + row.path + be(row.type, 1) + be(row.size, 8) + row.b3
    return B3(text)


# ---- TRAILER


@dataclass
class Trailer:
    map: bytes
    chunks: list[int]
    length: int
    roots: list[bytes]
    mac: bytes
    signatures: list[Any]


def parse_trailer(body: bytes) -> Trailer:
    end = 4 + number(body[:4])
    need(end + 32 <= len(body), "bad_trailer", "the map is longer than the section")
    t = unpack(body[4:end])
    need(is_map(t, "chunks len roots") and is_int(t["len"], 0, 2**64 - 1), "bad_trailer", "keys, or len")
    good = all(isinstance(t[key], list) and len(t[key]) == 2 for key in ("chunks", "roots"))
    good = good and all(is_int(c, 1, 2**32) for c in t["chunks"]) and all(is_bin(r, 32) for r in t["roots"])
    need(good, "bad_trailer", "chunks or roots")
    signatures = unpack(body[end + 32 :])
    need(isinstance(signatures, list) and len(signatures) <= 8, "bad_trailer", "not an array of at most 8")
    for s in signatures:
        good = isinstance(s, list) and len(s) == 4 and is_bin(s[0], 32) and is_int(s[1], 1, 1)
        good = good and is_bin(s[2], 1952 + 32) and is_bin(s[3], 3309 + 64)
        need(good and s[0] == fingerprint(0x0100 + s[1], s[2]), "bad_trailer", "the form of a signature")
    need(is_ascending([s[0] for s in signatures]), "bad_trailer", "the order of the signatures")
    return Trailer(body[4:end], t["chunks"], t["len"], t["roots"], body[end : end + 32], signatures)


def check_trailer_mac(front: Front, prk: bytes, t: Trailer) -> None:
    mac = HMAC(expand(prk, b"tera/v1 trailer-mac", 32), b"tera/v1/trailer\0" + front.h_bind + t.map)
    need(hmac.compare_digest(mac, t.mac), "trailer_mac", "the trailer was changed")


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """id-MLDSA65-Ed25519-SHA512 of draft-ietf-lamps-pq-composite-sigs with the context "tera/v1"."""
    label, context = b"COMPSIG-MLDSA65-Ed25519-SHA512", b"tera/v1"
    text = b"CompositeAlgorithmSignatures2025" + label + be(len(context), 1) + context
    text += hashlib.sha512(message).digest()

    def both() -> bool:
        mldsa.MLDSA65PublicKey.from_public_bytes(public[:1952]).verify(signature[:3309], text, label)
        ed25519.Ed25519PublicKey.from_public_bytes(public[1952:]).verify(signature[3309:], text)
        return True

    return attempt(both) is True


def check_signatures(front: Front, t: Trailer, pinned: list[bytes]) -> list[bytes]:
    """The fingerprints of all who have signed; those that CORE lists, and the pinned, must be among them."""
    message = b"tera/v1/sig\0" + front.h_bind + hashlib.sha512(t.map).digest()
    good = all(verify(s[2], s[3], message) for s in t.signatures)
    need(good, "bad_signature", "a signature does not verify")
    signers = [s[0] for s in t.signatures]
    need({*front.core["sig"], *pinned} <= set(signers), "missing_signature", "a signature that is asked for")
    return signers


# ---- TAIL, Locating


def walk(data: bytes, start: int) -> NoReturn:
    """There is no TAIL at the end that fits: say what is wrong."""
    for kind in (DATA, INDEX):
        s = section(data, start, SEGMENT, kind)
        s = section(data, s.end, BLOCK)
        while s.flags != LAST:
            s = section(data, s.end, BLOCK)
        start = s.end
    s = section(data, section(data, start, TRAILER).end, TAIL)
    need(s.end == len(data), "trailing_data", "something follows TAIL")
    refuse("bad_layout", "TAIL does not fit")


def tail_of(payload: int, trailer: int) -> bytes:
    return be(TAIL, 1) + bytes(3) + be(16, 4) + be(payload, 8) + be(trailer, 4) + bytes.fromhex("5452411A")


def locate(data: bytes, front: Front) -> tuple[int, Trailer]:
    """The length of the payload according to TAIL, and the trailer."""
    payload, length = number(data[-16:-8]), number(data[-8:-4])
    at = front.end + payload
    fits = data[-24:] == tail_of(payload, length) and at + length + 24 == len(data)
    if not fits or attempt(section_header, data, at, TRAILER) != (0, length - 8):
        walk(data, front.end)
    return payload, parse_trailer(data[at + 8 : at + length])


def segments(data: bytes, front: Front, payload: int, chunks: list[int]) -> list[Segment]:
    """Both segments, from their numbers of chunks and the header of DATA's last block."""
    full, more = divmod(chunks[0] - 1, 64)
    at, end = front.end + 64 + full * 1_049_608, front.end + payload
    need(at + 8 <= end, "bad_layout", "DATA has more chunks than the payload")
    flags, last = section_header(data, at, BLOCK)
    need(flags == LAST and last // 16_400 == more, "bad_layout", "the last block of DATA")
    one = Segment(DATA, front.end, chunks[0], full * 1_049_600 + last)
    full, more = divmod(chunks[1] - 1, 64)
    last = end - one.end - 64 - full * 1_049_608 - 8
    need(last // 16_400 == more and last % 16_400 >= 16, "bad_layout", "what is left is not INDEX")
    return [one, Segment(INDEX, one.end, chunks[1], full * 1_049_600 + last)]


def block_at(data: bytes, g: Segment, n: int) -> bytes:
    """The block, with its header."""
    at = g.start + 64 + n * 1_049_608
    have = section_header(data, at, BLOCK)
    expected = (LAST, g.size - n * 1_049_600) if n == g.blocks - 1 else (0, 1_049_600)
    need(have == expected, "bad_layout", f"block {n} is not the one that is expected")
    return data[at : at + 8 + have[1]]


# ---- Reading: With seeking


@dataclass
class Container:
    id: bytes
    tags: list[str]
    private_tags: list[str]
    manifest_json: bytes
    rules: list[Any] | None  # None also when they are dynamic
    entries: list[Entry]
    signers: list[bytes]
    container_digest: bytes
    content_digest: bytes
    h_bind: bytes


def container_of(
    front: Front, manifest: dict[str, Any], entries: list[Entry], t: Trailer, signers: list[bytes]
) -> Container:
    core = front.core
    rules = core["pol"].get("rules", manifest.get("rules"))
    digests = container_digest_of(front, t), content_digest_of(entries)
    private = manifest["tags"], manifest["json"]
    return Container(core["id"], core["tags"], *private, rules, entries, signers, *digests, front.h_bind)


def read_seekable(
    data: bytes,
    keys: list[Key],
    *,
    passphrase: str | None = None,
    ignore_rules: bool = False,
    pinned: tuple[bytes, ...] = (),
) -> Container:
    """What is in the container, or Refused; `pinned` are fingerprints that must have signed."""
    front, prk = unlock(data, keys, passphrase, ignore_rules)  # 1 to 4
    payload, t = locate(data, front)  # 5
    check_trailer_mac(front, prk, t)
    need(t.length == payload, "bad_layout", "the length of the payload according to TAIL")
    signers = check_signatures(front, t, list(pinned))
    one, two = segments(data, front, payload, t.chunks)  # 6
    need(two.plain <= MAX_INDEX, "limit_exceeded", "the index is too large")
    crypt_one, crypt_two = (open_segment(data, g, front, prk) for g in (one, two))
    blocks = [block_at(data, two, n) for n in range(two.blocks)]
    two.leaves = [leaf(INDEX, n, block) for n, block in enumerate(blocks)]
    check_root(data, two, t.roots[1])
    plain = b"".join(open_block(crypt_two, n, block[8:]) for n, block in enumerate(blocks))
    index = parse_index(plain, front.core["pad"], one.blocks, one.plain)
    one.leaves = index.leaves
    check_root(data, one, t.roots[0])

    def plaintext() -> Iterator[bytes]:
        for n in range(one.blocks):
            block = block_at(data, one, n)
            need(leaf(DATA, n, block) == one.leaves[n], "bad_root", f"block {n} is not that of the index")
            yield open_block(crypt_one, n, block[8:])

    entries: list[Entry] = []
    manifest, _ = read_records(front, Stream(plaintext()), index, ignore_rules, entries)  # 7 and 8
    return container_of(front, manifest, entries, t, signers)


# ---- Reading: From a pipe

# Steps 1 to 4 and a spool, which is read with seeking from step 1: of a whole file the same steps in the same order.
read_pipe = read_seekable


def blocks_of(data: bytes, g: Segment, crypt: Crypt) -> Iterator[bytes]:
    """The plaintext of a segment's blocks, one after the other; `g` grows by each."""
    flags = 0
    while flags != LAST:
        n, (flags, head, body, _) = g.blocks, section(data, g.end, BLOCK)
        g.leaves.append(leaf(g.kind, n, head + body))
        g.chunks, g.size = g.chunks + -(-len(body) // 16_400), g.size + len(body)
        need(g.chunks <= 2**32, "bad_layout", "too many chunks")
        need(g.kind == DATA or g.plain <= MAX_INDEX, "limit_exceeded", "the index is too large")
        yield open_block(crypt, n, body)


def read_stream(
    data: bytes,
    keys: list[Key],
    *,
    passphrase: str | None = None,
    ignore_rules: bool = False,
    pinned: tuple[bytes, ...] = (),
) -> Container:
    """As read_seekable in the order of streaming: Refused.released says what was given out before a refusal."""
    entries: list[Entry] = []
    try:
        front, prk = unlock(data, keys, passphrase, ignore_rules)
        one = Segment(DATA, front.end)
        stream = Stream(blocks_of(data, one, open_segment(data, one, front, prk)))
        manifest, manifest_length = read_records(front, stream, None, ignore_rules, entries)
        two = Segment(INDEX, one.end)
        plain = b"".join(blocks_of(data, two, open_segment(data, two, front, prk)))
        index = parse_index(plain, front.core["pad"], one.blocks, one.plain)
        seen = [e.row() for e in entries]
        need(
            (index.manifest, index.rows) == (manifest_length, seen), "bad_index", "the index is not that of the records"
        )
        need(index.leaves == one.leaves, "bad_root", "the leaves in the index")
        s = section(data, two.end, TRAILER)
        t = parse_trailer(s.body)
        check_trailer_mac(front, prk, t)
        good = t.chunks == [one.chunks, two.chunks] and t.length == two.end - front.end
        need(good, "bad_layout", "the lengths in the trailer")
        for g, root in zip((one, two), t.roots, strict=True):
            check_root(data, g, root)
        signers = check_signatures(front, t, list(pinned))
        tail = section(data, s.end, TAIL)
        need(tail.head + tail.body == tail_of(t.length, s.end - two.end), "bad_layout", "TAIL does not fit")
        need(tail.end == len(data), "trailing_data", "something follows TAIL")
    except Refused as refused:
        refused.released = entries
        raise
    return container_of(front, manifest, entries, t, signers)


# ---- Reading: Without a key


def inspect(data: bytes, *, pinned: tuple[bytes, ...] = ()) -> dict[str, Any]:
    """What can be checked without a key: unverified, unless one of the signers was pinned."""
    front = read_front(data)
    payload, t = locate(data, front)
    need(t.length == payload, "bad_layout", "the length of the payload according to TAIL")
    signers = check_signatures(front, t, list(pinned))
    for g, root in zip(segments(data, front, payload, t.chunks), t.roots, strict=True):
        section(data, g.start, SEGMENT, g.kind)
        g.leaves = [leaf(g.kind, n, block_at(data, g, n)) for n in range(g.blocks)]
        check_root(data, g, root)
    digest = "tera:" + container_digest_of(front, t).hex()
    stanzas = [(s.group, s.type) for s in front.stanzas]
    found = {"core": front.core, "h_bind": front.h_bind, "stanzas": stanzas, "signers": signers}
    return {**found, "chunks": t.chunks, "len": t.length, "roots": t.roots, "container_digest": digest}


# ---- Extracting

DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³]|con(in|out)\$) *(\..*)?", re.IGNORECASE)


def check_names(entries: list[Entry]) -> None:
    """Refuse, before anything is written, what is impossible, or one name with another, in some target."""
    known: dict[str, str] = {}
    for path, parts in ((e.path, e.path.split("/")) for e in entries):
        for i, part in enumerate(parts):
            possible = not re.search(r'[:<>"|?*]|[. ]$', part) and not DEVICE.fullmatch(part)
            need(possible, "unsafe_target", f"not possible everywhere: {path!r}")
            name = "/".join(parts[: i + 1])
            folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
            need(known.setdefault(folded, name) == name, "unsafe_target", f"one name with another: {path!r}")


def extract_into(folder: str, entries: list[Entry]) -> None:
    check_names(entries)
    need(not os.path.lexists(folder), "output_exists", "the folder is there already")
    os.mkdir(folder, 0o700)  # it is new, so there are no links below it
    for e in sorted(entries, key=lambda e: e.path, reverse=True):  # what is below a directory comes before it
        target = os.path.join(folder, *e.path.split("/"))
        os.makedirs(target if e.type else os.path.dirname(target), exist_ok=True)
        if e.type == 0:
            with open(target, "xb") as f:
                f.write(e.content)
        with contextlib.suppress(OSError, OverflowError):
            os.utime(target, ns=(e.mtime, e.mtime))
        os.chmod(target, e.mode)


# ---- The command


def key_argument(text: str) -> Key:
    kind, *secrets = text.split(":")
    secret = [bytes.fromhex(s) for s in secrets]
    if int(kind) == 17 and len(secret) == 2:
        return 17, (secret[0], exactly(secret[1], 32))
    if int(kind) not in (1, 2, 3, 4) or len(secret) != 1:
        raise ValueError("TYPE:HEX, or 17:KEY_ID_HEX:HEX")
    return int(kind), exactly(secret[0], 32 if int(kind) <= 2 else 64)


def main() -> int:
    parser = argparse.ArgumentParser(description="Read a tera container, slowly.")
    parser.add_argument("file")
    parser.add_argument("--key", action="append", default=[], type=key_argument, metavar="TYPE:HEX")
    parser.add_argument("--passphrase")
    parser.add_argument("--signer", action="append", default=[], type=bytes.fromhex, metavar="FINGERPRINT")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--pipe", action="store_true", help="take the steps of a reader that cannot seek")
    way.add_argument("--stream", action="store_true", help="the same, but give out what comes before a refusal")
    way.add_argument("--inspect", action="store_true", help="print what can be checked without a key")
    parser.add_argument("--list", action="store_true", help="print the entries; the default without -C")
    parser.add_argument("-C", dest="folder", metavar="DIR", help="extract into this new folder")
    parser.add_argument("--ignore-rules", action="store_true")
    args = parser.parse_args()
    try:
        work(args)
    except Refused as refused:
        print(f"refused: {refused.code}: {refused}")
        return 1
    except OSError as problem:
        parser.error(str(problem))
    return 0


def work(args: argparse.Namespace) -> None:
    with open(args.file, "rb") as f:
        data = f.read()
    pinned = tuple(args.signer)
    if args.inspect:
        print(*(f"{key}: {value}" for key, value in inspect(data, pinned=pinned).items()), sep="\n")
        return
    read = read_stream if args.stream else read_pipe if args.pipe else read_seekable
    kept = {"passphrase": args.passphrase, "ignore_rules": args.ignore_rules, "pinned": pinned}
    try:
        entries = read(data, args.key, **kept).entries
    except Refused as refused:
        if refused.released:
            give_out(args, refused.released)
        raise
    give_out(args, entries)


def give_out(args: argparse.Namespace, entries: list[Entry]) -> None:
    if args.list or args.folder is None:
        for e in entries:
            print(e.b3.hex(), "d" if e.type else "-", f"{e.mode:03o}", len(e.content), ascii(e.path))
    if args.folder is not None:
        extract_into(args.folder, entries)


if __name__ == "__main__":
    sys.exit(main())
