"""A folder that keeps nothing: what is extracted to it has been read and verified, and that is all.

The law of this file: reading everything is done in one place (`tera.codec.extract`), whether or not anybody
wants the files; so verifying finds what extracting would refuse.
"""

from __future__ import annotations

from collections.abc import Iterable

from tera.codec.target import Naming, TargetFile, TargetFolder
from tera.format.records import EntryHead


class Nowhere(TargetFolder):
    """Takes every name and every byte, from any thread."""

    def __init__(self) -> None:
        """No folder is made."""

    def prepare(self, paths: Iterable[str], *, rename: bool, naming: Naming | None = None) -> None:
        """Every name is possible here."""

    def add_folder(self, head: EntryHead) -> None:
        """Drop a folder."""

    def write_whole(self, head: EntryHead, data: bytes | memoryview) -> None:
        """Drop a file."""

    def create(self, head: EntryHead) -> TargetFile:
        """Start a file that is dropped piece by piece."""
        return _Dropped()

    def close(self, *, complete: bool) -> None:
        """There is nothing to release."""


class _Dropped(TargetFile):
    def __init__(self) -> None:
        pass

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        pass

    def finish(self, *, suffix: str = "") -> None:
        pass

    def discard(self) -> None:
        pass
