"""Who competes: how each program is found, given a key, and asked to seal and to open.

A command is made for a path or, where the path is None, for stdin or stdout, so that programs that take one
stream can be joined to tar for the corpus of many files.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import Job, clean_environment

HERE = Path(__file__).resolve().parent
PROBE = "import importlib.metadata as m, importlib as i; i.import_module({0!r}); print(m.version({1!r}))"
Command = Callable[["str | None", "str | None"], tuple[str, ...]]


@dataclass(frozen=True)
class Peer:
    """seal and open give the argv for (source, target); `captured` ones write to stdout only."""

    name: str
    about: str
    version: str
    seal: Command
    open: Command
    captured: bool = False
    env: Mapping[str, str] = field(default_factory=dict)

    def _job(self, command: Command, source: str | None, target: Path | None) -> Job:
        named = None if self.captured or target is None else str(target)
        return Job((command(source, named),), target if self.captured else None, self.env)

    def seal_file(self, source: Path, target: Path) -> Job:
        return self._job(self.seal, str(source), target)

    def open_file(self, source: Path, target: Path) -> Job:
        return self._job(self.open, str(source), target)

    def seal_tree(self, source: Path, target: Path) -> Job:
        return self._job(self.seal, None, target).after("tar", "-c", "-C", str(source.parent), source.name)

    def open_tree(self, source: Path, folder: Path) -> Job:
        return self._job(self.open, str(source), None).before("tar", "-x", "-C", str(folder))


class Tera(Peer):
    """tera takes folders itself and decodes into one."""

    def seal_tree(self, source: Path, target: Path) -> Job:
        return self.seal_file(source, target)

    def open_tree(self, source: Path, folder: Path) -> Job:
        return self.open_file(source, folder)


def ask(*argv: str, env: Mapping[str, str] | None = None) -> str | None:
    """What a program says on stdout; None when it is not there or fails."""
    try:
        whole = clean_environment(env or {})
        done = subprocess.run(argv, capture_output=True, text=True, env=whole, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def number(line: str | None) -> str:
    found = re.search(r"\d+(\.\d+)+\w*", line or "")
    return found.group() if found else "?"


def must(*argv: str, env: Mapping[str, str] | None = None) -> str:
    said = ask(*argv, env=env)
    if said is None:
        raise OSError(f"{Path(argv[0]).name} could not make its key")
    return said


def checkout_path() -> str:
    """The checkout first, so that this tree's tera is measured even where another one is installed."""
    return os.pathsep.join(filter(None, (str(HERE.parent), os.environ.get("PYTHONPATH", ""))))


def tera(keys: Path, python: str) -> Peer | None:
    env = {"PYTHONPATH": checkout_path()}
    run = (python, "-m", "tera")
    version = ask(*run, "--version", env=env)
    if version is None:
        return None
    secret, public = keys / "key.txt", keys / "pub.txt"
    for name in ("key", "new"):
        must(*run, "keygen", "-o", str(keys / f"{name}.txt"), env=env)
        target = public if name == "key" else keys / "newpub.txt"
        target.write_text(must(*run, "keygen", "-y", str(keys / f"{name}.txt"), env=env) + "\n")
    return Tera(
        "tera",
        "ML-KEM-768 + X25519 key, files and names, digest",
        number(version),
        lambda source, target: (*run, "encode", source or "-", "-R", str(public), "-o", target or "-"),
        lambda source, target: (*run, "decode", source or "-", "-i", str(secret), "-C", target or "."),
        env=env,
    )


def cat(keys: Path, python: str) -> Peer | None:
    def copy(source: str | None, target: str | None) -> tuple[str, ...]:
        return ("cat", *filter(None, (source,)))

    version = ask("cat", "--version")
    if version is None:
        return None
    return Peer("cat", "copies only", number(version), copy, copy, captured=True)


def age(keys: Path, python: str) -> Peer | None:
    version = ask("age", "--version")
    if version is None:
        return None
    secret, public = str(keys / "age.key"), keys / "age.pub"
    must("age-keygen", "-o", secret)
    public.write_text(must("age-keygen", "-y", secret) + "\n")

    def make(*front: str) -> Command:
        def command(source: str | None, target: str | None) -> tuple[str, ...]:
            return ("age", *front, "-o", target or "-", *filter(None, (source,)))

        return command

    about = "X25519 key, authenticated stream"
    return Peer("age", about, number(version), make("-e", "-R", str(public)), make("-d", "-i", secret))


