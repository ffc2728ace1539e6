"""What goes in: links and special files never by accident, what cannot be taken is said, what changes is refused."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tera.codec.encoder import Encoder, Sealed, encode
from tera.codec.sources import IteratorReader, fill
from tera.errors import TeraError
from tests.codec.sealed import KEK, contents, opened, sealed

MIB = 1 << 20


def walked(folder: Path, **options: Any) -> tuple[dict[str, bytes | None], Sealed]:
    data, found = sealed([folder], on_skip=lambda path, reason: None, **options)
    with opened(data) as container:
        return contents(container), found


def refused(code: str, source: Any, **options: Any) -> TeraError:
    with pytest.raises(TeraError) as caught:
        sealed([source], **options)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()
    return caught.value


# --- what is skipped, and said ----------------------------------------------------------------------


def link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def link_to_folder(path: Path) -> None:
    path.symlink_to("/etc")


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (link, "is a symbolic link"),
        (link_to_folder, "is a symbolic link"),
        (dangling, "is a symbolic link"),
        (loop, "is a symbolic link"),
        (os.mkfifo, "is not a regular file"),
        (unix_socket, "is not a regular file"),
    ],
    ids=lambda made: getattr(made, "__name__", ""),
)
def test_special_files_in_a_folder_are_skipped_and_said(
    make: Callable[[Path], None], reason: str, tmp_path: Path
) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "a").write_bytes(b"x")
    make(folder / "odd")
    inside, found = walked(folder)
    assert inside == {"f": None, "f/a": b"x"}
    assert [tuple(one) for one in found.skipped] == [(str(folder / "odd"), reason)]
    assert reason in str(refused("input_unavailable", folder))


@pytest.mark.parametrize("name", [b"\xff", b"new\nline", b"back\\slash", b"esc\x1b[31m", "turn\u202ethem".encode()])
@pytest.mark.parametrize("is_folder", [False, True])
def test_names_that_no_container_holds_are_skipped_and_said(name: bytes, is_folder: bool, tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "a").write_bytes(b"x")
    raw = os.fsencode(folder) + b"/" + name
    if is_folder:
        os.mkdir(raw)
        Path(os.fsdecode(raw), "below").write_bytes(b"y")
    else:
        Path(os.fsdecode(raw)).write_bytes(b"y")
    inside, found = walked(folder)
    assert inside == {"f": None, "f/a": b"x"}
    assert len(found.skipped) == 1
    assert "its name cannot be stored" in found.skipped[0].reason
    refused("input_unavailable", folder)
    if not is_folder:
        refused("bad_input", os.fsdecode(raw))


def test_a_folder_deeper_than_any_path_is_skipped_and_said(tmp_path: Path) -> None:
    deep = tmp_path / "f"
    for _ in range(70):
        deep = deep / "d"
    deep.mkdir(parents=True)
    inside, found = walked(tmp_path / "f")
    assert len(inside) == 64
    assert len(found.skipped) == 1


# --- what is named by the caller --------------------------------------------------------------------


def test_a_named_link_is_followed_and_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b").write_bytes(b"y")
    (tmp_path / "l1").symlink_to("file")
    (tmp_path / "l2").symlink_to("folder")
    data, _ = sealed([tmp_path / "l1", tmp_path / "l2"])
    with opened(data) as container:
        assert contents(container) == {"l1": b"x", "l2": None, "l2/b": b"y"}
    os.mkfifo(tmp_path / "fifo")
    unix_socket(tmp_path / "socket")
    for odd in ("fifo", "socket", "absent"):
        refused("input_unavailable", tmp_path / odd)
    for odd in ("loop", "dangling"):
        {"loop": loop, "dangling": dangling}[odd](tmp_path / odd)
        refused("input_unavailable", tmp_path / odd)
    refused("input_unavailable", "/dev/zero")
    refused("input_unavailable", "nul\0byte")


def test_a_renamed_folder_keeps_what_is_below(tmp_path: Path) -> None:
    (tmp_path / "f" / "d").mkdir(parents=True)
    (tmp_path / "f" / "d" / "a").write_bytes(b"x")
    out = io.BytesIO()
    with Encoder(out, recipients=[KEK]) as encoder:
        encoder.add(tmp_path / "f", "g")
        encoder.add(tmp_path / "f" / "d" / "a", "top")
    with opened(out.getvalue()) as container:
        assert container.paths == ["g", "g/d", "g/d/a", "top"]


def test_the_folder_here_is_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_bytes(b"x")
    monkeypatch.chdir(tmp_path / "d")
    for name, wanted in ((".", ["a"]), ("..", ["d", "d/a"]), (str(tmp_path / "d") + "/", ["d", "d/a"])):
        data, _ = sealed([name])
        with opened(data) as container:
            assert container.paths == wanted


def test_modes_and_times_are_kept(tmp_path: Path) -> None:
    for name, mode, mtime in (("a", 0o640, -1_500_000_001), ("b", 0o4755, 1), ("c", 0, 2**60)):
        (tmp_path / name).write_bytes(b"x")
        (tmp_path / name).chmod(mode)
        os.utime(tmp_path / name, ns=(0, mtime))
    data, _ = sealed([tmp_path / "a", tmp_path / "b", tmp_path / "c"])
    with opened(data) as container:
        found = [(entry.mode, entry.mtime) for entry in container.entries]
    wanted = [os.stat(tmp_path / name).st_mtime_ns for name in "abc"]  # what the file system made of them
    assert found == list(zip((0o640, 0o755, 0), wanted, strict=True))
    assert wanted[0] < 0


def test_a_sparse_file_is_its_zeros(tmp_path: Path) -> None:
    sparse = tmp_path / "sparse"
    with open(sparse, "wb") as file:
        file.seek(30 * MIB)
        file.write(b"end")
    data, found = sealed([sparse])
    assert found.plain_size == 30 * MIB + 3
    assert len(data) < 200_000
    with opened(data) as container:
        assert container.read_range("sparse", 30 * MIB - 1, 31 * MIB) == b"\0end"


# --- what changes while it is read ------------------------------------------------------------------

# The callback runs when the first frame has been read, long before the last one is.
Change = Callable[[Path], None]


def shrink(path: Path) -> None:
    os.truncate(path, 10 * MIB)


def grow(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


def touch(path: Path) -> None:
    os.utime(path, ns=(0, 0))


@pytest.mark.parametrize("change", [shrink, grow, touch], ids=lambda change: change.__name__)
@pytest.mark.parametrize("workers", [1, 4])
def test_a_file_that_changes_while_it_is_read_is_refused(change: Change, workers: int, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with open(large, "wb") as file:
        file.truncate(40 * MIB)
    seen: list[int] = []

    def progress(count: int) -> None:
        seen.append(count)
        if len(seen) == 1:
            change(large)

    out = tmp_path / "out"
    with pytest.raises(TeraError) as caught:
        encode([large], out, recipients=[KEK], progress=progress, workers=workers)
    assert caught.value.code == "input_changed"
    assert str(caught.value) == f"{large}: changed while it was read"
    assert not out.exists()


def test_a_file_that_says_it_is_empty_and_is_not_is_refused() -> None:
    if not os.path.exists("/proc/version"):
        pytest.skip("no /proc/version: a file that states no size and has content")
    refused("input_changed", "/proc/version")


def test_a_file_that_disappears_between_listing_and_opening_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    (folder / "d").mkdir(parents=True)
    for name in ("a", "b", "d/c"):
        (folder / name).write_bytes(b"x")
    os.symlink("nowhere", folder / "aa")  # skipped after the listing was made, before `b` is opened

    def remove(path: str, reason: str) -> None:
        if path.endswith("aa"):
            (folder / "b").unlink()
            (folder / "d" / "c").unlink()
            (folder / "d").rmdir()

    data, found = sealed([folder], on_skip=remove)
    with opened(data) as container:
        assert contents(container) == {"f": None, "f/a": b"x"}
    assert [Path(one.path).name for one in found.skipped] == ["aa", "b", "d", "d"]
    with pytest.raises(TeraError) as caught:
        sealed([folder, folder / "b"], on_skip=lambda path, reason: None)
    assert caught.value.code == "input_unavailable"


def test_a_file_that_becomes_a_link_or_a_pipe_after_the_listing_is_not_opened(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    for name in ("b", "c"):
        (folder / name).write_bytes(b"x")
    os.symlink("nowhere", folder / "a")

    def swap(path: str, reason: str) -> None:
        if path.endswith("a"):
            for name in ("b", "c"):
                (folder / name).unlink()
            (folder / "b").symlink_to("/etc/hostname")
            os.mkfifo(folder / "c")

    data, found = sealed([folder], on_skip=swap)
    with opened(data) as container:
        assert contents(container) == {"f": None}
    assert len(found.skipped) == 3


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Root may read anything, so an input that fails below stands for one without permission."""
    if not os.path.exists("/proc/self/mem"):
        pytest.skip("no /proc/self/mem: a regular file that opens and does not read")
    refused("input_unavailable", "/proc/self/mem", on_skip=None)
    data, found = sealed(["/proc/self/mem", ("a", b"x")], on_skip=lambda path, reason: None)
    assert [one.path for one in found.skipped] == ["/proc/self/mem"]
    with opened(data) as container:
        assert container.paths == ["a"]


