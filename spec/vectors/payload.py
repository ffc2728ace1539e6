"""Vectors of the payload: segments, blocks, chunks and where they lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spec.vectors import fixed
from spec.vectors.build import MIB, Draft, file, quiet, u32
from spec.vectors.cases import Cases, cut, poke, poked
from spec.vectors.whole import filled
from tera.format import sections as s

ONE = (file("a.txt", b"one"),)
LARGE = (file("first", b"first"), quiet("large", MIB + 5_000))
CHUNK = 16_400


def block(kind: int, number: int, change: Callable[[bytes], bytes]) -> Callable[[int, int, bytes], bytes]:
    """Return a hook that changes one block before its leaf is taken."""
    return lambda k, n, block: change(block) if (k, n) == (kind, number) else block


def segment(kind: int, change: Callable[[bytes], bytes]) -> Callable[[int, bytes], bytes]:
    """Return a hook that changes a SEGMENT's body before the root is taken."""
    return lambda k, body: change(body) if k == kind else body


def in_first_block() -> bytes:
    """Return the content of `LARGE` that its first block holds."""
    draft = Draft(LARGE)
    first, large = draft.build().items
    plain = draft.plaintext([first, large])
    return first.content + plain[plain.index(large.content[:64]) : MIB]


def commitments(cases: Cases) -> None:
    """Salt and commitment."""
    with cases.under("Payload"):
        for name, kind, released in (("DATA", s.DATA, b""), ("INDEX", s.INDEX, b"one")):
            low = name.lower()
            comment = f"The commitment of {name} differs, and the roots are made over it."
            draft = Draft(ONE, segment=segment(kind, lambda body: poke(body, -1)))
            cases.inside(f"{low}_commitment", comment, draft, "segment_commitment", released=released)
            comment = f"Another salt of {name} gives another commitment."
            draft = Draft(ONE, segment=segment(kind, lambda body: poke(body, 0)))
            cases.inside(f"{low}_salt", comment, draft, "segment_commitment", released=released)
            comment = f"A commitment of {name} changed on the way: it is compared before the root is."
            draft = Draft(ONE, sections=poked(name, -1))
            given: dict[str, Any] = {"released": released, "inspect": "bad_root"}
            cases.inside(f"{low}_commitment_changed", comment, draft, "segment_commitment", **given)


def chunks(cases: Cases) -> None:
    """Ciphertext, changed by another recipient (leaves and roots fit) or on the way (they do not)."""
    two = filled(40_000, "two")
    last = filled(16_384)
    with cases.under("Payload"):
        for name, number, at, comment in (
            ("first", 0, 8, "The first chunk does not verify."),
            ("second", 0, 8 + CHUNK, "The second chunk does not verify: nothing of its block is released."),
            ("tag", 0, -1, "The tag of the last chunk is changed."),
        ):
            draft = Draft(two.items, block=block(s.DATA, number, lambda one, at=at: poke(one, at)))  # type: ignore[misc]
            cases.inside(f"chunk_{name}", comment + " Another recipient made the leaves fit.", draft, "bad_chunk")
            draft = Draft(two.items, sections=poked("DATA 0", at))
            comment += " With seeking the leaf is compared first."
            cases.inside(f"chunk_{name}_changed", comment, draft, "bad_root", "bad_chunk", inspect="bad_root")
        comment = "Two chunks change places: the nonce is the chunk's number."
        swap = block(s.DATA, 0, lambda b: b[:8] + b[8 + CHUNK : 8 + 2 * CHUNK] + b[8 : 8 + CHUNK] + b[8 + 2 * CHUNK :])
        cases.inside("chunk_swapped", comment, Draft(two.items, block=swap), "bad_chunk")
        comment = "The empty last chunk does not verify: the end is not reported before it has."
        draft = Draft(last.items, block=block(s.DATA, 0, lambda one: poke(one, -1)))
        cases.inside("chunk_empty_last", comment, draft, "bad_chunk")
        before = in_first_block()
        comment = "The second block does not verify: what the first one holds may have been released."
        draft = Draft(LARGE, block=block(s.DATA, 1, lambda one: poke(one, 8)))
        cases.inside("chunk_second_block", comment, draft, "bad_chunk", released=before)
        draft = Draft(LARGE, sections=poked("DATA 1", 8))
        given: dict[str, Any] = {"released": before, "inspect": "bad_root"}
        cases.inside("chunk_second_block_changed", comment, draft, "bad_root", "bad_chunk", **given)
        comment = "INDEX does not verify; another recipient made the root fit."
        draft = Draft(ONE, block=block(s.INDEX, 0, lambda one: poke(one, 8)))
        cases.inside("chunk_of_index", comment, draft, "bad_chunk", released=b"one")
        comment = "INDEX was changed on the way: with seeking its root is compared first."
        draft = Draft(ONE, sections=poked("INDEX 0", 8))
        cases.inside(
            "chunk_of_index_changed", comment, draft, "bad_root", "bad_chunk", released=b"one", inspect="bad_root"
        )


