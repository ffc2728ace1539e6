"""Sealing: entries in, one container out, in one pass.

The law of this file: a container is written front to back exactly once, and everything in it is decided
here: names of entries, frames, index, trailer. Heavy work (reading, compressing, encrypting, hashing,
writing) runs in the pipeline's threads; the order of records is decided where a unit has its turn.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Final, cast

from tera.codec import header, sources
from tera.codec.authorities import AuthorityKey
from tera.codec.entries import Batch, LargeEntry, OpenFile, changed, squeeze
from tera.codec.grouping import Recipients, as_groups, lock
from tera.codec.output import FileOutput, Output, StreamOutput, existing_file
from tera.codec.pipeline import Work
from tera.codec.signers import signer_fingerprint
from tera.codec.sources import Content, Found, OnSkip, PathLike, Skipped, Source
from tera.codec.writer import ContainerWriter
from tera.crypto.random import Random, system
from tera.crypto.signing import SigningKey
from tera.errors import InputUnavailable, TeraError
from tera.format import front
from tera.format.records import DIRECTORY, FILE, FRAME_RAW, EntryHead
from tera.format.schedule import FILE_KEY_LENGTH, KeySchedule, core_hash

_SMALL: Final = 128 << 10
_BATCH: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was sealed. `digest` is the container digest (for lookup), `content_digest` names the content
    and is a secret like it; `size` and `plain_size` in bytes."""

    id: bytes
    digest: str
    content_digest: bytes
    size: int
    plain_size: int
    entries: int
    skipped: tuple[Skipped, ...]


