"""Recovering: on request only; what verifies is saved, what does not is a hole, and every hole is reported."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tera.codec.decode import decode
from tera.codec.reader import Container
from tera.codec.recover import Damage, Recovered, recover
from tera.codec.rewrap import BACKUP_MAX, SUFFIX, rewrap
from tera.crypto.hashes import sha256
from tera.errors import TeraError
from tera.format import sections as s
from tera.format.core import Core
from tera.format.records import DIRECTORY, FRAME_RAW
from tests.codec.forged import File, forge, lying
from tests.codec.rewraps import backup_of, interrupted, opened_by_one, refused
from tests.codec.sealed import KEK, OTHER_KEK, SIGNER, front_of, opened, regions, seal, tight

MIB = 1 << 20
NOISE = random.Random(1).randbytes(3 * MIB + 700_000)
INSIDE: dict[str, bytes | None] = {
    "first": b"in the first block",
    "large": NOISE,
    "d": None,
    "d/empty": b"",
    "d/last": b"at the end" * 99,
    "text": b"squeezed " * 400_000,
}


@pytest.fixture(scope="module")
def whole() -> bytes:
    files = [(name, data) for name, data in INSIDE.items() if data is not None]
    return seal(files, signers=[SIGNER], manifest=b'{"a": 1}')


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "c.tera"


def blocks(data: bytes) -> list[tuple[int, int]]:
    """Return start and stop of each block of DATA."""
    with opened(data) as container:
        segment = container.data
        starts = [segment.start + s.block_offset(number) for number in range(segment.blocks)]
        return list(zip(starts, [*starts[1:], segment.start + s.segment_length(segment.plain)], strict=True))


def spoilt(data: bytes, *places: int) -> bytes:
    changed = bytearray(data)
    for place in places:
        changed[place] ^= 1
    return bytes(changed)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check(found: Recovered, target: Path, inside: dict[str, bytes]) -> None:
    """Compare what was saved with what was sealed: equal outside the holes, zeros inside, nothing left out."""
    saved = tree(target)
    assert set(saved) == {*found.salvaged, *(name + ".partial" for name in found.partial)}
    assert {*found.salvaged, *found.partial} == set(inside)
    assert {hole.path for hole in found.damage} == set(found.partial)
    for name in found.salvaged:
        assert saved[name] == inside[name]
    for name in found.partial:
        wanted = bytearray(inside[name])
        for hole in found.damage:
            if hole.path == name:
                assert 0 <= hole.start < hole.stop <= len(wanted)
                wanted[hole.start : hole.stop] = bytes(hole.stop - hole.start)
        assert saved[name + ".partial"] == wanted


FILES = {name: data for name, data in INSIDE.items() if data is not None}


# --- salvage ----------------------------------------------------------------------------------------


def test_a_container_without_damage_is_saved_whole(whole: bytes, file: Path, tmp_path: Path) -> None:
    file.write_bytes(whole)
    found = recover(file, [KEK], tmp_path / "out")
    assert (found.restored, found.partial, found.damage) == (False, (), ())
    check(found, tmp_path / "out", FILES)
    assert file.read_bytes() == whole


@pytest.mark.parametrize("where", ["first byte", "middle", "last byte"])
def test_each_damaged_block_costs_no_more_than_its_frames(whole: bytes, file: Path, tmp_path: Path, where: str) -> None:
    found_blocks = blocks(whole)
    assert len(found_blocks) == 4
    touched: set[str] = set()
    for number, (start, stop) in enumerate(found_blocks):
        place = {"first byte": start + s.HEADER, "middle": (start + stop) // 2, "last byte": stop - 1}[where]
        file.write_bytes(spoilt(whole, place))
        found = recover(file, [KEK], tmp_path / str(number))
        check(found, tmp_path / str(number), FILES)
        lost = sum(hole.stop - hole.start for hole in found.damage if hole.path == "large")
        assert lost <= 2 * FRAME_RAW
        touched |= set(found.partial)
    assert {"first", "large", "text"} <= touched


def test_a_damaged_block_header_is_one_block(whole: bytes, file: Path, tmp_path: Path) -> None:
    start, _ = blocks(whole)[1]
    for number in range(s.HEADER):
        file.write_bytes(spoilt(whole, start + number))
        check(recover(file, [KEK], tmp_path / str(number)), tmp_path / str(number), FILES)


def test_all_but_the_index_may_be_damaged(whole: bytes, file: Path, tmp_path: Path) -> None:
    file.write_bytes(spoilt(whole, *(start + 99 for start, _ in blocks(whole))))
    found = recover(file, [KEK], tmp_path / "out")
    assert found.salvaged == ("d/empty",)
    check(found, tmp_path / "out", FILES)


def test_a_lost_manifest_costs_no_file(file: Path, tmp_path: Path) -> None:
    """The manifest is in the first block; its rules, if it may have some, are what forbids."""
    big = {"manifest": b"m" * (2 * MIB), "public_tags": ["x"]}
    data = seal([("a", b"x" * 999)], **big, padding=False)
    file.write_bytes(spoilt(data, front_of(data).length + s.SEGMENT_HEAD + 99))
    with pytest.raises(TeraError) as caught:
        Container(file, [KEK])
    assert caught.value.code == "bad_root"
    found = recover(file, [KEK], tmp_path / "out")
    assert found.salvaged == ("a",)
    data = seal([("a", b"x" * 999)], **big, padding=False, rules=[("opens", 3)], sealed_rules=True)
    file.write_bytes(spoilt(data, front_of(data).length + s.SEGMENT_HEAD + 99))
    refused("bad_root", lambda: recover(file, [KEK], tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_a_rule_forbids_salvage_too(file: Path, tmp_path: Path) -> None:
    for sealed in (False, True):
        file.write_bytes(seal(rules=[("opens", 3)], sealed_rules=sealed))
        refused("rule_denied", lambda: recover(file, [KEK], tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_wrong_digest_makes_the_whole_file_a_hole(file: Path, tmp_path: Path) -> None:
    file.write_bytes(forge(File("a", (b"good",)), lying(File("b", (b"content",)), b3=bytes(32)), File("c")))
    found = recover(file, [KEK], tmp_path / "out")
    assert found.damage == (Damage("b", 0, 7),)
    assert tree(tmp_path / "out") == {"a": b"good", "b.partial": b"content", "c": b""}


def test_a_frame_that_does_not_decompress_is_a_hole(file: Path, tmp_path: Path) -> None:
    torn = File("b", (b"not zstd", b"tail"), raws=(FRAME_RAW, 4))
    file.write_bytes(forge(torn, File("d", type=DIRECTORY)))
    found = recover(file, [KEK], tmp_path / "out")
    assert found.damage == (Damage("b", 0, FRAME_RAW),)
    assert tree(tmp_path / "out") == {"b.partial": bytes(FRAME_RAW) + b"tail"}
    assert (tmp_path / "out" / "d").is_dir()


def test_a_hostile_container_is_salvaged_into_the_folder_only(file: Path, tmp_path: Path) -> None:
    file.write_bytes(forge(File("../a", (b"x",)), core=Core(id=bytes(16), created=0, padding=0)))
    refused("bad_path", lambda: recover(file, [KEK], tmp_path / "out"))
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_with_holes_takes_no_other_entrys_name(file: Path, tmp_path: Path) -> None:
    names = ["a.partial", "a", "a~.partial", "b"]
    torn = [lying(File(name, (name.encode(),)), b3=bytes(32)) for name in ("a", "b")]
    file.write_bytes(forge(File(names[0], (b"0",)), torn[0], File(names[2], (b"2",)), torn[1]))
    assert recover(file, [KEK], tmp_path / "out").partial == ("a", "b")
    assert tree(tmp_path / "out") == {"a.partial": b"0", "a~.partial": b"2", "a~~.partial": b"a", "b.partial": b"b"}


def test_what_is_there_is_kept(whole: bytes, file: Path, tmp_path: Path) -> None:
    file.write_bytes(spoilt(whole, blocks(whole)[1][0] + 99))
    for name in ("first", "large.partial"):
        out = tmp_path / f"out-{name}"
        out.mkdir()
        (out / name).write_bytes(b"mine")
        refused("output_exists", partial(recover, file, [KEK], out))
        assert tree(out) == {name: b"mine"}


def test_modes_come_back_and_a_hole_at_the_end_has_its_length(file: Path, tmp_path: Path) -> None:
    data = forge(File("a", (bytes(MIB), b"not zstd"), raws=(MIB, 1_000), mode=0o751, mtime=5_000_000_000))
    file.write_bytes(data)
    assert recover(file, [KEK], tmp_path / "out").damage == (Damage("a", MIB, MIB + 1_000),)
    status = (tmp_path / "out" / "a.partial").stat()
    assert (status.st_size, status.st_mode & 0o777, status.st_mtime) == (MIB + 1_000, 0o751, 5)


# --- what can not be salvaged -----------------------------------------------------------------------


def test_who_can_not_open_salvages_nothing(whole: bytes, file: Path, tmp_path: Path) -> None:
    file.write_bytes(whole)
    for identities in ([], [OTHER_KEK]):
        with pytest.raises(TeraError) as caught:
            recover(file, identities, tmp_path / "out")
        assert caught.value.code in ("no_key", "bad_stanza")
    assert not (tmp_path / "out").exists()


AFTER = ("INDEX-SEGMENT", "INDEX-BLOCK", "TRAILER map", "TRAILER mac", "TRAILER length", "TAIL")


def test_damage_behind_the_data_is_refused_and_streaming_still_saves_the_files(file: Path, tmp_path: Path) -> None:
    inside = {"a": b"x" * 5_000, "b": b"y"}
    data = tight(seal(list(inside.items()), padding=False))
    behind = [region for region in regions(data) if region.name.startswith(AFTER)]
    assert len(behind) > 10
    for number, region in enumerate(behind):
        changed = spoilt(data, (region.start + region.stop) // 2)
        file.write_bytes(changed)
        with pytest.raises(TeraError) as caught:
            recover(file, [KEK], tmp_path / "out")
        assert not (tmp_path / "out").exists(), region.name
        if not {"bad_section", "not_canonical", "segment_commitment"} & {caught.value.code}:
            assert "--stream" in str(caught.value.hint), region.name
        _streamed(file, tmp_path / str(number), inside)


def test_a_container_without_an_end_is_refused_and_streaming_saves_what_came(file: Path, tmp_path: Path) -> None:
    inside = {"a": b"x" * 99, "noise": NOISE[: 2 * MIB], "z": b"z"}
    data = seal(list(inside.items()), padding=False)
    payload = front_of(data).length
    cuts = [payload, payload + 64, payload + 500_000, payload + s.BLOCK_SIZE * 2 + 64, len(data) - 5_000, len(data) - 1]
    seen = set()
    for number, cut in enumerate(cuts):
        file.write_bytes(data[:cut])
        error = refused("truncated", lambda: recover(file, [KEK], tmp_path / "out"))
        assert "--stream" in str(error.hint)
        assert not (tmp_path / "out").exists()
        saved = _streamed(file, tmp_path / str(number), inside)
        seen.add(frozenset(saved))
    assert seen == {frozenset(), frozenset({"a"}), frozenset(inside)}


def _streamed(file: Path, target: Path, inside: dict[str, bytes]) -> set[str]:
    """Stream a damaged container to a folder; return what is there: whole files only."""
    with open(file, "rb") as stream, pytest.raises(TeraError):
        decode(stream, target, [KEK], stream=True)
    saved = tree(target) if target.exists() else {}
    assert saved.items() <= inside.items()
    return set(saved)


def test_a_damaged_header_is_refused(file: Path, tmp_path: Path) -> None:
    data = tight(seal())
    front = [region for region in regions(data) if region.stop <= front_of(data).length]
    assert len(front) > 5
    for region in front:
        file.write_bytes(spoilt(data, region.start))
        with pytest.raises(TeraError):
            recover(file, [KEK], tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- backups ----------------------------------------------------------------------------------------


def test_an_interrupted_rewrap_is_undone_and_the_rest_saved(tmp_path: Path) -> None:
    data = interrupted(tmp_path)
    file = tmp_path / "c.tera"
    found = recover(file, [KEK], tmp_path / "out")
    assert found.restored
    assert found.salvaged == ("a.txt", "d/empty")
    assert file.read_bytes() == data
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.tera", "out"]


def test_without_a_backup_there_is_nothing_to_undo(whole: bytes, file: Path) -> None:
    file.write_bytes(whole)
    error = refused("bad_input", lambda: recover(file))
    assert "-C" in str(error.hint)
    assert file.read_bytes() == whole


def test_reading_acts_on_no_backup(tmp_path: Path) -> None:
    """Only `recover` does: half a header stays half a header."""
    interrupted(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 2
    for key in (KEK, OTHER_KEK):
        with pytest.raises(TeraError):
            Container(tmp_path / "c.tera", [key])
    refused("interrupted_rewrap", lambda: rewrap(tmp_path / "c.tera", [KEK], add=[OTHER_KEK], in_place=True))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_backup_that_is_not_whole_is_removed_and_nothing_else_done(file: Path) -> None:
    data = seal(signers=[SIGNER])
    backup = backup_of(data)
    pieces = [b"", backup[:1], backup[:22], backup[:-1], bytes(len(backup)), backup + b"\0", b"x" * BACKUP_MAX]
    pieces += [spoilt(backup, at) for at in (0, 30, 60, 70, len(backup) - 1)]
    for piece in pieces:
        file.write_bytes(data)
        Path(f"{file}{SUFFIX}").write_bytes(piece)
        assert opened_by_one(file.parent, data[-24:]) == (True, {"old"})
        assert file.read_bytes() == data


def fitted(bind: bytes, offset: int, section: bytes) -> bytes:
    """Return a backup whose hash fits, whatever else does not."""
    body = b"tera/v1/access-backup\0" + bind + offset.to_bytes(8, "big") + section
    return body + sha256(body)


def test_a_whole_backup_that_does_not_fit_is_refused_and_kept(file: Path) -> None:
    data = seal(signers=[SIGNER])
    front = front_of(data)
    section = backup_of(data)[62:-32]
    longer = section[:4] + (len(section) - 8 + 1).to_bytes(4, "big") + section[8:] + b"\0"
    cases = [
        backup_of(seal()),
        fitted(bytes(32), front.access_offset, section),
        fitted(front.bind, front.access_offset + 1, section),
        fitted(front.bind, 0, section),
        fitted(front.bind, 2**64 - 1, section),
        fitted(front.bind, front.access_offset, section[:-1]),
        fitted(front.bind, front.access_offset, section + b"\0"),
        fitted(front.bind, front.access_offset, longer),
        fitted(front.bind, front.access_offset, b""),
    ]
    file.write_bytes(data)
    beside = Path(f"{file}{SUFFIX}")
    for case in cases:
        beside.write_bytes(case)
        error = refused("bad_input", lambda: recover(file))
        assert "another container" in str(error)
        assert (beside.read_bytes(), file.read_bytes()) == (case, data)


def test_a_container_cut_inside_its_section_is_not_made_longer(file: Path) -> None:
    data = seal(signers=[SIGNER])
    cut = data[: front_of(data).length - 1]
    file.write_bytes(cut)
    Path(f"{file}{SUFFIX}").write_bytes(backup_of(data))
    refused("bad_input", lambda: recover(file))
    assert file.read_bytes() == cut


def test_what_no_rewrap_left_is_neither_followed_nor_removed(file: Path, tmp_path: Path) -> None:
    data = seal(signers=[SIGNER])
    file.write_bytes(data)
    beside = Path(f"{file}{SUFFIX}")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(backup_of(data))
    makers: list[tuple[str, Callable[[], object]]] = [
        ("symbolic link", lambda: beside.symlink_to(elsewhere)),
        ("symbolic link", lambda: beside.symlink_to("nowhere")),
        ("not a regular file", lambda: os.mkfifo(beside)),
        ("not a regular file", beside.mkdir),
        ("larger", lambda: beside.write_bytes(bytes(BACKUP_MAX + 1))),
    ]
    for words, make in makers:
        make()
        before = beside.lstat().st_ino
        error = refused("bad_input", lambda: recover(file, [KEK], tmp_path / "out"))
        assert words in str(error)
        assert beside.lstat().st_ino == before
        beside.rmdir() if beside.is_dir() else beside.unlink()
    assert file.read_bytes() == data
    assert elsewhere.exists()
    assert not (tmp_path / "out").exists()


def test_a_backup_of_a_file_that_is_not_there_stays(file: Path) -> None:
    beside = Path(f"{file}{SUFFIX}")
    for content in (b"", backup_of(seal())):
        beside.write_bytes(content)
        refused("input_unavailable", lambda: recover(file))
        assert beside.read_bytes() == content
    refused("input_unavailable", lambda: recover("nul\0byte"))


def test_only_the_section_is_written(file: Path) -> None:
    """A container that was damaged elsewhere meanwhile: the rest is not the recovery's business."""
    data = seal(signers=[SIGNER])
    front = front_of(data)
    torn = spoilt(data, front.access_offset + 20, front.length + 100, len(data) - 1)
    file.write_bytes(torn)
    Path(f"{file}{SUFFIX}").write_bytes(backup_of(data))
    assert recover(file).restored
    assert file.read_bytes() == spoilt(data, front.length + 100, len(data) - 1)