def openssl(keys: Path, python: str) -> Peer | None:
    version = ask("openssl", "version")
    if version is None:
        return None
    (keys / "passphrase").write_text("correct horse battery staple\n")

    def make(*front: str) -> Command:
        def command(source: str | None, target: str | None) -> tuple[str, ...]:
            ends = [*(("-in", source) if source else ()), *(("-out", target) if target else ())]
            secret = f"file:{keys / 'passphrase'}"
            return ("openssl", "enc", *front, "-aes-256-ctr", "-pbkdf2", "-pass", secret, *ends)

        return command

    about = "`enc -aes-256-ctr -pbkdf2`: passphrase, **not authenticated**"
    return Peer("openssl", about, number(version), make("-e"), make("-d"))


def gpg(keys: Path, python: str) -> Peer | None:
    version = ask("gpg", "--version")
    if version is None:
        return None
    home = keys / "gnupg"
    home.mkdir(mode=0o700)
    (keys / "passphrase").write_text("correct horse battery staple\n")
    silent = ("--batch", "--yes", "--quiet", "--pinentry-mode", "loopback")
    basis = ("gpg", "--homedir", str(home), *silent, "--passphrase-file", str(keys / "passphrase"))

    def make(*verb: str) -> Command:
        def command(source: str | None, target: str | None) -> tuple[str, ...]:
            return (*basis, "-o", target or "-", *verb, *filter(None, (source,)))

        return command

    seal = make("--cipher-algo", "AES256", "--compress-algo", "none", "-c")
    return Peer("gpg", "`-c`, AES256, not compressed: passphrase", number(version), seal, make("-d"))


def zstd(keys: Path, python: str) -> Peer | None:
    version = ask("zstd", "--version")
    if version is None:
        return None

    def make(*front: str) -> Command:
        def command(source: str | None, target: str | None) -> tuple[str, ...]:
            return ("zstd", "-q", "-f", *front, *filter(None, (source,)), "-o", target or "/dev/stdout")

        return command

    about = "`--single-thread -3`: compresses only"
    return Peer("zstd", about, number(version), make("--single-thread", "-3"), make("-d"))


def driven(name: str, script: str, about: str) -> Callable[[Path, str], Peer | None]:
    """A Python library behind `peers/SCRIPT`, in a process of its own as a program would be."""

    def build(keys: Path, python: str) -> Peer | None:
        probe = PROBE.format(name.replace("-", "_"), name)
        version = ask(python, "-W", "ignore", "-c", probe)
        if version is None:
            return None
        run = (python, str(HERE / "peers" / script))
        must(*run, "keygen", str(keys))

        def make(verb: str) -> Command:
            return lambda source, target: (
                *run,
                verb,
                str(keys),
                source or "/dev/stdin",
                target or "/dev/stdout",
            )

        return Peer(name, about, version, make("encrypt"), make("decrypt"))

    return build


ROSTER: dict[str, Callable[[Path, str], Peer | None]] = {
    "tera": tera,
    "cat": cat,
    "age": age,
    "openssl": openssl,
    "gpg": gpg,
    "pyrage": driven("pyrage", "pyrage_peer.py", "age in Rust from Python: X25519 key"),
    "crypt4gh": driven("crypt4gh", "crypt4gh_peer.py", "X25519 key, ChaCha20-Poly1305"),
    "tink": driven("tink", "tink_peer.py", "AES256_GCM_HKDF_1MB: symmetric key in clear"),
    "aws-encryption-sdk": driven("aws-encryption-sdk", "aws_peer.py", "RSA-3072 key, AES-256-GCM, signed"),
    "zstd": zstd,
}
"""In the order of the tables; zstd competes over text only."""


def assemble(keys: Path, wanted: list[str], python: str = sys.executable) -> tuple[list[Peer], list[str]]:
    """The peers that are installed, each with fresh keys below `keys`, and the names of the absent ones."""
    there, absent = [], []
    for name in wanted:
        peer = ROSTER[name](keys, python)
        if peer is None:
            absent.append(name)
        else:
            there.append(peer)
    return there, absent


def retire(keys: Path) -> None:
    """End the agent that gpg starts for its home folder, before the folder goes."""
    if (keys / "gnupg").is_dir():
        ask("gpgconf", "--homedir", str(keys / "gnupg"), "--kill", "gpg-agent")
