"""Writes fuzz/corpus: small inputs that every target takes, made by tera itself, and a few that it refuses.

    python -m fuzz.make_corpus

The law of this file: a seed is made by the code that writes it in earnest, never by hand. Signatures are hedged,
so the containers of `bytes`, the seeds of `blocklist`, and some of `envelope` and `trailer` differ in every run; all
else is the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fuzz import forge, fuzz_backup
from fuzz.edits import Edit, Stage
from fuzz.fuzz_envelope import SIGN
from fuzz.fuzz_front import MARK
from fuzz.samples import KEK, NOISE, SIGNER, SIGNER_NAME, TEXT, container, fixed_random
from tera.codec import keyfile
from tera.codec.grouping import lock
from tera.codec.recipients import KeyEncryptionKey, PrivateKey
from tera.crypto import kem, pem
from tera.crypto.hashes import b3
from tera.format import records, trailer
from tera.format import sections as s
from tera.format.access import pack_access
from tera.format.core import Core, DynamicRules, SealedRules, StaticRules
from tera.format.index import IndexBuilder
from tera.format.records import EntryHead, Manifest
from tera.format.rules import Rule
from tera.format.schedule import signed_message
from tera.policy.blockfile import Kind, blocked_id, build_blocklist
from tera.policy.envelope import FROZEN, first_envelope, pack_policy, sign_envelope
from tera.wire import bech32, canonical, zstd

CORPUS = Path(__file__).parent / "corpus"
VALUES: tuple[canonical.Packable, ...] = (
    None,
    [True, False, 0, 127, 128, 2**16, 2**64 - 1, -1, -33, -(2**63)],
    {"": b"", "a": "é" * 20, "b": bytes(300), "c": {"d": [[[[[]]]]]}},
    list(range(20)),
    "x" * 70_000,
)
PATHS = ("a", "d/ä/x.txt", "d/y", "…", "a" * 255 + "/b", "/".join("p" * 64))
RULES = (Rule("opens", 3), Rule("time", {"end": 5}))
Seeds = Iterator[tuple[str, bytes]]


def canonical_seeds() -> Seeds:
    for at, value in enumerate(VALUES):
        yield str(at), canonical.pack(value)


def bech32_seeds() -> Seeds:
    yield "text", b"\0" + bech32.encode("age1pq", NOISE[:40]).encode()
    yield "capitals", b"\0" + bech32.encode("tera-secret-xwing-", NOISE[:32], upper=True).encode()
    yield "parts", b"\x80teraxwing\n" + NOISE[:32]


def keyfile_seeds() -> Seeds:
    random = fixed_random("keys")
    for kind in sorted(kem.KEMS):
        key = PrivateKey.generate(kind, random=random)
        secret, public = keyfile.dump_secret(key), keyfile.dump_public(key.public)
        yield f"key-{kind}", f"# a comment\n{secret}\n\n{public}\n".encode()
        if kind in (kem.MLKEM768.type, kem.MLKEM1024.type):
            yield f"pem-{kind}", pem.dump_private(kind, key.seed, None) + pem.dump_public(kind, key.public.raw)
    yield "sign", f"{keyfile.dump_secret(SIGNER)}\r\n{keyfile.dump_public(SIGNER)}".encode()
    yield "prefix", bytes((0x80 + 7 * 12,)) + NOISE[:32]
    yield "age", b"AGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"


def front_seeds() -> Seeds:
    signer = bytes(32)
    cores = {
        "none": Core(bytes(16), 1, tags=("a", "b"), extensions={"x": [1]}),
        "static": Core(bytes(16), 1, StaticRules(RULES), signers=(signer,)),
        "sealed": Core(bytes(16), 1, SealedRules(), padding=0),
        "dynamic": Core(bytes(16), 1, DynamicRules(bytes(16), (signer,), 2)),
    }
    other = KeyEncryptionKey(bytes(32), b"")
    stanzas = pack_access(lock(bytes(32), bytes(32), [[KEK], [KEK, other]], fixed_random("front")))[4:]
    envelope, signatures = canonical.pack({"a": 1}), canonical.pack([])
    policy = b"".join(len(one).to_bytes(4, "big") + one for one in (envelope, signatures)) + bytes(9)
    for name, core in cores.items():
        yield name, b"\1" + MARK.join([core.pack(), *([policy] if name == "dynamic" else []), stanzas])
    wrong = canonical.pack([1, [[0, [], b"", [], b""]]])
    yield "found-type-is-array", b"\1" + MARK.join([cores["none"].pack(), wrong])
    yield "raw", b"\0" + container("front")[:4_096]


def index_seeds() -> Seeds:
    for padding in (0, 1):
        for count in (0, 3):
            builder = IndexBuilder()
            builder.manifest_length = 9
            for at in range(count):
                size = (0, 5, records.FRAME_RAW + 7)[at]
                builder.add(PATHS[at].encode(), records.FILE, 0o644, -at, 40)
                for _ in range(records.frame_count(size)):
                    builder.add_frame(5)
                builder.end(size, b3(bytes(size)))
            columns = b"".join(builder.pack([NOISE[:32]]))
            yield f"{count}-{padding}", bytes((2 | padding,)) + bytes(4) + forge.padded(columns, padding)


def record_seeds() -> Seeds:
    manifests = Manifest(b"{}", ("tag",)), Manifest(rules=RULES)
    for options in range(4):
        out = records.pack_record(records.MANIFEST, manifests[options & 1].pack())
        packed = zstd.compress(TEXT * 9)
        out += records.pack_record(records.ENTRY, EntryHead("d", records.DIRECTORY).pack())
        out += records.pack_end(0, records.NO_B3)
        out += records.pack_record(records.ENTRY, EntryHead("d/x", mime="text/plain", extensions={"a": 1}).pack())
        out += records.pack_frame_head(len(TEXT) * 9, len(packed)) + packed
        out += records.pack_end(len(TEXT) * 9, b3(TEXT * 9))
        out += records.pack_record(records.ENTRY, EntryHead("e").pack())
        out += records.pack_frame_head(9, 9) + NOISE[:9] + records.pack_end(9, b3(NOISE[:9]))
        yield str(options), bytes((options,)) + forge.padded(out, options >> 1)
    yield "found-empty", b"\2"


def zstd_seeds() -> Seeds:
    for name, data in ("text", TEXT * 9), ("zeros", bytes(1 << 20)), ("one", b"1"), ("noise", NOISE):
        yield name, (len(data) - 1).to_bytes(3, "big") + zstd.compress(data)


def path_seeds() -> Seeds:
    yield "all", bytes(4) + b"".join(path.encode() + b"\0" for path in PATHS)
    yield "tree", b"\0\0\0\2d\0d/e\0d/e/f\0g\0"
    yield "below", b"\0\0\0\1d\0d/e\0"
    yield "refused", bytes(4) + b"a//b\0../c\0/d\0.\0e\\f\0\xe2\x80\xae\0\xff\0"


def trailer_seeds() -> Seeds:
    packed = trailer.Layout(9_000, (1, 2), (bytes(32), NOISE[:32])).pack()
    signed = SIGNER.sign(signed_message(bytes(32), packed), b"tera/v1")
    one = trailer.Signature(SIGNER_NAME, SIGNER.public, signed)
    for name, signatures in ("unsigned", ()), ("signed", (one,)):
        yield name, b"\0" + trailer.pack_trailer(packed, bytes(32), signatures)[s.HEADER :]
    yield "fitted", b"\1" + trailer.pack_trailer(packed, bytes(32), (one,))[s.HEADER :]
    yield "tail", b"\0" + trailer.pack_tail(9_000, 90)
    yield "found-short-tail", b"\0" + trailer.pack_tail(9_000, 90)[:-4]


def blocklist_seeds() -> Seeds:
    for count in (0, 2, 130):
        ids = [blocked_id(Kind.SIGNER, at.to_bytes(32, "big")) for at in range(count)]
        made = build_blocklist(ids, SIGNER, list_id=bytes(16), version=3, issued=900, expires=1_100)
        yield f"ids-{count}", b"\0" + made
        yield f"resigned-{count}", b"\1" + made
        yield f"refitted-{count}", b"\2" + made
        yield f"resized-{count}", b"\3" + made[:-1]


def envelope_seeds() -> Seeds:
    for name, rules in (("rules", RULES), ("none", None), ("frozen", FROZEN)):
        first = first_envelope(bytes(16), rules, now=900, expires=1_100, container_id=bytes(16))
        yield f"first-{name}", bytes((16,)) + pack_policy(sign_envelope(first, [SIGNER]))
        yield f"signed-{name}", bytes((SIGN | 16,)) + first.pack()
        later = replace(first, version=3, previous=NOISE[:32], container_id=None)
        yield f"later-{name}", bytes((SIGN | 16 | 2 << 2 | 3,)) + later.pack()
    yield "expired", bytes((SIGN,)) + first.pack()
    unsigned = replace(sign_envelope(first, [SIGNER]), signatures=())
    yield "stripped", bytes((16,)) + pack_policy(unsigned)


def backup_seeds() -> Seeds:
    section = fuzz_backup.BYTES[fuzz_backup.START : fuzz_backup.STOP]
    head = fuzz_backup.LABEL + fuzz_backup.FRONT.bind + fuzz_backup.START.to_bytes(8, "big")
    yield "whole", b"\1" + head + section
    yield "partial", b"\0" + head + section[:100]
    yield "body", b"\x08" + section[s.HEADER :]
    yield "found-shorter", b"\1" + head + section[:100]
    yield "found-longer", b"\1" + head + section + bytes(100)


def bytes_seeds() -> Seeds:
    yield "plain.tera", container("plain", padding=False)
    yield "padded.tera", container("padded", tags=["private"], public_tags=["public"], manifest=b"{}")
    yield "signed.tera", container("signed", padding=False, signers=[SIGNER])


def container_seeds() -> Seeds:
    for base in range(len(forge.BASES)):
        yield f"base-{base}", bytes((base, 0))
    yield "link", b"\1\1"
    for stage in Stage:
        for how in range(5):
            edit = Edit(stage, how * 3, 1 + how, how, (b"\1", b"../x", b"\xa1a", b"\x81\xa1a\1")[how % 4])
            yield f"{stage.name.lower()}-{how}", bytes((1 + how % 2, 0)) + edit.pack()


def rule_seeds() -> Seeds:
    far = 253_402_300_799
    packed: dict[str, list[list[canonical.Packable]]] = {
        "who": [["downloadable", False], ["opens", 2], ["recipients", ["*@b.c", "a@b.c"]]],
        "where": [
            ["geo", {"allow": ["/DE//", "EU///"], "block": ["/DE/BY/münchen"]}],
            ["ip", {"allow": ["10.0.0.0-10.0.0.2", "192.0.1.0/255.0.255.0", "::/0"], "block": ["10.0.0.1"]}],
        ],
        "when": [["first_open_for", 3], ["offline_for", 60], ["time", {"end": far, "start": 0}]],
        "device": [["device", {"allow": [bytes(32)]}], ["mac", {"allow": ["00:00:00:00:00:01"]}]],
        "duties": [
            ["obligations", {"watermark": {"text": "x"}}],
            ["require_fresh_blocklist", 9],
            ["require_signature", True],
        ],
        "entry": [
            ["entry", [["**/x", "rights", ["view"]], ["a/*", "time", {"end": 9}]]],
            ["rights", ["print", "view"]],
        ],
        "unknown": [["unknown", 1]],
    }
    for name, rules in packed.items():
        yield name, b"\0" + canonical.pack(rules)
    drm = b'{"dynamic": true, "geo": {"allow": [{"country": "UK", "city": "London"}]}}'
    yield "nested", b'\1{"container": {"password": "x", "drm": ' + drm + b"}}"
    time, ip = b'{"end": "2031-01-01T00:00:00.5+02:00"}', b'{"block": ["192.*.1.*", "10.0.0.9/24"]}'
    yield "flat", b'\2{"recipients": [], "time": ' + time + b', "ip": ' + ip + b"}"
    files = b'{"drm": {"entry": {"*": {"rights": ["view"]}}}, "files": {"a*": {"type": "x", "downloadable": false}}}'
    yield "files", b"\1" + files


SEEDS = {
    "backup": backup_seeds,
    "bech32": bech32_seeds,
    "blocklist": blocklist_seeds,
    "bytes": bytes_seeds,
    "canonical": canonical_seeds,
    "container": container_seeds,
    "envelope": envelope_seeds,
    "front": front_seeds,
    "index": index_seeds,
    "keyfile": keyfile_seeds,
    "paths": path_seeds,
    "records": record_seeds,
    "rules": rule_seeds,
    "trailer": trailer_seeds,
    "zstd": zstd_seeds,
}


def main() -> None:
    """Write the corpus anew."""
    size = 0
    for target, seeds in SEEDS.items():
        folder = CORPUS / target
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, data in seeds():
            size += len(data)
            (folder / name).write_bytes(data)
    print(f"{sum(path.is_file() for path in CORPUS.rglob('*'))} seeds, {size:,} bytes")


if __name__ == "__main__":
    main()
