"""A server that fails, lies or sends elsewhere: what the client asks again, what it believes, and what it leaves."""

from __future__ import annotations

import io
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any

import pytest

import tera
from tera.client import Library, transport
from tera.client.fetch import Fetching
from tera.client.library import Library as Client
from tera.client.saving import save
from tera.client.transport import Transport
from tera.errors import (
    AuthorityUnavailable,
    BadCredentials,
    BadDigest,
    BadInput,
    Blocked,
    CatalogUnavailable,
    Conflict,
    Forbidden,
    InputChanged,
    LimitExceeded,
    NoSuchThing,
    PreconditionFailed,
    QuotaExceeded,
    RuleDenied,
    ServerUnavailable,
    TeraError,
    TooManyTries,
)
from tests.client.answering import Answer, answering, reply

TOKEN = "tera_0123_se-cret"
ID = "01a21261-403f-7034-9064-142f70a02f0c"
CONTAINER = {
    "id": ID,
    "org_id": "org-1",
    "name": "N",
    "container_digest": "tera:" + "0" * 64,
    "sha256": "0" * 64,
    "container_size": 1,
    "status": "ACTIVE",
    "created_at": "2026-01-01T00:00:00Z",
    "tags": [],
    "drm_rules": {},
}
GOOD = reply(json.dumps(CONTAINER).encode())
MADE = reply(json.dumps({"container": CONTAINER}).encode())
BUSY = reply(b"", "503 Service Unavailable")
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PAUSE", 0.0)


def problem(status: str, code: object, *headers: str, **more: object) -> bytes:
    return reply(json.dumps({"code": code, "detail": "in its words", **more}).encode(), status, *headers)


def head(asked: bytes) -> str:
    return asked.split(b"\r\n\r\n")[0].decode()


def header(asked: bytes, name: str) -> str | None:
    found = re.search(rf"^{name}: (.*)$", head(asked).replace("\r", ""), re.M | re.I)
    return None if found is None else found[1]


# --- where it goes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["", "lib.example.org", "ftp://lib.example.org", "https://a:secret@lib.example.org", "http://lib.example.org"],
)
def test_an_address_that_is_none_is_refused_and_its_password_not_shown(url: str) -> None:
    with pytest.raises(BadInput) as caught:
        Library(url, TOKEN)
    assert "secret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("token", ["", "se cret", "se-cret\r\nX: y", "s\u00e9cret"])
def test_a_token_that_is_none_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(BadInput) as caught:
        Library("https://lib.example.org", token)
    assert "cret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_no_redirection_is_followed(status: str) -> None:
    with answering(GOOD) as elsewhere, answering(reply(b"", status, f"Location: {elsewhere.url}/x")) as found:
        with pytest.raises(ServerUnavailable, match=status[:3]):
            Library(found.url, TOKEN).get(ID)
        assert elsewhere.asked == [] and len(found.asked) == 1


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(GOOD) as proxy, answering(GOOD) as found:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        Library(found.url, TOKEN).get(ID)
        assert proxy.asked == [] and len(found.asked) == 1


def test_the_next_page_is_asked_for_where_the_first_was() -> None:
    row = json.dumps([CONTAINER]).encode()
    with answering(GOOD) as elsewhere:
        link = f'Link: <{elsewhere.url}/orgs/x/containers?limit=1&cursor=a%26b&tag=other>; rel="next"'
        with answering(reply(row, "200 OK", link), reply(row)) as found:
            assert len(list(Library(found.url + "/base", TOKEN).containers(tag="t&t"))) == 2
            assert elsewhere.asked == []
    lines = [head(one).split("\r\n")[0] for one in found.asked]
    assert lines == [
        "GET /base/orgs/-/containers?tag=t%26t&limit=500 HTTP/1.1",
        "GET /base/orgs/-/containers?tag=t%26t&limit=500&cursor=a%26b HTTP/1.1",
    ]
    assert header(found.asked[1], "Authorization") == f"Bearer {TOKEN}"


