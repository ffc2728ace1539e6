"""The server takes whoever connects for a stranger: who is slow, long, vague or many gets nothing and blocks nobody."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tera import errors
from tera.authority import server as module
from tera.authority.authority import Authority
from tera.authority.caller import UNKNOWN, Caller
from tera.authority.server import Server, make_server
from tera.errors import BadInput, TeraError
from tera.release.request import LONGEST

PATIENCE = 0.4


@dataclass
class Fake:
    """An authority that answers as it is told, and remembers who asked what, on which thread."""

    error: Exception | None = None
    work: Callable[[], object] = lambda: None
    asked: list[tuple[str, bytes, Caller]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def _note(self, name: str, body: bytes = b"", caller: Caller = UNKNOWN) -> None:
        self.asked.append((name, body, caller))
        self.threads.add(threading.current_thread().name)
        self.work()
        if self.error is not None:
            raise self.error

    def release(self, message: bytes, caller: Caller) -> bytes:
        self._note("release", message, caller)
        return b"answer to " + message

    def update(self, front: bytes, caller: Caller) -> int:
        self._note("update", front, caller)
        return 7

    def report(self, message: bytes) -> int:
        self._note("report", message)
        return 3

    def checkpoint(self) -> bytes:
        self._note("checkpoint")
        return b"note\n"


@dataclass(frozen=True)
class Place:
    server: Server
    authority: Fake
    faults: list[Exception]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.server_address[1]), timeout=10)

    def say(self, data: bytes) -> bytes:
        """Send, and return all that comes back until the server closes."""
        with self.connect() as line:
            line.sendall(data)
            return rest(line)

    def post(self, path: str, body: bytes = b"x", *headers: str) -> tuple[int, dict[str, str], bytes]:
        lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
        return parsed(self.say("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body))


def rest(line: socket.socket) -> bytes:
    data = b""
    try:
        while piece := line.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


@contextmanager
def serving(authority: Fake | None = None, **options: Any) -> Iterator[Place]:
    fake = authority or Fake()
    faults: list[Exception] = []
    server = make_server(cast(Authority, fake), on_fault=faults.append, **{"patience": PATIENCE, **options})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Place(server, fake, faults)
    finally:
        server.end()
        thread.join()


@pytest.fixture
def place() -> Iterator[Place]:
    with serving() as found:
        yield found


# --- what it is for ---------------------------------------------------------------------------------


def test_each_path_is_one_call(place: Place) -> None:
    assert place.post("/v1/release", b"\0request")[::2] == (200, b"answer to \0request")
    assert json.loads(place.post("/v1/policy", b"front")[2]) == {"version": 7}
    assert json.loads(place.post("/v1/report", b"")[2]) == {"recorded": 3}
    assert parsed(place.say(b"GET /v1/checkpoint HTTP/1.1\r\n\r\n"))[::2] == (200, b"note\n")
    assert [(name, body) for name, body, _ in place.authority.asked] == [
        ("release", b"\0request"),
        ("update", b"front"),
        ("report", b""),
        ("checkpoint", b""),
    ]


@pytest.mark.parametrize(
    ("header", "viewer"),
    [
        ("Authorization: Bearer good", "ann@example.org"),
        ("Authorization: bearer good", "ann@example.org"),
        ("Authorization: Bearer bad", None),
        ("Authorization: Basic good", None),
        ("Authorization: good", None),
        ("X: Authorization: Bearer good", None),
    ],
)
def test_a_caller_is_who_its_token_says_and_where_its_socket_is(header: str, viewer: str | None) -> None:
    with serving(viewer_of={"good": "ann@example.org"}.get) as place:
        place.post("/v1/release", b"x", header, "X-Forwarded-For: 203.0.113.9")
        [(_, _, caller)] = place.authority.asked
        assert caller == Caller(viewer=viewer, ip="127.0.0.1")


def test_a_token_list_that_cannot_be_read_lets_nobody_in() -> None:
    def broken(token: str) -> str | None:
        raise errors.StateUnavailable("the list is gone")

    with serving(viewer_of=broken) as place:
        assert place.post("/v1/release", b"x", "Authorization: Bearer t")[0] == 503
        assert place.authority.asked == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.BadRequest("x"), 400),
        (errors.LimitExceeded("x"), 413),
        (errors.UnknownViewer("x"), 401),
        (errors.PolicyRollback("x"), 403),
        (errors.NoSuchEvent("x"), 404),
        (errors.StateUnavailable("x"), 503),
        (errors.LogUnavailable("x"), 503),
    ],
)
def test_an_error_has_the_status_of_its_family(place: Place, error: TeraError, status: int) -> None:
    place.authority.error = error
    found, headers, body = place.post("/v1/release")
    assert (found, json.loads(body)) == (status, {"code": error.code, "message": "x"})
    assert headers["Content-Type"] == "application/json"


def test_a_fault_says_nothing_to_the_caller_and_something_to_the_owner(place: Place) -> None:
    place.authority.error = ValueError("a secret")
    status, _, body = place.post("/v1/release")
    assert (status, b"secret" in body) == (500, False)
    assert place.faults == [place.authority.error]


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/release/", "/v1/release?x", "/v1/checkpoint", "http://x/v1/release"])
def test_another_path_is_refused(place: Place, path: str) -> None:
    status, headers, body = place.post(path)
    assert (status, json.loads(body)["code"]) == (404, "not_found")
    assert place.authority.asked == []
    assert set(headers) == {"Server", "Date", "Content-Type", "Content-Length", "Connection"}


# --- how long a request is --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        "",
        "Content-Length: \r\n",
        "Content-Length: +1\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x1\r\n",
        "Content-Length: 1_0\r\n",
        "Content-Length: 1, 1\r\n",
        "Content-Length: 1e1\r\n",
        "Content-Length: \xb2\r\n",
        "Content-Length: 9999999999999\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: identity\r\n",
    ],
)
def test_a_body_whose_length_is_not_said_once_is_refused(place: Place, headers: str) -> None:
    head = f"POST /v1/release HTTP/1.1\r\n{headers}\r\n".encode("latin-1")
    status, _, body = parsed(place.say(head))
    assert (status, json.loads(body)["code"]) == (400, "bad_request")
    assert place.authority.asked == []


def test_a_body_that_is_too_long_is_refused_before_it_is_read(place: Place) -> None:
    answer = place.say(b"POST /v1/release HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (LONGEST + 1))
    status, _, body = parsed(answer)
    assert (status, json.loads(body)["code"]) == (413, "limit_exceeded")
    assert place.authority.asked == []


def test_the_longest_body_is_read(place: Place) -> None:
    assert place.post("/v1/release", bytes(LONGEST))[0] == 200


def test_a_body_that_ends_too_early_is_refused(place: Place) -> None:
    with place.connect() as line:
        line.sendall(b"POST /v1/release HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")
        line.shutdown(socket.SHUT_WR)
        status, _, body = parsed(rest(line))
    assert (status, json.loads(body)["code"]) == (400, "bad_request")
    assert place.authority.asked == []


# --- one request a connection -----------------------------------------------------------------------

ONE = b"POST /v1/report HTTP/1.1\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx"


@pytest.mark.parametrize(
    "first",
    [
        ONE,
        b"GET /v1/checkpoint HTTP/1.1\r\nConnection: keep-alive\r\n\r\n",
        b"GET /v1/checkpoint HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(ONE),
        b"POST /nowhere HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
        b"POST /v1/report HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PUT /v1/report HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_what_follows_a_request_is_never_another_one(place: Place, first: bytes) -> None:
    answer = place.say(first + ONE)
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert b"Connection: close" in answer or not answer
    assert len(place.authority.asked) <= 1


# --- what is no HTTP --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        b"<script>alert(1)</script>\r\n\r\n",
        b"POST /v1/release HTTP/2.0\r\n\r\n",
        b"POST /v1/release HTTP/script\r\n\r\n",
        b"POST script\r\n\r\n",
        b"script /v1/release HTTP/1.1\r\n\r\n",
        b"HEAD /script HTTP/1.1\r\n\r\n",
        b"GET /" + b"script" * 11_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nscript: " + b"s" * 65_536 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"script: s\r\n" * 101 + b"\r\n",
    ],
)
def test_what_is_no_request_is_answered_without_a_word_of_it(place: Place, request_: bytes) -> None:
    status, headers, body = parsed(place.say(request_))
    assert status in (400, 404, 414, 431, 501, 505)
    assert json.loads(body)["code"] in ("bad_request", "not_found")
    assert "script" not in str(headers) + body.decode()
    assert headers["Connection"] == "close"


def test_an_empty_connection_is_closed(place: Place) -> None:
    assert place.say(b"\r\n") == b""


# --- who is slow, and who are many ------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"POST /v1/rel",
        b"POST /v1/release HTTP/1.1\r\nX: ",
        b"POST /v1/release HTTP/1.1\r\nContent-Length: 500\r\n\r\n",
    ],
)
def test_whoever_sends_byte_after_byte_is_hung_up_on_in_time(place: Place, head: bytes) -> None:
    """A time limit for each byte would let it go on for ever."""
    began = time.monotonic()
    with place.connect() as line:
        line.sendall(head)
        line.settimeout(0.05)
        for _ in range(400):
            try:
                if not line.recv(4096):
                    break
            except TimeoutError:
                pass
            except ConnectionError:
                break
            try:
                line.sendall(b"x")
            except ConnectionError:
                break
        else:
            pytest.fail("it is still listened to")
    assert PATIENCE / 2 < time.monotonic() - began < 5
    assert place.authority.asked == []


def test_whoever_does_not_read_the_answer_holds_up_nobody(place: Place) -> None:
    lines = [place.connect() for _ in range(10)]
    for line in lines:
        line.sendall(ONE)
    assert place.post("/v1/report")[0] == 200
    for line in lines:
        line.close()


def test_more_callers_than_there_is_room_for_are_turned_away_and_let_in_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CALLERS", 3)
    with serving() as place:
        idle = [place.connect() for _ in range(3)]
        until(lambda: len(place.server._deadlines) == 3)
        assert place.say(ONE) == b""
        assert place.authority.asked == []
        until(lambda: not place.server._deadlines)  # their time is over
        assert parsed(place.say(ONE))[0] == 200
        for line in idle:
            line.close()


def test_requests_are_worked_on_by_few_threads_that_stay(place: Place) -> None:
    """A state opens a connection for each thread that uses it, and keeps it."""
    with ThreadPoolExecutor(8) as callers:
        assert {status for status, _, _ in callers.map(lambda _: place.post("/v1/report"), range(60))} == {200}
    assert len(place.authority.asked) == 60
    assert len(place.authority.threads) <= module.WORKERS


def test_a_caller_that_goes_away_is_no_news(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        with place.connect() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            line.sendall(ONE[:-1])
    until(lambda: not place.server._deadlines)
    assert capfd.readouterr() == ("", "")
    assert place.faults == []


def until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        time.sleep(0.01)
    pytest.fail("it does not come true")


# --- the end ----------------------------------------------------------------------------------------


def test_a_request_under_way_is_answered_before_the_end_and_none_after() -> None:
    going, go_on = threading.Event(), threading.Event()

    def work() -> None:
        going.set()
        assert go_on.wait(10)

    with serving(Fake(work=work), patience=60.0) as place, place.connect() as line, place.connect() as idle:
        line.sendall(ONE)
        assert going.wait(10)
        ending = threading.Thread(target=place.server.end)
        ending.start()
        with contextlib.suppress(ConnectionResetError):
            assert idle.recv(1) == b""  # nobody is waited for who has not asked yet
        with pytest.raises(OSError):
            place.connect()
        assert ending.is_alive()
        go_on.set()
        assert parsed(rest(line))[0] == 200
        ending.join(10)
        assert not ending.is_alive()
        place.server.shutdown = lambda: None  # type: ignore[method-assign]  # it has ended


# --- where it listens -------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.0.2.1", "example.org", "localhost.", "127.0.0.1.nip.io"])
def test_an_address_that_others_reach_is_refused(host: str) -> None:
    with pytest.raises(BadInput, match="not an address of this machine alone"):
        make_server(cast(Authority, Fake()), host=host)


def test_it_says_where_it_listens(place: Place) -> None:
    assert place.server.url == f"http://127.0.0.1:{place.server.server_address[1]}"


def test_it_listens_on_the_loopback_of_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serving(host="::1") as place:
        assert place.server.url.startswith("http://[::1]:")
        with socket.create_connection(("::1", place.server.server_address[1])) as line:
            line.sendall(ONE)
            assert parsed(rest(line))[0] == 200


def test_a_port_that_is_taken_is_an_error(place: Place) -> None:
    with pytest.raises(OSError, match="in use"):
        make_server(cast(Authority, Fake()), port=place.server.server_address[1])
