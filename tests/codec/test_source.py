"""Where a container is read from: each kind of object is read by offset, from any thread, and fails as one."""

from __future__ import annotations

import gzip
import io
import mmap
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tera.codec.decode import decode
from tera.codec.reader import Container
from tera.codec.source import FileSource, ObjectSource, as_source, can_seek, open_path, read_front, read_prefix
from tera.errors import TeraError
from tests.codec.sealed import KEK, contents, front_of, opened, pipe, seal

DATA = bytes(range(256)) * 20


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "f"
    found.write_bytes(DATA)
    return found


class Trickle(io.RawIOBase):
    """Gives three bytes at a time, and notices when two threads are in it."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = io.BytesIO(data)
        self._inside = threading.Lock()
        self.shared = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._alone(lambda: self._data.seek(offset, whence))

    def readinto(self, buffer: Any) -> int:
        def fill() -> int:
            piece = self._data.read(min(3, len(buffer)))
            buffer[: len(piece)] = piece
            return len(piece)

        return self._alone(fill)

    def _alone(self, call: Any) -> int:
        self.shared |= not self._inside.acquire(blocking=False)
        try:
            time.sleep(0)  # let another thread in
            return int(call())
        finally:
            if self._inside.locked():
                self._inside.release()


def refused(code: str, call: Any) -> TeraError:
    with pytest.raises(TeraError) as caught:
        call()
    assert caught.value.code == code
    return caught.value


def test_every_source_gives_the_same_bytes(file: Path) -> None:
    with open(file, "rb") as stream, open_closing(file) as opened_file:
        for source in (opened_file, as_source(stream)[0], ObjectSource(io.BytesIO(DATA)), ObjectSource(trickle())):
            assert source.size == len(DATA)
            for offset, length in ((0, 0), (0, 5), (100, 1_000), (5_000, 120), (5_119, 9), (5_120, 1), (9_999, 5)):
                wanted = DATA[offset : offset + length]
                assert source.read_at(offset, length) == wanted
                out = bytearray(b"?" * length)
                assert source.read_into(offset, memoryview(out)) == len(wanted)
                assert out == wanted + b"?" * (length - len(wanted))


def trickle() -> Any:
    return Trickle(DATA)


class open_closing:
    def __init__(self, path: Path) -> None:
        self._source = open_path(path)

    def __enter__(self) -> FileSource:
        return self._source

    def __exit__(self, *_: object) -> None:
        self._source.close()


def test_threads_share_one_object() -> None:
    stream = trickle()
    source = ObjectSource(stream)
    wrong: list[int] = []

    def read(start: int) -> None:
        for offset in range(start, start + 40):
            if source.read_at(offset, 40) != DATA[offset : offset + 40]:
                wrong.append(offset)

    threads = [threading.Thread(target=read, args=(start * 1_000,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert not stream.shared


def test_what_was_opened_here_is_closed_here_and_nothing_else(file: Path) -> None:
    source, close = as_source(file)
    close()
    close()
    refused("input_unavailable", lambda: source.read_at(0, 1))
    refused("input_unavailable", lambda: source.read_into(0, memoryview(bytearray(1))))
    with open(file, "rb") as stream:
        given: list[Any] = [stream, stream.raw, io.BytesIO(DATA), ObjectSource(io.BytesIO(DATA))]
        for one in given:
            found, close = as_source(one)
            close()
            assert found.read_at(0, 3) == DATA[:3]
        FileSource(stream.fileno(), "f", owned=False).close()
        assert stream.read(3) == DATA[:3]


def test_an_object_store_is_taken_as_it_is() -> None:
    class Store:
        size = 3

        def read_at(self, offset: int, length: int) -> bytes:
            return b"abc"[offset : offset + length]

        def read_into(self, offset: int, out: memoryview) -> int:
            raise NotImplementedError

    store = Store()
    assert as_source(store)[0] is store


def test_a_container_is_read_from_its_start_wherever_the_stream_stands(tmp_path: Path) -> None:
    data = seal()
    (tmp_path / "x").write_bytes(data)
    with open(tmp_path / "x", "rb") as stream:
        memory = io.BytesIO(data)
        for one in (stream, memory):
            one.seek(77)
            with Container(one, [KEK]) as container:
                assert contents(container)


def test_a_wrapper_is_read_and_not_the_file_below_it(tmp_path: Path) -> None:
    """A GzipFile has the descriptor of the compressed file."""
    data = seal()
    with gzip.open(tmp_path / "x.gz", "wb") as made:
        made.write(data)
    with gzip.open(tmp_path / "x.gz", "rb") as packed, Container(packed, [KEK]) as container:  # type: ignore[arg-type]
        assert contents(container)
    with tempfile.NamedTemporaryFile(dir=tmp_path) as named, tempfile.SpooledTemporaryFile() as spooled:
        files: list[Any] = [named, spooled]
        for one in files:
            one.write(data)
            one.flush()
            with Container(one, [KEK]) as container:
                assert contents(container)
    with open(tmp_path / "x", "w+b") as stream:
        stream.write(data)
        stream.flush()
        with mmap.mmap(stream.fileno(), 0) as mapped, Container(mapped, [KEK]) as container:  # type: ignore[arg-type]
            assert contents(container)


def test_text_and_bytes_are_no_source(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(seal())
    for given in (seal(), bytearray(seal()), memoryview(seal())):
        refused("bad_input", lambda given=given: Container(given, [KEK]))
    with open(tmp_path / "x", encoding="latin-1") as text:
        refused("bad_input", lambda: Container(text, [KEK]))  # type: ignore[arg-type]
    refused("bad_input", lambda: Container(io.StringIO("text"), [KEK]))  # type: ignore[arg-type]


def test_a_closed_stream_is_an_input_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(seal())
    with open(tmp_path / "x", "rb") as stream:
        pass
    memory = io.BytesIO(seal())
    memory.close()
    for one in (stream, memory):
        refused("input_unavailable", lambda one=one: Container(one, [KEK]))


def test_what_cannot_seek_is_known() -> None:
    class Silent:
        pass

    class Broken(io.RawIOBase):
        def seekable(self) -> bool:
            raise OSError(5, "Input/output error")

    closed = io.BytesIO()
    closed.close()
    assert can_seek(io.BytesIO())
    for one in (pipe(b""), Silent(), Broken(), closed):
        assert not can_seek(one)  # type: ignore[arg-type]


def test_a_pipe_that_has_a_descriptor_is_not_sought_in(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as stream, open(writer, "wb") as other:
        refused("input_unavailable", lambda: as_source(stream))
        other.write(b"not a container")
        other.close()
        refused("not_tera", lambda: decode(stream, tmp_path, [KEK]))


def test_the_prefix_is_read_without_the_recipients() -> None:
    data = seal()
    front = front_of(data)
    broken = data[: front.access_offset]
    source = ObjectSource(io.BytesIO(broken))
    assert read_prefix(source) == (front.bind, front.access_offset)
    refused("truncated", lambda: read_front(source))
    assert read_front(ObjectSource(io.BytesIO(data))) == front
    with opened(data) as container:
        assert container.core == front.core
