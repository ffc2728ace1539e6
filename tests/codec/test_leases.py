"""Leases: until one ends, its device opens without the network what it has opened before; and nobody else does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tera.codec.config import Config
from tera.codec.recipients import KeyEncryptionKey
from tera.codec.rewrap import rewrap
from tera.errors import ClockBehind, TeraError
from tera.format.signatures import signer_name
from tera.policy.blockfile import Kind
from tera.release.report import KIND, build_report
from tera.state.reader import MemoryReaderState
from tera.state.readerdb import SqliteReaderState
from tests.codec.gated import (
    ANN,
    BOB,
    DEVICE,
    DOORS,
    KEYS,
    NOW,
    OTHER_DEVICE,
    SECOND,
    Clock,
    Desk,
    Listed,
    authorities,
    config,
    dynamic,
    kinds_of,
    log_of,
    policy_of,
    refused,
    ruled,
    view,
    with_policy,
)
from tests.codec.sealed import KEK, OTHER_KEK, contents, front_of, opened, seal

OURS = "{'authorities': [KEYS.public]}"
RULES = (("offline_for", 600), ("opens", 3), ("rights", ["copy", "extract", "rewrap", "view"]))
DATA = ruled(*RULES, options=OURS)


class Laptop:
    """A device with a state of its own, the authority that it asks, and a clock that both look at."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.clock = Clock()
        self.desk = Desk(self.clock)
        self.folder = folder
        self.options = {"device_key": DEVICE, "lease": True, **options}
        self.state = SqliteReaderState(folder / "reader.db")

    def config(self, **changes: Any) -> Config:
        options = {"authorities": authorities(self.desk), "state": self.state, **self.options, **changes}
        return config(self.clock, **options)

    def open(self, data: bytes = DATA, *identities: Any, viewer: str = ANN, **changes: Any) -> Any:
        with opened(data, *identities, context=view(viewer), config=self.config(**changes)) as container:
            contents(container)
            return container

    def leave(self, seconds: float = 0) -> None:
        """Let time pass, and lose the network."""
        self.clock.now += seconds
        self.desk.down = True

    def files(self) -> bytes:
        return b"".join(one.read_bytes() for one in self.folder.iterdir())


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Laptop]:
    found = Laptop(tmp_path)
    yield found
    found.state.close()


# --- until it ends ------------------------------------------------------------------------------------------


def test_what_was_opened_once_opens_without_the_network_until_the_lease_ends(laptop: Laptop) -> None:
    assert laptop.open().receipts[0].lease == NOW + 600
    laptop.leave()
    for laptop.clock.now in (NOW, NOW + 300, NOW + 599.9):
        container = laptop.open()
        assert container.receipts[0].lease == NOW + 600
    laptop.clock.now = NOW + 600
    error = refused("lease_expired", laptop.open)
    assert error.exit == 15
    assert "connect to the authority" in (error.hint or "")
    refused("authority_unavailable", laptop.open)
    assert len(laptop.desk.asked) == 1


def test_every_door_opens_within_a_lease(laptop: Laptop, tmp_path: Path) -> None:
    laptop.open()
    laptop.leave(10)
    for name, door in DOORS.items():
        folder = tmp_path / name
        folder.mkdir()
        more = {"keys": [KEYS.public]} if name == "rewrap" else {}
        door(DATA, folder, [KEK], context=view(), config=laptop.config(), **more)
    assert kinds_of(laptop.state) == ["open", *[KIND] * len(DOORS)]


def test_a_lease_ends_before_another_rule_would_deny(laptop: Laptop) -> None:
    data = ruled(*RULES, ("time", {"end": NOW + 60}), options=OURS)
    assert laptop.open(data).receipts[0].lease == NOW + 60
    laptop.leave(60)
    refused("rule_denied", lambda: laptop.open(data), rule="time")


def test_when_a_lease_has_ended_the_authority_is_asked_again(laptop: Laptop) -> None:
    laptop.open()
    laptop.clock.now += 600
    assert laptop.open().receipts[0].lease == NOW + 1_200
    assert len(laptop.desk.asked) == 2
    laptop.leave(599)
    laptop.open()


def test_opens_within_a_lease_are_not_limited_and_not_counted(laptop: Laptop) -> None:
    laptop.open()
    laptop.leave()
    for _ in range(5):
        laptop.open()
    laptop.clock.now += 600
    laptop.desk.down = False
    assert laptop.open().receipts[0].left == 1


def test_who_asks_for_no_lease_has_none(laptop: Laptop) -> None:
    laptop.open(lease=False)
    laptop.leave()
    refused("authority_unavailable", laptop.open)


