"""Vectors of the records of DATA: their order and lengths, MANIFEST, ENTRY, END and PAD."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from spec.vectors import fixed
from spec.vectors.build import DROP, MIB, Draft, Frame, Item, Record, file, folder, shown_as, u32
from spec.vectors.cases import Cases
from tera.format import records as r

A = file("a", b"first")
B = file("b", b"second")
TWO = (A, B)
Change = Callable[[list[Record]], list[Record]]

# Where the records of TWO stand: MANIFEST, then ENTRY, FRAME, END of each.
MANIFEST, ENTRY_A, FRAME_A, END_A, ENTRY_B, FRAME_B, END_B = range(7)


def at(place: int, **values: Any) -> Change:
    """Return a hook that changes one record."""
    return lambda made: [replace(one, **values) if place == n else one for n, one in enumerate(made)]


def moved(*order: int) -> Change:
    """Return a hook that writes records in another order, or some not or twice."""
    return lambda made: [made[n] for n in order]


def order(cases: Cases) -> None:
    """Which record stands where: what keeps its length is found in the record, the rest by the index."""
    both, index = "bad_record", "bad_index"
    cases_of: dict[str, tuple[str, Change, str, bytes]] = {
        "manifest_missing": ("MANIFEST comes first.", moved(1, 2, 3, 4, 5, 6), index, b""),
        "manifest_twice": ("There is one MANIFEST.", moved(0, 0, 1, 2, 3, 4, 5, 6), index, b""),
        "manifest_late": ("MANIFEST comes first.", moved(1, 2, 3, 0, 4, 5, 6), both, b""),
        "manifest_as_entry": ("An ENTRY where MANIFEST should be.", at(MANIFEST, type=r.ENTRY), both, b""),
        "entry_as_manifest": ("A MANIFEST where an ENTRY should be.", at(ENTRY_B, type=r.MANIFEST), both, b"first"),
        "entry_missing": ("FRAMEs without an ENTRY.", moved(0, 1, 2, 3, 5, 6), index, b"first"),
        "entry_inside": ("An ENTRY before the END of the last.", moved(0, 1, 2, 4, 5, 6, 3), both, b"first"),
        "end_missing": ("Each ENTRY has an END.", moved(0, 1, 2, 4, 5, 6), index, b"first"),
        "end_missing_last": ("The plaintext ends in an entry.", moved(0, 1, 2, 3, 4, 5), index, b"firstsecond"),
        "end_twice": ("One END.", moved(0, 1, 2, 3, 3, 4, 5, 6), index, b"first"),
        "frame_after_end": ("A FRAME belongs to an ENTRY.", moved(0, 1, 2, 3, 2, 4, 5, 6), index, b"first"),
        "frame_twice": ("A FRAME after a short one.", moved(0, 1, 2, 2, 3, 4, 5, 6), index, b"first"),
        "type_0": ("There is no type 0.", at(ENTRY_B, type=0), both, b"first"),
        "type_6": ("There is no type 6.", at(ENTRY_B, type=6), both, b"first"),
        "pad_inside": ("PAD is at the end only.", at(ENTRY_B, type=r.PAD), both, b"first"),
        "frame_as_end": ("An END of the wrong length.", at(FRAME_B, type=r.END), both, b"first"),
        "entry_flags": ("An ENTRY has no flags.", at(ENTRY_B, flags=1), both, b"first"),
        "entry_zero": ("The third and fourth bytes are zero.", at(ENTRY_B, zero=256), both, b"first"),
        "manifest_flags": ("MANIFEST has no flags.", at(MANIFEST, flags=1), both, b""),
        "manifest_zero": ("The third and fourth bytes are zero.", at(MANIFEST, zero=1), both, b""),
        "frame_flags": ("FRAME has one flag.", at(FRAME_B, flags=2), both, b"first"),
        "frame_zero": ("The third and fourth bytes are zero.", at(FRAME_B, zero=1), both, b"first"),
        "end_flags": ("END has no flags.", at(END_B, flags=1), both, b"firstsecond"),
        "end_zero": ("The third and fourth bytes are zero.", at(END_B, zero=1), both, b"firstsecond"),
        "entry_length_0": ("An ENTRY has at least 1 byte.", at(ENTRY_B, length=0), both, b"first"),
        "entry_too_long": ("An ENTRY has at most 64 KiB.", at(ENTRY_B, length=65_537), both, b"first"),
        "manifest_length_0": ("A MANIFEST has at least 1 byte.", at(MANIFEST, length=0), both, b""),
        "manifest_too_long": ("A MANIFEST has at most 16 MiB.", at(MANIFEST, length=(16 << 20) + 1), both, b""),
        "frame_length_3": ("A FRAME holds raw_len.", at(FRAME_B, length=3), both, b"first"),
        "frame_too_long": ("A FRAME holds at most 1 MiB.", at(FRAME_B, length=MIB + 5), both, b"first"),
        "end_length_39": ("END has 40 bytes.", at(END_B, length=39), both, b"firstsecond"),
        "end_length_41": ("END has 40 bytes.", at(END_B, length=41), both, b"firstsecond"),
    }  # fmt: skip
    with cases.under("Records"):
        for name, (comment, change, seek, released) in cases_of.items():
            draft = Draft(TWO, records=change)
            cases.inside(f"record_{name}", comment, draft, seek, "bad_record", released=released)
        for name, keep, released in (
            ("nothing", 0, b""),
            ("manifest_header", 7, b""),
            ("manifest", 9, b""),
            ("end", -1, b"firstsecond"),
            ("end_header", -47, b"firstsecond"),
        ):
            draft = Draft(TWO, plain=lambda plain, keep=keep: plain[:keep])  # type: ignore[misc]
            comment = "The plaintext ends in a record."
            cases.inside(f"record_cut_{name}", comment, draft, "bad_index", "bad_record", released=released)
        more = Draft(TWO, plain=lambda plain: plain + b"\x02")
        comment = "A byte after the last record."
        cases.inside("record_byte_after", comment, more, "bad_index", "bad_record", released=b"firstsecond")


def frames(cases: Cases) -> None:
    """FRAME's lengths, END's size and digest."""

    def framed(*frames: Frame, **end: Any) -> Item:
        return replace(B, frames=frames, **end)

    with cases.under("Records"):
        for name, comment, raw, stored, released in (
            ("raw_0", "raw_len is at least 1.", 0, b"second", b"first"),
            ("raw_less", "Without the flag, data is the plaintext.", 5, b"second", b"first"),
            ("raw_more", "Without the flag, data is the plaintext.", 7, b"second", b"first"),
            ("raw_too_large", "raw_len is at most 1 MiB.", MIB + 1, b"second", b"first"),
            ("raw_huge", "raw_len is at most 1 MiB.", 2**32 - 1, b"second", b"first"),
        ):
            items = (A, framed(Frame(raw, stored)))
            cases.inside(f"frame_{name}", comment, Draft(items, shown=TWO), "bad_record", released=released)
        comment = "A FRAME of a directory."
        cases.inside("frame_of_directory", comment, _with_frame(), "bad_index", "bad_record", released=b"first")
        items = (A, framed(Frame(3, b"sec"), Frame(3, b"ond")))
        comment = "Only the last frame of a file is shorter than 1 MiB."
        cases.inside(
            "frame_short_then_more", comment, Draft(items, shown=TWO), "bad_index", "bad_record", released=b"firstsec"
        )
        items = (A, framed(Frame(6, b"second"), size=7))
        comment = "END states another size than the frames have."
        released = b"firstsecond"
        cases.inside("end_size", comment, Draft(items, shown=TWO), "bad_record", released=released)
        items = (A, replace(B, b3=A.b3))
        cases.inside(
            "end_digest", "The content is not that of the digest.", Draft(items), "bad_digest", released=released
        )
        comment = "END's digest is not that of the index, nor of the content: with seeking the index is compared first."
        cases.inside(
            "end_digest_not_in_index", comment, Draft(items, shown=TWO), "bad_index", "bad_digest", released=released
        )
        comment = "END's digest is that of the content, and not that of the index."
        cases.inside("end_digest_in_index", comment, Draft(TWO, shown=items), "bad_index", released=released)
        odd = replace(folder("d"), b3=A.b3)
        comment = "A directory's b3 is zeros."
        cases.inside(
            "end_directory_digest", comment, Draft((A, odd), shown=(A, folder("d"))), "bad_record", released=b"first"
        )
        cases.inside(
            "end_directory_digest_in_index", comment, Draft((A, odd)), "bad_index", "bad_record", released=b"first"
        )
        empty = replace(file("e"), b3=bytes(32))
        comment = "An empty file has the digest of nothing, not zeros."
        cases.inside("end_empty_digest", comment, Draft((A, empty)), "bad_digest", released=b"first")


def _with_frame() -> Draft:
    frame = Record(r.FRAME, u32(1) + b"x")
    return Draft((A, folder("d")), records=lambda made: [*made[:5], frame, *made[5:]])


def manifest(cases: Cases) -> None:
    """MANIFEST's map, and sealed rules."""
    sealed: dict[str, Any] = {"pol": {"m": "sealed"}}
    rules = [["aa_unknown", 3]]
    with cases.under("Records"):
        wrong: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
            "without_json": ("json is there.", {"json": DROP}, {}),
            "json_str": ("json is a bin.", {"json": "{}"}, {}),
            "without_tags": ("tags are there.", {"tags": DROP}, {}),
            "tags_unsorted": ("Private tags are as in CORE.", {"tags": ["b", "a"]}, {}),
            "tags_65": ("Private tags are as in CORE.", {"tags": [f"{n:03}" for n in range(65)]}, {}),
            "tag_129_bytes": ("Private tags are as in CORE.", {"tags": ["t" * 129]}, {}),
            "unknown_key": ("No other key.", {"x": {}}, {}),
            "rules_not_sealed": ("rules are there exactly when CORE says sealed.", {"rules": rules}, {}),
            "rules_missing": ("rules are there exactly when CORE says sealed.", {}, sealed),
            "rules_empty": ("Rules are as in CORE.", {"rules": []}, sealed),
            "rules_unsorted": ("Rules are as in CORE.", {"rules": [["b", 1], ["a", 1]]}, sealed),
        }
        for name, (comment, values, core) in wrong.items():
            cases.inside(f"manifest_{name}", comment, Draft(TWO, core=core, manifest=values), "bad_manifest")
        longer = Draft(TWO, records=lambda made: at(0, body=made[0].body.replace(b"\x90", b"\xc0"))(made))
        cases.inside("manifest_tags_nil", "tags are an array.", longer, "bad_manifest")
        form = Draft(TWO, records=lambda made: at(0, body=made[0].body.replace(b"\xc4\x00", b"\xa0\xc0"))(made))
        cases.inside("manifest_not_canonical", "What is not msgpack.", form, "not_canonical")
        comment = "A reader that does not know a rule refuses, before it releases anything."
        secret = Draft(TWO, core=sealed, manifest={"rules": rules})
        cases.inside("rules_sealed", comment, secret, "unsupported_rule")
        comment = "Sealed rules cannot be read without the key."
        cases.inside("rules_sealed_wrong_key", comment, secret, "no_key", kek=(fixed.WRONG_KEK_TEXT,))
        comment = "With seeking a signature is looked for before the manifest is read."
        unsigned = Draft(TWO, core=sealed | {"sig": [fixed.NAMES[0]]}, manifest={"rules": rules})
        given = {"inspect": "missing_signature"}
        cases.inside("rules_sealed_unsigned", comment, unsigned, "missing_signature", "unsupported_rule", **given)


