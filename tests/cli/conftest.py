"""What the command line's tests share: keys, a sealed container, and two ways to run `tera`.

`tera` runs in this process, which takes milliseconds; `spawn` makes a process, for what only a process
has: exit codes of signals, pipes, terminals, a kill.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tera as library
from tera.cli import main
from tera.codec import keyfile
from tera.codec.recipients import Passphrase, PrivateKey
from tera.crypto import signing
from tera.crypto.random import system
from tests.cli.runs import COMMAND, FILES, Answer, Room, Tera, environment

CHEAP = (19_456, 1, 1)
"""The lowest cost of Argon2id that a container may state; the command always takes more."""


@pytest.fixture(scope="session")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    folder = tmp_path_factory.mktemp("room")
    keys = {name: PrivateKey.generate(random=system) for name in ("key", "second", "stranger")}
    for name, key in keys.items():
        (folder / f"{name}.txt").write_text(keyfile.dump_secret(key) + "\n")
        (folder / f"{name}.pub").write_text(keyfile.dump_public(key) + "\n")
    signer = signing.generate(system)
    (folder / "signer.txt").write_text(keyfile.dump_secret(signer) + "\n")
    (folder / "signer.pub").write_text(keyfile.dump_public(signer) + "\n")
    (folder / "other.pub").write_text(keyfile.dump_public(signing.generate(system)) + "\n")
    (folder / "pass.txt").write_text("correct horse\n")
    (folder / "kek.bin").write_bytes(bytes(range(32)))
    sources: list[Any] = list(FILES.items())
    library.encode(sources, folder / "out.tera", recipients=[keys["key"].public])
    library.encode(
        sources[:1],
        folder / "signed.tera",
        recipients=[keys["key"].public],
        signers=[signer],
        public_tags=["red", "a\x1b[2Jb"],
    )
    library.encode(sources[:1], folder / "words.tera", recipients=[Passphrase("correct horse", cost=CHEAP)])
    rules = [["opens", 3], ["time", {"end": 1_924_992_000}]]
    library.encode(sources[:1], folder / "ruled.tera", recipients=[keys["key"].public], rules=rules)
    library.encode(sources[:1], folder / "secret.tera", recipients=[keys["key"].public], rules=rules, sealed_rules=True)
    return Room(folder)


@pytest.fixture
def tera(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tera]:
    """Run `tera` here, in an empty folder; `stdin` is what it reads there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERA_STATE", f"{tmp_path}.state")

    def run(*arguments: str | Path, stdin: bytes = b"") -> Answer:
        given = tmp_path.parent / f"{tmp_path.name}.stdin"
        given.write_bytes(stdin)
        with open(given) as stream, monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", stream)
            capfdbinary.readouterr()
            code = main([str(argument) for argument in arguments])
            sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return Answer(code, out, err.decode())

    yield run


@pytest.fixture
def spawn(tmp_path: Path) -> Tera:
    """Run `tera` as a process, in an empty folder."""

    def run(*arguments: str | Path, **options: Any) -> Answer:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            check=False,
            **{"cwd": tmp_path, "env": environment(), "capture_output": True, "timeout": 60, **options},
        )
        return Answer(done.returncode, done.stdout or b"", (done.stderr or b"").decode())

    return run
