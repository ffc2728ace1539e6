"""Which bytes of something a request wants: conditions and one range, as RFC 9110, sections 13 and 14, have them.

The law of this file: a Range that is not understood, or names several ranges, is left out of account, as it may be;
one that fits nowhere is 416.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from starlette.responses import Response

from tera.service.problems import shown

_RANGE: Final = re.compile(r"bytes=[ \t]*(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))[ \t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `start` to `stop` of `size`; `status` is 200, 206, 304 or 416."""

    status: int
    size: int
    etag: str
    start: int = 0
    stop: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """What a response says of it."""
        found = {"Accept-Ranges": "bytes", "ETag": self.etag}
        if self.status == 206:
            found["Content-Range"] = f"bytes {self.start}-{self.stop - 1}/{self.size}"
        if self.status == 416:
            found["Content-Range"] = f"bytes */{self.size}"
        if self.status in (200, 206):
            found["Content-Length"] = str(self.stop - self.start)
        return found


def part_of(request: Request, size: int, etag: str, *, cached: bool = True) -> Part:
    """Return what is wanted of `size` bytes, which `etag` names. With `cached` what the caller has may be enough."""
    if cached and _matches(request.headers.get("if-none-match"), etag):
        return Part(304, size, etag)
    whole = Part(200, size, etag, 0, size)
    header, condition = request.headers.get("range"), request.headers.get("if-range")
    found = None if header is None else _RANGE.fullmatch(header)
    if found is None or (condition is not None and condition.strip() != etag):
        return whole
    first, last, suffix = found.groups()
    if suffix is not None:
        start, stop = max(0, size - int(suffix)), size
    else:
        start, stop = int(first), size if last is None else min(size, int(last) + 1)
        if last is not None and int(last) < start:
            return whole
    if start >= size or start >= stop:
        return Part(416, size, etag)
    return Part(206, size, etag, start, stop)


def without_bytes(request: Request, part: Part, headers: dict[str, str]) -> Response | None:
    """Return the response where none of the bytes leave: to a HEAD, to 304 and to 416. None where they do."""
    if part.status == 416:
        message = f"there are {part.size:,} bytes, and none of them is in the range"
        return shown(416, "range_not_satisfiable", message, headers=part.headers, request_id=request.state.id)
    if part.status == 304 or request.method == "HEAD":
        return Response(status_code=part.status, headers=headers | part.headers)
    return None


def _matches(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags
