"""From a pipe: nothing is released before all is verified, unless streaming is asked for by name."""

from __future__ import annotations

import io
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from tera.codec import pipe as codec_pipe
from tera.codec.config import PLAIN
from tera.codec.decode import decode
from tera.codec.gate import ANYBODY, Gate
from tera.errors import TeraError
from tera.format.core import NO_PADDING, Core, SealedRules
from tera.format.records import Manifest
from tera.format.rules import Rule
from tera.format.trailer import Layout
from tests.codec.forged import File, forge
from tests.codec.sealed import FILES, KEK, OTHER_KEK, SIGNER, Pipe, pipe, regions, seal

A = File("a", (b"content of a",))


def test_pieces_of_any_size_are_one_container(tmp_path: Path) -> None:
    data = seal(signers=[SIGNER])
    for step in (1, 7, 4_095, 1 << 20):
        for stream in (False, True):
            target = tmp_path / f"{step}{stream}"
            decode(pipe(data, step), target, [KEK], stream=stream)
            assert (target / "a.txt").read_bytes() == FILES[0][1]


def test_a_real_pipe_is_read(tmp_path: Path) -> None:
    data = seal([("f", os.urandom(3 << 20))])
    for stream in (False, True):
        reader, writer = os.pipe()

        def send(writer: int = writer) -> None:
            with open(writer, "wb") as end:
                end.write(data)

        thread = threading.Thread(target=send)
        thread.start()
        with open(reader, "rb") as source:
            decode(source, tmp_path / str(stream), [KEK], stream=stream)
        thread.join()


def test_what_nobody_here_can_open_is_not_copied(tmp_path: Path) -> None:
    data = seal([("f", bytes(100)), ("g", os.urandom(1 << 20))])
    stream = Pipe(data, 4_096)
    with pytest.raises(TeraError) as caught:
        decode(stream, tmp_path / "t", [OTHER_KEK])  # type: ignore[arg-type]
    assert caught.value.code == "no_key"
    assert len(stream.read()) > len(data) - 8_192


def test_the_spool_holds_no_plaintext_and_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = seal([("f", b"the plaintext " * 10_000)], compress=False)
    with codec_pipe.spool(pipe(data), [KEK], Gate(ANYBODY, PLAIN)) as copy:
        assert copy.read() == data
        assert not list(tmp_path.iterdir())
    with codec_pipe.spool_all(pipe(data)) as copy:
        assert copy.read() == data
        assert copy.seekable()


def test_a_full_disk_below_the_spool_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with pytest.raises(TeraError) as caught:
        decode(pipe(seal()), tmp_path / "t", [KEK])
    assert caught.value.code == "output_unavailable"
    assert "spool" in str(caught.value)


def test_an_input_that_fails_is_one_error(tmp_path: Path) -> None:
    class Failing(Pipe):
        def readinto(self, buffer: Any) -> int:
            found = super().readinto(buffer)
            if not found:
                raise OSError(5, "Input/output error")
            return found

    for stream in (False, True):
        for keep in (5, 4_000, 5_000):
            failing: Any = Failing(seal()[:keep], 100)
            with pytest.raises(TeraError) as caught:
                decode(failing, tmp_path / f"{keep}{stream}", [KEK], stream=stream)
            assert caught.value.code == "input_unavailable"


def test_a_wrong_end_is_an_error_after_the_output_only_when_streaming(tmp_path: Path) -> None:
    data = seal(signers=[SIGNER])
    at = next(region.start for region in regions(data) if region.name == "TRAILER signatures") + 3_000
    wrong = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
    for source, stream in ((pipe(wrong), True), (pipe(wrong), False)):
        with pytest.raises(TeraError) as caught:
            decode(source, tmp_path / str(stream), [KEK], stream=stream)
        assert caught.value.code == "bad_signature"
    assert (tmp_path / "True" / "a.txt").exists()
    assert not (tmp_path / "False").exists()


def test_sealed_rules_are_decided_before_anything_is_written(tmp_path: Path) -> None:
    core = Core(id=bytes(16), created=0, padding=NO_PADDING, rules=SealedRules())
    data = forge(A, core=core, manifest=Manifest(rules=(Rule("opens", 3),)))
    for stream in (False, True):
        with pytest.raises(TeraError) as caught:
            decode(pipe(data), tmp_path / str(stream), [KEK], stream=stream)
        assert caught.value.code == "rule_denied"
        assert not (tmp_path / str(stream)).exists() or not list((tmp_path / str(stream)).iterdir())


def test_a_stream_is_compared_with_what_comes_after_it(tmp_path: Path) -> None:
    def refused(code: str, data: bytes) -> None:
        with pytest.raises(TeraError) as caught:
            decode(pipe(data), tmp_path, [KEK], stream=True, force=True)
        assert caught.value.code == code

    refused("bad_root", forge(A, columns=lambda columns: columns[:-1] + b"\0"))
    refused("bad_record", forge(A, plain=lambda plain: plain[:-1]))
    refused("bad_record", forge(A, plain=lambda plain: plain + b"\4" + bytes(6) + b"\x28" + bytes(40)))
    refused("bad_record", forge(A, plain=lambda plain: b""))
    refused("bad_layout", forge(A, layout=lambda made: Layout(made.payload + 1, made.chunks, made.roots)))
    refused("bad_layout", forge(A, layout=lambda made: Layout(made.payload, (2, 1), made.roots)))
    refused("bad_layout", forge(A, layout=lambda made: Layout(made.payload, (1, 2), made.roots)))
    refused("bad_root", forge(A, layout=lambda made: Layout(made.payload, made.chunks, (bytes(32), made.roots[1]))))
    refused("bad_root", forge(A, layout=lambda made: Layout(made.payload, made.chunks, (made.roots[0], bytes(32)))))


def test_a_pinned_signer_is_looked_for_at_the_end_of_a_stream(tmp_path: Path) -> None:
    for stream in (False, True):
        with pytest.raises(TeraError) as caught:
            decode(pipe(seal()), tmp_path / str(stream), [KEK], signers=[bytes(32)], stream=stream)
        assert caught.value.code == "missing_signature"


def test_a_stream_that_can_seek_is_not_copied(tmp_path: Path) -> None:
    class Counting(io.BytesIO):
        seeks = 0

        def seek(self, *args: int) -> int:
            self.seeks += 1
            return super().seek(*args)

    source = Counting(seal())
    decode(source, tmp_path, [KEK])
    assert source.seeks
