"""Writes fuzz/corpus: small inputs that every target takes, made by tera itself, and a few that it refuses.

    python -m fuzz.make_corpus [--anew]

The law of this file: a seed is made by the code that writes it in earnest, never by hand; what a fuzzer has found is
called `found-` and stays. Signatures are hedged, so a signed seed that is there stays as it is, if it has the length
that a new one would have, unless all are asked for anew; so the corpus is the same in every run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from fuzz import corpus_rules, forge, fuzz_backup
from fuzz.edits import Edit, Stage
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
SIGNED = frozenset({"blocklist", "bytes", "envelope", "front", "release", "trailer"})
"""The targets whose seeds hold signatures, or shares that are sealed with the library's randomness."""
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


SEEDS = {
    "backup": backup_seeds,
    "bech32": bech32_seeds,
    "bytes": bytes_seeds,
    "canonical": canonical_seeds,
    "container": container_seeds,
    "front": front_seeds,
    "index": index_seeds,
    "keyfile": keyfile_seeds,
    "paths": path_seeds,
    "records": record_seeds,
    "trailer": trailer_seeds,
    "zstd": zstd_seeds,
    **corpus_rules.SEEDS,
}


def main(arguments: Sequence[str]) -> None:
    """Write the corpus; with `--anew`, what is signed too."""
    for target, seeds in SEEDS.items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        made = dict(seeds())
        for path in folder.iterdir():
            if path.name not in made and not path.name.startswith("found-"):
                path.unlink()
        for name, data in made.items():
            path = folder / name
            there = path.read_bytes() if path.exists() else b""
            if len(there) != len(data) or target not in SIGNED or "--anew" in arguments:
                path.write_bytes(data)
    found = [path for path in CORPUS.rglob("*") if path.is_file()]
    print(f"{len(found)} seeds, {sum(path.stat().st_size for path in found):,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