def headers(cases: Cases) -> None:
    """Section headers of the payload."""
    with cases.under("Section headers"):
        for name in ("DATA", "INDEX"):
            released = b"" if name == "DATA" else b"one"
            for what, at, new in (
                ("type", 0, b"\x11"),
                ("kind", 1, b"\x03"),
                ("reserved", 2, b"\x01"),
                ("length", 4, u32(57)),
            ):
                comment = f"The {what} in the header of {name}'s SEGMENT."
                draft = Draft(ONE, sections=poked(name, at, new))
                cases.front(f"segment_{name.lower()}_{what}", comment, draft, "bad_section", released=released)
            for what, at, new in (
                ("type", 0, b"\x10"),
                ("flags", 1, b"\x03"),
                ("not_last", 1, b"\x00"),
                ("reserved", 3, b"\x01"),
                ("too_long", 4, u32(1_049_600)),
                ("too_short", 4, u32(15)),
                ("no_last_chunk", 4, u32(16_400)),
                ("tag_cut", 4, u32(16_415)),
            ):
                comment = f"The header of {name}'s last BLOCK: {what.replace('_', ' ')}."
                draft = Draft(ONE, sections=poked(f"{name} 0", at, new))
                cases.front(f"block_{name.lower()}_{what}", comment, draft, "bad_section", released=released)
        comment = "A block that is not the last has 64 chunks, and no flag."
        draft = Draft(LARGE, sections=poked("DATA 0", 1, b"\x01"))
        cases.front("block_full_and_last", comment, draft, "bad_section")
        draft = Draft(LARGE, sections=poked("DATA 0", 4, u32(1_049_599)))
        cases.front("block_not_full", comment, draft, "bad_section")
        comment = "A possible header that is not the one expected there: with seeking its place says so."
        early = Draft(LARGE, sections=poked("DATA 0", 0, s.pack_header(s.BLOCK, 1_049_599, s.LAST)))
        cases.add("block_last_too_early", comment, early.build(), "bad_layout", stream="bad_chunk")
        comment = "INDEX stands before DATA."
        cases.front("segments_swapped", comment, Draft(ONE, sections=_swapped), "bad_section")
        comment = "A second block after the last one of INDEX; the trailer's len counts it."
        more = Draft(
            ONE, sections=lambda found: _longer(found, "INDEX 0", s.pack_header(s.BLOCK, 16, s.LAST) + bytes(16))
        )
        more.trailer = lambda trailer: trailer | {"len": trailer["len"] + 24}
        cases.end("block_after_last", comment, more, "bad_layout", "bad_section")
        comment = "A third segment; the trailer's len counts it."
        third = Draft(ONE, sections=lambda found: _longer(found, "INDEX 0", found["INDEX"] + found["INDEX 0"]))
        length = len(third.build().data) - len(Draft(ONE).build().data)
        third.trailer = lambda trailer: trailer | {"len": trailer["len"] + length}
        cases.end("segment_third", comment, third, "bad_layout", "bad_section")
        comment = "INDEX is missing: TRAILER follows DATA."
        gone = Draft(ONE, sections=lambda found: {n: one for n, one in found.items() if not n.startswith("INDEX")})
        cases.end("segment_missing", comment, gone, "bad_section")


def _swapped(found: dict[str, bytes]) -> dict[str, bytes]:
    order = ["PREAMBLE", "CORE", "ACCESS", "INDEX", "INDEX 0", "DATA", "DATA 0", "TRAILER", "TAIL"]
    return {name: found[name] for name in order}


