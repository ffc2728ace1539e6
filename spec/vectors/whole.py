"""Vectors that every reader takes: entries of all kinds, and the edges of chunks, blocks, frames and padding."""

from __future__ import annotations

from dataclasses import replace

from spec.vectors import fixed
from spec.vectors.build import MIB, Draft, Item, file, folder, quiet
from spec.vectors.cases import Cases
from spec.vectors.zstd import packed, rle

TREE = (
    folder("docs", mode=0o700, mtime=1_700_000_000_123_456_789),
    file("docs/readme.txt", b"Read me.\n", mode=0o444, mtime=-1, mime="text/plain"),
    folder("docs/empty", mode=0),
    file("docs/empty file", b"", mode=0o777, mtime=2**63 - 1),
    file("without/an/entry/of/its/folders", b"x", mtime=-(2**63)),
    file("extended", b"e", x={"anything": [1, {"a": None}]}),
)


def filled(plain: int, path: str = "fill") -> Draft:
    """Return a container whose DATA has exactly so many bytes of plaintext, all in one quiet file."""
    frames = 1
    while True:
        size = plain - len(Draft((replace(file(path), quiet=0),)).plaintext()) - 12 * frames
        if -(-size // MIB) == frames:
            return Draft((quiet(path, size),))
        frames += 1


def entries(cases: Cases) -> None:
    """What can be inside."""
    with cases.under("Records"):
        cases.good("whole_nothing", "A container without an entry.", Draft())
        cases.good("whole_empty_file", "An empty file has no frame.", Draft((file("empty"),)))
        cases.good("whole_one_byte", "One byte.", Draft((file("one", b"1"),)))
        cases.good("whole_directory", "A directory has neither frame nor digest.", Draft((folder("d"),)))
        cases.good("whole_tree", "Files, directories, modes, times, mime and x.", Draft(TREE))
        manifest = {"json": b'{"title": "Q3"}', "tags": ["a", "private"]}
        comment = "The manifest's text and private tags; public tags are others."
        both = Draft(TREE, manifest=manifest, core={"tags": ["public"]})
        cases.good("whole_manifest", comment, both, tag=("public",))
        comment = "json is not interpreted: it need not be JSON, not even text."
        cases.good("whole_manifest_bytes", comment, Draft(manifest={"json": b"\xff\0{"}))
        mime = file("m", b"m", mime=" ~" + "m" * 253)
        cases.good("whole_mime_255", "mime has up to 255 bytes from 0x20 to 0x7E.", Draft((mime,)))

    with cases.under("Digests"):
        comment = "Entries stand in the order that the writer chose; content_digest sorts them by bytes."
        mixed = (file("b", b"2"), file("a", b"1"), file("\U0001f600", b"4"), file("\uffff", b"3"))
        cases.good("whole_any_order", comment, Draft(mixed))
        comment = "The same files in another order have the same content_digest."
        cases.good("whole_other_order", comment, Draft(mixed[::-1]))


def sizes(cases: Cases) -> None:
    """Edges of chunks, blocks and frames."""
    with cases.under("Payload"):
        for name, plain, comment in (
            ("16383", 16_383, "DATA is one chunk, as long as a last one can be."),
            ("16384", 16_384, "DATA is a multiple of 16,384: the last chunk is empty."),
            ("16385", 16_385, "The last chunk has one byte."),
            ("64_chunks", MIB - 1, "64 chunks in one block, the longest last block."),
            ("1_mib", MIB, "DATA is 1 MiB: an empty chunk alone in the last block."),
            ("1_mib_and_1", MIB + 1, "The last block has one byte."),
            ("2_mib", 2 * MIB, "Two full blocks and an empty chunk."),
        ):
            draft = filled(plain)
            assert len(draft.plaintext(draft.build().items)) == plain
            cases.good(f"size_{name}", comment, draft)
        comment = "INDEX is 16,384 bytes: its last chunk is empty."
        cases.good("size_index_16384", comment, Draft(_index_of(16_384)))
    with cases.under("Records"):
        cases.good("frame_exactly_1_mib", "A file of 1 MiB has one frame.", Draft((quiet("f", MIB),)))
        cases.good("frame_1_mib_and_1", "The second frame has one byte.", Draft((quiet("f", MIB + 1),)))
        long = rle(MIB)
        three = replace(
            file("three", b"A" * (2 * MIB + 100)),
            frames=(packed(MIB, long), packed(MIB, long), packed(100, rle(100))),
        )
        between = Draft((file("before", b"b"), three, quiet("noise", 40_000), file("after", b"a")))
        cases.good("frame_three_compressed", "Frames that are compressed, between others.", between)
        whole = rle(3_000, checksum=b"A" * 3_000)
        check = replace(file("f", b"A" * 3_000), frames=(packed(3_000, whole),))
        cases.good("frame_checksum", "A checksum is allowed, and verified.", Draft((check,)))
        window = replace(file("f", b"A" * MIB), frames=(packed(MIB, rle(MIB, window=23)),))
        cases.good("frame_window_8_mib", "A window of 8 MiB is the largest.", Draft((window,)))
        dictionary = replace(file("f", b"A" * 100), frames=(packed(100, rle(100, dictionary=b"\0")),))
        cases.good("frame_dictionary_0", "A dictionary id of 0 is none.", Draft((dictionary,)))
        tight = replace(file("f", b"A" * 11), frames=(packed(11, rle(11)),))
        assert len(tight.frames[0].data) == 10
        cases.good("frame_one_byte_saved", "A compressed frame is shorter than what it holds.", Draft((tight,)))


def padding(cases: Cases) -> None:
    """Padmé: no byte of it is a choice."""
    with cases.under("Records"):
        for name, items in (("nothing", ()), ("tree", TREE), ("1_mib", (quiet("f", MIB),))):
            comment = "DATA and INDEX are padded by the rule of PAD."
            cases.good(f"pad_{name}", comment, Draft(items, core={"pad": 1}))
        for name, length in (("empty_body", 0), ("1_byte", 1)):
            draft = _padded_by(length)
            cases.good(f"pad_{name}", f"The only PAD has a body of {length}.", draft)


def _padded_by(length: int) -> Draft:
    for size in range(1, 2_000):
        draft = Draft((file("f", b"f" * size),), core={"pad": 1})
        records = len(Draft(draft.items).plaintext())
        if len(draft.plaintext()) == records + 8 + length:
            return draft
    raise ValueError("no such padding")


def _index_of(length: int) -> tuple[Item, ...]:
    """Return empty files with which INDEX has so many bytes."""
    count = 40
    rest = length - 12 - 32 - count * 55 - count
    names = [f"{n:03}" + "n" * (rest // count - 3 + (n < rest % count)) for n in range(count)]
    names = [name[:250] + "/" + name[251:] if len(name) > 255 else name for name in names]
    return tuple(map(file, names))


def signed(cases: Cases) -> None:
    """Signatures that fit."""
    first, second, _ = fixed.SIGNERS
    one = (file("a.txt", b"one"),)
    with cases.under("TRAILER"):
        listed = Draft(one, core={"sig": [fixed.NAMES[0]]}, signers=(first,))
        cases.good("signed", "CORE lists the signer.", listed)
        comment = "The reader pins the signer that CORE lists."
        cases.good("signed_pinned", comment, listed, signer=(fixed.NAMES[0].hex(),))
        comment = "Signatures that CORE does not list may be there, and may be pinned."
        both = Draft(one, core={"sig": [fixed.NAMES[0]]}, signers=(first, second))
        cases.good("signed_unlisted", comment, both, signer=(fixed.NAMES[1].hex(),))
        comment = "A signature that CORE does not list may be removed by anyone."
        gone = Draft(one, core={"sig": [fixed.NAMES[0]]}, signers=(first, second), signatures=lambda made: made[:1])
        cases.good("signed_unlisted_removed", comment, gone)


PARTS = (entries, sizes, padding, signed)