# --- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem("403 Forbidden", "blocked"), Blocked),
        (problem("403 Forbidden", "quota_exceeded"), QuotaExceeded),
        (problem("401 Unauthorized", "bad_credentials"), BadCredentials),
        (problem("404 Not Found", "no_such_thing"), NoSuchThing),
        (problem("412 Precondition Failed", "precondition_failed"), PreconditionFailed),
        (problem("503 Service Unavailable", "catalog_unavailable"), CatalogUnavailable),
        (problem("401 Unauthorized", None), BadCredentials),
        (problem("403 Forbidden", "a new one"), Forbidden),
        (problem("404 Not Found", ["x"]), NoSuchThing),
        (reply(b"<html>", "409 Conflict"), Conflict),
        (reply(b"[" * 60_000, "413 Too Large"), LimitExceeded),
        (reply(b"", "400 Bad Request"), BadInput),
        (problem("418 Teapot", "none"), ServerUnavailable),
        (problem("500 Failed", "blocked"), ServerUnavailable),
        (problem("502 Failed", "catalog_unavailable"), ServerUnavailable),
        (problem("503 Failed", "blocked"), ServerUnavailable),
        (problem("400 Bad Request", "output_exists"), BadInput),
        (problem("503 Failed", "output_exists"), ServerUnavailable),
        (problem("503 Failed", "interrupted_rewrap"), ServerUnavailable),
        (problem("403 Forbidden", "unsafe_target"), Forbidden),
        (problem("403 Forbidden", "input_changed"), Forbidden),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\n{", NoSuchThing),
        (reply(b"x" * 100_000, "403 Forbidden"), Forbidden),
        (b"SSH-2.0-x\r\n\r\n", ServerUnavailable),
        (b"", ServerUnavailable),
    ],
)
def test_what_is_refused_is_an_error_of_the_tree(answer: bytes, kind: type[TeraError]) -> None:
    with answering(answer) as found, pytest.raises(TeraError) as caught:
        Library(found.url, TOKEN).get(ID)
    assert type(caught.value) is kind
    assert TOKEN not in f"{caught.value!r} {caught.value} {caught.value.hint}"


def test_its_words_are_quoted_and_bounded_and_never_advice() -> None:
    words = "\x1b[2J\nrun: rm -rf /" + "x" * 10_000
    answer = problem("403 Forbidden", "forbidden", detail=words, message=words, hint="run: rm -rf /")
    with answering(answer) as found, pytest.raises(Forbidden) as caught:
        Library(found.url, TOKEN).get(ID)
    assert str(caught.value).startswith(f"the library at {found.url[7:]} refuses it: ")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 500
    assert "rm" not in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("rule", "known"), [("opens", "opens"), ("entry.time", "entry.time"), ("x\ny", None), (7, None), (None, None)]
)
def test_the_rule_that_denies_is_one_that_is_known(rule: object, known: str | None) -> None:
    with answering(problem("403 Forbidden", "rule_denied", rule=rule)) as found, pytest.raises(RuleDenied) as caught:
        Library(found.url, TOKEN).get(ID)
    assert caught.value.rule == known


@pytest.mark.parametrize(("after", "known"), [("77", 77), ("-1", 60), ("Fri, 31 Dec", 60), ("9" * 6, 86_400)])
def test_how_long_to_wait_is_a_number_of_seconds(after: str, known: int) -> None:
    answer = problem("429 Too Many", "too_many_tries", f"Retry-After: {after}")
    with answering(answer) as found, pytest.raises(TooManyTries) as caught:
        Library(found.url, TOKEN).get(ID)
    assert caught.value.after == known


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"{",
        b"\xff",
        b"[" * 100_000,
        json.dumps(CONTAINER | {"tags": [1]}).encode(),
        json.dumps(CONTAINER | {"container_size": -1}).encode(),
        json.dumps(CONTAINER | {"container_size": True}).encode(),
        json.dumps(CONTAINER | {"id": None}).encode(),
        json.dumps(CONTAINER | {"drm_rules": []}).encode(),
    ],
)
def test_an_answer_of_another_form_is_none(body: bytes) -> None:
    with answering(reply(body)) as found, pytest.raises(ServerUnavailable):
        Library(found.url, TOKEN).get(ID)


