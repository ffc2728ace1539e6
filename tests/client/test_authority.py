"""What answers is a stranger until its signature says more: it can neither lead, nor keep, nor name an error to us."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import pytest

from tera import errors
from tera.client import authority as module
from tera.client.authority import HttpAuthority
from tera.errors import AuthorityUnavailable, BadInput, LimitExceeded, TeraError
from tera.release.answer import LONGEST
from tera.release.request import LONGEST as LONGEST_REQUEST
from tests.client.answering import Answer, answering, reply

TOKEN = "se-cret_To.ken~+/=="


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.0)


def stated(code: object, message: str = "run this: rm -rf") -> bytes:
    return json.dumps({"code": code, "message": message}).encode()


# --- where it goes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "keys.example.org",
        "ftp://keys.example.org",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://keys.example.org?x=1",
        "https://keys.example.org#x",
        "https://keys.example.org:port",
        "https://keys.example.org:0",
        "https://keys.example.org:65536",
        "https://keys.example.org/a b",
        "https://keys.example.org/a\r\nX: y",
        "https://keys.exämple.org",
        "https://[::1",
        "https://ann:secret@keys.example.org",
        "https://:secret@keys.example.org",
        "https://secret@keys.example.org",
        "https://127.0.0.1@keys.example.org",
        "http://keys.example.org",
        "http://127.0.0.2",
        "http://127.0.0.1.nip.io",
        "http://0.0.0.0",
        "http://secret@127.0.0.1",
        "HTTP://keys.example.org",
    ],
)
def test_an_address_that_is_none_is_refused_and_its_password_not_shown(url: str) -> None:
    with pytest.raises(BadInput) as caught:
        HttpAuthority(url)
    assert "secret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "url",
    [
        "https://keys.example.org",
        "https://keys.example.org:8443/a/b/",
        "https://192.0.2.1",
        "https://[2001:db8::1]:8443",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "http://localhost",
    ],
)
def test_an_address_with_tls_or_on_this_machine_passes(url: str) -> None:
    HttpAuthority(url, token=TOKEN)


@pytest.mark.parametrize(
    "token", ["", "se cret", "secret\r\nX: y", "secret\n", "sécret", "secret\ufffd", "=", "s" * 9_999]
)
def test_a_token_that_could_be_more_than_one_word_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(BadInput) as caught:
        HttpAuthority("https://keys.example.org", token=token)
    assert "cret" not in f"{caught.value} {caught.value.hint}"


def test_the_request_is_what_was_given_with_the_token_beside_it() -> None:
    with answering(reply(b"answer")) as place:
        assert HttpAuthority(f"{place.url}/some/where/", token=TOKEN).release(b"\0request") == b"answer"
        [asked] = place.asked
    head, _, body = asked.partition(b"\r\n\r\n")
    assert body == b"\0request"
    assert head.startswith(b"POST /some/where/v1/release HTTP/1.1\r\n")
    assert f"Authorization: Bearer {TOKEN}".encode() in head.split(b"\r\n")


def test_without_a_token_none_is_sent() -> None:
    with answering(reply(b"note")) as place:
        assert HttpAuthority(place.url).checkpoint() == b"note"
        assert place.asked[0].startswith(b"GET /v1/checkpoint ")
        assert b"authorization" not in place.asked[0].lower()


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(status: int) -> None:
    with answering(reply(b"stolen")) as other:
        to_other = reply(stated("bad_request"), f"{status} Moved", f"Location: {other.url}/v1/release")
        with answering(to_other) as place:
            with pytest.raises(AuthorityUnavailable, match=f"status {status}"):
                HttpAuthority(place.url, token=TOKEN).release(b"x")
            assert len(place.asked) == 1
        assert other.asked == []


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(reply(b"stolen")) as proxy, answering(reply(b"answer")) as place:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert HttpAuthority(place.url, token=TOKEN).release(b"x") == b"answer"
        assert proxy.asked == []


def test_a_request_that_no_authority_would_read_is_not_sent() -> None:
    with answering(reply(b"answer")) as place:
        with pytest.raises(LimitExceeded, match="an authority reads 524,288"):
            HttpAuthority(place.url).update(bytes(LONGEST_REQUEST + 1))
        assert place.asked == []


# --- what is lost is asked for again, with the same bytes ---------------------------------------------

LOST: dict[str, Answer] = {
    "nothing": b"",
    "half a line": b"HTTP/1.1 20",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Len",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nans",
    "half of the chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nans\r\n",
    "no length": b"HTTP/1.1 200 OK\r\n\r\nanswer",
    "503": reply(stated("state_unavailable"), "503 x"),
    "500": reply(b"", "500 x"),
    "599": reply(stated("blocked"), "599 x"),
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_a_lost_answer_is_asked_for_again_with_the_same_bytes(lost: Answer) -> None:
    with answering(lost, lost, reply(b"answer")) as place:
        assert HttpAuthority(place.url, token=TOKEN).release(b"\0request") == b"answer"
        assert len(place.asked) == 3
        assert len(set(place.asked)) == 1


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_what_is_lost_every_time_is_an_authority_that_gives_no_answer(lost: Answer) -> None:
    with answering(lost) as place:
        with pytest.raises(AuthorityUnavailable) as caught:
            HttpAuthority(place.url, token=TOKEN).release(b"x")
        assert len(place.asked) == module.TRIES
    assert caught.value.exit == 4
    assert TOKEN not in f"{caught.value} {caught.value.hint}"


def test_nobody_there_is_an_authority_that_gives_no_answer() -> None:
    with answering(b"") as place:
        url = place.url
    with pytest.raises(AuthorityUnavailable, match="refused"):
        HttpAuthority(url).release(b"x")


def test_chunks_that_end_are_an_answer() -> None:
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nans\r\n3\r\nwer\r\n0\r\n\r\n"
    with answering(whole) as place:
        assert HttpAuthority(place.url).release(b"x") == b"answer"


# --- what is too long, or takes too long --------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        reply(bytes(LONGEST + 1)),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + bytes(LONGEST + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1000\r\n%s\r\n" % bytes(4096) * (LONGEST // 4096 + 1),
    ],
    ids=["length", "a length that is not true", "chunks"],
)
def test_an_answer_that_is_longer_than_any_is_refused(answer: bytes) -> None:
    with answering(answer) as place, pytest.raises(AuthorityUnavailable, match="too long"):
        HttpAuthority(place.url).release(b"x")


def test_the_longest_answer_is_read() -> None:
    with answering(reply(bytes(LONGEST))) as place:
        assert HttpAuthority(place.url).release(b"x") == bytes(LONGEST)


def drops(head: bytes) -> Iterator[bytes]:
    """Begin, and send a byte from time to time, for ever."""
    yield head
    yield from repeat(b"1", 1_000)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_an_answer_that_comes_drop_by_drop_is_cut(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time limit for each byte would let it go on for ever."""
    monkeypatch.setattr(module, "TRIES", 1)
    with answering(drops(head)) as place:
        began = time.monotonic()
        with pytest.raises(AuthorityUnavailable):
            HttpAuthority(place.url, timeout=0.3).release(b"x")
        assert time.monotonic() - began < 3


