"""The reader that was written from the text alone opens what the command has sealed, byte for byte."""

from __future__ import annotations

import io
import os
import random
import re
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

import tera
from spec import reference

PROJECT = Path(__file__).resolve().parents[2]
READERS: list[Callable[..., reference.Container]] = [reference.read_seekable, reference.read_stream]
KINDS = ("xwing", "mlkem1024-p384", "mlkem768", "mlkem1024")
KEK, PHRASE = bytes(range(32)), "Grüße aus der Spule"


def run(*arguments: str, stdin: bytes = b"", cwd: Path) -> bytes:
    """Run the command, which must succeed; return its standard output."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TERA_")}
    done = subprocess.run(
        [sys.executable, "-m", "tera", *arguments],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env={**ours, "PYTHONPATH": str(PROJECT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def keys_of(names: str, room: Path) -> dict[str, Any]:
    """Return the keys of these names, as the reference takes them."""
    keys: list[reference.Key] = []
    for name in names.split():
        if name in KINDS:
            (text,) = (line for line in (room / f"{name}.txt").read_text().splitlines() if line[0] != "#")
            found = tera.parse_identity(text)
            assert isinstance(found, tera.PrivateKey)
            keys.append((found.kem.type, found.seed))
        elif name == "kek":
            keys.append((17, (b"k1", KEK)))
    return {"keys": keys, "passphrase": PHRASE if "phrase" in names else None}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small tree, and what the options need."""
    room = tmp_path_factory.mktemp("room")
    draw = random.Random(7)
    files = {
        "a/empty": b"",
        "a/one": b"1",
        "a/frame": bytes(1 << 20),
        "a/text": b"the same line again\n" * 120_000,
        "b/noise": draw.randbytes((1 << 20) + 1),
        "b/deep/er/tief ünï": draw.randbytes(16_384),
    }
    for i, (name, content) in enumerate(files.items()):
        file = room / "tree" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod((0o600, 0o644, 0o755, 0o440)[i % 4])
        os.utime(file, ns=(0, (-1, 0, 1_700_000_000_123_456_789)[i % 3]))
    (room / "tree" / "nothing here").mkdir(mode=0o711)
    os.utime(room / "tree" / "nothing here", ns=(0, 5))
    for kind in KINDS:
        run("keygen", "--type", kind, "-o", f"{kind}.txt", "-q", cwd=room)
        (room / f"{kind}.pub").write_bytes(run("keygen", "-y", f"{kind}.txt", cwd=room))
    (room / "kek").write_bytes(KEK)
    (room / "phrase").write_text(PHRASE + "\n")
    (room / "case.json").write_text('{"case": 42}')
    (room / "ruled.json").write_text('{"drm": {"opens": 3, "downloadable": false}}')
    run("keygen", "--sign", "-o", "sign.txt", "-q", cwd=room)
    (room / "sign.pub").write_bytes(run("keygen", "-y", "sign.txt", cwd=room))
    return room


def assert_tree(found: reference.Container, folder: Path) -> None:
    """Every entry is what is on disk, and nothing is missing."""
    on_disk = [folder, *folder.rglob("*")]
    assert sorted(e.path for e in found.entries) == sorted(p.relative_to(folder.parent).as_posix() for p in on_disk)
    for e in found.entries:
        path = folder.parent / e.path
        status = path.stat()
        assert (e.type == 1) == path.is_dir()
        assert (e.mode, e.mtime) == (stat.S_IMODE(status.st_mode), status.st_mtime_ns)
        assert e.content == (b"" if e.type else path.read_bytes())
        assert e.b3 == (bytes(32) if e.type else blake3(e.content).digest())


KEY, PHRASE_FILE, KEK_FILE = "-R xwing.pub", "--passphrase-file phrase", "--kek-file kek --kek-id k1"
EACH = " ".join(f"-R {kind}.pub" for kind in KINDS)
CASES = {  # options of `tera encode`, and which keys together open what comes out
    "plain": (KEY, ["xwing"]),
    "no padding": (f"{KEY} --pad none", ["xwing"]),
    "not compressed": (f"{KEY} --no-compress", ["xwing"]),
    "neither": (f"{KEY} --no-compress --pad none", ["xwing"]),
    "signed": (f"{KEY} --sign-key sign.txt", ["xwing"]),
    "tags": (f"{KEY} --tag ö --tag a --public --manifest case.json", ["xwing"]),
    "private tags": (f"{KEY} --tag ö --tag a --manifest case.json", ["xwing"]),
    "every kind of key": (EACH, list(KINDS)),
    "no hints": (f"{EACH} --anonymous", list(KINDS)),
    "all of": (f"{EACH} {PHRASE_FILE} {KEK_FILE} --all-of", [" ".join((*KINDS, "phrase", "kek"))]),
    "passphrase": (PHRASE_FILE, ["phrase"]),
    "key-encryption key": (KEK_FILE, ["kek"]),
    "any of": (f"{KEY} {PHRASE_FILE} {KEK_FILE}", ["xwing", "kek"]),  # the passphrase once is enough: it is slow
}