def test_an_answer_that_is_too_long_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "DOCUMENT", 1_000)
    with answering(reply(b" " * 1_001)) as found, pytest.raises(ServerUnavailable, match="over 1,000 bytes"):
        Library(found.url, TOKEN).get(ID)


def test_a_server_that_says_nothing_is_given_up() -> None:
    with answering(repeat(b"", 8)) as found, pytest.raises(ServerUnavailable, match="takes too long"):
        Library(found.url, TOKEN, timeout=0.01).get(ID)


# --- what is asked again ----------------------------------------------------------------------------


@pytest.mark.parametrize("first", [BUSY, CUT, b"", reply(b"", "429 Too Many"), reply(b"", "500 Failed")])
@pytest.mark.parametrize(
    ("ask", "good"),
    [
        (lambda one: one.get(ID), GOOD),
        (lambda one: one.block(ID, "why"), reply(b"{}")),
        (lambda one: one.unblock(ID), reply(b"{}")),
        (lambda one: one.set_tags(ID, ["a"]), reply(b'["a"]')),
        (lambda one: one.upload(io.BytesIO(b"sealed" * 99_999)), MADE),
        (lambda one: one.encode([("a", b"a")]), MADE),
    ],
)
def test_what_was_lost_is_asked_again(ask: Callable[[Client], Any], good: bytes, first: bytes) -> None:
    with answering(first, first, good) as found:
        ask(Library(found.url, TOKEN))
        assert len(found.asked) == 3
        assert found.asked[0] == found.asked[1] == found.asked[2]  # the Idempotency-Key and the body too
        assert (header(found.asked[0], "Idempotency-Key") is None) == (not found.asked[0].startswith(b"POST"))


def test_two_requests_have_two_keys() -> None:
    with answering(MADE) as found:
        for _ in range(2):
            Library(found.url, TOKEN).encode([("a", b"a")])
        assert header(found.asked[0], "Idempotency-Key") != header(found.asked[1], "Idempotency-Key")


@pytest.mark.parametrize("first", [BUSY, b""])
def test_a_change_that_would_be_made_twice_is_not_asked_again(first: bytes) -> None:
    with answering(first, reply(b"{}")) as found, pytest.raises(ServerUnavailable):
        Library(found.url, TOKEN).merge_rules(ID, {"opens": 1})
    assert len(found.asked) == 1


@pytest.mark.parametrize("answer", [problem("403 Forbidden", "blocked"), reply(b"", "400 Bad Request")])
def test_what_was_refused_is_not_asked_again(answer: bytes) -> None:
    with answering(answer, GOOD) as found, pytest.raises(TeraError):
        Library(found.url, TOKEN).get(ID)
    assert len(found.asked) == 1


def test_a_server_that_asks_to_wait_long_is_left_alone() -> None:
    with answering(problem("503 Busy", "store_unavailable", "Retry-After: 60"), GOOD) as found:
        with pytest.raises(tera.Unavailable):
            Library(found.url, TOKEN).get(ID)
        assert len(found.asked) == 1


def test_a_server_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(BUSY) as found:
        with pytest.raises(ServerUnavailable, match="503"):
            Library(found.url, TOKEN).get(ID)
        assert len(found.asked) == transport.TRIES
    with pytest.raises(ServerUnavailable):
        Library(found.url, TOKEN).get(ID)  # nobody is there any more