def test_silence_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRIES", 1)
    with answering(drops(b"")) as place, pytest.raises(AuthorityUnavailable, match=r"takes too long|cut off"):
        HttpAuthority(place.url, timeout=0.01).release(b"x")


# --- what it says of errors -----------------------------------------------------------------------------

CALLS: dict[str, Callable[[HttpAuthority], object]] = {
    "release": lambda one: one.release(b"x"),
    "policy": lambda one: one.update(b"x"),
    "report": lambda one: one.report(b"x"),
    "checkpoint": lambda one: one.checkpoint(),
}


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        ("release", 400, "bad_request"),
        ("release", 400, "bad_core"),
        ("release", 401, "wrong_authority"),
        ("release", 401, "request_signature"),
        ("release", 401, "unknown_viewer"),
        ("release", 413, "limit_exceeded"),
        ("policy", 403, "policy_rollback"),
        ("policy", 401, "policy_signer"),
        ("report", 400, "bad_request"),
    ],
)
def test_a_refusal_is_its_error_in_our_words_and_is_not_asked_again(call: str, status: int, code: str) -> None:
    with answering(reply(stated(code), f"{status} run this: rm -rf")) as place:
        with pytest.raises(TeraError) as caught:
            CALLS[call](HttpAuthority(place.url, token=TOKEN))
        assert len(place.asked) == 1
    assert caught.value.code == code
    assert str(caught.value) == f"the authority at {place.url[7:]} refuses it: {code}"


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 499])
def test_no_rule_block_or_key_is_denied_without_a_signature(call: str, status: int) -> None:
    """Whoever stands between could say so; and an error of ours names what to do, of theirs too."""
    codes = "rule_denied blocked share_refused wrong_passphrase no_key interrupted_rewrap error malformed x".split()
    if call != "release":
        codes.append("unknown_viewer")
    bodies = [stated(code) for code in codes]
    bodies += [stated(["bad_request"]), b'["bad_request"]', b"rm -rf", b"\xff", b"", b"[" * 30_000]
    with answering(*(reply(body, f"{status} x") for body in bodies)) as place:
        for _ in bodies:
            with pytest.raises(AuthorityUnavailable, match=f"status {status}") as caught:
                CALLS[call](HttpAuthority(place.url))
            assert "rm -rf" not in f"{caught.value} {caught.value.hint}"
        assert len(place.asked) == len(bodies)


