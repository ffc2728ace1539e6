"""The texts of keys, and texts that are none."""

from __future__ import annotations

from spec.vectors.audit.maker import ORIGIN, Case, Maker, Text, b64
from tera.audit.notekeys import COMPOSITE, ED25519
from tera.crypto.hashes import sha256

GO = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
"""The key of the tests of Go's golang.org/x/mod/sumdb/note."""


def text_of(name: str, key: bytes) -> str:
    """The text of a key of any bytes under any name, with the key id that fits."""
    key_id = sha256(name.encode(), b"\n", key)[:4]
    return f"{name}+{key_id.hex()}+{b64(key)}"


def keys(make: Maker) -> Text:
    cases: list[Case] = []

    def add(name: str, key: str, expect: str) -> None:
        cases.append({"name": name, "key": key, "expect": expect})

    plain = ED25519 + make.plain.verifier.public
    add("Ed25519", make.keys[0], "success")
    add("composite", make.keys[1], "success")
    add("Go's", GO, "success")
    add("a name of 255 bytes", text_of("a" * 255, plain), "success")
    for name, text in {
        "a key id that does not fit": GO.replace("c74f20a3", "c74f20a2"),
        "capital digits": GO.replace("c74f20a3", "C74F20A3"),
        "7 digits": GO.replace("c74f20a3", "c74f20a"),
        "another name": GO.replace("Peter", "Petra"),
        "no name": text_of("", plain),
        "a name with a space": text_of("a b", plain),
        "a name with a no-break space": text_of("a\u00a0b", plain),
        "a name with a control character": text_of("a\x7fb", plain),
        "a name of 256 bytes": text_of("a" * 256, plain),
        "an unknown type": text_of(ORIGIN, b"\2" + plain[1:]),
        "a type and nothing": text_of(ORIGIN, ED25519),
        "an Ed25519 key of 31 bytes": text_of(ORIGIN, plain[:-1]),
        "an Ed25519 key of 33 bytes": text_of(ORIGIN, plain + b"\0"),
        "a composite key cut short": text_of(ORIGIN, COMPOSITE + make.strong.verifier.public[:-1]),
        "another label": text_of(ORIGIN, COMPOSITE.replace(b"v1", b"v2") + make.strong.verifier.public),
        "no label": text_of(ORIGIN, COMPOSITE[:1] + make.strong.verifier.public),
        "base64 without padding": text_of(ORIGIN, plain + b"\0").rstrip("="),
        "two parts": GO.rsplit("+", 1)[0],
        "an end of line": f"{GO}\n",
        "nothing": "",
    }.items():
        add(name, text, "bad_key")
    return {"cases": cases}