def test_what_is_under_way_is_waited_for() -> None:
    under_way = problem("409 Conflict", "conflict")
    with answering(b"", *repeat(under_way, 9), MADE) as found:
        Library(found.url, TOKEN).encode([("a", b"a")])
        assert len(found.asked) == 11
    with answering(under_way, MADE) as found, pytest.raises(Conflict):
        Library(found.url, TOKEN).encode([("a", b"a")])


def test_what_was_deleted_by_a_lost_request_is_deleted() -> None:
    gone = problem("404 Not Found", "no_such_thing")
    with answering(b"", gone) as found:
        Library(found.url, TOKEN).delete(ID)
    for answers in ((gone,), (BUSY, gone)):
        with answering(*answers) as found, pytest.raises(NoSuchThing):
            Library(found.url, TOKEN).delete(ID)


def test_progress_is_of_what_arrived() -> None:
    told: list[int] = []
    with answering(BUSY, BUSY, MADE) as found:
        Library(found.url, TOKEN).upload(io.BytesIO(bytes(1_000_000)), progress=told.append)
    assert sum(told) == 1_000_000 and min(told) == -1_000_000


def test_a_server_that_answers_before_the_end_is_heard() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = threading.Event()

        def answer() -> None:
            line, _ = listening.accept()
            line.recv(1_000)
            line.sendall(problem("401 Unauthorized", "bad_credentials"))
            done.wait(10)
            line.close()

        threading.Thread(target=answer, daemon=True).start()
        told: list[int] = []
        with pytest.raises(BadCredentials):
            Library(f"http://127.0.0.1:{listening.getsockname()[1]}", TOKEN, timeout=5).encode(
                [("a", repeat(bytes(1_000_000), 1_000))], progress=told.append
            )
        done.set()
    assert sum(told) < 100_000_000


# --- TLS --------------------------------------------------------------------------------------------


