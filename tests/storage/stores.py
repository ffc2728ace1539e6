"""Every kind of store, each as a fresh and empty one."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from tera.storage.folder import FolderStore
from tera.storage.objects import ObjectStore
from tera.storage.port import Store

KINDS = ("folder", "memory", "s3")


def s3() -> tuple[str, dict[str, Any]]:
    """Return the address of the S3 server's bucket, and how to sign; skip the test where there is none."""
    url, config = os.environ.get("TERA_TEST_S3"), os.environ.get("TERA_TEST_S3_CONFIG")
    if not url or not config:
        pytest.skip("no S3 server: TERA_TEST_S3 and TERA_TEST_S3_CONFIG are not set")
    return url, json.loads(Path(config).read_text())


def store_of(kind: str, folder: Path) -> Store:
    """Return a new store of a kind, `memory` being an object store without a server."""
    if kind == "folder":
        return FolderStore(folder / "blobs")
    if kind == "memory":
        return ObjectStore("memory:///")
    url, options = s3()
    return ObjectStore(f"{url}/{uuid.uuid4().hex}", options)


def written(store: Store, key: str, *pieces: bytes) -> bytes:
    """Put a blob of these pieces; return its content."""
    output, at = store.create(key), 0
    for piece in pieces:
        output.write_at(at, piece)
        at += len(piece)
    output.commit()
    return b"".join(pieces)


def content(store: Store, key: str) -> bytes:
    found = store.open(key)
    try:
        return found.read_at(0, found.size)
    finally:
        found.close()
