"""An object store: its own credentials only, an error when it is away or full, memory for a few parts."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tera.codec.output import Output
from tera.errors import BadInput, LimitExceeded, NoSuchBlob, OutputExists, StoreUnavailable
from tera.storage import objects
from tera.storage.objects import ObjectStore
from tests.storage.stores import content, s3, store_of, written

KEY = "org-1/ab/blob"
QUICK: dict[str, Any] = {
    "max_retries": 1,
    "retry_timeout": timedelta(seconds=2),
    "backoff": {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=1), "base": 2},
}


BEGUN = b"<InitiateMultipartUploadResult><UploadId>upload-1</UploadId></InitiateMultipartUploadResult>"


class Fake(ThreadingHTTPServer):
    """A server that answers everything with one status, and remembers what it was asked; `hold` holds it up.

    It never has what it is asked for, where its status is 200.
    """

    daemon_threads = True

    def __init__(self, status: int, body: bytes = b"") -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.hold = threading.Event()
        self.hold.set()
        asked, hold = self.asked, self.hold

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
                hold.wait(20)
                self.send_response(404 if self.command == "HEAD" and status == 200 else status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("ETag", '"etag"')
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A store that was let go hangs up."""

    def store(self, **options: Any) -> ObjectStore:
        return store_at(self.server_address[1], **options)


def store_at(port: int, **options: Any) -> ObjectStore:
    there = {"endpoint": f"http://127.0.0.1:{port}", "region": "us-east-1", "client_options": {"allow_http": True}}
    return ObjectStore("s3://bucket/pre", {**there, "retry_config": QUICK, **options})


@contextmanager
def fake(status: int, body: bytes = b"") -> Iterator[Fake]:
    server = Fake(status, body)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("url", ["", "nonsense", "s3://", "ftp://a/b", "s3://bucket\0", "http://a b"])
def test_an_address_of_no_store_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        ObjectStore(url)


