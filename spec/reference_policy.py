"""A plain reader of envelopes and block lists, written from "Dynamic policy" and "Block lists" of policy.md alone.

It shares no code with any other implementation but `reference.py`, and takes the numbered steps of the text one by
one. A block list is read whole, and its ids are a set.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from spec.reference import (
    B3,
    H,
    be,
    check_policy,
    fingerprint,
    is_ascending,
    is_bin,
    is_int,
    is_map,
    is_rules,
    need,
    number,
    unpack,
    verify,
)

Mark = tuple[int, bytes]  # version, hash
Marks = dict[tuple[bytes, bytes], Mark]  # (signer, pid) or (issuer, list id)
LAST_SECOND = 253_402_300_799


# ---- Dynamic policy


@dataclass
class Reader:
    """What CORE says of its policy, the time, and what is remembered."""

    id: bytes
    pid: bytes
    auth: list[bytes]
    min: int
    now: int
    marks: Marks = field(default_factory=dict)


def is_envelope(e: Any) -> bool:
    return (
        is_map(e, "cid iat nxt pid prev rules v ver")
        and (e["cid"] is None or is_bin(e["cid"], 16))
        and is_int(e["iat"], 0, LAST_SECOND)
        and is_int(e["nxt"], 0, LAST_SECOND)
        and e["nxt"] > e["iat"]
        and is_bin(e["pid"], 16)
        and is_bin(e["prev"], 32)
        and (e["rules"] is None or is_rules(e["rules"]))
        and is_int(e["v"], 1, 1)
        and is_int(e["ver"], 1, 2**63 - 1)
        and (e["ver"] == 1) == (e["prev"] == bytes(32))
    )


def is_signature(s: Any) -> bool:
    good = isinstance(s, list) and len(s) == 4 and is_bin(s[0], 32) and is_int(s[1], 1, 1)
    good = good and is_bin(s[2], 1952 + 32) and is_bin(s[3], 3309 + 64)
    return good and s[0] == fingerprint(0x0101, s[2])


def read_envelope(body: bytes, reader: Reader) -> tuple[Any, Marks]:
    """The rules and the marks to write, or a refusal."""
    check_policy(body)
    end = 4 + number(body[:4])
    packed, rest = body[4:end], body[end:]
    e, signatures = unpack(packed), unpack(rest[4 : 4 + number(rest[:4])])
    need(is_envelope(e), "bad_policy", "the structure of the envelope")
    need(len(signatures) <= 8 and all(map(is_signature, signatures)), "bad_policy", "the form of a signature")
    signers = [s[0] for s in signatures]
    need(is_ascending(signers), "bad_policy", "the order of the signatures")
    message = b"tera/v1/policy\0" + packed
    # 1 to 3
    need(bool(signers), "policy_unsigned", "nobody signed")
    need(bool({*signers} & {*reader.auth}), "policy_signer", "nobody signed whom CORE names")
    need(all(verify(s[2], s[3], message) for s in signatures), "policy_signature", "a signature does not verify")
    # 4
    need(e["pid"] == reader.pid and e["cid"] in (None, reader.id), "policy_swapped", "the policy of something else")
    # 5
    need(e["ver"] >= reader.min, "policy_rollback", "below the floor")
    for signer in reader.auth:
        version, seen = reader.marks.get((signer, reader.pid), (0, bytes(32)))
        need(e["ver"] >= version, "policy_rollback", "below a mark")
        need(e["ver"] != version or H(message) == seen, "policy_rollback", "another with the version of a mark")
        if version and e["ver"] == version + 1:
            need(e["prev"] == seen, "policy_rollback", "another history")
    # 6, 7
    need(e["iat"] <= reader.now + 300, "clock_behind", "issued in the future")
    need(reader.now < e["nxt"], "policy_expired", "expired")
    return e["rules"], {(one, reader.pid): (e["ver"], H(message)) for one in signers if one in reader.auth}


# ---- Block lists


@dataclass
class List:
    """A list that was opened: its ids, page by page, and the page hashes and first ids of its table."""

    mark: Marks
    pages: list[bytes]
    firsts: list[bytes]
    hashes: list[bytes]

    def has(self, kind: int, value: bytes) -> bool:
        """Whether the list names it."""
        return self.has_id(H(b"tera/v1/blocked\0" + be(kind, 1) + value))

    def has_id(self, wanted: bytes) -> bool:
        """Whether the id is on the page on which it would stand."""
        candidates = [at for at, first in enumerate(self.firsts) if first <= wanted]
        if not candidates:
            return False
        at = candidates[-1]
        page = self.pages[at]
        need(B3(b"tera/v1/blocklist-page\0" + page) == self.hashes[at], "blocklist_digest", "the page was changed")
        ids = split(page)
        good = is_ascending(ids) and ids[0] == self.firsts[at]
        good = good and (at + 1 == len(self.firsts) or ids[-1] < self.firsts[at + 1])
        need(good, "bad_blocklist", "the order of the ids")
        return wanted in ids


def split(ids: bytes) -> list[bytes]:
    return [ids[at : at + 32] for at in range(0, len(ids), 32)]


def read_blocklist(data: bytes, trusted: Iterable[bytes], now: int, marks: Marks, *, stale: bool = False) -> List:
    """The list, or a refusal; `stale` allows one that has expired."""
    # 1
    need(len(data) >= 5453, "bad_blocklist", "no header")
    magic, *fixed, list_id, version, issued, expires, count, table_hash = struct.unpack(">8sBBHI16sQQQQ32s", data[:96])
    need(magic == bytes.fromhex("89544552420D0A1A"), "bad_blocklist", "the magic")
    need(fixed == [1, 0, 1, 0] and 1 <= version < 2**63, "bad_blocklist", "a field")
    need(issued < expires <= LAST_SECOND, "bad_blocklist", "the times")
    need(count <= 16_777_216, "limit_exceeded", "too many ids")
    pages = -(-count // 128)
    need(len(data) == 5453 + 64 * pages + 32 * count, "bad_blocklist", "the size")
    signed, public, signature = b"tera/v1/blocklist\0" + data[:2080], data[96:2080], data[2080:5453]
    # 2, 3
    issuer = fingerprint(0x0101, public)
    need(issuer in trusted, "blocklist_issuer", "an issuer that is not trusted")
    need(verify(public, signature, signed), "blocklist_signature", "the signature")
    # 4
    table, ids = data[5453 : 5453 + 64 * pages], data[5453 + 64 * pages :]
    need(B3(b"tera/v1/blocklist-table\0" + table) == table_hash, "blocklist_digest", "the table was changed")
    firsts, hashes = split(table)[:pages], split(table)[pages:]
    need(is_ascending(firsts), "bad_blocklist", "the order of the pages")
    # 5 to 7
    new = {(issuer, list_id): (version, H(signed))}
    seen = marks.get((issuer, list_id), (0, b""))
    need(version > seen[0] or new[issuer, list_id] == seen, "blocklist_rollback", "below the mark")
    need(issued <= now + 300, "clock_behind", "issued in the future")
    need(stale or now < expires, "stale_blocklist", "expired")
    return List(new, [ids[at : at + 4096] for at in range(0, len(ids), 4096)], firsts, hashes)
