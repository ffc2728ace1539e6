"""Taking everything out: blocks to files, in several threads, whether the container can seek or not.

The law of this file: blocks are decrypted and files are written out of order, but records are read and
content is hashed in order; a file gets its name only when its end has been verified.

A unit (one block) passes two turnstiles: at the first its records are read, which needs the plaintext
before; at the second its pieces of a file that spans blocks are hashed. Decrypting, decompressing and
writing happen beside them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from tera.codec.content import check_entry
from tera.codec.pipeline import Pipeline, Turnstile
from tera.codec.reader import Container
from tera.codec.target import TargetFile, TargetFolder
from tera.crypto.hashes import B3, b3
from tera.errors import BadDigest, BadIndex, LimitExceeded
from tera.format import limits, records, stream
from tera.format.index import Index, IndexBuilder
from tera.format.limits import Limits
from tera.format.paths import Tree
from tera.format.records import DIRECTORY, EntryHead, Manifest
from tera.format.stream import RecordReader
from tera.policy.context import Action
from tera.wire import zstd

Load: TypeAlias = Callable[[], memoryview]
Part: TypeAlias = "memoryview | bytes"


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was written: number of entries, and bytes of their content."""

    entries: int
    size: int


class _Out:
    """An entry on its way out. Shared by the units whose blocks it spans."""

    def __init__(self, head: EntryHead, position: int, *, wanted: bool) -> None:
        self.head = head
        self.position = position
        self.wanted = wanted
        self.offset = 0  # where the next content goes; changed at the first turnstile only
        self.hasher = B3()  # used at the second turnstile only
        self.file: TargetFile | None = None
        self.lock = threading.Lock()
        self.pending = 0
        self.verified = False


@dataclass(slots=True)
class _Task:
    """What one unit has to do for one entry."""

    out: _Out
    starts: bool = False
    parts: list[tuple[int, Part, int]] = field(default_factory=list)  # offset, data, raw size if compressed
    end: stream.EndFound | None = None

    @property
    def whole(self) -> bool:
        return self.starts and self.end is not None