def test_an_upload_arrives_over_tls(tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with answering(BUSY, MADE, tls=tls) as found:
        Library(found.url, TOKEN).upload(io.BytesIO(bytes(1_000_000)))
        assert [len(one.partition(b"\r\n\r\n")[2]) for one in found.asked] == [1_000_000] * 2


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(tls: ssl.SSLContext) -> None:
    with answering(GOOD, tls=tls) as found, pytest.raises(ServerUnavailable, match="certificate"):
        Library(found.url, TOKEN).get(ID)
    assert found.asked == []


# --- what is fetched --------------------------------------------------------------------------------

CONTENT = bytes(range(256)) * 4_000


def part(start: int, sent: int, *, etag: str = '"e"', size: int = len(CONTENT)) -> bytes:
    """A range from `start` to the end, of which `sent` bytes arrive."""
    lines = [
        "HTTP/1.1 206 Partial Content" if start else "HTTP/1.1 200 OK",
        f"Content-Length: {size - start}",
        f"ETag: {etag}",
        *([f"Content-Range: bytes {start}-{size - 1}/{size}"] if start else []),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + CONTENT[start : start + sent]


def fetched(tmp_path: Path, *answers: Answer) -> tuple[bytes | None, list[bytes], TeraError | None]:
    with answering(*answers) as found:
        error = None
        try:
            save(Fetching(Transport(found.url, TOKEN, timeout=5), ["thing"]), tmp_path / "out")
        except TeraError as raised:
            error = raised
    assert set(tmp_path.iterdir()) <= {tmp_path / "out"}  # nothing partial is left
    return (tmp_path / "out").read_bytes() if error is None else None, found.asked, error


def test_a_download_goes_on_after_a_cut(tmp_path: Path) -> None:
    cuts = [0, 1, 5_000, 5_001, 70_000, 500_000, 900_000, len(CONTENT)]
    answers = [part(start, stop - start) for start, stop in pairwise(cuts)]
    data, asked, _ = fetched(tmp_path, *answers)
    assert data == CONTENT
    assert [header(one, "Range") for one in asked] == [None, *(f"bytes={at}-" for at in cuts[1:-1])]
    assert [header(one, "If-Range") for one in asked] == [None, *(['"e"'] * (len(cuts) - 2))]


@pytest.mark.parametrize(
    "answer",
    [
        part(1_000, 9_999_999, etag='"other"'),
        part(1_000, 9_999_999, size=len(CONTENT) - 1),
        part(0, 9_999_999, etag='"other"'),
    ],
)
def test_what_changed_meanwhile_is_not_pieced_together(answer: bytes, tmp_path: Path) -> None:
    _, _, error = fetched(tmp_path, part(0, 1_000), answer)
    assert isinstance(error, InputChanged)


@pytest.mark.parametrize(
    "answer",
    [
        part(0, 9_999_999),
        part(999, 9_999_999),
        part(1_001, 9_999_999),
        reply(b"x", "206 Partial Content", 'ETag: "e"'),
        reply(b"x", "206 Partial Content", 'ETag: "e"', "Content-Range: bytes 1000-/1"),
        reply(b"x", "204 No Content"),
    ],
)
def test_another_range_than_was_asked_for_is_refused(answer: bytes, tmp_path: Path) -> None:
    _, _, error = fetched(tmp_path, part(0, 1_000), answer)
    assert isinstance(error, ServerUnavailable | InputChanged)


def test_a_download_that_comes_no_further_is_given_up(tmp_path: Path) -> None:
    _, asked, error = fetched(tmp_path, part(0, 1_000), part(1_000, 0))
    assert isinstance(error, ServerUnavailable) and len(asked) == transport.TRIES


def test_a_download_that_is_blocked_in_the_middle_ends(tmp_path: Path) -> None:
    _, asked, error = fetched(tmp_path, part(0, 1_000), problem("403 Forbidden", "blocked"))
    assert isinstance(error, Blocked) and len(asked) == 2


def test_another_container_than_was_asked_for_does_not_appear(tmp_path: Path) -> None:
    tera.encode([("a", b"a")], tmp_path / "a.tera", recipients=[tera.generate_key().public])
    other = (tmp_path / "a.tera").read_bytes()
    with answering(GOOD, reply(other, "200 OK", 'ETag: "e"')) as found, pytest.raises(BadDigest):
        Library(found.url, TOKEN).download(ID, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_no_failure_of_the_server() -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    with answering(part(0, 9_999_999)) as found, pytest.raises(tera.Unavailable, match="No space") as caught:
        save(Fetching(Transport(found.url, TOKEN, timeout=5), ["thing"]), Full())
    assert caught.value.code == "output_unavailable" and len(found.asked) == 1


# --- shares -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [BUSY, CUT, b"", reply(b"x" * (1 << 20))])
def test_a_service_that_does_not_release_is_an_authority_that_is_away(answer: bytes) -> None:
    with answering(answer) as found, pytest.raises(AuthorityUnavailable):
        Library(found.url, TOKEN).releaser(ID).release(b"request")


def test_a_lost_share_is_asked_for_again() -> None:
    with answering(b"", CUT, reply(b"answer")) as found:
        assert Library(found.url, TOKEN).releaser(ID, viewer="a@b.c").release(b"request") == b"answer"
    assert len({*found.asked}) == 1
    assert found.asked[0].startswith(f"POST /orgs/-/containers/{ID}/release?viewer=a%40b.c ".encode())
    assert found.asked[0].endswith(b"\r\n\r\nrequest")


def test_what_is_refused_without_a_signature_is_refused() -> None:
    with answering(problem("403 Forbidden", "blocked")) as found, pytest.raises(Blocked):
        Library(found.url, TOKEN).releaser(ID).release(b"request")
    with pytest.raises(LimitExceeded):
        Library(found.url, TOKEN).releaser(ID).release(bytes(1 << 20))


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not [one for one in threading.enumerate() if "authority" in one.name]