def test_an_option_that_the_store_does_not_have_is_refused_without_its_value() -> None:
    with pytest.raises(BadInput) as caught:
        ObjectStore("s3://bucket", {"secret_acces_key": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("ambient", [True, False])
def test_credentials_that_lie_around_are_not_used(ambient: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if ambient:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AMBIENT")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "AMBIENT")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "AMBIENT")
        monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    with fake(404) as server:
        for options in ({}, {"access_key_id": "OURS", "secret_access_key": "s"}):
            with pytest.raises(NoSuchBlob):
                server.store(**options).open(KEY)
        heads = [head for _, _, head in server.asked]
    assert len(heads) == 2
    assert "authorization" not in heads[0]
    assert "Credential=OURS/" in heads[1]["authorization"]
    assert "AMBIENT" not in str(heads)
    assert (os.environ.get("AWS_ACCESS_KEY_ID") == "AMBIENT") is ambient, "and they are left to whom they belong"


def test_a_store_that_is_away_is_said_to_be_in_a_few_seconds() -> None:
    with socket.socket() as held:  # bound, and nobody listens
        held.bind(("127.0.0.1", 0))
        store = store_at(held.getsockname()[1])
        began = time.monotonic()
        for ask in (store.check, lambda: store.open(KEY), lambda: store.delete(KEY), lambda: list(store.blobs())):
            with pytest.raises(StoreUnavailable):
                ask()
        with pytest.raises(StoreUnavailable):
            written(store, KEY, b"x" * 100_000)
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("status", [500, 503, 507, 403, 301])
def test_a_store_that_refuses_or_is_full_is_unavailable(status: int) -> None:
    with fake(status, b"<Error><Code>Private</Code><Message>hunter2</Message></Error>") as server:
        store = server.store(access_key_id="OURS", secret_access_key="s")
        for ask in (store.check, lambda: store.open(KEY), lambda: written(store, KEY, b"x")):
            with pytest.raises(StoreUnavailable) as caught:
                ask()
            assert len(str(caught.value)) < 400
            assert "127.0.0.1" not in str(caught.value)
            assert "hunter2" not in str(caught.value)
        with pytest.raises(StoreUnavailable):  # in the middle of many parts, without waiting for room for ever
            written(store, KEY, *[b"x" * (1 << 20)] * 40)


def test_a_bucket_that_is_not_there_is_a_store_that_is_away() -> None:
    with fake(404, b"<Error><Code>NoSuchBucket</Code></Error>") as server:
        store = server.store(access_key_id="OURS", secret_access_key="s")
        for ask in (store.check, store.sweep, lambda: list(store.blobs()), lambda: written(store, KEY, b"x")):
            with pytest.raises(StoreUnavailable):
                ask()


def test_wrong_credentials_are_refused() -> None:
    url, options = s3()
    store = ObjectStore(url, {**options, "secret_access_key": "wrong"})
    for ask in (store.check, lambda: store.open(KEY), lambda: written(store, KEY, b"x")):
        with pytest.raises(StoreUnavailable) as caught:
            ask()
        assert "wrong" not in str(caught.value)


def begun(server: Fake) -> Output:
    """Begin an upload in parts. What begins one is not sent again by itself, and on a busy machine a connection to
    the fake server is sometimes lost: then it is begun anew."""
    for attempt in range(5):
        output = server.store(access_key_id="OURS", secret_access_key="s").create(KEY)
        try:
            for at in range(20):
                output.write_at(at << 20, bytes(1 << 20))
            return output
        except StoreUnavailable:
            output.abort()
            if attempt == 4:
                raise
    raise AssertionError


def test_an_aborted_upload_in_parts_is_taken_back_on_the_server() -> None:
    with fake(200, BEGUN) as server:
        output = begun(server)
        until = time.monotonic() + 20
        while not any(how == "PUT" for how, _, _ in server.asked) and time.monotonic() < until:
            time.sleep(0.01)
        output.abort()
        asked = [(how, path) for how, path, _ in server.asked]
    assert any(how == "PUT" and "partNumber=1" in path for how, path in asked)
    assert ("DELETE", "/bucket/pre/org-1/ab/blob?uploadId=upload-1") in asked
    assert not any(how == "POST" and "uploadId" in path for how, path in asked), "it was not finished"


def test_prefixes_of_one_bucket_are_stores_of_their_own(tmp_path: Path) -> None:
    one, two = store_of("s3", tmp_path), store_of("s3", tmp_path)
    written(one, KEY, b"1")
    with pytest.raises(NoSuchBlob):
        two.open(KEY)
    assert list(two.blobs()) == []
    assert content(one, KEY) == b"1"


def test_what_is_longer_than_a_blob_can_be_is_refused_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "LONGEST", 1_000)
    store = ObjectStore("memory:///")
    output = store.create(KEY)
    output.write_at(0, b"x" * 1_000)
    with pytest.raises(LimitExceeded):
        output.write_at(1_000, b"x")
    output.abort()
    assert list(store.blobs()) == []


def test_an_ordered_output_refuses_another_order() -> None:
    output = ObjectStore("memory:///").create(KEY)
    output.write_at(0, b"ab")
    with pytest.raises(ValueError, match="order"):
        output.write_at(1, b"c")
    output.abort()


def test_a_writer_waits_for_a_slow_store_with_few_parts_in_memory() -> None:
    with fake(200, BEGUN) as server:
        output = server.store(access_key_id="OURS", secret_access_key="s").create(KEY)
        given: list[int] = []

        def write() -> None:
            for at in range(100):
                output.write_at(at << 20, bytes(1 << 20))
                given.append(at)
                if at == 7:
                    server.hold.clear()

        thread = threading.Thread(target=write)
        thread.start()
        time.sleep(0.5)
        stuck = len(given)
        server.hold.set()
        thread.join(20)
        assert not thread.is_alive()
        output.abort()
    assert 8 <= stuck <= 45
    assert len(given) == 100


def test_a_long_blob_does_not_replace_one_that_came_meanwhile(tmp_path: Path) -> None:
    store = store_of("s3", tmp_path)
    output = store.create(KEY)
    for at in range(10):
        output.write_at(at << 20, bytes(1 << 20))
    written(store, KEY, b"first")
    with pytest.raises(OutputExists):
        output.commit()
    assert content(store, KEY) == b"first"
