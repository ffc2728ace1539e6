"""Vectors of compressed frames: exactly one zstd frame, of the size that FRAME says."""

from __future__ import annotations

from dataclasses import replace

from spec.vectors.build import Draft, Frame, file
from spec.vectors.cases import Cases
from spec.vectors.zstd import MAGIC, packed, rle

A = file("a", b"first")
CONTENT = b"A" * 300
SKIPPABLE = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"skip"


def compressed(cases: Cases) -> None:
    """What is wrong with a frame; the index states its real length."""
    good = rle(300)
    wrong: dict[str, tuple[str, Frame]] = {
        "not_zstd": ("It starts with 28 B5 2F FD.", packed(300, b"no zstd frame")),
        "magic": ("It starts with 28 B5 2F FD.", packed(300, b"\x29" + good[1:])),
        "magic_only": ("A frame header follows.", packed(300, MAGIC)),
        "one_byte": ("At least one byte, and that is no frame.", packed(300, b"\x28")),
        "skippable": ("A skippable frame yields nothing.", packed(300, SKIPPABLE)),
        "skippable_first": ("Exactly one frame.", packed(300, SKIPPABLE + good)),
        "size_less": ("The content size is raw_len.", packed(300, rle(299))),
        "size_more": ("The content size is raw_len.", packed(300, rle(301))),
        "size_absent": ("The content size is declared.", packed(300, rle(300, unsized=True))),
        "size_lie_more": ("It yields exactly raw_len bytes.", packed(300, rle(299, declared=300))),
        "size_lie_less": ("It yields exactly raw_len bytes.", packed(300, rle(301, declared=300))),
        "size_bomb": ("Declared sizes are checked before decompression.", packed(300, rle(300, declared=1 << 30))),
        "dictionary": ("No dictionary.", packed(300, rle(300, dictionary=b"\x07"))),
        "dictionary_wide": ("No dictionary.", packed(300, rle(300, dictionary=b"\1\0\0\1"))),
        "window": ("A window of at most 8 MiB.", packed(300, rle(300, window=24))),
        "trailing_byte": ("Nothing follows the frame.", packed(300, good + b"\0")),
        "two": ("Exactly one frame.", packed(300, rle(300) + rle(300))),
        "two_halves": ("Exactly one frame.", packed(300, rle(150) + rle(150))),
        "cut": ("The frame is whole.", packed(300, good[:-1])),
        "checksum": ("A checksum is verified.", packed(300, rle(300, checksum=b"B" * 300))),
        "checksum_cut": ("A checksum is whole.", packed(300, rle(300, checksum=CONTENT)[:-1])),
        "not_shorter": ("data is shorter than raw_len.", packed(10, rle(10))),
        "longer": ("data is shorter than raw_len.", packed(5, rle(5))),
        "empty": ("data has at least 1 byte.", packed(5, b"")),
        "plain": ("With the flag, data is a zstd frame.", packed(6, b"plain")),
    }  # fmt: skip
    with cases.under("Records"):
        for name, (comment, frame) in wrong.items():
            item = replace(file("b", b"A" * frame.raw), frames=(frame,))
            seek = "bad_index" if name in ("longer", "empty") else "bad_frame"
            cases.inside(f"zstd_{name}", comment, Draft((A, item)), seek, "bad_frame", released=b"first")
        comment = "The second frame does not decompress: the first may have been released."
        mib = 1 << 20
        item = replace(
            file("b", b"A" * (mib + 300)), frames=(packed(mib, rle(mib)), packed(300, rle(299, declared=300)))
        )
        released = b"first" + b"A" * mib
        cases.inside("zstd_second_frame", comment, Draft((A, item)), "bad_frame", released=released)


PARTS = (compressed,)
