"""The parts, one by one: what a block, a key, an index and a small container cost in this process.

`compare.py` measures what a user sees; these say where it goes. Sizes are in the names.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

import pytest

import tera
from tera.crypto import signing
from tera.crypto.chunked import ChunkCipher
from tera.crypto.kem import MLKEM768, MLKEM1024, MLKEM1024_P384, XWING, Kem
from tera.format import digests
from tera.format import sections as s
from tera.format.index import Index, IndexBuilder
from tera.format.limits import DEFAULT
from tera.wire import zstd

KEK = tera.KeyEncryptionKey(bytes(range(32)), b"bench")
CIPHER = ChunkCipher(bytes(32), bytes(24), b"")
PLAIN = memoryview(os.urandom(s.BLOCK_PLAIN))
TEXT = b"".join(b"%d: the same words again and again, with a number\n" % n for n in range(20_000))[: 1 << 20]


def test_seal_block_of_1_mib(benchmark: Callable[..., Any]) -> None:
    out = memoryview(bytearray(s.BLOCK_BODY))
    assert benchmark(CIPHER.seal_into, 0, [PLAIN], out, last=False) == s.BLOCK_BODY


def test_open_block_of_1_mib(benchmark: Callable[..., Any]) -> None:
    sealed, out = memoryview(bytearray(s.BLOCK_BODY)), memoryview(bytearray(s.BLOCK_PLAIN))
    CIPHER.seal_into(0, [PLAIN], sealed, last=False)
    assert benchmark(CIPHER.open_into, 0, sealed, out) == s.BLOCK_PLAIN
    assert out == PLAIN


def test_leaf_of_a_block_of_1_mib(benchmark: Callable[..., Any]) -> None:
    assert len(benchmark(digests.leaf, s.DATA, 0, PLAIN)) == digests.LEAF


def test_compress_text_of_1_mib(benchmark: Callable[..., Any]) -> None:
    assert len(benchmark(zstd.compress, TEXT)) < len(TEXT)


def test_decompress_text_of_1_mib(benchmark: Callable[..., Any]) -> None:
    assert benchmark(zstd.decompress, zstd.compress(TEXT), len(TEXT)) == TEXT


@pytest.mark.parametrize("kem", [XWING, MLKEM1024_P384, MLKEM768, MLKEM1024], ids=lambda kem: kem.name)
def test_wrap_a_share(benchmark: Callable[..., Any], kem: Kem) -> None:
    public = kem.public_key(bytes(kem.seed_length))
    assert len(benchmark(kem.seal, public, bytes(32), b"info")) == kem.ct_length


@pytest.mark.parametrize("kem", [XWING, MLKEM1024_P384, MLKEM768, MLKEM1024], ids=lambda kem: kem.name)
def test_unwrap_a_share(benchmark: Callable[..., Any], kem: Kem) -> None:
    key = kem.private_key(bytes(kem.seed_length))
    ct = kem.seal(kem.public_key(bytes(kem.seed_length)), bytes(32), b"info")
    assert benchmark(key.open, ct, b"info") == bytes(32)


def test_sign(benchmark: Callable[..., Any]) -> None:
    key = signing.generate(bytes)
    assert benchmark(key.sign, b"message", b"context")


def test_index_of_10_000_entries(benchmark: Callable[..., Any]) -> None:
    builder = IndexBuilder()
    builder.manifest_length = 30
    for number in range(10_000):
        builder.add(b"folder/%08d.txt" % number, 0, 0o644, number, 60)
        builder.add_frame(100)
        builder.end(100, bytes(32))
    length = 8 + 30 + 10_000 * (8 + 60 + 12 + 100 + 48)  # MANIFEST; ENTRY, FRAME and END of each
    leaves = [bytes(digests.LEAF)] * s.block_count(s.chunk_count(length))
    plain = memoryview(b"".join(builder.pack(leaves)))
    found = benchmark(lambda: Index(plain, data_plain=length, padding=0, bounds=DEFAULT))
    assert len(found) == 10_000


def container(size: int) -> bytes:
    out = io.BytesIO()
    tera.encode([("noise", os.urandom(size))], out, recipients=[KEK])
    return out.getvalue()


def test_encode_100_bytes(benchmark: Callable[..., Any]) -> None:
    benchmark(lambda: tera.encode([("a", bytes(100))], io.BytesIO(), recipients=[KEK]))


def test_open_100_bytes(benchmark: Callable[..., Any]) -> None:
    data = container(100)
    assert len(benchmark(lambda: tera.open(io.BytesIO(data), [KEK]).read("noise"))) == 100


def test_read_64_kib_out_of_64_mib(benchmark: Callable[..., Any]) -> None:
    opened = tera.open(io.BytesIO(container(64 << 20)), [KEK])
    assert len(benchmark(opened.read_range, "noise", 33_333_333, 33_333_333 + 65_536)) == 65_536