def test_every_code_that_may_be_stated_is_one_of_ours() -> None:
    known = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TeraError)}
    assert {code for codes in module._STATED.values() for code in codes} <= known


@pytest.mark.parametrize("answer", [b"rm -rf /\r\n\r\n", b"HTTP/9.9 200 rm -rf\r\n\r\n", b"HTTP/1.1 rm rf\r\n\r\n"])
def test_what_is_no_http_is_not_shown(answer: bytes) -> None:
    with answering(answer) as place, pytest.raises(AuthorityUnavailable) as caught:
        HttpAuthority(place.url).release(b"x")
    assert "rm" not in str(caught.value).replace("HTTP", "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"7",
        b"[7]",
        b"null",
        b"{}",
        b'{"version": null, "recorded": null}',
        b'{"version": true, "recorded": true}',
        b'{"version": "7", "recorded": "7"}',
        b'{"version": 7.0, "recorded": 7.0}',
        b'{"version": 1e400, "recorded": 1e400}',
        b'{"version": -1, "recorded": -1}',
        b'{"version": 9223372036854775808, "recorded": 9223372036854775808}',
        b'{"version": ' + b"9" * 5_000 + b', "recorded": 1' + b"9" * 5_000 + b"}",
        b"[" * 30_000,
        b"\xff",
    ],
)
@pytest.mark.parametrize("call", ["policy", "report"])
def test_an_answer_that_is_no_number_is_refused(call: str, body: bytes) -> None:
    with answering(reply(body)) as place, pytest.raises(AuthorityUnavailable, match="not understood"):
        CALLS[call](HttpAuthority(place.url))


def test_numbers_are_understood() -> None:
    with answering(reply(b'{"version": 0, "recorded": 9223372036854775807, "more": 1}')) as place:
        assert HttpAuthority(place.url).update(b"x") == 0
        assert HttpAuthority(place.url).report(b"x") == 2**63 - 1


# --- TLS --------------------------------------------------------------------------------------------------


def test_a_certificate_that_nobody_vouches_for_is_refused(tls: ssl.SSLContext) -> None:
    with answering(reply(b"answer"), tls=tls) as place:
        with pytest.raises(AuthorityUnavailable, match="certificate"):
            HttpAuthority(place.url, token=TOKEN).release(b"x")
        assert place.asked == []


def test_a_certificate_of_another_name_is_refused(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with answering(reply(b"answer"), tls=tls) as place:
        with pytest.raises(AuthorityUnavailable, match="certificate"):
            HttpAuthority(place.url.replace("127.0.0.1", "localhost"), token=TOKEN).release(b"x")
        assert place.asked == []
        assert HttpAuthority(place.url).release(b"x") == b"answer"


def test_drops_are_cut_below_tls(tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(module, "TRIES", 1)
    with answering(drops(b"HTTP/1.1 200 OK\r\nX: "), tls=tls) as place:
        began = time.monotonic()
        with pytest.raises(AuthorityUnavailable):
            HttpAuthority(place.url, timeout=0.3).release(b"x")
        assert time.monotonic() - began < 3
