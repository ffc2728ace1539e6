"""What an encoder refuses, and that a refusal or a failure never becomes a container."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tera.codec.encoder import Encoder, encode
from tera.codec.recipients import KeyEncryptionKey, Passphrase
from tera.crypto.random import Random
from tera.crypto.signing import generate
from tera.errors import TeraError
from tera.format import access
from tera.format.access import Stanza
from tests.codec.sealed import KEK, SIGNER, contents, opened, pipe, seal

MIB = 1 << 20


def _repeated(value: int, length: int) -> bytes:
    return bytes((value,)) * length


def _named(options: dict[str, Any]) -> str:
    return "-".join(options)


def refused(code: str, *args: Any, **options: Any) -> TeraError:
    with pytest.raises(TeraError) as caught:
        seal(*args, **options)
    assert caught.value.code == code
    return caught.value


class Failing:
    """Gives `good` bytes, then fails as a disk does."""

    def __init__(self, good: int) -> None:
        self._left = good

    def read(self, size: int) -> bytes:
        if not self._left:
            raise OSError(5, "Input/output error")
        give = min(size, self._left)
        self._left -= give
        return bytes(give)


# --- arguments --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"recipients": []},
        {"recipients": [[]]},
        {"recipients": [[KEK] * 9]},
        {"recipients": [KEK] * 1_025},
        {"recipients": [Passphrase("x")] * 5},
        {"tags": ["t" * 129]},
        {"tags": [""]},
        {"tags": [f"{n}" for n in range(65)]},
        {"tags": "abc"},
        {"tags": ["\ud800"]},
        {"public_tags": [f"{n}" for n in range(65)]},
        {"public_tags": ["\ud800"]},
        {"rules": []},
        {"rules": [("Name", 1)]},
        {"rules": [("a", 1), ("a", 2)]},
        {"rules": [("a", 1.5)]},
        {"rules": [("a",)]},
        {"rules": [("a", object())]},
        {"rules": [("a", 1)] * 2, "sealed_rules": True},
        {"rules": [(f"r{n}", 0) for n in range(257)]},
        {"id": bytes(15)},
        {"created": -1},
        {"created": 253_402_300_800},
        {"signers": [generate(partial(_repeated, n)) for n in range(5)]},
    ],
    ids=_named,
)
def test_what_no_container_can_hold_is_bad_input(options: dict[str, Any]) -> None:
    refused("bad_input", **options)


def test_a_manifest_over_16_mib_is_refused() -> None:
    refused("limit_exceeded", manifest=bytes((16 << 20) - 10))
    with pytest.raises(TypeError, match="bytes"):
        seal(manifest="{}")


@pytest.mark.parametrize(
    "options", [{"mode": 0o1000}, {"mode": -1}, {"mime": ""}, {"mime": "x" * 256}, {"mime": "é"}, {"mtime": 2**63}]
)
def test_attributes_that_no_entry_can_have_are_bad_input(options: dict[str, Any]) -> None:
    with Encoder(io.BytesIO(), recipients=[KEK]) as encoder:
        for size in (1, 200_000):
            with pytest.raises(TeraError) as caught:
                encoder.add_content("a", bytes(size), **options)
            assert caught.value.code == "bad_input"


def test_attributes_at_their_bounds_come_back() -> None:
    out = io.BytesIO()
    with Encoder(out, recipients=[KEK]) as encoder:
        encoder.add_content("low", b"x", mode=0, mtime=-(2**63), mime="x")
        encoder.add_content("high", bytes(200_000), mode=0o777, mtime=2**63 - 1, mime="y" * 255)
    with opened(out.getvalue()) as container:
        found = [(entry.mode, entry.mtime) for entry in container.entries]
    assert found == [(0, -(2**63)), (0o777, 2**63 - 1)]


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", ".", "a/..", "a\\b", "a\nb", "\ud800", "x" * 256, "a/" * 64 + "b"]
)
def test_a_path_outside_the_grammar_is_refused(name: str) -> None:
    for content in (b"x", bytes(200_000), pipe(b"x")):
        refused("bad_input", [(name, content)])


def test_two_entries_of_one_name_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    for names in (["a", "a"], ["a", "a/b"], ["a/b", "a"], ["d/a", "b", "d/a"]):
        with pytest.raises(TeraError) as caught:
            encode([(name, b"x") for name in names], tmp_path / "out.tera", recipients=[KEK])
        assert caught.value.code == "bad_input"
        assert not list(tmp_path.iterdir())


def test_a_passphrase_with_a_cost_that_no_reader_takes_is_refused() -> None:
    for cost in ((19_455, 1, 1), (1_048_577, 1, 1), (19_456, 0, 1), (19_456, 17, 1), (19_456, 1, 17), (1 << 20, 5, 1)):
        with pytest.raises(TeraError) as caught:
            Passphrase("x", cost=cost)
        assert caught.value.code == "bad_input"


def test_a_stanza_that_no_reader_takes_is_refused() -> None:
    class Careless:
        def wrap(self, share: bytes, bind: bytes, group: int, random: Random) -> Stanza:
            return Stanza(group, access.KEK, b"", [b"", bytes(16)], share)

    refused("bad_input", recipients=[KEK, Careless()])


# --- failures on the way ----------------------------------------------------------------------------


@pytest.mark.parametrize("good", [0, 5, MIB, 3 * MIB + 1])
def test_a_source_that_fails_leaves_nothing(good: int, tmp_path: Path) -> None:
    with pytest.raises(TeraError) as caught:
        encode([("a", b"x"), ("b", Failing(good))], tmp_path / "out", recipients=[KEK])  # type: ignore[list-item]
    assert caught.value.code == "input_unavailable"
    assert not list(tmp_path.iterdir())


def test_an_entry_that_broke_off_can_not_be_sealed_around(tmp_path: Path) -> None:
    """The entry has begun in the file: a container with a half of it would not open."""
    for good in (0, MIB + 1):
        with pytest.raises(TeraError) as caught, Encoder(tmp_path / "out", recipients=[KEK]) as encoder:
            with pytest.raises(TeraError):
                encoder.add_content("half", Failing(good))  # type: ignore[arg-type]
            encoder.add_content("whole", b"x")
        assert caught.value.code == "input_unavailable"
        assert not list(tmp_path.iterdir())


def test_an_entry_that_was_refused_before_it_began_is_left_out() -> None:
    out = io.BytesIO()
    with Encoder(out, recipients=[KEK]) as encoder:
        for content in (b"x", bytes(200_000), pipe(b"y")):
            with pytest.raises(TeraError):
                encoder.add_content("../a", content)
        with pytest.raises(TeraError):
            encoder.add("/nonexistent")
        encoder.add_content("a", b"x")
    with opened(out.getvalue()) as container:
        assert contents(container) == {"a": b"x"}


def test_an_encoder_that_is_closed_stays_closed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Encoder(out, recipients=[KEK]) as encoder:
        encoder.close()
        before = out.read_bytes()
        for call in (
            encoder.close,
            lambda: encoder.add_content("a", b"x"),
            lambda: encoder.add_content("a", bytes(MIB)),
            lambda: encoder.add_directory("d"),
            lambda: encoder.add(tmp_path),
        ):
            with pytest.raises(ValueError, match="closed"):
                call()
    assert out.read_bytes() == before
    aborted = Encoder(tmp_path / "other", recipients=[KEK])
    aborted.abort()
    aborted.abort()
    with pytest.raises(ValueError, match="closed"):
        aborted.close()
    assert list(tmp_path.iterdir()) == [out]


def test_an_error_of_the_caller_passes_through_and_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> Iterator[bytes]:
        yield bytes(2 * MIB)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode([("a", interrupted())], tmp_path / "out", recipients=[KEK])
    with pytest.raises(ZeroDivisionError), Encoder(tmp_path / "out", recipients=[KEK]) as encoder:
        encoder.add_content("a", b"x")
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    assert not [thread for thread in threading.enumerate() if thread.name == "tera-worker"]


def test_the_first_of_two_errors_by_order_of_input_is_reported() -> None:
    """The first comes from a worker's thread, the second at once: it must not overtake."""
    slow = threading.Event()

    def progress(count: int) -> None:
        slow.wait(0.02)
        raise InputGone("first")

    class InputGone(TeraError):
        code = "first"

    for _ in range(5):
        with pytest.raises(TeraError) as caught:
            seal([("a", bytes(MIB)), "/nonexistent"], progress=progress)
        assert caught.value.code == "first"


