"""Every vector of spec/vectors/audit gets the verdict that it states, and comes out of its generator again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from spec.vectors.audit import generate
from spec.vectors.audit.maker import FOLDER
from tera.audit import tree
from tera.audit.checkpoint import open_checkpoint
from tera.audit.events import parse_event
from tera.audit.log import Record, Signed, keys_of
from tera.audit.memory import MemoryLog
from tera.audit.notekeys import parse_verifier
from tera.audit.proof import open_proof
from tera.audit.verify import verify_log
from tera.errors import TeraError

H, B = bytes.fromhex, base64.b64decode
Text = dict[str, Any]


def verdict(call: Callable[[], object]) -> str:
    try:
        call()
    except TeraError as error:
        return error.code
    return "success"


def inclusion(text: Text, case: Text) -> str:
    proof = [H(one) for one in case["proof"]]
    return verdict(lambda: tree.verify_inclusion(H(case["leaf"]), case["index"], case["size"], proof, H(case["root"])))


def consistency(text: Text, case: Text) -> str:
    proof, roots = [H(one) for one in case["proof"]], (H(case["old_root"]), H(case["new_root"]))
    return verdict(lambda: tree.verify_consistency(case["old"], case["new"], proof, *roots))


def keys(text: Text, case: Text) -> str:
    return verdict(lambda: parse_verifier(case["key"]))


def checkpoints(text: Text, case: Text) -> str:
    known = [parse_verifier(text["keys"][name]) for name in case["known"]]
    return verdict(lambda: open_checkpoint(B(case["checkpoint"]), known, text["origin"]))


def events(text: Text, case: Text) -> str:
    return verdict(lambda: parse_event(H(case["event"])))


def proofs(text: Text, case: Text) -> str:
    known = [parse_verifier(key) for key in text["keys"]]
    return verdict(lambda: open_proof(B(case["proof"]), known, text["origin"]))


class Held(MemoryLog):
    """What a vector says that is stored."""

    def __init__(self, case: Text) -> None:
        super().__init__()
        for index, hashes in enumerate(case["hashes"][: len(case["events"])]):
            data = H(case["events"][index])
            try:
                keys = keys_of(parse_event(data))
            except TeraError:
                keys = (0, "", None, None, None, None)
            self._records.append(Record(index, data, H(hashes), keys))
        self._more = case["hashes"][len(case["events"]) :]
        for signed in case["checkpoints"]:
            self.add_checkpoint(Signed(signed["size"], 0, B(signed["note"])))

    def node(self, level: int, index: int) -> bytes:
        if level == 0 and 0 <= index - self.size() < len(self._more):
            return H(self._more[index - self.size()])[:32]
        return super().node(level, index)


def logs(text: Text, case: Text) -> str:
    known = [parse_verifier(key) for key in text["keys"]]
    return verdict(lambda: verify_log(Held(case), known, text["origin"], kept=map(B, case["kept"])))


def load(name: str) -> Text:
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


DOORS: dict[str, tuple[str, Callable[[Text, Text], str], int]] = {
    "inclusion": ("tree", inclusion, 48),
    "consistency": ("tree", consistency, 58),
    "keys": ("keys", keys, 20),
    "checkpoints": ("checkpoints", checkpoints, 40),
    "events": ("events", events, 50),
    "proofs": ("proofs", proofs, 20),
    "logs": ("logs", logs, 20),
}


@pytest.mark.parametrize("name", DOORS)
def test_every_vector_gets_its_verdict(name: str) -> None:
    file, door, count = DOORS[name]
    text = load(file)
    cases = text[name] if name in text else text["cases"]
    assert len(cases) >= count
    assert len({case["name"] for case in cases}) == len(cases)
    assert {"success"} < {case["expect"] for case in cases}
    found = {case["name"]: door(text, case) for case in cases}
    assert found == {case["name"]: case["expect"] for case in cases}


def test_the_roots_are_those_of_the_leaves() -> None:
    text, frontier = load("tree"), tree.Frontier()
    assert len(text["roots"]) == 9
    for leaf, root in zip([None, *text["leaves"]], text["roots"], strict=True):
        if leaf is not None:
            frontier.append(tree.leaf_hash(H(leaf)))
        assert frontier.root().hex() == root


def test_the_vectors_come_out_again() -> None:
    made = generate.made()
    assert len(made) == 7
    assert [path.name for path, text in made.items() if path.read_text("utf-8") != text] == []
