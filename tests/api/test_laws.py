"""Laws of the public API: what goes in comes out, by every way in, every way out and every way of reading."""

from __future__ import annotations

import io
import os
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

import tera
from tests.codec.sealed import FILES, KEK, OTHER_KEK, SIGNER, contents, opened, pipe, seal, sealed

MIB = 1 << 20
EDGES = [0, 1, 511, 512, 16_383, 16_384, 16_385, 131_072, 131_073, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 7]
NAMES = st.text("abcd.-_é ~", min_size=1, max_size=8).filter(lambda name: name not in (".", ".."))
SIZES = st.sampled_from(EDGES[:10]) | st.integers(0, 3_000)
OPTIONS = st.fixed_dictionaries(
    {
        "padding": st.booleans(),
        "compress": st.booleans(),
        "workers": st.sampled_from([1, 2, 4]),
        "signers": st.sampled_from([[], [SIGNER]]),
        "tags": st.sets(st.text("ab", min_size=1, max_size=3), max_size=2),
        "manifest": st.sampled_from([b"", b'{"title": "Q3"}']),
    }
)


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def text(size: int, seed: int = 0) -> bytes:
    words = random.Random(seed).choices(["harbour", "ledger", "night", "seal", "wax\n"], k=size // 4 + 1)
    return " ".join(words).encode()[:size]


@st.composite
def files(draw: st.DrawFn) -> dict[str, bytes | None]:
    """Some files and folders; a folder has only the None."""
    found: dict[str, bytes | None] = {}
    for name in draw(st.lists(NAMES, max_size=6, unique=True)):
        kind = draw(st.sampled_from(["file", "below", "folder"]))
        size, seed = draw(SIZES), draw(st.integers(0, 3))
        data = noise(size, seed) if draw(st.booleans()) else text(size, seed)
        if kind == "folder":
            found[name] = None
        else:
            found[f"{name}/x" if kind == "below" else name] = data
    return found


def shapes(data: bytes, number: int) -> Any:
    """The same content as each kind of source."""
    cut = max(1, len(data) // 3 + number)
    kinds: list[Callable[[], Any]] = [
        lambda: data,
        lambda: bytearray(data),
        lambda: memoryview(data),
        lambda: io.BytesIO(data),
        lambda: pipe(data, cut),
        lambda: iter([data[:cut], b"", data[cut:]]),
        lambda: [data],
        lambda: (data[at : at + cut] for at in range(0, len(data), cut)),
    ]
    return kinds[number % 8]()


def tree(folder: Path) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
        elif not any(path.iterdir()):
            found[path.relative_to(folder).as_posix()] = None
    return found


@settings(max_examples=40)
@given(inside=files(), options=OPTIONS, start=st.integers(0, 7))
def test_what_was_sealed_comes_back(inside: dict[str, bytes | None], options: dict[str, Any], start: int) -> None:
    out = io.BytesIO()
    with tera.Encoder(out, recipients=[KEK], **options) as encoder:
        for number, (name, data) in enumerate(inside.items(), start):
            if data is None:
                encoder.add_directory(name, mode=0o700, mtime=-1)
            else:
                encoder.add_content(name, shapes(data, number), mtime=number)
        found = encoder.close()
    assert (found.entries, found.plain_size) == (len(inside), sum(len(data or b"") for data in inside.values()))
    assert found.size == len(out.getvalue())
    with opened(out.getvalue()) as container:
        assert contents(container) == inside
        assert container.paths == list(inside)
        assert container.size == found.plain_size
        assert container.manifest == options["manifest"]
        assert set(container.private_tags) == options["tags"]
        assert container.digest == found.digest == tera.digest(io.BytesIO(out.getvalue()))
        assert container.content_digest == found.content_digest
        for entry in container.entries:
            assert entry.b3 == (bytes(32) if entry.is_dir else blake3(inside[entry.path] or b"").digest())
            assert entry.is_dir == (inside[entry.path] is None)
        assert [one.required for one in container.signatures] == [True] * len(options["signers"])


@pytest.mark.parametrize("size", EDGES)
def test_every_edge_of_size_comes_back_from_disk(size: int, tmp_path: Path) -> None:
    source, target = tmp_path / "src", tmp_path / "out"
    (source / "deep" / "er").mkdir(parents=True)
    (source / "noise").write_bytes(noise(size))
    (source / "deep" / "text").write_bytes(text(size))
    file = tmp_path / "out.tera"
    choices: list[dict[str, Any]] = [{}, {"padding": False}, {"compress": False, "padding": False}, {"workers": 1}]
    for number, options in enumerate(choices):
        made = tera.encode([source], file, recipients=[KEK], force=bool(number), **options)
        assert made.size == file.stat().st_size
        streams: list[Any] = [file, file.open("rb"), pipe(file.read_bytes(), 70_001)]
        for way, stream in enumerate([False, False, False, True]):
            with open(file, "rb") as again:
                where = target / f"{number}-{way}"
                tera.decode(streams[way] if way < 3 else again, where, [KEK], stream=stream)
            assert tree(where / "src") == tree(source)
        streams[1].close()


def test_many_small_files_come_back(tmp_path: Path) -> None:
    inside: dict[str, bytes | None] = {f"d{n % 7}/f{n}": text(n % 1_500, n) for n in range(600)}
    for options in ({}, {"workers": 1, "compress": False}):
        data, found = sealed(list(inside.items()), **options)
        assert found.entries == 600
        with opened(data) as container:
            assert contents(container) == inside
        tera.decode(io.BytesIO(data), tmp_path / str(len(options)), [KEK])
        assert tree(tmp_path / str(len(options))) == dict(sorted(inside.items()))


def through_a_pipe(fill: Any) -> bytes:
    """Run `fill` with the writing end of a real pipe; return what came out."""
    reader, writer = os.pipe()
    pieces: list[bytes] = []

    def drain() -> None:
        with open(reader, "rb") as stream:
            pieces.append(stream.read())

    thread = threading.Thread(target=drain)
    thread.start()
    try:
        with open(writer, "wb", buffering=0) as stream:
            fill(stream)
    finally:
        thread.join()
    return pieces[0]


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_a_pipe_gets_what_a_file_gets(workers: int, tmp_path: Path) -> None:
    inside = [("noise", noise(3 * MIB + 5)), ("text", text(2 * MIB)), ("small", b"x")]
    stable = {"recipients": [KEK], "id": bytes(16), "created": 7, "workers": workers}

    def build(output: Any) -> None:
        with tera.Encoder(output, random=bytes, **stable) as encoder:  # type: ignore[arg-type]
            for name, data in inside:
                encoder.add_content(name, data, mtime=0)

    build(tmp_path / "file")
    memory = io.BytesIO()
    build(memory)
    assert through_a_pipe(build) == (tmp_path / "file").read_bytes() == memory.getvalue()


def test_any_number_of_workers_gives_the_same_bytes(tmp_path: Path) -> None:
    source = tmp_path / "src"
    source.mkdir()
    for number, size in enumerate(EDGES):
        (source / f"noise{number}").write_bytes(noise(size, number))
        (source / f"text{number}").write_bytes(text(size, number))
    found = set()
    for workers in (1, 2, 5):
        out = io.BytesIO()
        tera.encode(
            [source],
            out,
            recipients=[KEK],
            id=bytes(16),
            created=0,
            random=bytes,
            workers=workers,
        )
        found.add(blake3(out.getvalue()).digest())
    assert len(found) == 1


@settings(max_examples=15)
@given(inside=files())
def test_the_same_files_have_the_same_content_digest(inside: dict[str, bytes | None]) -> None:
    def build(order: list[str], **options: Any) -> tera.Sealed:
        with tera.Encoder(io.BytesIO(), recipients=[KEK], **options) as encoder:
            for name in order:
                data = inside[name]
                if data is None:
                    encoder.add_directory(name)
                else:
                    encoder.add_content(name, data)
            return encoder.close()

    one = build(list(inside))
    two = build(list(reversed(inside)), padding=False, compress=False, signers=[SIGNER])
    assert one.content_digest == two.content_digest
    assert one.digest != two.digest


@pytest.fixture(scope="module")
def large() -> Iterator[tuple[bytes, tera.Container]]:
    data = noise(MIB + 300_000) + text(2 * MIB)
    with opened(seal([("before", b"x" * 999), ("f", data), ("after", text(70_000))])) as container:
        yield data, container


STEPS = st.lists(
    st.tuples(st.sampled_from([0, 1, 2]), st.integers(-3 * MIB, 4 * MIB), st.integers(-1, 300_000)), max_size=12
)


@settings(max_examples=60)
@given(steps=STEPS)
def test_seeking_equals_reading_in_sequence(
    large: tuple[bytes, tera.Container], steps: list[tuple[int, int, int]]
) -> None:
    data, container = large
    ours, model = container.open("f"), io.BytesIO(data)
    for whence, offset, length in steps:
        base = [0, model.tell(), len(data)][whence]
        if base + offset < 0:
            with pytest.raises(ValueError, match="before"):
                ours.seek(offset, whence)
            continue
        assert ours.seek(offset, whence) == model.seek(offset, whence)
        assert ours.read(length) == model.read(length)
        assert ours.tell() == model.tell()


@settings(max_examples=60)
@given(start=st.integers(0, 4 * MIB), length=st.integers(0, 2 * MIB))
def test_a_range_equals_the_slice(large: tuple[bytes, tera.Container], start: int, length: int) -> None:
    data, container = large
    assert container.read_range("f", start, start + length) == data[start : start + length]


def test_an_open_file_is_a_well_behaved_stream(large: tuple[bytes, tera.Container]) -> None:
    data, container = large
    file: Any = container.open("f")
    assert file.readable()
    assert file.seekable()
    assert not file.writable()
    assert file.name == "f"
    buffered = io.BufferedReader(file, 100_000)
    assert buffered.read(70_000) == data[:70_000]
    buffered.seek(-5, os.SEEK_END)
    assert buffered.read() == data[-5:]
    with pytest.raises(ValueError, match="whence"):
        file.seek(0, 9)
    file.close()
    for call in (lambda: file.read(1), lambda: file.seek(0), file.tell):
        with pytest.raises(ValueError, match="closed"):
            call()


def test_many_threads_read_one_container(large: tuple[bytes, tera.Container]) -> None:
    data, container = large
    wrong: list[int] = []

    def read(seed: int) -> None:
        places = random.Random(seed)
        file = container.open("f")
        for _ in range(40):
            start = places.randrange(len(data))
            length = places.randrange(200_000)
            file.seek(start)
            if container.read_range("f", start, start + length) != data[start : start + length]:
                wrong.append(start)
            if file.read(length) != data[start : start + length]:
                wrong.append(start)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def payload(data: bytes) -> bytes:
    found = tera.inspect(io.BytesIO(data))
    start = len(data) - 24 - int.from_bytes(data[-8:-4], "big") - found.payload
    return data[start:]


@pytest.mark.parametrize("in_place", [False, True])
def test_a_rewrap_leaves_payload_digest_and_signature(tmp_path: Path, in_place: bool) -> None:
    before = seal(FILES, signers=[SIGNER])
    file, copy = tmp_path / "a.tera", tmp_path / "b.tera"
    file.write_bytes(before)
    changes: dict[str, Any] = {"in_place": True} if in_place else {"output": copy}
    made = tera.rewrap(file, [KEK], add=[OTHER_KEK], **changes)
    after = (file if in_place else copy).read_bytes()
    assert made.in_place == in_place
    assert made.size == len(after)
    assert made.stanzas == (("kek",), ("kek",))
    assert payload(after) == payload(before)
    assert tera.digest(io.BytesIO(after)) == tera.digest(io.BytesIO(before))
    assert list(tmp_path.iterdir()) == [file] if in_place else sorted(tmp_path.iterdir()) == [file, copy]
    if in_place:
        assert len(after) == len(before)
    else:
        assert file.read_bytes() == before
    for key in (KEK, OTHER_KEK):
        with opened(after, key) as container, opened(before) as old:
            assert [one.fingerprint for one in container.signatures] == [one.fingerprint for one in old.signatures]
            assert contents(container) == contents(old)


def test_two_errors_are_reported_in_the_order_of_the_input(tmp_path: Path) -> None:
    """The large file is read in other threads; what comes after it must not overtake its error."""

    class Shrinking(os.PathLike[str]):
        """A path that becomes another's when it has been looked at: the file changes between the two."""

        def __init__(self, path: Path) -> None:
            self._path = path

        def __fspath__(self) -> str:
            return str(self._path)

    large = tmp_path / "large"
    large.write_bytes(noise(6 * MIB))

    def truncate_then_fail() -> Iterator[Any]:
        yield Shrinking(large)
        yield ("ok", b"x")
        yield tmp_path / "absent"

    codes = set()
    for _ in range(10):
        with pytest.raises(tera.TeraError) as caught:
            tera.encode(truncate_then_fail(), io.BytesIO(), recipients=[KEK])
        codes.add(caught.value.code)
    assert codes == {"input_unavailable"}


def test_a_str_is_never_taken_for_data() -> None:
    with pytest.raises(TypeError, match="a str would need"):
        tera.encode([("name", cast(Any, "text"))], io.BytesIO(), recipients=[KEK])
    for wrong in ("path", b"bytes"):
        with pytest.raises(TypeError, match="iterable"):
            tera.encode(wrong, io.BytesIO(), recipients=[KEK])  # type: ignore[arg-type]
    with pytest.raises(tera.TeraError) as caught:
        tera.encode([("name", ["text"])], io.BytesIO(), recipients=[KEK])  # type: ignore[list-item]
    assert caught.value.code == "bad_input"
    with pytest.raises(tera.TeraError) as caught:
        tera.encode([("name", io.StringIO("text"))], io.BytesIO(), recipients=[KEK])  # type: ignore[list-item]
    assert caught.value.code == "bad_input"
    with pytest.raises(tera.TeraError) as caught:
        tera.open(seal(), [KEK])  # type: ignore[arg-type]
    assert caught.value.code == "bad_input"


def test_everything_in_the_public_list_is_there() -> None:
    assert sorted(tera.__all__) == tera.__all__
    assert set(dir(tera)) >= {*tera.__all__, "__version__"}
    for name in tera.__all__:
        assert getattr(tera, name) is not None
    with pytest.raises(AttributeError, match="no attribute"):
        _ = tera.nothing


def test_a_binary_file_object_is_written_to_and_not_closed() -> None:
    out: BinaryIO = io.BytesIO()
    tera.encode([("a", b"x")], out, recipients=[KEK])
    assert not out.closed
