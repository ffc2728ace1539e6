"""Nothing leaves the target folder, no link is followed, no two entries are one file, what exists is kept."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.codec.decode import decode
from tera.codec.encoder import Encoder
from tera.codec.target import Naming, TargetFolder, plan, probe
from tera.errors import OutputExists, TeraError, UnsafeTarget
from tera.format.records import DIRECTORY, EntryHead
from tests.codec.sealed import FILES, KEK, pipe, seal

ANY_CASE = Naming(folds_case=True)
ANY_FORM = Naming(normalises=True)
WINDOWS = Naming(folds_case=True, windows=True)
DOORS = pytest.mark.parametrize("stream", [False, True])


def refused(code: str, data: bytes, target: Path, **options: Any) -> TeraError:
    with pytest.raises(TeraError) as caught:
        decode(io.BytesIO(data), target, [KEK], **options)
    assert caught.value.code == code
    return caught.value


def everything(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


# --- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("naming", "paths"),
    [
        (ANY_CASE, ["a", "A"]),
        (ANY_CASE, ["d/x", "D/y"]),
        (ANY_CASE, ["d/x", "D"]),
        (ANY_CASE, ["stra\u00dfe", "STRASSE"]),
        (ANY_FORM, ["caf\u00e9", "cafe\u0301"]),
        (ANY_FORM, ["\u212b/x", "\u00c5/y"]),
        (Naming(True, True), ["CAF\u00c9", "cafe\u0301"]),
        (WINDOWS, ["a:b"]),
        (WINDOWS, ["a/b?"]),
        (WINDOWS, ['quo"te']),
        (WINDOWS, ["con"]),
        (WINDOWS, ["d/Aux.txt"]),
        (WINDOWS, ["nul/x"]),
        (WINDOWS, ["COM1.tar.gz"]),
        (WINDOWS, ["dot."]),
        (WINDOWS, ["space "]),
        (WINDOWS, ["d./x"]),
        (WINDOWS, ["..."]),
    ],
    ids=str,
)
def test_what_a_target_cannot_hold_is_refused_before_anything_is_written_or_renamed_on_request(
    naming: Naming, paths: list[str], tmp_path: Path
) -> None:
    folder = TargetFolder(tmp_path / "t", force=True)
    with pytest.raises(UnsafeTarget):
        folder.prepare(["fine", *paths], rename=False, naming=naming)
    assert not list((tmp_path / "t").iterdir())
    folder.prepare(["fine", *paths], rename=True, naming=naming)
    for path in ["fine", *paths]:
        folder.write_whole(EntryHead(path), path.encode())
    folder.close(complete=True)
    files = [path for path in (tmp_path / "t").rglob("*") if path.is_file()]
    assert sorted(path.read_bytes() for path in files) == sorted(path.encode() for path in ["fine", *paths])
    keys = [naming.key(path.relative_to(tmp_path / "t").as_posix()) for path in files]
    assert len(set(keys)) == len(keys)
    for file in files:
        assert all(naming.fits(part) for part in file.relative_to(tmp_path / "t").parts), file


def test_no_name_is_changed_that_fits() -> None:
    fine = ["a", "b/c", "COM10", "console", "com0", "a b", ".x", "x~2"]
    assert plan(fine, WINDOWS, rename=True) == {}
    assert plan(["a", "A", "a:b", "\\"], Naming(), rename=False) == {}


def test_a_new_name_is_never_one_that_is_taken() -> None:
    renamed = plan(["a.txt", "A.txt", "a~2.txt", "A~2.txt", "a_b", "a:b", "a?b"], WINDOWS, rename=True)
    paths = {"a.txt", "A.txt", "a~2.txt", "A~2.txt", "a_b", "a:b", "a?b"}
    finals = [WINDOWS.key(renamed.get(path, path)) for path in paths]
    assert len(set(finals)) == len(finals)


PARTS = st.text("aAéÉ:. ~2\u0301", min_size=1, max_size=4).filter(lambda part: part not in (".", ".."))
PATHS = st.lists(st.lists(PARTS, min_size=1, max_size=3).map("/".join), max_size=12, unique=True)
NAMINGS = st.builds(Naming, st.booleans(), st.booleans(), st.booleans())


@given(PATHS, NAMINGS)
def test_planned_names_fit_are_distinct_and_keep_their_place(paths: list[str], naming: Naming) -> None:
    files = [path for path in paths if not any(other.startswith(path + "/") for other in paths)]
    renamed = plan(files, naming, rename=True)
    assert all(new != old for old, new in renamed.items())
    final = {path: renamed.get(path, path) for path in files}
    assert len({naming.key(path) for path in final.values()}) == len(files)
    for old, new in final.items():
        assert old.count("/") == new.count("/")
        assert all(naming.fits(part) and part not in ("", ".", "..") for part in new.split("/"))
    try:
        assert plan(files, naming, rename=False) == {}
    except UnsafeTarget:
        assert renamed
    else:
        assert not renamed


def test_the_probe_finds_what_this_file_system_does_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "aB").touch()
    folds = (tmp_path / "Ab").exists()
    (tmp_path / "aB").unlink()
    assert probe(str(tmp_path)).folds_case == folds
    assert not list(tmp_path.iterdir())


# --- what is in the way -----------------------------------------------------------------------------


@DOORS
def test_an_existing_file_is_kept_unless_forced(stream: bool, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"old")
    refused("output_exists", seal(), tmp_path, stream=stream)
    assert (tmp_path / "a.txt").read_bytes() == b"old"
    assert not [name for name in everything(tmp_path) if name.endswith(".partial")]
    if not stream:
        assert everything(tmp_path) == {"a.txt"}
    decode(io.BytesIO(seal()), tmp_path, [KEK], force=True, stream=stream)
    assert (tmp_path / "a.txt").read_bytes() == FILES[0][1]
    assert everything(tmp_path) == {"a.txt", "d", "d/empty"}


@DOORS
@pytest.mark.parametrize("size", [3, 200_000, 3 << 20])
@pytest.mark.parametrize("dangling", [False, True])
def test_a_planted_link_to_a_file_is_never_written_through(
    dangling: bool, size: int, stream: bool, tmp_path: Path
) -> None:
    outside, target = tmp_path / "outside", tmp_path / "target"
    target.mkdir()
    if not dangling:
        outside.write_bytes(b"precious")
    (target / "f").symlink_to(outside)
    data = seal([("f", bytes(size))])
    refused("output_exists", data, target, stream=stream)
    assert (target / "f").is_symlink()
    decode(io.BytesIO(data), target, [KEK], force=True, stream=stream)
    assert not (target / "f").is_symlink()
    assert (target / "f").read_bytes() == bytes(size)
    assert outside.read_bytes() == b"precious" if not dangling else not outside.exists()
    assert everything(target) == {"f"}


@DOORS
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("deep", ["d", "d/e"])
def test_a_planted_link_to_a_folder_is_never_entered(force: bool, deep: str, stream: bool, tmp_path: Path) -> None:
    outside, target = tmp_path / "outside", tmp_path / "target"
    (target / deep).parent.mkdir(parents=True)
    outside.mkdir()
    (target / deep).symlink_to(outside)
    for size in (3, 3 << 20):
        refused("unsafe_target", seal([(f"{deep}/f", bytes(size))]), target, force=force, stream=stream)
    out = io.BytesIO()
    with Encoder(out, recipients=[KEK]) as encoder:
        encoder.add_directory(deep, mode=0o700)
    with pytest.raises(TeraError) as caught:
        decode(io.BytesIO(out.getvalue()), target, [KEK], force=force, stream=stream)
    assert caught.value.code in ("unsafe_target", "output_exists")
    assert not list(outside.iterdir())
    assert outside.stat().st_mode & 0o777 != 0o700


@DOORS
def test_a_folder_where_a_file_should_be_and_a_file_where_a_folder_should_be(stream: bool, tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    for size in (3, 3 << 20):
        for force in (False, True):
            with pytest.raises(TeraError) as caught:
                decode(io.BytesIO(seal([("f", bytes(size))])), tmp_path, [KEK], force=force, stream=stream)
            assert caught.value.code in ("output_exists", "output_unavailable")
    (tmp_path / "g").write_bytes(b"old")
    for force in (False, True):
        refused("unsafe_target", seal([("g/x", b"x")]), tmp_path, force=force, stream=stream)
    assert everything(tmp_path) == {"f", "g"}


def test_a_target_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    refused("output_unavailable", seal(), tmp_path / "file")
    refused("output_unavailable", seal(), tmp_path / "file" / "below")
    refused("output_unavailable", seal(), tmp_path / "nul\0byte")


def test_a_link_to_the_target_itself_is_the_callers_choice(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    decode(io.BytesIO(seal()), tmp_path / "link", [KEK])
    assert (tmp_path / "real" / "a.txt").exists()


@DOORS
def test_a_missing_target_is_made_and_an_existing_folder_is_filled(stream: bool, tmp_path: Path) -> None:
    (tmp_path / "new" / "er" / "d").mkdir(parents=True)
    (tmp_path / "new" / "er" / "d" / "mine").write_bytes(b"stays")
    decode(io.BytesIO(seal()), tmp_path / "new" / "er", [KEK], stream=stream)
    assert everything(tmp_path / "new" / "er") == {"a.txt", "d", "d/empty", "d/mine"}
    decode(io.BytesIO(seal()), tmp_path / "not" / "yet", [KEK], stream=stream)
    assert everything(tmp_path / "not" / "yet") == {"a.txt", "d", "d/empty"}


def test_a_read_only_target_is_one_error() -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc: a folder in which nobody can make a file")
    refused("output_unavailable", seal(), Path("/proc/self"))
    refused("output_unavailable", seal(), Path("/proc/self"), stream=True)


# --- modes and times --------------------------------------------------------------------------------


@DOORS
def test_modes_and_times_are_restored(stream: bool, tmp_path: Path) -> None:
    out = io.BytesIO()
    with Encoder(out, recipients=[KEK]) as encoder:
        encoder.add_directory("d", mode=0o500, mtime=1_000_000_007)
        encoder.add_directory("d/e", mode=0o750, mtime=-1_000_000_000)
        for name, size, mode, mtime in (
            ("d/e/small", 1, 0o640, -1_500_000_001),
            ("d/e/large", 3 << 20, 0o755, 1),
            ("none", 0, 0, 0),
            ("far", 1, 0o600, 2**63 - 1),
            ("past", 1, 0o600, -(2**63)),
        ):
            encoder.add_content(name, bytes(size), mode=mode, mtime=mtime)
    mask = os.umask(0o027)
    try:
        decode(io.BytesIO(out.getvalue()), tmp_path, [KEK], stream=stream)
    finally:
        os.umask(mask)

    def stamp(name: str) -> tuple[int, int]:
        status = os.stat(tmp_path / name)
        return status.st_mode & 0o7777, status.st_mtime_ns

    assert stamp("d") == (0o500, 1_000_000_007)
    assert stamp("d/e") == (0o750, -1_000_000_000)
    assert stamp("d/e/small") == (0o640, -1_500_000_001)
    assert stamp("d/e/large") == (0o750, 1)
    assert stamp("none") == (0, 0)
    assert (tmp_path / "far").exists()  # a time that the file system cannot hold is no failure
    assert (tmp_path / "past").exists()


def test_no_file_is_readable_by_others_before_it_is_complete(tmp_path: Path) -> None:
    folder = TargetFolder(tmp_path, force=False)
    file = folder.create(EntryHead("f", mode=0o644))
    (partial,) = tmp_path.iterdir()
    assert partial.name.endswith(".partial")
    assert partial.stat().st_mode & 0o777 == 0o600
    file.discard()
    file.discard()
    folder.close(complete=False)
    assert not list(tmp_path.iterdir())


# --- many -------------------------------------------------------------------------------------------


def test_more_folders_than_are_kept_open(tmp_path: Path) -> None:
    paths = [f"{a}/{b}/{c}/f" for a in range(6) for b in range(6) for c in range(6)]
    data = seal([(path, path.encode()) for path in paths])
    for way, source in enumerate([io.BytesIO(data), pipe(data)]):
        decode(source, tmp_path / str(way), [KEK])
        assert {path: (tmp_path / str(way) / path).read_text() for path in paths} == {path: path for path in paths}


def test_many_threads_fill_one_folder(tmp_path: Path) -> None:
    folder = TargetFolder(tmp_path, force=False)
    wrong: list[BaseException] = []

    def fill(seed: int) -> None:
        try:
            for number in range(100):
                folder.write_whole(EntryHead(f"{number}/{seed}/f"), b"x")
                folder.add_folder(EntryHead(f"{number}", DIRECTORY, 0o755))
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=fill, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    folder.close(complete=True)
    assert not wrong
    assert len(list(tmp_path.rglob("f"))) == 400


def test_two_decodes_into_one_folder_never_mix(tmp_path: Path) -> None:
    """Whichever comes second finds the name taken, and leaves nothing."""
    results: list[str] = []

    def run(content: bytes) -> None:
        try:
            decode(io.BytesIO(seal([("f", content)])), tmp_path, [KEK])
            results.append("ok")
        except OutputExists:
            results.append("output_exists")

    threads = [threading.Thread(target=run, args=(bytes((n,)) * (2 << 20),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["ok", "output_exists", "output_exists", "output_exists"]
    content = (tmp_path / "f").read_bytes()
    assert content == content[:1] * (2 << 20)
    assert everything(tmp_path) == {"f"}
