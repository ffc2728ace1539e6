"""What is fetched, to where it is wanted: a path, which appears when it is complete, or a stream.

The law of this file: a file is whole, checked and durable, or not there; that a disk is full is no failure of the
service.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO, TypeAlias

from tera.client.fetch import Fetched, Fetching
from tera.codec.output import FileOutput
from tera.codec.segment import ReadAt
from tera.codec.source import FileSource
from tera.errors import OutputUnavailable

Target: TypeAlias = "str | os.PathLike[str] | BinaryIO"


def save(
    fetching: Fetching,
    target: Target,
    *,
    start: int = 0,
    stop: int | None = None,
    force: bool = False,
    progress: Callable[[int], None] | None = None,
    check: Callable[[ReadAt], None] | None = None,
) -> Fetched:
    """Fetch into a new file, or onto a binary stream that is open for writing. A file passes `check` before it appears.

    Raises what `Fetching.fetch` does; OutputExists for a file that is there, unless `force`; OutputUnavailable.
    """
    if not isinstance(target, str | os.PathLike):
        return fetching.fetch(_onto(target, progress), start, stop)
    output = _Checked(target, force=force)

    def write(offset: int, data: memoryview) -> None:
        output.write_at(offset, data)
        if progress is not None:
            progress(len(data))

    try:
        found = fetching.fetch(write, start, stop)
        if check is not None:
            check(output.written())
        output.commit()
    except BaseException:
        output.abort()
        raise
    return found


class _Checked(FileOutput):
    def written(self) -> ReadAt:
        """Return what was written, to be read."""
        return FileSource(self._fd, self.path, owned=False)


def _onto(stream: BinaryIO, progress: Callable[[int], None] | None) -> Callable[[int, memoryview], None]:
    def write(_: int, data: memoryview) -> None:
        try:
            left = data
            while left:
                left = left[stream.write(left) :]
        except OSError as error:
            raise OutputUnavailable(f"writing what was fetched: {error.strerror or error}") from error
        if progress is not None:
            progress(len(data))

    return write