# --- streams ----------------------------------------------------------------------------------------


class Odd:
    """A stream that gives whatever it was made with."""

    def __init__(self, *given: Any) -> None:
        self._given = iter(given)

    def read(self, size: int) -> Any:
        return next(self._given)


@pytest.mark.parametrize("given", ["text", None, 5, ["x"]])
def test_a_stream_that_gives_no_bytes_is_bad_input(given: object) -> None:
    refused("bad_input", ("a", Odd(given)))
    refused("bad_input", ("a", Odd(bytes(MIB), given)))


@pytest.mark.parametrize("given", ["text", None, 5])
def test_an_iterator_that_gives_no_bytes_is_bad_input(given: object) -> None:
    refused("bad_input", ("a", [b"x", given]))


def test_a_reader_of_an_iterator_gives_no_more_than_it_is_asked_for() -> None:
    def pieces() -> Iterator[bytes]:
        yield b""
        yield b"abcdef"
        yield b""
        yield b"g"

    reader = IteratorReader(pieces())
    assert [reader.read(4) for _ in range(5)] == [b"abcd", b"ef", b"g", b"", b""]


def test_fill_goes_on_until_the_end() -> None:
    any_stream: Any = Odd(b"ab", bytearray(b"c"), memoryview(b"d"), b"")
    assert fill(any_stream, 10) == b"abcd"
    short: Any = Odd(b"ab", b"c")
    assert fill(short, 3) == b"abc"
    assert fill(short, 0) == b""
