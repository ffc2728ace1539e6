"""Bytes in and out: sealing an upload beside writing it down, decoding a download beside sending a file.

The law of this file: the two that are compared take turns within a round, on the same server, disk and connection.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.service_client import SIZE, Answer, Connection, Times
from benchmarks.service_process import Server, plain, serving

MIB = 1 << 20
BOUNDARY = "a3d2c1f8e5b64790"
EVERY = 0.005
"""Seconds between two of the other requests."""
RANGES = 100


def measure(folder: Path, size: int, rounds: int) -> dict[str, Any]:
    """Return, for each round, rates in bytes a second, and what else there was."""
    noise = [memoryview(os.urandom(SIZE)) for _ in range(64)]
    found: dict[str, Any] = {name: [] for name in ("raw", "encode", "peak", "written", "others", "plain", "decode")}
    found |= {name: [] for name in ("decode_peak", "range_first", "range", "plain_range")}
    (folder / "plain").mkdir()
    with (
        serving(folder) as server,
        server.connect() as connection,
        plain(folder / "plain") as other,
        other.connect() as beside,
    ):
        found["start"] = server.peak()
        upload(server, connection, noise, 8 * MIB)
        asked = f"{server.url}/containers/{upload(server, connection, noise, MIB)}"
        for number in range(rounds):
            answer = _put(beside, noise, size, number)
            found["raw"].append(size / answer.seconds)
            _seal(server, connection, noise, size, asked, found)
            (folder / "plain" / "blobs" / "plain" / str(number)).unlink()
        _put(beside, noise, size, rounds)
        decoded = f"{server.url}/containers/{upload(server, connection, noise, size)}/decode/file.bin"
        for _ in range(rounds):
            _download(server, ((beside, f"/plain/{rounds}"), (connection, decoded)), size, found)
    return found


def upload(server: Server, connection: Connection, noise: list[memoryview], size: int) -> str:
    """Seal a file of `size` bytes; return the container's id."""
    answer = connection.ask(*_form(server, size), **_pieces(noise, size))
    assert answer.status == 200, answer
    return str(json.loads(answer.body)["container"]["uuid"])


def _seal(
    server: Server, connection: Connection, noise: list[memoryview], size: int, asked: str, found: dict[str, Any]
) -> None:
    server.forget_peak()
    before = server.written()
    with _others(server, asked) as times:
        answer = connection.ask(*_form(server, size), **_pieces(noise, size))
    assert answer.status == 200, answer
    made = json.loads(answer.body)["container"]
    found["encode"].append(size / answer.seconds)
    found["peak"].append(server.peak())
    found["written"].append((server.written() - before) / made["container_size"])
    found["others"].append(times.p99)
    assert connection.ask("DELETE", f"{server.url}/containers/{made['uuid']}").status == 204


def _download(server: Server, both: Sequence[tuple[Connection, str]], size: int, found: dict[str, Any]) -> None:
    server.forget_peak()
    for name, (connection, path) in zip(("plain", "decode"), both, strict=True):
        answer = connection.ask("GET", path, keep=False)
        assert (answer.status, answer.size) == (200, size), answer
        found[name].append(size / answer.seconds)
    found["decode_peak"].append(server.peak())
    choose = random.Random(size)
    starts = [choose.randrange(size - MIB) for _ in range(RANGES)]
    for name, (connection, path) in zip(("plain_range", "range"), both, strict=True):
        answers = [connection.ask("GET", path, keep=False, Range=f"bytes={at}-{at + MIB - 1}") for at in starts]
        assert {(one.status, one.size) for one in answers} == {(206, MIB)}
        found[name].append(RANGES * MIB / sum(one.seconds for one in answers))
    found["range_first"].append(median(one.first for one in answers))


def _put(connection: Connection, noise: list[memoryview], size: int, number: int) -> Answer:
    pieces = (noise[at % len(noise)] for at in range(size // SIZE))
    answer = connection.ask("PUT", f"/plain/{number}", pieces=pieces, length=size)
    assert answer.status == 201, answer
    return answer


def _form(server: Server, size: int) -> tuple[str, str, bytes]:
    manifest = json.dumps({"container_name": "big", "files": ["file.bin"]})
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="manifest"\r\n\r\n{manifest}\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="file.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return "POST", f"{server.url}/containers/encode", body.encode()


def _pieces(noise: list[memoryview], size: int) -> dict[str, Any]:
    end = f"\r\n--{BOUNDARY}--\r\n".encode()

    def pieces() -> Iterator[bytes | memoryview]:
        for at in range(size // SIZE):
            yield noise[at % len(noise)]
        yield end

    return {
        "pieces": pieces(),
        "length": size + len(end),
        "Content_Type": f"multipart/form-data; boundary={BOUNDARY}",
    }


@contextmanager
def _others(server: Server, path: str) -> Iterator[Times]:
    """Ask for something small every few milliseconds meanwhile, from a process of its own."""
    times, (mine, theirs), over = Times(), multiprocessing.Pipe(), multiprocessing.Event()
    asking = multiprocessing.Process(target=_ask, args=(server, path, theirs, over))
    asking.start()
    mine.recv()
    try:
        yield times
    finally:
        over.set()
        times.seconds += mine.recv()
        asking.join()


def _ask(server: Server, path: str, pipe: Any, over: Event) -> None:
    found = []
    with server.connect() as connection:
        connection.ask("GET", path)
        pipe.send(None)
        while not over.wait(EVERY):
            answer = connection.ask("GET", path)
            assert answer.status == 200, answer
            found.append(answer.seconds)
    pipe.send(found)