class Extraction:
    """Feeds blocks of DATA to a folder. `index`, if there is one, must agree with every record; if not, `seen`
    is the index of what was read, to be compared at the end.

    `wanted` are the paths to write, all if None. `on_manifest` is called before anything is written, `on_entry`
    with a path before a byte of it is.
    """

    def __init__(
        self,
        folder: TargetFolder,
        *,
        sealed: bool,
        padding: int,
        on_manifest: Callable[[Manifest], None],
        on_entry: Callable[[str], None],
        index: Index | None = None,
        wanted: Collection[str] | None = None,
        bounds: Limits = limits.DEFAULT,
        progress: Callable[[int], None] | None = None,
        workers: int | None = None,
    ) -> None:
        self._folder = folder
        self._index = index
        self.seen = IndexBuilder()
        self._tree = Tree()
        self._wanted = None if wanted is None else frozenset(wanted)
        self.missing = set(wanted or ())
        self._on_manifest = on_manifest
        self._on_entry = on_entry
        self._bounds = bounds
        self._progress = progress or (lambda count: None)
        self._reader = RecordReader(sealed=sealed, padding=padding)
        self._parsing, self._hashing = Turnstile(), Turnstile()
        self._pipeline = Pipeline(self._parsing, self._hashing, workers=workers)
        self._current: _Out | None = None
        self._unfinished: set[_Out] = set()
        self._entries = 0
        self._written = 0
        self._size = 0
        self._total = 0
        self._frames = 0

    def submit(self, load: Load) -> None:
        """Queue the next block; `load` returns its verified plaintext, in the thread that works on it."""
        self._pipeline.submit(partial(self._work, load=load))

    def submit_all(self, loads: Iterator[Load]) -> None:
        """Queue all blocks of a container that can be sought in."""
        self._pipeline.submit_all(partial(self._work, load=load) for load in loads)

    def wait(self) -> None:
        """Wait for what was submitted; raise what was wrong with it, if anything was."""
        self._pipeline.close()

    def finish(self) -> Extracted:
        """Wait for all, check that the records are complete."""
        self.wait()
        self._reader.finish()
        if self._index is not None and self._entries != len(self._index):
            raise BadIndex("the index has more entries than the data")
        return Extracted(self._written, self._size)

    def cancel(self) -> None:
        """Stop, and remove what is not complete."""
        self._pipeline.cancel()
        for out in list(self._unfinished):
            if out.file:
                out.file.discard()

    def _work(self, number: int, load: Load) -> None:
        plain = load()
        self._parsing.wait(number)
        tasks = self._sort(self._reader.feed(plain))
        self._parsing.done(number)
        for task in tasks:
            if task.out.wanted:
                task.parts = [(at, zstd.decompress(data, raw) if raw else data, 0) for at, data, raw in task.parts]
        self._hashing.wait(number)
        for task in tasks:
            if task.out.wanted and not task.whole:
                self._hash(task)
        self._hashing.done(number)
        done = 0
        for task in tasks:
            if task.out.wanted:
                done += self._write_whole(task) if task.whole else self._write(task)
        if done:
            self._progress(done)

    def _sort(self, events: list[stream.Event]) -> list[_Task]:
        """Group a block's events by entry. One unit at a time; what outlives the block is copied."""
        tasks: list[_Task] = []
        if self._current:
            tasks.append(_Task(self._current))
        for event in events:
            match event:
                case stream.Piece(data):
                    out = tasks[-1].out
                    tasks[-1].parts.append((out.offset, data, 0))
                    out.offset += len(data)
                case stream.Packed(frame, raw):
                    out = tasks[-1].out
                    tasks[-1].parts.append((out.offset, frame, raw))
                    out.offset += raw
                case stream.FrameFound():
                    self._check_frame(tasks[-1].out, event)
                case stream.EntryFound(head, length):
                    self._current = self._start(head, length)
                    tasks.append(_Task(self._current, starts=True))
                case stream.EndFound():
                    self._check_end(tasks[-1].out, event)
                    tasks[-1].end = event
                    self._current = None
                case stream.ManifestFound(manifest, length):
                    if self._index is not None and length != self._index.manifest_length:
                        raise BadIndex("the manifest has another length than the index says")
                    self.seen.manifest_length = length
                    self._on_manifest(manifest)
        for task in tasks:
            task.out.pending += 1
        return tasks

    def _start(self, head: EntryHead, length: int) -> _Out:
        position = self._entries
        if position >= self._bounds.entries:
            raise LimitExceeded(f"more than {self._bounds.entries:,} entries (Limits.entries)")
        self._entries += 1
        self._frames = 0
        if self._index is not None:
            if position >= len(self._index) or length != self._index.entry_length(position):
                raise BadIndex(f"{head.path!r} is not in the index")
            check_entry(head, self._index[position])
        else:
            self._tree.add(head.path, is_file=head.type != DIRECTORY)
            self.seen.add(head.path.encode(), head.type, head.mode, head.mtime, length)
        wanted = self._wanted is None or head.path in self._wanted
        if wanted:
            self._on_entry(head.path)
        self.missing.discard(head.path)
        return _Out(head, position, wanted=wanted)

    def _check_frame(self, out: _Out, found: stream.FrameFound) -> None:
        index, number = self._index, self._frames
        self._frames += 1
        if index is not None:
            size = index[out.position].size
            raw = min(records.FRAME_RAW, size - number * records.FRAME_RAW)
            if raw != found.raw or index.frame(out.position, number) != found.stored:
                raise BadIndex(f"a frame of {out.head.path!r} differs from the index")
        else:
            self.seen.add_frame(found.stored)
        self._total += found.raw
        if self._total > self._bounds.total:
            raise LimitExceeded(f"more than {self._bounds.total:,} bytes inside (Limits.total)")
        if out.wanted:
            self._size += found.raw
            _check_output(self._size, self._bounds)

    def _check_end(self, out: _Out, found: stream.EndFound) -> None:
        if self._index is not None:
            entry = self._index[out.position]
            if (found.size, found.b3) != (entry.size, entry.b3):
                raise BadIndex(f"the end of {out.head.path!r} differs from the index")
        else:
            self.seen.end(found.size, found.b3)
        self._written += out.wanted

    def _hash(self, task: _Task) -> None:
        """In order: content of an entry that spans blocks."""
        out = task.out
        if task.starts and out.head.type != DIRECTORY:
            self._unfinished.add(out)
            out.file = self._folder.create(out.head)
        for _, data, _ in task.parts:
            out.hasher.update(data)
        if task.end:
            if out.head.type != DIRECTORY and out.hasher.digest() != task.end.b3:
                raise BadDigest(f"{out.head.path!r} is not what was sealed")
            out.verified = True

    def _write(self, task: _Task) -> int:
        """Write an entry's pieces; whoever is the last to do so gives the file its name."""
        out, done = task.out, 0
        for offset, data, _ in task.parts:
            assert out.file is not None
            out.file.write_at(offset, data)
            done += len(data)
        with out.lock:
            out.pending -= 1
            last = out.verified and not out.pending
        if last and out.file:
            out.file.finish()
            self._unfinished.discard(out)
        elif last:
            self._folder.add_folder(out.head)
        return done

    def _write_whole(self, task: _Task) -> int:
        out = task.out
        if out.head.type == DIRECTORY:
            self._folder.add_folder(out.head)
            return 0
        data = task.parts[0][1] if len(task.parts) == 1 else b"".join(data for _, data, _ in task.parts)
        assert task.end is not None
        if b3(data) != task.end.b3:
            raise BadDigest(f"{out.head.path!r} is not what was sealed")
        self._folder.write_whole(out.head, data)
        return len(data)


