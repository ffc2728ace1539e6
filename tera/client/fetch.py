"""Bytes that come from a library service: whole or a range, to a file or into memory, gone on with after a cut.

The law of this file: what is pieced together is of one state of the thing: its ETag and its size are the same in
every answer, or it is an error. As long as something comes, it is asked for again.
"""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tera.client import transport
from tera.client.transport import Answer, Transport, reason
from tera.errors import InputChanged

PIECE: Final = 256 << 10
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")

Write = Callable[[int, memoryview], object]
"""Takes an offset and bytes, in order."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: how many bytes, of how many there are; the state they are of."""

    count: int
    size: int
    etag: str


class Fetching:
    """One thing to fetch, by its path; `headers` and `query` go with every request."""

    def __init__(
        self,
        line: Transport,
        path: Sequence[str],
        *,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._line, self._path, self._query = line, path, query
        self._headers = dict(headers or {})
        self.etag: str | None = None
        self.size = -1

    def fetch(self, write: Write, start: int = 0, stop: int | None = None) -> Fetched:
        """Write bytes `start` to `stop` (the end, if None), fewer only at the end.

        Raises what the service refuses, ServerUnavailable, InputChanged, and what `write` does.
        """
        at, failures = start, 0
        while stop is None or at < stop:
            before = at
            try:
                with self._ask(start, at, stop) as answer:
                    end = self._check(answer, at, stop)
                    at = _copy(answer, write, at, start, end)
                break
            except _Cut as cut:
                at, error = cut.at, cut.error
            failures = 1 if at > before else failures + 1
            if failures >= transport.TRIES:
                raise self._line.unavailable(reason(error))
            time.sleep(transport.PAUSE)
        return Fetched(at - start, self.size, self.etag or "")

    def _ask(self, start: int, at: int, stop: int | None) -> Answer:
        headers = dict(self._headers)
        if at or stop is not None:
            headers["Range"] = f"bytes={at}-{'' if stop is None else stop - 1}"
            if self.etag is not None:
                headers["If-Range"] = self.etag
        return self._line.ask("GET", self._path, query=self._query, headers=headers)

    def _check(self, answer: Answer, at: int, stop: int | None) -> int:
        """Return where the bytes of an answer end, which begin at `at`."""
        etag = answer.header("ETag") or ""
        found = _CONTENT_RANGE.fullmatch(answer.header("Content-Range") or "")
        if answer.status == 206 and found is not None:
            first, last, size = map(int, found.groups())
        else:
            length = answer.header("Content-Length") or ""
            if answer.status != 200 or not length.isascii() or not length.isdigit():
                raise self._line.unavailable("its answer is not understood")
            first, size = 0, int(length[:18])
            last = size - 1
        if (self.etag, self.size) not in ((None, -1), (etag, size)):
            raise InputChanged("what is fetched changed meanwhile", hint="fetch it again")
        self.etag, self.size = etag, size
        if first != at or (stop is not None and last >= stop) or last >= size:
            raise self._line.unavailable("it gives another range than it was asked for")
        return last + 1


class _Cut(Exception):
    """The answer ended before its end, at `at`."""

    def __init__(self, at: int, error: Exception) -> None:
        super().__init__()
        self.at, self.error = at, error


def _copy(answer: Answer, write: Write, at: int, start: int, end: int) -> int:
    """Hand on what comes, up to `end`; return it. Raises _Cut, and what `write` does."""
    buffer = memoryview(bytearray(min(PIECE, max(1, end - at))))
    while at < end:
        try:
            count = answer.read_into(buffer[: min(len(buffer), end - at)])
        except (OSError, http.client.HTTPException) as error:
            raise _Cut(at, error) from None
        if not count:
            raise _Cut(at, http.client.IncompleteRead(b""))
        write(at - start, buffer[:count])
        at += count
    return at
