"""Vectors of INDEX: its columns against themselves, against DATA, and the leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from spec.vectors.build import MIB, Draft, Item, file, folder, quiet, salt, shown_as, u32
from spec.vectors.cases import Cases, poke
from tera.format import digests
from tera.format import sections as s

A = file("a", b"first")
B = file("b", b"second")
TWO = (A, B)
ALL = b"firstsecond"
Columns = dict[str, list[bytes]]


def cell(name: str, at: int, new: bytes) -> Callable[[Columns], Columns]:
    """Return a hook that changes one cell of a column."""
    return lambda made: made | {name: [new if n == at else one for n, one in enumerate(made[name])]}


def u64(number: int) -> bytes:
    """Return 8 bytes."""
    return number.to_bytes(8, "big")


def columns(cases: Cases) -> None:
    """Columns that are wrong in themselves, or do not fill the plaintext."""

    def last_directory() -> tuple[Item, ...]:
        return (A, folder("d"))

    wrong: dict[str, tuple[str, Callable[[Columns], Columns], str]] = {
        "n_less": ("N is one less.", cell("N", 0, u32(1)), "bad_index"),
        "n_more": ("N is one more.", cell("N", 0, u32(3)), "bad_index"),
        "n_most": ("N is as many as a reader takes, and there are two.", cell("N", 0, u32(1_000_000)), "bad_index"),
        "n_limit": ("A limit comes first.", cell("N", 0, u32(1_000_001)), "limit_exceeded"),
        "n_huge": ("A limit comes first.", cell("N", 0, u32(2**32 - 1)), "limit_exceeded"),
        "p_more": ("P is one more.", cell("P", 0, u32(5)), "bad_index"),
        "p_huge": ("P is longer than the plaintext.", cell("P", 0, u32(2**32 - 1)), "bad_index"),
        "m_less": ("M is one less.", cell("M", 0, u32(15)), "bad_index"),
        "m_0": ("A MANIFEST has at least 1 byte.", cell("M", 0, u32(0)), "bad_index"),
        "m_huge": ("A MANIFEST has at most 16 MiB.", cell("M", 0, u32(2**32 - 1)), "bad_index"),
        "path_without_end": ("The last zero byte is at the end.", cell("path", 1, b"\0b"), "bad_index"),
        "path_joined": ("There are N zero bytes.", cell("path", 0, b"a/"), "bad_index"),
        "type_2": ("There are files and directories only.", cell("type", 1, b"\2"), "bad_index"),
        "mode_01000": ("A mode is permission bits.", cell("mode", 1, b"\2\0"), "bad_index"),
        "size_more": ("The size of a file is another.", cell("size", 1, u64(7)), "bad_index"),
        "size_0": ("A file without a frame.", cell("size", 1, bytes(8)), "bad_index"),
        "size_most": ("All together is 1 TiB.", cell("size", 1, u64(2**40 - 5)), "bad_index"),
        "size_limit": ("A limit comes first.", cell("size", 1, u64(2**40 - 4)), "limit_exceeded"),
        "size_huge": ("A limit comes first.", cell("size", 1, u64(2**64 - 1)), "limit_exceeded"),
        "entry_more": ("An ENTRY is one longer.", lambda made: _added(made, "entry", 1, 1), "bad_index"),
        "entry_0": ("An ENTRY has at least 1 byte.", cell("entry", 1, u32(0)), "bad_index"),
        "entry_65537": ("An ENTRY has at most 64 KiB.", cell("entry", 1, u32(65_537)), "bad_index"),
        "frame_0": ("A frame has at least 1 byte.", cell("frame", 1, u32(0)), "bad_index"),
        "frame_less": ("A frame is one shorter.", cell("frame", 1, u32(5)), "bad_index"),
        "frame_more": ("A frame is longer than what it holds.", cell("frame", 1, u32(7)), "bad_index"),
        "frame_missing": ("A length for each frame.", lambda made: made | {"frame": made["frame"][:1]}, "bad_index"),
        "frame_too_many": ("A length for each frame.", lambda made: made | {"frame": made["frame"] * 2}, "bad_index"),
        "leaf_missing": ("A leaf for each block.", lambda made: made | {"leaf": []}, "bad_index"),
        "leaf_too_many": ("A leaf for each block.", lambda made: made | {"leaf": made["leaf"] * 2}, "bad_index"),
        "byte_more": ("The columns fill the plaintext.", lambda made: made | {"end": [b"\0"]}, "bad_index"),
        "nothing": ("The columns fill the plaintext.", lambda made: {}, "bad_index"),
        "head_cut": ("Three numbers come first.", lambda made: {"N": made["N"], "P": made["P"]}, "bad_index"),
        "entries_missing": ("An index of nothing.", _nothing, "bad_index"),
    }  # fmt: skip
    with cases.under("Index"):
        for name, (comment, change, code) in wrong.items():
            with cases.under("Limits" if code == "limit_exceeded" else "Index"):
                cases.inside(f"index_{name}", comment, Draft(TWO, columns=change), code, released=ALL)
        comment = "A directory has size 0."
        sized = Draft(last_directory(), columns=cell("size", 1, u64(1)))
        cases.inside("index_directory_size", comment, sized, "bad_index", released=b"first")
        comment = "A directory's b3 is zeros."
        summed = Draft(last_directory(), columns=cell("b3", 1, A.b3))
        cases.inside("index_directory_digest", comment, summed, "bad_index", released=b"first")
        for name, comment, edit in (
            ("nonzero", "Padding of INDEX is zeros.", lambda plain: poke(plain, -1)),
            ("header", "Padding of INDEX is a PAD record.", lambda plain: plain.replace(b"\5\0\0\0", b"\4\0\0\0")),
            ("missing", "INDEX is padded like DATA.", lambda plain: plain[: plain.rindex(b"\5\0\0\0")]),
            ("longer", "INDEX is padded by the rule.", lambda plain: plain + b"\0"),
        ):
            draft = Draft(TWO, core={"pad": 1}, index=edit)
            cases.inside(f"index_padding_{name}", comment, draft, "bad_index", released=ALL)
        comment = "With pad 0 INDEX is not padded."
        more = Draft(TWO, index=lambda plain: plain + b"\5" + bytes(7))
        cases.inside("index_padding_not_asked_for", comment, more, "bad_index", released=ALL)


def _added(made: Columns, name: str, at: int, number: int) -> Columns:
    return cell(name, at, u32(int.from_bytes(made[name][at], "big") + number))(made)


def _nothing(made: Columns) -> Columns:
    return {"N": [u32(0)], "P": [u32(0)], "M": made["M"], "leaf": made["leaf"]}


def against_data(cases: Cases) -> None:
    """An index that fits itself and shows other things than DATA holds."""
    with cases.under("Index"):
        for name, change in (
            ("path", {"path": "c"}),
            ("mode", {"mode": 0o600}),
            ("mtime", {"mtime": 1}),
        ):
            comment = f"INDEX shows another {name} than ENTRY has."
            draft = Draft(TWO, shown=(A, shown_as(B, **change)))
            cases.inside(f"index_other_{name}", comment, draft, "bad_index", released=ALL)
        comment = "INDEX shows a directory, ENTRY is an empty file."
        draft = Draft((A, file("e")), shown=(A, replace(shown_as(file("e"), type=1), b3=bytes(32))))
        cases.inside("index_other_type", comment, draft, "bad_index", released=b"first")
        comment = "INDEX shows the entries in another order; all lengths are the same."
        c, d = file("c", b"12345"), file("d", b"67890")
        cases.inside("index_other_order", comment, Draft((c, d), shown=(d, c)), "bad_index", released=b"1234567890")
        comment = "The lengths of two ENTRYs change places."
        long = file("long name", b"12345")
        draft = Draft((c, long), columns=lambda made: made | {"entry": made["entry"][::-1]})
        cases.inside("index_entry_lengths_swapped", comment, draft, "bad_index", released=b"1234512345")
        comment = "The stored lengths of two frames change places: the first would be compressed."
        draft = Draft((file("x", b"123456789"), file("y", b"123456")), columns=_frames_swapped)
        cases.inside("index_frame_lengths_moved", comment, draft, "bad_index", released=b"123456789123456")
        comment = "INDEX lacks the last entry, and MANIFEST is as much longer."
        draft = Draft(TWO, shown=(A,))
        length = len(Draft((B,)).plaintext()) - len(Draft().plaintext())
        draft.columns = lambda made: _added(made, "M", 0, length)
        cases.inside("index_hidden_entry", comment, draft, "bad_index", released=ALL)
        comment = "INDEX shows an entry more, and the last ENTRY is as much shorter."
        big = file("big", b"first", x={"pad": bytes(100)})
        extra = file("e")
        draft = Draft((big,), shown=(shown_as(big), extra))
        length = len(Draft((extra,)).plaintext()) - len(Draft().plaintext())
        draft.columns = lambda made: _added(made, "entry", 0, -length)
        cases.inside("index_shown_entry", comment, draft, "bad_index", released=b"first")


def _frames_swapped(made: Columns) -> Columns:
    return made | {"frame": [u32(8), u32(7)], "size": [made["size"][0], u64(7)]}


def leaves(cases: Cases) -> None:
    """The leaves of DATA."""
    large = (file("first", b"first"), quiet("large", MIB + 5_000))
    released = Draft(large).build().content

    def rooted(draft: Draft, change: Callable[[list[bytes]], list[bytes]]) -> Draft:
        """Change the leaves in INDEX, and make the trailer's root of DATA from them."""
        kept: list[bytes] = []

        def column(made: Columns) -> Columns:
            kept[:] = change(made["leaf"])
            return made | {"leaf": list(kept)}

        def trailer(made: dict[str, Any]) -> dict[str, Any]:
            body = salt(s.DATA) + draft.keys.segment(s.DATA, salt(s.DATA)).commitment
            root = digests.root(s.DATA, body, made["chunks"][0], b"".join(kept))
            return made | {"roots": [root, made["roots"][1]]}

        draft.columns, draft.trailer = column, trailer
        return draft

    with cases.under("Index"):
        comment = "A leaf of INDEX is not that of DATA's root."
        draft = Draft(TWO, columns=lambda made: made | {"leaf": [poke(made["leaf"][0], 0)]})
        cases.inside("leaf_changed", comment, draft, "bad_root", released=ALL)
        comment = "Two leaves change places."
        draft = Draft(large, columns=lambda made: made | {"leaf": made["leaf"][::-1]})
        cases.inside("leaf_swapped", comment, draft, "bad_root", released=released)
        comment = "The trailer's root is made of the leaf in INDEX: only the block itself tells."
        given: dict[str, Any] = {"inspect": "bad_root"}
        draft = rooted(Draft(TWO), lambda made: [poke(made[0], 0)])
        cases.inside("leaf_and_root_changed", comment, draft, "bad_root", released=ALL, **given)
        comment = "The leaf of the second block is another, and the root is made of it."
        draft = rooted(Draft(large), lambda made: [made[0], poke(made[1], 0)])
        cases.inside("leaf_second_and_root_changed", comment, draft, "bad_root", released=released, **given)


PARTS = (columns, against_data, leaves)
