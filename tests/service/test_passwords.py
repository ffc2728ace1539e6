"""Wrong passwords: five lock a viewer out, and only that viewer; two are tried at once."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tera.catalog import sessions
from tera.codec import recipients
from tera.library import lock
from tests.service.houses import ANN, BOB, House

CAT = "cat@example.org"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Argon2 costs is shown elsewhere: here it is the cheapest that a container may ask for."""
    original = recipients.Passphrase.__init__

    def init(self: recipients.Passphrase, text: str, *, cost: tuple[int, int, int] = (19_456, 1, 1)) -> None:
        original(self, text, cost=cost)

    monkeypatch.setattr(recipients.Passphrase, "__init__", init)


@pytest.fixture
def container(house: House) -> str:
    return house.encode(password="right", drm={"recipients": ["*@example.org"]})


def tried(house: House, container: str, token: str, password: str, **more: Any) -> tuple[int, str]:
    headers = {"Tera-Password": base64.b64encode(password.encode()).decode()}
    answer = house.get(f"/containers/{container}/decode/a.txt", token, headers=headers, **more)
    return answer.status_code, "" if answer.status_code == 200 else str(answer.json()["code"])


def held(house: House, container: str, email: str) -> int:
    with house.library.catalog.reading() as db:
        return sessions.tries(db, container, email)


def test_five_wrong_passwords_lock_that_viewer_and_not_the_container(house: House, container: str) -> None:
    bob, cat = house.token(BOB, "decode"), house.token(CAT, "decode")
    for _ in range(5):
        assert tried(house, container, bob, "wrong") == (403, "wrong_passphrase")
    assert tried(house, container, bob, "wrong") == (403, "locked")
    assert tried(house, container, bob, "right") == (403, "locked")
    assert tried(house, container, house.token(BOB, "decode"), "right") == (403, "locked")  # another key of Bob's
    assert tried(house, container, cat, "right") == (200, "")
    other = house.encode(password="right", drm={"recipients": ["*@example.org"]})
    assert tried(house, other, bob, "right") == (200, "")
    assert [event.rule for event in house.events("denied")] == ["wrong_passphrase"] * 5 + ["locked"] * 3


def test_a_delegated_viewer_is_locked_out_and_not_the_key(house: House, container: str) -> None:
    portal = house.token("portal@example.org", "decode", acts_for=frozenset({BOB, CAT}))
    for _ in range(5):
        tried(house, container, portal, "wrong", params={"viewer": BOB})
    assert tried(house, container, portal, "right", params={"viewer": BOB}) == (403, "locked")
    assert tried(house, container, portal, "right", params={"viewer": CAT}) == (200, "")
    assert tried(house, container, portal, "right") == (200, "")


def test_the_right_password_forgets_the_wrong_ones(house: House, container: str) -> None:
    bob = house.token(BOB, "decode")
    for _ in range(2):
        for _ in range(4):
            assert tried(house, container, bob, "wrong") == (403, "wrong_passphrase")
        assert tried(house, container, bob, "right") == (200, "")
    assert held(house, container, BOB) == 0


def test_no_password_is_no_try(house: House, container: str) -> None:
    bob = house.token(BOB, "decode")
    for _ in range(6):
        answer = house.get(f"/containers/{container}/decode", bob)
        assert (answer.status_code, answer.json()["code"]) == (403, "wrong_passphrase")
    assert held(house, container, BOB) == 0


def test_the_owner_is_locked_out_too_and_may_unlock(house: House, container: str) -> None:
    for _ in range(5):
        tried(house, container, house.ann, "wrong")
    assert tried(house, container, house.ann, "right") == (403, "locked")
    assert house.ask("POST", f"/containers/{container}/unlock", json={"viewer": ANN}).status_code == 200
    assert tried(house, container, house.ann, "right") == (200, "")


def test_a_viewer_is_locked_and_unlocked_by_hand(house: House, container: str) -> None:
    bob, cat = house.token(BOB, "decode"), house.token(CAT, "decode")
    for email in (BOB, CAT):
        answer = house.ask("POST", f"/containers/{container}/lock", json={"viewer": email.upper()})
        assert answer.status_code == 200
    assert tried(house, container, bob, "right") == tried(house, container, cat, "right") == (403, "locked")
    assert house.ask("POST", f"/containers/{container}/unlock", json={"viewer": BOB}).status_code == 200
    assert tried(house, container, bob, "right") == (200, "")
    assert tried(house, container, cat, "right") == (403, "locked")
    assert house.ask("POST", f"/containers/{container}/unlock").status_code == 200
    assert tried(house, container, cat, "right") == (200, "")
    assert [(event.kind, event.extra.get("of")) for event in house.events("lock", "unlock")] == [
        ("lock", BOB),
        ("lock", CAT),
        ("unlock", BOB),
        ("unlock", None),
    ]


def test_only_who_may_write_locks_and_unlocks(house: House, container: str) -> None:
    for path in ("lock", "unlock"):
        for token in (house.token(BOB, "decode"), house.token(BOB, "read")):
            answer = house.ask("POST", f"/containers/{container}/{path}", token, json={"viewer": BOB})
            assert answer.status_code == 403
        with House(house.library, email=BOB) as other:
            assert other.ask("POST", f"/containers/{container}/{path}", json={"viewer": BOB}).status_code == 404
        refused: list[Any] = [{"viewer": 1}, {"who": BOB}, {"viewer": "nobody"}, []]
        for wrong in refused:
            assert house.ask("POST", f"/containers/{container}/{path}", json=wrong).status_code == 400
    assert house.ask("POST", f"/containers/{container}/lock", json={}).status_code == 400


def test_many_guesses_at_once_are_no_more_than_five(house: House, container: str) -> None:
    bob = house.token(BOB, "decode")
    results: list[tuple[int, str]] = []
    threads = [
        threading.Thread(target=lambda: results.append(tried(house, container, bob, "wrong"))) for _ in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = [code for _, code in results]
    assert set(codes) <= {"wrong_passphrase", "locked", "too_many_tries"}
    assert codes.count("wrong_passphrase") <= 5
    assert held(house, container, BOB) <= 5


@pytest.fixture
def busy() -> Iterator[None]:
    with ExitStack() as turns:
        for _ in range(2):
            turns.enter_context(lock.argon2_turn())
        yield


def test_while_two_are_tried_a_third_waits_its_turn_elsewhere(house: House, container: str, busy: None) -> None:
    bob = house.token(BOB, "decode")
    headers = {"Tera-Password": base64.b64encode(b"wrong").decode()}
    answer = house.get(f"/containers/{container}/decode/a.txt", bob, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_tries")
    assert int(answer.headers["retry-after"]) >= 1
    assert held(house, container, BOB) == 0
    assert house.events("denied") == []
    plain = house.encode()  # what asks for no password is not kept waiting
    assert tried(house, plain, house.ann, "any") == (200, "")


def test_what_fails_otherwise_is_no_try(house: House, container: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bob = house.token(BOB, "decode")

    def broken(*_: object) -> bytes:
        raise OSError("broken")

    tried(house, container, bob, "wrong")
    with monkeypatch.context() as patched:
        patched.setattr("tera.codec.recipients.Passphrase._derive", broken)
        with pytest.raises(OSError, match="broken"):
            tried(house, container, bob, "right")
    assert held(house, container, BOB) == 1
