"""Rules decide before anything leaves, by every door; opens are counted once; what was denied stays denied."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tera.codec.config import PLAIN
from tera.codec.decode import decode
from tera.codec.extract import extract
from tera.codec.gate import Gate
from tera.codec.inspect import digest, inspect, verify
from tera.codec.nowhere import Nowhere
from tera.codec.reader import Container
from tera.codec.recipients import PrivateKey
from tera.errors import ClockBehind, InputChanged, RuleDenied, TeraError
from tera.format.core import StaticRules
from tera.format.rules import Rule
from tera.format.signatures import signer_name
from tera.policy.context import Context
from tera.policy.places import Place
from tera.state.reader import MemoryReaderState, Opens
from tera.state.readerdb import SqliteReaderState
from tests.codec.forged import CORE, File, forge
from tests.codec.gated import (
    ANN,
    BOB,
    DEVICE,
    DOORS,
    NOW,
    OTHER_DEVICE,
    Clock,
    config,
    kinds_of,
    log_of,
    refused,
    ruled,
    view,
    written,
)
from tests.codec.sealed import KEK, OTHER_KEK, SIGNER, contents, front_of, opened, pipe, seal

SEALED = "{'sealed_rules': True}"
SIGNED = "{'signers': [SIGNER]}"
XWING = PrivateKey(1, b"x" * 32)


# --- doors and actions ------------------------------------------------------------------------------------

ACTIONS = {
    "open": "view",
    "decode": "extract",
    "pipe": "extract",
    "stream": "extract",
    "verify": "view",
    "rewrap": "rewrap",
    "recover": "extract",
}


@pytest.mark.parametrize("options", ["{}", SEALED])
@pytest.mark.parametrize("door", DOORS)
def test_every_door_asks_for_its_right(door: str, options: str, tmp_path: Path) -> None:
    own = ACTIONS[door]
    others = sorted({"copy", "extract", "print", "rewrap", "view"} - {own})
    denied = ruled(("rights", others), options=options)
    refused("rule_denied", lambda: DOORS[door](denied, tmp_path, [KEK]), rule="rights")
    assert written(tmp_path) == []
    DOORS[door](ruled(("rights", [own]), options=options), tmp_path, [KEK])


@pytest.mark.parametrize("options", ["{}", SEALED])
@pytest.mark.parametrize("door", DOORS)
def test_what_may_only_be_viewed_is_shown_and_not_given_out(door: str, options: str, tmp_path: Path) -> None:
    data = ruled(("downloadable", False), options=options)
    if ACTIONS[door] == "view":
        DOORS[door](data, tmp_path, [KEK])
    else:
        refused("rule_denied", lambda: DOORS[door](data, tmp_path, [KEK]), rule="downloadable")
        assert written(tmp_path) == []


def test_a_container_that_is_open_for_viewing_is_not_extracted_and_goes_on_being_viewed() -> None:
    for rules in ([("downloadable", False)], [("entry", [["a.txt", "downloadable", False]])]):
        with opened(ruled(*rules)) as container:
            with pytest.raises(RuleDenied, match="viewed only"):
                extract(container, Nowhere())
            assert container.read("a.txt")
            assert container.read_range("a.txt", 0, 5) == b"hello"


def test_a_rule_that_is_not_known_is_refused_before_anything_is_decided(tmp_path: Path) -> None:
    core = replace(CORE, rules=StaticRules((Rule("opens", 0), Rule("zodiac", ["leo"]))))
    for door in DOORS.values():
        refused("unsupported_rule", partial(door, forge(File("a"), core=core), tmp_path, [KEK]))
    assert written(tmp_path) == []


# --- what is known of the caller --------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["{}", SEALED])
def test_what_is_known_of_the_caller_decides_and_what_is_not_known_denies(options: str) -> None:
    cases: dict[str, tuple[Any, Context, Context]] = {
        "recipients": ([ANN], view(ANN), view(BOB)),
        "ip": ({"allow": ["10.0.0.0/8"]}, Context(ip="10.1.2.3"), Context(ip="11.1.2.3")),
        "geo": ({"allow": ["/DE//"]}, Context(place=Place(country="DE")), Context(place=Place(country="FR"))),
        "mac": ({"allow": ["00:1a:2b:3c:4d:5e"]}, Context(macs=frozenset(["00:1a:2b:3c:4d:5e"])), Context()),
        "obligations": ({"watermark": {}}, Context(fulfilled=frozenset(["watermark"])), Context()),
    }
    for rule, (value, allowed, denied) in cases.items():
        data = ruled((rule, value), options=options)
        opened(data, context=allowed).close()
        for context in (denied, Context()):
            refused("rule_denied", lambda: opened(data, context=context), rule=rule)  # noqa: B023


def test_a_device_is_the_one_whose_key_is_configured_and_never_one_that_is_only_named() -> None:
    data = ruled(("device", {"allow": [signer_name(DEVICE.public)]}))
    opened(data, config=config(device_key=DEVICE)).close()
    said = Context(device=signer_name(DEVICE.public), device_proven=True)
    for context, options in ((said, config()), (said, config(device_key=OTHER_DEVICE))):
        refused("rule_denied", lambda: opened(data, context=context, config=options), rule="device")  # noqa: B023


@pytest.mark.parametrize("options", [SIGNED, "{'signers': [SIGNER], 'sealed_rules': True}"])
def test_a_signature_counts_if_its_signer_was_pinned_or_is_configured(options: str) -> None:
    data, name = ruled(("require_signature", True), options=options), signer_name(SIGNER.public)
    opened(data, signers=[name]).close()
    opened(data, config=config(signers=frozenset([name]))).close()
    refused(
        "rule_denied", lambda: opened(data, config=config(signers=frozenset([bytes(32)]))), rule="require_signature"
    )
    refused("rule_denied", lambda: opened(data, context=Context(signed=True)), rule="require_signature")


def test_a_caller_cannot_say_what_the_gate_finds_out_itself() -> None:
    context = Context(opens=0, first_open=NOW, blocklist_age=0, signed=True, path="d/empty")
    for rule, value in (("opens", 3), ("first_open_for", 60), ("require_fresh_blocklist", True)):
        refused("rule_denied", lambda: opened(ruled((rule, value)), context=context), rule=rule)  # noqa: B023


# --- entries ----------------------------------------------------------------------------------------------

ENTRY = ("entry", [["d/**", "recipients", [ANN]], ["d/**", "rights", ["view"]]])


@pytest.mark.parametrize("options", ["{}", SEALED])
def test_the_rules_of_an_entry_are_decided_before_a_byte_of_it(options: str) -> None:
    data = ruled(ENTRY, options=options)
    with opened(data) as container:
        assert container.paths == ["a.txt", "d/empty"]
        assert container.read("a.txt")
        entry = container.entry("d/empty")
        ways: list[Any] = [
            lambda: container.read("d/empty"),
            lambda: container.read_range("d/empty", 0, 1),
            lambda: container.open("d/empty"),
            lambda: container.copy_to("d/empty", io.BytesIO()),
            lambda: container.frames(entry),
            lambda: container.frame(entry, 0),
        ]
        for way in ways:
            error = refused("rule_denied", way, match="'d/empty'", rule="entry.recipients")
            assert ANN not in str(error)
    assert opened(data, context=view(ANN)).read("d/empty") == b""


@pytest.mark.parametrize("options", ["{}", SEALED])
def test_a_denied_entry_stops_an_extraction_before_anything_is_written(options: str, tmp_path: Path) -> None:
    data = ruled(ENTRY, options=options)
    for source in (io.BytesIO(data), pipe(data)):
        refused("rule_denied", lambda: decode(source, tmp_path, [KEK], context=view(ANN)), rule="entry.rights")  # noqa: B023
        assert written(tmp_path) == []
    decode(io.BytesIO(data), tmp_path / "1", [KEK], names=["a.txt"])
    decode(pipe(data), tmp_path / "2", [KEK], names=["a.txt"], stream=True)
    assert written(tmp_path) == ["1", "2", "a.txt", "a.txt"]


def test_a_stream_stops_at_the_entry_that_is_denied(tmp_path: Path) -> None:
    refused("rule_denied", lambda: decode(pipe(ruled(ENTRY)), tmp_path, [KEK], stream=True), rule="entry.recipients")
    assert not (tmp_path / "d" / "empty").exists()


# --- time -------------------------------------------------------------------------------------------------


def test_time_is_that_of_the_configuration_and_is_looked_at_for_every_entry() -> None:
    clock, data = Clock(), ruled(("time", {"start": NOW, "end": NOW + 10}))
    with opened(data, config=config(clock)) as container:
        assert container.decision.until == NOW + 10
        for clock.now in (NOW + 9.9, NOW - 1, NOW + 10):
            if clock.now == NOW + 9.9:
                assert container.read("a.txt")
            else:
                refused("rule_denied", lambda: container.read("a.txt"), rule="time")
    for clock.now in (NOW - 0.1, NOW + 10):
        refused("rule_denied", lambda: opened(data, config=config(clock)), rule="time")


def test_a_clock_that_was_set_back_opens_nothing_that_has_rules() -> None:
    clock, state = Clock(), MemoryReaderState()
    data = ruled(("time", {"end": NOW + 10}))
    clock.now = NOW + 1_000
    refused("rule_denied", lambda: opened(data, config=config(clock, state=state)), rule="time")
    clock.now = NOW
    with pytest.raises(ClockBehind):
        opened(data, config=config(clock, state=state))
    opened(seal(), config=config(clock, state=state)).close()


# --- opens ------------------------------------------------------------------------------------------------


def test_opens_are_counted_once_a_session_and_for_a_viewer(tmp_path: Path) -> None:
    state, data = MemoryReaderState(), ruled(("opens", 2))
    bind = front_of(data).bind
    with opened(data, context=view(ANN), config=config(state=state)) as container:
        for _ in range(3):
            container.read("a.txt")
            container.read_range("a.txt", 0, 5)
            container.open("a.txt").read()
        extract(container, Nowhere())
        assert container.decision.remaining == 1
        assert state.opens(bind, ANN) == Opens(1, NOW)
    with opened(data, context=view(ANN), config=config(state=state)) as container:
        assert container.decision.remaining == 0
        contents(container)  # the last open is one too
    error = refused("rule_denied", lambda: opened(data, context=view(ANN), config=config(state=state)), rule="opens")
    assert error.exit == 15
    opened(data, context=view(BOB), config=config(state=state)).close()
    opened(data, context=view(None), config=config(state=state)).close()
    assert [state.opens(bind, viewer).count for viewer in (ANN, BOB, "")] == [2, 1, 1]
    assert kinds_of(state) == ["open", "open", "denied", "open", "open"]
    denied = log_of(state)[2]
    assert (denied.rule, denied.viewer, denied.bind, denied.extra) == ("opens", ANN, bind, {"act": "view"})


@pytest.mark.parametrize("options", ["{}", SEALED])
@pytest.mark.parametrize("door", DOORS)
def test_every_door_counts_one_open(door: str, options: str, tmp_path: Path) -> None:
    state, data = MemoryReaderState(), ruled(("opens", 1), options=options)
    DOORS[door](data, tmp_path, [KEK], config=config(state=state))
    assert state.opens(front_of(data).bind, "").count == 1
    folder = tmp_path / "again"
    folder.mkdir()
    refused("rule_denied", lambda: DOORS[door](data, folder, [KEK], config=config(state=state)), rule="opens")
    assert written(folder) == []


def test_what_needs_no_key_counts_nothing() -> None:
    data = ruled(("opens", 0))
    inspect(io.BytesIO(data))
    digest(io.BytesIO(data))
    verify(io.BytesIO(data))


def test_an_open_that_fails_counts_nothing(tmp_path: Path) -> None:
    """Every step before is in test_gate_order; here, the reasons of every day."""
    state, data = MemoryReaderState(), ruled(("opens", 1), ("recipients", [ANN]))
    bind = front_of(data).bind
    for identities, context, source in (
        ([OTHER_KEK], view(ANN), data),
        ([KEK], view(BOB), data),
        ([KEK], view(ANN), data[:-1]),
        ([KEK], view(ANN), data[:-100]),
    ):
        with pytest.raises(TeraError):
            opened(source, *identities, context=context, config=config(state=state))
    assert [state.opens(bind, viewer).count for viewer in (ANN, BOB)] == [0, 0]


def test_opens_are_remembered_by_the_file_and_only_by_it(tmp_path: Path) -> None:
    data = ruled(("opens", 1))
    state = SqliteReaderState(tmp_path / "reader.db")
    opened(data, config=config(state=state)).close()
    state.close()
    again = SqliteReaderState(tmp_path / "reader.db")
    refused("rule_denied", lambda: opened(data, config=config(state=again)), rule="opens")
    opened(data, config=config(state=SqliteReaderState(tmp_path / "other.db"))).close()


def test_without_a_state_counts_are_not_known_and_the_hint_says_why() -> None:
    for rule in ("opens", "first_open_for"):
        error = refused("rule_denied", lambda: opened(ruled((rule, 3))), rule=rule)  # noqa: B023
        assert "state" in (error.hint or "")


def test_a_damaged_state_opens_nothing_that_has_rules_and_everything_else(tmp_path: Path) -> None:
    (tmp_path / "reader.db").write_bytes(b"no database" * 1_000)
    state = SqliteReaderState(tmp_path / "reader.db")
    for rule in (("opens", 3), ("rights", ["view"])):
        refused("state_unavailable", lambda: opened(ruled(rule), config=config(state=state)))  # noqa: B023
    opened(seal(), config=config(state=state)).close()


def test_two_at_once_do_not_share_the_last_open(tmp_path: Path) -> None:
    """Both have decided; then both count."""
    state, data = SqliteReaderState(tmp_path / "reader.db"), ruled(("opens", 1))
    first, second = (Gate(view(), config(state=SqliteReaderState(state.path))) for _ in range(2))
    for gate in (first, second):
        gate.check_front(front_of(data))
    first.enter()
    first.enter()
    with pytest.raises(RuleDenied, match="opens"):
        second.enter()
    assert state.opens(front_of(data).bind, ANN).count == 1
    assert kinds_of(state) == ["open", "denied"]


def test_threads_open_as_often_as_allowed(tmp_path: Path) -> None:
    state, data, found = SqliteReaderState(tmp_path / "reader.db"), ruled(("opens", 3)), list[str]()

    def work() -> None:
        try:
            opened(data, config=config(state=state)).close()
            found.append("open")
        except RuleDenied:
            found.append("denied")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["denied"] * 5 + ["open"] * 3


def test_the_time_since_the_first_open_is_counted_from_it() -> None:
    clock, state, data = Clock(), MemoryReaderState(), ruled(("first_open_for", 60))
    for clock.now in (NOW, NOW + 30, NOW + 59):
        with opened(data, config=config(clock, state=state)) as container:
            assert container.decision.until == NOW + 60
    clock.now = NOW + 60
    refused("rule_denied", lambda: opened(data, config=config(clock, state=state)), rule="first_open_for")
    clock.now = NOW - 1  # within what clocks differ by, and before the first open
    refused("rule_denied", lambda: opened(data, config=config(clock, state=state)), rule="first_open_for")


# --- what costs nothing -----------------------------------------------------------------------------------


def test_a_container_without_rules_needs_no_state_and_makes_none(tmp_path: Path) -> None:
    state = SqliteReaderState(tmp_path / "state" / "reader.db")
    for door in DOORS.values():
        folder = tmp_path / door.__name__
        folder.mkdir()
        door(seal(), folder, [KEK], context=view(), config=config(state=state))
    assert not (tmp_path / "state").exists()


LIGHT = """
import io, sys
import tera
from tera.codec.config import Config
from tera.state.readerdb import SqliteReaderState
container = tera.open(io.BytesIO(sys.stdin.buffer.read()), [tera.KeyEncryptionKey(bytes(range(32)), b"k")],
    config=Config(state=SqliteReaderState("/nowhere/reader.db")))
container.read("a.txt")
heavy = ("sqlite3", "http", "pycountry", "countryinfo", "idna", "tera.policy.vocabulary", "tera.release", "tera.audit")
print(*[name for name in heavy if name in sys.modules])
"""


def test_a_container_without_rules_imports_nothing_that_decides_asks_or_remembers() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], input=seal(), capture_output=True, check=True)
    assert done.stdout == b"\n"


# --- a gate belongs to one opening --------------------------------------------------------------------------


def test_another_header_does_not_pass_a_gate_that_was_passed() -> None:
    gate = Gate(view(), PLAIN)
    gate.check_front(front_of(ruled(("rights", ["view"]))))
    with pytest.raises(InputChanged):
        gate.check_front(front_of(ruled(("rights", ["view"]), options="{'padding': False}")))


def test_a_gate_that_has_denied_denies_again() -> None:
    gate = Gate(view(), PLAIN)
    for _ in range(2):
        refused("rule_denied", lambda: gate.check_front(front_of(ruled(("rights", ["print"])))), rule="rights")
        refused(
            "rule_denied",
            lambda: Container(io.BytesIO(ruled(("rights", ["print"]))), [KEK], gate=gate),
            rule="rights",
        )
