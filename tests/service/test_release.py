"""Key release over HTTP: containers sealed at the client, whose content the service never sees."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from typing import Any

import pytest

import tera
from tera.authority.keys import HeldKeys
from tera.codec import keyfile
from tera.codec.encoder import encode
from tera.codec.header import Dynamic
from tera.codec.recipients import KeyEncryptionKey
from tera.codec.signers import VerifyingKey
from tera.crypto.signing import SigningKey
from tera.release.answer import Answer, check_answer
from tests.authority.asking import Asked, Made, asking, made
from tests.library.places import NOW, Clock
from tests.service.houses import ANN, BOB, EVE, House

KEK = KeyEncryptionKey(bytes(32), b"k")
BOB_KEY, EVE_KEY, DEVICE = (SigningKey(bytes((number,)) * 64) for number in (11, 12, 13))


class Sealed:
    """A container that was sealed at the client, with a share for the house's authority, and then uploaded."""

    def __init__(self, house: House, rules: Sequence[tuple[str, Any]], *, upload: bool = True, **more: Any) -> None:
        keys = house.library.keys.load(house.org.id)
        self.house = house
        self.keys = HeldKeys(keys.signing, [one.key for one in keys.opening])
        out = io.BytesIO()
        more = {"recipients": [KEK], "created": NOW, "rules": rules, **more}
        encode([("a.txt", b"content")], out, authorities=[self.keys.public], **more)
        self.made: Made = made(out.getvalue())
        self.id = self.upload() if upload else ""

    def upload(self, token: str | None = None) -> str:
        answer = self.house.ask("POST", "/containers", token, content=self.made.data)
        assert answer.status_code in (200, 201), answer.text
        found = answer.json()
        return str(found.get("uuid") or found["container"]["uuid"])

    def asking(self, **options: Any) -> Asked:
        return asking(self.made, keys=self.keys, **options)

    def post(self, asked: Asked, token: str | None, path: str | None = None, **more: Any) -> Any:
        return self.house.ask("POST", path or f"/containers/{self.id}/release", token, content=asked.message, **more)

    def answer(self, asked: Asked, token: str | None, path: str | None = None, **more: Any) -> Answer:
        response = self.post(asked, token, path, **more)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/octet-stream"
        return check_answer(response.content, asked.request)

    def counted(self, email: str = BOB) -> int:
        with self.house.library.catalog.reading() as db:
            from tera.catalog.authority import OrgTables

            return OrgTables(db, self.house.org.id).opens(self.made.bind, email).count


NAMED = ("recipients", ["*@example.org"])


def viewer(house: House, email: str = BOB, **asked: Any) -> str:
    answer = house.ask("PUT", f"/viewers/{email}", json=asked)
    assert answer.status_code == 200, answer.text
    return str(answer.json().get("token"))


# --- a share, once -----------------------------------------------------------------------------------------


def test_a_viewer_is_given_the_share_and_the_service_has_no_other(house: House) -> None:
    sealed, bob = Sealed(house, [("opens", 2), NAMED]), viewer(house)
    asked = sealed.asking()
    response = sealed.post(asked, bob)
    assert response.status_code == 200
    stanza = sealed.made.stanza(sealed.keys)
    assert asked.share(response.content) == sealed.keys.open(stanza, sealed.made.bind)
    assert check_answer(response.content, asked.request).left == 1
    assert sealed.counted() == 1
    decoded = house.get(f"/containers/{sealed.id}/decode/a.txt")
    assert (decoded.status_code, decoded.json()["code"]) == (409, "conflict")  # it holds no other share


def test_the_same_request_gets_the_same_answer_uncounted(house: House, clock: Clock) -> None:
    sealed, bob = Sealed(house, [("opens", 1), NAMED]), viewer(house)
    asked = sealed.asking()
    first = sealed.post(asked, bob).content
    clock.now = NOW + 3_600
    assert sealed.post(asked, bob).content == first
    assert sealed.post(asked, bob, "/v1/release").content == first
    assert sealed.counted() == 1
    other = sealed.answer(sealed.asking(now=NOW + 3_600), bob)
    assert (other.code, other.rule) == ("rule_denied", "opens")


def test_a_request_holds_for_five_minutes(house: House, clock: Clock) -> None:
    sealed, bob = Sealed(house, [NAMED]), viewer(house)
    asked = sealed.asking()
    clock.now = NOW + 301
    assert sealed.answer(asked, bob).code == "stale_request"
    clock.now = NOW + 300
    assert sealed.answer(asked, bob).code is None


def test_another_viewer_does_not_get_an_answer_again(house: House) -> None:
    sealed, bob = Sealed(house, [NAMED]), viewer(house)
    asked = sealed.asking()
    sealed.post(asked, bob)
    other = sealed.post(asked, viewer(house, "cat@example.org"))
    assert (other.status_code, other.json()["code"]) == (400, "unknown_viewer")


