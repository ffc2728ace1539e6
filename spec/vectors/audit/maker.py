"""What the vectors of the audit log are made from: the keys, the signatures that are kept, and a tree.

The law of this file: composite signatures differ each time, so each is made once and kept in `once.json`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tera.audit import note, tree
from tera.audit.checkpoint import Checkpoint
from tera.audit.events import Event
from tera.audit.notekeys import CompositeSigner, Verifier, log_signers
from tera.crypto.hashes import sha256
from tera.crypto.signing import SigningKey

FOLDER: Final = Path(__file__).parent
ONCE: Final = FOLDER / "once.json"
ORIGIN: Final = "authority.example/log"
SEED: Final = bytes(range(64))
LEAVES: Final = [
    bytes.fromhex(t) for t in "|00|10|2021|3031|40414243|5051525354555657|606162636465666768696a6b6c6d6e6f".split("|")
]
"""The inputs of certificate-transparency's own tests."""

Case = dict[str, Any]
Text = dict[str, Any]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass(frozen=True)
class Once:
    """Signs as `signer` does, once: what it signed before is taken from `kept`."""

    signer: CompositeSigner
    kept: dict[str, str]
    used: dict[str, str]

    @property
    def verifier(self) -> Verifier:
        return self.signer.verifier

    def sign(self, text: bytes) -> bytes:
        name = sha256(self.verifier.public, text).hex()
        self.used[name] = self.kept.get(name) or self.used.get(name) or b64(self.signer.sign(text))
        return base64.b64decode(self.used[name])


class Maker:
    """The keys of the vectors, and the signatures that are kept."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = json.loads(ONCE.read_text("utf-8")) if ONCE.exists() else {}
        self.used: dict[str, str] = {}
        self.plain, self.strong = self.signers(ORIGIN, SEED)
        self.keys = [str(self.plain.verifier), str(self.strong.verifier)]

    def signers(self, name: str, seed: bytes) -> tuple[note.Signer, note.Signer]:
        plain, strong = log_signers(name, SigningKey(seed))
        return plain, Once(strong, self.kept, self.used)

    def note(self, text: str, *signers: note.Signer) -> str:
        return note.sign(text, signers or (self.plain, self.strong)).decode()

    def checkpoint(self, leaves: Sequence[bytes], root: bytes | None = None) -> str:
        return self.note(Checkpoint(ORIGIN, len(leaves), root or Grown(leaves).root()).text)


class Grown(dict[tuple[int, int], bytes]):
    """A tree by its complete subtrees, with what each leaf completed."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        super().__init__()
        self.size, self.hashes = len(leaves), list[bytes]()
        for index, leaf in enumerate(leaves):
            found = tree.completed(index, tree.leaf_hash(leaf), self.node)
            self.update({(level, index >> level): one for level, one in enumerate(found)})
            self.hashes.append(b"".join(found))

    def node(self, level: int, index: int) -> bytes:
        return self[level, index]

    def root(self, size: int | None = None) -> bytes:
        return tree.root(self.size if size is None else size, self.node)


def flip(data: bytes, at: int = 0) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def series(count: int) -> list[bytes]:
    return [Event(1_000 * at, "release", container=bytes((at,)) * 16).pack() for at in range(count)]
