"""Vectors of TRAILER and TAIL, the signatures, and what follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spec.vectors import fixed
from spec.vectors.build import DROP, Draft, file, u32
from spec.vectors.cases import Cases, poke, poked
from tera.codec.signers import signer_fingerprint

ONE = (file("a.txt", b"one"),)
ALL = b"one"
Signatures = list[list[Any]]


def trailer(cases: Cases) -> None:
    """The map and its MAC."""

    def other(**values: Any) -> Draft:
        def change(made: dict[str, Any]) -> dict[str, Any]:
            return {key: value for key, value in (made | values).items() if value is not DROP}

        return Draft(ONE, trailer=change)

    with cases.under("TRAILER"):
        for key in ("chunks", "len", "roots"):
            cases.end(f"trailer_without_{key}", f"The key {key} is missing.", other(**{key: DROP}), "bad_trailer")
        wrong: dict[str, tuple[str, dict[str, Any]]] = {
            "unknown_key": ("No other key.", {"x": {}}),
            "chunks_of_3": ("chunks has two.", {"chunks": [1, 1, 1]}),
            "chunks_0": ("There is at least one chunk.", {"chunks": [1, 0]}),
            "chunks_too_many": ("At most 2^32.", {"chunks": [2**32 + 1, 1]}),
            "chunks_boolean": ("A boolean is not an integer.", {"chunks": [True, True]}),
            "chunks_map": ("chunks is an array.", {"chunks": {}}),
            "len_negative": ("len is 0 or more.", {"len": -1}),
            "len_str": ("len is an integer.", {"len": "1"}),
            "roots_of_1": ("roots has two.", {"roots": [bytes(32)]}),
            "roots_short": ("A root has 32 bytes.", {"roots": [bytes(31), bytes(32)]}),
        }
        for name, (comment, values) in wrong.items():
            cases.end(f"trailer_{name}", comment, other(**values), "bad_trailer")
        array = Draft(ONE, trailer=lambda made: [1])
        cases.end("trailer_array", "trailer_map is a map.", array, "bad_trailer")
        longer = Draft(ONE, trailer_map=lambda packed: b"\xde\0\3" + packed[1:])
        cases.end("trailer_not_canonical", "A longer form of the map.", longer, "not_canonical")
        beyond = Draft(ONE, trailer_length=1_000)
        cases.end("trailer_map_beyond", "The map is longer than the section.", beyond, "bad_trailer")
        cases.end("trailer_map_empty", "A length of 0 holds no value.", Draft(ONE, trailer_length=0), "not_canonical")
        changed = Draft(ONE, trailer_mac=lambda mac: poke(mac, 0))
        cases.inside("trailer_mac", "The MAC differs.", changed, "trailer_mac", released=ALL)
        comment = "A root changed on the way: the MAC is over the map as it was received."
        root = Draft(ONE, sections=_root)
        cases.inside("trailer_mac_root", comment, root, "trailer_mac", released=ALL, inspect="bad_root")
        comment = "len changed on the way: the MAC is verified before len is used."
        length = Draft(ONE, sections=_length)
        cases.inside("trailer_mac_len", comment, length, "trailer_mac", released=ALL, inspect="bad_layout")
        for name, at, new in (("type", 0, b"\x22"), ("flags", 1, b"\1"), ("reserved", 2, b"\1"), ("below", 4, u32(36))):
            draft = Draft(ONE, sections=poked("TRAILER", at, new))
            cases.end(f"trailer_header_{name}", "No possible header of TRAILER.", draft, "bad_section")
        draft = Draft(ONE, sections=poked("TRAILER", 4, u32(65_537)))
        cases.end("trailer_header_above", "No possible header of TRAILER.", draft, "bad_section")


def _root(found: dict[str, bytes]) -> dict[str, bytes]:
    at = found["TRAILER"].rindex(b"\xc4\x20")
    return found | {"TRAILER": poke(found["TRAILER"], at + 10)}


def _length(found: dict[str, bytes]) -> dict[str, bytes]:
    at = found["TRAILER"].index(b"\xa3len") + 6
    return found | {"TRAILER": poke(found["TRAILER"], at)}


def broken_signature(at: int, number: int = 0) -> Callable[[Signatures], Any]:
    """Return a hook that changes a bit of a signature."""

    def change(made: Signatures) -> Signatures:
        made[number][3] = poke(made[number][3], at)
        return made

    return change


def signatures(cases: Cases) -> None:
    """Who signed, and who should have."""
    first, second, third = fixed.SIGNERS
    listed = {"sig": [fixed.NAMES[0]]}
    blank = [[bytes((n,)) * 32, 1, bytes(1_984), bytes(3_373)] for n in range(9)]

    def signed(change: Callable[[Signatures], Any], *signers: Any, **options: Any) -> Draft:
        return Draft(ONE, core=listed, signers=signers or (first,), signatures=change, **options)

    def field(at: int, value: Any, number: int = 0) -> Callable[[Signatures], Any]:
        def change(made: Signatures) -> Signatures:
            made[number][at] = value
            return made

        return change

    with cases.under("TRAILER"):
        form: dict[str, tuple[str, Draft]] = {
            "map": ("The signatures are an array.", signed(lambda made: {})),
            "of_3": ("A signature has four elements.", signed(lambda made: [made[0][:3]])),
            "nine": ("There are at most 8.", signed(lambda made: blank)),
            "algorithm_2": ("Another algorithm.", signed(field(1, 2))),
            "algorithm_boolean": ("A boolean is not an integer.", signed(field(1, True))),
            "fingerprint": ("The fingerprint is not that of the key.", signed(field(0, fixed.NAMES[1]))),
            "fingerprint_short": ("A fingerprint has 32 bytes.", signed(field(0, bytes(31)))),
            "key_short": ("A public key has 1,984 bytes.", signed(field(2, first.public[:-1]))),
            "too_long": ("A signature has 3,373 bytes.", signed(field(3, bytes(3_374)))),
            "unsorted": ("Sorted by fingerprint.", signed(lambda made: made[::-1], first, second)),
            "twice": ("Each fingerprint once.", signed(lambda made: [made[0], made[0]])),
        }
        for name, (comment, draft) in form.items():
            cases.end(f"signature_{name}", comment, draft, "bad_trailer")
        comment = "Nothing where the array should be."
        cases.end("signature_no_array", comment, Draft(ONE, signature_bytes=lambda made: b""), "not_canonical")
        trailing = Draft(ONE, signature_bytes=lambda made: made + b"\xc0")
        cases.end("signature_trailing", "The array goes to the end of the section.", trailing, "not_canonical")
        comment = "A longer form of the array."
        longer = Draft(ONE, signature_bytes=lambda made: b"\xdc\0\0")
        cases.end("signature_not_canonical", comment, longer, "not_canonical")
        comment = "The form of the signatures is judged before the MAC."
        both = Draft(ONE, signatures=lambda made: {}, trailer_mac=lambda mac: bytes(32))
        cases.end("signature_form_before_mac", comment, both, "bad_trailer")
        cases.end("signature_mldsa", "The ML-DSA half does not verify.", signed(broken_signature(100)), "bad_signature")
        cases.end(
            "signature_ed25519", "The Ed25519 half does not verify.", signed(broken_signature(-40)), "bad_signature"
        )
        comment = "A signature that CORE does not list, and that does not verify."
        unlisted = signed(broken_signature(100, 1), first, second)
        cases.end("signature_unlisted", comment, unlisted, "bad_signature")
        comment = "A signature of another container by the same key."
        foreign: Signatures = []

        def keep(made: Signatures) -> Signatures:
            foreign.extend(made)
            return made

        Draft(ONE, core={"tags": ["x"]}, signers=(first,), signatures=keep).build()
        cases.end("signature_spliced", comment, signed(lambda made: foreign), "bad_signature")
        comment = "The fingerprint of a public key that is none."
        nokey = b"\xff" * 1_984
        value = [[signer_fingerprint(nokey), 1, nokey, bytes(3_373)]]
        cases.end("signature_no_key", comment, Draft(ONE, signatures=lambda made: value), "bad_signature")
        cases.end(
            "signature_missing", "CORE lists a signer who did not sign.", signed(lambda made: []), "missing_signature"
        )
        comment = "Somebody else signed."
        cases.end("signature_somebody_else", comment, signed(lambda made: made, second), "missing_signature")
        comment = "CORE lists two, one signed."
        two = Draft(ONE, core={"sig": fixed.NAMES[:2]}, signers=(second,))
        cases.end("signature_one_of_two", comment, two, "missing_signature")
        comment = "bad_signature comes before missing_signature."
        mixed = Draft(ONE, core={"sig": fixed.NAMES[:2]}, signers=(second,), signatures=broken_signature(100))
        cases.end("signature_bad_before_missing", comment, mixed, "bad_signature")
        pinned = (fixed.NAMES[2].hex(),)
        comment = "The reader pins a signer who did not sign."
        cases.end("signature_pinned_missing", comment, signed(lambda made: made), "missing_signature", signer=pinned)
        comment = "The reader pins somebody, and nobody signed."
        cases.end("signature_pinned_none", comment, Draft(ONE), "missing_signature", signer=pinned)
        comment = "Signatures come before the payload with seeking, behind it in a stream."
        late = Draft(ONE, core=listed, signers=(third,), sections=poked("INDEX 0", 8))
        made = late.build()
        cases.add("signature_before_index", comment, made, "missing_signature", stream="bad_chunk", released=ALL)


def tail(cases: Cases) -> None:
    """The last 24 bytes, and what follows them."""
    with cases.under("TAIL"):
        for name, at, new in (
            ("magic", -1, None),
            ("payload", 15, None),
            ("payload_huge", 8, b"\xff" * 8),
            ("trailer", 19, None),
        ):
            draft = Draft(ONE, sections=poked("TAIL", at, new))
            cases.end(f"tail_{name}", f"The {name.split('_')[0]} in TAIL is another.", draft, "bad_layout")
        for name, at, new in (
            ("type", 0, b"\x20"),
            ("flags", 1, b"\1"),
            ("reserved", 3, b"\1"),
            ("length", 4, u32(17)),
        ):
            draft = Draft(ONE, sections=poked("TAIL", at, new))
            cases.end(f"tail_header_{name}", "No possible header of TAIL.", draft, "bad_section")
        comment = "payload is one less and trailer one more: the sum fits, and no TRAILER starts there."
        shifted = Draft(ONE, sections=_shifted)
        cases.end("tail_shifted", comment, shifted, "bad_layout")
    with cases.under("Overview"):
        for name, more in (("byte", b"\0"), ("line_end", b"\n"), ("page", bytes(4_096))):
            draft = Draft(ONE, tail=lambda made, more=more: made + more)  # type: ignore[misc]
            cases.end(f"trailing_{name}", "There is nothing after TAIL.", draft, "trailing_data")
        comment = "A second TAIL: the file still ends in what could be one."
        cases.end("trailing_tail", comment, Draft(ONE, tail=lambda made: made + made), "trailing_data")
        comment = "Two containers one after the other."
        whole = Draft(ONE).build().data
        cases.end("trailing_container", comment, Draft(ONE, tail=lambda made: made + whole), "trailing_data")


def _shifted(found: dict[str, bytes]) -> dict[str, bytes]:
    made = found["TAIL"]
    payload, trailer = int.from_bytes(made[8:16], "big") - 1, int.from_bytes(made[16:20], "big") + 1
    return found | {"TAIL": made[:8] + payload.to_bytes(8, "big") + u32(trailer) + made[20:]}


PARTS = (trailer, signatures, tail)