def test_a_source_that_gives_more_than_it_was_asked_for_is_refused() -> None:
    class Generous:
        more = 1

        def read(self, size: int) -> bytes:
            given, self.more = self.more, 0
            return bytes(size + 1) if given else b""

    refused("bad_input", [("a", Generous())])


def test_content_is_what_it_was_when_it_was_added() -> None:
    """A caller fills one buffer again and again; the encoder reads it in other threads."""
    out, buffer = io.BytesIO(), bytearray(3 * MIB)
    with Encoder(out, recipients=[KEK], workers=1, progress=lambda count: time.sleep(0.005)) as encoder:
        for number in range(1, 6):
            buffer[:] = bytes((number,)) * len(buffer)
            encoder.add_content(f"{number}", buffer if number % 2 else memoryview(buffer), compress=False)
    with opened(out.getvalue()) as container:
        for number in range(1, 6):
            assert container.read(f"{number}") == bytes((number,)) * len(buffer)


def test_views_of_any_shape_are_their_bytes() -> None:
    raw = bytes(range(256)) * (6 << 10)
    views = {
        "wide": memoryview(raw).cast("Q"),
        "one row": memoryview(raw).cast("B", (1, len(raw))),
        "every other": memoryview(raw)[::2],
        "small": memoryview(raw)[:900:3],
    }
    with opened(seal(list(views.items()))) as container:
        assert contents(container) == {name: view.tobytes() for name, view in views.items()}


def test_progress_counts_every_byte_of_content() -> None:
    seen: list[int] = []
    seal([("a", bytes(3 * MIB)), ("b", b"xyz"), ("c", b"")], progress=seen.append)
    assert sum(seen) == 3 * MIB + 3


def test_one_signer_given_twice_signs_once() -> None:
    with opened(seal(signers=[SIGNER, SIGNER])) as container:
        assert len(container.signatures) == 1


def test_a_kek_id_over_64_bytes_is_bad_key() -> None:
    for key, name in ((bytes(31), b""), (bytes(33), b""), (bytes(32), bytes(65))):
        with pytest.raises(TeraError) as caught:
            KeyEncryptionKey(key, name)
        assert caught.value.code == "bad_key"
