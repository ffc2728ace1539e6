"""The command's library and the reader written from the text alone refuse the same damage with the same code.

Both read the whole container, by seeking, as a stream, and without a key. What is changed is one bit, an end, or,
with the key at hand, a byte of what was sealed.
"""

from __future__ import annotations

import io
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import tera
from spec import reference
from tests.spec.resealed import resealed

PROJECT = Path(__file__).resolve().parents[2]
KEY, SIGNER = tera.PrivateKey(1, b"an xwing seed".ljust(32)), tera.SigningKey.from_seed(b"a signing seed".ljust(64))
# A reader may see the form of a later record of a block before it compares an earlier one, or reads its content.
FORM, CONTENT = {"bad_record", "bad_path", "not_canonical"}, {"bad_index", "bad_frame", "bad_digest"}
KEYS: list[reference.Key] = [(1, KEY.seed)]


def sealed(**options: Any) -> bytes:
    """Return a container of about 3 KiB: files, an empty one, one that compresses, and a directory."""
    out = io.BytesIO()
    recipients: list[tera.Recipient] = [KEY.public, tera.KeyEncryptionKey(bytes(32), b"other")]
    with tera.Encoder(out, recipients=recipients, manifest=b"{}", tags=["t"], **options) as encoder:
        for name, content in {"a": b"hello", "d/e": b"", "text": b"ab" * 900, "d/f": bytes(range(200))}.items():
            encoder.add_content(name, content, mode=0o644, mtime=5)
        encoder.add_directory("q", mode=0o755, mtime=-7)
    return out.getvalue()


class Pipe(io.RawIOBase):
    """Bytes that come a few at a time, and cannot be sought in."""

    def __init__(self, data: bytes) -> None:
        self.rest = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self.rest.read(min(len(buffer), 777))
        buffer[: len(piece)] = piece
        return len(piece)


def code(call: Callable[[], Any]) -> str:
    try:
        call()
    except (tera.TeraError, reference.Refused) as refused:
        return refused.code
    return "success"


def by_tera(data: bytes, folder: Path) -> dict[str, str]:
    return {
        "seek": code(lambda: tera.decode(io.BytesIO(data), folder / "seek", [KEY], force=True)),
        "stream": code(
            lambda: tera.decode(io.BufferedReader(Pipe(data)), folder / "stream", [KEY], force=True, stream=True)
        ),
        "inspect": code(lambda: tera.verify(io.BytesIO(data))),
    }


def by_reference(data: bytes) -> dict[str, str]:
    return {
        "seek": code(lambda: reference.read_seekable(data, KEYS)),
        "stream": code(lambda: reference.read_stream(data, KEYS)),
        "inspect": code(lambda: reference.inspect(data)),
    }


def flip(data: bytes, bit: int) -> bytes:
    out = bytearray(data)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


def bits(data: bytes, count: int) -> Iterator[int]:
    """Places of bits, always the same, spread evenly over all bytes."""
    draw, step = random.Random(len(data)), len(data) * 8 / count
    yield from (int(n * step + draw.random() * step) for n in range(count))


def test_flipped_bit_is_refused_with_the_same_code(tmp_path: Path) -> None:
    # Without slack, which is a third of so small a container and all alike, more bits are worth a flip.
    data, seen = sealed(signers=[SIGNER]), set[str]()
    front = reference.read_front(data)
    slack = len(front.access.body) - 36 - reference.number(front.access.body[:4])
    start = front.end - 32 - slack
    for bit in [*bits(data[:start], 70), start * 8 + 5, *(front.end * 8 + at for at in bits(data[front.end :], 140))]:
        damaged = flip(data, bit)
        expected = by_reference(damaged)
        assert by_tera(damaged, tmp_path) == expected, f"bit {bit % 8} of byte {bit // 8}"
        assert expected["seek"] != "success" != expected["stream"]
        seen |= set(expected.values())
    assert len(seen) > 10


def test_truncated_container_is_refused_with_the_same_code(tmp_path: Path) -> None:
    data = sealed(signers=[SIGNER])
    for end in [*range(20), *(bit // 8 for bit in bits(data, 40)), *range(len(data) - 30, len(data))]:
        expected = by_reference(data[:end])
        assert by_tera(data[:end], tmp_path) == expected, f"the first {end} bytes"
        assert set(expected.values()) <= {"not_tera", "truncated"}


def test_what_follows_is_refused_with_the_same_code(tmp_path: Path) -> None:
    data = sealed()
    for more in (b"\0", data[-24:], data):
        expected = by_reference(data + more)
        assert by_tera(data + more, tmp_path) == expected
        assert set(expected.values()) <= {"trailing_data", "bad_layout"}


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("part", ["data", "index", "trailer"])
def test_changed_bit_under_the_key_is_judged_alike(part: str, padding: bool, tmp_path: Path) -> None:
    data, plain = sealed(padding=padding), bytearray()

    def note(text: bytes) -> bytes:
        plain[:] = text
        return text

    assert set(by_reference(resealed(data, KEYS, **{part: note})).values()) == {"success"}
    lengths = set(lengths_of(bytes(plain))) if part == "data" else set[int]()
    seen, later = set[str](), 0
    for bit in bits(bytes(plain), 90):
        damaged = resealed(data, KEYS, **{part: lambda text, bit=bit: flip(text, bit)})
        expected, found = by_reference(damaged), by_tera(damaged, tmp_path)
        seen |= set(expected.values())
        if bit // 8 in lengths:  # all that follows is then read elsewhere, so there are several faults
            assert "success" not in (expected["seek"], expected["stream"], found["seek"], found["stream"])
            continue
        agreed = found == expected
        if not agreed and part == "data":
            later += 1
            agreed = all(
                found[way] == have or (found[way] in FORM and have in CONTENT) for way, have in expected.items()
            )
        assert agreed, f"bit {bit % 8} of byte {bit // 8}: {found} instead of {expected}"
    assert len(seen) > 3
    assert later < 5


def lengths_of(records: bytes) -> Iterator[int]:
    """Where records state lengths: four bytes of each header, and four more in a FRAME."""
    at = 0
    while at < len(records):
        yield from range(at + 4, at + (12 if records[at] == reference.FRAME else 8))
        at += 8 + reference.number(records[at + 4 : at + 8])


def test_exit_code_is_that_of_the_family(tmp_path: Path) -> None:
    data = sealed()
    (tmp_path / "kek").write_bytes(bytes(32))
    cases = {
        "right": (data, "success", 0),
        "magic": (flip(data, 3), "not_tera", 10),
        "core": (flip(data, 16 * 8), "bad_section", 13),
        "tail": (data[:-1], "truncated", 13),
        "mac": (flip(data, (reference.read_front(data).end - 1) * 8), "access_mac", 13),
    }
    for name, (content, expected, exit_code) in cases.items():
        file = tmp_path / f"{name}.tera"
        file.write_bytes(content)
        assert code(partial(reference.read_seekable, content, [(17, (b"other", bytes(32)))])) == expected
        options = ["--kek-file", "kek", "--kek-id", "other", "-C", name, "-q"]
        command = [sys.executable, "-m", "tera", "decode", str(file), *options]
        done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(PROJECT)}, capture_output=True, check=False)
        assert done.returncode == exit_code, done.stderr.decode()
    assert code(lambda: reference.read_seekable(data, [(17, (b"another", bytes(32)))])) == "no_key"
    command = [sys.executable, "-m", "tera", "decode", "right.tera", "--kek-file", "kek", "--kek-id", "another"]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(PROJECT)}, capture_output=True, check=False)
    assert done.returncode == 11
