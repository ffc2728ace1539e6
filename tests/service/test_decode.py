"""What is inside, through the service: the manifest, files and ranges of them, as attachments, and never too much."""

from __future__ import annotations

import base64
import random
from urllib.parse import quote

import pytest

from tera.audit.events import Event
from tests.library.places import NOW, Clock
from tests.service.houses import ANN, BOB, EVE, House

BIG = random.Random(2).randbytes(2_500_000)


def file(container: str, name: str = "a.txt") -> str:
    return f"/containers/{container}/decode/{quote(name)}"


# --- the bytes ----------------------------------------------------------------------------------------


def test_the_manifest_says_what_there_is(house: House) -> None:
    container = house.encode({"a.txt": b"hello", "sub/b.bin": BIG}, note="mine", drm={"recipients": [ANN, BOB]})
    found = house.get(f"/containers/{container}/decode").json()
    assert found["org_id"] == house.org.id
    assert found["container"]["uuid"] == container
    assert found["manifest"]["note"] == "mine"
    assert found["files"] == [
        {"name": "a.txt", "type": "text/plain", "size": 5},
        {"name": "sub/b.bin", "type": "text/plain", "size": len(BIG)},
    ]


@pytest.mark.parametrize("name", ["a.txt", "sub/ü ä.bin", "100% #?&+;.txt", "a\"b'c.txt", "名前.txt", "a..b"])
def test_a_file_is_named_by_its_path_percent_encoded(house: House, name: str) -> None:
    container = house.encode({name: b"content of it", "other": b"x"})
    answer = house.get(file(container, name))
    assert (answer.status_code, answer.content) == (200, b"content of it")
    assert f"filename*=UTF-8''{quote(name.rpartition('/')[2], safe='')}" in answer.headers["content-disposition"]


