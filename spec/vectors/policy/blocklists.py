"""Vectors of block lists: the header, the table, the pages, and whom a list blocks.

The law of this file: bytes are put together here from the text of policy.md, not by `tera.policy`; a code is
stated by the scenario.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from blake3 import blake3

from spec.vectors.fixed import NAMES, SIGNERS, fixed_bytes
from spec.vectors.policy.form import BLOCKLIST, SUCCESS, Vector
from spec.vectors.policy.kept import KEPT

NOW: Final = 1_800_000_000
LIST: Final = fixed_bytes("list", 16)
HEAD: Final = struct.Struct(">8sBBHI16sQQQQ32s")
SIGNATURE_AT: Final = 96 + 1_984
TABLE_AT: Final = SIGNATURE_AT + 3_373
VALUES: Final = {kind: fixed_bytes(f"blocked {kind}", 16 if kind in (1, 5) else 32) for kind in range(1, 7)}
Made = Iterator[tuple[str, Vector]]


def entry(kind: int, value: bytes) -> bytes:
    """Return what stands in the list."""
    return hashlib.sha256(b"tera/v1/blocked\0" + bytes((kind,)) + value).digest()


def ids(count: int) -> list[bytes]:
    """Return so many sorted ids, those of VALUES among them where there is room."""
    named = [entry(kind, value) for kind, value in VALUES.items()][:count]
    return sorted(named + [fixed_bytes(f"id {number}", 32) for number in range(count - len(named))])


def page_hash(page: bytes) -> bytes:
    return blake3(b"tera/v1/blocklist-page\0" + page).digest()


def pages(found: Sequence[bytes]) -> list[bytes]:
    return [b"".join(found[at : at + 128]) for at in range(0, len(found), 128)]


def table(found: Sequence[bytes]) -> bytes:
    """Return the table of ids, sorted or not."""
    return b"".join([*found[::128], *map(page_hash, pages(found))])


def signed_hash(body: bytes) -> bytes:
    """Return what a mark remembers."""
    return hashlib.sha256(b"tera/v1/blocklist\0" + body[:SIGNATURE_AT]).digest()


@dataclass
class File:
    """A block list on its way to bytes; what is wrong is signed all the same."""

    found: Sequence[bytes] = field(default_factory=lambda: ids(6))
    magic: bytes = b"\x89TERB\r\n\x1a"
    major: int = 1
    minor: int = 0
    algorithm: int = 1
    zero: int = 0
    version: int = 3
    issued: int = NOW - 1_000
    expires: int = NOW + 1_000
    count: int | None = None
    table: bytes | None = None
    label: bytes = b"tera/v1/blocklist\0"

    def build(self) -> bytes:
        rows = table(self.found) if self.table is None else self.table
        head = HEAD.pack(
            *(self.magic, self.major, self.minor, self.algorithm, self.zero, LIST, self.version, self.issued),
            *(self.expires, len(self.found) if self.count is None else self.count),
            blake3(b"tera/v1/blocklist-table\0" + rows).digest(),
        )
        head += SIGNERS[0].public
        return head + KEPT.sign(SIGNERS[0], self.label + head) + rows + b"".join(pages(self.found))


@dataclass
class Case:
    """Who reads: whom it trusts, the clock, and what is remembered."""

    name: str
    comment: str
    result: str = SUCCESS
    trusted: Sequence[int] = (0,)
    now: int = NOW
    stale: str = "refuse"
    marks: Sequence[tuple[int, int, bytes]] = ()
    new: bool = True
    looks: Sequence[tuple[int, bytes, str]] = ()

    def vector(self, body: bytes) -> tuple[str, Vector]:
        lines = [("section", "Block lists"), ("comment", self.comment), ("result", self.result)]
        lines += [("now", str(self.now)), ("stale", self.stale)]
        lines += [("trusted", NAMES[issuer].hex()) for issuer in self.trusted]
        lines += [("mark", self._mark(issuer, version, seen)) for issuer, version, seen in self.marks]
        if self.result == SUCCESS and self.new:
            lines.append(("new-mark", self._mark(0, int.from_bytes(body[32:40], "big"), signed_hash(body))))
        lines += [("look", f"{kind} {value.hex()} {outcome}") for kind, value, outcome in self.looks]
        return f"blocklist_{self.name}", Vector(BLOCKLIST, tuple(lines), body)

    def _mark(self, issuer: int, version: int, seen: bytes) -> str:
        return f"{NAMES[issuer].hex()} {LIST.hex()} {version} {seen.hex()}"


ON: Final = tuple((kind, value, "on") for kind, value in VALUES.items())
OFF: Final = tuple((kind, fixed_bytes(f"not blocked {kind}", len(value)), "off") for kind, value in VALUES.items())
AS_OTHER_KIND: Final = (*((kind, VALUES[2], "off") for kind in (3, 4, 6)), (5, VALUES[1], "off"), (1, VALUES[5], "off"))


def good() -> Made:
    """What is taken, and what it answers."""
    small = File().build()
    yield Case("six", "One of each kind; a value counts as its kind only.", looks=ON + OFF + AS_OTHER_KIND).vector(
        small
    )
    for count in (0, 1, 128, 129, 300):
        looks = (*(one for one in ON if entry(*one[:2]) in ids(count)), *OFF)
        comment = f"{count} ids, {-(-count // 128)} pages."
        yield Case(f"{count}_ids", comment, looks=looks).vector(File(ids(count)).build())
    two = ids(256)
    edges = [_value_between(two, 127), _value_between(two, -1), _value_between(two, 255)]
    comment = "Values before, between and after the pages."
    looks = tuple((2, value, "off") for value in edges)
    yield Case("between_pages", comment, looks=looks).vector(File(two).build())
    yield Case("trusted_two", "One of the trusted issuers signed.", trusted=(1, 0)).vector(small)
    seen = [(0, 3, signed_hash(small))]
    yield Case("seen_before", "The mark is this very list.", marks=seen, new=False).vector(small)
    yield Case("newer", "The mark is older.", marks=[(0, 2, bytes(32))]).vector(small)
    yield Case("mark_of_other", "Another issuer's mark does not count.", marks=[(1, 9, bytes(32))]).vector(small)
    yield Case("stale_allowed", "It may be stale.", now=NOW + 1_000, stale="allow", looks=ON).vector(small)
    yield Case("last_second", "The last second in which it holds.", now=NOW + 999).vector(small)
    yield Case("clock_300_behind", "Clocks may differ by 300 seconds.", now=NOW - 1_300).vector(small)
    comment = "The largest version, the last second."
    yield Case("limits", comment).vector(File(version=2**63 - 1, expires=253_402_300_799).build())


def _value_between(found: Sequence[bytes], at: int) -> bytes:
    """Return a digest whose id lies right after the one at `at`."""
    low = found[at] if at >= 0 else bytes(32)
    high = found[at + 1] if at + 1 < len(found) else b"\xff" * 32
    for number in range(1 << 16):
        value = fixed_bytes(f"between {number}", 32)
        if low < entry(2, value) < high:
            return value
    raise ValueError("none found")


def header() -> Made:
    """What is no block list."""
    small = File().build()
    files: dict[str, tuple[str, File]] = {
        "magic": ("The magic of a container.", File(magic=b"\x89TERA\r\n\x1a")),
        "major": ("Another major version.", File(major=2)),
        "minor": ("Another minor version.", File(minor=1)),
        "algorithm": ("Another algorithm.", File(algorithm=2)),
        "zero": ("Bytes 12 to 15 are zero.", File(zero=1)),
        "version_0": ("Versions start at 1.", File(version=0)),
        "version_too_large": ("At most 2^63 - 1.", File(version=2**63)),
        "expires_when_issued": ("It expires after it was issued.", File(expires=NOW - 1_000)),
        "year_10000": ("Times end with the year 9999.", File(expires=253_402_300_800)),
        "count_less": ("The size is not that of 5 ids.", File(count=5)),
        "count_more": ("The size is not that of 7 ids.", File(count=7)),
    }
    for name, (comment, file) in files.items():
        yield Case(name, comment, "bad_blocklist").vector(file.build())
    yield Case("too_many", "One id too many.", "limit_exceeded").vector(File(count=16_777_217).build())
    yield Case("count_limit", "So many ids, but they are not there.", "bad_blocklist").vector(
        File(count=16_777_216).build()
    )
    for name, body in {
        "empty": b"", "magic_only": small[:8], "header_cut": small[: TABLE_AT - 1], "header_only": small[:TABLE_AT],
        "cut": small[:-1], "id_cut": small[:-32], "trailing": small + b"\0", "trailing_id": small + bytes(32),
    }.items():  # fmt: skip
        yield Case(name, "Exactly the size that the number of ids asks for.", "bad_blocklist").vector(body)


def authentic() -> Made:
    """Who signed what."""
    small = File().build()
    yield Case("nobody_trusted", "No issuer is trusted.", "blocklist_issuer", trusted=()).vector(small)
    yield Case("wrong_issuer", "Another issuer is trusted.", "blocklist_issuer", trusted=(1, 2)).vector(small)
    for name, at in {"list_id": 16, "version": 39, "issued": 47, "expires": 55, "table_hash": 64}.items():
        body = _poked(small, at)
        yield Case(f"changed_{name}", "A field was changed after signing.", "blocklist_signature").vector(body)
    for name, at in {"mldsa": SIGNATURE_AT, "ed25519": TABLE_AT - 1}.items():
        body = _poked(small, at)
        yield Case(f"signature_{name}", "A bit of one half differs.", "blocklist_signature").vector(body)
    comment = "The key was changed, and so the issuer."
    yield Case("changed_key", comment, "blocklist_issuer").vector(_poked(small, 96))
    for name, label in {"policy": b"tera/v1/policy\0", "no": b""}.items():
        comment = "Signed under another label."
        yield Case(f"label_{name}", comment, "blocklist_signature").vector(File(label=label).build())
    for name, at in {"first": TABLE_AT, "hash": TABLE_AT + 32}.items():
        yield Case(f"table_{name}", "The table was changed.", "blocklist_digest").vector(_poked(small, at))


def freshness() -> Made:
    """How old it is."""
    small = File().build()
    comment = "Version 4 has been seen."
    yield Case("below_mark", comment, "blocklist_rollback", marks=[(0, 4, bytes(32))]).vector(small)
    comment = "Another version 3 has been seen."
    yield Case("same_version", comment, "blocklist_rollback", marks=[(0, 3, bytes(32))]).vector(small)
    yield Case("stale", "It has expired.", "stale_blocklist", now=NOW + 1_000).vector(small)
    yield Case("clock_301_behind", "Issued in the future.", "clock_behind", now=NOW - 1_301).vector(small)
    comment = "A stale list may be used, not one from the future."
    yield Case("clock_behind_stale", comment, "clock_behind", now=NOW - 1_301, stale="allow").vector(small)
    comment = "A stale list may be used, not one below the mark."
    marks = [(0, 4, bytes(32))]
    yield Case("below_mark_stale", comment, "blocklist_rollback", now=NOW * 2, stale="allow", marks=marks).vector(small)


def sorting() -> Made:
    """Tables and pages that were signed and are wrong."""
    found = ids(300)
    swapped = found[128:256] + found[:128] + found[256:]
    yield Case("pages_swapped", "The pages are not sorted.", "bad_blocklist").vector(File(swapped).build())
    twice = found[:128] + found[:128] + found[256:]
    yield Case("page_twice", "A page stands there twice.", "bad_blocklist").vector(File(twice).build())
    named = sorted((entry(kind, value), kind, value) for kind, value in VALUES.items())
    _, kind, value = next(one for one in named if found.index(one[0]) < 128)
    _, other_kind, other_value = next(one for one in named if found.index(one[0]) >= 128)
    base = File(found).build()
    start = TABLE_AT + 2 * 32 * 3
    changed = _poked(base, start + 32 * 5)
    comment = "A page was changed; the others are as good as before."
    both = ((kind, value, "blocklist_digest"), (other_kind, other_value, "on"))
    yield Case("page_changed", comment, looks=both).vector(changed)
    for name, comment, wrong in (
        ("unsorted", "Two ids of a page are not in order.", [found[0], found[2], found[1], *found[3:]]),
        ("twice", "An id stands there twice.", [*found[:2], found[1], *found[3:]]),
        ("over_border", "A page ends beyond the start of the next.", [*found[:127], found[129], *found[128:]]),
        ("on_border", "A page ends with the first id of the next.", [*found[:127], found[128], *found[128:]]),
    ):
        yield Case(f"ids_{name}", comment, looks=((kind, value, "bad_blocklist"),)).vector(File(wrong).build())
    rows = table(found)
    lower = rows[:31] + bytes((rows[31] ^ 1,)) + rows[32:]
    comment = "The table gives a page another first id."
    yield Case("first_differs", comment, looks=((kind, value, "bad_blocklist"),)).vector(
        File(found, table=lower).build()
    )


def _poked(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


PARTS: tuple[Callable[[], Made], ...] = (good, header, authentic, freshness, sorting)
