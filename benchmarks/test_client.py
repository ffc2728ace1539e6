"""The library's client: what a transfer costs it, whatever its size.

    python -m pytest benchmarks/test_client.py -o addopts= --import-mode=importlib --benchmark-only

Each transfer is a process of its own, as a program would be, that sends to or fetches from a service in this one. The
most that was resident in it, as the kernel says, is held against 64 MiB. The rate, the client's and the service's
work together on one machine, is printed beside that of the same bytes over a bare socket. `TERA_BENCH_CLIENT` is how
many MiB are moved, 256.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tera
from tera.client import Library
from tera.codec import keyfile
from tests.client.libraries import served
from tests.library.places import clock, empty_catalog, library
from tests.service.houses import House

__all__ = ["clock", "empty_catalog", "library"]

MIB = int(os.environ.get("TERA_BENCH_CLIENT", "256"))
MOST_MIB = 64
KEY = tera.generate_key()

WORK = """
import json, sys, time
from pathlib import Path
from tera.client import Library
what, url, token, file, container, key, out = json.loads(sys.argv[1])
mine = Library(url, token)
began = time.perf_counter()
if what == "encode":
    mine.encode([file])
elif what == "upload":
    mine.upload(file)
elif what == "download":
    mine.download(container, out)
elif what == "decode":
    mine.decode(container, Path(file).name, out)
elif what == "ranges":
    source = mine.source(container)
    at, buffer = 0, memoryview(bytearray(1 << 20))
    while count := source.read_into(at, buffer):
        at += count
seconds = time.perf_counter() - began
[peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(json.dumps([seconds, int(peak.split()[1]) / 1024]))
"""


@dataclass
class Place:
    """A service with what is moved: a file, the container that the service sealed of it, and one sealed here."""

    url: str
    token: str
    file: Path
    container: str
    sealed: Path
    folder: Path

    def run(self, what: str) -> tuple[float, float]:
        """Move it once; return seconds, and the process's highest resident size in MiB."""
        file = self.sealed if what == "upload" else self.file
        out = self.folder / f"out-{what}-{time.monotonic_ns()}"
        asked = [what, self.url, self.token, str(file), self.container, keyfile.dump_secret(KEY), str(out)]
        done = subprocess.run(
            [sys.executable, "-c", WORK, json.dumps(asked)], capture_output=True, text=True, check=True, timeout=600
        )
        out.unlink(missing_ok=True)
        seconds, peak = json.loads(done.stdout)
        return seconds, peak


@pytest.fixture
def place(library: Any, tmp_path: Path) -> Iterator[Place]:
    file, sealed = tmp_path / "noise.bin", tmp_path / "sealed.tera"
    noise = random.Random(1).randbytes(1 << 20)
    with open(file, "wb") as stream:
        for _ in range(MIB):
            stream.write(noise)
    tera.encode([file], sealed, recipients=[KEY.public], compress=False)
    with House(library) as house, served(house.app) as url:
        container = Library(url, house.ann).encode([file]).id
        yield Place(url, house.ann, file, container, sealed, tmp_path)


def bare(size: int) -> float:
    """Return the seconds that so many bytes take over a socket of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def take() -> None:
            line, _ = listening.accept()
            with line:
                while line.recv(1 << 18):
                    pass

        taking = threading.Thread(target=take)
        taking.start()
        began = time.perf_counter()
        with socket.create_connection(listening.getsockname()) as line:
            piece = bytes(1 << 18)
            for _ in range(size // len(piece)):
                line.sendall(piece)
        taking.join()
        return time.perf_counter() - began


@pytest.mark.parametrize("what", ["encode", "upload", "download", "decode", "ranges"])
def test_a_transfer_takes_little_memory(benchmark: Any, place: Place, what: str) -> None:
    found: list[tuple[float, float]] = []
    benchmark.pedantic(lambda: found.append(place.run(what)), rounds=2)
    seconds, peak = min(one for one, _ in found), max(one for _, one in found)
    benchmark.extra_info |= {"MiB/s": round(MIB / seconds), "peak MiB": round(peak)}
    print(f"\n{what}: {MIB / seconds:,.0f} MiB/s, {peak:.0f} MiB; bare socket {MIB / bare(MIB << 20):,.0f} MiB/s")
    assert peak < MOST_MIB
