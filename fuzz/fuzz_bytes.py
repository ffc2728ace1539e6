"""Of a container that was sealed, no other bytes are taken with its key, nor without one under its author's signature.

What nothing authenticates without the key is the recipients' section alone.
"""

from __future__ import annotations

import io
from pathlib import Path

from fuzz import oracle
from fuzz.samples import KEK, SIGNER_NAME
from tera.codec.inspect import digest, inspect, verify
from tera.codec.reader import Container
from tera.codec.source import ObjectSource, read_front
from tera.format.front import Front

CORPUS = Path(__file__).parent / "corpus" / "bytes"
SEALED = frozenset(path.read_bytes() for path in CORPUS.glob("*.tera"))


def one_input(data: bytes) -> None:
    found = oracle.tera(_contents, data)
    assert isinstance(found, oracle.Taken) == (data in SEALED), found
    alone = oracle.tera(digest, io.BytesIO(data))
    if isinstance(found, oracle.Taken):
        assert isinstance(alone, oracle.Taken) and alone.value == found.value
    oracle.tera(inspect, io.BytesIO(data))
    signed = oracle.tera(verify, io.BytesIO(data), signers=[SIGNER_NAME])
    if isinstance(signed, oracle.Taken):
        assert isinstance(alone, oracle.Taken) and signed.value.digest == alone.value
        assert _but_access(data) in SEALED_BUT_ACCESS


def _contents(data: bytes) -> str:
    with Container(io.BytesIO(data), [KEK]) as container:
        for entry in container.entries:
            if not entry.is_dir:
                container.read(entry.path)
        for number in range(container.data.blocks):
            container.data.read_block(number)
        return container.digest


def _but_access(data: bytes) -> bytes:
    front: Front = read_front(ObjectSource(io.BytesIO(data)))
    return data[: front.access_offset] + data[front.length :]


SEALED_BUT_ACCESS = frozenset(map(_but_access, SEALED))
