"""How things are shown to people.

The law of this file: what a container or a file system says reaches a terminal only through `safe`, so
that no name, tag or rule can move its cursor or change its title; JSON goes through `as_json`.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_BEYOND = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def safe(text: str) -> str:
    """Return `text` with control characters, line ends and direction marks escaped."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def size(count: int) -> str:
    """Return a number of bytes with three digits: `999 B`, `1.50 KiB`, `12.3 GiB`."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in _UNITS:
        value /= 1024
        if value < 999.5 or unit == _UNITS[-1]:
            break
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}"


def plural(count: int, one: str, many: str) -> str:
    """Return `1 entry` or `2,000 entries`."""
    return f"{count:,} {one if count == 1 else many}"


def moment(seconds: int) -> str:
    """Return a time in seconds since 1970 as RFC 3339 in UTC."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"@{seconds}"


def local(nanoseconds: int) -> str:
    """Return a time in ns since 1970 as `ls -l` would: local, to the minute."""
    try:
        return datetime.fromtimestamp(nanoseconds // 10**9).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return f"@{nanoseconds // 10**9}"


def as_json(value: Any) -> str:
    """Return one JSON text; bytes become hexadecimal digits, what `safe` would escape is escaped here too."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=_other)
    return _BEYOND.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(value: Any) -> str:
    """Return a JSON text without line ends."""
    text = json.dumps(value, ensure_ascii=False, default=_other)
    return safe(text)


def _other(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    raise TypeError(f"{type(value).__name__} has no JSON form")
