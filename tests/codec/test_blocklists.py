"""Block lists in files: each version follows the one before, by its issuer, whole or not at all."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tera.codec import source
from tera.codec.blocklists import Item, Written, change_blocklist, create_blocklist
from tera.codec.config import BlockListFile
from tera.codec.source import FileSource
from tera.crypto.signing import SigningKey
from tera.errors import TeraError
from tera.format.signatures import signer_name
from tera.policy.blockfile import ID, Kind, blocked_id, build_blocklist
from tera.policy.marks import Mark, MarkKey
from tera.state.reader import MemoryReaderState
from tests.codec import crashes
from tests.codec.rewraps import refused

KEY, OTHER = SigningKey(bytes((41,)) * 64), SigningKey(bytes((42,)) * 64)
ISSUER = signer_name(KEY.public)
NOW = 1_800_000_000
DAY = 86_400
LIST = b"l" * 16
A, B, C = (Item(name, ((Kind.DIGEST, name.encode() * 32),)) for name in "abc")
PAIR = Item("pair", ((Kind.CONTAINER, b"p" * 16), (Kind.BIND, b"q" * 32)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "l.terb"
    create_blocklist(found, KEY, list_id=LIST, clock=lambda: NOW)
    return found


def change(file: Path, key: SigningKey = KEY, now: int = NOW + 10, **options: Any) -> Written:
    return change_blocklist(file, key, clock=lambda: now, **options)


def on(file: Path, now: int = NOW + 20, stale: Any = "refuse") -> set[str]:
    """Return what the list blocks, as a reader finds it; checks that it is nothing else."""
    with BlockListFile(file, [ISSUER], stale).open(now, {}) as found:
        ids = set(found.ids())
        names = {item.label for item in (A, B, C, PAIR) if any(found.contains(*one) for one in item.names)}
    known = {blocked_id(*one) for item in (A, B, C, PAIR) for one in item.names}
    assert ids <= known
    return names


# --- versions ---------------------------------------------------------------------------------------


def test_a_new_list_blocks_nothing_and_holds(file: Path) -> None:
    assert on(file) == set()
    with BlockListFile(file, [ISSUER]).open(NOW, {}) as found:
        assert (found.head.version, found.head.list_id) == (1, LIST)
        assert found.head.expires == NOW + 30 * DAY


def test_a_list_without_an_id_draws_one(tmp_path: Path) -> None:
    ids = {create_blocklist(tmp_path / f"{number}", KEY).head.list_id for number in range(2)}
    assert len(ids) == 2


def test_each_change_is_the_next_version(file: Path) -> None:
    steps: list[tuple[dict[str, Any], set[str]]] = [
        ({"add": [A, B]}, {"a", "b"}),
        ({"add": [PAIR, C], "remove": [A]}, {"b", "c", "pair"}),
        ({"remove": [PAIR]}, {"b", "c"}),
        ({"remove": [B, C]}, set()),
        ({"renew": True}, set()),
    ]
    for version, (what, names) in enumerate(steps, 2):
        found = change(file, now=NOW + version, **what)
        assert on(file) == names
        head = found.head
        assert (head.version, head.list_id, head.issued) == (version, LIST, NOW + version)
        assert head.expires - head.issued == 30 * DAY  # as the version before
        assert found.marks == {MarkKey("blocklist", ISSUER, LIST): Mark(version, head.hash)}
        assert list(file.parent.iterdir()) == [file]
    assert change(file, renew=True, valid_for=7).head.expires == NOW + 10 + 7


def test_what_is_there_already_is_told_and_no_version_is_made_of_it(file: Path) -> None:
    change(file, add=[A])
    before = file.read_bytes()
    found = change(file, add=[A])
    assert (found.changed, found.same, found.marks, found.head.version) == ((), (A,), {}, 2)
    assert file.read_bytes() == before
    found = change(file, add=[A, B])
    assert (found.changed, found.same, found.head.version) == ((B,), (A,), 3)
    assert change(file, add=[A], valid_for=DAY).head.version == 4


def test_a_part_of_an_item_is_completed_and_removed(file: Path) -> None:
    part = Item("part", PAIR.names[:1])
    change(file, add=[part])
    assert change(file, add=[PAIR]).changed == (PAIR,)
    change(file, remove=[part])
    assert change(file, remove=[PAIR]).changed == (PAIR,)
    assert on(file) == set()


def test_what_is_not_there_is_not_removed_and_nothing_else_is(file: Path) -> None:
    change(file, add=[A])
    before = file.read_bytes()
    error = refused("no_such_entry", lambda: change(file, remove=[A, B, C]))
    assert str(error) == "b is not on the list, nor are 1 others; nothing was changed"
    assert file.read_bytes() == before


def test_a_list_that_has_expired_is_renewed_by_its_issuer(file: Path) -> None:
    late = NOW + 31 * DAY
    with pytest.raises(TeraError) as caught:
        on(file, late)
    assert caught.value.code == "stale_blocklist"
    change(file, now=late, add=[A])
    assert on(file, late) == {"a"}


def test_a_clock_that_is_a_little_behind_makes_no_older_version(file: Path) -> None:
    assert change(file, now=NOW - 200, add=[A]).head.issued == NOW
    refused("clock_behind", lambda: change(file, now=NOW - 301, add=[B]))


# --- what is refused --------------------------------------------------------------------------------


def test_another_key_changes_nothing(file: Path) -> None:
    before = file.read_bytes()
    error = refused("blocklist_issuer", lambda: change(file, OTHER, add=[A]))
    assert "only its issuer" in str(error.hint)
    assert file.read_bytes() == before


def test_a_list_that_was_changed_on_its_way_is_not_signed_anew(file: Path) -> None:
    change(file, add=[A, B])
    data = file.read_bytes()
    for place, code in ((39, "blocklist_signature"), (-1, "blocklist_digest"), (-4 * ID, "blocklist_digest")):
        at = len(data) + place if place < 0 else place
        file.write_bytes(data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :])
        refused(code, lambda: change(file, add=[C]))
    file.write_bytes(data[:-1])
    refused("bad_blocklist", lambda: change(file, add=[C]))
    refused("input_unavailable", lambda: change(file.with_name("absent"), add=[C]))


def test_a_page_that_no_look_up_would_read_is_verified_too(file: Path) -> None:
    many = [Item(str(number), ((Kind.DIGEST, number.to_bytes(32, "big")),)) for number in range(1_000)]
    change(file, add=many)
    data = file.read_bytes()
    file.write_bytes(data[:-2_000] + bytes((data[-2_000] ^ 1,)) + data[-1_999:])
    refused("blocklist_digest", lambda: change(file, add=[A]))


def test_a_list_that_is_there_is_not_made_anew(file: Path) -> None:
    before = file.read_bytes()
    error = refused("output_exists", lambda: create_blocklist(file, KEY))
    assert "blocklist add" in str(error.hint)
    assert file.read_bytes() == before
    for options in ({"list_id": b"x"}, {"valid_for": 0}, {"valid_for": 1 << 60}):
        wrong: dict[str, Any] = options
        refused("bad_input", lambda wrong=wrong: create_blocklist(file.with_name("new"), KEY, **wrong))  # type: ignore[misc]
    assert list(file.parent.iterdir()) == [file]


def test_an_old_copy_is_not_changed_where_a_newer_one_was_seen(file: Path) -> None:
    """Its next version would be another list under a number that has been seen."""
    old, state = file.read_bytes(), MemoryReaderState()
    for item in (A, B):
        state.raise_marks(change(file, add=[item], marks=state).marks)
    file.write_bytes(old)
    error = refused("blocklist_rollback", lambda: change(file, add=[C], marks=state))
    assert "--lost" in str(error.hint)
    assert file.read_bytes() == old
    found = change(file, add=[C], marks=state, lost=True)
    assert (found.head.version, on(file)) == (4, {"c"})
    state.raise_marks(found.marks)
    with BlockListFile(file, [ISSUER]).open(NOW + 20, state):
        pass
    other = build_blocklist([], KEY, list_id=LIST, version=4, issued=NOW, expires=NOW + DAY)
    file.write_bytes(other)
    refused("blocklist_rollback", lambda: change(file, add=[C], marks=state))
    assert change(file, add=[C], marks=state, lost=True).head.version == 5


# --- two writers ------------------------------------------------------------------------------------


def test_a_second_writer_is_refused_while_the_first_is_at_work(file: Path) -> None:
    def slow() -> Iterable[Item]:
        refused("input_changed", lambda: change(file, add=[B]))
        yield A

    change(file, add=slow())
    assert on(file) == {"a"}
    change(file, add=[B])
    assert on(file) == {"a", "b"}


def test_a_writer_that_has_opened_the_version_before_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the lock of a file that has no name any more."""

    def open_path(name: str) -> FileSource:
        found = source.open_path(name)
        monkeypatch.undo()
        change(file, add=[A])
        return found

    monkeypatch.setattr("tera.codec.blocklists.open_path", open_path)
    refused("input_changed", lambda: change(file, add=[B]))
    assert on(file) == {"a"}


def test_a_lock_of_somebody_else_is_waited_for_by_nobody(file: Path) -> None:
    with open(file, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused("input_changed", lambda: change(file, add=[A]))
    change(file, add=[A])


def test_a_link_stays_a_link(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    change(link, add=[A])
    assert link.is_symlink()
    assert on(file) == on(link) == {"a"}


# --- crashes ----------------------------------------------------------------------------------------


def added(folder: Path) -> None:
    """The operation that is killed."""
    change(folder / "l.terb", add=[A])


def test_a_kill_at_any_step_leaves_the_old_version_or_the_new(file: Path, tmp_path: Path) -> None:
    template = tmp_path / "template"
    template.mkdir()
    os.rename(file, template / file.name)
    folders = crashes.killed("tests.codec.test_blocklists:added", template, tmp_path / "work")
    found = [on(folder / file.name) for folder in folders]
    assert len(found) > 3
    assert (found[0], found[-1]) == (set(), {"a"})
    for folder in folders:
        change(folder / file.name, add=[B])
        assert "b" in on(folder / file.name)