class Encoder:
    """Seals entries one by one: `add`, `add_tree`, `add_content`, then `close` (or leave `with`).

    `output` is a path, which appears when the container is complete, or a file object that is open for
    writing bytes, or an `Output`. Each of `recipients` may open alone; a sequence among them is an AND. `manifest` is a
    JSON text that is kept as given; `tags` are private, `public_tags` are not; `rules` are pairs of name
    and value in the forms of spec/policy.md (`read_manifest` makes them from a manifest), readable by anyone,
    or only by recipients if `sealed_rules`; with `dynamic` they can change. Each of `authorities` gets a share of
    the key, and decides. `signers` sign, and CORE says that they must have. `on_skip` is told what was left out;
    without it, that is an error.

    Raises TeraError; then nothing is left at `output` that was not there before.
    """

    def __init__(
        self,
        output: PathLike | BinaryIO | Output,
        *,
        recipients: Recipients,
        manifest: bytes = b"",
        tags: Iterable[str] = (),
        public_tags: Iterable[str] = (),
        rules: Sequence[Sequence[Any]] | None = None,
        sealed_rules: bool = False,
        dynamic: header.Dynamic | None = None,
        authorities: Sequence[AuthorityKey] = (),
        signers: Sequence[SigningKey] = (),
        compress: bool = True,
        padding: bool = True,
        force: bool = False,
        on_skip: OnSkip | None = None,
        progress: Callable[[int], None] | None = None,
        id: bytes | None = None,
        created: int | None = None,
        random: Random = system,
        workers: int | None = None,
    ) -> None:
        groups = as_groups(recipients, authorities)
        self._compress = compress
        self._on_skip = on_skip
        self._skipped: list[Skipped] = []
        self._signers = list(signers)
        now = time.time_ns()
        created = now // 10**9 if created is None else created
        self.core, core_map, packed, found = header.build(
            id=header.uuid7(now, random) if id is None else id,
            created=created,
            rules=rules,
            sealed_rules=sealed_rules,
            dynamic=dynamic,
            authorities=tuple(sorted(one.fingerprint for one in authorities)),
            public_tags=public_tags,
            tags=tags,
            manifest=manifest,
            signers=tuple(sorted({signer_fingerprint(key.public) for key in signers})),
            padding=padding,
            random=random,
        )
        policy = None if dynamic is None else dynamic.policy(self.core, found, created)
        file_key = random(FILE_KEY_LENGTH)
        keys = KeySchedule(file_key, core_hash(core_map))
        prefix = front.build_prefix(keys, core_map, policy)
        stanzas = lock(file_key, keys.bind, groups, random)
        head = prefix + front.build_access(stanzas, keys, len(prefix), authorities=self.core.authorities)
        del file_key
        self._batch = Batch()
        self._files: list[OpenFile] = []
        self._exclude = existing_file(output)
        self._closed = False
        self._failure: BaseException | None = None  # an entry has begun and cannot end
        where = _as_output(output, force=force)
        try:
            self._writer = ContainerWriter(
                where,
                keys,
                head,
                packed,
                padding=self.core.padding,
                random=random,
                progress=progress or (lambda count: None),
                workers=workers,
            )
        except BaseException:
            where.abort()
            raise

    def __enter__(self) -> Encoder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and not self._closed:
            self.close()
        else:
            self.abort()

    # --- adding -----------------------------------------------------------------------------------

    def add(self, path: PathLike, name: str | None = None, *, compress: bool | None = None) -> None:
        """Add a file, or a folder and all below it; `name` replaces the last part of `path`.

        Links and special files inside a folder, and what cannot be read there, are skipped and reported.
        Raises InputUnavailable when `path` is not there, InputChanged when a file changes while it is read.
        """
        with self._adding():
            for found in sources.walk(path, self._skip, self._exclude):
                if name is not None:
                    _, slash, rest = found.name.partition("/")
                    found = found._replace(name=name + slash + rest)
                if found.is_dir:
                    self._add_folder(found)
                else:
                    self._add_file(found, self._compress if compress is None else compress)

    def add_directory(self, name: str, *, mode: int = 0o755, mtime: int = 0) -> None:
        """Add an empty folder."""
        with self._adding():
            self._add_whole(EntryHead(name, DIRECTORY, mode, mtime), b"", compress=False)

    def add_content(
        self,
        name: str,
        content: Content,
        *,
        mode: int = 0o644,
        mtime: int | None = None,
        mime: str | None = None,
        compress: bool | None = None,
    ) -> None:
        """Add a file from bytes, a binary file object, or an iterable of bytes.

        `mtime` in ns since 1970 UTC, now if not given. Turn `compress` off for content that mixes secrets
        with text that somebody else chose. Raises TypeError for a str: it is never taken for data.
        """
        if isinstance(content, str):
            raise TypeError("content is bytes; a str would need an encoding")
        head = EntryHead(name, FILE, mode, time.time_ns() if mtime is None else mtime, mime)
        smaller = self._compress if compress is None else compress
        with self._adding():
            if isinstance(content, bytes | bytearray | memoryview):
                view = memoryview(content)
                if view.nbytes <= _SMALL:
                    self._add_whole(head, bytes(view), compress=smaller)
                    return
                view = view.cast("B") if view.c_contiguous else memoryview(bytes(view))
                cuts = (view[at : at + FRAME_RAW] for at in range(0, len(view), FRAME_RAW))
                # The caller may change what can be changed as soon as this returns.
                pieces: Iterator[bytes | memoryview] = cuts if isinstance(content, bytes) else map(bytes, cuts)
            else:
                # Read here, in order; the pipeline bounds how far ahead.
                stream = cast(BinaryIO, content if hasattr(content, "read") else sources.IteratorReader(content))
                pieces = iter(lambda: sources.fill(stream, FRAME_RAW), b"")
            self._add_frames(head, (partial(bytes, piece) for piece in pieces), compress=smaller)

    @contextlib.contextmanager
    def _adding(self) -> Iterator[None]:
        """Refuse what comes too late; let the error of an earlier entry, still under way, be the one."""
        self._check_open()
        try:
            yield
        except TeraError:
            self._writer.pipeline.close()
            raise

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError("the encoder is closed")
        if self._failure:
            raise self._failure

    def _skip(self, path: str, reason: str) -> None:
        shown = path.encode(errors="backslashreplace").decode()
        if self._on_skip is None:
            raise InputUnavailable(f"{shown}: {reason}")
        self._skipped.append(Skipped(shown, reason))
        self._on_skip(shown, reason)

    def _add_folder(self, found: Found) -> None:
        try:
            status = os.stat(found.path, follow_symlinks=found.follow)
        except OSError as error:
            self._skip(found.path, error.strerror or str(error))
            return
        head = EntryHead(found.name, DIRECTORY, status.st_mode & 0o777, status.st_mtime_ns)
        self._add_whole(head, b"", compress=False)

    def _add_file(self, found: Found, compress: bool) -> None:
        try:
            flags = sources.OPEN_FLAGS & ~os.O_NOFOLLOW if found.follow else sources.OPEN_FLAGS
            fd = os.open(found.path, flags)
        except OSError as error:
            self._skip(found.path, error.strerror or str(error))
            return
        try:
            before = os.fstat(fd)
            if not stat.S_ISREG(before.st_mode):
                self._skip(found.path, "is not a regular file any more")
                return
            head = EntryHead(found.name, FILE, before.st_mode & 0o777, before.st_mtime_ns)
            if before.st_size > _SMALL:
                file = OpenFile(fd, found.path, before)
                fd = -1
                self._files.append(file)
                # Read in the pipeline's threads: each frame's place in the file is known.
                loads = (partial(file.read, self._writer.pool, offset) for offset in range(0, file.size, FRAME_RAW))
                self._add_frames(head, loads, compress=compress, file=file)
                return
            try:
                data = os.read(fd, before.st_size + 1)
                after = os.fstat(fd)
            except OSError as error:
                self._skip(found.path, error.strerror or str(error))
                return
            if len(data) != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
                raise changed(found.path)
            self._add_whole(head, data, compress=compress)
        finally:
            if fd >= 0:
                os.close(fd)

    def _add_whole(self, head: EntryHead, data: bytes, *, compress: bool) -> None:
        """Add an entry that fits into one frame: to the current batch, all work done here.

        Packed in the pipeline's threads, 20,000 small files took 0.73 s instead of 0.51: whoever opens and reads
        them then waits for the interpreter's lock after every call.
        """
        self._batch.add(head, data, compress=compress)
        if len(self._batch.blob) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        batch, self._batch = self._batch, Batch()
        if batch.entries:
            self._submit(
                lambda number: self._writer.assemble(
                    number, partial(batch.note, self._writer.index), batch.blob, batch.plain
                )
            )

    def _add_frames(
        self,
        head: EntryHead,
        loads: Iterable[Callable[[], bytes | memoryview]],
        *,
        compress: bool,
        file: OpenFile | None = None,
    ) -> None:
        self._flush()
        entry = LargeEntry(head)
        self._submit(lambda number: self._writer.assemble(number, partial(entry.start, self._writer.index)))
        frames = (partial(self._frame, entry, load, compress) for load in loads)
        if file:
            self._writer.pipeline.submit_all(frames)
        else:
            try:
                for frame in frames:
                    self._submit(frame)
            except BaseException as error:
                self._failure = error
                raise

        def end(number: int) -> None:
            if file:
                file.check()
            self._writer.assemble(number, partial(entry.end, self._writer.index))
            if file:
                file.close()
                self._files.remove(file)

        self._submit(end)

    def _frame(self, entry: LargeEntry, load: Callable[[], bytes | memoryview], compress: bool, number: int) -> None:
        data = load()
        stored = squeeze(data) if compress else data
        self._writer.assemble(number, partial(entry.frame, self._writer.index, data, len(stored)), stored, len(data))
        if stored is not data:
            self._writer.pool.give([memoryview(data)])

    def _submit(self, work: Work) -> None:
        self._writer.pipeline.submit(work)

    # --- ending -----------------------------------------------------------------------------------

    def close(self) -> Sealed:
        """Write index and trailer, sign, make the output durable and visible."""
        if self._closed:
            raise ValueError("the encoder is closed")
        try:
            self._check_open()
            return self._close()
        except BaseException:
            self.abort()
            raise

    def _close(self) -> Sealed:
        self._flush()
        written = self._writer.close(self._signers)
        self._closed = True
        return Sealed(
            id=self.core.id,
            digest=written.digest,
            content_digest=written.content_digest,
            size=written.size,
            plain_size=self._writer.plain,
            entries=len(self._writer.index),
            skipped=tuple(self._skipped),
        )

    def abort(self) -> None:
        """Drop the container; what was at the output before stays."""
        if not self._closed:
            self._closed = True
            self._writer.abort()
            for file in self._files:
                file.close()


def _as_output(output: PathLike | BinaryIO | Output, *, force: bool) -> Output:
    if isinstance(output, str | os.PathLike):
        return FileOutput(output, force=force)
    return cast(Output, output) if hasattr(output, "write_at") else StreamOutput(output)


def encode(
    sources: Iterable[Source], output: PathLike | BinaryIO | Output, *, recipients: Recipients, **options: Any
) -> Sealed:
    """Seal `sources` into a new container at `output` and return what was sealed.

    Each source is a path (a folder with all below it) or a pair of a name and bytes, a binary file object
    or an iterable of bytes. `options` are those of `Encoder`.
    """
    if isinstance(sources, str | bytes | os.PathLike):
        raise TypeError("sources is an iterable of paths or (name, content) pairs")
    with Encoder(output, recipients=recipients, **options) as encoder:
        for source in sources:
            if isinstance(source, tuple):
                encoder.add_content(*source)
            else:
                encoder.add(source)
        return encoder.close()
