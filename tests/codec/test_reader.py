"""Reading by seeking: what an author's own key can still not do, limits, and sources of every kind."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tera.codec.reader import Container
from tera.errors import BadInput, TeraError
from tera.format.core import PADME, Core, SealedRules, StaticRules
from tera.format.limits import Limits
from tera.format.records import DIRECTORY, Manifest
from tera.format.rules import Rule
from tera.format.trailer import Layout
from tera.wire import zstd
from tests.codec.forged import CORE, File, forge, lying
from tests.codec.sealed import FILES, KEK, OTHER_SIGNER, SIGNER, contents, opened, pipe, seal

MIB = 1 << 20
A, B = File("a", (b"content of a",)), File("b", (bytes(MIB), b"tail"))


def refused(code: str, data: bytes, **options: Any) -> None:
    with pytest.raises(TeraError) as caught, opened(data, **options) as container:
        contents(container)
    assert caught.value.code == code


def test_the_forger_can_be_honest() -> None:
    for core in (CORE, Core(id=bytes(16), created=0, padding=PADME)):
        with opened(forge(A, B, File("d", type=DIRECTORY), core=core)) as container:
            assert contents(container) == {"a": b"content of a", "b": bytes(MIB) + b"tail", "d": None}


@pytest.mark.parametrize(
    ("shown", "code"),
    [
        ({"path": "c"}, "bad_index"),
        ({"mode": 0o600}, "bad_index"),
        ({"mtime": 1}, "bad_index"),
        ({"b3": bytes(32)}, "bad_index"),
        ({"size": 11}, "bad_index"),
        ({"frames": (b"content of ",)}, "bad_index"),
        ({"path": "cc"}, "bad_index"),
    ],
)
def test_an_index_that_shows_something_else_is_refused(shown: dict[str, object], code: str) -> None:
    refused(code, forge(A, B, shown=(lying(A, **shown), B)))


def test_an_index_with_other_frame_lengths_of_the_same_sum_is_refused() -> None:
    one, two = File("x", (b"1234",)), File("y", (b"12345678",))
    longer, shorter = lying(one, frames=(b"12345",)), lying(two, frames=(b"1234567",))
    refused("bad_index", forge(one, two, shown=(longer, shorter)))


def test_an_index_in_another_order_or_with_more_or_fewer_entries_is_refused() -> None:
    twin = File("c", (b"content of c",))
    for shown in ((twin, A), (A,), (A, twin, twin), ()):
        refused("bad_index", forge(A, twin, shown=shown))


def test_a_wrong_digest_of_a_whole_file_is_refused_however_it_is_read() -> None:
    """The author states another digest, in the END and in the index alike."""
    for file in (lying(A, b3=bytes(32)), lying(B, b3=bytes(32)), File("e", b3=bytes(32))):
        with opened(forge(file)) as container:
            size = container.entry(file.path).size
            path = file.path
            ways: list[Callable[[], object]] = [
                partial(container.read, path),
                partial(container.copy_to, path, io.BytesIO()),
                partial(container.read_range, path, 0, size),
                container.open(path).read,
                partial(list, iter(partial(container.open(path).read, 5_000), b"")),
            ]
            for way in ways:
                with pytest.raises(TeraError) as caught:
                    way()
                assert caught.value.code == "bad_digest"
            stream = container.open(file.path)
            for _ in range(2):  # and goes on refusing
                with pytest.raises(TeraError):
                    stream.read()
            if size > 5:
                assert container.read_range(file.path, 1, 5) == b"".join(file.frames)[1:5]


@pytest.mark.parametrize(
    ("frame", "raw", "code"),
    [
        (zstd.compress(bytes(900)), 1_000, "bad_frame"),
        (zstd.compress(bytes(1_000)) + b"\0", 1_000, "bad_frame"),
        (b"not zstd", 1_000, "bad_frame"),
        (zstd.compress(bytes(1 << 25)), 1_000_000, "bad_frame"),
    ],
)
def test_a_frame_that_is_not_what_it_says_is_refused(frame: bytes, raw: int, code: str) -> None:
    refused(code, forge(File("z", (frame,), raws=(raw,))))


def test_records_that_do_not_tile_the_data_are_refused() -> None:
    for change in (lambda plain: plain + b"\0", lambda plain: plain[:-1], lambda plain: plain + bytes(8)):
        refused("bad_index", forge(A, plain=change))


def test_columns_that_do_not_fill_the_index_are_refused() -> None:
    for change in (lambda columns: columns + b"\0", lambda columns: columns[:-1], lambda columns: b""):
        refused("bad_index", forge(A, columns=change))
    refused("bad_root", forge(A, columns=lambda columns: columns[:-1] + b"\0"))


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a//b", "a\\b", ".", "a/", "nul\1x", "\u202ea"])
def test_a_hostile_path_is_refused_before_anything_is_shown(path: str) -> None:
    refused("bad_path", forge(File(path, (b"x",))))


def test_twice_the_same_path_and_a_path_below_a_file_are_refused() -> None:
    refused("bad_path", forge(A, A))
    refused("bad_path", forge(A, File("a/b", (b"x",))))
    refused("bad_path", forge(File("a/b/c", (b"x",)), A))


def test_lengths_in_the_trailer_that_fit_nothing_are_refused() -> None:
    def changed(data: int = 0, index: int = 0, payload: int = 0) -> bytes:
        return forge(
            A,
            layout=lambda made: Layout(
                made.payload + payload, (made.chunks[0] + data, made.chunks[1] + index), made.roots
            ),
        )

    for data in (changed(data=1), changed(data=64), changed(data=2**31), changed(index=1), changed(index=2**31)):
        refused("bad_layout", data)
    refused("bad_layout", changed(payload=1))
    refused("bad_layout", changed(payload=-1))


def test_other_roots_are_refused() -> None:
    for at in (0, 1):
        wrong = [lambda made, at=at: Layout(made.payload, made.chunks, _other(made.roots, at))]
        refused("bad_root", forge(A, layout=wrong[0]))


def _other(roots: tuple[bytes, bytes], at: int) -> tuple[bytes, bytes]:
    return (bytes(32), roots[1]) if at == 0 else (roots[0], bytes(32))


# --- rules ------------------------------------------------------------------------------------------


def test_a_rule_that_is_not_known_is_refused_wherever_it_stands() -> None:
    rule = Rule("no_such_rule", 3)
    static = Core(id=bytes(16), created=0, padding=0, rules=StaticRules((rule,)))
    hidden = Core(id=bytes(16), created=0, padding=0, rules=SealedRules())
    refused("unsupported_rule", forge(A, core=static))
    refused("unsupported_rule", forge(A, core=hidden, manifest=Manifest(rules=(rule,))))
    with pytest.raises(BadInput):
        seal(rules=[("no_such_rule", 3)])


def test_a_static_rule_is_decided_before_a_key_is_asked() -> None:
    class Asked(Exception):
        pass

    class Curious:
        def unwrap(self, stanza: object, bind: bytes) -> bytes:
            raise Asked

    refused("rule_denied", seal(rules=[("opens", 3)]), *())
    for sealed, wanted in ((False, TeraError), (True, Asked)):
        with pytest.raises(wanted):
            opened(seal(rules=[("opens", 3)], sealed_rules=sealed), Curious())


def test_rules_that_core_does_not_announce_are_a_bad_manifest() -> None:
    hidden = Core(id=bytes(16), created=0, padding=0, rules=SealedRules())
    refused("bad_manifest", forge(A, manifest=Manifest(rules=(Rule("opens", 3),))))
    refused("bad_manifest", forge(A, core=hidden))


# --- limits -----------------------------------------------------------------------------------------


def test_each_limit_is_kept() -> None:
    data = seal([(f"f{n}", bytes(1_000)) for n in range(5)])
    with opened(data, bounds=Limits(entries=5, total=5_000, max_output=1_000)) as container:
        assert container.read("f1") == bytes(1_000)
    refused("limit_exceeded", data, bounds=Limits(entries=4))
    refused("limit_exceeded", data, bounds=Limits(total=4_999))
    refused("limit_exceeded", data, bounds=Limits(index=200))
    refused("limit_exceeded", data, bounds=Limits(max_output=999))
    refused("limit_exceeded", data, bounds=Limits(max_output=0))


def test_a_limit_on_the_index_is_never_raised_over_1_gib() -> None:
    class Sparse:
        """A container whose trailer claims an index of 2 GiB, of which nothing is there."""

        def __init__(self, data: bytes) -> None:
            self.data, self.size, self.most = data, len(data), 0

        def read_at(self, offset: int, length: int) -> bytes:
            self.most = max(self.most, length)
            return self.data[offset : offset + length]

        def read_into(self, offset: int, out: memoryview) -> int:
            piece = self.read_at(offset, len(out))
            out[: len(piece)] = piece
            return len(piece)

    source = Sparse(forge(A))
    with pytest.raises(TeraError) as caught:
        Container(source, [KEK], bounds=Limits(index=1))
    assert caught.value.code == "limit_exceeded"


def test_a_million_entries_claimed_in_a_tiny_index_cost_nothing() -> None:
    def claim(columns: bytes) -> bytes:
        return (1_000_000).to_bytes(4, "big") + columns[4:]

    import tracemalloc

    data = forge(A, columns=claim)
    tracemalloc.start()
    try:
        refused("bad_index", data)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 8 << 20
    refused("limit_exceeded", forge(A, columns=lambda columns: (1_000_001).to_bytes(4, "big") + columns[4:]))
    refused("limit_exceeded", forge(A, columns=lambda columns: b"\xff" * 4 + columns[4:]))


def test_sizes_that_add_up_to_over_the_limit_are_refused_before_anything_is_made_of_them() -> None:
    huge = lying(A, size=2**64 - 1, frames=())
    refused("limit_exceeded", forge(A, B, shown=(huge, huge)))
    refused("bad_index", forge(A, shown=(lying(A, size=1 << 39, frames=()),)))


def test_a_trailer_of_gigabytes_is_not_read() -> None:
    class Vast:
        """A front, then 3 GiB of nothing, then a tail that calls all of it the trailer."""

        def __init__(self) -> None:
            self.front = seal()[:4_096]
            self.size = 3 << 30
            self.most = 0

        def read_at(self, offset: int, length: int) -> bytes:
            self.most = max(self.most, length)
            if offset == self.size - 24:
                return (
                    bytes.fromhex("2100000000000010")
                    + bytes(8)
                    + (self.size - 24 - 4_096).to_bytes(4, "big")
                    + b"TRA\x1a"
                )
            length = min(length, self.size - offset, 1 << 20)
            return (self.front + bytes(1 << 20))[offset : offset + length] if offset < 4_096 else bytes(length)

        def read_into(self, offset: int, out: memoryview) -> int:
            raise NotImplementedError

    source = Vast()
    with pytest.raises(TeraError) as caught:
        Container(source, [KEK])
    assert caught.value.code == "bad_section"
    assert source.most <= 1 << 17


# --- signers ----------------------------------------------------------------------------------------


def test_a_pinned_signer_must_have_signed() -> None:
    from tera.codec.signers import signer_fingerprint

    data = seal(signers=[SIGNER])
    name, other = signer_fingerprint(SIGNER.public), signer_fingerprint(OTHER_SIGNER.public)
    with opened(data, signers=[name]) as container:
        assert [(one.fingerprint, one.required, one.pinned) for one in container.signatures] == [(name, True, True)]
    refused("missing_signature", data, signers=[other])
    refused("missing_signature", data, signers=[name, other])
    refused("missing_signature", seal(), signers=[name])


# --- sources ----------------------------------------------------------------------------------------


def test_every_kind_of_source_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.tera"
    file.write_bytes(seal())
    wanted = dict(FILES)
    for source in (file, str(file), io.BytesIO(file.read_bytes())):
        with Container(source, [KEK]) as container:
            assert contents(container) == wanted
    with open(file, "rb") as stream, open(file, "rb", buffering=0) as raw:
        for one in (stream, raw):
            with Container(one, [KEK]) as container:
                assert contents(container) == wanted
            assert not one.closed


def test_a_source_that_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for source in (tmp_path, tmp_path / "fifo", tmp_path / "absent", "/dev/zero", "nul\0byte"):
        with pytest.raises(TeraError) as caught:
            Container(source, [KEK])
        assert caught.value.code == "input_unavailable"
    with pytest.raises(TeraError) as caught:
        Container(pipe(seal()), [KEK])
    assert caught.value.code == "input_unavailable"


def test_an_error_of_the_source_is_input_unavailable() -> None:
    class Broken(io.BytesIO):
        healthy = True

        def read(self, size: int | None = -1) -> bytes:
            if not self.healthy:
                raise OSError(5, "Input/output error")
            return super().read(size)

    source = Broken(seal([("f", os.urandom(2 * MIB))]))
    with Container(source, [KEK]) as container:
        source.healthy = False
        for call in (partial(container.read, "f"), partial(container.read_range, "f", 5, 9)):
            with pytest.raises(TeraError) as caught:
                call()
            assert caught.value.code == "input_unavailable"


def test_a_file_that_becomes_shorter_while_it_is_open_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.tera"
    file.write_bytes(seal([("f", os.urandom(2 * MIB))]))
    with Container(file, [KEK]) as container:
        os.truncate(file, 1_500_000)
        with pytest.raises(TeraError) as caught:
            container.read("f")
        assert caught.value.code == "truncated"
        os.truncate(file, 5_000)
        with pytest.raises(TeraError) as caught:
            container.read("f")
        assert caught.value.code in ("truncated", "bad_section")


def test_a_closed_container_reads_nothing_more(tmp_path: Path) -> None:
    file = tmp_path / "a.tera"
    file.write_bytes(seal())
    container = Container(file, [KEK])
    container.close()
    container.close()
    with pytest.raises(TeraError) as caught:
        container.read("a.txt")
    assert caught.value.code == "input_unavailable"


# --- answers ----------------------------------------------------------------------------------------


def test_what_is_not_there_is_not_found() -> None:
    with opened(forge(A, File("d", type=DIRECTORY))) as container:
        for call in (container.entry, container.read, container.open):
            with pytest.raises(TeraError) as caught:
                call("absent")
            assert caught.value.code == "no_such_entry"
        for call in (container.read, container.open, lambda path: container.read_range(path, 0, 1)):
            with pytest.raises(TeraError) as caught:
                call("d")
            assert caught.value.code == "bad_input"
        for start, stop in ((-1, 5), (5, 4)):
            with pytest.raises(TeraError) as caught:
                container.read_range("a", start, stop)
            assert caught.value.code == "bad_input"


def test_entries_are_a_sequence() -> None:
    with opened(forge(A, B)) as container:
        entries = container.entries
        assert [entry.path for entry in entries] == ["a", "b"]
        assert (entries[0].path, entries[-1].path, [one.path for one in entries[::-1]]) == ("a", "b", ["b", "a"])
        for wrong in (2, -3):
            with pytest.raises(IndexError):
                entries[wrong]
        assert container.entry("b").position == 1


def test_an_error_of_the_callers_output_passes_through() -> None:
    class Closed(io.RawIOBase):
        def write(self, data: Any) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    with opened(forge(A)) as container, pytest.raises(BrokenPipeError):
        container.copy_to("a", Closed())  # type: ignore[arg-type]