def test_of_64_last_opens_at_once_one_wins(house: House) -> None:
    sealed, bob = Sealed(house, [("opens", 3), NAMED]), viewer(house)
    sealed.answer(sealed.asking(), bob)
    sealed.answer(sealed.asking(), bob)
    asked = [sealed.asking() for _ in range(64)]
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda one=one: answers.append(sealed.answer(one, bob))) for one in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(str(one.code) for one in answers) == ["None"] + ["rule_denied"] * 63
    assert sealed.counted() == 3
    assert len(house.events("release")) == 3
    assert len(house.events("denied")) == 63


def test_decodes_and_releases_are_counted_together(house: House, clock: Clock) -> None:
    keys = house.library.keys.load(house.org.id)
    sealed = Sealed(house, [("opens", 2), NAMED], recipients=[keys.newest.key.public])  # the service may open it too
    bob, bob_too = viewer(house), house.token(BOB, "decode")
    path = f"/containers/{sealed.id}/decode/a.txt"
    assert house.get(path, bob).content == b"content"
    assert sealed.answer(sealed.asking(), bob).left == 0
    assert sealed.answer(sealed.asking(), bob_too).rule == "opens"
    clock.now = NOW + 900
    assert house.get(path, bob).json()["rule"] == "opens"
    assert sealed.counted() == 2


def test_a_reader_of_any_machine_opens_with_the_organisation_as_its_authority(house: House, clock: Clock) -> None:
    sealed, bob = Sealed(house, [("opens", 1), NAMED]), viewer(house)

    class Releaser:
        """`url = ".../orgs/{org_id}"` and a token, in a configuration."""

        def release(self, request: bytes) -> bytes:
            response = house.ask("POST", "/v1/release", bob, content=request)
            assert response.status_code == 200
            return response.content

    config = tera.Config(authorities={sealed.keys.fingerprint: Releaser()}, clock=clock)
    with tera.open(io.BytesIO(sealed.made.data), [KEK], config=config) as container:
        assert container.read("a.txt") == b"content"
    with pytest.raises(tera.Denied, match="opens"):
        tera.open(io.BytesIO(sealed.made.data), [KEK], config=config)


# --- who asks --------------------------------------------------------------------------------------------------


def test_a_signature_by_an_enrolled_key_needs_no_api_key(house: House) -> None:
    sealed = Sealed(house, [("opens", 1), NAMED])
    viewer(house, public_key=keyfile.dump_public(VerifyingKey(BOB_KEY.public)))
    asked = sealed.asking(viewer_key=BOB_KEY)
    for path in (f"/containers/{sealed.id}/release", "/release", "/v1/release"):
        response = house.client.request("POST", house.url + path, content=asked.message)
        assert response.status_code == 200, response.text
        assert check_answer(response.content, asked.request).code is None
    assert house.events("release")[0].viewer == BOB


def test_nothing_is_told_to_strangers(house: House) -> None:
    sealed = Sealed(house, [NAMED])
    viewer(house, public_key=keyfile.dump_public(VerifyingKey(BOB_KEY.public)))
    forged = bytearray(sealed.asking(viewer_key=BOB_KEY).message)
    forged[-1] ^= 1
    unsigned, other = sealed.asking(), sealed.asking(viewer_key=EVE_KEY)
    for message in (b"", b"x", bytes(forged), unsigned.message, other.message):
        for org in (house.org.id, "-", "org-none"):
            for path in (f"/containers/{sealed.id}/release", f"/containers/{sealed.id}/lease", "/release"):
                house.library.clock.now += 60  # type: ignore[attr-defined]
                response = house.client.request("POST", f"/orgs/{org}{path}", content=message)
                assert (response.status_code, response.json()["code"]) == (401, "bad_credentials")
    assert house.events("release", "denied") == []


def test_what_a_request_says_of_its_viewer_may_only_agree(house: House) -> None:
    sealed, bob = Sealed(house, [NAMED]), viewer(house)
    for options in ({"viewer": EVE}, {"viewer_key": EVE_KEY, "viewer": EVE}):
        response = sealed.post(sealed.asking(**options), bob)
        assert (response.status_code, response.json()["code"]) == (400, "unknown_viewer")
    viewer(house, EVE, public_key=keyfile.dump_public(VerifyingKey(EVE_KEY.public)))
    response = sealed.post(sealed.asking(viewer_key=EVE_KEY), bob)
    assert (response.status_code, response.json()["code"]) == (400, "unknown_viewer")
    assert sealed.counted() == sealed.counted(EVE) == 0


