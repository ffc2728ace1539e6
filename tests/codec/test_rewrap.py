"""Rewrapping: nothing but the recipients changes, and no crash leaves a container that nobody opens."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tera.codec.inspect import digest, inspect
from tera.codec.reader import Container
from tera.codec.recipients import Passphrase, PrivateKey
from tera.codec.recover import recover
from tera.codec.rewrap import SUFFIX, backup_path, rewrap
from tera.crypto.random import system
from tera.errors import TeraError
from tests.codec.rewraps import THIRD_KEK, backup_of, openers, refused
from tests.codec.sealed import FILES, KEK, OTHER_KEK, SIGNER, contents, front_of, seal, tight

XWING = PrivateKey.generate(random=system)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "c.tera"
    found.write_bytes(seal(signers=[SIGNER]))
    return found


# --- what changes and what does not -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "opens", "groups"),
    [
        ({"recipients": [OTHER_KEK]}, {"new"}, 1),
        ({"recipients": [OTHER_KEK, THIRD_KEK]}, {"new", "third"}, 2),
        ({"recipients": [[OTHER_KEK, KEK]]}, set(), 1),
        ({"add": [OTHER_KEK]}, {"old", "new"}, 2),
        ({"add": [OTHER_KEK], "remove": [0]}, {"new"}, 1),
        ({"add": [OTHER_KEK, THIRD_KEK], "remove": [0, 0]}, {"new", "third"}, 2),
    ],
)
@pytest.mark.parametrize("in_place", [False, True])
def test_only_the_recipients_section_changes(
    file: Path, change: dict[str, Any], opens: set[str], groups: int, in_place: bool
) -> None:
    before, name = file.read_bytes(), digest(file)
    copy = file.with_name("copy")
    found = rewrap(file, [KEK], **change, **({"in_place": True} if in_place else {"output": copy}))
    after = file if in_place else copy
    old, new = front_of(before), front_of(after.read_bytes())
    assert (new.core, new.h_core, new.bind, new.prefix) == (old.core, old.h_core, old.bind, old.prefix)
    assert after.read_bytes()[new.length :] == before[old.length :]
    assert digest(after) == name
    assert openers(after) == opens
    assert len(found.stanzas) == groups
    assert found.stanzas == inspect(after).stanzas
    assert (found.in_place, found.size) == (in_place, after.stat().st_size)
    assert sorted(file.parent.iterdir()) == ([file] if in_place else [file, copy])
    if in_place:
        assert new.length == old.length
    else:
        assert file.read_bytes() == before


def test_the_groups_that_stay_keep_their_stanzas_and_move_up(file: Path) -> None:
    rewrap(file, [KEK], add=[OTHER_KEK, [XWING.public, THIRD_KEK]], in_place=True)
    before = front_of(file.read_bytes()).stanzas
    rewrap(file, [OTHER_KEK], remove=[0], in_place=True)
    after = front_of(file.read_bytes()).stanzas
    assert [one.group for one in before] == [0, 1, 2, 2]
    assert [one.group for one in after] == [0, 1, 1]
    assert [one.ct for one in after] == [one.ct for one in before[1:]]


def test_a_rewrapped_container_is_rewrapped_again(file: Path) -> None:
    for number in range(3):
        rewrap(file, [KEK if number % 2 == 0 else OTHER_KEK], recipients=[[OTHER_KEK, KEK][number % 2]], in_place=True)
        assert openers(file) == {["new", "old"][number % 2]}


def test_a_copy_makes_the_room_that_the_file_has_not(file: Path) -> None:
    many = [XWING.public] * 20
    before = file.read_bytes()
    error = refused("limit_exceeded", lambda: rewrap(file, [KEK], add=many, in_place=True))
    assert "-o" in str(error.hint)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
    copy = file.with_name("copy")
    assert len(rewrap(file, [KEK], add=many, output=copy).stanzas) == 21
    assert front_of(copy.read_bytes()).length % 4_096 == 0
    with Container(copy, [XWING]) as container:
        assert contents(container) == dict(FILES)


def test_a_section_without_room_for_another_takes_a_replacement(tmp_path: Path) -> None:
    file = tmp_path / "c.tera"
    file.write_bytes(tight(seal(signers=[SIGNER]), slack=0))
    refused("limit_exceeded", lambda: rewrap(file, [KEK], add=[OTHER_KEK], in_place=True))
    rewrap(file, [KEK], recipients=[OTHER_KEK], in_place=True)
    assert openers(file) == {"new"}


# --- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"recipients": []},
        {"recipients": [[]]},
        {"recipients": [OTHER_KEK], "add": [THIRD_KEK]},
        {"recipients": [OTHER_KEK], "remove": [0]},
        {"remove": [0]},
        {"remove": [1]},
        {"remove": [-1], "add": [OTHER_KEK]},
        {"add": [[]]},
        {"add": [[OTHER_KEK] * 9]},
        {"recipients": [OTHER_KEK] * 1_025},
        {"add": [OTHER_KEK] * 1_024},
    ],
)
@pytest.mark.parametrize("in_place", [False, True])
def test_a_change_that_leaves_no_good_container_is_refused(file: Path, change: dict[str, Any], in_place: bool) -> None:
    before = file.read_bytes()
    where = {"in_place": True} if in_place else {"output": file.with_name("copy")}
    codes = {"bad_input", "limit_exceeded"} if in_place and len(change.get("add", ())) > 9 else {"bad_input"}
    with pytest.raises(TeraError) as caught:
        rewrap(file, [KEK], **change, **where)
    assert caught.value.code in codes
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_fifth_passphrase_is_refused_before_anything_is_written(file: Path) -> None:
    words = [Passphrase(f"word {number}", cost=(19_456, 1, 1)) for number in range(5)]
    rewrap(file, [KEK], add=words[:3], in_place=True)
    before = file.read_bytes()
    refused("bad_input", lambda: rewrap(file, [KEK], add=words[3:], in_place=True))
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_rewrap_goes_to_one_place(file: Path) -> None:
    for where in ({}, {"output": file.with_name("copy"), "in_place": True}):
        refused("bad_input", partial(rewrap, file, [KEK], add=[OTHER_KEK], **where))  # type: ignore[arg-type]
    assert list(file.parent.iterdir()) == [file]


def test_the_file_itself_is_no_copy(file: Path) -> None:
    link, name = file.with_name("link"), file.with_name("name")
    link.symlink_to(file)
    os.link(file, name)
    for output in (file, link, name):
        refused("bad_input", partial(rewrap, file, [KEK], add=[OTHER_KEK], output=output, force=True))


def test_a_copy_that_is_there_is_kept_unless_forced(file: Path) -> None:
    copy = file.with_name("copy")
    copy.write_bytes(b"old")
    refused("output_exists", lambda: rewrap(file, [KEK], add=[OTHER_KEK], output=copy))
    assert copy.read_bytes() == b"old"
    rewrap(file, [KEK], add=[OTHER_KEK], output=copy, force=True)
    assert openers(copy) == {"old", "new"}


def test_a_file_with_several_links_is_not_changed_in_place(file: Path) -> None:
    before = file.read_bytes()
    os.link(file, file.with_name("other"))
    refused("bad_input", lambda: rewrap(file, [KEK], add=[OTHER_KEK], in_place=True))
    assert file.read_bytes() == before
    assert not os.path.lexists(backup_path(str(file)))
    file.with_name("other").unlink()
    rewrap(file, [KEK], add=[OTHER_KEK], in_place=True)


def test_who_can_not_open_can_not_rewrap(file: Path) -> None:
    before = file.read_bytes()
    for identities, code in (([], "no_key"), ([THIRD_KEK], "no_key"), ([XWING], "no_key")):
        refused(code, partial(rewrap, file, identities, add=[THIRD_KEK], in_place=True))
    assert file.read_bytes() == before


@pytest.mark.parametrize("keep", [0, 7, 15, 60, 200, 4_095, 4_096, 5_000, -1])
def test_a_truncated_container_gets_no_new_header(file: Path, keep: int) -> None:
    data = file.read_bytes()[:keep]
    file.write_bytes(data)
    for where in ({"in_place": True}, {"output": file.with_name("copy")}):
        with pytest.raises(TeraError) as caught:
            rewrap(file, [KEK], add=[OTHER_KEK], **where)
        assert caught.value.code == ("truncated" if keep > 7 or keep < 0 else "not_tera")
    assert file.read_bytes() == data
    assert list(file.parent.iterdir()) == [file]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "absent", "nul\0byte"):
        refused("input_unavailable", partial(rewrap, path, [KEK], add=[OTHER_KEK], in_place=True))


# --- others, and links ------------------------------------------------------------------------------


def test_a_backup_that_is_there_stops_every_rewrap(file: Path) -> None:
    beside = Path(backup_path(str(file)))
    before = file.read_bytes()
    makers: list[Callable[[], object]] = [
        lambda: beside.write_bytes(b""),
        lambda: beside.write_bytes(backup_of(before)),
        lambda: beside.symlink_to("nowhere"),
        lambda: os.mkfifo(beside),
        beside.mkdir,
    ]
    for make in makers:
        make()
        for where in ({"in_place": True}, {"output": file.with_name("copy")}):
            error = refused("interrupted_rewrap", partial(rewrap, file, [KEK], add=[OTHER_KEK], **where))
            assert "tera recover" in str(error.hint)
        beside.rmdir() if beside.is_dir() else beside.unlink()
    assert file.read_bytes() == before


def test_a_link_is_followed_and_the_backup_lies_beside_the_file(file: Path, tmp_path: Path) -> None:
    """Beside the link it would be lost on whoever opens the file by its own name."""
    folder = tmp_path / "links"
    folder.mkdir()
    link = folder / "l.tera"
    link.symlink_to(file)
    rewrap(link, [KEK], add=[OTHER_KEK], in_place=True)
    assert link.is_symlink()
    assert openers(file) == {"old", "new"}
    data = file.read_bytes()
    Path(f"{file}{SUFFIX}").write_bytes(backup_of(data))
    refused("interrupted_rewrap", lambda: rewrap(link, [KEK], remove=[1], in_place=True))
    assert recover(link).restored
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.tera", "links"]


@pytest.mark.parametrize("what", ["rewrapped", "replaced"])
def test_a_file_that_changes_meanwhile_is_not_overwritten(file: Path, what: str) -> None:
    """Between reading and writing somebody else rewraps it, or puts another file in its place."""
    other = seal([("z", b"another")], recipients=[KEK, OTHER_KEK])

    class Slow:
        def unwrap(self, stanza: Any, bind: bytes) -> bytes | None:
            if what == "rewrapped":
                rewrap(file, [KEK], recipients=[THIRD_KEK], in_place=True)
            else:
                file.with_name("new").write_bytes(other)
                file.with_name("new").replace(file)
            return KEK.unwrap(stanza, bind)

    refused("input_changed", lambda: rewrap(file, [Slow()], recipients=[OTHER_KEK], in_place=True))
    assert list(file.parent.iterdir()) == [file]
    if what == "rewrapped":
        assert openers(file) == {"third"}
    else:
        assert file.read_bytes() == other