def test_rules_that_allow_no_lease_give_none(laptop: Laptop) -> None:
    data = ruled(("opens", 3), options=OURS)
    laptop.open(data)
    laptop.leave()
    refused("authority_unavailable", lambda: laptop.open(data))


def test_two_authorities_give_two_leases(laptop: Laptop) -> None:
    data = ruled(*RULES, options="{'authorities': [KEYS.public, SECOND.public]}")
    desks = [laptop.desk, Desk(laptop.clock, SECOND)]
    both = laptop.config(authorities=authorities(*desks))
    opened(data, context=view(), config=both).close()
    laptop.leave()
    desks[1].down = True
    opened(data, context=view(), config=both).close()
    found = [one for one in log_of(laptop.state) if one.kind == KIND]
    assert {one.subject for one in found} == {KEYS.fingerprint, SECOND.fingerprint}
    assert len({one.request for one in found}) == 2


# --- clocks -------------------------------------------------------------------------------------------------


def test_a_clock_that_was_set_back_opens_nothing(laptop: Laptop) -> None:
    laptop.open()
    laptop.leave(-1)
    with pytest.raises(ClockBehind):
        laptop.open()
    laptop.clock.now = NOW
    laptop.open()


def test_a_lease_is_not_made_longer_by_setting_the_clock_back_a_little_again_and_again(laptop: Laptop) -> None:
    laptop.open()
    laptop.leave(599)
    laptop.open()
    laptop.clock.now -= 2
    with pytest.raises(ClockBehind):
        laptop.open()
    laptop.desk.down = False
    with pytest.raises(ClockBehind):
        laptop.open()


# --- whose it is ----------------------------------------------------------------------------------------------


def copied(laptop: Laptop, folder: Path, **options: Any) -> Laptop:
    """Return another machine with a copy of the state."""
    laptop.state.close()
    shutil.copytree(laptop.folder, folder)
    other = Laptop(folder, **options)
    other.clock, other.desk = laptop.clock, laptop.desk
    return other


def test_a_copy_of_the_state_opens_nothing_on_another_machine(laptop: Laptop, tmp_path: Path) -> None:
    laptop.open()
    laptop.leave()
    refused("share_refused", copied(laptop, tmp_path / "2", device_key=OTHER_DEVICE).open)
    refused("authority_unavailable", copied(laptop, tmp_path / "3", device_key=None, lease=False).open)
    laptop.open()


def test_another_machine_with_the_state_asks_for_itself(laptop: Laptop, tmp_path: Path) -> None:
    laptop.open()
    other = copied(laptop, tmp_path / "2", device_key=OTHER_DEVICE)
    other.open()
    assert len(laptop.desk.asked) == 2
    other.leave()
    other.open()


def test_who_has_the_lease_and_not_the_key_opens_nothing(laptop: Laptop) -> None:
    laptop.open()
    laptop.leave()
    refused("no_key", lambda: laptop.open(DATA, OTHER_KEK))


def test_a_lease_is_its_viewers(laptop: Laptop) -> None:
    laptop.open()
    laptop.leave()
    refused("authority_unavailable", lambda: laptop.open(viewer=BOB))
    laptop.open()


def test_a_lease_is_its_containers(laptop: Laptop) -> None:
    laptop.open()
    laptop.leave()
    refused("authority_unavailable", lambda: laptop.open(seal(rules=RULES, authorities=[KEYS.public])))


def test_after_a_rewrap_the_authority_is_asked_again(laptop: Laptop, tmp_path: Path) -> None:
    """The key was split anew, and H_bind is the same: what the lease holds is worth nothing, and no error either."""
    path = tmp_path / "c.tera"
    path.write_bytes(DATA)
    laptop.open()
    third = KeyEncryptionKey(bytes(range(2, 34)), b"3")
    change: dict[str, Any] = {"recipients": [KEK, third], "authorities": [KEYS.public], "in_place": True}
    rewrap(path, [KEK], context=view(), config=laptop.config(), **change)
    laptop.open(path.read_bytes())
    laptop.leave()
    laptop.open(path.read_bytes())


# --- what is looked at as ever --------------------------------------------------------------------------------


def test_what_was_blocked_meanwhile_stays_closed(laptop: Laptop) -> None:
    laptop.open()
    laptop.leave()
    blocked = [Listed((Kind.BIND, front_of(DATA).bind))]
    refused("blocked", lambda: laptop.open(blocklists=blocked))
    laptop.open(blocklists=[Listed(version=2)])


def test_rules_are_decided_within_a_lease(laptop: Laptop) -> None:
    laptop.open()
    laptop.leave()
    refused("rule_denied", lambda: opened(DATA, context=view(action="print"), config=laptop.config()), rule="rights")


