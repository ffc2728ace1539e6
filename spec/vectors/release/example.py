"""The worked example of release.md: every value of an exchange and a lease, worked out from the text.

The law of this file: each value is derived here from the words of the text and what stands above it, then held against
the vector, which was made otherwise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from spec.vectors.example import MARKS, Page, expand, extract, sha256, u16, u32
from spec.vectors.release.maker import Text, joined
from tera.crypto.kem import XWING
from tera.wire import canonical

TEXT: Final = Path(__file__).parents[2] / "release.md"


class Sheet(Page):
    """An example's lines, of which long values are shown by their beginning, length and hash."""

    def show(self, name: str, value: bytes) -> bytes:
        if len(value) <= 200:
            return super().show(name, value)
        self._lines.append(f"{name:<12} {value[:32].hex()}")
        self._lines.append(f"{'':<12} ... {len(value):,} bytes, H = {sha256(value).hex()}")
        return value


def written(exchange: Text, lease: Text, parts: dict[str, bytes]) -> str:
    """Return release.md with the example between its marks."""
    head, rest = TEXT.read_text("utf-8").split(MARKS[0])
    return head + MARKS[0] + page(exchange, lease, parts) + MARKS[1] + rest.split(MARKS[1])[1]


def page(exchange: Text, lease: Text, parts: dict[str, bytes]) -> str:
    """Return the example as Markdown. Raises AssertionError where the text and the vectors disagree."""
    out = Sheet()

    def vector(name: str) -> bytes:
        return bytes.fromhex(exchange[name])

    def show(name: str, value: bytes, same: str = "") -> bytes:
        assert value == vector(same or name)
        return out.show(name, value)

    out.say("**The container**: an authority holds a share; the rules are static.")
    core, preamble = vector("core_map"), bytes.fromhex("89544552410D0A1A 0100 0001 00000000")
    out.show("FK", vector("FK"))
    out.show("core_map", core)
    h_core = show("H_core", sha256(b"tera/v1/core\0" + preamble + u32(len(core)) + core))
    kc = show("KC", expand(extract(h_core, vector("FK")), b"tera/v1 key-commitment", 32))
    bind = show("H_bind", sha256(b"tera/v1/bind\0" + h_core + kc))
    front = out.show("front", preamble + b"\1\0\0\0" + u32(len(core) + 32) + core + kc)

    out.say("**The stanza** of type 32, to the authority's KEM key:")
    kem_seed, seed = vector("authority's KEM seed"), vector("request's seed")
    out.show("seed", kem_seed)
    public = out.show("public key", XWING.public_key(kem_seed))
    key_id = show("key_id", sha256(b"tera/v1/fpr\0" + u16(1) + public)[:8])
    params = show("params", canonical.pack([vector("aud"), key_id]))
    info = show("info", b"tera/v1 stanza\0" + bind + u16(32) + sha256(params), "stanza's info")
    body, listed = split(joined(exchange["request"], parts))
    request: Any = canonical.unpack(body, what="", max_len=1 << 20)
    ct = out.show("ct", request["stanza"][2])
    share = show("share", XWING.open(kem_seed, ct, info))

    out.say(f"**The request**, signed by the viewer `{request['viewer']}`:")
    out.show("seed of kem", seed)
    assert request == {
        **{"act": "view", "aud": vector("aud"), "dev": None, "front": front, "iat": 1_800_000_000},
        **{
            "kem": out.show("kem", XWING.public_key(seed)),
            "lease": False,
            "nonce": out.show("nonce", request["nonce"]),
        },
        **{"obl": ["watermark"], "sid": None, "stanza": [32, [vector("aud"), key_id], ct], "v": 1},
        **{"viewer": "ann@a.example"},
    }
    out.show("request", canonical.pack(request))
    hash = show("H(request)", sha256(b"tera/v1 release-request\0" + body))
    out.show("signatures", listed)

    out.say("**The answer**:")
    info = show("info", b"tera/v1 release\0" + bind + hash, "share's info")
    body, listed = split(joined(exchange["answer"], parts))
    answer: Any = canonical.unpack(body, what="", max_len=1 << 20)
    assert XWING.open(seed, out.show("ct", answer["ct"]), info) == share
    out.show("answer", body)
    out.show("signatures", listed)

    out.say("**A lease**, of another request, which asked for one:")
    case = lease["cases"][0]
    device, salt = bytes.fromhex(case["device"]), bytes.fromhex(case["salt"])
    body, _ = split(joined(lease["request"], parts))
    out.show("device", device)
    secret = out.show("S", expand(extract(b"tera/v1 device-key", device), b"tera/v1 lease", 32))
    hash = out.show("H(request)", sha256(b"tera/v1 release-request\0" + body))
    info = out.show("info", b"tera/v1 lease\0" + bind + hash)
    both = expand(extract(out.show("salt", salt), secret), info, 64)
    out.show("kek", both[:32])
    out.show("com", both[32:])
    stored = out.show("stored", both[32:] + AESGCM(both[:32]).encrypt(bytes(12), seed, None))
    assert [secret.hex(), info.hex(), stored.hex()] == [lease["S"], lease["info"], case["stored"]]
    return out.text()


def split(message: bytes) -> tuple[bytes, bytes]:
    """Return body and signatures."""
    end = 4 + int.from_bytes(message[:4], "big")
    return message[4:end], message[end + 4 :]
