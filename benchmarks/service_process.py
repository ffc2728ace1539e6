"""The server process from outside: set up, started, asked of the kernel what it takes, stopped.

The law of this file: what is measured is `tera serve`, set up by `tera admin`, in a process of its own; what it takes
is what the kernel says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.service_client import Connection
from tera.library.installation import Installation
from tera.library.library import Library
from tera.library.master import find_master

ROOT = Path(__file__).parent.parent
OWNER = "ann@example.org"


@dataclass(frozen=True)
class Server:
    """A server that runs: by which process, where, for whom."""

    pid: int
    port: int
    org: str = ""
    token: str = ""

    def connect(self) -> Connection:
        return Connection(self.port, self.token)

    @property
    def url(self) -> str:
        return f"/orgs/{self.org}"

    def peak(self) -> int:
        """Return the most bytes that were resident since `forget_peak`, or ever."""
        return self._status("VmHWM")

    def resident(self) -> int:
        return self._status("VmRSS")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def written(self) -> int:
        """Return the bytes that it has handed to write(), whatever became of them."""
        lines = Path(f"/proc/{self.pid}/io").read_text().splitlines()
        return int(dict(line.split(": ") for line in lines)["wchar"])

    def cpu(self) -> float:
        """Return the seconds of processor time that it has taken."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"the kernel says nothing of {name}")


@contextmanager
def serving(folder: Path, database: str | None = None) -> Iterator[Server]:
    """Set a library up in a folder, over an empty database if one is named, and serve it."""
    where = ["--data", str(folder), *(["--database", database] if database else [])]
    init = [*_tera("admin", "init"), *where, "--org", "Acme", "--email", OWNER, "--json"]
    made = json.loads(subprocess.run(init, check=True, capture_output=True, cwd=ROOT).stdout)
    with started([*_tera("serve"), *where, "--port", "0", "--no-periodic"], folder) as (pid, port):
        server = Server(pid, port, made["org_id"], made["token"])
        with server.connect() as connection:
            for _ in range(20):  # what is made at first use is not what is measured
                connection.ask("GET", f"{server.url}/containers?limit=1")
        yield server


@contextmanager
def plain(folder: Path) -> Iterator[Server]:
    """Serve files in a folder, unsealed."""
    with started([sys.executable, "-m", "benchmarks.service_server", str(folder)], folder) as (pid, port):
        yield Server(pid, port)


@contextmanager
def started(command: Sequence[str], folder: Path) -> Iterator[tuple[int, int]]:
    """Start a server that prints its address; give its process and port, and stop it at the end."""
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, cwd=ROOT)
        try:
            yield process.pid, _port(process.stdout)
        finally:
            process.terminate()
            process.wait(timeout=60)


def library_at(folder: Path, database: str | None = None) -> Library:
    """Return the library that a server serves; close its catalog."""
    return Installation(folder, database).library(find_master(folder).key)


def _tera(*words: str) -> list[str]:
    return [sys.executable, "-m", "tera", *words]


def _port(said: IO[bytes] | None) -> int:
    assert said is not None
    line = said.readline().decode()
    if ":" not in line:
        raise RuntimeError("the server did not start: its log says why")
    return int(line.rpartition(":")[2])
