"""Bodies, names, headers and numbers that nobody well-meaning sends: each gets its code and one line, and leaves
nothing behind: no row, no event, no blob."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from httpx import Response

from tera.service.operations import JSON, OPERATIONS, Operation
from tera.service.schemas import SHAPES
from tests.service.calls import PATHS, Call, good_calls
from tests.service.houses import House
from tests.service.traces import trace

BOUNDARY = "b"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
GOOD = {"container_name": "Q3", "files": ["a.txt"]}


def part(name: str, data: bytes, *, file: bytes | None = None, headers: tuple[bytes, ...] = ()) -> bytes:
    """Return a part as it stands in a body; `file` is the bytes between the quotes of its file name."""
    said = b'Content-Disposition: form-data; name="' + name.encode() + b'"'
    said += b"" if file is None else b'; filename="' + file + b'"'
    return b"\r\n".join((b"--b", said, *headers, b"", data)) + b"\r\n"


def manifest(**more: Any) -> bytes:
    return part("manifest", json.dumps(GOOD | more).encode())


def one_file(name: bytes = b"a.txt", **more: Any) -> bytes:
    return part("files", b"content", file=name, **more)


END = b"--b--\r\n"


def encode(house: House, body: bytes, kind: str = FORM, **headers: str) -> Response:
    return house.ask("POST", "/containers/encode", content=body, headers={"Content-Type": kind, **headers})


def refused(response: Response, code: str = "bad_input", status: int = 400) -> None:
    """A refusal is one problem, with one line, that repeats no more than a little."""
    assert (response.status_code, response.json()["code"]) == (status, code), response.text[:500]
    assert response.headers["content-type"] == "application/problem+json"
    message = response.json()["message"]
    assert message.isprintable() and 0 < len(message) <= 400


# --- forms ----------------------------------------------------------------------------------------------

FORMS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "bad_input"),
    "no end": (manifest() + one_file(), "bad_input"),
    "only an end": (END, "bad_input"),
    "no form at all": (b"\0" * 5_000, "bad_input"),
    "no manifest": (one_file() + END, "bad_input"),
    "manifest last": (one_file() + manifest() + END, "bad_input"),
    "two manifests": (manifest() + manifest() + one_file() + END, "bad_input"),
    "two manifests apart": (manifest() + one_file() + part("manifest.json", b"{}") + END, "bad_input"),
    "manifest empty": (part("manifest", b"") + one_file() + END, "bad_input"),
    "manifest no JSON": (part("manifest", b"{'a': 1}") + one_file() + END, "bad_input"),
    "manifest not UTF-8": (part("manifest", b'{"a": "\xff"}') + one_file() + END, "bad_input"),
    "manifest with a mark": (part("manifest", b"\xef\xbb\xbf{}") + one_file() + END, "bad_input"),
    "manifest with NaN": (part("manifest", b'{"a": NaN}') + one_file() + END, "bad_input"),
    "manifest too deep": (part("manifest", b"[" * 100_000) + one_file() + END, "bad_input"),
    "manifest two rules": (part("manifest", b'{"opens": 1, "opens": 2}') + one_file() + END, "bad_input"),
    "manifest too many opens": (part("manifest", b'{"opens": %s}' % (b"9" * 400)) + one_file() + END, "bad_input"),
    "manifest opens forever": (part("manifest", b'{"opens": 1e999}') + one_file() + END, "bad_input"),
    "manifest half a character": (part("manifest", b'{"drm": {"recipients": ["\\ud800"]}}') + END, "bad_input"),
    "manifest a rule as text": (part("manifest", b'{"drm": "opens"}') + one_file() + END, "bad_input"),
    "manifest nobody": (part("manifest", b'{"drm": {"recipients": ["nobody"]}}') + END, "bad_input"),
    "manifest with files of numbers": (part("manifest", b'{"files": [1]}') + one_file() + END, "bad_input"),
    "manifest with long tags": (manifest(tags=["x" * 1_000]) + one_file() + END, "bad_input"),
    "manifest with many tags": (manifest(tags=[str(n) for n in range(500)]) + one_file() + END, "bad_input"),
    "manifest with tags of numbers": (manifest(tags=[1]) + one_file() + END, "bad_input"),
    "manifest with half a tag": (part("manifest", b'{"tags": ["\\ud800"]}') + one_file() + END, "bad_input"),
    "manifest with NUL in a tag": (manifest(tags=["\0"]) + one_file() + END, "bad_input"),
    "manifest with an empty password": (manifest(password="") + one_file() + END, "bad_input"),
    "manifest with a password of numbers": (manifest(password=7) + one_file() + END, "bad_input"),
    "manifest longer than any": (part("manifest", b" " * (1 << 20) + b"{}") + one_file() + END, "limit_exceeded"),
    "a file too few": (manifest() + END, "bad_input"),
    "a file too many": (manifest() + one_file() + one_file(b"b.txt") + END, "bad_input"),
    "another file": (manifest() + one_file(b"b.txt") + END, "bad_input"),
    "a file twice": (manifest(files=["a.txt", "a.txt"]) + one_file() + one_file() + END, "bad_input"),
    "a part of another name": (manifest() + part("other", b"x", file=b"a.txt") + END, "bad_input"),
    "a file without a name": (manifest() + part("files", b"x") + END, "bad_input"),
    "a file with an empty name": (manifest() + one_file(b"") + END, "bad_input"),
    "a part without a name": (manifest() + b"--b\r\nContent-Type: a/b\r\n\r\nx\r\n" + END, "bad_input"),
    "a part without headers": (manifest() + b"--b\r\n\r\nx\r\n" + END, "bad_input"),
    "a header without a colon": (manifest() + one_file(headers=(b"words",)) + END, "bad_input"),
    "too many headers": (manifest() + one_file(headers=(b"A: b",) * 20) + END, "bad_input"),
    "a long header": (manifest() + one_file(headers=(b"A: " + b"b" * 10_000,)) + END, "bad_input"),
    "a header that is not UTF-8": (manifest() + one_file(headers=(b"A: \xff",)) + END, "bad_input"),
    "a long name": (manifest() + one_file(b"n" * 5_000) + END, "bad_input"),
    "a name that is not UTF-8": (manifest() + one_file(b"\xff.txt") + END, "bad_input"),
    "another boundary": ((manifest() + one_file() + END).replace(b"--b", b"--c"), "bad_input"),
}
NAMES = [b"..", b".", b"../a", b"a/../b", b"/a", b"//a", b"a//b", b"a/", b"a/./b", b"a\0b", b"\x7f", b"a\tb",
         b"n" * 300, b"/".join([b"d"] * 300), b"a/" + b"\xc3\xa4" * 200]  # fmt: skip


@pytest.mark.parametrize("what", FORMS)
def test_a_form_that_is_none_leaves_nothing_behind(house: House, what: str) -> None:
    body, code = FORMS[what]
    before = trace(house.library)
    for headers in ({}, {"Idempotency-Key": "once"}):
        refused(encode(house, body, **headers), code, 413 if code == "limit_exceeded" else 400)
    assert trace(house.library) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_no_path_leaves_nothing_behind(house: House, name: bytes) -> None:
    before = trace(house.library)
    for body in (
        manifest(files=None) + one_file(name) + END,
        manifest(files=None) + one_file(b"first.txt") + one_file(name) + END,
    ):
        refused(encode(house, body))
    assert trace(house.library) == before


@pytest.mark.parametrize(("first", "second"), [(b"a", b"a/b"), (b"a/b", b"a"), (b"a/b/c", b"a/b")])
def test_a_name_that_is_a_folder_of_another_leaves_nothing_behind(house: House, first: bytes, second: bytes) -> None:
    before = trace(house.library)
    refused(encode(house, manifest(files=None) + one_file(first) + one_file(second) + END))
    assert trace(house.library) == before


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "multipart/form-data", "multipart/mixed; boundary=b", "multipart/form-data; boundary=",
     f"multipart/form-data; boundary={'b' * 300}", 'multipart/form-data; boundary="', "multipart/form-data;;;",
     "application/x-www-form-urlencoded", "multipart/form-data; boundary=\xe4"],
)  # fmt: skip
def test_what_says_that_it_is_no_form_is_refused(house: House, kind: str) -> None:
    before = trace(house.library)
    answer = house.ask(
        "POST",
        "/containers/encode",
        content=manifest() + one_file() + END,
        headers={"Content-Type": kind.encode("latin-1")},
    )
    refused(answer)
    assert trace(house.library) == before


def test_a_form_cut_off_anywhere_leaves_nothing_behind(house: House) -> None:
    body = manifest() + one_file() + END
    before = trace(house.library)
    for stop in range(0, len(body) - 4, 3):
        refused(encode(house, body[:stop]))
    assert trace(house.library) == before


def test_a_container_cut_off_or_changed_anywhere_leaves_nothing_behind(house: House) -> None:
    container = house.encode({"a.txt": b"content" * 1_000})
    data = house.get(f"/containers/{container}/download").content
    before = trace(house.library)
    step = len(data) // 40
    for at in range(0, len(data), step):
        changed = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
        for body in (data[:at], changed, data + data[: at + 1]):
            answer = house.ask("POST", "/containers", content=body)
            if body is changed and answer.status_code == 200:  # only who has the key sees it
                house.ask("DELETE", f"/containers/{answer.json()['container']['uuid']}")
                before = trace(house.library)
                continue
            assert answer.status_code in (400, 413), answer.text
            refused(answer, answer.json()["code"], answer.status_code)
    assert trace(house.library) == before


@pytest.mark.parametrize("length", ["-1", "abc", "", "1.5", "0x10", "9" * 5_000, "1, 2", "\u0663"])
def test_a_length_that_is_none_is_refused(house: House, length: str) -> None:
    before = trace(house.library)
    for path, kind in (("/containers", "application/vnd.tera"), ("/containers/encode", FORM)):
        headers = {"Content-Type": kind, "Content-Length": length.encode()}
        answer = house.ask("POST", path, content=iter_bytes(b"x"), headers=headers)
        assert answer.status_code in (400, 413), answer.text
        refused(answer, answer.json()["code"], answer.status_code)
    assert trace(house.library) == before


async def iter_bytes(data: bytes) -> Any:
    yield data


# --- wrong types everywhere -----------------------------------------------------------------------------

JUNK: list[Any] = [
    None, True, 0, -1, 2**63, 10**400, 0.5, "", "x", "\0", "\ud800", "\u202e", "a" * 10_000, [], [None], [[]], [1, "a"],
    {}, {"a": 1}, {"\ud800": 1}, ["a"] * 2_000, [{}] * 3,
]  # fmt: skip
TEXTS = [b"", b" ", b"{", b'"', b"nul", b"NaN", b"-", b"\xff", b"\xef\xbb\xbf{}", b"[" * 50_000, b'{"a":' * 50_000,
         b'{"name": 1, "name": 2}', b'{"a": 1e999}', b"1" * 5_000, b"<a/>", b"{}{}", b"\0"]  # fmt: skip


def json_operations() -> Iterator[tuple[str, Operation]]:
    for known in OPERATIONS.values():
        if known.body and (known.takes == JSON or known.takes.endswith("+json")):
            yield known.id, known


def calls_of(house: House) -> dict[str, Call]:
    return {call.id: call for call in good_calls(house)}


@pytest.mark.parametrize("id", [id for id, _ in json_operations()])
def test_a_body_of_any_other_kind_is_answered_and_told_what_is_wrong(house: House, id: str) -> None:
    call, known = calls_of(house)[id], OPERATIONS[PATHS[id]]
    shape = SHAPES[str((known.body or {}).get("$ref", "")).rpartition("/")[2]]
    fields = [*shape.get("properties", {}), "opens", "recipients", "entry", "time"]
    bodies = [*TEXTS, *(dumped(value) for value in JUNK)]
    bodies += [dumped({field: value}) for field in fields for value in JUNK]
    for body in bodies:
        call.more.pop("json", None)
        call.more["content"] = body
        answer = call.by(house, house.ann)
        assert answer.status_code in known.statuses, (body[:80], answer.text)
        if answer.status_code >= 400:
            refused(answer, answer.json()["code"], answer.status_code)
            assert answer.status_code in (400, 404, 409, 413), answer.text
            assert body[:100].decode("latin-1") not in answer.text or len(body) < 20


def dumped(value: Any) -> bytes:
    return re.sub(rb"\b10{400}\b", b"1" + b"0" * 400, json.dumps(value).encode())


@pytest.mark.parametrize(
    "value", ["-1", "0", "1" * 30, "1e3", "0x1", "", "1 2", "NaN", "null", "1,2", "%00", "a" * 5_000]
)
def test_a_number_that_is_none_is_refused_wherever_there_is_one(house: House, value: str) -> None:
    container = house.encode()
    for path, name in [
        ("/containers", "limit"), ("/containers", "page"), ("/events", "limit"), ("/tags", "page"),
        (f"/containers/{container}/attempts", "limit"), (f"/containers/{container}/attempts/proof", "index"),
        ("/log/consistency", "from"),
    ]:  # fmt: skip
        answer = house.get(path, params={name: value})
        if (name, value) in (("index", "0"), ("from", "0")):
            assert answer.status_code in (200, 404)
            continue
        assert answer.status_code in (400, 404), (path, name, answer.text)
        refused(answer, answer.json()["code"], answer.status_code)


@pytest.mark.parametrize(
    "value", ["", "x", "\0", "2031-13-01", "9" * 40, "-1", "2031-01-01T00:00:00+99:99", "a" * 9_000]
)
def test_a_time_that_is_none_is_refused_wherever_there_is_one(house: House, value: str) -> None:
    for path in ("/containers", "/events", "/access_log", "/container_events/by_access"):
        for name in ("start", "end"):
            refused(house.get(path, params={name: value}))


@pytest.mark.parametrize("value", ["\0", "\ud800", "x" * 30_000, "%", "'; DROP TABLE container; --", "\u202e", ""])
def test_a_text_is_looked_for_as_it_is(house: House, value: str) -> None:
    house.encode(tags=["a"])
    sent = value.encode("utf-8", "surrogatepass")
    for path, name in [("/containers", "tag"), ("/containers", "name"), ("/events", "viewer"), ("/events", "kind")]:
        answer = house.get(path, params={name: sent})
        assert answer.status_code in (200, 400), answer.text
        assert answer.status_code == 400 or answer.json() == [] or value == ""
    assert house.get("/container_by_digest", params={"digest": sent}).status_code == 400


@pytest.mark.parametrize("id", ["x", "0", "%00", "%ff", "%2e%2e", "a" * 5_000, "{}", str(UUID(int=0)) + "0", "%0d%0a"])
def test_an_id_that_is_none_is_404_in_every_route(house: House, id: str) -> None:
    for method, path in OPERATIONS:
        if "{container_id}" in path and "{file}" not in path:
            url = path.removeprefix("/orgs/{org_id}").format(container_id=id)
            body = b'{"viewer": "bob@example.org"}' if path.endswith("lock") else b"{}" if method != "GET" else b""
            answer = house.ask(method, url, content=body)
            assert answer.status_code in (400, 404, 405), (method, url, answer.text)
            assert answer.json()["code"] in (
                "no_such_thing",
                "not_found",
                "method_not_allowed",
                "bad_input",
                "bad_request",
            )


# --- headers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["Idempotency-Key", "Tera-Name", "Tera-Tags", "If-Match", "Tera-Password", "Tera-Viewer-Address", "Range",
     "If-None-Match", "If-Range", "Content-Type"],
)  # fmt: skip
@pytest.mark.parametrize(
    "value", [b"", b"\xff", b"a b", b"x" * 20_000, b"%", b"%ff", b"%0d%0aSet-Cookie: a=b", b'"', b",,,", b"bytes=-"]
)
def test_a_header_of_any_kind_is_answered(house: House, name: str, value: bytes) -> None:
    container = house.encode()
    for method, path in [
        ("POST", "/containers"), ("POST", "/containers/encode"), ("POST", "/api_keys"), ("POST", "/pq_keys/rotate"),
        ("PUT", f"/containers/{container}/drm"), ("GET", f"/containers/{container}/decode/a.txt"),
        ("GET", f"/containers/{container}/download"), ("PUT", f"/containers/{container}/block"),
        ("DELETE", f"/containers/{container}/block"),
    ]:  # fmt: skip
        answer = house.ask(method, path, headers={name: value})
        assert answer.status_code < 500, answer.text
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: a=b", 'a"; filename="b', "a\nb", "\u2028", "ä\\"])
def test_nothing_that_is_sent_becomes_a_header(house: House, text: str) -> None:
    body = manifest(files=None) + one_file(text.replace("\\", "\\\\").replace('"', '\\"').encode()) + END
    answer = encode(house, body)
    if answer.status_code == 200:
        made = answer.json()["container"]["uuid"]
        name = answer.json()["files"][0]["name"]
        sent = house.client.request(
            "GET",
            f"{house.url}/containers/{made}/decode/{''.join(f'%{byte:02x}' for byte in name.encode())}",
            headers={"Authorization": f"Bearer {house.ann}"},
        )
        assert sent.status_code == 200
        assert sent.headers["content-disposition"].isprintable()
        assert sent.headers["content-disposition"].count('"') == 2
        assert "set-cookie" not in sent.headers
    listed = house.get("/containers", params={"limit": 1, "tag": text, "name": text})
    assert listed.status_code == 200 and "set-cookie" not in listed.headers
    assert all(value.isprintable() for value in listed.headers.values())


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "PROPFIND", "POST"])
def test_a_method_that_a_path_has_not_is_405_with_those_that_it_has(house: House, method: str) -> None:
    answer = house.ask(method, "/stats")
    refused(answer, "method_not_allowed", 405)
    assert answer.headers["allow"] == "GET"
