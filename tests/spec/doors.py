"""The doors that a vector goes through: readers of `tera/`, and the reader that was written from the text alone.

The law of this file: a door returns what it has read, or raises; what was expected is the tests' to say.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import tera
from spec import reference
from spec.vectors.form import SUCCESS, Vector
from tera.codec.decode import decode
from tera.codec.grouping import open_front
from tera.codec.recipients import Identity, KeyEncryptionKey, Passphrase
from tera.codec.segment import open_chunks
from tera.crypto.chunked import SEALED_CHUNK, TAG, ChunkCipher
from tera.errors import BadChunk, TeraError
from tera.format import sections as s
from tera.format import stream
from tera.format.core import SealedRules
from tera.format.front import parse_front
from tera.format.paths import Tree
from tera.format.records import FILE
from tera.policy.vocabulary import parse_rules
from tera.wire import zstd
from tests.codec.sealed import pipe


def code(call: Callable[[], Any]) -> str:
    """Return `success`, or the code of the refusal."""
    try:
        call()
    except (TeraError, reference.Refused) as refused:
        return refused.code
    return SUCCESS


def identities(vector: Vector) -> list[Identity]:
    """Return the keys of a vector."""
    found: list[Identity] = [tera.parse_identity(text) for text in vector.identity]
    for text in vector.kek:
        key_id, key = map(bytes.fromhex, text.split(":"))
        found.append(KeyEncryptionKey(key, key_id))
    if vector.passphrase is not None:
        found.append(Passphrase(vector.passphrase))
    return found


def signers(vector: Vector) -> list[bytes]:
    """Return the fingerprints that are pinned."""
    return list(map(bytes.fromhex, vector.signer))


def opened(vector: Vector) -> tera.Container:
    """Open a vector with seeking."""
    return tera.open(io.BytesIO(vector.body), identities(vector), signers=signers(vector))


def contents(vector: Vector) -> dict[str, bytes]:
    """Read every file whole, with seeking."""
    with opened(vector) as container:
        return {entry.path: container.read(entry.path) for entry in container.entries if not entry.is_dir}


def seek(vector: Vector, folder: Path) -> None:
    """Extract everything, with seeking."""
    decode(io.BytesIO(vector.body), folder, identities(vector), signers=signers(vector))


def strict(vector: Vector, folder: Path) -> None:
    """Extract everything from a pipe, when all has been verified."""
    decode(pipe(vector.body, 999), folder, identities(vector), signers=signers(vector))


def streamed(vector: Vector, folder: Path) -> None:
    """Extract everything from a pipe, as it comes."""
    decode(pipe(vector.body, 4_097), folder, identities(vector), signers=signers(vector), stream=True)


def inspected(vector: Vector) -> tera.Verification:
    """Check all that needs no key."""
    return tera.verify(io.BytesIO(vector.body), signers=signers(vector))


def files(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


# --- what a stream may have released ------------------------------------------------------------


def released(vector: Vector, *, salvage: bool = False) -> bytes:
    """Return the content that a stream may give out, by tera's lower layers, without its threads and files.

    With `salvage`, what does not verify is zeros, and what stands behind it counts too: whoever seeks may see it.
    """
    found: list[bytes] = []
    with contextlib.suppress(TeraError):
        for piece in _released(vector, salvage):  # what came before an error counts
            found.append(piece)
    return b"".join(found)


def _released(vector: Vector, salvage: bool) -> Iterator[bytes]:
    pull = io.BytesIO(vector.body).read
    front = parse_front(pull)
    keys, _, _ = open_front(front, identities(vector))
    head = pull(s.SEGMENT_HEAD)
    s.parse_header(head, s.SEGMENT, kind=s.DATA)
    cipher = keys.segment(s.DATA, head[s.HEADER : s.HEADER + 24])
    if head[s.HEADER + 24 :] != cipher.commitment:
        return
    reader = stream.RecordReader(sealed=isinstance(front.core.rules, SealedRules), padding=front.core.padding)
    last, number, tree = False, 0, Tree()
    while not last:
        header = s.parse_header(pull(s.HEADER), s.BLOCK)
        body = pull(header.length)
        if len(body) < header.length:
            return
        try:
            plain = open_chunks(cipher, memoryview(body), number, 0, s.CHUNKS)
        except BadChunk:
            if not salvage:
                raise
            plain = memoryview(b"".join(_chunks(cipher, body, number)))
        step = 1 if len(plain) < 2**14 else 2**12
        for at in range(0, len(plain), step):
            for event in reader.feed(memoryview(bytes(plain[at : at + step]))):
                match event:
                    case stream.EntryFound(found):
                        tree.add(found.path, is_file=found.type == FILE)
                    case stream.ManifestFound(manifest) if manifest.rules is not None:
                        parse_rules(manifest.rules)  # the vectors' sealed rules are those that nobody knows
                    case stream.Piece(data):
                        yield bytes(data)
                    case stream.Packed(frame, raw):
                        yield zstd.decompress(frame, raw)
        last, number = header.last, number + 1


def _chunks(cipher: ChunkCipher, body: bytes, number: int) -> Iterator[bytes]:
    for chunk in range(-(-len(body) // SEALED_CHUNK)):
        size = len(body[chunk * SEALED_CHUNK :][:SEALED_CHUNK]) - TAG
        try:
            yield bytes(open_chunks(cipher, memoryview(body), number, chunk, chunk + 1))
        except BadChunk:
            yield bytes(size)


# --- the reference ------------------------------------------------------------------------------


class Plain(NamedTuple):
    """What the reference reads, in the words of a vector."""

    entries: list[tuple[str, int, int, int, str, str]]
    content: bytes
    manifest: str
    tags: tuple[str, ...]
    private_tags: tuple[str, ...]
    container_digest: str
    content_digest: str


def reference_keys(vector: Vector) -> dict[str, Any]:
    """Return the arguments of the reference's readers."""
    keys: list[reference.Key] = []
    for text in vector.identity:
        found = tera.parse_identity(text)
        keys.append((found.kem.type, found.seed))
    for text in vector.kek:
        key_id, key = map(bytes.fromhex, text.split(":"))
        keys.append((17, (key_id, key)))
    return {"keys": keys, "passphrase": vector.passphrase, "pinned": tuple(signers(vector))}


def plain(found: reference.Container) -> Plain:
    """Return what the reference has read."""
    entries = [
        ("dir" if one.type else "file", one.mode, one.mtime, len(one.content), one.b3.hex(), one.path)
        for one in found.entries
    ]
    return Plain(
        entries=entries,
        content=b"".join(one.content for one in found.entries),
        manifest=hashlib.sha256(found.manifest_json).hexdigest(),
        tags=tuple(found.tags),
        private_tags=tuple(found.private_tags),
        container_digest="tera:" + found.container_digest.hex(),
        content_digest=found.content_digest.hex(),
    )