def _longer(found: dict[str, bytes], after: str, more: bytes) -> dict[str, bytes]:
    tail = found["TAIL"]
    payload = int.from_bytes(tail[8:16], "big") + len(more)
    return found | {after: found[after] + more, "TAIL": tail[:8] + payload.to_bytes(8, "big") + tail[16:]}


def truncated(cases: Cases) -> None:
    """The file ends early, everywhere."""
    with cases.under("Section headers"):
        for name, part, keep, released in (
            ("before_data", "DATA", 0, b""),
            ("data_header", "DATA", 7, b""),
            ("data_segment", "DATA", 63, b""),
            ("before_block", "DATA 0", 0, b""),
            ("block_header", "DATA 0", 7, b""),
            ("block", "DATA 0", -1, b""),
            ("before_index", "INDEX", 0, b"one"),
            ("index_segment", "INDEX", 9, b"one"),
            ("index_block", "INDEX 0", 30, b"one"),
            ("before_trailer", "TRAILER", 0, b"one"),
            ("trailer", "TRAILER", -1, b"one"),
            ("before_tail", "TAIL", 0, b"one"),
            ("tail_header", "TAIL", 7, b"one"),
            ("tail", "TAIL", -1, b"one"),
        ):
            draft = Draft(ONE, sections=cut(part, keep))
            cases.front(f"truncated_{name}", "The file ends early.", draft, "truncated", released=released)
        comment = "The second block is cut: the first may have been released."
        made = Draft(LARGE, sections=cut("DATA 1", 1_000))
        content = in_first_block()
        cases.front("truncated_second_block", comment, made, "truncated", released=content)
        comment = "Between two blocks: there is no last block."
        made = Draft(LARGE, sections=cut("DATA 1", 0))
        cases.front("truncated_between_blocks", comment, made, "truncated", released=content)
        comment = "A key that does not fit is found before the end is looked for."
        wrong = Draft(ONE, sections=cut("TAIL", 0))
        cases.add(
            "truncated_wrong_key", comment, wrong.build(), "no_key", inspect="truncated", kek=(fixed.WRONG_KEK_TEXT,)
        )


def layout(cases: Cases) -> None:
    """The trailer's numbers against what is there."""

    def trailer(**values: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
        return lambda made: made | values

    with cases.under("TAIL"):
        for name, counts in (
            ("data_2", [2, 1]),
            ("data_64", [64, 1]),
            ("data_65", [65, 1]),
            ("data_most", [2**32, 1]),
            ("index_2", [1, 2]),
            ("index_most", [1, 2**32]),
        ):
            comment = f"The trailer's chunks are {counts[0]:,} and {counts[1]:,}; there is one of each."
            cases.end(f"layout_chunks_{name}", comment, Draft(ONE, trailer=trailer(chunks=counts)), "bad_layout")
        comment = "The trailer's len is not that of the payload."
        wrong = Draft(ONE, trailer=lambda made: made | {"len": made["len"] + 1})
        cases.end("layout_len", comment, wrong, "bad_layout")
        comment = "len is 0."
        cases.end("layout_len_0", comment, Draft(ONE, trailer=trailer(len=0)), "bad_layout")
        comment = "Fewer chunks than DATA has: what would be its last block is not."
        large = Draft(LARGE, trailer=trailer(chunks=[64, 1]))
        cases.end("layout_chunks_fewer", comment, large, "bad_layout")
        for name, at in (("data", 0), ("index", 1)):
            comment = f"The root of {name.upper()} in the trailer is another."

            def change(made: dict[str, Any], at: int = at) -> dict[str, Any]:
                roots = list(made["roots"])
                roots[at] = poke(roots[at], 0)
                return made | {"roots": roots}

            cases.end(f"layout_root_{name}", comment, Draft(ONE, trailer=change), "bad_root")
        comment = "The roots change places."
        swapped = Draft(ONE, trailer=lambda made: made | {"roots": made["roots"][::-1]})
        cases.end("layout_roots_swapped", comment, swapped, "bad_root")


PARTS = (commitments, chunks, headers, truncated, layout)
