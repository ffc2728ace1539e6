"""What the vectors of the release protocol are made from: keys, a container, and messages as pieces.

The law of this file: bytes are put together from the text of release.md, not by `tera.release`. Nobody makes an HPKE
encapsulation or a composite signature twice alike, so each is made once, kept in `parts.json` under a hash of what
it is made from, and checked with its key whenever it is used.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spec.vectors.example import expand, extract, sha256, u16, u32
from spec.vectors.fixed import fixed_bytes
from tera.crypto import signing
from tera.crypto.kem import MLKEM1024_P384, XWING, Kem
from tera.crypto.signing import SigningKey
from tera.wire import canonical

FOLDER: Final = Path(__file__).parent
KEPT: Final = FOLDER / "parts.json"
CONTEXT: Final = b"tera/v1"
PREAMBLE: Final = bytes.fromhex("89544552410D0A1A 0100 0001 00000000")
REQUEST: Final = b"tera/v1 release-request\0"
ANSWER: Final = b"tera/v1 release-answer\0"
REPORT: Final = b"tera/v1 release-report\0"
NOW: Final = 1_800_000_000
LAST: Final = 253_402_300_799
LONGEST: Final = 524_288
DROP: Final = object()
"""As a new value of a key: leave the key out."""

Text = dict[str, Any]
ZEROS: Final = re.compile(rb"\0{48,}")


def fingerprint(key: SigningKey) -> bytes:
    return sha256(b"tera/v1/fpr\0\x01\x01" + key.public)


AUTHORITY, STRANGER, VIEWER, DEVICE = (
    SigningKey(fixed_bytes(f"release {name}", 64)) for name in ("authority", "other authority", "viewer", "device")
)
OTHER_DEVICE: Final = SigningKey(fixed_bytes("release other device", 64))
AUD: Final = fingerprint(AUTHORITY)
SEEDS: Final = {32: fixed_bytes("release xwing", 32), 33: fixed_bytes("release mlkem1024-p384", 32)}
KEMS: Final = {32: XWING, 33: MLKEM1024_P384}
SEED: Final = fixed_bytes("release request key", 32)
OTHER_SEED: Final = fixed_bytes("release other request key", 32)
FILE_KEY: Final = fixed_bytes("release file key", 32)
SHARE: Final = fixed_bytes("release share", 32)
NONCE: Final = fixed_bytes("release nonce", 16)
ID: Final = fixed_bytes("release container", 16)
RULES: Final[list[Any]] = [
    ["obligations", {"watermark": {"text": "ann"}}],
    ["offline_for", 3_600],
    ["opens", 3],
    ["recipients", ["*@a.example"]],
]
PID: Final = fixed_bytes("release policy", 16)


def changed(value: Text, changes: Text) -> Text:
    """Return a map with other values, or without some keys."""
    return {key: item for key, item in {**value, **changes}.items() if item is not DROP}


def framed(*parts: bytes) -> bytes:
    return b"".join(u32(len(part)) + part for part in parts)


def flip(data: bytes, at: int = 0) -> bytes:
    where = at % len(data)
    return data[:where] + bytes((data[where] ^ 1,)) + data[where + 1 :]


@dataclass(frozen=True)
class Container:
    """What a request shows of a container, and what is derived from it."""

    core_map: bytes
    commitment: bytes
    policy: bytes | None = None

    @property
    def front(self) -> bytes:
        body = self.core_map + self.commitment
        found = PREAMBLE + bytes((1, 0, 0, 0)) + u32(len(body)) + body
        return found if self.policy is None else found + bytes((2, 0, 0, 0)) + u32(len(self.policy)) + self.policy

    @property
    def h_core(self) -> bytes:
        return sha256(b"tera/v1/core\0" + PREAMBLE + u32(len(self.core_map)) + self.core_map)

    @property
    def bind(self) -> bytes:
        return sha256(b"tera/v1/bind\0" + self.h_core + self.commitment)


def container(changes: Text | None = None, policy: bytes | None = None, file_key: bytes = FILE_KEY) -> Container:
    """Return a container whose CORE has other values than usual."""
    core = {
        **{"id": ID, "pad": 1, "pol": {"m": "static", "rules": RULES}, "release": [AUD], "req": [], "sig": []},
        **{"t": NOW - 1_000, "tags": [], "x": {}},
    }
    core_map = canonical.pack(changed(core, changes or {}))
    prk = extract(Container(core_map, b"").h_core, file_key)
    return Container(core_map, expand(prk, b"tera/v1 key-commitment", 32), policy)


def policy_body(envelope: Text | None = None, listed: Any = (), slack: bytes = bytes(16)) -> bytes:
    """Return a body of POLICY, whose envelope has other values than usual. Nobody has signed it unless `listed`."""
    value = {
        **{"cid": None, "iat": NOW - 1_000, "nxt": NOW + 1_000, "pid": PID, "prev": bytes(32), "rules": RULES},
        **{"v": 1, "ver": 1},
    }
    return framed(canonical.pack(changed(value, envelope or {})), canonical.pack(listed)) + slack


DYNAMIC: Final[Text] = {"pol": {"auth": [fingerprint(VIEWER)], "m": "dynamic", "min": 0, "pid": PID}}


def share_info(bind: bytes, request: bytes) -> bytes:
    return b"tera/v1 release\0" + bind + request


class Maker:
    """Makes what is random once. `used` is what the vectors of today need, by name."""

    def __init__(self) -> None:
        kept = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
        self._kept: dict[str, bytes] = {name: base64.b64decode(text) for name, text in kept.items()}
        self.used: dict[str, bytes] = {}

    def name(self, name: str, data: bytes) -> bytes:
        """Give a part a name."""
        self.used[name] = data
        return data

    def sign(self, key: SigningKey, message: bytes) -> bytes:
        """Return a signature, always the same."""
        found = self._once("signature", lambda: key.sign(message, CONTEXT), key.public, message)
        signing.verify(key.public, message, found, CONTEXT)
        return found

    def seal(self, kem: Kem, seed: bytes, share: bytes, info: bytes) -> bytes:
        """Return a `ct` for the key of a seed, always the same."""
        public = kem.public_key(seed)
        found = self._once("ct", lambda: kem.seal(public, share, info), public, share, info)
        assert kem.open(seed, found, info) == share
        return found

    def signature(self, key: SigningKey, label: bytes, body: bytes) -> list[Any]:
        """Return an element of a list of signatures."""
        return [
            fingerprint(key),
            1,
            self.name(f"public {fingerprint(key).hex()[:8]}", key.public),
            self.sign(key, label + body),
        ]

    def message(self, label: bytes, body: bytes, keys: Sequence[SigningKey]) -> bytes:
        """Return a message, signed."""
        listed = sorted(self.signature(key, label, body) for key in keys)
        return framed(body, canonical.pack(listed))

    def stanza(self, of: Container, type: int = 32, aud: bytes = AUD, key_id: bytes | None = None) -> list[Any]:
        """Return the authority's stanza of a container."""
        kem = KEMS[type]
        params = [aud, self.key_id(type) if key_id is None else key_id]
        info = self.stanza_info(of, type, params)
        return [type, params, self.seal(kem, SEEDS[type], SHARE, info)]

    def stanza_info(self, of: Container, type: int, params: list[Any]) -> bytes:
        return b"tera/v1 stanza\0" + of.bind + u16(type) + sha256(canonical.pack(params))

    def key_id(self, type: int) -> bytes:
        """Return the first bytes of the fingerprint of the authority's KEM key."""
        kem = KEMS[type]
        return sha256(b"tera/v1/fpr\0" + u16(kem.type) + kem.public_key(SEEDS[type]))[:8]

    def request_map(self, of: Container | None = None, seed: bytes = SEED, **changes: Any) -> Text:
        """Return a good request's map with other values."""
        found = container() if of is None else of
        kem = self.name(f"kem {seed.hex()[:8]}", XWING.public_key(seed))
        value = {
            **{"act": "view", "aud": AUD, "dev": None, "front": found.front, "iat": NOW, "kem": kem, "lease": False},
            **{"nonce": NONCE, "obl": ["watermark"], "sid": None, "v": 1, "viewer": "ann@a.example"},
        }
        stanza = changes["stanza"] if "stanza" in changes else self.stanza(found)
        return changed(value, {**changes, "stanza": stanza})

    def pieces(self, data: bytes) -> list[str]:
        """Return a message as pieces: names of parts, numbers of zeros, and what is left in hexadecimal digits."""
        found: list[bytes | str] = [data]
        for name, part in self.used.items():
            found = [one for piece in found for one in _split(piece, part, f"@{name}")]
        text: list[str] = []
        for piece in found:
            if isinstance(piece, str):
                text.append(piece)
                continue
            at = 0
            for zeros in ZEROS.finditer(piece):
                text += [piece[at : zeros.start()].hex(), f"*{zeros.end() - zeros.start()}"]
                at = zeros.end()
            text.append(piece[at:].hex())
        return [one for one in text if one]

    def parts(self) -> dict[str, str]:
        """Return the text of every part that was used."""
        return {name: base64.b64encode(part).decode() for name, part in sorted(self.used.items())}

    def _once(self, kind: str, make: Callable[[], bytes], *made_of: bytes) -> bytes:
        name = f"{kind} {sha256(b''.join(map(sha256, made_of))).hex()[:16]}"
        if name not in self.used:
            self.used[name] = self._kept.get(name) or make()
        return self.used[name]


def joined(pieces: Sequence[str], parts: dict[str, bytes]) -> bytes:
    """Return the message that pieces are."""
    found = {"@": lambda text: parts[text], "*": lambda text: bytes(int(text))}
    return b"".join(found[one[0]](one[1:]) if one[0] in found else bytes.fromhex(one) for one in pieces)


def load(name: str) -> Text:
    """Return one file of vectors."""
    text: Text = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return text


def load_parts() -> dict[str, bytes]:
    """Return the parts by their names."""
    return {name: base64.b64decode(text) for name, text in load("parts").items()}


def _split(piece: bytes | str, part: bytes, name: str) -> list[bytes | str]:
    if isinstance(piece, str):
        return [piece]
    found: list[bytes | str] = []
    for at, left in enumerate(piece.split(part)):
        found += [name, left] if at else [left]
    return found
