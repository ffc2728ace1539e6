"""Vectors with two faults: which of them is found first, with seeking, in a stream and without a key."""

from __future__ import annotations

from typing import Any

from spec.vectors import fixed
from spec.vectors.build import Draft, file, u32
from spec.vectors.cases import Cases, poke, poked
from spec.vectors.ends import broken_signature
from spec.vectors.payload import LARGE
from tera.format import sections as s

ONE = (file("a.txt", b"one"),)
ALL = b"one"
LISTED = {"sig": [fixed.NAMES[0]]}


def seeking(cases: Cases) -> None:
    """Steps 1 to 8."""

    def more_chunks(made: dict[str, Any]) -> dict[str, Any]:
        return made | {"chunks": [2, 1]}

    with cases.under("With seeking"):
        made = Draft(ONE, access_mac=lambda mac: bytes(32), tail=lambda tail: tail + b"\0").build()
        comment = "Step 4 before 5: the MAC of ACCESS, then what follows TAIL."
        cases.add("order_access_mac_then_tail", comment, made, "access_mac", inspect="trailing_data")
        made = Draft(
            ONE, trailer_mac=lambda mac: bytes(32), signers=fixed.SIGNERS[:1], signatures=broken_signature(100)
        ).build()
        comment = "Step 5: the MAC of the trailer, then the signatures."
        given: dict[str, Any] = {"inspect": "bad_signature", "released": ALL}
        cases.add("order_trailer_mac_then_signature", comment, made, "trailer_mac", **given)
        made = Draft(ONE, core=LISTED, trailer=lambda map: map | {"len": 0}).build()
        comment = "Step 5: len, then the signatures."
        cases.add("order_len_then_signature", comment, made, "bad_layout", released=ALL)
        made = Draft(ONE, core=LISTED, trailer=more_chunks).build()
        comment = "Step 5 before 6: the signatures, then the lengths."
        given = {"stream": "bad_layout", "released": ALL}
        cases.add("order_signature_then_lengths", comment, made, "missing_signature", **given)
        made = Draft(ONE, segment=lambda kind, body: poke(body, -1), sections=poked("DATA 0", 4, u32(15))).build()
        comment = "Step 6: the header of DATA's last block, then the commitment."
        given = {"stream": "segment_commitment", "inspect": "bad_section"}
        cases.add("order_lengths_then_commitment", comment, made, "bad_section", **given)
        made = Draft(
            ONE, segment=lambda kind, body: poke(body, -1) if kind == s.DATA else body, index=_one_more
        ).build()
        comment = "Step 6: DATA's commitment, then the index."
        cases.add("order_commitment_then_index", comment, made, "segment_commitment", inspect="success")
        made = Draft(ONE, index=_one_more, trailer=_other_data_root).build()
        comment = "Step 6: INDEX is parsed, then its leaves are compared with DATA's root."
        given = {"inspect": "bad_root", "released": ALL}
        cases.add("order_index_then_data_root", comment, made, "bad_index", **given)
        made = Draft(ONE, manifest={"json": "text"}, trailer=_other_data_root).build()
        comment = "Step 6 before 7: DATA's root, then the manifest."
        given = {"stream": "bad_manifest", "inspect": "bad_root"}
        cases.add("order_data_root_then_manifest", comment, made, "bad_root", **given)
        sealed = {"core": {"pol": {"m": "sealed"}}, "manifest": {"rules": [["aa_unknown", 3]]}}
        made = Draft(LARGE, sections=poked("DATA 1", 8), **sealed).build()  # type: ignore[arg-type]
        comment = "Step 7 before 8: sealed rules, then the block that is changed."
        cases.add("order_rules_then_data", comment, made, "unsupported_rule", inspect="bad_root")
        made = Draft(ONE, sections=lambda found: poked("DATA 0", 8)(poked("INDEX 0", 8)(found))).build()
        comment = "With seeking INDEX comes before DATA."
        given = {"stream": "bad_chunk", "inspect": "bad_root"}
        cases.add("order_index_then_data", comment, made, "bad_root", **given)


def streaming(cases: Cases) -> None:
    """What a stream finds in another order."""
    with cases.under("From a pipe"):
        made = Draft(ONE, block=_index_changed, tail=lambda tail: tail + b"\0").build()
        comment = "A stream finds INDEX before the end, seeking finds the end first."
        given = {"stream": "bad_chunk", "inspect": "trailing_data", "released": ALL}
        cases.add("order_stream_index_then_tail", comment, made, "trailing_data", **given)
        made = Draft(ONE, trailer=lambda map: _other_data_root(map | {"len": 0})).build()
        comment = "TRAILER: len against what was read, then the roots."
        cases.add("order_stream_len_then_roots", comment, made, "bad_layout", released=ALL)
        made = Draft(ONE, core=LISTED, trailer=_other_data_root).build()
        comment = "TRAILER in a stream: the roots, then the signatures; with seeking the other way round."
        given = {"stream": "bad_root", "released": ALL}
        cases.add("order_stream_roots_then_signature", comment, made, "missing_signature", **given)
        made = Draft(ONE, core=LISTED, tail=lambda tail: poke(tail, -1)).build()
        comment = "TAIL comes last in a stream, and before the signatures with seeking."
        given = {"stream": "missing_signature", "released": ALL}
        cases.add("order_stream_signature_then_tail", comment, made, "bad_layout", **given)


def without_key(cases: Cases) -> None:
    """What anyone can check."""
    wrong: dict[str, Any] = {"kek": (fixed.WRONG_KEK_TEXT,)}
    with cases.under("Without a key"):
        comment = "No key is needed to compute the container digest."
        cases.inside("inspect_no_key", comment, Draft(ONE), "no_key", **wrong)
        comment = "The trailer's MAC stays open: a stranger sees that the roots fit, and no more."
        made = Draft(ONE, trailer_mac=lambda mac: bytes(32)).build()
        cases.add("inspect_trailer_mac", comment, made, "trailer_mac", inspect="success", released=ALL)
        made = Draft(ONE, core=LISTED, sections=poked("DATA 0", 8)).build()
        comment = "Signatures, then the blocks."
        given = {"stream": "bad_chunk", "inspect": "missing_signature"}
        cases.add("inspect_signature_then_blocks", comment, made, "missing_signature", **given)
        made = Draft(ONE, sections=poked("DATA 0", 8)).build()
        cases.add(
            "inspect_changed_block", "A changed block shows without a key.", made, "no_key", inspect="bad_root", **wrong
        )


def _index_changed(kind: int, number: int, block: bytes) -> bytes:
    return poke(block, 8) if kind == s.INDEX else block


def _one_more(plain: bytes) -> bytes:
    return plain + b"\0"


def _other_data_root(made: dict[str, Any]) -> dict[str, Any]:
    return made | {"roots": [poke(made["roots"][0], 0), made["roots"][1]]}


PARTS = (seeking, streaming, without_key)