def test_another_organisation_s_signing_key_proves_no_address(house: House) -> None:
    sealed = Sealed(house, [NAMED])
    with House(house.library, email=EVE) as other:
        viewer(other, public_key=keyfile.dump_public(VerifyingKey(BOB_KEY.public)))
        asked = sealed.asking(viewer_key=BOB_KEY)
        assert house.client.request("POST", f"{house.url}/release", content=asked.message).status_code == 401
        for path in (f"/containers/{sealed.id}/release", "/release"):
            assert other.ask("POST", path, content=asked.message).status_code == 404
            assert house.ask("POST", path, other.ann, content=asked.message).status_code == 404


def test_a_delegating_key_asks_for_its_viewers_only(house: House) -> None:
    sealed = Sealed(house, [NAMED, ("opens", 1)])
    portal = house.token("portal@example.net", "decode", acts_for=frozenset({BOB}))
    assert sealed.post(sealed.asking(), portal, params={"viewer": ANN}).status_code == 403
    assert sealed.post(sealed.asking(), portal).status_code == 404
    assert sealed.answer(sealed.asking(), portal, params={"viewer": BOB}).code is None
    event = house.events("release")[0]
    assert (event.viewer, event.extra["by"], event.extra["uuid"]) == (BOB, "portal@example.net", sealed.id)
    assert sealed.counted() == 1


def test_whom_recipients_does_not_name_is_told_that_there_is_nothing(house: House) -> None:
    sealed, eve = Sealed(house, [NAMED]), viewer(house, EVE)
    response = sealed.post(sealed.asking(), eve)
    assert (response.status_code, response.json()["code"]) == (404, "no_such_thing")
    assert [(event.viewer, event.rule) for event in house.events("denied")] == [(EVE, "recipients")]
    assert sealed.answer(sealed.asking(), eve, "/v1/release").rule == "recipients"


@pytest.mark.parametrize("scope", ["read", "write"])
def test_a_key_that_may_not_open_is_given_nothing(house: House, scope: str) -> None:
    sealed = Sealed(house, [NAMED])
    assert sealed.post(sealed.asking(), house.token(BOB, scope)).status_code == 403


def test_an_event_says_who_asked_from_where_and_for_what(house: House) -> None:
    sealed, bob = Sealed(house, [NAMED, ("opens", 1)]), viewer(house)
    first, second = sealed.asking(), sealed.asking()
    sealed.answer(first, bob)
    sealed.answer(second, bob)
    released, denied = house.events("release", "denied")
    assert (released.viewer, released.request, released.rule) == (BOB, first.hash, None)
    assert (denied.viewer, denied.request, denied.rule) == (BOB, second.hash, "opens")
    for event in (released, denied):
        assert (event.extra["act"], event.extra["ip"], event.extra["uuid"]) == ("view", "203.0.113.7", sealed.id)


# --- blocks, tombstones, and narrower rules -----------------------------------------------------------------------


def test_what_is_blocked_is_refused_before_a_key_is_used(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed, bob = Sealed(house, [NAMED]), viewer(house)
    before = sealed.asking()
    sealed.answer(before, bob)
    house.ask("PUT", f"/containers/{sealed.id}/block")
    opened: list[object] = []
    monkeypatch.setattr(HeldKeys, "open", lambda *given: opened.append(given))
    for asked in (before, sealed.asking()):  # also inside a session, also what was answered before
        for path in ("release", "lease"):
            response = sealed.post(
                asked if path == "release" else sealed.asking(device_key=DEVICE, lease=True),
                bob,
                f"/containers/{sealed.id}/{path}",
            )
            assert (response.status_code, response.json()["code"]) == (403, "blocked")
        assert sealed.answer(asked, bob, "/v1/release").code == "blocked"
    assert opened == []
    assert {event.rule for event in house.events("denied")} == {"blocked"}
    monkeypatch.undo()
    house.ask("DELETE", f"/containers/{sealed.id}/block")
    assert sealed.answer(sealed.asking(), bob).code is None


def test_what_was_deleted_is_refused_for_ever(house: House) -> None:
    sealed, bob = Sealed(house, [NAMED]), viewer(house)
    house.ask("DELETE", f"/containers/{sealed.id}")
    assert sealed.post(sealed.asking(), bob).status_code == 404
    assert sealed.answer(sealed.asking(), bob, "/v1/release").code == "blocked"
    again = sealed.upload()
    response = sealed.post(sealed.asking(), bob, f"/containers/{again}/release")
    assert (response.status_code, response.json()["code"]) == (403, "blocked")


def test_another_organisation_s_copy_closes_nothing_here(house: House) -> None:
    sealed, bob = Sealed(house, [NAMED]), viewer(house)
    with House(house.library, email=EVE) as other:
        theirs = other.ask("POST", "/containers", content=sealed.made.data).json()
        copy = theirs.get("uuid") or theirs["container"]["uuid"]
        other.ask("PUT", f"/containers/{copy}/block")
        assert sealed.answer(sealed.asking(), bob).code is None
        other.ask("DELETE", f"/containers/{copy}")
        assert sealed.answer(sealed.asking(), bob).code is None


def test_the_service_narrows_rules_that_cannot_change(house: House) -> None:
    sealed, bob = Sealed(house, [NAMED, ("opens", 5)]), viewer(house)
    put = house.ask("PUT", f"/containers/{sealed.id}/drm", json={"recipients": [BOB, ANN], "opens": 1})
    assert put.status_code == 200, put.text
    asked = sealed.asking()
    assert sealed.answer(asked, bob).code is None
    assert sealed.answer(asked, bob).code is None  # the same once more
    second = sealed.post(sealed.asking(), bob)
    assert (second.status_code, second.json()["rule"]) == (403, "opens")
    assert sealed.answer(sealed.asking(), bob, "/v1/release").rule == "opens"
    house.ask("DELETE", f"/containers/{sealed.id}/drm_rules")
    assert sealed.post(asked, bob).status_code == 404
    assert sealed.answer(sealed.asking(), house.ann).code is None  # the owner


def test_of_many_at_once_narrower_counts_are_kept(house: House) -> None:
    sealed, bob = Sealed(house, [NAMED, ("opens", 50)]), viewer(house)
    house.ask("PUT", f"/containers/{sealed.id}/drm", json={"recipients": [BOB], "opens": 1})
    asked = [sealed.asking() for _ in range(16)]
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda one=one: results.append(sealed.post(one, bob).status_code)) for one in asked
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [200] + [403] * 15
    assert sealed.counted() == 1


