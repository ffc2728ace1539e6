"""Bodies on their way to a thread: in batches, bounded, cut off cleanly; slow uploads hold up nobody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from tera.errors import BadInput, LimitExceeded, TooManyTries
from tera.service.body import AHEAD, PIECES, Uploads, with_body

MIB = 1 << 20


def request_of(
    receive: Callable[[], Coroutine[Any, Any, Message]], *, uploads: Uploads | None = None, length: str | None = None
) -> Request:
    app = SimpleNamespace(state=SimpleNamespace(uploads=uploads or Uploads(4)))
    headers = [] if length is None else [(b"content-length", length.encode())]
    return Request({"type": "http", "method": "POST", "headers": headers, "app": app}, receive)


class Sender:
    """A body that is sent piece by piece, and what is sent after it."""

    def __init__(self, *pieces: bytes, end: str = "end") -> None:
        self.sent = 0
        self._messages = self._all(pieces, end)

    async def _all(self, pieces: tuple[bytes, ...], end: str) -> AsyncIterator[Message]:
        for piece in pieces:
            self.sent += 1
            yield {"type": "http.request", "body": piece, "more_body": True}
        if end == "end":
            yield {"type": "http.request", "body": b"", "more_body": False}
        elif end == "gone":
            yield {"type": "http.disconnect"}
        elif end == "broken":
            raise RuntimeError("a protocol that fails")
        await asyncio.sleep(60)

    async def __call__(self) -> Message:
        return await anext(self._messages)


def joined(body: Iterator[bytes]) -> bytes:
    return b"".join(body)


def run(sender: Sender, work: Callable[[Iterator[bytes]], Any] = joined, *, longest: int = 1 << 40, **more: Any) -> Any:
    async def main() -> Any:
        return await with_body(request_of(sender, **more), work, longest=longest)

    return asyncio.run(main())


def test_a_body_arrives_whole_and_piece_by_piece() -> None:
    pieces = [bytes((at % 256,)) * 60_000 for at in range(100)]

    def work(body: Iterator[bytes]) -> list[bytes]:
        found = list(body)
        assert list(body) == []
        return found

    assert [one for one in run(Sender(*pieces), work) if one] == pieces


def test_an_empty_body_is_one() -> None:
    assert run(Sender()) == b""


def test_what_the_work_raises_is_raised() -> None:
    def work(body: Iterator[bytes]) -> None:
        next(body)
        raise BadInput("no")

    with pytest.raises(BadInput, match=r"^no$"):
        run(Sender(*[bytes(MIB)] * 50), work)


@pytest.mark.parametrize(("length", "most"), [(MIB, AHEAD + 4), (1, (AHEAD + 2) * PIECES)])
def test_who_stops_reading_stops_the_sender(length: int, most: int) -> None:
    sender = Sender(*[bytes(length)] * 500)
    sent = []

    def work(body: Iterator[bytes]) -> int:
        next(body)
        time.sleep(0.2)
        sent.append(sender.sent)
        return sum(map(len, body))

    assert run(sender, work) == 499 * length
    assert sent[0] <= most


@pytest.mark.parametrize(("end", "words"), [("gone", "cut off"), ("broken", "cannot be read"), ("silent", "nothing")])
def test_a_body_that_does_not_end_is_an_error_and_no_end(end: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        run(Sender(bytes(MIB), b"half", end=end), uploads=Uploads(1, idle=0.1))


def test_a_body_is_bounded_as_it_comes_and_as_it_says() -> None:
    took: list[int] = []

    def work(body: Iterator[bytes]) -> None:
        for one in body:
            took.append(len(one))

    with pytest.raises(LimitExceeded):
        run(Sender(*[bytes(MIB)] * 9), work, longest=5 * MIB)
    assert sum(took) <= 5 * MIB
    with pytest.raises(LimitExceeded):
        run(Sender(), lambda body: took.clear(), longest=5, length="6")
    assert took, "the work was not begun"


@pytest.mark.parametrize("length", ["-1", "", "x", "1e3", "٣", "9" * 40])
def test_a_length_that_is_no_number_or_too_long_is_refused(length: str) -> None:
    app = SimpleNamespace(state=SimpleNamespace(uploads=Uploads(1)))
    scope = {"type": "http", "method": "POST", "headers": [(b"content-length", length.encode())], "app": app}

    async def main() -> None:
        await with_body(Request(scope, Sender()), joined, longest=100)

    with pytest.raises((BadInput, LimitExceeded)):
        asyncio.run(main())


def test_a_cancelled_upload_ends_its_thread() -> None:
    ended: list[type[BaseException]] = []

    def work(body: Iterator[bytes]) -> None:
        try:
            joined(body)
        except BaseException as error:
            ended.append(type(error))
            raise

    async def main() -> None:
        uploads = Uploads(1)
        task = asyncio.create_task(
            with_body(request_of(Sender(bytes(MIB), end="silent"), uploads=uploads), work, longest=1 << 40)
        )
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(200):
            if not uploads.active:
                return
            await asyncio.sleep(0.01)

    asyncio.run(main())
    assert ended == [BadInput]


def test_more_uploads_than_there_are_threads_are_told_to_come_again() -> None:
    async def main() -> None:
        uploads = Uploads(2)
        slow = [
            asyncio.create_task(with_body(request_of(Sender(end="silent"), uploads=uploads), joined, longest=1))
            for _ in range(2)
        ]
        await asyncio.sleep(0.05)
        with pytest.raises(TooManyTries) as caught:
            await with_body(request_of(Sender(), uploads=uploads), joined, longest=1)
        assert caught.value.after
        # Others' work is not held up: it has other threads.
        assert await asyncio.wait_for(asyncio.to_thread(lambda: 7), 5) == 7
        for one in slow:
            one.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        await asyncio.sleep(0.05)
        assert await with_body(request_of(Sender(b"x"), uploads=uploads), joined, longest=1) == b"x"

    asyncio.run(main())
