"""Paths: what a container may call an entry, whatever system it is opened on.

The law of this file: the grammar of spec/container.md, "Paths", for one path and for a million at once.
What a target folder cannot hold is the extractor's question, not the format's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from operator import methodcaller
from typing import Final

from tera.errors import BadIndex, BadPath
from tera.format import limits

# Control characters, the backslash (a separator elsewhere), and what turns the text's direction.
FORBIDDEN: Final = "\x00-\x1f\x7f-\x9f\\\\\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_CHARACTER: Final = re.compile(f"[{FORBIDDEN}]")
# The same characters without NUL, which separates.
_slashes: Final = methodcaller("count", "/")
_JOINED: Final = re.compile(f"[{FORBIDDEN.replace(chr(0), chr(1), 1)}]")


@lru_cache(maxsize=16)  # a walk asks first, whether a name can be stored, then the entry with it
def check_path(path: str) -> bytes:
    """Check one path and return its UTF-8. Raises BadPath."""
    try:
        raw = path.encode()
    except UnicodeEncodeError:
        raise BadPath(f"{path[:80]!r} is not valid UTF-8") from None
    if not 1 <= len(raw) <= limits.PATH_BYTES:  # first: an error repeats the path, and an index may hold a long one
        raise BadPath(f"a path has 1 to {limits.PATH_BYTES:,} bytes, this one {len(raw):,}")
    if _CHARACTER.search(path):
        raise BadPath(f"{path!r} holds a control character, a backslash or a bidirectional control")
    if _has_bad_part(path + "\0"):
        raise BadPath(f"{path!r} is absolute or has an empty, '.' or '..' part")
    if max(map(len, raw.split(b"/"))) > limits.PART_BYTES:
        raise BadPath(f"{path[:80]!r}... has a part of over {limits.PART_BYTES} bytes")
    if path.count("/") >= limits.PARTS:
        raise BadPath(f"{path[:80]!r}... has over {limits.PARTS} parts")
    return raw


def parse_column(column: bytes, count: int) -> list[str]:
    """Return the paths of an index: each followed by one zero byte. Raises BadPath or BadIndex.

    All are looked at together, and one by one only if something is found: a million calls of `check_path`
    take seconds, and so do regular expressions that count (8 s, against 0.3 s for all of this).
    """
    if column.count(0) != count or (column and column[-1]):
        raise BadIndex("the index holds another number of paths than it says")
    if not count:
        return []
    try:
        text = column.decode()
    except UnicodeDecodeError:
        raise BadPath("a path is not valid UTF-8") from None
    paths = text.split("\0")
    paths.pop()
    longest = max(map(len, paths if text.isascii() else column.split(b"\0")))
    deepest = max(map(_slashes, paths))
    if (
        longest > limits.PART_BYTES  # only then can a part be too long
        or deepest >= limits.PARTS
        or _has_bad_part(text)
        or _JOINED.search(text)
    ):
        for path in paths:
            check_path(path)
    return paths


def _has_bad_part(text: str) -> bool:
    """Say whether NUL-ended paths hold an empty, `.` or `..` part: also a leading, trailing or double slash."""
    parts = "\0" + text.replace("/", "\0")
    return any(bad in parts for bad in ("\0\0", "\0.\0", "\0..\0"))


class Tree:
    """Paths as a stream brings them: the first that cannot be with those before it is refused, as by `check_tree`."""

    def __init__(self) -> None:
        self._is_file: dict[str, bool] = {}
        self._parents: set[str] = set()

    def add(self, path: str, *, is_file: bool) -> None:
        """Add the next path. Raises BadPath."""
        if path in self._is_file:
            raise BadPath(f"{path!r} occurs twice")
        if is_file and path in self._parents:
            raise BadPath(f"something lies below {path!r}, which is a file")
        parent = path.rpartition("/")[0]
        while parent and parent not in self._parents:
            if self._is_file.get(parent):
                raise BadPath(f"something lies below {parent!r}, which is a file")
            self._parents.add(parent)
            parent = parent.rpartition("/")[0]
        self._is_file[path] = is_file


def check_tree(paths: Sequence[str], is_file: Sequence[bool]) -> None:
    """Check that no path occurs twice and none continues below a file. Raises BadPath."""
    if len(set(paths)) != len(paths):
        seen: set[str] = set()
        for path in paths:
            if path in seen:
                raise BadPath(f"{path!r} occurs twice")
            seen.add(path)
    parents = {path.rpartition("/")[0] for path in paths}
    missing = parents.copy()
    while missing:
        missing = {parent.rpartition("/")[0] for parent in missing} - parents
        parents |= missing
    if parents == {""}:
        return
    for path, file in zip(paths, is_file, strict=True):
        if file and path in parents:
            raise BadPath(f"something lies below {path!r}, which is a file")
