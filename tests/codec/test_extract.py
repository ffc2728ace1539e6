"""Extraction: nothing partial after an error, nothing over a limit, and no record that the index does not show."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tera.codec.decode import decode
from tera.codec.encoder import Encoder
from tera.errors import TeraError
from tera.format import sections as s
from tera.format.limits import Limits
from tera.format.records import DIRECTORY
from tests.codec.forged import File, forge, lying
from tests.codec.sealed import KEK, front_of, pipe, seal

MIB = 1 << 20
A = File("a", (b"content of a",))


def refused(code: str | set[str], data: bytes, target: Path, *, source: Any = io.BytesIO, **options: Any) -> None:
    with pytest.raises(TeraError) as caught:
        decode(source(data), target, [KEK], **options)
    assert caught.value.code in ({code} if isinstance(code, str) else code)


def everything(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def spoiled(data: bytes, block: int) -> bytes:
    """Flip a bit in the middle of a block of DATA."""
    at = front_of(data).length + s.block_offset(block) + 9_000
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


LARGE = [("first", b"x" * 50), ("large", bytes(range(256)) * (20 << 10)), ("last", b"y" * 50)]


@pytest.mark.parametrize("block", [0, 1, 4])
@pytest.mark.parametrize("force", [False, True])
def test_a_wrong_bit_later_on_leaves_nothing_partial(block: int, force: bool, tmp_path: Path) -> None:
    data = spoiled(seal(LARGE, compress=False), block)
    for source in (io.BytesIO, pipe):
        target = tmp_path / source.__name__
        refused("bad_root", data, target, source=source, force=force)
        if block == 0:
            assert not target.exists()  # the manifest is there, and is read before anything is made
        else:
            assert everything(target) <= {"first"}
    refused("bad_chunk", data, tmp_path / "stream", stream=True, force=force)
    assert everything(tmp_path / "stream") <= ({"first"} if block else set())


def test_of_two_wrong_blocks_the_first_is_reported(tmp_path: Path) -> None:
    """By number, whichever thread is the first to see its own; and a cut after it comes second too."""
    data = seal(LARGE, compress=False, padding=False)
    both = spoiled(spoiled(data, 1), 3)
    cut = spoiled(data, 1)[: front_of(data).length + s.block_offset(2) + 5]
    for attempt in range(5):
        refused("bad_chunk", both, tmp_path / f"a{attempt}", stream=True)
        refused("bad_chunk", cut, tmp_path / f"b{attempt}", stream=True)
        refused("truncated", cut, tmp_path / f"c{attempt}")
    for attempt in range(5):
        with pytest.raises(TeraError, match="block 1 "):
            decode(io.BytesIO(both), tmp_path / f"d{attempt}", [KEK])


def test_a_wrong_digest_leaves_no_file(tmp_path: Path) -> None:
    small, large = lying(A, b3=bytes(32)), File("l", (bytes(MIB), bytes(MIB), b"x"), b3=bytes(32))
    for number, file in enumerate((small, large, File("e", b3=bytes(32)))):
        for way, options in enumerate(({}, {"stream": True}, {"names": [file.path]}, {"force": True})):
            target = tmp_path / f"{number}{way}"
            refused("bad_digest", forge(file), target, **options)  # type: ignore[arg-type]
            assert not everything(target)


@pytest.mark.parametrize(
    "shown", [{"path": "c"}, {"mode": 0o600}, {"mtime": 1}, {"b3": bytes(32)}, {"size": 11}], ids=str
)
def test_an_index_that_shows_something_else_is_refused(shown: dict[str, object], tmp_path: Path) -> None:
    data = forge(A, shown=(lying(A, **shown),))
    for way, options in enumerate(({}, {"stream": True}, {"names": [shown.get("path", "a")]})):
        refused("bad_index", data, tmp_path / str(way), **options)  # type: ignore[arg-type]
    assert not everything(tmp_path / "0")
    assert not everything(tmp_path / "2")
    assert not [name for name in everything(tmp_path) if name.endswith(".partial")]


def test_an_entry_that_the_index_does_not_show_is_refused_in_both_ways(tmp_path: Path) -> None:
    hidden = File("hidden", (b"x" * 30,))
    for data in (forge(A, hidden, shown=(A,)), forge(A, shown=(A, hidden))):
        refused("bad_index", data, tmp_path / "seek")
        refused("bad_index", data, tmp_path / "stream", stream=True, force=True)


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "a\\..\\x", "..", "x\0y", "C:\\x\n"])
def test_a_path_can_not_leave_the_target(path: str, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "er"
    codes = {"bad_path", "bad_index"} if "\0" in path else {"bad_path"}  # a NUL parts the paths of an index
    for stream in (False, True):
        refused(codes, forge(File(path, (b"x",))), target, stream=stream)
    assert {p for p in everything(tmp_path) if p not in ("deep", "deep/er")} == set()


def test_a_stream_with_a_path_twice_or_below_a_file_is_refused(tmp_path: Path) -> None:
    for number, files in enumerate([(A, A), (A, File("a/b", (b"x",))), (File("a/b", (b"x",)), A)]):
        refused("bad_path", forge(*files), tmp_path / str(number), stream=True)
        refused("bad_path", forge(*files), tmp_path / f"f{number}", stream=True, force=True)
        refused("bad_path", forge(*files), tmp_path / f"s{number}")
        assert not (tmp_path / f"s{number}").exists()


# --- limits -----------------------------------------------------------------------------------------

FIVE = [(f"f{n}", bytes(1_000)) for n in range(5)]


@pytest.mark.parametrize(
    "bounds",
    [Limits(max_output=4_999), Limits(max_output=0), Limits(total=4_999), Limits(entries=4), Limits(index=100)],
    ids=str,
)
def test_each_limit_is_kept_before_anything_is_written(bounds: Limits, tmp_path: Path) -> None:
    for number, source in enumerate((io.BytesIO, pipe)):
        refused("limit_exceeded", seal(FIVE), tmp_path / str(number), source=source, bounds=bounds)
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    refused("limit_exceeded", seal(FIVE), tmp_path / "stream", stream=True, bounds=bounds)
    written = sum(path.stat().st_size for path in (tmp_path / "stream").iterdir() if path.is_file())
    assert written <= min(bounds.max_output if bounds.max_output is not None else 1 << 40, bounds.total)


def test_at_its_limits_everything_is_written(tmp_path: Path) -> None:
    exact = Limits(max_output=5_000, total=5_000, entries=5)
    for stream in (False, True):
        found = decode(io.BytesIO(seal(FIVE)), tmp_path / str(stream), [KEK], stream=stream, bounds=exact)
        assert (found.entries, found.size) == (5, 5_000)


def test_a_bomb_of_a_few_kilobytes_stops_at_the_limit(tmp_path: Path) -> None:
    """64 MiB of zeros in some kilobytes: what it will be is declared, and is compared first."""
    data = seal([("zeros", bytes(64 * MIB))])
    assert len(data) < 100_000
    for stream in (False, True):
        refused("limit_exceeded", data, tmp_path, stream=stream, bounds=Limits(max_output=MIB))
    assert not everything(tmp_path)
    found = decode(io.BytesIO(data), tmp_path, [KEK], names=[], bounds=Limits(max_output=0))
    assert (found.entries, found.size) == (0, 0)


# --- some of it -------------------------------------------------------------------------------------


def test_only_what_is_named_is_written(tmp_path: Path) -> None:
    out = io.BytesIO()
    with Encoder(out, recipients=[KEK]) as encoder:
        encoder.add_directory("d", mode=0o750)
        for name in ("d/a", "d/b", "c"):
            encoder.add_content(name, name.encode() * 100_000)
    for stream in (False, True):
        target = tmp_path / str(stream)
        found = decode(io.BytesIO(out.getvalue()), target, [KEK], names=["d/a", "d", "d/a"], stream=stream)
        assert everything(target) == {"d", "d/a"}
        assert (found.entries, found.size) == (2, 300_000)
        assert (target / "d").stat().st_mode & 0o777 == 0o750


def test_a_name_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    for stream in (False, True):
        refused("no_such_entry", seal(FIVE), tmp_path / str(stream), names=["f1", "absent"], stream=stream)
    assert not [path for path in (tmp_path / "False").rglob("*") if path.is_file()]


def test_progress_counts_what_is_written(tmp_path: Path) -> None:
    for number, options in enumerate(({}, {"stream": True}, {"names": [f"f{n}" for n in range(5)]})):
        seen: list[int] = []
        decode(io.BytesIO(seal(FIVE)), tmp_path / str(number), [KEK], progress=seen.append, **options)  # type: ignore[arg-type]
        assert sum(seen) == 5_000


def test_a_stream_can_not_be_renamed(tmp_path: Path) -> None:
    refused("bad_input", seal(), tmp_path, stream=True, rename=True)


def test_an_error_of_the_caller_stops_and_leaves_nothing_partial(tmp_path: Path) -> None:
    def stop(count: int) -> None:
        raise KeyboardInterrupt

    for number, options in enumerate(({}, {"stream": True}, {"names": ["large"]})):
        target = tmp_path / str(number)
        with pytest.raises(KeyboardInterrupt):
            decode(io.BytesIO(seal(LARGE)), target, [KEK], progress=stop, **options)  # type: ignore[arg-type]
        sizes = {path.name: path.stat().st_size for path in target.iterdir()}
        assert sizes.items() <= {name: len(content) for name, content in LARGE}.items()


def test_an_empty_container_is_an_empty_folder(tmp_path: Path) -> None:
    for padding in (False, True):
        for stream in (False, True):
            found = decode(io.BytesIO(seal([], padding=padding)), tmp_path, [KEK], stream=stream)
            assert (found.entries, found.size, everything(tmp_path)) == (0, 0, set())


def test_folders_with_content_are_refused(tmp_path: Path) -> None:
    change: Callable[..., File] = lying
    folder = File("d", type=DIRECTORY)
    refused("bad_index", forge(folder, shown=(change(folder, b3=b"\1" * 32),)), tmp_path)
    refused({"bad_record", "bad_index"}, forge(change(folder, b3=b"\1" * 32)), tmp_path, stream=True)
    refused("bad_index", forge(change(folder, frames=(b"x",), b3=bytes(32))), tmp_path)
    refused("bad_record", forge(change(folder, frames=(b"x",), b3=bytes(32))), tmp_path, stream=True)
