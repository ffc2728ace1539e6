"""Public keys over HTTP: what they are, a new one to seal to, and no secret, ever."""

from __future__ import annotations

import base64
import json
import threading
import uuid

import tera
from tera.codec.authorities import load_authority
from tera.codec.keyfile import load_keys
from tera.codec.recipients import PublicKey
from tera.codec.signers import VerifyingKey
from tera.library import pq
from tera.library.keystore import OpeningKey, OrgKeys
from tests.library.places import NOW, Clock
from tests.service.houses import ANN, BOB, House


def test_the_keys_are_shown_in_every_form_and_none_is_secret(house: House) -> None:
    seal, sign = house.get("/pq_keys").json()
    keys = house.library.keys.load(house.org.id)
    newest = keys.newest.key.public
    assert (seal["use"], seal["type"], seal["kid"]) == ("seal", "xwing", keys.newest.kid)
    assert base64.b64decode(seal["raw"]) == newest.raw
    assert seal["fingerprint"] == newest.fingerprint.hex()
    assert load_keys(seal["pub"], where="pub") == [newest]
    assert (seal["not_before"], seal["not_after"], seal["status"]) == ("2030-03-17T17:46:40Z", None, "active")
    assert (sign["use"], sign["type"]) == ("sign", "mldsa65-ed25519")
    assert load_keys(sign["pub"], where="pub") == [VerifyingKey(keys.signing.public)]
    assert load_authority(seal["authority"], where="authority").key == newest
    assert [one["prv"] for one in (seal, sign)] == [None, None]
    assert [one["pem"] for one in (seal, sign)] == [None, None]  # neither type has one
    text = house.get("/pq_keys").text
    for secret in (keys.signing.seed, keys.signing.seed[:32], keys.newest.key.seed):
        assert secret.hex() not in text and base64.b64encode(secret).decode().rstrip("=")[:40] not in text


def test_a_key_of_a_type_that_has_pem_is_shown_in_it(house: House) -> None:
    keys = house.library.keys.load(house.org.id)
    pure = tera.generate_key("mlkem768")
    (seal, _) = pq._described(OrgKeys(keys.signing, [OpeningKey(keys.newest.key, NOW)]), NOW)
    assert seal["pem"] is None
    text = pq._pem(pure.public)
    assert text is not None and text.startswith("-----BEGIN PUBLIC KEY-----")
    assert isinstance(load_keys(text, where="pem")[0], PublicKey)


def test_after_rotation_old_keys_open_and_new_ones_seal(house: House, clock: Clock) -> None:
    old = house.encode()
    before = house.get("/pq_keys").json()[0]["kid"]
    clock.now += 100
    answer = house.ask("POST", "/pq_keys/rotate")
    newest, retired, _ = answer.json()
    assert answer.status_code == 200 and answer.json() == house.get("/pq_keys").json()
    assert (retired["kid"], retired["status"], retired["not_after"]) == (before, "retired", "2030-03-17T17:48:20Z")
    assert (newest["status"], newest["not_before"]) == ("active", "2030-03-17T17:48:20Z")
    new = house.encode()
    for container in (old, new):
        assert house.get(f"/containers/{container}/decode/a.txt").content == b"a.txt"
    keys = house.library.keys.load(house.org.id)
    data = house.get(f"/containers/{new}/download").content
    path = house.room / f"{uuid.uuid4()}.tera"
    path.write_bytes(data)
    with tera.open(path, [keys.newest.key], context=tera.Context(viewer=ANN)) as found:
        assert found.read("a.txt") == b"a.txt"
    (event,) = house.events("key_rotate")
    assert event.subject is not None and event.subject.hex() == newest["fingerprint"]


def test_of_many_rotations_at_once_no_key_is_lost(house: House) -> None:
    def rotate() -> None:
        assert house.ask("POST", "/pq_keys/rotate").status_code == 200

    threads = [threading.Thread(target=rotate) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = house.get("/pq_keys").json()
    assert len({one["kid"] for one in found if one["use"] == "seal"}) == 7
    assert [one["status"] for one in found].count("active") == 2  # one to seal to, the one that signs


def test_only_who_administers_rotates(house: House) -> None:
    writer = house.token(BOB, "read", "write")
    assert house.get("/pq_keys", writer).status_code == 200
    assert house.ask("POST", "/pq_keys/rotate", writer).status_code == 403
    assert len(json.loads(house.get("/pq_keys").text)) == 2


def test_a_repeated_rotation_is_one(house: House) -> None:
    headers = {"Idempotency-Key": "once"}
    first, second = (house.ask("POST", "/pq_keys/rotate", headers=headers) for _ in range(2))
    assert first.json() == second.json()
    assert len(house.get("/pq_keys").json()) == 3
