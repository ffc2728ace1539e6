"""Whatever somebody with the key seals, every reader takes it as the same files, or every reader refuses it.

Readers are tera's (seeking, streaming) and the reference's (both ways). What is taken seals to the same content
digest again; what an author signed cannot be changed; nothing is written outside the target; nothing is left open.

The first byte chooses the container, the second options (1: somebody else's link lies in the target; 2: forced),
the rest are edits (`fuzz.edits`).
"""

from __future__ import annotations

import io
import os
import threading

from fuzz import edits, forge, oracle
from fuzz.samples import KEK, REFERENCE_KEY, SIGNER_NAME
from fuzz.sandbox import Sandbox
from spec import reference
from tera.codec.decode import decode
from tera.codec.encoder import Encoder
from tera.codec.inspect import digest, inspect
from tera.codec.reader import Container
from tera.errors import Unavailable


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def one_input(data: bytes) -> None:
    base, options = forge.BASES[(data[:1] or b"\0")[0] % len(forge.BASES)], (data[1:2] or b"\0")[0]
    try:
        sealed = forge.seal(base, list(edits.parse(data[2:])))
    except (TypeError, ValueError):  # an edit made what msgpack cannot hold
        return
    pinned = [SIGNER_NAME] if base.signed else []
    before = len(os.listdir("/proc/self/fd"))
    with Sandbox(link=bool(options & 1)) as one, Sandbox(link=bool(options & 1)) as two:
        force = bool(options & 2)
        seek = oracle.tera(decode, io.BytesIO(sealed), one.target, [KEK], signers=pinned, force=force)
        stream = oracle.tera(decode, Pipe(sealed), two.target, [KEK], signers=pinned, force=force, stream=True)
        oracle.same_verdict(seek, stream)
        trees = one.tree(), two.tree()
    if not isinstance(seek, Unavailable):
        read = oracle.reference(reference.read_seekable, sealed, [REFERENCE_KEY])
        oracle.same_verdict(seek, read, oracle.reference(reference.read_pipe, sealed, [REFERENCE_KEY]))
        if isinstance(seek, oracle.Taken) and isinstance(read, oracle.Taken):
            assert (
                trees[0] == trees[1] == {e.path: None if e.type else e.content for e in read.value.entries} | trees[0]
            )
            assert _sealed_again(sealed) == read.value.content_digest
            assert bytes.fromhex(digest(io.BytesIO(sealed)).removeprefix("tera:")) == read.value.container_digest
            assert not base.signed or read.value.container_digest == forge.original_digest()
    oracle.tera(inspect, io.BytesIO(sealed))
    assert len(os.listdir("/proc/self/fd")) == before, "a descriptor was left open"
    assert threading.active_count() == 1, "a thread was left running"


def _sealed_again(sealed: bytes) -> bytes:
    with Container(io.BytesIO(sealed), [KEK]) as container, Encoder(io.BytesIO(), recipients=[KEK]) as encoder:
        for entry in container.entries:
            if entry.is_dir:
                encoder.add_directory(entry.path)
            else:
                encoder.add_content(entry.path, container.read(entry.path))
        assert encoder.close().content_digest == container.content_digest
        return container.content_digest
