"""What is signed: checkpoints, the proofs that hold one, and whole logs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from spec.vectors.audit.maker import LEAVES, ORIGIN, SEED, Case, Grown, Maker, Text, b64, flip, series
from tera.audit import tree
from tera.audit.checkpoint import Checkpoint
from tera.audit.events import Event
from tera.audit.proof import LogProof


def checkpoints(make: Maker) -> Text:
    cases: list[Case] = []
    root = Grown(LEAVES).root()
    text = Checkpoint(ORIGIN, 8, root).text
    good = make.note(text)
    lines = good.split("\n\n")[1]
    plain, strong = (f"{line}\n" for line in lines.splitlines())
    stranger = make.signers(ORIGIN, SEED[::-1])
    witness = make.signers("witness.example/w", SEED[::-1])
    both = ["ed25519", "composite"]

    def add(name: str, data: str | bytes, expect: str, known: Sequence[str] = both) -> None:
        raw = data if isinstance(data, bytes) else data.encode()
        cases.append({"name": name, "known": list(known), "checkpoint": b64(raw), "expect": expect})

    for name, data, known in (
        ("both keys", good, both),
        ("one key of two known", good, ["ed25519"]),
        ("the other", good, ["composite"]),
        ("composite signature alone", f"{text}\n{strong}", both),
        ("Ed25519 alone where no other is known", f"{text}\n{plain}", ["ed25519"]),
        ("the lines in another order", f"{text}\n{strong}{plain}", both),
        ("a witness beside the log", make.note(text, make.plain, make.strong, *witness), both),
        ("a stranger of the same name", make.note(text, make.plain, make.strong, *stranger), both),
        ("a line twice", f"{text}\n{plain}{strong}{plain}", both),
        ("of 0 events", make.note(Checkpoint(ORIGIN, 0, tree.EMPTY_ROOT).text), both),
        ("of the most events", make.note(Checkpoint(ORIGIN, 2**63 - 1, root).text), both),
    ):
        add(name, data, "success", known)
    add("Ed25519 alone where the composite key is known", f"{text}\n{plain}", "missing_signature")
    add("strangers", make.note(text, *stranger), "missing_signature")
    add("a witness alone", make.note(text, *witness), "missing_signature")
    add("no known key", good, "missing_signature", [])
    add("size changed", good.replace("\n8\n", "\n9\n"), "bad_signature")
    add("origin changed", good.replace(ORIGIN, "other.example/log", 1), "bad_signature")
    for which, line in (("Ed25519", plain), ("composite", strong)):
        head, encoded = line.rstrip("\n").rsplit(" ", 1)
        wrong = f"{head} {b64(flip(base64.b64decode(encoded), -2))}\n"
        add(f"{which} signature changed", f"{text}\n{lines.replace(line, wrong)}", "bad_signature")
        short = f"{head} {b64(base64.b64decode(encoded)[:-1])}\n"
        add(f"{which} signature too short", f"{text}\n{lines.replace(line, short)}", "bad_signature")
    for name, wrong in {
        "another log under this key": Checkpoint("other.example/log", 8, root).text,
        "an extension line": f"{text}extension\n",
        "no root": f"{ORIGIN}\n8\n",
        "an origin with a space": f"a b\n8\n{b64(root)}\n",
        "a leading zero": text.replace("\n8\n", "\n08\n"),
        "a sign": text.replace("\n8\n", "\n+8\n"),
        "a size of 2^63": text.replace("\n8\n", f"\n{2**63}\n"),
        "a root of 31 bytes": f"{ORIGIN}\n8\n{b64(root[:31])}\n",
        "a root with other bits after it": f"{ORIGIN}\n8\n{b64(root)[:-2]}{chr(ord(b64(root)[-2]) + 1)}=\n",
        "a root without padding": f"{ORIGIN}\n8\n{b64(root)[:-1]}\n",
    }.items():
        add(name, make.note(wrong), "bad_checkpoint")
    for name, raw in {
        "no empty line": f"{text}{lines}",
        "no signature": text,
        "an empty line and no signature": f"{text}\n",
        "no end of line": good[:-1],
        "a carriage return": good.replace("\n", "\r\n"),
        "a zero byte": good.replace("\n8\n", "\n8\0\n"),
        "a line that is none of a signature": f"{good}another\n",
        "a hyphen for the dash": good.replace("—", "-"),
        "a name with a plus": f"{good}{plain.replace(ORIGIN, 'a+b')}",
        "no name": f"{good}{plain.replace(ORIGIN, '')}",
        "a name with a space": f"{good}{plain.replace(ORIGIN, 'a b')}",
        "a signature of 4 bytes": f"{good}— {ORIGIN} AAAAAA==\n",
        "a signature not in base64": f"{good}— {ORIGIN} ????\n",
        "a signature with other bits after it": f"{good}— {ORIGIN} AAAAAAAAAAB=\n",
        "101 signatures": f"{text}\n{plain * 101}",
        "nothing": "",
    }.items():
        add(name, raw, "bad_checkpoint")
    add("not UTF-8", good.encode().replace(b"\n8\n", b"\n\xff\n"), "bad_checkpoint")
    return {"origin": ORIGIN, "seed": SEED.hex(), "keys": dict(zip(both, make.keys, strict=True)), "cases": cases}


def proofs(make: Maker) -> Text:
    cases: list[Case] = []
    data = series(5)
    made, signed = Grown(data), make.checkpoint(data).encode()

    def proof(number: int, **other: Any) -> bytes:
        hashes = tuple(tree.inclusion(number, 5, made.node))
        return LogProof(
            **{"event": data[number], "index": number, "hashes": hashes, "checkpoint": signed, **other}
        ).dump()

    def add(name: str, raw: bytes, expect: str) -> None:
        cases.append({"name": name, "proof": b64(raw), "expect": expect})

    for index in range(5):
        add(f"event {index}", proof(index), "success")
    good = proof(3)
    hashes = tree.inclusion(3, 5, made.node)
    for name, raw in {
        "another event": proof(3, event=data[2]),
        "another number": proof(3, index=2),
        "a number beyond the end": proof(3, index=5),
        "a hash too few": proof(3, hashes=tuple(hashes[:-1])),
        "a hash too many": proof(3, hashes=(*hashes, bytes(32))),
        "a changed hash": proof(3, hashes=(flip(hashes[0]), *hashes[1:])),
        "another version": good.replace(b"@v1", b"@v2"),
        "no event": b"\n".join([good.split(b"\n")[0], *good.split(b"\n")[2:]]),
        "a leading zero": good.replace(b"index 3", b"index 03"),
        "no number": good.replace(b"index 3\n", b""),
        "64 hashes": proof(3, hashes=(bytes(32),) * 64),
        "carriage returns": good.replace(b"\n", b"\r\n"),
        "an event of 8,193 bytes": proof(3, event=bytes(8_193)),
        "nothing": b"",
    }.items():
        add(name, raw, "bad_log_proof")
    add("no checkpoint", proof(3, checkpoint=b""), "bad_checkpoint")
    add("an unsigned checkpoint", proof(3, checkpoint=signed.split(b"\n\n")[0] + b"\n"), "bad_checkpoint")
    add("a changed checkpoint", good.replace(b"\n5\n", b"\n6\n"), "bad_signature")
    other = Checkpoint(ORIGIN, 1, tree.leaf_hash(b"\x80"))
    add("no event at all", LogProof(b"\x80", 0, (), make.note(other.text).encode()).dump(), "bad_event")
    return {"origin": ORIGIN, "keys": make.keys, "cases": cases}


def logs(make: Maker) -> Text:
    """Whole logs; what each event is filed under is taken from it, so that is no part of the vectors."""
    cases: list[Case] = []
    data = series(6)
    marks = {size: make.checkpoint(data[:size]) for size in (2, 5)}

    def add(
        name: str,
        expect: str,
        held: Sequence[bytes] = data,
        hashes: Sequence[bytes] | None = None,
        signed: dict[int, str] | None = None,
        kept: Sequence[str] = (),
    ) -> None:
        stored = marks if signed is None else signed
        case: Case = {"name": name, "events": [one.hex() for one in held]}
        case["hashes"] = [one.hex() for one in (Grown(held).hashes if hashes is None else hashes)]
        case["checkpoints"] = [{"size": size, "note": b64(text.encode())} for size, text in stored.items()]
        cases.append(case | {"kept": [b64(text.encode()) for text in kept], "expect": expect})

    hashes = Grown(data).hashes
    changed = [*data[:3], Event(9, "deny").pack(), *data[4:]]
    removed = [*data[:3], *data[4:]]
    swapped = [*data[:3], data[4], data[3], data[5]]
    add("whole", "success")
    add("whole, with a kept checkpoint", "success", kept=[marks[2]])
    add("empty", "success", [], signed={})
    for name, held in {"changed": changed, "removed": removed, "swapped": swapped}.items():
        add(f"an event {name}", "bad_log", held, hashes[: len(held)])
        add(f"an event {name}, hashes made to fit", "bad_log", held)
    add("an event removed from the end, not its hash", "bad_log", data[:5], hashes)
    add("cut before a checkpoint", "bad_log", data[:4])
    add("a changed hash", "bad_log", hashes=[*hashes[:3], flip(hashes[3], 40), *hashes[4:]])
    add("no checkpoint", "bad_log", signed={})
    add("a checkpoint of another size", "bad_log", signed={2: marks[5], 5: marks[5]})
    add("a checkpoint that is none", "bad_log", signed={2: "none", 5: marks[5]})
    add("a checkpoint with another root", "bad_log", signed={2: make.checkpoint(data[:2], bytes(32)), 5: marks[5]})
    add("cut back to an older checkpoint", "success", data[:2], signed={2: marks[2]})
    add("cut back, with a kept checkpoint", "bad_log", data[:2], signed={2: marks[2]}, kept=[marks[5]])
    written = make.checkpoint(changed)
    add("written anew by its own authority", "success", changed, signed={6: written})
    add("written anew, with a kept checkpoint", "bad_log", changed, signed={6: written}, kept=[marks[5]])
    add("a kept checkpoint that was changed", "bad_signature", kept=[marks[5].replace("\n5\n", "\n6\n")])
    other = [*data[:5], b"\x80"]
    add("bytes that are no event", "bad_log", other, signed={6: make.checkpoint(other)})
    return {"origin": ORIGIN, "keys": make.keys, "cases": cases}