def test_a_policy_that_gives_leases_no_more_ends_them(laptop: Laptop) -> None:
    data = dynamic(*RULES, more="'authorities': [KEYS.public]")
    laptop.open(data)
    laptop.leave()
    laptop.open(data)
    frozen = with_policy(data, policy_of(data, ("opens", 0), version=3))
    refused("authority_unavailable", lambda: laptop.open(frozen))
    refused("policy_rollback", lambda: laptop.open(data))


# --- what is kept -----------------------------------------------------------------------------------------------


def test_a_lease_that_has_ended_is_erased_from_the_files(laptop: Laptop) -> None:
    laptop.open()
    kept = laptop.state.lease(front_of(DATA).bind, KEYS.fingerprint)
    assert kept is not None
    assert kept.wrapped in laptop.files()
    laptop.leave(600)
    refused("lease_expired", laptop.open)
    for secret in (kept.wrapped, kept.salt, kept.wrapped[:32]):
        assert secret not in laptop.files()
    assert laptop.state.lease(front_of(DATA).bind, KEYS.fingerprint) is None


def test_leases_of_containers_that_are_not_opened_again_are_erased_with_the_others(laptop: Laptop) -> None:
    laptop.open()
    other = ruled(*RULES, ("recipients", [ANN]), options=OURS)
    laptop.clock.now += 300
    laptop.open(other)
    kept = laptop.state.lease(front_of(DATA).bind, KEYS.fingerprint)
    assert kept is not None
    laptop.leave(600)
    refused("lease_expired", lambda: laptop.open(other))
    assert kept.wrapped not in laptop.files()


CHANGED = {
    "request": (100, {"authority_unavailable", "answer_swapped"}),
    "answer": (-1, {"answer_signature"}),
    "salt": (0, {"share_refused"}),
    "wrapped": (-1, {"share_refused"}),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_lease_that_was_changed_opens_nothing_and_is_replaced(laptop: Laptop, name: str) -> None:
    at, codes = CHANGED[name]
    laptop.open()
    kept = laptop.state.lease(front_of(DATA).bind, KEYS.fingerprint)
    assert kept is not None
    value = bytearray(getattr(kept, name))
    value[at] ^= 1
    changed = replace(kept, **{name: bytes(value)})
    laptop.state.keep_lease(front_of(DATA).bind, KEYS.fingerprint, changed, NOW + 600)
    laptop.leave()
    with pytest.raises(TeraError) as caught:
        laptop.open()
    assert caught.value.code in codes
    laptop.desk.down = False
    laptop.open()
    laptop.leave()
    laptop.open()


def test_a_state_in_memory_keeps_a_lease_as_long_as_it_lives(laptop: Laptop) -> None:
    state = MemoryReaderState()
    laptop.open(state=state)
    laptop.leave()
    laptop.open(state=state)
    refused("authority_unavailable", lambda: laptop.open(state=MemoryReaderState()))


# --- reports ------------------------------------------------------------------------------------------------------


def test_opens_within_a_lease_are_on_record_and_can_be_reported(laptop: Laptop) -> None:
    receipt = laptop.open().receipts[0]
    laptop.leave(10)
    laptop.open()
    laptop.clock.now += 5
    laptop.open()
    first, *leased = log_of(laptop.state)
    assert (first.kind, [one.kind for one in leased]) == ("open", [KIND, KIND])
    for one, at in zip(leased, (10, 15), strict=True):
        assert (one.time, one.viewer, one.bind) == (1_000 * (NOW + at), ANN, front_of(DATA).bind)
        assert (one.request, one.subject) == (receipt.request, KEYS.fingerprint)
        assert one.extra == {"act": "view", "dev": signer_name(DEVICE.public)}
    laptop.desk.down = False
    report = build_report(KEYS.fingerprint, DEVICE, 0, [one.pack() for one in leased])
    assert [laptop.desk.report(report) for _ in range(2)] == [2, 2]
    found = laptop.desk.events("reported")
    assert [one.extra["t"] for one in found] == [one.time for one in leased]
    device = signer_name(DEVICE.public)
    assert {(one.viewer, one.request, one.subject) for one in found} == {(ANN, receipt.request, device)}


def test_an_open_that_fails_within_a_lease_is_no_open(laptop: Laptop) -> None:
    laptop.open()
    laptop.leave()
    refused("truncated", lambda: laptop.open(DATA[:-1]))
    refused("no_key", lambda: laptop.open(DATA, OTHER_KEK))
    assert kinds_of(laptop.state) == ["open"]