def entries(cases: Cases) -> None:
    """ENTRY's map; the index shows an honest one of the same length."""
    wrong: dict[str, tuple[str, dict[str, Any]]] = {
        "without_mode": ("mode is there.", {"mode": DROP}),
        "without_mtime": ("mtime is there.", {"mtime": DROP}),
        "without_path": ("path is there.", {"path": DROP}),
        "without_type": ("type is there.", {"type": DROP}),
        "unknown_key": ("No other key.", {"uid": 0}),
        "mode_01000": ("mode is permission bits.", {"mode": 0o1000}),
        "mode_negative": ("mode is 0 or more.", {"mode": -1}),
        "mtime_too_late": ("mtime is at most 2^63 - 1.", {"mtime": 2**63}),
        "mtime_str": ("mtime is an integer.", {"mtime": "now"}),
        "type_2": ("There are files and directories only.", {"type": 2}),
        "type_boolean": ("A boolean is not an integer.", {"type": False}),
        "path_bin": ("path is a str.", {"path": b"b"}),
        "mime_empty": ("mime has at least 1 byte.", {"mime": ""}),
        "mime_256": ("mime has at most 255 bytes.", {"mime": "m" * 256}),
        "mime_line_end": ("mime is of 0x20 to 0x7E.", {"mime": "text/plain\n"}),
        "mime_delete": ("mime is of 0x20 to 0x7E.", {"mime": "text/\x7f"}),
        "mime_not_ascii": ("mime is ASCII.", {"mime": "text/é"}),
        "mime_nil": ("mime is a str.", {"mime": None}),
        "x_empty": ("x is not empty.", {"x": {}}),
        "x_array": ("x is a map.", {"x": [1]}),
        "bad_path_too": ("Of the faults of ENTRY that of its path comes last.", {"mode": 0o1000, "path": ".."}),
    }
    with cases.under("Records"):
        for name, (comment, values) in wrong.items():
            item = file("b", b"second", **values)
            draft = Draft((A, item), shown=(A, replace(B, entry=shown_as(item).entry)))
            cases.inside(f"entry_{name}", comment, draft, "bad_record", released=b"first")
        body = Draft(TWO).honest_records()[ENTRY_B].body
        assert body.endswith(b"\x00")
        longer = body[:-1] + b"\xcc\x00"
        draft = Draft(TWO, records=at(ENTRY_B, body=longer), shown=(A, replace(B, entry=len(longer))))
        cases.inside("entry_not_canonical", "A longer form.", draft, "not_canonical", released=b"first")


