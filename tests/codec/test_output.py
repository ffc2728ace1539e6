"""An output is whole or not there: after an error, a full disk, a closed pipe or a kill."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tera.codec.encoder import Encoder, encode
from tera.codec.output import FileOutput, StreamOutput, existing_file
from tera.errors import TeraError
from tests.codec.sealed import FILES, KEK, contents, opened, seal

MIB = 1 << 20
ROOT = Path(__file__).resolve().parents[2]


def refused(code: str, *args: Any, **options: Any) -> TeraError:
    options.setdefault("recipients", [KEK])
    with pytest.raises(TeraError) as caught:
        encode(*args, **options)
    assert caught.value.code == code
    return caught.value


def test_an_existing_output_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"old")
    refused("output_exists", FILES, out)
    assert out.read_bytes() == b"old"
    encode(FILES, out, recipients=[KEK], force=True)
    with opened(out.read_bytes()) as container:
        assert container.paths == ["a.txt", "d/empty"]
    assert list(tmp_path.iterdir()) == [out]


def test_an_output_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(TeraError) as caught, Encoder(out, recipients=[KEK]) as encoder:
        out.write_bytes(b"somebody else's")
        encoder.add_content("a", b"x")
    assert caught.value.code == "output_exists"
    assert out.read_bytes() == b"somebody else's"
    assert list(tmp_path.iterdir()) == [out]


def test_the_old_output_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"old")
    with Encoder(out, recipients=[KEK], force=True) as encoder:
        encoder.add_content("a", bytes(3 * MIB), compress=False)
        assert out.read_bytes() == b"old"
    assert out.read_bytes()[:5] == b"\x89TERA"


@pytest.mark.parametrize("what", ["folder", "absent folder", "fifo", "device", "nul", "too long"])
def test_an_output_that_no_file_can_be_is_refused(what: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    out = {
        "folder": str(tmp_path),
        "absent folder": str(tmp_path / "absent" / "out"),
        "fifo": str(tmp_path / "fifo"),
        "device": "/dev/null",
        "nul": str(tmp_path / "a\0b"),
        "too long": str(tmp_path / ("x" * 256)),
    }[what]
    for force in (False, True):
        refused("output_unavailable", FILES, out, force=force)
    assert list(tmp_path.iterdir()) == [tmp_path / "fifo"]


def test_a_link_to_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"keep")
    out = tmp_path / "out"
    out.symlink_to(precious)
    refused("output_exists", FILES, out)
    encode(FILES, out, recipients=[KEK], force=True)
    assert precious.read_bytes() == b"keep"
    assert not out.is_symlink()


def test_a_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.symlink_to(tmp_path / "elsewhere")
    refused("output_exists", FILES, out)
    assert out.is_symlink()
    assert list(tmp_path.iterdir()) == [out]


def test_a_closed_pipe_is_one_error() -> None:
    for size in (10, 5 * MIB):
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "wb", buffering=0) as stream:
            caught = refused("output_unavailable", [("a", os.urandom(size))], stream)
            assert isinstance(caught.__context__, BrokenPipeError)


@pytest.mark.parametrize("room", [0, 3_000, 4_096, 9_000, MIB, 3 * MIB])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_full_disk_below_a_file_object_is_one_error(room: int, workers: int) -> None:
    class Full(io.RawIOBase):
        left = room

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            if not self.left:
                raise OSError(errno.ENOSPC, "No space left on device")
            taken = min(len(data), self.left, 70_000)  # and takes less than it is given
            self.left -= taken
            return taken

    caught = refused("output_unavailable", [("a", os.urandom(4 * MIB))], Full(), workers=workers)
    assert "No space left" in str(caught)


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
from tera import KeyEncryptionKey, TeraError, encode
try:
    encode([("a", bytes(5 << 20))], sys.argv[1], recipients=[KeyEncryptionKey(bytes(32))], compress=False, force=True)
except TeraError as error:
    print(error.code)
"""


def run(program: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *args], cwd=ROOT, text=True, capture_output=True, timeout=60, check=False
    )