def test_content_is_an_attachment_that_no_browser_runs(house: House) -> None:
    container = house.encode({"page.html": b"<script>"})
    for path in (file(container, "page.html"), f"/containers/{container}/decode"):
        for method in ("GET", "HEAD"):
            headers = house.ask(method, path).headers
            assert headers["content-disposition"].startswith("attachment")
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["content-security-policy"] == "sandbox"
            assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=1048570-1048590", 1_048_570, 1_048_591),
        ("bytes=2000000-", 2_000_000, None),
        ("bytes=-10", -10, None),
        ("bytes=0-", 0, None),
        ("bytes=1-2499998", 1, 2_499_999),
    ],
)
def test_a_range_of_a_file_is_those_bytes(house: House, text: str, start: int, stop: int | None) -> None:
    container = house.encode({"a.bin": BIG})
    answer = house.get(file(container, "a.bin"), headers={"Range": text})
    assert (answer.status_code, answer.content) == (206, BIG[start:stop])
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_range_behind_the_end_is_416_and_no_open(house: House) -> None:
    container = house.encode(drm={"recipients": [BOB], "opens": 1})
    bob = house.token(BOB, "decode")
    answer = house.get(file(container), bob, headers={"Range": "bytes=99-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */5")
    assert house.get(f"/containers/{container}/decode", bob).status_code == 200


def test_an_empty_file_has_no_bytes(house: House) -> None:
    container = house.encode({"empty": b"", "b": b"b"})
    answer = house.get(file(container, "empty"))
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


@pytest.mark.parametrize("name", ["b.txt", "A.TXT", "", "/a.txt", "a.txt/", "\x00", "\ufffd"])
def test_what_is_not_inside_is_404(house: House, name: str) -> None:
    answer = house.get(file(house.encode(), name))
    assert answer.status_code == 404
    assert answer.json()["code"] == "no_such_entry"


def test_another_copy_is_not_gone_on_with(house: House) -> None:
    container = house.encode({"a.bin": BIG})
    etag = house.ask("HEAD", file(container, "a.bin")).headers["etag"]
    again = house.get(file(container, "a.bin"), headers={"Range": "bytes=5-9", "If-Range": etag})
    assert again.status_code == 206
    assert house.get(file(container, "a.bin"), headers={"Range": "bytes=5-9", "If-Range": '"x"'}).status_code == 200


def test_a_type_that_is_none_is_not_repeated(house: House) -> None:
    parts = [
        ("manifest", ("manifest", '{"files": ["a"]}', "application/json")),
        ("files", ("a", b"x", "text")),
    ]
    made = house.ask("POST", "/containers/encode", files=parts).json()["container"]["uuid"]
    assert house.get(file(made, "a")).headers["content-type"] == "application/octet-stream"


# --- the password -------------------------------------------------------------------------------------


def with_password(text: str) -> dict[str, str]:
    return {"Tera-Password": base64.b64encode(text.encode()).decode()}


def test_a_password_comes_in_a_header_and_nowhere_else(house: House) -> None:
    container = house.encode(password="sésame")
    path = file(container)
    without = house.get(path)
    assert (without.status_code, without.json()["code"]) == (403, "wrong_passphrase")
    in_query = house.get(path, params={"password": "sésame"})
    assert (in_query.status_code, in_query.json()["code"]) == (400, "bad_input")
    assert "sésame" not in in_query.text
    right = house.get(path, headers=with_password("sésame"))
    assert (right.status_code, right.content) == (200, b"a.txt")
    wrong = house.get(path, headers=with_password("sesame"))
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_passphrase")
    assert [event.rule for event in house.events("denied")] == ["wrong_passphrase"] * 2


@pytest.mark.parametrize("text", ["", "not base64!", "/w==", "YQ", "A" * 6_000])
def test_a_header_that_is_no_password_is_400(house: House, text: str) -> None:
    answer = house.get(file(house.encode()), headers={"Tera-Password": text})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")


# --- decisions, by the rule that decided -----------------------------------------------------------------


def denied(house: House, container: str, token: str | None = None, **more: object) -> str:
    answer = house.get(file(container), token, **more)
    assert answer.status_code == 403, answer.text
    return str(answer.json().get("rule") or answer.json()["code"])


def test_each_rule_denies_by_its_name(house: House, clock: Clock) -> None:
    bob = house.token(BOB, "decode")
    cases: dict[str, dict[str, object]] = {
        "time": {"time": {"start": "2099-01-01T00:00:00Z"}},
        "ip": {"ip": {"allow": ["198.51.100.0/24"]}},
        "geo": {"geo": {"allow": [{"country": "DE"}]}},
        "device": {"device": {"allow": ["00" * 32]}},
        "downloadable": {"downloadable": False},
        "rights": {"rights": ["view"]},
        "obligations": {"obligations": ["watermark"]},
    }
    for rule, drm in cases.items():
        container = house.encode(drm={"recipients": [BOB], **drm})
        assert denied(house, container, bob) == rule
        event = house.events("denied")[-1]
        assert (event.rule, event.viewer, event.extra["uuid"], event.extra["act"]) == (rule, BOB, container, "extract")


def test_a_rule_for_a_file_denies_that_file_alone(house: House) -> None:
    drm = {"recipients": [ANN, BOB], "entry": {"secret/**": {"recipients": [ANN]}}}
    container = house.encode({"open.txt": b"o", "secret/a": b"s"}, drm=drm)
    bob = house.token(BOB, "decode")
    assert house.get(file(container, "open.txt"), bob).status_code == 200
    refused = house.get(file(container, "secret/a"), bob)
    assert (refused.status_code, refused.json()["rule"]) == (403, "entry.recipients")
    assert house.events("denied")[-1].rule == "entry_recipients"
    assert house.get(file(container, "secret/a")).status_code == 200  # Ann's


def test_what_a_viewer_says_it_does_is_decided_on(house: House) -> None:
    container = house.encode(drm={"recipients": [BOB], "rights": ["view"], "obligations": ["notice", "watermark"]})
    bob = house.token(BOB, "decode")
    path = file(container)
    assert house.get(path, bob, params={"action": "view"}).json()["rule"] == "obligations"
    assert "notice,watermark" in house.get(path, bob, params={"action": "view"}).json()["hint"]
    said = {"action": "view", "fulfils": "watermark,notice"}
    assert house.get(path, bob, params=said).status_code == 200
    assert house.get(path, bob, params={**said, "action": "extract"}).json()["rule"] == "rights"
    assert house.get(path, bob, params={**said, "action": "erase"}).status_code == 400
    manifest = house.get(f"/containers/{container}/decode", bob, params={"fulfils": "watermark,notice"})
    assert manifest.json()["obligations"] == {"notice": {}, "watermark": {}}


def test_rules_that_changed_are_those_in_force(house: House) -> None:
    container = house.encode(drm={"recipients": [BOB]}, dynamic=True)
    bob = house.token(BOB, "decode")
    assert house.get(file(container), bob).status_code == 200
    house.ask("DELETE", f"/containers/{container}/drm_rules")
    assert house.get(file(container), bob).status_code == 404
    assert house.get(file(container)).status_code == 200


def test_every_decision_is_one_event_before_the_first_byte(house: House, clock: Clock) -> None:
    container = house.encode(drm={"recipients": [BOB], "opens": 1})
    bob, eve = house.token(BOB, "decode"), house.token(EVE, "decode")
    house.get(f"/containers/{container}/decode", bob)
    house.ask("HEAD", file(container), bob)
    house.get(file(container), bob)
    for _ in range(3):  # more of the session, from the same place: it is on record
        house.get(file(container), bob, headers={"Range": "bytes=0-0"})
    house.get(file(container), bob, params={"action": "print"})
    house.get(file(container), eve)
    clock.now = NOW + 900
    house.get(file(container), bob)
    found = house.events("open", "read", "denied")
    assert [(event.kind, event.viewer, event.rule) for event in found] == [
        ("read", BOB, None),
        ("read", BOB, None),
        ("open", BOB, None),
        ("read", BOB, None),
        ("denied", EVE, "recipients"),
        ("denied", BOB, "opens"),
    ]
    assert {event.extra["ip"] for event in found} == {"203.0.113.7"}
    assert {event.bind for event in found} == {found[0].bind}
    assert found[3].extra["act"] == "print"
    assert not any(b"a.txt" in event.pack() for event in found)


def test_no_event_holds_a_password(house: House) -> None:
    container = house.encode(password="open sesame")
    house.get(file(container), headers=with_password("open sesame"))
    house.get(file(container), headers=with_password("open sesame!"))
    found: list[Event] = house.events()
    assert found
    assert not any(b"sesame" in event.pack() for event in found)