def padding(cases: Cases) -> None:
    """PAD's lengths and zeros."""
    items = (A, file("b", b"second" * 160))
    released = b"first" + b"second" * 160
    length = len(Draft(items, core={"pad": 1}).plaintext()) - len(Draft(items).plaintext())
    assert length > 24

    def ending(end: bytes) -> Draft:
        return Draft(items, core={"pad": 1}, plain=lambda plain: plain[:-length] + end)

    def pad(size: int, stated: int | None = None) -> bytes:
        return Record(r.PAD, bytes(size), length=stated).pack()

    with cases.under("Records"):
        rest, both, index = length - 8, "bad_record", "bad_index"
        nonzero = pad(rest)[:-1] + b"\1"
        for name, comment, end, seek in (
            ("nonzero", "Padding is zero; who reads everything reads it too.", nonzero, both),
            ("missing", "With pad 1 there is at least one PAD.", b"", index),
            ("short", "PAD fills the plaintext to T.", pad(rest - 1), index),
            ("long", "PAD fills the plaintext to T.", pad(rest + 1), index),
            ("two", "One PAD, not two of the same length together.", pad(4) + pad(rest - 12), both),
            ("stated_short", "The length of a PAD is given by the rule.", pad(rest, rest - 1), both),
            ("stated_long", "The length of a PAD is given by the rule.", pad(rest, rest + 1), both),
            ("entry_after", "Nothing follows the last PAD.", pad(rest) + pad(0), index),
            ("other_type", "Another record where PAD should be.", b"\4" + pad(rest)[1:], both),
            ("flags", "PAD has no flags.", b"\5\1" + pad(rest)[2:], both),
            ("just_zeros", "Zeros are no PAD.", bytes(length), both),
        ):
            cases.inside(f"pad_{name}", comment, ending(end), seek, "bad_record", released=released)
        comment = "With pad 0 there is no PAD."
        draft = Draft(TWO, plain=lambda plain: plain + pad(0))
        cases.inside("pad_not_asked_for", comment, draft, "bad_index", "bad_record", released=b"firstsecond")


PARTS = (order, frames, manifest, entries, padding)