def _check_output(size: int, bounds: Limits) -> None:
    if bounds.max_output is not None and size > bounds.max_output:
        raise LimitExceeded(f"more than {bounds.max_output:,} bytes of output (Limits.max_output)")


def extract(
    container: Container,
    folder: TargetFolder,
    *,
    wanted: Collection[str] | None = None,
    rename: bool = False,
    action: Action = "extract",
    progress: Callable[[int], None] | None = None,
) -> Extracted:
    """Write entries of an open container to a folder. See `tera.decode`.

    What the rules deny of `action` is refused before anything is written.
    """
    container.gate.check_entries(container.paths if wanted is None else wanted, action)
    if wanted is not None:
        return _extract_some(container, folder, wanted, rename=rename, progress=progress)
    _check_output(container.size, container.bounds)
    folder.prepare(container.paths, rename=rename)
    data = container.data
    extraction = Extraction(
        folder,
        sealed=container.sealed_rules,
        padding=container.core.padding,
        on_manifest=lambda manifest: None,  # it was read, and decided on, when the container was opened
        on_entry=lambda path: None,  # all were decided on above
        index=container.index,
        bounds=container.bounds,
        progress=progress,
    )
    try:
        extraction.submit_all(partial(data.read_block, number) for number in range(data.blocks))
        return extraction.finish()
    except BaseException:
        extraction.cancel()
        raise


def _extract_some(
    container: Container,
    folder: TargetFolder,
    wanted: Collection[str],
    *,
    rename: bool,
    progress: Callable[[int], None] | None,
) -> Extracted:
    """Write a few entries, reading no more than they need."""
    entries = [container.entry(path) for path in dict.fromkeys(wanted)]
    size = sum(entry.size for entry in entries)
    _check_output(size, container.bounds)
    folder.prepare([entry.path for entry in entries], rename=rename)
    for entry in entries:
        head = EntryHead(entry.path, entry.type, entry.mode, entry.mtime)
        if entry.is_dir:
            folder.add_folder(head)
            continue
        file, offset = folder.create(head), 0
        try:
            for piece in container.frames(entry):
                file.write_at(offset, piece)
                offset += len(piece)
                if progress:
                    progress(len(piece))
            file.finish()
        except BaseException:
            file.discard()
            raise
    return Extracted(len(entries), size)
