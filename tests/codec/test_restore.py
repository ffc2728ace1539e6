"""Changes of a policy that a kill or a power cut cuts off: the old one holds, or the new one, never half of one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tera.codec.overwrite import POLICY
from tera.codec.recover import recover
from tera.errors import TeraError
from tera.policy.envelope import pack_policy, sign_envelope
from tests.codec import crashes
from tests.codec.repolicies import (
    FROZEN,
    STRANGER,
    SUFFIX,
    backup_of,
    interrupted,
    policy_of,
    policy_section,
    read,
    recovered,
    sealed,
    update,
    updated,
    version_after,
    with_policy,
)
from tests.codec.rewraps import backup_of as access_backup_of
from tests.codec.rewraps import refused
from tests.codec.sealed import front_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "c.tera"
    found.write_bytes(sealed())
    return found


# --- crashes ----------------------------------------------------------------------------------------


def test_a_kill_at_any_step_leaves_the_old_or_the_new_policy(tmp_path: Path) -> None:
    template = tmp_path / "template"
    template.mkdir()
    data = sealed()
    (template / "c.tera").write_bytes(data)
    folders = crashes.killed("tests.codec.repolicies:updated", template, tmp_path / "work")
    broken = [not _whole(folder / "c.tera") for folder in folders]
    states = [version_after(folder, data) for folder in folders]
    assert any(broken)  # else no kill has hit the write itself
    assert states[0] == (False, 1)
    assert states[-1] == (False, 2)
    assert {version for _, version in states} == {1, 2}
    # Once the new one is whole somebody may have seen it: a recovery does not take it back.
    assert [version for _, version in states] == sorted(version for _, version in states)
    assert (True, 2) in states


def _whole(file: Path) -> bool:
    try:
        read(file)
    except TeraError as error:
        return error.code == "rule_denied"
    return True


def test_a_power_cut_at_any_step_leaves_the_old_or_the_new_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sealed()
    home, there = tmp_path / "home", tmp_path / "there"
    for folder in (home, there):
        folder.mkdir()
    (home / "c.tera").write_bytes(data)
    steps = crashes.recorded(home, lambda: updated(home), monkeypatch)
    seen = []
    for files in crashes.cuts({"c.tera": data}, steps):
        for name, content in files.items():
            (there / name).write_bytes(content)
        seen.append(version_after(there, data))
    assert {version for _, version in seen} == {1, 2}
    assert sum(backup for backup, _ in seen) > 5
    assert seen[-1][1] == 2
    written = [step for step in steps if getattr(step, "data", None) == backup_of(data)]
    assert len(written) == 1  # the backup is the one of the text


def test_a_kill_at_any_step_of_a_recovery_is_recovered_from(tmp_path: Path) -> None:
    template = tmp_path / "template"
    template.mkdir()
    data = interrupted(template)
    folders = crashes.killed("tests.codec.repolicies:recovered", template, tmp_path / "work")
    assert len(folders) > 5
    for folder in folders:
        assert version_after(folder, data)[1] == 1


def test_a_power_cut_at_any_step_of_a_recovery_is_recovered_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, there = tmp_path / "home", tmp_path / "there"
    for folder in (home, there):
        folder.mkdir()
    data = interrupted(home)
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    steps = crashes.recorded(home, lambda: recovered(home), monkeypatch)
    states = list(crashes.cuts(before, steps))
    assert len(states) > 5
    for files in states:
        for name, content in files.items():
            (there / name).write_bytes(content)
        assert version_after(there, data)[1] == 1


# --- recovering -------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [0, 1, 9, 13, 60, 3_000, 6_000])
def test_half_a_policy_is_put_back(tmp_path: Path, part: int) -> None:
    data = interrupted(tmp_path, part)
    assert recover(tmp_path / "c.tera").policy == "restored"
    assert (tmp_path / "c.tera").read_bytes() == data


def test_a_newer_policy_that_is_whole_stays(file: Path) -> None:
    data = file.read_bytes()
    update(file, rules=FROZEN)
    after = file.read_bytes()
    Path(f"{file}{SUFFIX}").write_bytes(backup_of(data))
    found = recover(file)
    assert (found.policy, found.restored) == ("kept", False)
    assert (file.read_bytes(), list(file.parent.iterdir())) == (after, [file])


def test_a_newer_policy_that_is_forged_is_put_back(file: Path) -> None:
    data = file.read_bytes()
    front = front_of(data)
    assert front.policy is not None
    newer = sign_envelope(policy_of(data).envelope.__class__(**fields(policy_of(data).envelope)), [STRANGER])
    file.write_bytes(with_policy(data, pack_policy(newer, len(front.policy))))
    Path(f"{file}{SUFFIX}").write_bytes(backup_of(data))
    assert recover(file).policy == "restored"
    assert file.read_bytes() == data


def fields(envelope: Any) -> dict[str, Any]:
    found = {name: getattr(envelope, name) for name in envelope.__slots__}
    return {**found, "version": 9, "previous": b"x" * 32, "rules": None}


def test_a_backup_that_is_not_whole_is_removed(file: Path) -> None:
    data = file.read_bytes()
    beside = Path(f"{file}{SUFFIX}")
    for piece in (b"", backup_of(data)[:-1], backup_of(data) + b"\0"):
        beside.write_bytes(piece)
        assert recover(file).policy == "kept"
        assert (file.read_bytes(), list(file.parent.iterdir())) == (data, [file])


def test_the_backup_of_another_container_is_kept_and_not_written(file: Path) -> None:
    data = file.read_bytes()
    start, section = policy_section(data)
    front = front_of(data)
    beside = Path(f"{file}{SUFFIX}")
    backups: list[bytes] = [
        backup_of(sealed()),
        POLICY.pack(front.bind, start + 1, section),
        POLICY.pack(front.bind, start, section + section),
        POLICY.pack(front.bind, start, section[:-1]),
        POLICY.pack(front.bind, len(data), section),
        POLICY.pack(front.bind, 2**63, section),
        POLICY.pack(front.bind, start, b""),
        POLICY.pack(front.bind, start, section[:8] + bytes(len(section) - 8)),
    ]
    for backup in backups:
        beside.write_bytes(backup)
        error = refused("bad_input", lambda: recover(file))
        assert "belongs to another container" in str(error)
        assert (beside.read_bytes(), file.read_bytes()) == (backup, data)


def test_a_policy_of_another_length_is_not_written_over_what_follows(file: Path) -> None:
    """It is this container's, in a copy that has more room, or less."""
    data = file.read_bytes()
    body = pack_policy(policy_of(data))
    for length in (len(body) + 4_096, len(body) - 100):
        other = with_policy(data, pack_policy(policy_of(data), length))
        Path(f"{file}{SUFFIX}").write_bytes(backup_of(other))
        error = refused("bad_input", lambda: recover(file))
        assert "belongs to another container" in str(error)
        assert file.read_bytes() == data


def test_what_no_change_left_is_neither_followed_nor_removed(file: Path) -> None:
    beside = Path(f"{file}{SUFFIX}")
    makers: list[Callable[[], object]] = [
        lambda: beside.symlink_to("nowhere"),
        lambda: os.mkfifo(beside),
        lambda: beside.write_bytes(bytes(POLICY.longest + 1)),
    ]
    for make in makers:
        make()
        refused("interrupted_rewrap", lambda: update(file))
        refused("bad_input", lambda: recover(file))
        assert os.path.lexists(beside)
        beside.unlink()


def test_both_sections_are_recovered_the_policy_first(tmp_path: Path) -> None:
    """While POLICY is half written, what is behind it cannot be found."""
    data = interrupted(tmp_path)
    file = tmp_path / "c.tera"
    Path(f"{file}.tera-access").write_bytes(access_backup_of(data))
    found = recover(file)
    assert (found.policy, found.restored) == ("restored", True)
    assert (file.read_bytes(), list(tmp_path.iterdir())) == (data, [file])
