"""The worked example of container.md: every value from the file key to the digests, worked out from the text.

`python -m spec.vectors.example` writes it between the markers; `--check` compares. The law of this file: each
value is derived here from the words of the text, then held against the container that was built otherwise.
"""

from __future__ import annotations

import hashlib
import hmac
import sys
from pathlib import Path
from typing import Final

from blake3 import blake3
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from spec.vectors.build import Draft, file
from tera.codec.recipients import KeyEncryptionKey

TEXT: Final = Path(__file__).parents[1] / "container.md"
MARKS: Final = ("<!-- example -->\n", "<!-- /example -->")
FILE_KEY: Final = bytes(range(32))
KEK: Final = bytes(range(32, 64))
CONTENT: Final = b"hello, world\n"


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def b3(data: bytes) -> bytes:
    return blake3(data).digest()


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def extract(salt: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt, secret, "sha512")


def expand(key: bytes, info: bytes, length: int) -> bytes:
    return HKDFExpand(SHA512(), length, info).derive(key)


def u16(number: int) -> bytes:
    return number.to_bytes(2, "big")


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


class Page:
    """The example's lines: a name and a value in hexadecimal digits, 32 bytes a line."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def say(self, words: str) -> None:
        if self._lines:
            self._lines += ["```", ""]
        self._lines += [words, "", "```"]

    def show(self, name: str, value: bytes) -> bytes:
        for at in range(0, len(value), 32):
            self._lines.append(f"{'' if at else name:<12} {value[at : at + 32].hex()}".rstrip())
        return value

    def text(self) -> str:
        return "\n".join([*self._lines, "```", ""])


def page() -> str:
    """Return the example as Markdown. Raises AssertionError where the text and the container disagree."""
    sections: dict[str, bytes] = {}

    def keep(built: dict[str, bytes]) -> dict[str, bytes]:
        sections.update(built)
        return built

    recipient = KeyEncryptionKey(KEK, b"kek")
    item = file("hello.txt", CONTENT)
    draft = Draft([item], file_key=FILE_KEY, shared_key=FILE_KEY, groups=((recipient,),), sections=keep)
    draft.core = {"tags": ["example"]}
    built = draft.build()
    out = Page()

    out.say(f"One file, `hello.txt`, holding {len(CONTENT)} bytes; one recipient, a key-encryption key; no padding.")
    out.show("content", CONTENT)
    out.show("FK", FILE_KEY)
    out.show("KEK", KEK)
    out.show("key_id", b"kek")

    out.say("**Keys**, from the preamble and `core_map`:")
    preamble, core = sections["PREAMBLE"], sections["CORE"][8:]
    core_map = out.show("core_map", core[:-32])
    h_core = out.show("H_core", sha256(b"tera/v1/core\0" + preamble + u32(len(core_map)) + core_map))
    prk = out.show("PRK", extract(h_core, FILE_KEY))
    kc = out.show("KC", expand(prk, b"tera/v1 key-commitment", 32))
    bind = out.show("H_bind", sha256(b"tera/v1/bind\0" + h_core + kc))
    k_acc = out.show("K_acc", expand(prk, b"tera/v1 access-mac", 32))
    k_trl = out.show("K_trl", expand(prk, b"tera/v1 trailer-mac", 32))
    assert kc == core[-32:]

    out.say("**ACCESS**: one stanza of type 17, whose share is FK itself, and 5 bytes of slack:")
    body = sections["ACCESS"][8:]
    access_map = body[4 : 4 + int.from_bytes(body[:4], "big")]
    at = access_map.index(b"\x92\xc4\x03kek")
    params = out.show("params", access_map[at : at + 6 + 18])
    salt = params[-16:]
    info = out.show("info", b"tera/v1 wrap\0" + bind + u16(17) + sha256(params))
    both = expand(out.show("Extract", extract(salt, KEK)), info, 64)
    kek, com = out.show("kek", both[:32]), out.show("com", both[32:])
    ct = out.show("ct", com + AESGCM(kek).encrypt(bytes(12), FILE_KEY, None))
    out.show("access_map", access_map)
    assert access_map == b"\x92\x01\x91\x95\x00\x11\xc4\x00" + params + b"\xc4\x50" + ct
    message = b"tera/v1/access\0" + bind + sections["ACCESS"][:-32]
    assert out.show("MAC", mac(k_acc, message)) == body[-32:]

    payload, roots = b"", list[bytes]()
    leaf = b""
    for kind, name in ((1, "DATA"), (2, "INDEX")):
        out.say(f"**{name}**: one block with one chunk:")
        head, block = sections[name], sections[f"{name} 0"]
        salt = out.show("salt", head[8:32])
        k_seg = out.show("K_seg", expand(prk, b"tera/v1 segment" + bytes((kind,)), 32))
        context = out.show("ctx", b"tera/v1\0" + bind + bytes((kind,)))
        label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"
        okm = expand(k_seg, label + salt + context, 76)
        key, nonce = out.show("key", okm[:32]), out.show("base_nonce", okm[32:44])
        assert out.show("commitment", okm[44:]) == head[32:]
        plain = out.show("plaintext", AESGCM(key).decrypt(nonce, block[8:], None))
        out.show("block", block)
        assert plain == draft.plaintext() if kind == 1 else plain.endswith(leaf)  # INDEX ends with DATA's leaf
        leaf = out.show("leaf 0", b3(b"\0" + bytes((kind,)) + u32(0) + block))
        roots.append(out.show("root", b3(b"\1" + bytes((kind,)) + head[8:] + u64(1) + leaf)))
        payload += head + block

    out.say("**TRAILER**, **TAIL** and the digests:")
    body = sections["TRAILER"][8:]
    trailer_map = out.show("trailer_map", body[4 : 4 + int.from_bytes(body[:4], "big")])
    assert roots[0] in trailer_map and roots[1] in trailer_map
    trailer_mac = out.show("MAC", mac(k_trl, b"tera/v1/trailer\0" + bind + trailer_map))
    assert body == u32(len(trailer_map)) + trailer_map + trailer_mac + b"\x90"
    tail = u64(len(payload)) + u32(len(sections["TRAILER"])) + b"TRA\x1a"
    assert out.show("TAIL", sections["TAIL"])[8:] == tail
    digest = out.show("container", b3(b"tera/v1/digest\0" + bind + b"".join(roots) + u64(len(payload))))
    assert built.digest == "tera:" + digest.hex()
    path = b"hello.txt"
    content = b"tera/v1/content\0" + u16(len(path)) + path + b"\0" + u64(len(CONTENT)) + b3(CONTENT)
    out.show("content", b3(content))

    out.say(f"The whole file, {len(built.data)} bytes:")
    out.show("", built.data)
    return out.text()


def split(text: str) -> tuple[str, str, str]:
    """Return what stands before, between and behind the markers."""
    before, _, rest = text.partition(MARKS[0])
    between, _, behind = rest.partition(MARKS[1])
    return before, between, behind


def main(arguments: list[str]) -> int:
    before, between, behind = split(TEXT.read_text("utf-8"))
    made = page()
    if arguments == ["--check"]:
        print("the example in container.md is", "as it should be" if between == made else "another one")
        return int(between != made)
    TEXT.write_text(before + MARKS[0] + made + MARKS[1] + behind, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
