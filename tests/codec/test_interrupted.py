"""Rewraps and recoveries that a kill, a power cut or a full disk cuts off: some recipients open it, never none."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tera.codec.rewrap import BACKUP_MAX, front_section, parse_backup, rewrap
from tera.errors import TeraError
from tera.format import limits
from tests.codec import crashes
from tests.codec.rewraps import backup_of, interrupted, opened_by_one, openers, recovered, replaced
from tests.codec.sealed import KEK, OTHER_KEK, SIGNER, front_of, seal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "c.tera"
    found.write_bytes(seal(signers=[SIGNER]))
    return found


# --- crashes ----------------------------------------------------------------------------------------


def test_a_kill_at_any_step_leaves_the_old_or_the_new_recipients(tmp_path: Path) -> None:
    template = tmp_path / "template"
    template.mkdir()
    data = seal(signers=[SIGNER])
    (template / "c.tera").write_bytes(data)
    folders = crashes.killed("tests.codec.rewraps:replaced", template, tmp_path / "work")
    broken = sum(not _opens(folder / "c.tera") for folder in folders)
    states = [opened_by_one(folder, data[front_of(data).length :]) for folder in folders]
    assert broken  # else no kill has hit the write itself
    assert states[0] == (False, {"old"})
    assert states[-1] == (False, {"new"})
    assert {opens for _, (opens,) in states} == {"old", "new"}
    assert all(opens == {"old"} for there, opens in states if there)


def _opens(file: Path) -> bool:
    try:
        return bool(openers(file))
    except AssertionError:  # neither "no key" nor opened: half a section
        return False


def test_a_power_cut_at_any_step_leaves_the_old_or_the_new_recipients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = seal(signers=[SIGNER])
    home, there = tmp_path / "home", tmp_path / "there"
    for folder in (home, there):
        folder.mkdir()
    (home / "c.tera").write_bytes(data)
    steps = crashes.recorded(home, lambda: replaced(home), monkeypatch)
    seen = []
    for files in crashes.cuts({"c.tera": data}, steps):
        for name, content in files.items():
            (there / name).write_bytes(content)
        seen.append(opened_by_one(there, data[front_of(data).length :]))
    assert {opens for _, (opens,) in seen} == {"old", "new"}
    assert sum(backup for backup, _ in seen) > 5
    assert seen[-1][1] == {"new"}
    assert steps[-1] == crashes.Sync(None)  # else the backup may come back, and with it the old recipients


def test_the_backup_is_the_one_of_the_text(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = file.read_bytes()
    steps = crashes.recorded(file.parent, lambda: replaced(file.parent), monkeypatch)
    written = [step for step in steps if getattr(step, "data", None) == backup_of(data)]
    assert len(written) == 1
    assert parse_backup(backup_of(data)) == (
        front_of(data).bind,
        front_of(data).access_offset,
        front_section(front_of(data)),
    )
    assert len(backup_of(data)) - len(front_of(data).access_body) + limits.ACCESS == BACKUP_MAX


def test_a_kill_at_any_step_of_a_recovery_is_recovered_from(tmp_path: Path) -> None:
    template = tmp_path / "template"
    template.mkdir()
    data = interrupted(template)
    folders = crashes.killed("tests.codec.rewraps:recovered", template, tmp_path / "work")
    assert len(folders) > 5
    for folder in folders:
        assert opened_by_one(folder, data[front_of(data).length :])[1] == {"old"}
        assert (folder / "c.tera").read_bytes() == data


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
        opened_by_one(there, data[front_of(data).length :])
        assert (there / "c.tera").read_bytes() == data


# --- full disks -------------------------------------------------------------------------------------

LIMITED = """
import resource, signal, sys
from tests.codec.rewraps import replaced
from pathlib import Path
from tera.errors import TeraError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    replaced(Path(sys.argv[1]))
except TeraError as error:
    print(error.code)
"""


def limited(folder: Path, room: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(folder), str(room)],
        cwd=crashes.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("room", [0, 1_000])
def test_a_full_disk_leaves_the_old_container_and_nothing_beside(file: Path, room: int) -> None:
    before = file.read_bytes()
    assert limited(file.parent, room) == "output_unavailable\n"
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_write_that_fails_halfway_is_recovered_from(tmp_path: Path) -> None:
    """The backup fits below the limit, the section behind a long CORE does not."""
    file = tmp_path / "c.tera"
    data = seal(signers=[SIGNER], public_tags=[f"{number:0128}" for number in range(8)])
    front = front_of(data)
    room = front.length - 100
    assert len(backup_of(data)) < room
    file.write_bytes(data)
    assert limited(tmp_path, room) == "output_unavailable\n"
    assert file.read_bytes() != data
    assert opened_by_one(tmp_path, data[front.length :]) == (True, {"old"})
    assert file.read_bytes() == data


def test_a_full_disk_below_a_copy_leaves_nothing(file: Path) -> None:
    before = file.read_bytes()
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, old[1]))
        with pytest.raises(TeraError) as caught:
            rewrap(file, [KEK], add=[OTHER_KEK], output=file.with_name("copy"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.code == "output_unavailable"
    assert list(file.parent.iterdir()) == [file]
    assert file.read_bytes() == before
