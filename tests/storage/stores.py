"""Every kind of store, each as a fresh and empty one; what the S3 server holds that no store shows."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import http.client
import json
import os
import re
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

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


def unfinished(prefix: str = "") -> list[str]:
    """Return the keys of uploads in parts that the S3 server holds and nobody has finished."""
    url, options = s3()
    bucket = urlsplit(url).netloc
    answer = _get(options, f"/{bucket}", {"uploads": "", "prefix": prefix})
    return re.findall(r"<Upload>.*?<Key>(.*?)</Key>", answer, re.DOTALL)


def _get(options: dict[str, Any], path: str, query: dict[str, str]) -> str:
    """Ask the server, signed by hand (AWS Signature Version 4)."""
    host = urlsplit(options["endpoint"]).netloc
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    empty = hashlib.sha256(b"").hexdigest()
    scope = f"{now[:8]}/{options['region']}/s3/aws4_request"
    asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))
    signed = {"host": host, "x-amz-content-sha256": empty, "x-amz-date": now}
    head = "".join(f"{name}:{value}\n" for name, value in signed.items())
    canonical = f"GET\n{path}\n{asked}\n{head}\n{';'.join(signed)}\n{empty}"
    key = b"AWS4" + options["secret_access_key"].encode()
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    who = f"Credential={options['access_key_id']}/{scope}, SignedHeaders={';'.join(signed)}, Signature={key.hex()}"
    with closing(http.client.HTTPConnection(host, timeout=10)) as connection:
        connection.request("GET", f"{path}?{asked}", headers={**signed, "Authorization": f"AWS4-HMAC-SHA256 {who}"})
        answer = connection.getresponse()
        body = answer.read()
    assert answer.status == 200, body
    return body.decode()
