"""The one place that writes: in order where it must be, and an output that fails is left at once and for good."""

from __future__ import annotations

import errno
import io
import random
import threading
import time
from collections.abc import Sequence
from functools import partial

import pytest

from tera.codec.entries import Batch
from tera.codec.grouping import lock
from tera.codec.inspect import digest
from tera.codec.writer import ContainerWriter
from tera.crypto.random import system
from tera.errors import OutputUnavailable, TeraError
from tera.format import front, limits
from tera.format.core import NO_PADDING, PADME, Core
from tera.format.limits import Limits
from tera.format.records import FILE, EntryHead, Manifest
from tera.format.schedule import KeySchedule, core_hash
from tests.codec.sealed import KEK, OTHER_SIGNER, SIGNER, contents, opened

MIB = 1 << 20
NOISE = random.Random(5).randbytes(5 * MIB)


class Memory:
    """An output that keeps what it gets, and fails at a write or at the end if it is told to."""

    def __init__(self, *, ordered: bool, fails: int | None = None, fails_at_end: bool = False) -> None:
        self.ordered = ordered
        self.data = bytearray()
        self.calls: list[str] = []
        self.offsets: list[int] = []
        self._fails = fails
        self._fails_at_end = fails_at_end
        self._lock = threading.Lock()

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        with self._lock:
            assert "abort" not in self.calls, "a write after the end"
            assert "commit" not in self.calls, "a write after the end"
            if self._fails == len(self.offsets):
                raise OutputUnavailable(f"no room: {errno.ENOSPC}")
            self.offsets.append(offset)
            self.data[len(self.data) :] = bytes(max(0, offset + len(data) - len(self.data)))
            self.data[offset : offset + len(data)] = data

    def commit(self) -> None:
        self.calls.append("commit")
        if self._fails_at_end:
            raise OutputUnavailable("it cannot be made durable")

    def abort(self) -> None:
        self.calls.append("abort")


def writer(output: Memory, *, workers: int = 2, padding: int = PADME) -> ContainerWriter:
    core = Core(id=bytes(16), created=0, padding=padding)
    keys = KeySchedule(bytes(32), core_hash(core.pack()))
    prefix = front.build_prefix(keys, core.pack())
    head = prefix + front.build_access(lock(bytes(32), keys.bind, [[KEK]], system), keys, len(prefix))
    return ContainerWriter(
        output,
        keys,
        head,
        Manifest().pack(),
        padding=padding,
        random=bytes,
        progress=lambda count: None,
        workers=workers,
    )


def fill(made: ContainerWriter, sizes: Sequence[int]) -> dict[str, bytes]:
    """Add files of these sizes, each as one unit of work."""
    inside = {f"f{number}": NOISE[:size] for number, size in enumerate(sizes)}
    for name, data in inside.items():
        batch = Batch()
        batch.add(EntryHead(name, FILE, 0o644, 0), data, compress=False)

        def unit(number: int, batch: Batch = batch) -> None:
            time.sleep(number * 7 % 5 / 1_000)  # they come to the turnstile in another order
            made.assemble(number, partial(batch.note, made.index), batch.blob, batch.plain)

        made.pipeline.submit(unit)
    return inside


SIZES = [5, MIB, 0, MIB - 3, 700_000, MIB, 1, 400_000]


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("padding", [NO_PADDING, PADME])
def test_what_was_written_is_a_container(ordered: bool, workers: int, padding: int) -> None:
    output = Memory(ordered=ordered)
    made = writer(output, workers=workers, padding=padding)
    inside = fill(made, SIZES)
    written = made.close([OTHER_SIGNER, SIGNER])
    data = bytes(output.data)
    assert (written.size, written.digest) == (len(data), digest(io.BytesIO(data)))
    assert made.plain == sum(SIZES)
    assert output.calls == ["commit"]
    if ordered:
        assert output.offsets == sorted(output.offsets)
    with opened(data) as container:
        assert contents(container) == inside
        assert written.content_digest == container.content_digest
        assert len(container.signatures) == 2


def test_an_ordered_output_gets_every_byte_once_and_in_order() -> None:
    class Strict(Memory):
        def write_at(self, offset: int, data: bytes | memoryview) -> None:
            assert offset == len(self.data)
            super().write_at(offset, data)

    for workers in (1, 2, 4):
        output = Strict(ordered=True)
        made = writer(output, workers=workers)
        fill(made, SIZES)
        made.close([])
    assert len(output.offsets) > 8


def test_an_output_that_fails_at_any_write_is_left_and_never_committed() -> None:
    good = Memory(ordered=False)
    made = writer(good)
    fill(made, SIZES)
    made.close([])
    assert len(good.offsets) > 8
    for ordered in (False, True):
        for count in range(len(good.offsets)):
            output = Memory(ordered=ordered, fails=count)
            with pytest.raises(OutputUnavailable, match="no room"):
                try:
                    made = writer(output)
                except TeraError:
                    output.abort()
                    raise
                try:
                    fill(made, SIZES)
                    made.close([])
                except TeraError:
                    made.abort()
                    raise
            assert output.calls == ["abort"]
    assert not [thread for thread in threading.enumerate() if thread.name == "tera-worker" and thread.is_alive()]


def test_an_output_that_can_not_be_made_durable_is_an_error() -> None:
    made = writer(Memory(ordered=False, fails_at_end=True))
    fill(made, [5])
    with pytest.raises(OutputUnavailable, match="durable"):
        made.close([])


def test_two_entries_of_one_name_are_the_callers_mistake_and_nothing_is_committed() -> None:
    output = Memory(ordered=False)
    made = writer(output)
    fill(made, [5])
    fill(made, [6])
    with pytest.raises(TeraError) as caught:
        made.close([])
    assert caught.value.code == "bad_input"
    made.abort()
    assert output.calls == ["abort"]


def test_more_entries_than_readers_take_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DEFAULT", Limits(entries=3))
    for count, code in ((3, None), (4, "limit_exceeded")):
        output = Memory(ordered=False)
        made = writer(output)
        fill(made, [1] * count)
        if code is None:
            made.close([])
            continue
        with pytest.raises(TeraError) as caught:
            made.close([])
        made.abort()
        assert (caught.value.code, output.calls) == (code, ["abort"])


def test_a_container_of_nothing_is_one() -> None:
    output = Memory(ordered=True)
    writer(output).close([])
    with opened(bytes(output.data)) as container:
        assert contents(container) == {}