@pytest.mark.parametrize("name", CASES)
def test_every_option_opens_to_the_same_tree(name: str, room: Path, tmp_path: Path) -> None:
    (options, ways), out = CASES[name], tmp_path / "out.tera"
    run("encode", "tree", "-o", str(out), "-q", *options.split(), cwd=room)
    data = out.read_bytes()
    digest = run("digest", str(out), cwd=room).decode().split()[0]
    assert reference.inspect(data)["container_digest"] == digest
    for way in ways:
        for read in READERS if "phrase" not in way else READERS[:1]:
            found = read(data, **keys_of(way, room))
            assert_tree(found, room / "tree")
            assert "tera:" + found.container_digest.hex() == digest
    core = reference.read_front(data).core
    stored = sum(sum(e.frames) for e in found.entries)
    assert core["pad"] == ("--pad none" not in options)
    assert (stored < sum(len(e.content) for e in found.entries)) == ("--no-compress" not in options)
    assert found.signers == core["sig"] and len(found.signers) == ("--sign-key" in options)
    assert found.manifest_json == (b'{"case": 42}' if "--manifest" in options else b"")
    assert found.tags == (["a", "ö"] if name == "tags" else [])
    assert found.private_tags == (["a", "ö"] if name == "private tags" else [])
    content = ["digest", "--content", str(out)]
    opening = KEK_FILE.split() if name == "key-encryption key" else ["-i", "xwing.txt"]
    if "phrase" not in ways[0]:
        assert found.content_digest.hex() in run(*content, *opening, cwd=room).decode()


@pytest.mark.parametrize("size", [0, 1, 16_384, 3_000_000])
def test_what_came_from_a_pipe_is_opened(size: int, room: Path) -> None:
    content = random.Random(size).randbytes(size)
    options = ("-", "--stdin-name", "from/pipe", "-R", "xwing.pub", "-o", "-", "-q")
    data = run("encode", *options, stdin=content, cwd=room)
    for read in READERS:
        (only,) = read(data, **keys_of("xwing", room)).entries
        assert (only.path, only.content) == ("from/pipe", content)


@pytest.mark.parametrize("option", ["", "--sealed-rules"])
def test_rules_are_shown_and_refused(option: str, room: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tera"
    run(
        "encode",
        "tree/a",
        "-o",
        str(out),
        "-q",
        "-R",
        "xwing.pub",
        "--manifest",
        "ruled.json",
        *option.split(),
        cwd=room,
    )
    data = out.read_bytes()
    for read in READERS:
        with pytest.raises(reference.Refused) as refused:
            read(data, **keys_of("xwing", room))
        assert (refused.value.code, refused.value.released) == ("unsupported_rule", [])
        found = read(data, **keys_of("xwing", room), ignore_rules=True)
        assert found.rules == [["downloadable", False], ["opens", 3]]
        assert found.manifest_json == (room / "ruled.json").read_bytes()
    assert reference.inspect(data)["core"]["pol"]["m"] == ("sealed" if option else "static")


def test_standard_library_comes_back_whole() -> None:
    key = tera.generate_key()
    root = Path(sysconfig.get_path("stdlib"))
    left_out = re.compile(r"/(site-packages|__pycache__|test|tests)/")
    files = {p.relative_to(root).as_posix(): p for p in sorted(root.rglob("*.py")) if not left_out.search(str(p))}
    assert len(files) > 300
    out = io.BytesIO()
    tera.encode([(name, path.read_bytes()) for name, path in files.items()], out, recipients=[key.public])
    for read in READERS:
        found = read(out.getvalue(), [(1, key.seed)])
        assert {e.path: e.b3 for e in found.entries} == {n: blake3(p.read_bytes()).digest() for n, p in files.items()}
        assert all(blake3(e.content).digest() == e.b3 for e in found.entries)


def test_command_lists_and_extracts(room: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tera"
    run("encode", "tree", "-o", str(out), "-q", "-R", "xwing.pub", cwd=room)
    ((_, seed),) = keys_of("xwing", room)["keys"]
    command = [sys.executable, str(PROJECT / "spec" / "reference.py"), str(out), "--key", f"1:{seed.hex()}"]
    for way in ([], ["--pipe"], ["--stream"]):
        folder = tmp_path / f"into{len(way)}{way[0] if way else ''}"
        done = subprocess.run([*command, *way, "--list", "-C", str(folder)], capture_output=True, text=True, check=True)
        assert len(done.stdout.splitlines()) == 1 + sum(1 for _ in (room / "tree").rglob("*"))
        for path in (room / "tree").rglob("*"):
            copy = folder / path.relative_to(room)
            assert stat.S_IMODE(copy.stat().st_mode) == stat.S_IMODE(path.stat().st_mode)
            assert path.is_dir() or copy.read_bytes() == path.read_bytes()
    wrong = subprocess.run([*command, "-C", str(folder)], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout[:22]) == (1, "refused: output_exists")
