"""An authority for tests of the command: its keys, its folder, and `tera authority serve` as a process."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tera.authority.folder import DATABASE
from tera.authority.keys import HeldKeys, secret_text
from tera.authority.sqlite import SqliteState
from tera.codec import keyfile
from tera.codec.recipients import PrivateKey
from tera.crypto.signing import SigningKey
from tests.cli.runs import COMMAND, environment

ANN, BOB = "ann@example.org", "bob@example.org"
SIGNING = SigningKey(b"\x11" * 64)
ANN_KEY, BOB_KEY, DEVICE_KEY = (SigningKey(bytes((number,)) * 64) for number in (0x22, 0x33, 0x44))
OPENING = PrivateKey(1, b"\x55" * 32)
KEYS = HeldKeys(SIGNING, [OPENING])


def write_keys(folder: Path) -> None:
    """Write the authority's keys, secret and public, and those of its viewers."""
    (folder / "authority.txt").write_text(secret_text(SIGNING, [OPENING]))
    (folder / "authority.pub").write_text(KEYS.public.text)
    for name, key in (("ann", ANN_KEY), ("bob", BOB_KEY), ("device", DEVICE_KEY)):
        (folder / f"{name}.txt").write_text(keyfile.dump_secret(key) + "\n")
        (folder / f"{name}.pub").write_text(keyfile.dump_public(key) + "\n")


def state_in(folder: Path) -> SqliteState:
    return SqliteState(folder / DATABASE)


@dataclass
class Serving:
    """A running server: its URL, its process, and what it said when it was told to stop."""

    url: str
    process: subprocess.Popen[str]
    said: str = ""

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to stop, and return its exit code."""
        self.process.send_signal(number)
        _, self.said = self.process.communicate(timeout=30)
        return self.process.returncode


@contextmanager
def serving(folder: Path, data: str = "auth", more: Sequence[str] = ()) -> Iterator[Serving]:
    """Serve from `folder`, where the keys are; it has ended afterwards, whatever happens."""
    command = [*COMMAND, "authority", "serve", "--data", data, "--keys", "authority.txt", *more]
    process = subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), process.communicate(timeout=10)
        yield Serving(url, process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate(timeout=30)


def configure(path: Path, url: str, **settings: str) -> str:
    """Write a configuration with the authority of `url`; return its path. Values are TOML."""
    lines = [f"{name} = {value}" for name, value in settings.items() if name != "token_file"]
    lines += ["[[authorities]]", 'key = "authority.pub"', f'url = "{url}"']
    lines += [f"token_file = {settings['token_file']}"] if "token_file" in settings else []
    path.write_text("\n".join(lines) + "\n")
    return os.fspath(path)