def test_a_wider_copy_widens_nothing(house: House) -> None:
    sealed, bob = Sealed(house, [NAMED, ("opens", 5)]), viewer(house)
    house.ask("PUT", f"/containers/{sealed.id}/drm", json={"recipients": [ANN]})
    copy = sealed.upload(house.token(EVE, "write"))
    response = sealed.post(sealed.asking(), bob, f"/containers/{copy}/release")
    assert response.status_code == 404


def test_a_policy_that_changed_is_the_one_that_counts(house: House) -> None:
    keys = house.library.keys.load(house.org.id)
    sealed = Sealed(house, [NAMED], dynamic=Dynamic([keys.signing], 90 * 86_400, b"p" * 16))
    bob = viewer(house)
    assert sealed.answer(sealed.asking(), bob).version == 1
    house.ask(
        "PUT", f"/containers/{sealed.id}/drm", json={"recipients": [BOB], "time": {"end": "2030-01-01T00:00:00Z"}}
    )
    found = sealed.answer(sealed.asking(), bob, "/v1/release")
    assert (found.code, found.rule) == ("rule_denied", "time")


# --- what is no request for it ----------------------------------------------------------------------------------------


def test_a_request_for_something_else_is_refused(house: House) -> None:
    sealed, other, bob = Sealed(house, [NAMED]), Sealed(house, [NAMED]), viewer(house)
    response = sealed.post(other.asking(), bob)
    assert (response.status_code, response.json()["code"]) == (400, "bad_input")
    stranger = Sealed(house, [NAMED], upload=False)
    assert stranger.post(stranger.asking(), bob, "/release").status_code == 404  # not in the library
    with House(house.library, email=EVE) as house_of_eve:
        foreign = Sealed(house_of_eve, [NAMED], upload=False)
        foreign.house = house
        foreign.id = foreign.upload()
        response = foreign.post(foreign.asking(), bob)
        assert (response.status_code, response.json()["code"]) == (400, "wrong_authority")


@pytest.mark.parametrize("message", [b"", b"\0" * 8, b"\x93", b"\0\0\0\1\x80\0\0\0\1\x90", b"x" * 1_000])
def test_what_is_no_request_is_400(house: House, message: bytes) -> None:
    sealed, bob = Sealed(house, [NAMED]), viewer(house)
    for path in (f"/containers/{sealed.id}/release", f"/containers/{sealed.id}/lease", "/release", "/v1/report"):
        response = house.ask("POST", path, bob, content=message)
        assert response.status_code == 400, response.text


def test_a_request_that_is_too_long_is_413(house: House) -> None:
    bob = viewer(house)
    answer = house.ask("POST", "/release", bob, content=bytes(600_000))
    assert (answer.status_code, answer.json()["code"]) == (413, "limit_exceeded")


def test_a_lease_is_asked_for_and_given_until_the_rules_end_it(house: House) -> None:
    sealed, bob = Sealed(house, [NAMED, ("offline_for", 3_600)]), viewer(house)
    path = f"/containers/{sealed.id}/lease"
    plain = sealed.post(sealed.asking(), bob, path)
    assert (plain.status_code, plain.json()["code"]) == (400, "bad_input")
    assert sealed.answer(sealed.asking(device_key=DEVICE, lease=True), bob, path).lease == NOW + 3_600