def test_a_full_disk_keeps_the_old_output_and_leaves_nothing_partial(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"old")
    for room in (2 * MIB, 100):
        done = run(LIMITED, str(out), str(room))
        assert (done.stdout, done.stderr) == ("output_unavailable\n", "")
        assert out.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [out]


KILLED = """
import os, signal, sys
from tera import Encoder, KeyEncryptionKey
with Encoder(sys.argv[1], recipients=[KeyEncryptionKey(bytes(32))], force=True) as encoder:
    encoder.add_content("a", os.urandom(5 << 20))
    encoder.add_content("b", (os.kill(os.getpid(), int(sys.argv[2])) or b"" for _ in "1"))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_encode_keeps_the_old_output_and_leaves_nothing_partial(number: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"old")
    done = run(KILLED, str(out), str(int(number)))
    assert done.returncode in (-number, 1, 130)
    assert done.returncode == -number or "KeyboardInterrupt" in done.stderr
    assert out.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [out]


def test_the_output_is_never_its_own_input(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"old")
    refused("bad_input", [out], out, force=True)
    assert out.read_bytes() == b"old"
    with open(out, "r+b") as stream:
        refused("bad_input", [out], stream)


def test_the_output_inside_a_walked_folder_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    out = tmp_path / "old.tera"
    out.write_bytes(seal())
    skipped: list[tuple[str, str]] = []
    found = encode([tmp_path], out, recipients=[KEK], force=True, on_skip=lambda *what: skipped.append(what))
    assert skipped == [(str(out), "is the output")]
    assert [tuple(one) for one in found.skipped] == skipped
    with opened(out.read_bytes()) as container:
        assert contents(container) == {tmp_path.name: None, f"{tmp_path.name}/a": b"x"}


def test_a_new_output_inside_a_walked_folder_is_not_in_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(3 * MIB))
    out = tmp_path / "new.tera"
    found = encode([tmp_path], out, recipients=[KEK])
    assert (found.entries, found.skipped) == (2, ())


def test_a_text_stream_is_no_output() -> None:
    with pytest.raises(TypeError):
        encode(FILES, io.StringIO(), recipients=[KEK])  # type: ignore[arg-type]


def test_an_ordered_output_is_written_in_order() -> None:
    output = StreamOutput(io.BytesIO())
    output.write_at(0, b"abc")
    with pytest.raises(ValueError, match="in order"):
        output.write_at(4, b"d")


def test_the_new_file_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        encode(FILES, tmp_path / "out", recipients=[KEK])
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o640


def test_without_unnamed_files_a_name_stands_in_until_the_end(tmp_path: Path) -> None:
    """As on file systems that have no O_TMPFILE: another class stands for one of them."""

    class Named(FileOutput):
        def _create(self) -> int:
            self._name = self._temporary()
            return os.open(self._name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    out = tmp_path / "out"
    for force in (False, True):
        output = Named(out, force=force)
        output.write_at(0, b"new")
        (partial,) = [path for path in tmp_path.iterdir() if path != out]
        assert partial.name.startswith(".out.")
        assert partial.name.endswith(".partial")
        output.commit()
        assert list(tmp_path.iterdir()) == [out]
        Named(out, force=True).abort()
        assert list(tmp_path.iterdir()) == [out]
    output = Named(tmp_path / "late")
    (tmp_path / "late").write_bytes(b"theirs")
    with pytest.raises(TeraError) as caught:
        output.commit()
    output.abort()
    assert caught.value.code == "output_exists"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["late", "out"]


def test_a_short_source_is_no_copy(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"short")
    output = FileOutput(tmp_path / "out")
    fd = os.open(source, os.O_RDONLY)
    try:
        with pytest.raises(TeraError) as caught:
            output.copy_from(fd, 0, 6, 0)
    finally:
        os.close(fd)
        output.abort()
    assert caught.value.code == "output_unavailable"


def test_what_an_output_replaces_is_known_by_its_inode(tmp_path: Path) -> None:
    file = tmp_path / "f"
    assert existing_file(file) is None
    file.write_bytes(b"")
    with open(file, "rb") as stream:
        assert existing_file(file) == existing_file(stream) == (file.stat().st_dev, file.stat().st_ino)
    assert existing_file(io.BytesIO()) is existing_file(tmp_path) is existing_file(object()) is None
