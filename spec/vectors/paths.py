"""Vectors of paths: what may stand in ENTRY and INDEX, and what may not."""

from __future__ import annotations

from dataclasses import replace

from spec.vectors.build import Draft, Item, Record, file, folder, shown_as
from spec.vectors.cases import Cases

A = file("a", b"first")
WIDE = "€" * 85  # 255 bytes

GOOD = {
    "unicode": (
        "Any character that is not forbidden; both forms of é are two paths.",
        (
            "é",
            "e\u0301",
            "日本語/ファイル",
            "\U0001f600/\U0001f1e9\U0001f1ea",
            "a b",
            " ",
            "\xa0",
            "\u2028",
            "\ufeff",
            "\u200b",
        ),
    ),
    "edges": (
        "Beside what is forbidden.",
        ("\x20", "~", "\xa1", "\u061b", "\u200d", "\u2010", "\u2029", "\u202f", "\u2065", "\u206a", "[]"),
    ),
    "dots": ("Parts that are not . or .. alone.", ("...", ".a", "a.", "..a", "a/...", ".git/x")),
    "elsewhere": (
        "Impossible in some targets, and possible in a container.",
        ("CON", "a:b", "end.", "end ", "Case", "case", "*?", '"<>|', "~", "-rf", "$HOME"),
    ),
    "part_255": ("A part has at most 255 bytes of UTF-8.", ("p" * 255, WIDE)),
    "1024_bytes": ("A path has at most 1,024 bytes.", ("/".join(["p" * 255] * 4) + "/", "/".join([WIDE] * 4))),
    "64_parts": ("A path has at most 64 parts.", ("/".join(["d"] * 64),)),
}
BAD = {
    "empty": ("At least 1 byte.", ""),
    "absolute": ("No part is empty.", "/etc/passwd"),
    "trailing_slash": ("No part is empty.", "b/"),
    "double_slash": ("No part is empty.", "b//c"),
    "slash": ("No part is empty.", "/"),
    "dot": ("No part is '.'.", "."),
    "dot_inside": ("No part is '.'.", "b/./c"),
    "dot_dot": ("No part is '..'.", ".."),
    "dot_dot_first": ("No part is '..'.", "../b"),
    "dot_dot_inside": ("No part is '..'.", "b/../../c"),
    "dot_dot_last": ("No part is '..'.", "b/.."),
    "1025_bytes": ("At most 1,024 bytes.", "/".join(["p" * 255] * 3 + ["p" * 254, "pp"])),
    "1025_bytes_wide": ("Bytes, not characters.", "/".join([WIDE] * 4) + "/pp"),
    "part_256": ("A part has at most 255 bytes.", "p" * 256),
    "part_256_wide": ("Bytes, not characters.", WIDE + "p"),
    "65_parts": ("At most 64 parts.", "/".join(["d"] * 65)),
    "line_end": ("U+000A.", "b\nc"),
    "control_1": ("U+0001.", "b\x01"),
    "control_1f": ("U+001F.", "\x1fb"),
    "control_7f": ("U+007F.", "b\x7f"),
    "control_85": ("U+0085.", "b\x85"),
    "control_9f": ("U+009F.", "b\x9f"),
    "backslash": ("A separator elsewhere.", "b\\..\\c"),
    "bidi_061c": ("U+061C.", "b\u061c"),
    "bidi_200e": ("U+200E.", "b\u200e"),
    "bidi_200f": ("U+200F.", "b\u200f"),
    "bidi_202a": ("U+202A.", "b\u202a"),
    "bidi_202e": ("U+202E.", "b\u202egpj.exe"),
    "bidi_2066": ("U+2066.", "b\u2066"),
    "bidi_2069": ("U+2069.", "b\u2069"),
}  # fmt: skip


def one_path(cases: Cases) -> None:
    """What a path may be."""
    with cases.under("Records"):
        for name, (comment, paths) in GOOD.items():
            items = tuple(file(path.removesuffix("/"), str(n).encode()) for n, path in enumerate(paths))
            cases.good(f"path_good_{name}", comment, Draft(items))
        for name, (comment, path) in BAD.items():
            draft = Draft((A, file(path, b"second")))
            cases.inside(f"path_{name}", comment, draft, "bad_path", released=b"first")
        comment = "In INDEX a NUL ends a path; in ENTRY it is a character that does not occur."
        cases.inside("path_nul", comment, Draft((A, file("b\0c"))), "bad_index", "bad_path", released=b"first")
        comment = "Not UTF-8: in INDEX no path, in ENTRY no str."
        cases.inside("path_not_utf8", comment, _not_utf8(), "bad_path", "not_canonical", released=b"first")
        good = file("b/c", b"second")
        comment = "ENTRY has a path that is not possible; INDEX shows another."
        draft = Draft((A, file("../", b"second")), shown=(A, shown_as(good)))
        cases.inside("path_in_entry_only", comment, draft, "bad_path", released=b"first")
        comment = "INDEX shows a path that is not possible; ENTRY has another."
        draft = Draft((A, good), shown=(A, shown_as(good, path="../")))
        cases.inside("path_in_index_only", comment, draft, "bad_path", released=b"firstsecond")


def _not_utf8() -> Draft:
    def entry(made: list[Record]) -> list[Record]:
        return [replace(one, body=one.body.replace(b"b\xc3\xa9", b"b\xc3(")) for one in made]

    def column(columns: dict[str, list[bytes]]) -> dict[str, list[bytes]]:
        return columns | {"path": [one.replace(b"b\xc3\xa9", b"b\xc3(") for one in columns["path"]]}

    return Draft((A, file("bé")), records=entry, columns=column)


def tree(cases: Cases) -> None:
    """What paths may be together."""
    wrong: dict[str, tuple[str, tuple[Item, ...]]] = {
        "twice": ("No path occurs twice.", (A, file("a", b"again"))),
        "twice_directory": ("No path occurs twice.", (A, folder("d"), folder("d"))),
        "twice_kinds": ("No path occurs twice, whatever it is.", (A, folder("a"))),
        "below_file": ("Nothing continues below a file.", (A, file("a/b", b"below"))),
        "directory_below_file": ("Nothing continues below a file.", (A, folder("a/b"))),
        "deep_below_file": ("Nothing continues below a file.", (A, file("a/b/c/d", b"below"))),
        "file_above": ("Nothing continues below a file, in whatever order.", (file("b/c", b"first"), file("b", b"x"))),
        "file_far_above": ("Nothing continues below a file.", (file("b/c/d", b"first"), file("b", b"x"))),
    }
    with cases.under("Records"):
        for name, (comment, items) in wrong.items():
            cases.inside(f"paths_{name}", comment, Draft(items), "bad_path", released=b"first")
        comment = "What is below a directory may stand before it, and a name may go on with other characters."
        items = (
            file("d/x", b"1"),
            folder("d"),
            file("d.txt", b"2"),
            file("d-", b"3"),
            file("dd/x", b"4"),
            file("d0", b"5"),
        )
        cases.good("paths_directory_later", comment, Draft(items))


PARTS = (one_path, tree)
